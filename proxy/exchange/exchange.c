/*
 * The life of an exchange: from the first byte of the head to the access line. Own answers, the
 * loop that drives the other files, the time-outs, the end.
 */
#include "proxy/exchange/exchange.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "proxy/exchange/exchange_cache.h"

#include <stdlib.h>

static const char *const exchange_state_names[] = {
#define EXCHANGE_STATE_NAME(id, what) #id,
	EXCHANGE_STATE_TABLE(EXCHANGE_STATE_NAME)
#undef EXCHANGE_STATE_NAME
};

void
exchange_set_state(struct exchange *x, enum exchange_state state)
{
	log_debug("exchange", kv_i("fd", x->conn->origin.fd),
		kv_s("from", exchange_state_names[x->state]),
		kv_s("to", exchange_state_names[state]));
	x->state = state;
}

/* --- life ------------------------------------------------------------------------------------ */

static void
exchange_on_retry(struct timer *t)
{
	struct exchange *x = list_entry(t, struct exchange, retry);

	if (x->state == EXCHANGE_WAIT)
		exchange_on_wait_over(x);
	else if (x->state == EXCHANGE_COLLAPSE)
		exchange_collapse_timeout(x);
	else if (exchange_cache_holds(x))
		exchange_disk_timeout(x);
	x->head_held = false;
	front_drive(x->front);
}

static void
exchange_on_resolved(struct resolve_wait *wait)
{
	struct exchange *x = list_entry(wait, struct exchange, resolve);

	if (x->state == EXCHANGE_RESOLVE)
		exchange_connect(x);
	front_drive(x->front);
}

/* The states in which nothing but its answer is waited for. */
static bool
exchange_watches_client(const struct exchange *x)
{
	static const unsigned states = 1U << EXCHANGE_HEAD | 1U << EXCHANGE_RESOLVE |
				       1U << EXCHANGE_GUARD | 1U << EXCHANGE_WAIT |
				       1U << EXCHANGE_DISK | 1U << EXCHANGE_COLLAPSE |
				       1U << EXCHANGE_CONNECT | 1U << EXCHANGE_RELAY;

	return (states >> x->state & 1) && !x->answer_read;
}

/* The client has half-closed, and since then nothing of its answer has come. */
static void
exchange_on_silence(struct timer *t)
{
	struct exchange *x = list_entry(t, struct exchange, silence);

	if (exchange_watches_client(x) && x->body_sent == x->silence_sent)
		front_close(x->front, CONN_CLOSE_CLIENT_ABORT);
}

static void
exchange_free(struct exchange *x)
{
	arena_free(&x->arena);
	free(x);
}

static void
exchange_bury(struct grave *g)
{
	exchange_free(list_entry(g, struct exchange, grave));
}

static struct exchange *
exchange_take_spare(struct worker *w)
{
	struct list *node = list_first(&w->spare_exchanges);
	struct exchange *x;

	if (node) {
		list_remove(node);
		w->n_spare_exchanges--;
		if (w->n_idle_exchanges > w->n_spare_exchanges)
			w->n_idle_exchanges = w->n_spare_exchanges;
		return list_entry(node, struct exchange, node);
	}
	x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	list_init(&x->node);
	list_init(&x->grave.node);
	x->grave.bury = exchange_bury;
	x->arena = arena_new(EXCHANGE_ARENA_BLOCK, EXCHANGE_ARENA_MAX);
	if (x->arena)
		return x;
	free(x);
	return NULL;
}

struct exchange *
exchange_new(struct front *f)
{
	size_t from = offsetof(struct exchange, state);
	struct exchange *x = exchange_take_spare(f->conn->worker);

	if (!x)
		return NULL;
	memset((char *)x + from, 0, offsetof(struct exchange, request) - from);
	x->front = f;
	x->conn = f->conn;
	x->worker = f->conn->worker;
	f->complete = false;
	f->trailers = (struct slice){0};
	f->ends = false;
	f->last = false;
	x->file = -1;
	x->client = x->conn->origin.peer;
	list_init(&x->container_node);
	list_init(&x->gate.node);
	list_init(&x->tunnel_node);
	resolve_wait_init(&x->resolve, exchange_on_resolved);
	timer_init(&x->retry, exchange_on_retry);
	timer_init(&x->silence, exchange_on_silence);
	http_request_init(&x->request);
	x->began_us = worker_lately_us(x->worker);
	x->began_ms = x->began_us / 1000;
	x->began_wall_ms = clock_wall_coarse_ms();
	return x;
}

