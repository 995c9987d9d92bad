/*
 * Blocks and the buffers made of them. Each pool belongs to one thread and takes no lock.
 */
#include "proxy/conn/block.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static char *
block_take(struct block_pool *pool)
{
	char *block = pool->free;

	memcpy(&pool->free, block, sizeof(pool->free));
	pool->n_free--;
	if (pool->n_idle > pool->n_free)
		pool->n_idle = pool->n_free;
	return block;
}

void
block_pool_clear(struct block_pool *pool)
{
	while (pool->free)
		free(block_take(pool));
}

bool
block_pool_trim(struct block_pool *pool)
{
	size_t idle = pool->n_idle;

	for (; idle > 0 && pool->n_free > BLOCK_REST_MAX; idle--)
		free(block_take(pool));
	pool->n_idle = pool->n_free;
	return pool->n_free > BLOCK_REST_MAX;
}

/* Only the pool's thread writes it. */
static void
block_count(struct block_pool *pool, size_t n)
{
	atomic_store_explicit(&pool->n_out, n, memory_order_relaxed);
}

char *
block_get(struct block_pool *pool)
{
	size_t n_out = atomic_load_explicit(&pool->n_out, memory_order_relaxed);
	char *block = pool->free ? block_take(pool) : malloc(BLOCK_SIZE);

	if (block)
		block_count(pool, n_out + 1);
	return block;
}

void
block_put(struct block_pool *pool, char *block)
{
	if (!block)
		return;
	block_count(pool, atomic_load_explicit(&pool->n_out, memory_order_relaxed) - 1);
	if (pool->n_free >= BLOCK_KEEP_MAX) {
		free(block);
		return;
	}
	memcpy(block, &pool->free, sizeof(pool->free));
	pool->free = block;
	pool->n_free++;
}

int
iobuf_hold(struct iobuf *b, struct block_pool *pool)
{
	if (b->data)
		return 0;
	b->data = block_get(pool);
	b->start = b->end = 0;
	return b->data ? 0 : -1;
}

void
iobuf_release(struct iobuf *b, struct block_pool *pool)
{
	block_put(pool, b->data);
	*b = (struct iobuf){0};
}

void
iobuf_consume(struct iobuf *b, size_t n)
{
	assert(n <= iobuf_len(b));
	b->start += (uint32_t)n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

void
iobuf_compact(struct iobuf *b)
{
	size_t n = iobuf_len(b);

	if (b->start == 0)
		return;
	memmove(b->data, b->data + b->start, n);
	b->start = 0;
	b->end = (uint32_t)n;
}

int
iobuf_append(struct iobuf *b, struct slice s)
{
	if (s.n > iobuf_room(b)) {
		if (!b->data || s.n > BLOCK_SIZE - iobuf_len(b))
			return -1;
		iobuf_compact(b);
	}
	if (s.n)
		memcpy(iobuf_tail(b), s.p, s.n);
	b->end += (uint32_t)s.n;
	return 0;
}
