/*
 * Pools by address. The connections themselves are upstream.c's.
 */
#include "proxy/pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* An address and a port as one key: fixed width, no padding. */
#define POOL_KEY_SIZE 19

static struct slice
pool_key(const struct addr *addr, uint16_t port, char out[static POOL_KEY_SIZE])
{
	out[0] = (char)addr->family;
	memcpy(out + 1, addr->bytes, sizeof(addr->bytes));
	memcpy(out + 1 + sizeof(addr->bytes), &port, sizeof(port));
	return slice_of(out, POOL_KEY_SIZE);
}

int
pools_init(struct pools *p)
{
	p->n_idle = 0;
	p->by_address = map_new();
	return p->by_address ? 0 : -1;
}

void
pools_clear(struct pools *p)
{
	if (!p->by_address)
		return;
	assert(map_count(p->by_address) == 0);
	map_free(&p->by_address);
}

struct pool *
pools_find(const struct pools *p, const struct addr *addr, uint16_t port)
{
	char key[POOL_KEY_SIZE];

	return map_find(p->by_address, pool_key(addr, port, key));
}

struct pool *
pools_join(struct pools *p, const struct addr *addr, uint16_t port)
{
	struct pool *pool = pools_find(p, addr, port);
	char key[POOL_KEY_SIZE];

	if (!pool) {
		pool = calloc(1, sizeof(*pool));
		if (!pool)
			return NULL;
		pool->addr = *addr;
		pool->port = port;
		list_init(&pool->idle);
		addr_print_port(addr, port, pool->text);
		if (map_set(p->by_address, pool_key(addr, port, key), pool, NULL) < 0) {
			free(pool);
			return NULL;
		}
	}
	pool->n_all++;
	return pool;
}

void
pools_leave(struct pools *p, struct pool *pool)
{
	char key[POOL_KEY_SIZE];

	if (--pool->n_all > 0)
		return;
	assert(list_empty(&pool->idle));
	map_remove(p->by_address, pool_key(&pool->addr, pool->port, key));
	free(pool);
}
