/* Stored answers: allocation, charge, references. */
#include "proxy/cache/cache_object.h"

#include "core/own.h"
#include "core/report.h"
#include "proxy/cache/cache_far.h"
#include "proxy/cache/cache_head.h"
#include "proxy/cache/cache_store.h"

#include <assert.h>
#include <stdlib.h>

/* --- bodies ---------------------------------------------------------------------------------- */

static size_t
body_charge(size_t cap)
{
	return sizeof(struct cache_body) + cap + CACHE_OVERHEAD;
}

struct cache_body *
cache_body_new(struct cache_store *store, size_t cap)
{
	struct cache_body *b;

	if (!cache_store_reserve(store, body_charge(cap)))
		return NULL;
	b = malloc(sizeof(*b) + cap);
	if (!b) {
		cache_store_release(store, body_charge(cap));
		return NULL;
	}
	atomic_init(&b->refs, 1);
	b->store = store;
	b->n = 0;
	b->cap = cap;
	return b;
}

int
cache_body_resize(struct cache_body **body, size_t cap)
{
	struct cache_body *b = *body;
	size_t before = b->cap;
	struct cache_body *moved;

	assert(cap >= b->n && atomic_load(&b->refs) == 1);
	if (cap > before && !cache_store_reserve(b->store, cap - before))
		return -1;
	moved = realloc(b, sizeof(*b) + cap);
	if (!moved) {
		if (cap > before)
			cache_store_release(b->store, cap - before);
		return -1;
	}
	if (cap < before)
		cache_store_release(moved->store, before - cap);
	moved->cap = cap;
	*body = moved;
	return 0;
}

struct cache_body *
cache_body_ref(struct cache_body *b)
{
	if (b)
		(void)atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void
cache_body_unref(struct cache_body **b)
{
	struct cache_body *gone = steal_ptr(b);

	if (!gone || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) != 1)
		return;
	cache_store_release(gone->store, body_charge(gone->cap));
	free(gone);
}

/* --- objects --------------------------------------------------------------------------------- */

static struct slice
place(char **at, struct slice s)
{
	struct slice placed = slice_of(*at, s.n);

	if (s.n)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return placed;
}

struct cache_object *
cache_object_new(
	struct cache_store *store, const struct cache_object_parts *p, struct cache_body **body)
{
	size_t n = p->url.n + p->scope.n + p->vary.n + p->key.n + p->tags.n + p->head.n;
	size_t size = sizeof(struct cache_object) + n + CACHE_OVERHEAD;
	struct cache_object *o;
	char *at;

	if (!cache_store_reserve(store, size))
		return NULL;
	o = calloc(1, sizeof(*o) + n);
	if (!o) {
		cache_store_release(store, size);
		return NULL;
	}
	at = o->text;
	atomic_init(&o->refs, 1);
	o->store = store;
	o->size = size;
	list_init(&o->node);
	o->url = place(&at, p->url);
	o->scope = place(&at, p->scope);
	o->vary = place(&at, p->vary);
	o->key = place(&at, p->key);
	o->tags = place(&at, p->tags);
	o->head = place(&at, p->head);
	o->hash = cache_store_hash(store, o->url);
	o->status = p->status;
	o->coded = p->coded;
	o->terms = p->terms;
	o->came_ms = p->came_ms;
	o->body = steal_ptr(body);
	o->far = cache_far_ref(p->far);
	o->length = o->body ? o->body->n : p->length;
	cache_head_index(o);
	return o;
}

struct cache_object *
cache_object_ref(struct cache_object *o)
{
	(void)atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
	return o;
}

void
cache_object_unref(struct cache_object **o)
{
	struct cache_object *gone = steal_ptr(o);

	if (!gone || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) != 1)
		return;
	assert(gone->queue == CACHE_QUEUE_NONE);
	cache_body_unref(&gone->body);
	cache_far_unref(&gone->far);
	cache_store_release(gone->store, gone->size);
	free(gone);
}

void
cache_object_report(const struct cache_object *o, uint64_t now_ms, struct report_stored *ret)
{
	int64_t age = cache_terms_age(&o->terms, now_ms > o->came_ms ? now_ms - o->came_ms : 0);

	*ret = (struct report_stored){.url = o->url,
		.vary = o->vary,
		.tags = o->tags,
		.type = o->type,
		.head = o->head,
		.status = o->status,
		.size = o->length,
		.age_s = (uint64_t)age,
		.lifetime_s = (uint64_t)o->terms.lifetime_s,
		.on_disk = o->far != NULL};
}
