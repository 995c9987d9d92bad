/* The index of the disk tier: one table, one lock. */
#include "proxy/cache/cache_disk_index.h"

#include "core/own.h"
#include "core/siphash.h"

#include <pthread.h>
#include <stdlib.h>

#define BUCKETS_MIN 1024 /* of which nothing is charged */
#define WALK_BUCKETS 512 /* that a kill looks at without letting the lock go */

struct disk_index {
	pthread_mutex_t lock;
	struct cache_store *store;
	struct siphash_key hash_key; /* of scopes and keys */
	struct disk_entry **buckets;
	size_t n_buckets; /* a power of two */
	size_t n;         /* entries in the table */
	size_t bytes;     /* of all entries, and of the table */
	unsigned walking; /* kills under way: the table does not grow meanwhile */
	bool ready;
};

/* --- life ------------------------------------------------------------------------------------ */

struct disk_index *
disk_index_new(struct cache_store *store)
{
	struct disk_index *ix = calloc(1, sizeof(*ix));

	if (!ix)
		return NULL;
	ix->store = store;
	ix->n_buckets = BUCKETS_MIN;
	ix->bytes = BUCKETS_MIN * sizeof(struct disk_entry *);
	ix->buckets = calloc(BUCKETS_MIN, sizeof(struct disk_entry *));
	if (!ix->buckets || siphash_key_new(&ix->hash_key) < 0 ||
		pthread_mutex_init(&ix->lock, NULL) != 0) {
		free(ix->buckets);
		free(ix);
		return NULL;
	}
	return ix;
}

struct disk_segment *
disk_segment_ref(struct disk_segment *s)
{
	(void)atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
disk_segment_unref(struct disk_segment **s)
{
	struct disk_segment *gone = steal_ptr(s);

	if (!gone || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) != 1)
		return;
	close_fd(gone->fd);
	free(gone);
}

static size_t
entry_bytes(const struct disk_entry *e)
{
	return sizeof(*e) + e->url_n + e->vary_n + e->tags_n + CACHE_OVERHEAD / 2;
}

static void
unref(struct disk_index *ix, struct disk_entry *e)
{
	if (--e->refs > 0)
		return;
	ix->bytes -= entry_bytes(e);
	cache_store_release(ix->store, entry_bytes(e));
	free(e);
}

/* --- the table, under the lock --------------------------------------------------------------- */

static struct disk_entry **
bucket_of(struct disk_index *ix, uint64_t hash)
{
	return &ix->buckets[hash & (ix->n_buckets - 1)];
}

/* Without memory the chains become longer, that is all. */
static void
grow(struct disk_index *ix)
{
	size_t n = 2 * ix->n_buckets;
	struct disk_entry **bigger, *next;

	if (ix->walking)
		return;
	bigger = calloc(n, sizeof(struct disk_entry *));
	if (!bigger)
		return;
	for (size_t i = 0; i < ix->n_buckets; i++) {
		/* Each half keeps the order, the newest first. */
		struct disk_entry **tails[2] = {&bigger[i], &bigger[i + ix->n_buckets]};

		for (struct disk_entry *e = ix->buckets[i]; e; e = next) {
			struct disk_entry ***tail = &tails[(e->hash & ix->n_buckets) != 0];

			next = e->next;
			e->next = NULL;
			**tail = e;
			*tail = &e->next;
		}
	}
	free(ix->buckets);
	ix->buckets = bigger;
	ix->bytes += ix->n_buckets * sizeof(struct disk_entry *);
	cache_store_charge(ix->store, ix->n_buckets * sizeof(struct disk_entry *));
	ix->n_buckets = n;
}

static void
link_entry(struct disk_index *ix, struct disk_entry *e)
{
	struct disk_entry **bucket;

	if (ix->n >= ix->n_buckets)
		grow(ix);
	bucket = bucket_of(ix, e->hash);
	e->next = *bucket;
	*bucket = e;
	e->linked = true;
	ix->n++;
}

static void
leave_segment(struct disk_entry *e)
{
	if (!e->segment)
		return;
	list_remove(&e->node);
	e->segment->n--;
	e->segment = NULL;
}

/* Takes *at out; the table's reference goes. */
static void
unlink_at(struct disk_index *ix, struct disk_entry **at)
{
	struct disk_entry *e = *at;

	*at = e->next;
	e->next = NULL;
	e->linked = false;
	ix->n--;
	leave_segment(e);
	unref(ix, e);
}