void
exchange_free_spares(struct worker *w)
{
	while (!list_empty(&w->spare_exchanges))
		exchange_free(exchange_take_spare(w));
}

bool
exchange_trim_spares(struct worker *w)
{
	size_t idle = w->n_idle_exchanges;

	for (; idle > 0 && w->n_spare_exchanges > WORKER_SPARES_AT_REST; idle--)
		exchange_free(exchange_take_spare(w));
	w->n_idle_exchanges = w->n_spare_exchanges;
	return w->n_spare_exchanges > WORKER_SPARES_AT_REST;
}

void
exchange_drop_upstream(struct exchange *x)
{
	struct upstream *u = steal_ptr(&x->upstream);

	if (u)
		upstream_close(u);
}

/* One line a request. A head that never became complete has none, unless it was answered. */
static void
exchange_log(struct exchange *x, uint64_t duration_us)
{
	struct worker *w = x->worker;
	const struct http_request *r = &x->request;
	const struct conf *conf = (x->generation ? x->generation : w->generation)->conf;
	struct access_line line = {.wall_ms = x->began_wall_ms,
		.status = x->status,
		.bytes = x->body_sent,
		.received = x->request_body.payload,
		.tls = x->conn->ssl != NULL,
		.reason = x->reason};

	if (!w->access_log.file || !conf->access_log || (!x->generation && x->status == 0))
		return;
	line.duration_ms = duration_us / 1000;
	if (x->conn->ssl)
		line.tls_version = slice_str(SSL_get_version(x->conn->ssl));
	/* Measured with a coarser clock, which may have ticked in between. */
	if (x->answered_ms > 0)
		line.upstream_ms = x->answered_ms - x->connect_began_ms;
	if (line.upstream_ms > line.duration_ms)
		line.upstream_ms = line.duration_ms;
	if (x->site)
		line.site = slice_str(x->site->hosts[0]);
	line.client = exchange_client(x);
	line.request_id = exchange_request_id(x);
	line.user = x->user;
	if (x->generation) {
		line.minor = r->minor;
		line.http2 = x->front->framed;
		line.method = http_request_slice(r, r->method_text);
		line.target = http_request_slice(r, r->target);
		line.host = http_request_slice(r, r->host_field);
		line.referer = http_request_value(r, HTTP_NAME_REFERER);
		line.user_agent = http_request_value(r, HTTP_NAME_USER_AGENT);
	}
	if (x->route)
		line.route = slice_str(x->route->path);
	line.upstream = slice_str(x->upstream_text);
	line.cache = x->cached ? exchange_cache_result(x->cached) : NULL;
	access_log_add(&w->access_log, &line, conf->access_format);
}

static void
exchange_count(struct exchange *x, uint64_t duration_us)
{
	struct stats *s = &x->worker->stats;
	const struct generation *g = x->generation ? x->generation : x->worker->generation;
	const struct route_count count = {.thread = x->worker->index,
		.status = x->status,
		.duration_us = duration_us,
		.sent = x->body_sent,
		.received = x->request_body.payload};

	/* A head that never became complete is no request, unless it was answered. */
	if (x->generation || x->status != 0)
		route_book_count(g->book, x->site, x->route, &count);

	stats_add(s, STAT_BYTES_RECEIVED, x->request_body.payload);
	stats_add(s, STAT_BYTES_SENT, x->body_sent);
	if (x->status == 0)
		return;
	stats_add(s, STAT_REQUESTS, 1);
	if (x->status >= 400 && x->status < 500)
		stats_add(s, STAT_RESPONSES_4XX, 1);
	if (x->status >= 500)
		stats_add(s, STAT_RESPONSES_5XX, 1);
}

