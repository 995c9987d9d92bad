/*
 * A request of the cache's own: what is served stale is validated meanwhile (RFC 5861). It is an
 * exchange like any other, whose front takes what comes and drops it; nothing guards, logs or
 * counts it, and no client's leaving ends it.
 */
#ifndef PROXY_CACHE_FETCH_H
#define PROXY_CACHE_FETCH_H

#include "proxy/exchange/exchange.h"

#define CACHE_FETCHES_MAX 64      /* of one thread, at a time */
#define CACHE_FETCH_AGAIN_MS 1000 /* after one that changed nothing */

/* For an exchange whose stale object is about to be served. True: the backend is being asked, here
 * or by somebody else. */
bool cache_fetch(struct exchange *x);
/* The worker stops. */
void cache_fetch_abandon(struct worker *w);

#endif
