/*
 * Passwords that were right a moment ago, remembered by a keyed digest, so that not every request
 * of a page costs a hash that is made to be slow. Shared by the threads, its lock is inside; its
 * size is fixed, and the oldest of a full set goes. What was wrong is never remembered.
 */
#ifndef PROXY_AUTH_MEMORY_H
#define PROXY_AUTH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTH_DIGEST_SIZE 32
#define AUTH_REMEMBER_MS 60000
#define AUTH_MEMORY_SETS 256 /* of AUTH_MEMORY_WAYS each */
#define AUTH_MEMORY_WAYS 4

struct auth_memory;

/* NULL when memory is short. */
struct auth_memory *auth_memory_new(void);
/* Wipes; leaves NULL behind; *m may be NULL. */
void auth_memory_free(struct auth_memory **m);
/* Whether the digest was added less than AUTH_REMEMBER_MS ago. */
bool auth_memory_knows(
	struct auth_memory *m, const uint8_t digest[static AUTH_DIGEST_SIZE], uint64_t now_ms);
void auth_memory_add(
	struct auth_memory *m, const uint8_t digest[static AUTH_DIGEST_SIZE], uint64_t now_ms);

#endif