/* Logs, counts, gives everything back. The exchange is over afterwards. */
static void
exchange_finish(struct exchange *x)
{
	struct worker *w = x->worker;
	uint64_t duration_us = worker_read_us(w) - x->began_us;

	exchange_stop_waiting(x);
	timer_remove(&w->timers, &x->silence);
	exchange_end_tunnel(x);
	exchange_drop_upstream(x);
	exchange_guard_release(x);
	if (!x->front->internal) {
		exchange_log(x, duration_us);
		exchange_count(x, duration_us);
	}
	x->file = close_fd(x->file);
	file_entry_unref(&x->entry);
	if (x->stored)
		spool_clear(x->stored);
	if (x->ahead)
		spool_clear(x->ahead);
	compressor_free(&x->compressor);
	if (x->cached)
		exchange_cache_release(x);
	generation_unref(&x->generation);
	arena_reset(x->arena);
	x->front->exchange = NULL;
	/* Its memory stays until the loop comes round: who closed the connection, deep below
	 * exchange_run, still looks at it on the way out. */
	if (w->n_spare_exchanges >= WORKER_SPARES_MAX) {
		worker_bury(w, &x->grave);
		return;
	}
	list_prepend(&w->spare_exchanges, &x->node);
	w->n_spare_exchanges++;
	if (w->n_spare_exchanges > WORKER_SPARES_AT_REST || w->blocks.n_free > BLOCK_REST_MAX)
		worker_trim_later(w);
}

void
exchange_cancel(struct exchange *x, enum conn_close_reason reason)
{
	if (!x->reason)
		x->reason = conn_close_text(reason);
	exchange_finish(x);
}

void
exchange_drain_connection(struct exchange *x)
{
	if (!x->answer_begun)
		x->keep_alive = false;
}

/* --- own answers ----------------------------------------------------------------------------- */

struct buf
exchange_out(struct exchange *x)
{
	struct iobuf *out = &x->front->out;
	struct buf b = {0};

	if (iobuf_hold(out, &x->worker->blocks) < 0)
		return b;
	b.data = out->data;
	b.start = out->start;
	b.end = out->end;
	b.cap = BLOCK_SIZE;
	b.max = BLOCK_SIZE;
	return b;
}

void
exchange_out_done(struct exchange *x, const struct buf *out)
{
	x->front->out.start = (uint32_t)out->start;
	x->front->out.end = (uint32_t)out->end;
}

/* A body that nobody read: a small one is read away, for a large one the connection ends. */
static bool
exchange_can_drain(const struct exchange *x)
{
	const struct http_body *b = &x->request_body;

	if (http_body_done(b) || x->front->framed)
		return true;
	if (x->request.expect_continue && x->wants_continue)
		return false;
	return b->kind == HTTP_BODY_LENGTH && b->left <= EXCHANGE_DRAIN_MAX;
}

/* The payload of an answer that stands whole in these bytes: what is behind its head. */
static size_t
exchange_answer_payload(struct slice answer)
{
	const char *end = memmem(answer.p, answer.n, "\r\n\r\n", 4);

	return end ? answer.n - (size_t)(end + 4 - answer.p) : 0;
}

static void
exchange_build_answer(struct exchange *x, struct answer *a, const char *why)
{
	struct buf out;
	size_t before;

	exchange_stop_waiting(x);
	exchange_drop_upstream(x);
	front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	x->keep_alive =
		x->keep_alive && exchange_can_drain(x) && (a->status != 413 || x->front->framed);
	a->date = worker_date(x->worker);
	a->method = x->request.method;
	a->keep_alive = x->keep_alive;
	a->minor = x->request.minor;
	exchange_open_page(x, a);
	if (x->route && x->route->target.type == CONF_TARGET_DIR)
		a->allow = "GET, HEAD";
	out = exchange_out(x);
	before = buf_len(&out);
	if (!out.data || answer_build(a, &out) < 0) {
		x->reason = "answer does not fit";
		x->keep_alive = false;
		x->file_left = 0;
	} else {
		if (exchange_edit_head(x, CONF_HEADER_RESPONSE, before, &out) < 0)
			why = "the header rules' fields do not fit";
		exchange_out_done(x, &out);
		x->body_sent = exchange_answer_payload(slice_skip(buf_slice(&out), before));
	}
	x->status = a->status;
	x->answer_begun = true;
	if (why)
		x->reason = why;
	exchange_set_state(x, x->file_left > 0 ? EXCHANGE_FILE : EXCHANGE_ANSWER);
}

void
exchange_answer(struct exchange *x, uint16_t status, const char *text, const char *why)
{
	struct answer a = {.status = status, .text = text};

	exchange_build_answer(x, &a, why);
}

