/*
 * Answers that are stored and too large for memory: they go to disk piece by piece while they are
 * relayed, by the disk tier's thread. Where that does not keep up, they are not stored, and the
 * client notices nothing.
 */
#include "proxy/exchange/exchange_cache.h"

#include "core/clock.h"
#include "proxy/cache/cache_disk.h"

#define SPILL_COLLAPSE_MS 3000 /* for so long others wait for it to be complete */

uint64_t
exchange_spill_max(const struct exchange *x)
{
	uint64_t memory = cache_store_object_max(x->worker->cache);
	uint64_t disk = x->worker->disk && memory ? cache_disk_large_max(x->worker->disk) : 0;

	return memory > disk ? memory : disk;
}

/* How many bytes may come at most. */
static uint64_t
body_max(const struct exchange *x)
{
	const struct http_response *r = &x->response;

	return r->body == HTTP_BODY_LENGTH && !x->cached->fill.coded ? r->content_length
								     : exchange_spill_max(x);
}

static size_t
texts_max(const struct exchange_cache *c)
{
	return c->key.url.n + c->key.scope.n + buf_len(&c->fill.vary) + CACHE_VARY_KEY_MAX +
	       CACHE_VARY_FIELDS_MAX + 1 + CACHE_TAGS_MAX + buf_len(&c->fill.head);
}

/* What is in memory already goes first; what is not a whole piece begins the next one. */
static int
spill_body(struct exchange *x, struct cache_body *next)
{
	struct cache_fill *f = &x->cached->fill;
	size_t rest = f->body->n % CACHE_FAR_PIECE;

	f->body->n -= rest;
	memcpy(next->data, f->body->data + f->body->n, rest);
	next->n = rest;
	if (f->body->n > 0 && !exchange_disk_write(x, &f->body))
		return -1;
	cache_body_unref(&f->body);
	return 0;
}

int
exchange_spill_begin(struct exchange *x)
{
	struct cache_fill *f = &x->cached->fill;
	struct cache_body *next;
	int rc = 0;

	if (!x->worker->disk)
		return -1;
	f->part = cache_disk_part_new(x->worker->disk, texts_max(x->cached), body_max(x));
	next = f->part ? cache_body_new(x->worker->cache, CACHE_FAR_PIECE) : NULL;
	if (!next)
		return -1;
	if (f->body)
		rc = spill_body(x, next);
	if (rc == 0)
		f->body = next;
	else
		cache_body_unref(&next);
	return rc;
}

/* The piece is full. */
static int
spill_piece(struct exchange *x)
{
	struct cache_fill *f = &x->cached->fill;

	if (!exchange_disk_write(x, &f->body))
		return -1;
	f->body = cache_body_new(x->worker->cache, CACHE_FAR_PIECE);
	return f->body ? 0 : -1;
}

int
exchange_spill_feed(struct exchange *x, struct slice payload)
{
	struct cache_fill *f = &x->cached->fill;

	if (f->n > body_max(x))
		return -1;
	/* A slow client, or a slow backend: nobody waits for all of a large answer. */
	if (x->cached->flight && clock_mono_coarse_ms() - f->came_ms > SPILL_COLLAPSE_MS)
		exchange_collapse_end(x, FLIGHT_END_PASSED);
	while (payload.n > 0) {
		struct slice part = slice_head(payload, CACHE_FAR_PIECE - f->body->n);

		memcpy(f->body->data + f->body->n, part.p, part.n);
		f->body->n += part.n;
		payload = slice_skip(payload, part.n);
		if (f->body->n == CACHE_FAR_PIECE && spill_piece(x) < 0)
			return -1;
	}
	return 0;
}

void
exchange_spill_drop(struct exchange *x)
{
	struct cache_fill *f = &x->cached->fill;

	cache_body_unref(&f->body);
	cache_disk_part_drop(&f->part);
	f->wanted = false;
	exchange_collapse_end(x, FLIGHT_END_PASSED);
}

void
exchange_spill_end(struct exchange *x, struct cache_object *o)
{
	struct exchange_cache *c = x->cached;
	struct cache_fill *f = &c->fill;

	if (o && (f->body->n == 0 || exchange_disk_write(x, &f->body)))
		cache_disk_part_end(
			x->worker->disk, &f->part, o, &c->mark, x->worker->flights, &c->flight);
	exchange_collapse_end(x, FLIGHT_END_PASSED); /* if it is still there */
}