static void
unlink_entry(struct disk_index *ix, struct disk_entry *e)
{
	struct disk_entry **at = bucket_of(ix, e->hash);

	if (!e->linked)
		return;
	while (*at != e)
		at = &(*at)->next;
	unlink_at(ix, at);
}

static struct disk_entry *
entry_new(struct disk_index *ix, struct slice url, struct slice vary, struct slice tags)
{
	struct disk_entry *e = calloc(1, sizeof(*e) + url.n + vary.n + tags.n);

	if (!e)
		return NULL;
	list_init(&e->node);
	e->refs = 1;
	e->url_n = (uint32_t)url.n;
	e->vary_n = (uint16_t)vary.n;
	e->tags_n = (uint16_t)tags.n;
	memcpy(e->text, url.p, url.n);
	if (vary.n)
		memcpy(e->text + url.n, vary.p, vary.n);
	if (tags.n)
		memcpy(e->text + url.n + vary.n, tags.p, tags.n);
	ix->bytes += entry_bytes(e);
	cache_store_charge(ix->store, entry_bytes(e));
	return e;
}

static bool
same_keys(const struct disk_entry *a, const struct disk_entry *b)
{
	return a->hash == b->hash && a->scope_hash == b->scope_hash && a->key_hash == b->key_hash &&
	       slice_eq(disk_entry_url(a), disk_entry_url(b)) &&
	       slice_eq(disk_entry_vary(a), disk_entry_vary(b));
}

/* The one with the same keys, or, when its URL has too many, the oldest. */
static struct disk_entry **
find_replaced(struct disk_index *ix, const struct disk_entry *e)
{
	struct disk_entry **last = NULL;
	size_t n = 0;

	for (struct disk_entry **at = bucket_of(ix, e->hash); *at; at = &(*at)->next) {
		if (same_keys(*at, e))
			return at;
		if ((*at)->hash != e->hash || !slice_eq(disk_entry_url(*at), disk_entry_url(e)))
			continue;
		last = at;
		n++;
	}
	return n >= DISK_VARIANTS_MAX ? last : NULL;
}

/* --- finding --------------------------------------------------------------------------------- */

void
disk_index_set_ready(struct disk_index *ix, bool ready)
{
	pthread_mutex_lock(&ix->lock);
	ix->ready = ready;
	pthread_mutex_unlock(&ix->lock);
}

/* Under the lock: the request's own values are compared as a hash; the record has them all. */
static bool
fits(struct disk_index *ix, const struct disk_entry *e, const struct http_request *request)
{
	char text[CACHE_VARY_KEY_MAX + CACHE_VARY_FIELDS_MAX + 1];
	struct buf key = {.data = text, .cap = sizeof(text), .max = sizeof(text)};

	if (e->vary_n > 0 && cache_vary_key(disk_entry_vary(e), request, &key) < 0)
		return false;
	return siphash(&ix->hash_key, buf_slice(&key)) == e->key_hash;
}

/* Under the lock; without a reference to the segment. */
static struct disk_found
where(const struct disk_entry *e)
{
	return (struct disk_found){.segment = e->segment,
		.serial = e->serial,
		.offset = e->offset,
		.body_n = e->body_n,
		.hash = e->hash,
		.meta_n = e->meta_n};
}

bool
disk_index_find(struct disk_index *ix, const struct cache_key *key,
	const struct http_request *request, uint64_t max, struct disk_found *ret)
{
	uint64_t scope = siphash(&ix->hash_key, key->scope);
	struct disk_entry *e;

	pthread_mutex_lock(&ix->lock);
	e = ix->ready ? *bucket_of(ix, key->hash) : NULL;
	while (e &&
		(e->hash != key->hash || e->scope_hash != scope || !e->segment || e->body_n > max ||
			!slice_eq(disk_entry_url(e), key->url) || !fits(ix, e, request)))
		e = e->next;
	if (e) {
		if (e->uses < CACHE_USES_MAX)
			e->uses++;
		*ret = where(e);
		(void)disk_segment_ref(e->segment);
	}
	pthread_mutex_unlock(&ix->lock);
	return e != NULL;
}

size_t
disk_index_find_all(struct disk_index *ix, struct slice url, size_t max, struct disk_found *ret)
{
	uint64_t hash = cache_store_hash(ix->store, url);
	size_t n = 0;

	pthread_mutex_lock(&ix->lock);
	for (const struct disk_entry *e = ix->ready ? *bucket_of(ix, hash) : NULL; e && n < max;
		e = e->next) {
		if (e->hash != hash || !e->segment || !slice_eq(disk_entry_url(e), url))
			continue;
		ret[n] = where(e);
		(void)disk_segment_ref(ret[n++].segment);
	}
	pthread_mutex_unlock(&ix->lock);
	return n;
}

