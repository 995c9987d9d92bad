/*
 * Idle backend connections of one thread, by where they lead: address and port, and for TLS the
 * name that was verified and the authorities that it was verified with. A lease takes the one that
 * was used last; a return keeps it, within limits; whatever happens on an idle one closes it (a
 * backend that speaks unasked would poison the next answer).
 */
#ifndef PROXY_POOL_H
#define PROXY_POOL_H

#include "core/addr.h"
#include "core/list.h"
#include "core/map.h"
#include "proxy/upstream/gate.h"

#include <stddef.h>
#include <stdint.h>

#define POOL_IDLE_MAX 64     /* idle connections to one address, a thread */
#define POOLS_IDLE_MAX 1024  /* of all addresses together, a thread */
#define POOL_IDLE_MS 60000   /* an idle connection is kept so long */
#define POOL_MARGIN_MS 1000  /* or so much shorter than the backend says that it keeps it */
#define POOL_SURPLUS_MS 1000 /* and those beyond POOL_IDLE_MAX so long, while they are in use */

struct upstream;
struct ssl_ctx_st;

/* Where a connection leads. */
struct endpoint {
	const struct addr *addr;
	uint16_t port;
	struct ssl_ctx_st *tls; /* NULL: clear text */
	const char *host;       /* for TLS: the name that the certificate must be valid for */
	const char *socket;     /* of a unix socket; then addr is of AF_UNIX and says nothing */
};

/* One endpoint. Lives while a connection to it, idle or leased, does. */
struct pool {
	struct addr addr;
	uint16_t port;
	struct ssl_ctx_st *tls; /* a reference; NULL: clear text */
	char *host;             /* for TLS */
	char *socket;           /* of a unix socket */
	size_t n_all;           /* connections, leased ones included, and requests at its gate */
	size_t n_idle;
	struct list idle; /* of struct upstream, the last used first */
	struct gate gate; /* before those who want one */
	char text[ADDR_PORT_TEXT_MAX];
};

struct pools {
	struct map *by_address; /* of struct pool */
	struct gates gates;
	size_t n_idle;
};

/* 0, or -1 when memory is short. */
int pools_init(struct pools *p, struct event_base *base, struct timers *timers);
/* All connections must be gone. */
void pools_clear(struct pools *p);
/* The pool of that endpoint, or NULL. */
struct pool *pools_find(const struct pools *p, const struct endpoint *to);
/* Finds or makes it, for one more connection. NULL when memory is short. */
struct pool *pools_join(struct pools *p, const struct endpoint *to);
/* One more at the pool, for as long as it waits at the gate. */
void pool_join(struct pool *pool);
/* A connection, taken out of the idle list before, is gone; frees the pool with its last one. */
void pools_leave(struct pools *p, struct pool *pool);

#endif
