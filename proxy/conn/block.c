/*
 * Blocks and the buffers made of them. Each pool belongs to one thread and takes no lock.
 */
#include "proxy/conn/block.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void
block_pool_clear(struct block_pool *pool)
{
	while (pool->free) {
		void *block = pool->free;

		memcpy(&pool->free, block, sizeof(pool->free));
		free(block);
	}
	pool->n_free = 0;
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
	void *block = pool->free;

	if (!block) {
		block = malloc(BLOCK_SIZE);
		if (block)
			block_count(pool, n_out + 1);
		return block;
	}
	block_count(pool, n_out + 1);
	memcpy(&pool->free, block, sizeof(pool->free));
	pool->n_free--;
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
