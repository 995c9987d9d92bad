/*
 * Buffers of records come from one region and small pieces from another, so that an address tells
 * what it is, and what a thread gives back it uses first, while it is in the processor's cache. The
 * region of small pieces is made of pages, each of which holds pieces of one size: no head stands
 * before a piece, and none is ever split or joined. With sanitizers there are no regions, so that
 * they see every use after a free.
 */
#include "proxy/tls/tls_memory.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* --- buffers that are still to be sent ------------------------------------------------------- */

/* OpenSSL puts fewer bytes than this in front of a record; malloc never has two pieces so near. */
#define PIN_OFFSET 16

struct pin {
	const char *record;
	void *buffer; /* NULL: OpenSSL has it */
};

static _Thread_local struct pin pins[TLS_MEMORY_PINS];
static _Thread_local unsigned n_pins, n_returned;

static void buffer_put(void *p);

void
tls_memory_pin(const void *record)
{
	assert(n_pins < TLS_MEMORY_PINS);
	pins[n_pins++] = (struct pin){.record = record};
}

unsigned
tls_memory_returned(void)
{
	return n_returned;
}

void
tls_memory_unpin(void)
{
	for (unsigned i = 0; i < n_pins; i++)
		if (pins[i].buffer)
			buffer_put(pins[i].buffer);
	n_pins = n_returned = 0;
}

/* OpenSSL gives p back. True: it is pinned. */
static bool
pin_return(void *p)
{
	for (unsigned i = 0; i < n_pins; i++)
		if (!pins[i].buffer && (uintptr_t)pins[i].record - (uintptr_t)p < PIN_OFFSET) {
			pins[i].buffer = p;
			n_returned++;
			return true;
		}
	return false;
}

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

/* --- small pieces ---------------------------------------------------------------------------- */

#define PIECE_STEP 16
#define PIECE_CLASSES (TLS_MEMORY_PIECE_MAX / PIECE_STEP)
#define PIECE_PAGE (16 * 1024)
#define PIECE_PAGES (TLS_MEMORY_PIECES_BYTES / PIECE_PAGE)

/* What a thread has of each size. */
struct pieces {
	void *free;     /* each begins with a pointer to the next */
	char *at, *end; /* of the page that is being cut */
};

static char *piece_region;
static atomic_uint piece_pages_used;
/* Of the pieces in each page. Written before the first piece of a page is handed out, so that who
 * has one, in whatever thread, may read it. */
static uint8_t piece_class[PIECE_PAGES];
static _Thread_local struct pieces pieces[PIECE_CLASSES];

static bool
is_piece(const void *p)
{
	return piece_region && (uintptr_t)p - (uintptr_t)piece_region < TLS_MEMORY_PIECES_BYTES;
}

static size_t
piece_class_of(const void *p)
{
	return piece_class[((uintptr_t)p - (uintptr_t)piece_region) / PIECE_PAGE];
}

/* The next of a page; NULL: all pages are in use. */
static void *
piece_cut(size_t class)
{
	struct pieces *of = &pieces[class];
	size_t size = (class + 1) * PIECE_STEP;
	char *p = of->at;
	unsigned page;

	if ((size_t)(of->end - p) < size) {
		page = atomic_load_explicit(&piece_pages_used, memory_order_relaxed);
		do {
			if (!piece_region || page == PIECE_PAGES)
				return NULL;
		} while (!atomic_compare_exchange_weak_explicit(&piece_pages_used, &page, page + 1,
			memory_order_relaxed, memory_order_relaxed));
		piece_class[page] = (uint8_t) class;
		p = piece_region + (size_t)page * PIECE_PAGE;
		of->end = p + PIECE_PAGE;
	}
	of->at = p + size;
	return p;
}

static void *
piece_get(size_t n)
{
	size_t class = n ? (n - 1) / PIECE_STEP : 0;
	void *p = pieces[class].free;

	if (!p)
		return piece_cut(class);
	memcpy(&pieces[class].free, p, sizeof(void *));
	return p;
}

static void
piece_put(void *p)
{
	struct pieces *of = &pieces[piece_class_of(p)];

	memcpy(p, &of->free, sizeof(void *));
	of->free = p;
}

/* --- buffers of records ---------------------------------------------------------------------- */

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
	void *p;

	(void)file;
	(void)line;
	if (n <= TLS_MEMORY_PIECE_MAX) {
		p = piece_get(n);
		return p ? p : malloc(n);
	}
	if (n < TLS_BUFFER_MIN || n > TLS_BUFFER_SIZE)
		return malloc(n);
	p = kept;
	if (!p)
		return tls_memory_new_buffer();
	memcpy(&kept, p, sizeof(kept));
	return p;
}

static void
buffer_put(void *p)
{
	if (!tls_memory_is_buffer(p)) {
		free(p);
		return;
	}
	memcpy(p, &kept, sizeof(kept));
	kept = p;
}

static void
tls_memory_put(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	if (is_piece(p))
		piece_put(p);
	else if (n_pins == 0 || !pin_return(p))
		buffer_put(p);
}

/* What p can hold, whatever was asked for; 0: it is malloc's, or NULL. */
static size_t
tls_memory_room(const void *p)
{
	if (is_piece(p))
		return (piece_class_of(p) + 1) * PIECE_STEP;
	return tls_memory_is_buffer(p) ? TLS_BUFFER_SIZE : 0;
}

static void *
tls_memory_change(void *p, size_t n, const char *file, int line)
{
	size_t room = tls_memory_room(p);
	void *changed;

	if (room == 0)
		return realloc(p, n);
	if (n > 0 && n <= room)
		return p;
	changed = n > 0 ? tls_memory_get(n, file, line) : NULL;
	if (changed)
		memcpy(changed, p, room);
	if (changed || n == 0)
		tls_memory_put(p, file, line);
	return changed;
}

static char *
new_region(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* What is not used is not to be in memory. */
	(void)madvise(p, n, MADV_NOHUGEPAGE);
	return p;
}

void
tls_memory_init(void)
{
	/* Refused when OpenSSL has memory already; then that is malloc's for good. */
	if (region ||
		CRYPTO_set_mem_functions(tls_memory_get, tls_memory_change, tls_memory_put) != 1)
		return;
	region = new_region((size_t)TLS_MEMORY_BUFFERS * TLS_BUFFER_SIZE);
	piece_region = new_region(TLS_MEMORY_PIECES_BYTES);
}

void
tls_memory_clear(void)
{
	kept = NULL;
	memset(pieces, 0, sizeof(pieces));
}

#else

static void
buffer_put(void *p)
{
	free(p);
}

static void *
tls_memory_get(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(n);
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
	(void)file;
	(void)line;
	if (n_pins == 0 || !pin_return(p))
		free(p);
}

void
tls_memory_init(void)
{
	(void)CRYPTO_set_mem_functions(tls_memory_get, tls_memory_change, tls_memory_put);
}

void
tls_memory_clear(void)
{
}

#endif
