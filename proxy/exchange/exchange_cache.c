/*
 * The cache in the life of an exchange, towards the client: the key of a request, finding what is
 * stored, serving it, and saying by Cache-Status what became of the request. What comes from a
 * backend is exchange_cache_fill.c's.
 */
#include "proxy/exchange/exchange_cache.h"

#include "core/clock.h"
#include "core/own.h"
#include "proxy/cache/cache_disk.h"
#include "proxy/cache/cache_far.h"
#include "proxy/cache/cache_fetch.h"
#include "proxy/cache/cache_parts.h"

#include <inttypes.h>
#include <stdio.h>

#define RESCUE_MS 2000       /* for so long a backend that failed is left alone */
#define SCOPE_MAX (8 * 1024) /* bytes of what a trusted peer says, and the target */
#define STATUS_LINE_MAX 256  /* one Cache-Status line */
#define DETAIL_DISK "disk"   /* a hit all the same */
#define DETAIL_LOADING "disk: its index is loading"
#define STORED_FIRST_MAX CONN_TLS_RECORD_MAX /* head and content that go in one write */

/* --- the key --------------------------------------------------------------------------------- */

static int
append_lower(struct slice s, struct buf *out)
{
	size_t at = out->end;

	if (buf_append_slice(out, s) < 0)
		return -1;
	for (; at < out->end; at++)
		if (out->data[at] >= 'A' && out->data[at] <= 'Z')
			out->data[at] = (char)(out->data[at] - 'A' + 'a');
	return 0;
}

/* "https://host[:port]/path?query": the host in lower case, everything else as the backend gets it.
 */
static int
append_url(const struct exchange *x, struct buf *out)
{
	const struct http_request *r = &x->request;

	if (buf_append_str(out, exchange_is_secure(x) ? "https://" : "http://") < 0 ||
		append_lower(http_request_slice(r, r->host_field), out) < 0 ||
		buf_append_slice(out, x->path.raw) < 0)
		return -1;
	if (!r->has_query)
		return 0;
	return buf_append_byte(out, '?') < 0
		       ? -1
		       : buf_append_slice(out, http_request_slice(r, r->query));
}

/* What else the backend is told that may choose its answer: a trusted peer's word for the place,
 * and the listener's port. And which backend it is, and what the route does to requests and to what
 * is stored, so that a changed file is not answered with what came of the one before. */
static int
append_scope(const struct exchange *x, struct buf *out)
{
	static const enum http_name claims[] = {HTTP_NAME_X_FORWARDED_PROTO,
		HTTP_NAME_X_FORWARDED_HOST, HTTP_NAME_X_FORWARDED_PORT,
		HTTP_NAME_X_FORWARDED_PREFIX};
	const uint64_t fixed[] = {x->conn->origin.port, x->route->print};

	if (buf_append(out, fixed, sizeof(fixed)) < 0)
		return -1;
	for (size_t i = 0; x->trusted && i < sizeof(claims) / sizeof(claims[0]); i++)
		if (buf_append_byte(out, '\n') < 0 ||
			buf_append_slice(out, http_request_value(&x->request, claims[i])) < 0)
			return -1;
	return 0;
}

/* Both, in the exchange's memory. 0, or -1 when there is not enough of it. */
static int
find_key(struct exchange *x, struct cache_key *ret)
{
	struct buf *text = &x->worker->text;
	size_t n;
	char *copy;

	buf_reset(text);
	if (append_url(x, text) < 0)
		return -1;
	n = buf_len(text);
	if (append_scope(x, text) < 0 || buf_len(text) - n > SCOPE_MAX)
		return -1;
	copy = arena_alloc(x->arena, buf_len(text));
	if (!copy)
		return -1;
	memcpy(copy, buf_slice(text).p, buf_len(text));
	ret->url = slice_of(copy, n);
	ret->scope = slice_of(copy + n, buf_len(text) - n);
	ret->hash = cache_store_hash(x->worker->cache, ret->url);
	return 0;
}

