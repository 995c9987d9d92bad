/*
 * The table, the queues and the budget. Locks: `queues` guards the two queues, the ghosts and who
 * is in the table at all; a shard's lock guards its buckets. Whoever changes holds `queues` and
 * then the shard; whoever looks holds the shard alone.
 */
#include "proxy/cache/cache_store.h"

#include "core/own.h"
#include "core/siphash.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define SHARD_BUCKETS_MIN 16

struct shard {
	pthread_mutex_t lock;
	struct cache_object **buckets;
	size_t n_buckets; /* a power of two; 0: none yet */
	size_t n;
};

/* An object that was evicted from the small queue, as long as about as many as the main queue holds
 * came after it. */
struct ghost {
	uint32_t print;
	uint32_t at;
};

struct cache_store {
	struct siphash_key hash_key;
	_Atomic uint64_t used, budget;
	pthread_mutex_t queues;
	struct list small, main; /* the newest in front */
	uint64_t small_bytes;
	size_t n_main;
	struct ghost *ghosts;
	uint32_t ghost_clock;
	uint64_t last_number;
	_Atomic uint64_t n_objects, stored, evicted, purged;
	/* Counts of invalidations: of everything, and of URLs by their hash. */
	_Atomic uint64_t purges;
	_Atomic uint64_t invalidations[CACHE_INVALIDATIONS];
	struct shard shards[CACHE_SHARDS];
};

/* --- life ------------------------------------------------------------------------------------ */

struct cache_store *
cache_store_new(void)
{
	struct cache_store *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (siphash_key_new(&s->hash_key) < 0 || pthread_mutex_init(&s->queues, NULL) != 0) {
		free(s);
		return NULL;
	}
	for (size_t i = 0; i < CACHE_SHARDS; i++)
		(void)pthread_mutex_init(&s->shards[i].lock, NULL);
	list_init(&s->small);
	list_init(&s->main);
	return s;
}

static bool
matches_all(const struct cache_object *o, const void *ctx)
{
	(void)o;
	(void)ctx;
	return true;
}

void
cache_store_free(struct cache_store **s)
{
	struct cache_store *gone = steal_ptr(s);

	if (!gone)
		return;
	(void)cache_store_purge(gone, matches_all, NULL);
	assert(atomic_load(&gone->used) == 0);
	for (size_t i = 0; i < CACHE_SHARDS; i++) {
		pthread_mutex_destroy(&gone->shards[i].lock);
		free(gone->shards[i].buckets);
	}
	pthread_mutex_destroy(&gone->queues);
	free(gone->ghosts);
	free(gone);
}

uint64_t
cache_store_hash(const struct cache_store *s, struct slice url)
{
	return siphash(&s->hash_key, url);
}

size_t
cache_store_object_max(struct cache_store *s)
{
	return (size_t)(atomic_load_explicit(&s->budget, memory_order_relaxed) /
			CACHE_OBJECT_SHARE);
}

/* --- the table ------------------------------------------------------------------------------- */

static struct shard *
shard_of(struct cache_store *s, uint64_t hash)
{
	return &s->shards[hash % CACHE_SHARDS];
}

static struct cache_object **
bucket_of(struct shard *shard, uint64_t hash)
{
	return &shard->buckets[(hash / CACHE_SHARDS) & (shard->n_buckets - 1)];
}

/* Twice as many buckets. Without memory the chains become longer, that is all. */
static void
shard_grow(struct shard *shard)
{
	struct shard bigger = {
		.n_buckets = shard->n_buckets ? 2 * shard->n_buckets : SHARD_BUCKETS_MIN};

	bigger.buckets = calloc(bigger.n_buckets, sizeof(struct cache_object *));
	if (!bigger.buckets)
		return;
	for (size_t i = 0; i < shard->n_buckets; i++) {
		struct cache_object **tail, *next;

		/* The order within a URL, the newest first, is kept. */
		for (struct cache_object *o = shard->buckets[i]; o; o = next) {
			next = o->next;
			o->next = NULL;
			tail = bucket_of(&bigger, o->hash);
			while (*tail)
				tail = &(*tail)->next;
			*tail = o;
		}
	}
	free(shard->buckets);
	shard->buckets = bigger.buckets;
	shard->n_buckets = bigger.n_buckets;
}

