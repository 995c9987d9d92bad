/*
 * A stored answer: immutable, counted by references, shared by all threads. Its head is kept as
 * lines that go out as they are; its body is one allocation, which several heads may share, because
 * a validation brings a new head for the same bytes. One that is too large for memory stays on
 * disk (cache_far.h).
 *
 * Whatever is allocated here is charged to the store's budget until it is freed, whoever holds it.
 */
#ifndef PROXY_CACHE_OBJECT_H
#define PROXY_CACHE_OBJECT_H

#include "core/list.h"
#include "proxy/cache/cache_policy.h"

#include <stdatomic.h>

#define CACHE_HEAD_MAX (32 * 1024) /* bytes of a stored head; an answer with more is not stored */
#define CACHE_TAGS_MAX 1024        /* bytes of its tags; the rest is dropped */
#define CACHE_OVERHEAD 64          /* what the allocator and the tables take for each */
#define CACHE_USES_MAX 3

struct cache_far;
struct cache_store;

struct cache_body {
	_Atomic uint32_t refs;
	struct cache_store *store;
	size_t n, cap;
	char data[];
};

enum cache_queue { CACHE_QUEUE_NONE, CACHE_QUEUE_SMALL, CACHE_QUEUE_MAIN };

struct cache_object {
	_Atomic uint32_t refs;
	/* Monotonic: until then nobody else asks the backend in the background; and until then it
	 * is served stale at once, because the backend has just failed, or could not be reached. */
	_Atomic uint64_t refresh_ms, rescue_ms;
	_Atomic bool away;
	_Atomic uint8_t uses; /* hits since it was last considered for eviction, at most 3 */
	struct cache_store *store;
	size_t size; /* charged for it, its body apart */
	/* The store's. */
	struct list node; /* in a queue */
	enum cache_queue queue;
	struct cache_object *next; /* in its bucket */
	uint64_t hash;
	uint64_t number; /* of its kind in the order of storing */
	/* What it is. */
	struct slice url;   /* "https://host/path?query" */
	struct slice scope; /* what else the backend was told that chooses the answer */
	struct slice vary;  /* names of the fields that choose it, "" without Vary */
	struct slice key;   /* their values in the request it answers */
	struct slice tags;  /* with a blank between */
	struct slice head;  /* "HTTP/1.1 200 OK" and its fields, each with CRLF, without framing */
	struct slice etag, modified_text, type; /* in head; empty when it has none */
	bool has_modified;
	int64_t modified;
	uint16_t status;
	bool coded; /* compressed here: its ETag is ours */
	struct cache_terms terms;
	uint64_t came_ms;        /* monotonic: the moment that the terms count from */
	struct cache_body *body; /* NULL: it has none, or it stays on disk */
	struct cache_far *far;   /* there; NULL: it does not */
	uint64_t length;         /* of the body, wherever it is */
	char text[];
};

/* What an object is made of; everything is copied, but the body, which is taken over. */
struct cache_object_parts {
	struct slice url, scope, vary, key, tags, head;
	uint16_t status;
	bool coded;
	struct cache_terms terms;
	uint64_t came_ms;
	struct cache_far
		*far;    /* gets one more reference; NULL: the body is in memory, or nowhere yet */
	uint64_t length; /* of a body that is not in memory */
};

/* One reference, and *body is NULL afterwards; or NULL, when memory or budget are short: then the
 * body stays the caller's. *body may be NULL. */
struct cache_object *cache_object_new(struct cache_store *store,
	const struct cache_object_parts *parts, struct cache_body **body);
struct cache_object *cache_object_ref(struct cache_object *o);
/* Leaves NULL behind; *o may be NULL. */
void cache_object_unref(struct cache_object **o);
static inline struct slice
cache_object_body(const struct cache_object *o)
{
	return o->body ? slice_of(o->body->data, o->body->n) : slice_of("", 0);
}

struct report_stored;
/* What there is to say of it. */
void cache_object_report(const struct cache_object *o, uint64_t now_ms, struct report_stored *ret);

/* Room for cap bytes, or NULL: no memory, or no budget. */
struct cache_body *cache_body_new(struct cache_store *store, size_t cap);
/* Another capacity, not below n. 0, or -1: then it is as it was. Only while nobody shares it. */
int cache_body_resize(struct cache_body **body, size_t cap);
struct cache_body *cache_body_ref(struct cache_body *b);
/* Leaves NULL behind; *b may be NULL. */
void cache_body_unref(struct cache_body **b);

#endif
