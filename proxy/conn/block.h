/*
 * The memory of bytes in flight: blocks of one size, taken from a free list of the thread while
 * data moves and given back as soon as it has moved on, so that an idle connection holds none. An
 * iobuf is a window of unread bytes in one block.
 */
#ifndef PROXY_BLOCK_H
#define PROXY_BLOCK_H

#include "core/slice.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_SIZE (40 * 1024) /* holds the largest head; the most that waits in one direction */
#define BLOCK_REST_MAX 32      /* free blocks that a thread keeps at rest */
/* And while it is busy (see block_pool_trim): enough for a turn in which hundreds of backends
 * answer. With AddressSanitizer no more than at rest, so that it sees uses after a free. */
#ifdef SLUICE_SANITIZED_ADDRESS
#define BLOCK_KEEP_MAX BLOCK_REST_MAX
#else
#define BLOCK_KEEP_MAX 512
#endif

struct block_pool {
	void *free; /* the first free block; each begins with a pointer to the next */
	size_t n_free;
	size_t n_idle; /* the fewest that were free since the last trim: nobody needed these */
	_Atomic size_t n_out; /* blocks that are held now; other threads look at it */
};

struct iobuf {
	char *data; /* BLOCK_SIZE bytes, or NULL: none is held */
	uint32_t start, end;
};

/* Frees what the pool keeps; blocks that are out stay with their holders. */
void block_pool_clear(struct block_pool *pool);
/* Of the free blocks beyond BLOCK_REST_MAX, frees those that nobody needed since the last call.
 * True: some beyond it are left, for the next call. */
bool block_pool_trim(struct block_pool *pool);
/* A block of BLOCK_SIZE bytes, not zeroed, or NULL when memory is short. */
char *block_get(struct block_pool *pool);
/* Gives a block back; NULL is accepted. */
void block_put(struct block_pool *pool, char *block);

static inline size_t
iobuf_len(const struct iobuf *b)
{
	return b->end - b->start;
}

static inline struct slice
iobuf_slice(const struct iobuf *b)
{
	return (struct slice){.p = b->data ? b->data + b->start : "", .n = b->end - b->start};
}

/* Bytes that can still be written at the end; 0 without a block. */
static inline size_t
iobuf_room(const struct iobuf *b)
{
	return b->data ? BLOCK_SIZE - b->end : 0;
}

static inline char *
iobuf_tail(const struct iobuf *b)
{
	return b->data + b->end;
}

/* Takes a block when b has none. 0, or -1 when memory is short. */
int iobuf_hold(struct iobuf *b, struct block_pool *pool);
/* Gives the block back, dropping what it held. */
void iobuf_release(struct iobuf *b, struct block_pool *pool);
/* Drops n bytes at the front; an empty buffer starts over at the block's beginning. */
void iobuf_consume(struct iobuf *b, size_t n);
/* Moves the unread bytes to the block's beginning. */
void iobuf_compact(struct iobuf *b);
/* Appends; b must hold a block. 0, or -1 when they do not fit, then nothing was appended. */
int iobuf_append(struct iobuf *b, struct slice s);

#endif