static void
shard_unlink(struct shard *shard, struct cache_object *o)
{
	struct cache_object **at = bucket_of(shard, o->hash);

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	o->next = NULL;
	shard->n--;
}

static bool
same_url(const struct cache_object *o, uint64_t hash, struct slice url)
{
	return o->hash == hash && slice_eq(o->url, url);
}

/* --- the queues ------------------------------------------------------------------------------ */

static size_t
bytes_of(const struct cache_object *o)
{
	return o->size + (o->body ? o->body->cap : 0);
}

static void
queue_leave(struct cache_store *s, struct cache_object *o)
{
	if (o->queue == CACHE_QUEUE_SMALL)
		s->small_bytes -= bytes_of(o);
	else
		s->n_main--;
	list_remove(&o->node);
	o->queue = CACHE_QUEUE_NONE;
}

static void
queue_enter(struct cache_store *s, struct cache_object *o, enum cache_queue queue)
{
	o->queue = queue;
	if (queue == CACHE_QUEUE_SMALL) {
		s->small_bytes += bytes_of(o);
		list_prepend(&s->small, &o->node);
	} else {
		s->n_main++;
		list_prepend(&s->main, &o->node);
	}
}

static struct ghost *
ghost_of(struct cache_store *s, uint64_t hash)
{
	return s->ghosts ? &s->ghosts[(hash >> 32) % CACHE_GHOSTS] : NULL;
}

static void
ghost_remember(struct cache_store *s, uint64_t hash)
{
	struct ghost *g = ghost_of(s, hash);

	if (g)
		*g = (struct ghost){.print = (uint32_t)hash | 1, .at = ++s->ghost_clock};
}

static bool
ghost_knows(struct cache_store *s, uint64_t hash)
{
	struct ghost *g = ghost_of(s, hash);

	return g && g->print == ((uint32_t)hash | 1) && s->ghost_clock - g->at <= s->n_main;
}

/* Out of the table and its queue; the table's reference goes to the list. */
static void
store_take_out(struct cache_store *s, struct cache_object *o, struct list *gone)
{
	struct shard *shard = shard_of(s, o->hash);

	pthread_mutex_lock(&shard->lock);
	shard_unlink(shard, o);
	pthread_mutex_unlock(&shard->lock);
	queue_leave(s, o);
	list_append(gone, &o->node);
	atomic_fetch_sub_explicit(&s->n_objects, 1, memory_order_relaxed);
}

/* Gives up the table's references; what they hold is freed without a lock. */
static size_t
let_go(struct list *gone)
{
	size_t n = 0;

	for (struct list *node; (node = list_first(gone)) != NULL; n++) {
		struct cache_object *o = list_entry(node, struct cache_object, node);

		list_remove(node);
		cache_object_unref(&o);
	}
	return n;
}

static bool
was_used(struct cache_object *o)
{
	return atomic_load_explicit(&o->uses, memory_order_relaxed) > 0;
}

/* The oldest of the small queue leaves: for good, or into the main queue. */
static void
evict_small(struct cache_store *s, struct cache_object *o, struct list *gone)
{
	if (was_used(o)) {
		queue_leave(s, o);
		atomic_store_explicit(&o->uses, 0, memory_order_relaxed);
		queue_enter(s, o, CACHE_QUEUE_MAIN);
		return;
	}
	ghost_remember(s, o->hash);
	store_take_out(s, o, gone);
}

/* The oldest of the main queue leaves, unless it was used: then it begins anew with one use less.
 */
static void
evict_main(struct cache_store *s, struct cache_object *o, struct list *gone)
{
	if (was_used(o)) {
		atomic_fetch_sub_explicit(&o->uses, 1, memory_order_relaxed);
		queue_leave(s, o);
		queue_enter(s, o, CACHE_QUEUE_MAIN);
		return;
	}
	store_take_out(s, o, gone);
}

/* One step. False: there is nothing left. */
static bool
evict_step(struct cache_store *s, uint64_t budget, struct list *gone)
{
	struct list *small = list_last(&s->small), *main = list_last(&s->main);

	if (small && (!main || s->small_bytes > budget / CACHE_SMALL_SHARE))
		evict_small(s, list_entry(small, struct cache_object, node), gone);
	else if (main)
		evict_main(s, list_entry(main, struct cache_object, node), gone);
	return small || main;
}