/* --- finding --------------------------------------------------------------------------------- */

/* What the memory tier has for the request. A body that has gone from the disk is as if it had
 * never been there. */
static enum cache_miss
find_stored(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	enum cache_miss why;

	c->object = cache_store_find(x->worker->cache, &c->key, &x->request, &why);
	if (!c->object || !c->object->far || cache_far_is_there(c->object->far))
		return why;
	cache_store_remove(x->worker->cache, c->object);
	cache_object_unref(&c->object);
	return CACHE_MISS_URL;
}

static int64_t
age_now(const struct cache_object *o)
{
	uint64_t now = clock_mono_coarse_ms();

	return cache_terms_age(&o->terms, now > o->came_ms ? now - o->came_ms : 0);
}

/* The object is stale: its validators go to the backend in place of the client's. */
static void
validate(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	struct buf *text = &x->worker->text;
	char *copy;

	c->forward = CACHE_FORWARD_STALE;
	buf_reset(text);
	if (cache_answer_conditions(c->object, text) < 0)
		return;
	/* Also where there is no validator: the client's conditions are about what it has. */
	copy = arena_alloc(x->arena, buf_len(text) + 1);
	if (!copy)
		return;
	if (buf_len(text))
		memcpy(copy, buf_slice(text).p, buf_len(text));
	c->conditions = slice_of(copy, buf_len(text));
}

static bool
only_if_cached(struct exchange *x)
{
	if (!x->cached->request.only_if_cached)
		return false;
	exchange_answer(x, 504, NULL, "only-if-cached, and it is not");
	return true;
}

static void
serve_rescued(struct exchange *x)
{
	stats_add(&x->worker->stats, STAT_CACHE_STALE, 1);
	x->cached->forward = CACHE_FORWARD_STALE;
	x->cached->detail = "the backend fails";
	exchange_cache_serve(x);
}

/* The backend has failed a moment ago: it is not asked again for every request. */
static bool
is_rescued(const struct exchange *x)
{
	struct cache_object *o = x->cached->object;

	return clock_mono_coarse_ms() < atomic_load(&o->rescue_ms) &&
	       cache_terms_rescues(&o->terms, age_now(o), atomic_load(&o->away));
}

/* Something is stored. True: it is served. */
static bool
use_object(struct exchange *x)
{
	struct exchange_cache *c = x->cached;

	switch (cache_terms_use(&c->object->terms, age_now(c->object))) {
	case CACHE_USE_FRESH:
		stats_add(&x->worker->stats, STAT_CACHE_HITS, 1);
		if (c->from_disk || c->object->far)
			c->detail = DETAIL_DISK;
		exchange_cache_serve(x);
		return true;
	case CACHE_USE_REFRESH:
		if (!cache_fetch(x))
			break;
		stats_add(&x->worker->stats, STAT_CACHE_HITS, 1);
		c->detail = "stale-while-revalidate";
		exchange_cache_serve(x);
		return true;
	case CACHE_USE_STALE:
		if (!is_rescued(x))
			break;
		serve_rescued(x);
		return true;
	}
	if (only_if_cached(x))
		return true;
	validate(x);
	return exchange_collapse(x);
}

/* What is stored, if anything, does not do. */
static bool
miss(struct exchange *x, enum cache_miss why)
{
	struct exchange_cache *c = x->cached;

	stats_add(&x->worker->stats, STAT_CACHE_MISSES, 1);
	c->unknown = x->worker->disk && cache_disk_is_loading(x->worker->disk);
	if (c->object)
		return false;
	c->forward = why == CACHE_MISS_VARY ? CACHE_FORWARD_VARY_MISS : CACHE_FORWARD_URI_MISS;
	return only_if_cached(x) || exchange_collapse(x);
}

static bool
look_up(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	enum cache_miss why = find_stored(x);

	if (c->object ? use_object(x) : exchange_disk_find(x))
		return true;
	return miss(x, why);
}

