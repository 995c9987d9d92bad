/*
 * The memory tier of the cache: one store for all threads. Finding takes one lock of many for a
 * moment and counts a use; storing and evicting take one more for the queues. Eviction is S3-FIFO
 * (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023): what comes once goes
 * through a small queue and leaves, what is asked for again moves into the main one, and what was
 * thrown out too early is remembered.
 *
 * The budget counts everything: heads, keys, bodies being filled, what was evicted while somebody
 * still sends it, and the index of the second tier.
 */
#ifndef PROXY_CACHE_STORE_H
#define PROXY_CACHE_STORE_H

#include "proxy/cache/cache_object.h"
#include "proxy/cache/cache_vary.h"

#define CACHE_VARIANTS_MAX 64    /* answers of one URL; beyond, the oldest goes */
#define CACHE_OBJECT_SHARE 4     /* one answer takes at most a quarter of the budget */
#define CACHE_SMALL_SHARE 10     /* the small queue is a tenth of it */
#define CACHE_SHARDS 64          /* locks of the table */
#define CACHE_INVALIDATIONS 4096 /* what was invalidated lately, told apart by its hash */
#define CACHE_GHOSTS 32768       /* evicted ones that are remembered */

struct cache_store;

struct cache_key {
	struct slice url, scope;
	uint64_t hash; /* cache_store_hash of url */
};

enum cache_miss {
	CACHE_MISS_URL,  /* nothing is stored for it */
	CACHE_MISS_VARY, /* something is, but not for this request */
};

/* A moment in the store's history: an answer that was asked for before an invalidation is not
 * stored after it. */
struct cache_mark {
	uint64_t all, one;
};

struct cache_counts {
	uint64_t objects, bytes, budget, stored, evicted, purged;
};

/* NULL when memory is short. Its budget is 0: nothing is stored. */
struct cache_store *cache_store_new(void);
/* No thread uses it any more; leaves NULL behind; *s may be NULL. */
void cache_store_free(struct cache_store **s);
/* Bytes; what is too much is evicted at once. */
void cache_store_set_budget(struct cache_store *s, uint64_t bytes);
/* The largest body that may be stored. */
size_t cache_store_object_max(struct cache_store *s);
uint64_t cache_store_hash(const struct cache_store *s, struct slice url);

/* The newest answer that fits the request, with a reference; or NULL and why. */
struct cache_object *cache_store_find(struct cache_store *s, const struct cache_key *key,
	const struct http_request *request, enum cache_miss *ret_why);
struct cache_mark cache_store_mark(struct cache_store *s, const struct cache_key *key);
/* Puts it in, in place of the one with the same keys; the caller keeps its reference. False: it was
 * invalidated since the mark, or there is no room. */
bool cache_store_insert(
	struct cache_store *s, struct cache_object *o, const struct cache_mark *mark);
/* Whether nothing has invalidated what the URL with this hash has, since the mark. */
bool cache_store_is_current(struct cache_store *s, uint64_t hash, const struct cache_mark *mark);
/* What was asked for up to now is not stored: of one URL, of all. For a second tier, which is
 * cleared between this and the invalidation here, so that nothing passes from one to the other. */
void cache_store_forbid_url(struct cache_store *s, struct slice url);
void cache_store_forbid_all(struct cache_store *s);
/* Whether an answer of the URL is in, whatever its keys. */
bool cache_store_holds(struct cache_store *s, uint64_t hash, struct slice url);
/* Whether one with the same keys as o is in. */
bool cache_store_holds_like(struct cache_store *s, const struct cache_object *o);
/* Takes this object out, if it is in. */
void cache_store_remove(struct cache_store *s, struct cache_object *o);
/* Takes out all answers of the URL, whatever their scope, and keeps those on their way out (RFC
 * 9111 section 4.4). Returns how many there were. */
size_t cache_store_invalidate(struct cache_store *s, struct slice url);

/* Takes out what matches, for all threads from the moment it returns. */
size_t cache_store_purge(struct cache_store *s,
	bool (*matches)(const struct cache_object *o, const void *ctx), const void *ctx);
/* Shows each of them, under a lock: see must be quick. Stops when it returns false. */
void cache_store_each(
	struct cache_store *s, bool (*see)(const struct cache_object *o, void *ctx), void *ctx);
void cache_store_count(struct cache_store *s, struct cache_counts *ret);

/* For objects and bodies: charges bytes, evicting for them. False: there is no room. */
bool cache_store_reserve(struct cache_store *s, size_t bytes);
void cache_store_release(struct cache_store *s, size_t bytes);
/* For what there must be room: the second tier's index, which has a limit of its own. */
void cache_store_charge(struct cache_store *s, size_t bytes);
uint64_t cache_store_budget(struct cache_store *s);

#endif
