/*
 * The arena: a list of blocks, the newest in front, filled from the start of each. What was not
 * handed out is poisoned for AddressSanitizer, and two neighbours are kept apart by a poisoned
 * gap, so that an overflow is found at once.
 */
#include "core/arena.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef SLUICE_SANITIZED_ADDRESS
#include <sanitizer/asan_interface.h>
#define ARENA_GAP 16
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ARENA_GAP 0
#endif

#define ALIGNMENT 16
#define BLOCK_MIN 256

struct block {
	struct block *next;
	size_t size; /* of bytes */
	size_t used;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

struct arena {
	struct block *blocks; /* the first is the one being filled */
	size_t block_size;
	size_t max;
	size_t used;
};

struct arena *
arena_new(size_t block_size, size_t max)
{
	struct arena *a = calloc(1, sizeof(*a));

	assert(block_size >= BLOCK_MIN);
	if (!a)
		return NULL;
	a->block_size = block_size;
	a->max = max;
	return a;
}

static void
block_free(struct block *b)
{
	ASAN_UNPOISON_MEMORY_REGION(b->bytes, b->size);
	free(b);
}

void
arena_trim(struct arena *a)
{
	while (a->blocks) {
		struct block *next = a->blocks->next;

		block_free(a->blocks);
		a->blocks = next;
	}
	a->used = 0;
}

void
arena_free(struct arena **a)
{
	if (!*a)
		return;
	arena_trim(*a);
	free(*a);
	*a = NULL;
}

void
arena_reset(struct arena *a)
{
	struct block *kept = NULL;

	while (a->blocks) {
		struct block *b = a->blocks;

		a->blocks = b->next;
		if (!kept && b->size == a->block_size)
			kept = b;
		else
			block_free(b);
	}
	if (kept) {
		kept->next = NULL;
		kept->used = 0;
		ASAN_POISON_MEMORY_REGION(kept->bytes, kept->size);
	}
	a->blocks = kept;
	a->used = 0;
}

/* A new block for at least size bytes. One larger than usual is full at once, so it goes behind
 * the block being filled. */
static struct block *
add_block(struct arena *a, size_t size)
{
	bool large = size > a->block_size;
	size_t bytes = large ? size : a->block_size;
	struct block *b = malloc(sizeof(*b) + bytes);

	if (!b)
		return NULL;
	b->size = bytes;
	b->used = 0;
	ASAN_POISON_MEMORY_REGION(b->bytes, b->size);
	if (large && a->blocks) {
		b->next = a->blocks->next;
		a->blocks->next = b;
	} else {
		b->next = a->blocks;
		a->blocks = b;
	}
	return b;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	struct block *b = a->blocks;
	size_t padded;
	void *p;

	if (a->used > a->max || size > a->max - a->used || size > SIZE_MAX / 2)
		return NULL;
	padded = (size + ARENA_GAP + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (!b || padded > b->size - b->used)
		b = add_block(a, padded);
	if (!b)
		return NULL;
	p = b->bytes + b->used;
	b->used += padded;
	a->used += size;
	ASAN_UNPOISON_MEMORY_REGION(p, size);
	return p;
}

void *
arena_zalloc(struct arena *a, size_t size)
{
	void *p = arena_alloc(a, size);

	if (p)
		memset(p, 0, size);
	return p;
}

char *
arena_dup(struct arena *a, struct slice s)
{
	char *copy = arena_alloc(a, s.n + 1);

	if (!copy)
		return NULL;
	if (s.n)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	text = arena_alloc(a, (size_t)n + 1);
	if (!text)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(text, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return text;
}

size_t
arena_used(const struct arena *a)
{
	return a->used;
}