void
exchange_answer_later(struct exchange *x, uint16_t status, uint32_t seconds, const char *why)
{
	struct answer a = {.status = status, .retry_after_s = seconds};

	exchange_build_answer(x, &a, why);
}

void
exchange_answer_challenge(struct exchange *x, struct slice challenge, const char *why)
{
	struct answer a = {.status = 401, .challenge = challenge};

	exchange_build_answer(x, &a, why);
}

void
exchange_answer_copy(
	struct exchange *x, struct http_response *r, struct slice body, const char *why)
{
	bool bare = x->request.method == HTTP_METHOD_HEAD || r->status == 204;
	struct forward_response f = {.response = r,
		.body = bare ? HTTP_BODY_NONE : HTTP_BODY_LENGTH,
		.minor = x->request.minor};
	struct buf out;
	size_t before;

	front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	x->keep_alive = x->keep_alive && exchange_can_drain(x);
	f.keep_alive = x->keep_alive;
	f.date = worker_date(x->worker);
	r->has_content_length = !bare;
	r->content_length = body.n;
	out = exchange_out(x);
	before = buf_len(&out);
	if (!out.data || forward_response_head(&f, &out) < 0 ||
		exchange_edit_head(x, CONF_HEADER_RESPONSE, before, &out) < 0 ||
		(!bare && buf_append_slice(&out, body) < 0)) {
		exchange_answer(x, 502, NULL, "the answer of another server does not fit");
		return;
	}
	exchange_out_done(x, &out);
	x->body_sent = bare ? 0 : body.n;
	x->status = r->status;
	x->answer_begun = true;
	x->reason = why;
	exchange_set_state(x, EXCHANGE_ANSWER);
}

void
exchange_redirect(struct exchange *x, uint16_t status, struct slice location)
{
	struct answer a = {.status = status, .location = location};

	exchange_build_answer(x, &a, NULL);
}

void
exchange_fail(struct exchange *x, uint16_t status, const char *why)
{
	struct worker *w = x->worker;
	const char *target = x->target ? x->target->host : x->route->target.host;

	/* One that takes too long to take a body is to blame, one that closes before all is here is
	 * not: any client could withhold it. */
	if (status == 504 || !exchange_owes_body(x))
		exchange_blame(x, why);
	if (x->cached && exchange_cache_failed(x))
		return;
	stats_add(&w->stats, STAT_UPSTREAM_FAILED, 1);
	if (x->began_ms >= w->backend_noted_ms + EXCHANGE_NOTE_MS) {
		w->backend_noted_ms = x->began_ms;
		log_warn("backend failed", kv_s("target", target),
			kv_s("address", x->upstream_text), kv_u("status", status),
			kv_s("why", why));
		worker_note(w, NOTE_BACKEND_DOWN, target, why);
	}
	exchange_answer(x, status, NULL, why);
}

void
exchange_unusable(struct exchange *x, const char *why)
{
	/* Nor is it one for those who wait for the same, or for what is stored. */
	if (x->cached)
		exchange_collapse_pass_on(x);
	stats_add(&x->worker->stats, STAT_UPSTREAM_FAILED, 1);
	exchange_answer(x, 502, NULL, why);
}

/* --- the head -------------------------------------------------------------------------------- */

void
exchange_note_malformed(struct exchange *x)
{
	if (x->front->internal)
		return;
	stats_add(&x->worker->stats, STAT_REQUESTS_BAD, 1);
	conn_violation(x->conn, VIOLATION_MALFORMED);
}

static void
exchange_refuse(struct exchange *x)
{
	enum http_reason reason = x->request.reason;

	exchange_note_malformed(x);
	x->keep_alive = false;
	exchange_answer(
		x, http_reason_status(reason), http_reason_text(reason), http_reason_text(reason));
}

bool
exchange_read_head(struct exchange *x)
{
	struct front *f = x->front;
	struct slice in = front_input(f);

	switch (http_parse_request(&x->request, in.p, in.n)) {
	case HTTP_NEED_MORE:
		return false;
	case HTTP_BAD:
		exchange_refuse(x);
		return true;
	case HTTP_DONE:
		break;
	}
	/* The head stays where it is until the exchange ends; the body is read behind it. */
	iobuf_compact(&f->in);
	x->request.base = f->in.data;
	f->in_base = x->request.head_len;
	front_take(f, x->request.head_len);
	front_set_wait(f, CONN_WAIT_NOTHING, 0);
	exchange_begin(x);
	return true;
}

