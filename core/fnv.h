/*
 * FNV-1a over texts of our own configuration: the same in every process and for ever, so that what
 * is kept under it is found again after a restart. Never for what a client chooses.
 */
#ifndef CORE_FNV_H
#define CORE_FNV_H

#include <stdint.h>

#define FNV_START UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

/* The hash of what was hashed before and this text, with a mark behind it. */
static inline uint64_t
fnv_text(uint64_t hash, const char *text)
{
	for (const char *p = text; *p; p++)
		hash = (hash ^ (unsigned char)*p) * FNV_PRIME;
	return (hash ^ 0xff) * FNV_PRIME;
}

/* The same for a small number. */
static inline uint64_t
fnv_byte(uint64_t hash, uint8_t byte)
{
	return (hash ^ byte) * FNV_PRIME;
}

#endif
