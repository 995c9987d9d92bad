/*
 * SipHash-1-3: a keyed hash of short bytes, for tables whose keys come from outside. With a key
 * drawn at start, nobody can choose names or addresses that collide.
 */
#ifndef CORE_SIPHASH_H
#define CORE_SIPHASH_H

#include "core/slice.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

struct siphash_key {
	uint64_t k0, k1;
};

/* Draws a key. 0, or -1 on a kernel that has no random bytes to give. */
int siphash_key_new(struct siphash_key *ret);

static inline uint64_t
sip_rotate(uint64_t x, unsigned bits)
{
	return (x << bits) | (x >> (64 - bits));
}

/* n <= 8 bytes, the missing ones zero. */
static inline uint64_t
sip_load_le64(const unsigned char *p, size_t n)
{
	uint64_t word = 0;

	memcpy(&word, p, n);
	return le64toh(word);
}

static inline void
sip_round(uint64_t v[static 4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = sip_rotate(v[1], 13) ^ v[0];
	v[3] = sip_rotate(v[3], 16) ^ v[2];
	v[0] = sip_rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = sip_rotate(v[1], 17) ^ v[2];
	v[3] = sip_rotate(v[3], 21) ^ v[0];
	v[2] = sip_rotate(v[2], 32);
}

static inline void
sip_word(uint64_t v[static 4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

/* SipHash-1-3: as strong as a hash table needs (its output is never seen), at half the cost of
 * 2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012). */
static inline uint64_t
siphash(const struct siphash_key *key, struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	uint64_t v[4] = {key->k0 ^ 0x736f6d6570736575, key->k1 ^ 0x646f72616e646f6d,
		key->k0 ^ 0x6c7967656e657261, key->k1 ^ 0x7465646279746573};
	size_t whole = s.n / 8 * 8;

	for (size_t i = 0; i < whole; i += 8)
		sip_word(v, sip_load_le64(p + i, 8));
	sip_word(
		v, (whole < s.n ? sip_load_le64(p + whole, s.n - whole) : 0) | (uint64_t)s.n << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