void
exchange_take_head(struct exchange *x, struct slice head)
{
	front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	switch (http_parse_request(&x->request, head.p, head.n)) {
	case HTTP_NEED_MORE: /* can't be: the empty line is there */
		x->request.reason = HTTP_REASON_REQUEST_LINE;
		exchange_refuse(x);
		return;
	case HTTP_BAD:
		exchange_refuse(x);
		return;
	case HTTP_DONE:
		break;
	}
	x->request.base = head.p;
	exchange_begin(x);
}

void
exchange_refuse_head(struct exchange *x, enum http_reason reason)
{
	front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	x->request.reason = reason;
	exchange_refuse(x);
}

/* --- the loop -------------------------------------------------------------------------------- */

/* Reads the rest of a small body away, so that the next request can be found behind it. */
static bool
exchange_drain(struct exchange *x)
{
	struct front *f = x->front;
	struct slice payload;
	size_t used;

	while (!http_body_done(&x->request_body)) {
		struct slice in = front_input(f);

		if (in.n == 0) {
			if (front_read(f) == FRONT_IO_CLOSED) {
				front_close(f, CONN_CLOSE_CLIENT);
				return false;
			}
			in = front_input(f);
			if (in.n == 0)
				return false;
		}
		if (http_body_feed(&x->request_body, in.p, in.n, &used, &payload) ==
			HTTP_BODY_BAD) {
			x->keep_alive = false;
			return true;
		}
		front_take(f, used);
	}
	return true;
}

/* Of the route; before there is one, of the file, as it is now: nothing holds an older one. */
static uint64_t
exchange_timeout(const struct exchange *x, enum conf_timeout which)
{
	const struct conf_limits *limits = x->limits;

	if (!limits)
		limits = &x->worker->generation->conf->limits;
	return limits->timeout_ms[which];
}

bool
exchange_write_rest(struct exchange *x)
{
	struct front *f = x->front;
	size_t before = iobuf_len(&f->out);

	switch (front_flush(f)) {
	case FRONT_IO_OK:
		return true;
	case FRONT_IO_CLOSED:
	case FRONT_IO_END:
		front_close(f, CONN_CLOSE_CLIENT_ABORT);
		return false;
	case FRONT_IO_BLOCKED:
		break;
	}
	if (front_has_moved(f) || f->wait != CONN_WAIT_CLIENT || iobuf_len(&f->out) < before)
		(void)exchange_wait_for_client(
			x, CONN_WAIT_CLIENT, exchange_timeout(x, CONF_TIMEOUT_SEND));
	return false;
}

/* Everything is queued. GOES_ON until it is written and a body that must go is gone. */
static enum exchange_end
exchange_end(struct exchange *x)
{
	struct front *f = x->front;
	bool keep;

	f->complete = true;
	f->ends = !x->keep_alive;
	if (!exchange_write_rest(x))
		return EXCHANGE_GOES_ON;
	if (x->keep_alive && !f->framed && !exchange_drain(x)) {
		if (!f->closed && f->wait != CONN_WAIT_BODY)
			front_set_wait(f, CONN_WAIT_BODY, exchange_timeout(x, CONF_TIMEOUT_IDLE));
		return EXCHANGE_GOES_ON;
	}
	keep = x->keep_alive;
	if (!f->internal)
		x->conn->idle_ms = exchange_timeout(x, CONF_TIMEOUT_IDLE);
	f->last = x->generation && !x->request.keep_alive && http_body_done(&x->request_body);
	exchange_finish(x);
	return keep ? EXCHANGE_END_KEEP : EXCHANGE_END_CLOSE;
}

/* While nothing is to be written or read, a client that goes takes its request along. One that has
 * half-closed may wait for its answer: it is held to be gone when nothing of that has come for some
 * time. */
static bool
exchange_client_left(struct exchange *x)
{
	if (!exchange_watches_client(x))
		return false;
	switch (front_presence(x->front)) {
	case FRONT_HERE:
		break;
	case FRONT_GONE:
		return true;
	case FRONT_HALF_CLOSED:
		/* Behind the body, which may be here still: who reads it finds the end. */
		if (x->state == EXCHANGE_RELAY && !http_body_done(&x->request_body))
			break;
		if (x->silence.deadline_ms != 0 && x->body_sent == x->silence_sent)
			break;
		x->silence_sent = x->body_sent;
		timer_set(&x->worker->timers, &x->silence,
			clock_mono_coarse_ms() + EXCHANGE_SILENCE_MS);
		break;
	}
	return false;
}