void
exchange_cache_was_read(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	enum cache_miss why;
	bool taken;

	c->mark = cache_store_mark(x->worker->cache, &c->key);
	why = find_stored(x);
	c->from_disk = c->object != NULL;
	taken = c->object && use_object(x);
	c->from_disk = false;
	if (!taken && !miss(x, why))
		exchange_start_buffer(x);
}

bool
exchange_cache_look_again(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	enum cache_miss why;

	cache_object_unref(&c->object);
	c->conditions = (struct slice){0};
	c->mark = cache_store_mark(x->worker->cache, &c->key);
	why = find_stored(x);
	if (!c->object) {
		c->forward =
			why == CACHE_MISS_VARY ? CACHE_FORWARD_VARY_MISS : CACHE_FORWARD_URI_MISS;
		return false;
	}
	return use_object(x);
}

/* Somebody has identified himself, and the backend is told who. */
static bool
is_authorized(const struct exchange *x, const struct cache_request *request)
{
	return (request->authorized && !exchange_hides_login(x)) || x->copied.n > 0;
}

bool
exchange_cache_look(struct exchange *x)
{
	struct exchange_cache *c = x->cached;

	if (c) /* it was made for the cache's own sake */
		return false;
	c = x->worker->cache ? arena_zalloc(x->arena, sizeof(*c)) : NULL;
	if (!c || find_key(x, &c->key) < 0)
		return false;
	cache_request_read(&x->request, &c->request);
	c->request.authorized = is_authorized(x, &c->request);
	c->asked_ms = (int64_t)x->began_wall_ms;
	c->mark = cache_store_mark(x->worker->cache, &c->key);
	x->cached = c;
	if (!c->request.is_get && !c->request.is_head)
		c->forward = CACHE_FORWARD_METHOD;
	else if (c->request.bypass)
		c->forward = CACHE_FORWARD_BYPASS;
	else
		return look_up(x);
	return false;
}

void
exchange_cache_ask(struct exchange *x, struct forward_request *f)
{
	f->cached = x->cached->request.is_get || x->cached->request.is_head;
	f->conditions = x->cached->conditions;
	x->cached->asked_ms = (int64_t)clock_wall_coarse_ms();
}

bool
exchange_cache_rescue(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	bool away = c->forward_status == 0;

	if (!c->object || c->forward != CACHE_FORWARD_STALE || c->background ||
		!cache_terms_rescues(&c->object->terms, age_now(c->object), away))
		return false;
	exchange_stop_waiting(x);
	exchange_drop_upstream(x);
	atomic_store(&c->object->away, away);
	atomic_store(&c->object->rescue_ms, clock_mono_coarse_ms() + RESCUE_MS);
	exchange_collapse_end(x, FLIGHT_END_ERROR);
	serve_rescued(x);
	return true;
}

/* What was fresh, and still is, see exchange_far.c. */
static bool
serve_spared(struct exchange *x)
{
	struct exchange_cache *c = x->cached;

	if (!c->spared || c->background ||
		cache_terms_use(&c->spared->terms, age_now(c->spared)) != CACHE_USE_FRESH)
		return false;
	exchange_stop_waiting(x);
	exchange_drop_upstream(x);
	c->object = steal_ptr(&c->spared);
	c->forward = CACHE_FORWARD_HIT;
	c->overdraws = true;
	exchange_cache_serve(x);
	return true;
}

bool
exchange_cache_failed(struct exchange *x)
{
	exchange_collapse_end(x, FLIGHT_END_ERROR);
	return exchange_cache_rescue(x) || serve_spared(x);
}

/* --- serving --------------------------------------------------------------------------------- */

/* What the client gets of the object. */
static void
decide_answer(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	char boundary[REQUEST_ID_LEN];

	cache_answer_decide(&x->request, c->object, &c->answer);
	if (c->answer.several) {
		request_id_next(&x->worker->request_ids, boundary);
		c->parts = cache_parts_make(
			&x->request, c->object, slice_of(boundary, sizeof(boundary)), &c->answer);
	}
	c->at = c->answer.start;
	c->left = c->answer.body ? c->answer.length : 0;
}

