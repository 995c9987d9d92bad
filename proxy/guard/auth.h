/*
 * Logins, shared by the threads: the passwords that were right a moment ago, and the thread that
 * checks the others. A digest is keyed by random bytes of this process.
 */
#ifndef PROXY_AUTH_H
#define PROXY_AUTH_H

#include "proxy/guard/auth_memory.h"
#include "proxy/guard/auth_pool.h"

#include <openssl/crypto.h>

#define AUTH_KEY_SIZE 32

struct auth {
	struct auth_memory *memory;
	struct auth_pool *pool;
	unsigned char key[AUTH_KEY_SIZE];
};

/* done: see auth_pool_new. 0, or -1 when memory or random bytes are short. */
int auth_init(struct auth *a, void (*done)(struct auth_job *job));
/* Wipes. */
void auth_clear(struct auth *a);
/* HMAC-SHA-256 of hash, name and password, in the thread's context. 0 or -1. */
int auth_digest(const struct auth *a, OSSL_LIB_CTX *libctx, const char *hash,
	const struct auth_basic *login, uint8_t ret[static AUTH_DIGEST_SIZE]);

#endif
