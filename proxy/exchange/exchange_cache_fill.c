/*
 * The cache in the life of an exchange, towards the backend: what its answer does to what is
 * stored. It may be stored itself, may say that what is stored is still right, or, to a request
 * that changes something, that what is stored is not.
 */
#include "proxy/exchange/exchange_cache.h"

#include "core/clock.h"
#include "core/own.h"
#include "proxy/cache/cache_disk.h"
#include "proxy/cache/cache_head.h"
#include "proxy/http/coding.h"
#include "proxy/exchange/relay.h"

#define FILL_FIRST (16 * 1024) /* the first capacity of a body of unknown length */

static void
fill_clear(struct cache_fill *f)
{
	cache_body_unref(&f->body);
	cache_disk_part_drop(&f->part);
	buf_clear(&f->head);
	buf_clear(&f->vary);
	*f = (struct cache_fill){.wanted = false};
}

/* It cannot be stored after all: who waits for it need not. */
static void
fill_drop(struct exchange *x)
{
	fill_clear(&x->cached->fill);
	exchange_collapse_end(x, FLIGHT_END_PASSED);
}

void
exchange_cache_release(struct exchange *x)
{
	exchange_disk_leave(x);
	exchange_far_release(x);
	exchange_collapse_leave(x);
	exchange_collapse_end(x, FLIGHT_END_LOST);
	if (x->cached->slow.on_fire)
		timer_remove(&x->worker->timers, &x->cached->slow);
	fill_clear(&x->cached->fill);
	cache_body_unref(&x->cached->parts);
	cache_object_unref(&x->cached->object);
	cache_object_unref(&x->cached->spared);
	x->cached = NULL;
}

/* --- validation ------------------------------------------------------------------------------ */

/* RFC 9111 section 3.2: the stored head with the new one's fields. 0 or -1. */
static int
merge_head(struct exchange *x, const struct cache_object *old, struct buf *out)
{
	struct forward_response forward = {
		.response = &x->response, .body = HTTP_BODY_NONE, .date = worker_date(x->worker)};
	struct cache_facts facts;
	struct buf fresh;
	int result = -1;

	cache_facts_read(&x->response, &facts);
	buf_init(&fresh, FORWARD_RESPONSE_HEAD_MAX);
	if (forward_response_head(&forward, &fresh) == 0 &&
		exchange_rewrite_head(x, 0, &fresh) == 0)
		result = cache_head_merge(
			old->head, buf_slice(&fresh), &facts.control, old->coded, out);
	buf_clear(&fresh);
	return result;
}

/* What the merged head says counts: a 304 that repeats nothing leaves the lifetime as it was. */
static const char *
judge_merged(const struct exchange *x, struct slice head, struct cache_terms *ret)
{
	const struct cache_moment moment = {
		.asked_ms = x->cached->asked_ms, .came_ms = (int64_t)clock_wall_coarse_ms()};
	struct cache_request request = x->cached->request;
	struct http_response r;
	struct cache_facts facts;

	request.is_get = true; /* a HEAD validates as well */
	http_response_init(&r, HTTP_METHOD_GET);
	if (http_parse_response(&r, head.p, head.n) != HTTP_DONE)
		return "head";
	r.base = head.p;
	cache_facts_read(&r, &facts);
	return cache_policy_store(&request, &facts, &x->route->cache, &moment, ret);
}

static struct cache_object *
remake(struct exchange *x, struct slice head, const struct cache_terms *terms)
{
	const struct cache_object *old = x->cached->object;
	struct cache_object_parts parts = {.url = old->url,
		.scope = old->scope,
		.vary = old->vary,
		.key = old->key,
		.tags = old->tags,
		.head = head,
		.status = old->status,
		.coded = old->coded,
		.terms = *terms,
		.came_ms = clock_mono_coarse_ms(),
		.far = old->far,
		.length = old->length};
	struct cache_body *body = cache_body_ref(old->body);
	struct cache_object *o = cache_object_new(x->worker->cache, &parts, &body);

	cache_body_unref(&body);
	return o;
}

/* It is not what the backend says now. It was stale before: nobody waits for the disk to know. */
static void
remove_object(struct exchange *x)
{
	cache_store_remove(x->worker->cache, x->cached->object);
	if (x->worker->disk)
		(void)cache_disk_invalidate(x->worker->disk, x->cached->object->url, NULL);
}

/* RFC 9111 section 4.3.4: the freshened object in place of the stale one, in the store and here.
 * When memory is short, it stays as it is. */
