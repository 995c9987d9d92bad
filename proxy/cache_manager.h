/*
 * The cache as the main thread sees it: how large it may be, and what it tells about itself.
 */
#ifndef PROXY_CACHE_MANAGER_H
#define PROXY_CACHE_MANAGER_H

#include "conf/conf.h"
#include "core/chan.h"
#include "core/stats.h"
#include "proxy/cache_store.h"

/* A configuration is in force: its budget, or none when no route has a cache. */
void cache_manager_configure(struct cache_store *store, const struct conf *conf);
/* Writes the store's own numbers. */
void cache_manager_count(struct cache_store *store, struct stats *stats);
/* Carries a CACHE_ASK out, and answers it. */
void cache_manager_on_ask(struct cache_store *store, struct chan *chan, struct msg_in *m);

#endif