static void
store_evict(struct cache_store *s)
{
	uint64_t budget = atomic_load(&s->budget);
	struct list gone;

	list_init(&gone);
	pthread_mutex_lock(&s->queues);
	while (atomic_load(&s->used) > budget && evict_step(s, budget, &gone))
		atomic_fetch_add_explicit(&s->evicted, let_go(&gone), memory_order_relaxed);
	pthread_mutex_unlock(&s->queues);
}

/* --- the budget ------------------------------------------------------------------------------ */

bool
cache_store_reserve(struct cache_store *s, size_t bytes)
{
	uint64_t budget = atomic_load(&s->budget);

	if (bytes > budget)
		return false;
	if (atomic_fetch_add(&s->used, bytes) + bytes <= budget)
		return true;
	store_evict(s);
	if (atomic_load(&s->used) <= budget)
		return true;
	cache_store_release(s, bytes);
	return false;
}

void
cache_store_charge(struct cache_store *s, size_t bytes)
{
	if (atomic_fetch_add(&s->used, bytes) + bytes > atomic_load(&s->budget))
		store_evict(s);
}

uint64_t
cache_store_budget(struct cache_store *s)
{
	return atomic_load_explicit(&s->budget, memory_order_relaxed);
}

void
cache_store_release(struct cache_store *s, size_t bytes)
{
	uint64_t before = atomic_fetch_sub(&s->used, bytes);

	assert(before >= bytes);
	(void)before;
}

/* The ghosts' memory is taken when there is something to remember, and given back with the rest. */
void
cache_store_set_budget(struct cache_store *s, uint64_t bytes)
{
	struct ghost *spare = NULL;

	atomic_store(&s->budget, bytes);
	store_evict(s);
	pthread_mutex_lock(&s->queues);
	if (bytes == 0)
		spare = steal_ptr(&s->ghosts);
	else if (!s->ghosts)
		s->ghosts = calloc(CACHE_GHOSTS, sizeof(*s->ghosts));
	pthread_mutex_unlock(&s->queues);
	free(spare);
}

/* --- finding --------------------------------------------------------------------------------- */

/* The values of one request, for one set of names at a time. */
struct selection {
	const struct http_request *request;
	struct slice names;
	struct buf key;
	bool failed;
	char text[CACHE_VARY_KEY_MAX + CACHE_VARY_FIELDS_MAX + 1];
};

static bool
fits(struct selection *sel, const struct cache_object *o)
{
	if (o->vary.n == 0)
		return true;
	if (!slice_eq(sel->names, o->vary)) {
		sel->key = (struct buf){
			.data = sel->text, .cap = sizeof(sel->text), .max = sizeof(sel->text)};
		sel->failed = cache_vary_key(o->vary, sel->request, &sel->key) < 0;
		sel->names = o->vary;
	}
	return !sel->failed && slice_eq(buf_slice(&sel->key), o->key);
}

static void
note_use(struct cache_object *o)
{
	uint8_t uses = atomic_load_explicit(&o->uses, memory_order_relaxed);

	/* Two threads at once may count one use: that is near enough. */
	if (uses < CACHE_USES_MAX)
		atomic_store_explicit(&o->uses, (uint8_t)(uses + 1), memory_order_relaxed);
}

struct cache_object *
cache_store_find(struct cache_store *s, const struct cache_key *key,
	const struct http_request *request, enum cache_miss *ret_why)
{
	struct shard *shard = shard_of(s, key->hash);
	struct cache_object *found = NULL;
	struct selection sel;

	sel.request = request;
	sel.names = (struct slice){0};
	*ret_why = CACHE_MISS_URL;
	pthread_mutex_lock(&shard->lock);
	for (struct cache_object *o = shard->n_buckets ? *bucket_of(shard, key->hash) : NULL; o;
		o = o->next) {
		if (!same_url(o, key->hash, key->url) || !slice_eq(o->scope, key->scope))
			continue;
		*ret_why = CACHE_MISS_VARY;
		if (!fits(&sel, o))
			continue;
		found = cache_object_ref(o);
		note_use(o);
		break;
	}
	pthread_mutex_unlock(&shard->lock);
	return found;
}

/* --- storing --------------------------------------------------------------------------------- */

