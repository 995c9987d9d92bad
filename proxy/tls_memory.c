/*
 * Buffers of records come from one region, so that an address tells whether it is one of them, and
 * those that a thread gives back it uses first, while they are in the processor's cache. With
 * sanitizers there is no region, so that they see every use after a free.
 */
#include "proxy/tls_memory.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef SLUICE_SANITIZED

/* A record's 16,384 bytes and what OpenSSL puts around them. */
#define TLS_BUFFER_MIN (16 * 1024)
#define TLS_BUFFER_SIZE (17 * 1024)

/* Set once, before there is a second thread. NULL: there is no region, all is malloc's. */
static char *region;
/* How many buffers of the region were ever in use. */
static atomic_uint region_used;
/* Those that this thread has for the next one; each begins with a pointer to the next. A buffer is
 * no thread's own: it is kept by the thread that gives it back. */
static _Thread_local void *kept;

static bool
tls_memory_is_buffer(const void *p)
{
	return region && (uintptr_t)p - (uintptr_t)region < TLS_MEMORY_BUFFERS * TLS_BUFFER_SIZE;
}

static void *
tls_memory_new_buffer(void)
{
	unsigned n = atomic_load_explicit(&region_used, memory_order_relaxed);

	while (region && n < TLS_MEMORY_BUFFERS) {
		if (atomic_compare_exchange_weak_explicit(
			    &region_used, &n, n + 1, memory_order_relaxed, memory_order_relaxed))
			return region + (size_t)n * TLS_BUFFER_SIZE;
	}
	return malloc(TLS_BUFFER_SIZE);
}

static void *
tls_memory_get(size_t n, const char *file, int line)
{
	void *p = kept;

	(void)file;
	(void)line;
	if (n < TLS_BUFFER_MIN || n > TLS_BUFFER_SIZE)
		return malloc(n);
	if (!p)
		return tls_memory_new_buffer();
	memcpy(&kept, p, sizeof(kept));
	return p;
}

static void
tls_memory_put(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	if (!tls_memory_is_buffer(p)) {
		free(p);
		return;
	}
	memcpy(p, &kept, sizeof(kept));
	kept = p;
}

/* A buffer holds TLS_BUFFER_SIZE bytes, whatever was asked for. */
static void *
tls_memory_change(void *p, size_t n, const char *file, int line)
{
	void *changed;

	if (!tls_memory_is_buffer(p))
		return realloc(p, n);
	if (n > 0 && n <= TLS_BUFFER_SIZE)
		return p;
	changed = n > 0 ? malloc(n) : NULL;
	if (changed)
		memcpy(changed, p, TLS_BUFFER_SIZE);
	if (changed || n == 0)
		tls_memory_put(p, file, line);
	return changed;
}

void
tls_memory_init(void)
{
	void *p;

	if (region)
		return;
	p = mmap(NULL, TLS_MEMORY_BUFFERS * TLS_BUFFER_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	/* Refused when OpenSSL has memory already; then that is malloc's for good. */
	if (CRYPTO_set_mem_functions(tls_memory_get, tls_memory_change, tls_memory_put) == 1 &&
		p != MAP_FAILED)
		region = p;
	else if (p != MAP_FAILED)
		(void)munmap(p, TLS_MEMORY_BUFFERS * TLS_BUFFER_SIZE);
}

void
tls_memory_clear(void)
{
	kept = NULL;
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