static void
freshen(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	struct cache_terms terms = c->object->terms;
	struct cache_object *o = NULL;
	struct buf head;

	buf_init(&head, CACHE_HEAD_MAX + 2);
	if (merge_head(x, c->object, &head) == 0 && buf_append_str(&head, "\r\n") == 0) {
		c->detail = judge_merged(x, buf_slice(&head), &terms);
		head.end -= 2;
		o = remake(x, buf_slice(&head), &terms);
	}
	buf_clear(&head);
	if (!o)
		return;
	if (!c->detail) {
		if (cache_store_insert(x->worker->cache, o, &c->mark) && x->worker->disk)
			cache_disk_freshen(x->worker->disk, c->object, o, &c->mark);
	} else if (!c->request.authorized && !c->request.no_store) {
		/* Else it is not for others; theirs may be right. */
		remove_object(x);
	}
	cache_object_unref(&c->object);
	c->object = o;
}

/* The connection to the backend is free; what follows comes from the store. */
static bool
on_not_modified(struct exchange *x)
{
	struct exchange_cache *c = x->cached;

	stats_add(&x->worker->stats, STAT_CACHE_VALIDATED, 1);
	freshen(x);
	exchange_collapse_end(x, c->detail ? FLIGHT_END_PASSED : FLIGHT_END_STORED);
	iobuf_consume(&x->upstream->in, x->response.head_len);
	http_body_init(&x->answer_body, HTTP_BODY_NONE, 0);
	if (!c->background) {
		relay_end_answer(x, EXCHANGE_STORED);
		exchange_cache_serve(x);
		return true;
	}
	x->status = 304;
	x->answer_begun = true;
	relay_end_answer(x, EXCHANGE_END);
	return true;
}

/* A 304 with the ETag of something else says nothing of what is stored (RFC 9111 section 4.3.4):
 * all of it is asked for, without conditions. */
static bool
ask_for_all(struct exchange *x)
{
	struct exchange_cache *c = x->cached;

	remove_object(x);
	cache_object_unref(&c->object);
	c->conditions.n = 0; /* not the client's own, either */
	exchange_reconsider(x);
	return true;
}

bool
exchange_cache_answered(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	uint16_t status = x->response.status;

	c->forward_status = status;
	if (c->forward != CACHE_FORWARD_STALE || !c->object)
		return false;
	if (status == 304 && c->conditions.n > 0)
		return cache_answer_confirms(&x->response, c->object) ? on_not_modified(x)
								      : ask_for_all(x);
	if (status == 500 || (status >= 502 && status <= 504))
		return exchange_cache_rescue(x);
	return false;
}

/* --- invalidation ---------------------------------------------------------------------------- */

/* The end of "https://host:port". */
static size_t
origin_length(struct slice url)
{
	size_t scheme = slice_index(url, ':') + 3;

	return scheme + slice_index(slice_skip(url, scheme), '/');
}

/* In both tiers, and on no way from one to the other. */
static void
invalidate_url(struct exchange *x, struct slice url)
{
	cache_store_forbid_url(x->worker->cache, url);
	exchange_disk_invalidate(x, url);
	(void)cache_store_invalidate(x->worker->cache, url);
}

/* A reference to a place of the same origin (RFC 9111 section 4.4). */
static void
invalidate_reference(struct exchange *x, struct slice reference)
{
	struct slice url = x->cached->key.url;
	struct slice origin = slice_head(url, origin_length(url));
	struct slice path = slice_skip(url, origin.n);
	struct buf *text = &x->worker->text;
	size_t folder = 0;
	int failed = 0;

	reference = slice_head(reference, slice_index(reference, '#'));
	buf_reset(text);
	if (slice_istarts(reference, origin)) {
		failed = buf_append_slice(text, origin) |
			 buf_append_slice(text, slice_skip(reference, origin.n));
	} else if (slice_starts(reference, SLICE_LIT("//")) ||
		   memmem(reference.p, reference.n, "://", 3)) {
		return;
	} else {
		failed = buf_append_slice(text, origin);
		path = slice_head(path, slice_index(path, '?'));
		for (size_t i = 0; i < path.n; i++)
			folder = path.p[i] == '/' ? i + 1 : folder;
		if (!slice_starts(reference, SLICE_LIT("/")))
			failed |= buf_append_slice(text, slice_head(path, folder));
		failed |= buf_append_slice(text, reference);
	}
	if (!failed)
		invalidate_url(x, buf_slice(text));
}

/* A request that may have changed something, and has not failed. */
static void
invalidate(struct exchange *x, struct slice head)
{
	enum http_method method = x->request.method;
	struct cache_line l;

	if (method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD ||
		method == HTTP_METHOD_OPTIONS || method == HTTP_METHOD_TRACE ||
		x->response.status >= 400)
		return;
	invalidate_url(x, x->cached->key.url);
	cache_head_skip_status(&head);
	while (cache_head_next(&head, &l))
		if (slice_ieq(l.name, SLICE_LIT("location")) ||
			slice_ieq(l.name, SLICE_LIT("content-location")))
			invalidate_reference(x, l.value);
}