static _Atomic uint64_t *
invalidations_of(struct cache_store *s, uint64_t hash)
{
	return &s->invalidations[hash % CACHE_INVALIDATIONS];
}

struct cache_mark
cache_store_mark(struct cache_store *s, const struct cache_key *key)
{
	return (struct cache_mark){
		.all = atomic_load(&s->purges), .one = atomic_load(invalidations_of(s, key->hash))};
}

bool
cache_store_is_current(struct cache_store *s, uint64_t hash, const struct cache_mark *mark)
{
	return mark->all == atomic_load(&s->purges) &&
	       mark->one == atomic_load(invalidations_of(s, hash));
}

void
cache_store_forbid_url(struct cache_store *s, struct slice url)
{
	atomic_fetch_add(invalidations_of(s, cache_store_hash(s, url)), 1);
}

void
cache_store_forbid_all(struct cache_store *s)
{
	atomic_fetch_add(&s->purges, 1);
}

bool
cache_store_holds(struct cache_store *s, uint64_t hash, struct slice url)
{
	struct shard *shard = shard_of(s, hash);
	const struct cache_object *o;

	pthread_mutex_lock(&shard->lock);
	o = shard->n_buckets ? *bucket_of(shard, hash) : NULL;
	while (o && !same_url(o, hash, url))
		o = o->next;
	pthread_mutex_unlock(&shard->lock);
	return o != NULL;
}

bool
cache_store_holds_like(struct cache_store *s, const struct cache_object *o)
{
	struct shard *shard = shard_of(s, o->hash);
	const struct cache_object *other;

	pthread_mutex_lock(&shard->lock);
	other = shard->n_buckets ? *bucket_of(shard, o->hash) : NULL;
	while (other && !(same_url(other, o->hash, o->url) && slice_eq(other->scope, o->scope) &&
				slice_eq(other->vary, o->vary) && slice_eq(other->key, o->key)))
		other = other->next;
	pthread_mutex_unlock(&shard->lock);
	return other != NULL;
}

/* The one that o takes the place of, or the oldest when there are too many of them. Under both
 * locks. */
static struct cache_object *
find_replaced(struct shard *shard, const struct cache_object *o)
{
	struct cache_object *last = NULL;
	size_t n = 0;

	for (struct cache_object *other = *bucket_of(shard, o->hash); other; other = other->next) {
		if (!same_url(other, o->hash, o->url) || !slice_eq(other->scope, o->scope))
			continue;
		if (slice_eq(other->vary, o->vary) && slice_eq(other->key, o->key))
			return other;
		last = other;
		n++;
	}
	return n >= CACHE_VARIANTS_MAX ? last : NULL;
}

/* Into the table, under `queues`. What was there leaves with its uses and its queue, which o gets.
 * False: no memory for the table. */
static bool
store_link(struct cache_store *s, struct cache_object *o, struct list *gone)
{
	struct shard *shard = shard_of(s, o->hash);
	enum cache_queue queue = ghost_knows(s, o->hash) ? CACHE_QUEUE_MAIN : CACHE_QUEUE_SMALL;
	struct cache_object *old, **bucket;

	pthread_mutex_lock(&shard->lock);
	if (shard->n >= shard->n_buckets)
		shard_grow(shard);
	if (shard->n_buckets == 0) {
		pthread_mutex_unlock(&shard->lock);
		return false;
	}
	old = find_replaced(shard, o);
	if (old)
		shard_unlink(shard, old);
	bucket = bucket_of(shard, o->hash);
	o->next = *bucket;
	*bucket = cache_object_ref(o);
	shard->n++;
	pthread_mutex_unlock(&shard->lock);
	if (old) {
		queue = old->queue;
		atomic_store_explicit(&o->uses, atomic_load(&old->uses), memory_order_relaxed);
		queue_leave(s, old);
		list_append(gone, &old->node);
		atomic_fetch_sub_explicit(&s->n_objects, 1, memory_order_relaxed);
	}
	o->number = ++s->last_number;
	queue_enter(s, o, queue);
	atomic_fetch_add_explicit(&s->n_objects, 1, memory_order_relaxed);
	return true;
}