void
exchange_cache_serve(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	struct cache_manner manner = {.age = age_now(c->object), .minor = x->request.minor};
	struct buf out;
	size_t before;

	decide_answer(x);
	if (c->left > 0 && c->object->far && !c->far) {
		exchange_far_begin(x);
		return;
	}
	front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	x->keep_alive = x->keep_alive && http_body_done(&x->request_body);
	manner.keep_alive = x->keep_alive;
	c->serving = true;
	out = exchange_out(x);
	before = buf_len(&out);
	if (!out.data || cache_answer_head(&c->answer, c->object, &manner, &out) < 0 ||
		exchange_edit_head(x, CONF_HEADER_RESPONSE, before, &out) < 0) {
		c->left = 0;
		exchange_answer(x, 500, NULL, "stored head does not fit");
		return;
	}
	exchange_out_done(x, &out);
	x->status = c->answer.status;
	x->answer_begun = true;
	exchange_set_state(x, EXCHANGE_STORED);
}

/* What can be sent of the body now: of one on disk, what is left of a piece; empty while that is
 * being read. */
static struct slice
stored_run(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	const struct cache_body *body = c->parts ? c->parts : c->object->body;

	if (c->left == 0)
		return (struct slice){0};
	return c->far ? exchange_far_run(x) : slice_of(body->data + c->at, (size_t)c->left);
}

/* Copies the next part behind what is queued. False: memory is short. */
static bool
stored_fill(struct exchange *x, struct slice run)
{
	struct exchange_cache *c = x->cached;
	struct iobuf *out = &x->front->out;
	size_t room;

	if (iobuf_hold(out, &x->worker->blocks) < 0)
		return false;
	room = iobuf_room(out);
	/* One full record with the head; what follows is sent from where it is. */
	if (front_can_send(x->front))
		room = iobuf_len(out) < STORED_FIRST_MAX ? STORED_FIRST_MAX - iobuf_len(out) : 0;
	if (room > run.n)
		room = run.n;
	if (room)
		(void)iobuf_append(out, slice_head(run, room));
	c->at += room;
	c->left -= room;
	x->body_sent += room;
	return true;
}

/* From where it is, without a copy. */
static enum front_io
stored_send_direct(struct exchange *x, struct slice run)
{
	struct exchange_cache *c = x->cached;
	size_t n = 0;
	enum front_io result = front_send(x->front, run, &n);

	c->at += n;
	c->left -= n;
	x->body_sent += n;
	return result;
}

/* Head and first part in one write, then part by part. */
static enum front_io
stored_send_buffered(struct exchange *x, struct slice run)
{
	struct front *f = x->front;

	if (run.n >= FRONT_GATHER_MIN && front_gathers(f))
		return stored_send_direct(x, run);
	if (run.n > 0 && (!f->out.data || iobuf_room(&f->out) > 0) && !stored_fill(x, run))
		return FRONT_IO_CLOSED;
	f->complete = x->cached->left == 0;
	return front_flush(f);
}

bool
exchange_cache_send(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	struct front *f = x->front;
	size_t queued = iobuf_len(&f->out);
	uint64_t left = c->left;
	struct slice run = stored_run(x);
	enum front_io result;

	if (run.n == 0 && left > 0 && exchange_far_has_failed(x)) {
		front_close(f, CONN_CLOSE_FILE_CUT);
		return false;
	}
	if (queued == 0 && run.n > 0 && front_can_send(f))
		result = stored_send_direct(x, run);
	else
		result = stored_send_buffered(x, run);
	if (result == FRONT_IO_CLOSED) {
		front_close(f, CONN_CLOSE_CLIENT_ABORT);
		return false;
	}
	if (result == FRONT_IO_BLOCKED) {
		if (front_has_moved(f) || f->wait != CONN_WAIT_CLIENT || left != c->left ||
			queued != iobuf_len(&f->out))
			(void)exchange_wait_for_client(
				x, CONN_WAIT_CLIENT, x->limits->timeout_ms[CONF_TIMEOUT_SEND]);
		return false;
	}
	if (run.n == 0 && c->left > 0) {
		front_set_wait(f, CONN_WAIT_NOTHING, 0); /* until the disk has answered */
		return false;
	}
	if (c->left > 0 || iobuf_len(&f->out) > 0)
		return true;
	if (c->forward == CACHE_FORWARD_HIT)
		stats_add(&x->worker->stats, STAT_CACHE_BYTES, x->body_sent);
	exchange_set_state(x, EXCHANGE_END);
	return true;
}