/* --- storing --------------------------------------------------------------------------------- */

struct disk_entry *
disk_index_begin(struct disk_index *ix, const struct cache_object *o, const struct cache_mark *mark,
	int64_t came_wall_ms, bool *ret_replaced)
{
	struct disk_entry *e = NULL, **old;

	*ret_replaced = false;
	pthread_mutex_lock(&ix->lock);
	if (cache_store_is_current(ix->store, o->hash, mark))
		e = entry_new(ix, o->url, o->vary, o->tags);
	if (e) {
		e->hash = o->hash;
		e->scope_hash = siphash(&ix->hash_key, o->scope);
		e->key_hash = siphash(&ix->hash_key, o->key);
		e->status = o->status;
		e->body_n = o->length;
		e->born_s = (uint32_t)o->terms.born_s;
		e->lifetime_s = (uint32_t)o->terms.lifetime_s;
		e->came_wall_ms = came_wall_ms;
		e->refs = 2;
		old = find_replaced(ix, e);
		*ret_replaced = old != NULL;
		if (old)
			unlink_at(ix, old);
		link_entry(ix, e);
	}
	pthread_mutex_unlock(&ix->lock);
	return e;
}

bool
disk_index_is_dropped(struct disk_index *ix, const struct disk_entry *entry)
{
	bool dropped;

	pthread_mutex_lock(&ix->lock);
	dropped = !entry->linked;
	pthread_mutex_unlock(&ix->lock);
	return dropped;
}

/* Under the lock. */
static void
enter_segment(struct disk_entry *e, const struct disk_place *place)
{
	e->segment = place->segment;
	e->offset = place->offset;
	e->serial = place->serial;
	e->meta_n = (uint32_t)place->meta_n;
	e->segment->n++;
	list_append(&e->segment->entries, &e->node);
}

bool
disk_index_place(struct disk_index *ix, struct disk_entry *entry, const struct disk_place *place)
{
	bool linked;

	pthread_mutex_lock(&ix->lock);
	linked = entry->linked;
	if (linked) {
		leave_segment(entry);
		entry->uses = 0;
		enter_segment(entry, place);
	}
	pthread_mutex_unlock(&ix->lock);
	return linked;
}

void
disk_index_drop(struct disk_index *ix, struct disk_entry *entry)
{
	pthread_mutex_lock(&ix->lock);
	unlink_entry(ix, entry);
	pthread_mutex_unlock(&ix->lock);
}

void
disk_index_release(struct disk_index *ix, struct disk_entry **entry)
{
	struct disk_entry *gone = steal_ptr(entry);

	if (!gone)
		return;
	pthread_mutex_lock(&ix->lock);
	unref(ix, gone);
	pthread_mutex_unlock(&ix->lock);
}

/* Under the lock. What waits to be written is newer than anything that is read. */
static void
load(struct disk_index *ix, struct disk_entry *e, const struct disk_place *place)
{
	struct disk_entry **old = find_replaced(ix, e);

	if (old && (!(*old)->segment || (*old)->serial > place->serial)) {
		unref(ix, e);
		return;
	}
	if (old)
		unlink_at(ix, old);
	link_entry(ix, e);
	enter_segment(e, place);
}

int
disk_index_load(struct disk_index *ix, const struct disk_record *r, const struct disk_place *place)
{
	struct disk_entry *e;

	if (r->vary.n > UINT16_MAX || r->tags.n > UINT16_MAX)
		return 0;
	pthread_mutex_lock(&ix->lock);
	e = entry_new(ix, r->url, r->vary, r->tags);
	if (e) {
		e->hash = cache_store_hash(ix->store, r->url);
		e->scope_hash = siphash(&ix->hash_key, r->scope);
		e->key_hash = siphash(&ix->hash_key, r->key);
		e->status = r->status;
		e->body_n = r->body_n;
		e->came_wall_ms = r->came_wall_ms;
		e->born_s = (uint32_t)r->terms.born_s;
		e->lifetime_s = (uint32_t)r->terms.lifetime_s;
		load(ix, e, place);
	}
	pthread_mutex_unlock(&ix->lock);
	return e ? 0 : -1;
}

/* --- taking out ------------------------------------------------------------------------------ */

void
disk_index_forget(struct disk_index *ix, const struct disk_found *found)
{
	struct disk_entry **at;

	pthread_mutex_lock(&ix->lock);
	at = bucket_of(ix, found->hash);
	while (*at && ((*at)->segment != found->segment || (*at)->offset != found->offset))
		at = &(*at)->next;
	if (*at)
		unlink_at(ix, at);
	pthread_mutex_unlock(&ix->lock);
}