/* --- storing --------------------------------------------------------------------------------- */

/* Whether the length that is announced, or that there is none, lets it be stored. */
static const char *
refuse_length(const struct exchange *x)
{
	const struct http_response *r = &x->response;

	/* Nobody can tell such a body's end from its being cut off. */
	if (r->body == HTTP_BODY_UNTIL_CLOSE)
		return "no length";
	if (r->body == HTTP_BODY_LENGTH && r->content_length > exchange_spill_max(x))
		return "too large";
	return NULL;
}

/* Which fields chose the answer, as far as requests with this key may differ in them: a rule may
 * have made the backend see the same for all of them, or something that is nowhere to be found when
 * the next request comes. */
static const char *
decide_vary(struct exchange *x, struct buf *out)
{
	char text[CACHE_VARY_NAMES_MAX];
	struct buf said = {.data = text, .cap = sizeof(text), .max = sizeof(text)};
	struct slice names, name;

	if (cache_vary_names(&x->response, &said) < 0)
		return "vary";
	names = buf_slice(&said);
	while (http_list_next(&names, &name)) {
		enum head_rules_effect effect = exchange_head_effect(x, name);
		enum cache_vary_source source = cache_vary_source(name);

		if (effect == HEAD_RULES_FIX ||
			(effect == HEAD_RULES_LEAVE && source == CACHE_VARY_KEY))
			continue;
		if (effect == HEAD_RULES_MAKE || source == CACHE_VARY_PROXY ||
			cache_vary_add(name, out) < 0)
			return "vary";
	}
	return NULL;
}

static const char *
decide(struct exchange *x, struct cache_facts *facts)
{
	struct exchange_cache *c = x->cached;
	const struct cache_moment moment = {
		.asked_ms = c->asked_ms, .came_ms = (int64_t)clock_wall_coarse_ms()};
	const char *why;

	cache_facts_read(&x->response, facts);
	why = cache_policy_store(&c->request, facts, &x->route->cache, &moment, &c->fill.terms);
	if (why)
		return why;
	buf_init(&c->fill.vary, CACHE_VARY_NAMES_MAX);
	why = decide_vary(x, &c->fill.vary);
	return why ? why : refuse_length(x);
}

/* Whether it is a reason to take out what others have. */
static bool
says_for_all(const struct exchange *x)
{
	return x->response.status < 500 && !x->cached->request.authorized &&
	       !x->cached->request.no_store && !cache_status_refuses(x->response.status);
}

static void
end_unstored(struct exchange *x)
{
	uint16_t status = x->response.status;

	if (cache_status_refuses(status))
		exchange_collapse_pass_on(x);
	else
		exchange_collapse_end(x, status < 500 ? FLIGHT_END_PASSED : FLIGHT_END_ERROR);
}

void
exchange_cache_capture(struct exchange *x, size_t from, const struct buf *out)
{
	struct exchange_cache *c = x->cached;
	struct cache_fill *f = &c->fill;
	struct slice head = slice_skip(buf_slice(out), from);
	struct cache_facts facts;

	fill_clear(f);
	c->stored = false;
	invalidate(x, head);
	if (!c->request.is_get || c->request.bypass)
		return;
	c->detail = decide(x, &facts);
	if (c->detail) {
		fill_clear(f);
		/* What is stored is not what the backend says now, to everybody. */
		if (c->object && says_for_all(x))
			remove_object(x);
		end_unstored(x);
		return;
	}
	buf_init(&f->head, CACHE_HEAD_MAX);
	if (cache_head_keep(head, &facts.control, &f->head) < 0) {
		c->detail = "head too long";
		fill_drop(x);
		return;
	}
	f->status = x->response.status;
	f->came_ms = clock_mono_coarse_ms();
	f->wanted = true;
	c->stored = true;
}

/* The stored head as the compressed answer's, and what its coding depends on. */
static int
fill_code(struct exchange *x, struct cache_fill *f)
{
	struct coding_change change = {.coding = CODING_NONE};
	struct coding_facts facts;
	struct buf coded;
	int result;

	if (!x->route->compress.on)
		return 0;
	buf_init(&coded, CACHE_HEAD_MAX);
	if (buf_append_str(&f->head, "\r\n") < 0)
		return -1;
	coding_read_head(buf_slice(&f->head), &facts);
	facts.has_length = x->response.body == HTTP_BODY_LENGTH;
	facts.length = x->response.content_length;
	if (!coding_is_worth(&facts)) {
		f->head.end -= 2;
		return 0;
	}
	change.coding = x->compressor ? compressor_coding(x->compressor) : CODING_NONE;
	change.vary = !facts.varies;
	change.weak = x->compressor != NULL;
	result = coding_write_head(buf_slice(&f->head), &change, &coded);
	buf_clear(&f->head);
	f->head = coded;
	if (result < 0 || cache_vary_add(SLICE_LIT("accept-encoding"), &f->vary) < 0)
		return -1;
	f->head.end -= 2;
	f->coded = x->compressor != NULL;
	return 0;
}

