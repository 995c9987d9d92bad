/*
 * Pools by address. The connections themselves are upstream.c's.
 */
#include "proxy/upstream/pool.h"

#include "conf/conf.h"

#include <assert.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Address and port as one key: fixed width, no padding. For TLS its context and the name follow:
 * one that was verified otherwise, or not at all, is another endpoint. */
#define POOL_KEY_PLAIN 19
#define POOL_KEY_MAX (POOL_KEY_PLAIN + sizeof(struct ssl_ctx_st *) + CONF_HOST_MAX)

static struct slice
pool_key(const struct endpoint *to, char out[static POOL_KEY_MAX])
{
	size_t n = POOL_KEY_PLAIN, host;

	out[0] = (char)to->addr->family;
	memcpy(out + 1, to->addr->bytes, sizeof(to->addr->bytes));
	memcpy(out + 1 + sizeof(to->addr->bytes), &to->port, sizeof(to->port));
	if (to->tls) {
		host = strlen(to->host);
		assert(host <= CONF_HOST_MAX);
		memcpy(out + n, &to->tls, sizeof(struct ssl_ctx_st *));
		n += sizeof(struct ssl_ctx_st *);
		memcpy(out + n, to->host, host);
		n += host;
	}
	if (to->socket) {
		host = strlen(to->socket);
		assert(host <= CONF_SOCKET_MAX);
		memcpy(out + n, to->socket, host);
		n += host;
	}
	return slice_of(out, n);
}

int
pools_init(struct pools *p, struct event_base *base, struct timers *timers)
{
	p->n_idle = 0;
	p->by_address = map_new();
	return p->by_address ? gates_init(&p->gates, base, timers) : -1;
}

void
pools_clear(struct pools *p)
{
	if (!p->by_address)
		return;
	assert(map_count(p->by_address) == 0);
	gates_clear(&p->gates);
	map_free(&p->by_address);
}

struct pool *
pools_find(const struct pools *p, const struct endpoint *to)
{
	char key[POOL_KEY_MAX];

	return map_find(p->by_address, pool_key(to, key));
}

static void
pool_free(struct pool *pool)
{
	gate_clear(&pool->gate);
	SSL_CTX_free(pool->tls);
	free(pool->host);
	free(pool->socket);
	free(pool);
}

/* Of a long path the end tells more. */
static void
pool_name_socket(struct pool *pool, const char *path)
{
	size_t n = strlen(path), room = sizeof(pool->text) - sizeof("unix:");

	(void)snprintf(pool->text, sizeof(pool->text), "unix:%s", path + (n > room ? n - room : 0));
}

static struct pool *
pool_new(const struct endpoint *to, struct gates *gates)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->addr = *to->addr;
	pool->port = to->port;
	list_init(&pool->idle);
	gate_init(&pool->gate, gates);
	if (to->socket) {
		pool_name_socket(pool, to->socket);
		pool->socket = strdup(to->socket);
		if (pool->socket)
			return pool;
		pool_free(pool);
		return NULL;
	}
	addr_print_port(to->addr, to->port, pool->text);
	if (!to->tls)
		return pool;
	pool->host = strdup(to->host);
	/* As long as the pool has it, no other context can have its address in memory. */
	if (!pool->host || SSL_CTX_up_ref(to->tls) != 1) {
		pool_free(pool);
		return NULL;
	}
	pool->tls = to->tls;
	return pool;
}

struct pool *
pools_join(struct pools *p, const struct endpoint *to)
{
	struct pool *pool = pools_find(p, to);
	char key[POOL_KEY_MAX];

	if (!pool) {
		pool = pool_new(to, &p->gates);
		if (!pool)
			return NULL;
		if (map_set(p->by_address, pool_key(to, key), pool, NULL) < 0) {
			pool_free(pool);
			return NULL;
		}
	}
	pool->n_all++;
	return pool;
}

void
pool_join(struct pool *pool)
{
	pool->n_all++;
}

void
pools_leave(struct pools *p, struct pool *pool)
{
	const struct endpoint to = {.addr = &pool->addr,
		.port = pool->port,
		.tls = pool->tls,
		.host = pool->host,
		.socket = pool->socket};
	char key[POOL_KEY_MAX];

	if (--pool->n_all > 0)
		return;
	assert(list_empty(&pool->idle));
	map_remove(p->by_address, pool_key(&to, key));
	pool_free(pool);
}