bool
cache_store_insert(struct cache_store *s, struct cache_object *o, const struct cache_mark *mark)
{
	bool linked = false;
	struct list gone;

	list_init(&gone);
	pthread_mutex_lock(&s->queues);
	if (cache_store_is_current(s, o->hash, mark) && atomic_load(&s->budget) > 0)
		linked = store_link(s, o, &gone);
	pthread_mutex_unlock(&s->queues);
	(void)let_go(&gone);
	if (!linked)
		return false;
	atomic_fetch_add_explicit(&s->stored, 1, memory_order_relaxed);
	return true;
}

/* --- taking out ------------------------------------------------------------------------------ */

void
cache_store_remove(struct cache_store *s, struct cache_object *o)
{
	struct list gone;

	list_init(&gone);
	pthread_mutex_lock(&s->queues);
	if (o->queue != CACHE_QUEUE_NONE)
		store_take_out(s, o, &gone);
	pthread_mutex_unlock(&s->queues);
	(void)let_go(&gone);
}

/* Those that match, of one bucket. */
static void
collect(struct cache_object *first, uint64_t hash, struct slice url, struct list *gone,
	struct cache_store *s)
{
	struct shard *shard = shard_of(s, hash);

	for (struct cache_object *o = first, *next; o; o = next) {
		next = o->next;
		if (!same_url(o, hash, url))
			continue;
		shard_unlink(shard, o);
		queue_leave(s, o);
		list_append(gone, &o->node);
		atomic_fetch_sub_explicit(&s->n_objects, 1, memory_order_relaxed);
	}
}

size_t
cache_store_invalidate(struct cache_store *s, struct slice url)
{
	uint64_t hash = cache_store_hash(s, url);
	struct shard *shard = shard_of(s, hash);
	struct list gone;

	list_init(&gone);
	pthread_mutex_lock(&s->queues);
	atomic_fetch_add(invalidations_of(s, hash), 1);
	pthread_mutex_lock(&shard->lock);
	if (shard->n_buckets)
		collect(*bucket_of(shard, hash), hash, url, &gone, s);
	pthread_mutex_unlock(&shard->lock);
	pthread_mutex_unlock(&s->queues);
	return let_go(&gone);
}

static void
purge_queue(struct cache_store *s, struct list *queue,
	bool (*matches)(const struct cache_object *o, const void *ctx), const void *ctx,
	struct list *gone)
{
	list_each(node, queue)
	{
		struct cache_object *o = list_entry(node, struct cache_object, node);

		if (matches(o, ctx))
			store_take_out(s, o, gone);
	}
}

size_t
cache_store_purge(struct cache_store *s,
	bool (*matches)(const struct cache_object *o, const void *ctx), const void *ctx)
{
	struct list gone;
	size_t n;

	list_init(&gone);
	pthread_mutex_lock(&s->queues);
	atomic_fetch_add(&s->purges, 1);
	purge_queue(s, &s->small, matches, ctx, &gone);
	purge_queue(s, &s->main, matches, ctx, &gone);
	pthread_mutex_unlock(&s->queues);
	n = let_go(&gone);
	atomic_fetch_add_explicit(&s->purged, n, memory_order_relaxed);
	return n;
}

/* --- looking --------------------------------------------------------------------------------- */

static bool
see_bucket(const struct cache_object *o, bool (*see)(const struct cache_object *o, void *ctx),
	void *ctx)
{
	for (; o; o = o->next)
		if (!see(o, ctx))
			return false;
	return true;
}

void
cache_store_each(
	struct cache_store *s, bool (*see)(const struct cache_object *o, void *ctx), void *ctx)
{
	bool more = true;

	for (size_t i = 0; i < CACHE_SHARDS && more; i++) {
		struct shard *shard = &s->shards[i];

		pthread_mutex_lock(&shard->lock);
		for (size_t k = 0; k < shard->n_buckets && more; k++)
			more = see_bucket(shard->buckets[k], see, ctx);
		pthread_mutex_unlock(&shard->lock);
	}
}

void
cache_store_count(struct cache_store *s, struct cache_counts *ret)
{
	*ret = (struct cache_counts){.objects = atomic_load(&s->n_objects),
		.bytes = atomic_load(&s->used),
		.budget = atomic_load(&s->budget),
		.stored = atomic_load(&s->stored),
		.evicted = atomic_load(&s->evicted),
		.purged = atomic_load(&s->purged)};
}