void
exchange_cache_begin(struct exchange *x)
{
	struct cache_fill *f = &x->cached->fill;
	const struct http_response *r = &x->response;
	bool known = r->body == HTTP_BODY_LENGTH;
	size_t cap = FILL_FIRST;

	if (!f->wanted)
		return;
	if (fill_code(x, f) < 0) {
		fill_drop(x);
		return;
	}
	if (r->body == HTTP_BODY_NONE || (known && r->content_length == 0))
		return;
	if (known && !f->coded && r->content_length > cache_store_object_max(x->worker->cache)) {
		if (exchange_spill_begin(x) < 0)
			fill_drop(x);
		return;
	}
	if (known && (!f->coded || r->content_length < cap))
		cap = (size_t)r->content_length;
	f->body = cache_body_new(x->worker->cache, cap);
	if (!f->body)
		fill_drop(x);
}

/* Room for n bytes more in memory; where that would be too much, the disk takes it from here on. 0
 * or -1. */
static int
fill_grow(struct exchange *x, size_t n)
{
	struct cache_fill *f = &x->cached->fill;
	size_t max = cache_store_object_max(x->worker->cache), cap;

	if (n <= f->body->cap - f->body->n)
		return 0;
	cap = 2 * f->body->cap > max ? max : 2 * f->body->cap;
	if (cap < f->body->n + n)
		cap = f->body->n + n;
	return cap > max ? exchange_spill_begin(x) : cache_body_resize(&f->body, cap);
}

void
exchange_cache_feed(struct exchange *x, struct slice payload, bool coded)
{
	struct cache_fill *f = &x->cached->fill;

	if (!f->wanted || payload.n == 0 || coded != f->coded)
		return;
	f->n += payload.n;
	if (!f->body || (!f->part && fill_grow(x, payload.n) < 0) ||
		(f->part && exchange_spill_feed(x, payload) < 0)) {
		fill_drop(x);
		return;
	}
	if (f->part)
		return;
	memcpy(f->body->data + f->body->n, payload.p, payload.n);
	f->body->n += payload.n;
}

/* The object, out of what was taken in. NULL: the keys do not fit, or no memory. */
static struct cache_object *
fill_object(struct exchange *x, struct cache_fill *f)
{
	const struct exchange_cache *c = x->cached;
	struct cache_object_parts parts = {.url = c->key.url,
		.scope = c->key.scope,
		.vary = buf_slice(&f->vary),
		.head = buf_slice(&f->head),
		.status = f->status,
		.coded = f->coded,
		.terms = f->terms,
		.came_ms = f->came_ms,
		.length = f->part ? f->n : 0};
	struct cache_body *none = NULL, **body = f->part ? &none : &f->body;
	struct cache_object *o = NULL;
	struct buf key, tags;

	buf_init(&key, CACHE_VARY_KEY_MAX + CACHE_VARY_FIELDS_MAX + 1);
	buf_init(&tags, CACHE_TAGS_MAX);
	cache_head_tags(parts.head, CACHE_TAGS_MAX, &tags);
	if (cache_vary_key(parts.vary, &x->request, &key) == 0) {
		parts.key = buf_slice(&key);
		parts.tags = buf_slice(&tags);
		if (*body && (*body)->cap - (*body)->n > (*body)->cap / 8)
			(void)cache_body_resize(body, (*body)->n);
		o = cache_object_new(x->worker->cache, &parts, body);
	}
	buf_clear(&key);
	buf_clear(&tags);
	return o;
}

void
exchange_cache_complete(struct exchange *x, bool coded)
{
	struct exchange_cache *c = x->cached;
	struct cache_fill *f = &c->fill;
	struct cache_object *o;

	/* Bytes behind an announced length: nobody knows which of the two is true. */
	if (x->upstream && iobuf_len(&x->upstream->in) > 0)
		x->spoiled = true;
	if (!f->wanted || coded != f->coded)
		return;
	o = x->spoiled ? NULL : fill_object(x, f);
	if (f->part)
		exchange_spill_end(x, o);
	else if (o && cache_store_insert(x->worker->cache, o, &c->mark) && x->worker->disk)
		cache_disk_store(x->worker->disk, o, &c->mark);
	exchange_collapse_end(x, o ? FLIGHT_END_STORED : FLIGHT_END_PASSED);
	cache_object_unref(&o);
	fill_clear(f);
}