size_t
disk_index_invalidate(struct disk_index *ix, struct slice url)
{
	uint64_t hash = cache_store_hash(ix->store, url);
	struct disk_entry **at;
	size_t n = 0;

	pthread_mutex_lock(&ix->lock);
	at = bucket_of(ix, hash);
	while (*at) {
		if ((*at)->hash == hash && slice_eq(disk_entry_url(*at), url)) {
			unlink_at(ix, at);
			n++;
		} else {
			at = &(*at)->next;
		}
	}
	pthread_mutex_unlock(&ix->lock);
	return n;
}

struct kill {
	enum disk_kind kind;
	struct slice what;
	uint64_t before;
	bool pending_too;
};

static bool
is_killed(const struct disk_entry *e, const struct kill *k)
{
	if (e->segment ? e->serial >= k->before : !k->pending_too)
		return false;
	return disk_kill_matches(k->kind, k->what, disk_entry_url(e), disk_entry_tags(e));
}

static size_t
kill_bucket(struct disk_index *ix, struct disk_entry **at, const struct kill *k)
{
	size_t n = 0;

	while (*at) {
		if (is_killed(*at, k)) {
			n += !cache_store_holds(ix->store, (*at)->hash, disk_entry_url(*at));
			unlink_at(ix, at);
		} else {
			at = &(*at)->next;
		}
	}
	return n;
}

size_t
disk_index_kill(struct disk_index *ix, enum disk_kind kind, struct slice what, uint64_t before,
	bool pending_too)
{
	const struct kill k = {
		.kind = kind, .what = what, .before = before, .pending_too = pending_too};
	size_t n = 0;

	pthread_mutex_lock(&ix->lock);
	if (kind == DISK_KILL_URL) {
		n = kill_bucket(ix, bucket_of(ix, cache_store_hash(ix->store, what)), &k);
		pthread_mutex_unlock(&ix->lock);
		return n;
	}
	ix->walking++;
	for (size_t i = 0; i < ix->n_buckets; i++) {
		n += kill_bucket(ix, &ix->buckets[i], &k);
		if (i % WALK_BUCKETS != WALK_BUCKETS - 1)
			continue;
		pthread_mutex_unlock(&ix->lock);
		pthread_mutex_lock(&ix->lock);
	}
	ix->walking--;
	pthread_mutex_unlock(&ix->lock);
	return n;
}

struct disk_entry *
disk_index_first_of(
	struct disk_index *ix, struct disk_segment *segment, struct disk_found *ret_where)
{
	struct list *node;
	struct disk_entry *e = NULL;

	pthread_mutex_lock(&ix->lock);
	node = list_first(&segment->entries);
	if (node) {
		e = list_entry(node, struct disk_entry, node);
		e->refs++;
		*ret_where = where(e);
	}
	pthread_mutex_unlock(&ix->lock);
	return e;
}

void
disk_index_free(struct disk_index **ix)
{
	struct disk_index *gone = steal_ptr(ix);

	if (!gone)
		return;
	for (size_t i = 0; i < gone->n_buckets; i++)
		while (gone->buckets[i])
			unlink_at(gone, &gone->buckets[i]);
	cache_store_release(
		gone->store, (gone->n_buckets - BUCKETS_MIN) * sizeof(struct disk_entry *));
	pthread_mutex_destroy(&gone->lock);
	free(gone->buckets);
	free(gone);
}

/* --- looking --------------------------------------------------------------------------------- */

void
disk_index_each(
	struct disk_index *ix, bool (*see)(const struct disk_entry *e, void *ctx), void *ctx)
{
	bool more;

	pthread_mutex_lock(&ix->lock);
	more = ix->ready;
	ix->walking++;
	for (size_t i = 0; i < ix->n_buckets && more; i++) {
		for (const struct disk_entry *e = ix->buckets[i]; e && more; e = e->next)
			if (e->segment)
				more = see(e, ctx);
		if (i % WALK_BUCKETS != WALK_BUCKETS - 1)
			continue;
		pthread_mutex_unlock(&ix->lock);
		pthread_mutex_lock(&ix->lock);
	}
	ix->walking--;
	pthread_mutex_unlock(&ix->lock);
}

void
disk_index_count(struct disk_index *ix, struct disk_counts *ret)
{
	pthread_mutex_lock(&ix->lock);
	*ret = (struct disk_counts){.objects = ix->n, .index_bytes = ix->bytes};
	pthread_mutex_unlock(&ix->lock);
}