/* --- Cache-Status (RFC 9211) ----------------------------------------------------------------- */

static const char *const forward_names[] = {
#define CACHE_FORWARD_NAME(id, name) name,
	CACHE_FORWARD_TABLE(CACHE_FORWARD_NAME)
#undef CACHE_FORWARD_NAME
};

/* Appends what was forwarded, and what came of it. */
static int
append_forward(const struct exchange_cache *c, struct buf *out)
{
	if (c->forward == CACHE_FORWARD_HIT)
		return buf_append_str(out, "; hit");
	if (buf_printf(out, "; fwd=%s", forward_names[c->forward]) < 0)
		return -1;
	if (c->forward_status &&
		buf_printf(out, "; fwd-status=%u", (unsigned)c->forward_status) < 0)
		return -1;
	if (c->collapsed && buf_append_str(out, "; collapsed") < 0)
		return -1;
	return c->stored ? buf_append_str(out, "; stored") : 0;
}

static int
write_status(const struct exchange *x, struct buf *out)
{
	const struct exchange_cache *c = x->cached;
	const char *detail;

	if (buf_append_str(out, "Cache-Status: Sluice") < 0 || append_forward(c, out) < 0)
		return -1;
	/* What is sent from the store says for how long it is fresh yet: less than 0 is stale. */
	if (c->serving && buf_printf(out, "; ttl=%" PRId64,
				  c->object->terms.lifetime_s - age_now(c->object)) < 0)
		return -1;
	detail = c->detail ? c->detail : c->unknown && !c->serving ? DETAIL_LOADING : NULL;
	if (detail && buf_printf(out, "; detail=\"%s\"", detail) < 0)
		return -1;
	return buf_append_str(out, "\r\n");
}

const char *
exchange_cache_result(const struct exchange_cache *c)
{
	switch (c->forward) {
	case CACHE_FORWARD_HIT:
		return c->detail && strcmp(c->detail, DETAIL_DISK) != 0 ? "stale" : "hit";
	case CACHE_FORWARD_BYPASS:
	case CACHE_FORWARD_METHOD:
		return "bypass";
	case CACHE_FORWARD_URI_MISS:
	case CACHE_FORWARD_VARY_MISS:
		return c->collapsed ? "collapsed" : "miss";
	case CACHE_FORWARD_STALE:
		break;
	}
	if (c->collapsed)
		return "collapsed";
	if (!c->serving)
		return "expired";
	return c->forward_status == 304 ? "revalidated" : "stale";
}

int
exchange_cache_status(const struct exchange *x, size_t from, struct buf *out)
{
	char text[STATUS_LINE_MAX];
	struct buf line = {.data = text, .cap = sizeof(text), .max = sizeof(text)};
	struct slice head = slice_skip(buf_slice(out), from);
	const char *end = memmem(head.p, head.n, "\r\n\r\n", 4);
	size_t at, n;

	if (!end || write_status(x, &line) < 0)
		return -1;
	at = (size_t)(end + 2 - out->data);
	n = buf_len(&line);
	if (!buf_reserve(out, n))
		return -1;
	memmove(out->data + at + n, out->data + at, out->end - at);
	memcpy(out->data + at, text, n);
	buf_commit(out, n);
	return 0;
}
