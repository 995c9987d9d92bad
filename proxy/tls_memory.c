/*
 * Buffers that are kept are all of one size, so that any serves for any; a block's size tells on
 * its way back whether it is one of them. With sanitizers nothing is kept, so that they see every
 * use after a free.
 */
#include "proxy/tls_memory.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#ifndef SLUICE_SANITIZED

/* A record's 16,384 bytes and what OpenSSL puts around them. */
#define TLS_BUFFER_MIN (16 * 1024)
#define TLS_BUFFER_SIZE (17 * 1024)
#define TLS_BUFFER_SLACK 64 /* what malloc may give beyond what was asked for */

struct tls_memory {
	void *first; /* each begins with a pointer to the next */
	unsigned n;
};

static _Thread_local struct tls_memory kept;

static void *
tls_memory_get(size_t n, const char *file, int line)
{
	void *p = kept.first;

	(void)file;
	(void)line;
	if (n < TLS_BUFFER_MIN || n > TLS_BUFFER_SIZE)
		return malloc(n);
	if (!p)
		return malloc(TLS_BUFFER_SIZE);
	memcpy(&kept.first, p, sizeof(kept.first));
	kept.n--;
	return p;
}

static void *
tls_memory_change(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return realloc(p, n);
}

static void
tls_memory_put(void *p, const char *file, int line)
{
	size_t n = p ? malloc_usable_size(p) : 0;

	(void)file;
	(void)line;
	if (n < TLS_BUFFER_SIZE || n >= TLS_BUFFER_SIZE + TLS_BUFFER_SLACK ||
		kept.n >= TLS_MEMORY_KEEP_MAX) {
		free(p);
		return;
	}
	memcpy(p, &kept.first, sizeof(kept.first));
	kept.first = p;
	kept.n++;
}

void
tls_memory_init(void)
{
	/* Refused when OpenSSL has memory already; then that is malloc's for good. */
	(void)CRYPTO_set_mem_functions(tls_memory_get, tls_memory_change, tls_memory_put);
}

void
tls_memory_clear(void)
{
	while (kept.first) {
		void *p = kept.first;

		memcpy(&kept.first, p, sizeof(kept.first));
		free(p);
	}
	kept.n = 0;
}

#else

void
tls_memory_init(void)
{
}

void
tls_memory_clear(void)
{
}

#endif
