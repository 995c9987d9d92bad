/*
 * The cache as the main thread sees it: its parts, how large they may be, and what it tells about
 * itself.
 */
#ifndef PROXY_CACHE_MANAGER_H
#define PROXY_CACHE_MANAGER_H

#include "core/chan.h"
#include "core/stats.h"
#include "proxy/cache/cache_disk.h"
#include "proxy/cache/cache_flight.h"
#include "proxy/cache/cache_store.h"
#include "proxy/generation.h"
#include "proxy/conn/mailbox.h"
#include "proxy/worker.h"

struct cache_manager {
	struct cache_store *store;
	struct cache_flights *flights;
	struct cache_disk *disk;
	struct chan **chan;  /* where answers go; NULL at the end */
	struct mailbox done; /* what the disk tier has done */
	struct list pending; /* those that it has not */
};

/* 0 or -1 with e filled. */
int cache_manager_init(
	struct cache_manager *m, struct event_base *base, struct chan **chan, struct err *e);
/* The workers are gone. It may not have been initialised. */
void cache_manager_clear(struct cache_manager *m);
/* Before the worker runs. */
void cache_manager_share(struct cache_manager *m, struct worker *w);
/* A configuration is in force: its budgets and its folder, or none when no route has a cache. */
void cache_manager_configure(struct cache_manager *m, const struct generation *g);
/* The next process may have the folder. */
void cache_manager_let_go(struct cache_manager *m);
/* Writes the cache's own numbers. */
void cache_manager_count(struct cache_manager *m, struct stats *stats);
/* Carries a CACHE_ASK out, and answers it; a purge when the disk knows of it. */
void cache_manager_on_ask(struct cache_manager *m, struct msg_in *msg);

#endif