/* It could go on, but others have their turn. Who is that busy is not waited for; a tunnel that is
 * to end keeps the time that it has. */
static void
exchange_give_way(struct exchange *x)
{
	if (x->state != EXCHANGE_TUNNEL || !x->tunnel->draining)
		front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	front_kick(x->front);
}

enum exchange_end
exchange_run(struct exchange *x)
{
	struct front *f = x->front;
	uint64_t began_ms = clock_mono_coarse_ms();
	bool moved = true;

	for (int turn = 0; moved && !f->closed; turn++) {
		if (turn >= CONN_TURN_MAX ||
			(turn > 1 && clock_mono_coarse_ms() - began_ms >= CONN_TURN_MS)) {
			exchange_give_way(x);
			return EXCHANGE_GOES_ON;
		}
		switch (x->state) {
		case EXCHANGE_HEAD:
		case EXCHANGE_RESOLVE:
		case EXCHANGE_GUARD:
		case EXCHANGE_WAIT:
		case EXCHANGE_DISK:
		case EXCHANGE_COLLAPSE:
		case EXCHANGE_CONNECT:
			if (exchange_client_left(x))
				front_close(f, CONN_CLOSE_CLIENT_ABORT);
			return EXCHANGE_GOES_ON;
		case EXCHANGE_BUFFER:
			moved = exchange_buffer(x);
			break;
		case EXCHANGE_RELAY:
			moved = exchange_relay(x);
			break;
		case EXCHANGE_DELIVER:
			moved = exchange_deliver(x);
			break;
		case EXCHANGE_TUNNEL:
			moved = exchange_tunnel(x);
			break;
		case EXCHANGE_STORED:
			moved = exchange_cache_send(x);
			break;
		case EXCHANGE_FILE:
			moved = exchange_send_file(x);
			break;
		case EXCHANGE_ANSWER:
		case EXCHANGE_END:
			return exchange_end(x);
		}
	}
	if (!f->closed && exchange_client_left(x))
		front_close(f, CONN_CLOSE_CLIENT_ABORT);
	return EXCHANGE_GOES_ON;
}

void
exchange_on_upstream(struct exchange *x)
{
	struct front *f = x->front;

	if (x->state == EXCHANGE_CONNECT)
		exchange_on_connecting(x);
	front_drive(f);
}

/* --- time-outs ------------------------------------------------------------------------------- */

/* A time-out of the backend: 504 while there is no answer, else the answer is cut off. */
static void
exchange_backend_timeout(struct exchange *x, const char *why)
{
	x->keep_alive = x->keep_alive && http_body_done(&x->request_body);
	if (!x->answer_begun) {
		exchange_fail(x, 504, why);
		return;
	}
	x->reason = why;
	front_close(x->front, CONN_CLOSE_BODY_CUT);
}

void
exchange_on_timeout(struct exchange *x, enum conn_wait wait)
{
	switch (wait) {
	case CONN_WAIT_HEAD:
		x->keep_alive = false;
		exchange_answer(x, 408, NULL, "request head took too long");
		break;
	case CONN_WAIT_BODY:
	case CONN_WAIT_CLIENT:
		exchange_on_client_timeout(x, wait);
		break;
	case CONN_WAIT_CONNECT:
		exchange_connect_timeout(x);
		break;
	case CONN_WAIT_SEND:
		exchange_backend_timeout(x, "backend does not take the request");
		break;
	case CONN_WAIT_READ:
		exchange_backend_timeout(x, "backend does not answer");
		break;
	case CONN_WAIT_TUNNEL:
		front_close(
			x->front, x->tunnel->draining ? CONN_CLOSE_DRAIN : CONN_CLOSE_IDLE_TIMEOUT);
		break;
	case CONN_WAIT_NOTHING:
	case CONN_WAIT_HANDSHAKE:
	case CONN_WAIT_REQUEST:
	case CONN_WAIT_LINGER:
		break;
	}
}

struct slice
exchange_host(const struct exchange *x)
{
	return http_request_slice(&x->request, x->request.host);
}
