/*
 * The targets of routes that have several, or ask for more than a connection: their health, the
 * requests under way to each, whose turn it is, and how much may be sent again. Shared by all
 * threads, with the locks inside. What is known of a target outlives reloads as long as its route
 * names it.
 *
 *	registry (one a process)  ->  set (a route's, by site and path)  ->  backend (a target)
 *	generation                ->  pool (a route's targets in order, with its rules)
 */
#ifndef PROXY_BACKENDS_H
#define PROXY_BACKENDS_H

#include "conf/conf.h"
#include "core/list.h"
#include "proxy/upstream/balance.h"
#include "proxy/upstream/health.h"

#include <stdbool.h>
#include <stdint.h>

#define BACKENDS_EXTRA_TRIES 2 /* of one request, on other targets */
/* At most a fifth of the requests may be sent again, with some to spare at first and over time. */
#define BACKENDS_BUDGET_PER_REQUEST 20 /* hundredths of a try */
#define BACKENDS_BUDGET_PER_SECOND 100
#define BACKENDS_BUDGET_MAX 1000

struct backends;
struct backend;
struct backend_pool;

/* NULL when memory is short. */
struct backends *backends_new(void);
/* All pools must be gone; leaves NULL behind; *b may be NULL. */
void backends_free(struct backends **b);

/* The pool of a route with conf_route.pool set; route and site must outlive it. NULL when memory is
 * short. */
struct backend_pool *backend_pool_new(
	struct backends *b, const struct conf_site *site, const struct conf_route *route);
void backend_pool_free(struct backend_pool **p);

/* What a request is to be sent to. */
struct backend_ask {
	uint64_t usable; /* bit per target: those that may be chosen */
	uint64_t key;    /* for consistent hashing */
	uint64_t now;    /* monotonic ms */
};

/* Chooses among the usable ones that are up and have room; when none is up, the one whose failure
 * is the longest ago. The index with *ret, which counts as under way until backend_release; or: */
#define BACKENDS_NONE (-1) /* none is usable */
#define BACKENDS_FULL (-2) /* those that are have no room */
int backend_pool_take(struct backend_pool *p, const struct backend_ask *ask, struct backend **ret);

/* A request that waits for a place. It is in the queue, or has been granted one, or neither. */
struct backend_waiter {
	struct list node;
	struct backend_pool *pool;
	struct backend_ask ask;
	/* Called by any thread, under a lock, once: takes the news to the thread that waits. */
	void (*on_granted)(struct backend_waiter *w);
	struct backend *granted; /* then a place that was taken for it, at index */
	int index;
};

/* Queues it: pool, ask and on_granted are filled. BACKENDS_FULL: it waits; BACKENDS_NONE: the queue
 * is full; else a place has become free since it was asked for: the index, and granted is set. */
int backend_pool_queue(struct backend_waiter *w);
/* Out of the queue, before or after it was granted a place. True: it was, and on_granted was
 * called; the place has been given back. */
bool backend_waiter_leave(struct backend_waiter *w);

void backend_release(struct backend *b);
/* A request failed at it, or was answered. Changes of its state are logged. True: it went down, or
 * came up. */
bool backend_failed(struct backend *b, const struct backend_pool *p, const char *why, uint64_t now);
bool backend_answered(struct backend *b, uint64_t now);
/* A check of it had this result. True as above. */
bool backend_checked(
	struct backend *b, const struct backend_pool *p, const char *bad, uint64_t now);
/* It cannot be checked now: what checks have said does not count. */
void backend_unchecked(struct backend *b);
/* The targets of a pool, by index: that of their place in the route. */
struct backend *backend_pool_get(const struct backend_pool *p, size_t index);
/* Whether one more request of this route may be sent once more; if so, it is spent. */
bool backend_pool_may_retry(struct backend_pool *p, uint64_t now);
/* How it is. */
struct backend_report {
	enum health_state state;
	uint32_t active;
	uint64_t requests, failures;
	uint64_t failed_ms, checked_ms; /* monotonic; 0: never */
	const char *bad;                /* why the last check was bad; NULL: it was not */
};

struct backend_report backend_report(struct backend *b, uint64_t now);
/* "10.0.3.7:80": the target as the file says it. */
const char *backend_name(const struct backend *b);
/* "a.example /app/": the route that it is a target of. */
const char *backend_route(const struct backend *b);

#endif
