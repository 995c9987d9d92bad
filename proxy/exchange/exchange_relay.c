/*
 * The bytes of a proxied exchange: the request towards the backend, the answer towards the client,
 * both at once, both re-framed, each through one bounded buffer. Whoever is slow slows the other:
 * a full buffer means that nothing more is read for it. Whatever was read is written at once.
 */
#include "proxy/exchange/relay.h"

#include "core/clock.h"
#include "core/own.h"
#include "proxy/http/answer.h"
#include "proxy/exchange/exchange_cache.h"

/* How long a head with a length waits for the first byte of its body. */
#define RELAY_HOLD_MS 250

int
relay_append(struct iobuf *out, enum http_body_kind kind, struct slice payload)
{
	char head[HTTP_CHUNK_HEAD_MAX];
	size_t n;

	if (payload.n == 0)
		return 0;
	if (kind != HTTP_BODY_CHUNKED)
		return iobuf_append(out, payload);
	n = http_chunk_head(head, payload.n);
	if (iobuf_append(out, slice_of(head, n)) < 0 || iobuf_append(out, payload) < 0)
		return -1;
	return iobuf_append(out, SLICE_LIT(HTTP_CHUNK_TAIL));
}

/* --- the request ----------------------------------------------------------------------------- */

static int
relay_build_head(struct exchange *x, struct iobuf *out)
{
	const struct conf_target *t = x->target;
	struct forward_request f = {.request = &x->request,
		.path = &x->path,
		.matched = x->matched,
		.replacement = slice_str(t->path),
		.prefix = exchange_prefix(x),
		.client = exchange_client(x),
		.peer = slice_str(x->conn->peer),
		.trusted = x->trusted,
		.hides_login = exchange_hides_login(x),
		.added = x->copied,
		.upgrade = slice_str(x->upgrade),
		.request_id = exchange_request_id(x),
		.host = slice_str(t->host),
		.tls = exchange_is_secure(x),
		.port = x->conn->origin.port};
	struct buf b = {.cap = BLOCK_SIZE, .max = BLOCK_SIZE};
	size_t before;

	f.n_replaced = exchange_replaced(x, &f.replaced);
	if (x->cached)
		exchange_cache_ask(x, &f);
	if (iobuf_hold(out, &x->worker->blocks) < 0)
		return -1;
	b.data = out->data;
	if (exchange_put_proxy_header(x, &b) < 0)
		return -1;
	before = buf_len(&b);
	if (forward_request_head(&f, &b) < 0 ||
		exchange_edit_head(x, CONF_HEADER_REQUEST, before, &b) < 0 ||
		exchange_note_host(x, slice_skip(buf_slice(&b), before)) < 0)
		return -1;
	out->start = (uint32_t)b.start;
	out->end = (uint32_t)b.end;
	return 0;
}

void
exchange_start_relay(struct exchange *x)
{
	struct upstream *u = x->upstream;

	timer_remove(&x->worker->timers, &x->retry);
	memcpy(x->upstream_text, u->pool->text, sizeof(x->upstream_text));
	x->sends++;
	x->request_sent = false;
	x->upload_broken = false;
	x->spoiled = false;
	x->hasty = false;
	if (x->stored)
		spool_rewind(x->stored);
	x->interims = 0;
	http_response_init(&x->response, x->request.method);
	x->response.protocol = slice_str(x->upgrade);
	exchange_judge_odd_fields(x);
	if (relay_build_head(x, &u->out) < 0) {
		exchange_answer(x, 431, NULL, "head does not fit when forwarded");
		return;
	}
	x->progress = true;
	exchange_set_state(x, EXCHANGE_RELAY);
}

void
relay_refuse(struct exchange *x, uint16_t status, const char *why)
{
	x->keep_alive = false;
	x->front->wasted = true;
	if (!x->answer_begun) {
		exchange_answer(x, status, NULL, why);
		return;
	}
	x->reason = why;
	front_close(x->front, CONN_CLOSE_CLIENT_ABORT);
}

/* The client waits for this before it sends its body (RFC 9110 section 10.1.1). */
void
relay_say_continue(struct exchange *x)
{
	struct front *f = x->front;

	if (!x->wants_continue || front_input(f).n > 0 || x->answer_begun)
		return;
	x->wants_continue = false;
	if (iobuf_hold(&f->out, &x->worker->blocks) == 0)
		(void)iobuf_append(&f->out, SLICE_LIT(ANSWER_CONTINUE));
}

bool
relay_feed_request(struct exchange *x, struct slice in, size_t *ret_used, struct slice *ret_payload)
{
	uint64_t limit = x->limits->body_limit;

	x->wants_continue = false;
	if (http_body_feed(&x->request_body, in.p, in.n, ret_used, ret_payload) == HTTP_BODY_BAD) {
		stats_add(&x->worker->stats, STAT_REQUESTS_BAD, 1);
		relay_refuse(x, http_reason_status(x->request_body.reason),
			http_reason_text(x->request_body.reason));
		return false;
	}
	if (limit != 0 && x->request_body.payload > limit) {
		relay_refuse(x, 413, "body larger than body-limit");
		return false;
	}
	return true;
}

/* Takes one run of the body. False when nothing came of it, or the exchange took another way. */
static bool
relay_take_body(struct exchange *x)
{
	struct iobuf *out = &x->upstream->out;
	struct front *f = x->front;
	struct slice in = slice_head(front_input(f), relay_room(out) - RELAY_FRAMING_MAX);
	struct slice payload = {0};
	size_t used = 0;

	if (x->stored)
		relay_forget_stored(x);
	x->body_touched = true;
	if (!relay_feed_request(x, in, &used, &payload))
		return false;
	if (iobuf_hold(out, &x->worker->blocks) < 0 ||
		relay_append(out, x->request.body, payload) < 0) {
		front_close(f, CONN_CLOSE_MEMORY);
		return false;
	}
	front_take(f, used);
	return true;
}

/* More of the client's body. OK: there are bytes; END: that was all. Otherwise it is waited for, or
 * the exchange has taken another way. */
static enum front_io
relay_read_body(struct exchange *x)
{
	struct front *f = x->front;
	enum front_io result = front_input(f).n > 0 ? FRONT_IO_OK : front_read(f);

	if (result == FRONT_IO_OK || result == FRONT_IO_BLOCKED)
		return result;
	if (result == FRONT_IO_END && relay_refuse_trailers(x))
		return FRONT_IO_CLOSED;
	if (result == FRONT_IO_END && http_body_close(&x->request_body) == 0)
		return FRONT_IO_END;
	front_close(f, CONN_CLOSE_CLIENT_ABORT);
	return FRONT_IO_CLOSED;
}

/* Moves the client's body into the buffer towards the backend. True when something moved. */
static bool
relay_fill_request(struct exchange *x)
{
	struct iobuf *out = &x->upstream->out;
	struct front *f = x->front;
	bool moved = false;

	relay_say_continue(x);
	if (x->stored && !relay_send_stored(x, &moved))
		return moved;
	while (!http_body_done(&x->request_body)) {
		enum front_io result;

		if (relay_room(out) < RELAY_ROOM_MIN)
			return moved;
		result = relay_read_body(x);
		if (result == FRONT_IO_END)
			break;
		if (result != FRONT_IO_OK)
			return moved;
		if (!relay_take_body(x))
			return true;
		moved = true;
	}
	if (x->request.body == HTTP_BODY_CHUNKED &&
		!relay_append_last(out, relay_request_trailers(x)))
		return moved;
	x->request_sent = true;
	front_settle(f);
	return true;
}

/* The backend takes no more. It may have said why before it closed: that is read yet. */
static void
relay_break_upload(struct exchange *x)
{
	struct upstream *u = x->upstream;

	x->upload_broken = true;
	iobuf_release(&u->out, &x->worker->blocks);
	u->readable = true;
	u->finished = true;
}

/* Reads from the client and writes to the backend in turns, until one of them has had enough. */
static bool
relay_request(struct exchange *x)
{
	bool moved = false;

	for (int turn = 0; turn < RELAY_TURN_MAX && !x->upload_broken; turn++) {
		bool filled = !x->request_sent && relay_fill_request(x);
		enum upstream_io result;
		size_t queued;

		if (x->state != EXCHANGE_RELAY || x->front->closed)
			return true;
		queued = iobuf_len(&x->upstream->out);
		result = queued ? upstream_write(x->upstream) : UPSTREAM_OK;
		if (result == UPSTREAM_CLOSED)
			relay_break_upload(x);
		moved = moved || filled || iobuf_len(&x->upstream->out) < queued;
		/* All of it written: there is room again for what could not be taken before. */
		if (result != UPSTREAM_OK || x->request_sent || (!filled && queued == 0))
			break;
	}
	return moved;
}

/* --- the answer's head ----------------------------------------------------------------------- */

static void
relay_begin_answer(struct exchange *x)
{
	const struct http_response *r = &x->response;
	struct forward_response f = {.response = r, .minor = x->request.minor};
	bool fresh = iobuf_len(&x->front->out) == 0;
	struct buf out;
	size_t before;

	exchange_answered(x);
	/* RFC 8441 section 5: to an HTTP/2 client 2xx would say that the tunnel stands. */
	if (x->front->framed && x->upgrade && r->status < 300) {
		x->front->wasted = true;
		exchange_unusable(x, "backend does not switch to WebSocket");
		return;
	}
	x->hasty = !x->request_sent || iobuf_len(&x->upstream->out) > 0;
	if (x->cached && exchange_cache_answered(x))
		return;
	/* A front that frames bodies itself gets them as HTTP/1.0 does: without chunks. */
	x->answer_kind = forward_response_body(
		r, x->front->framed ? 0 : x->request.minor, x->request.method);
	/* A body that is still arriving would stand before the next request. */
	x->keep_alive = x->keep_alive && x->answer_kind != HTTP_BODY_UNTIL_CLOSE &&
			http_body_done(&x->request_body);
	f.body = x->answer_kind;
	f.trailers = relay_wants_trailers(x);
	f.keep_alive = x->keep_alive;
	f.date = worker_date(x->worker);
	out = exchange_out(x);
	before = buf_len(&out);
	if (!out.data || forward_response_head(&f, &out) < 0 ||
		exchange_rewrite_head(x, before, &out) < 0) {
		exchange_unusable(x, "answer's head does not fit when forwarded");
		return;
	}
	if (x->cached)
		exchange_cache_capture(x, before, &out);
	if (exchange_edit_head(x, CONF_HEADER_RESPONSE, before, &out) < 0 ||
		exchange_compress_head(x, before, &out, &x->answer_kind) < 0) {
		exchange_unusable(x, "answer's head does not fit when forwarded");
		return;
	}
	exchange_out_done(x, &out);
	x->status = r->status;
	x->answer_begun = true;
	x->unsent = fresh;
	x->head_held = fresh && x->answer_kind != HTTP_BODY_NONE && r->body == HTTP_BODY_LENGTH &&
		       r->content_length > 0;
	http_body_init(&x->answer_body, r->body, r->content_length);
	if (f.trailers)
		relay_keep_answer_trailers(x);
	iobuf_consume(&x->upstream->in, r->head_len);
	if (x->cached)
		exchange_cache_begin(x);
}

/* 101: the head goes on, and what follows it is a tunnel. */
static void
relay_switch(struct exchange *x)
{
	struct forward_response f = {.response = &x->response,
		.minor = 1,
		.upgrade = slice_str(x->upgrade),
		.framed = x->front->framed,
		.keep_alive = true,
		.date = worker_date(x->worker)};
	struct buf out;

	exchange_answered(x);
	if (!exchange_start_tunnel(x))
		return;
	out = exchange_out(x);
	if (!out.data || forward_response_head(&f, &out) < 0) {
		front_close(x->front, CONN_CLOSE_MEMORY);
		return;
	}
	exchange_out_done(x, &out);
	x->status = x->front->framed ? 200 : x->response.status;
	x->answer_begun = true;
	iobuf_consume(&x->upstream->in, x->response.head_len);
	exchange_settle_tunnel(x);
}

/* Hints for a client that has time to follow them; none of HTTP/1.0 knows interim answers (RFC 9110
 * section 15.2). Where there is no room they are left out: they are hints. */
static void
relay_hint(struct exchange *x)
{
	struct buf out;

	if (x->response.status != 103 || x->request.minor == 0 || x->answer_begun)
		return;
	out = exchange_out(x);
	if (out.data && forward_early_hints(&x->response, &out) == 0)
		exchange_out_done(x, &out);
}

/* 1xx: only 103 is passed on (RFC 9110 section 15.2 lets a proxy drop what it did not ask for). */
static void
relay_interim(struct exchange *x)
{
	relay_hint(x);
	iobuf_consume(&x->upstream->in, x->response.head_len);
	http_response_init(&x->response, x->request.method);
	x->response.protocol = slice_str(x->upgrade);
	if (++x->interims > HTTP_INTERIM_MAX)
		exchange_fail(x, 502, "too many interim answers");
}

/* A server that repeats what it was asked, in Location or elsewhere, says as much as the client
 * wants it to. */
static bool
relay_head_is_large(const struct http_response *r)
{
	return r->reason == HTTP_REASON_FIELD_TOO_LONG || r->reason == HTTP_REASON_HEAD_TOO_LARGE ||
	       r->reason == HTTP_REASON_TOO_MANY_FIELDS;
}

/* True when the head is complete, or the exchange took another way. */
static bool
relay_parse_head(struct exchange *x)
{
	struct upstream *u = x->upstream;

	while (iobuf_len(&u->in) > 0) {
		struct slice in = iobuf_slice(&u->in);

		switch (http_parse_response(&x->response, in.p, in.n)) {
		case HTTP_NEED_MORE:
			return false;
		case HTTP_BAD:
			if (!relay_head_is_large(&x->response)) {
				exchange_fail(x, 502, http_reason_text(x->response.reason));
				return true;
			}
			exchange_answered(x);
			exchange_unusable(x, http_reason_text(x->response.reason));
			return true;
		case HTTP_DONE:
			break;
		}
		if (x->response.switched) {
			relay_switch(x);
			return true;
		}
		if (!x->response.interim) {
			relay_begin_answer(x);
			return true;
		}
		relay_interim(x);
		if (x->state != EXCHANGE_RELAY)
			return true;
	}
	return false;
}

/* A head has its time-out once: what comes behind its first bytes is no progress before it is
 * whole, or a backend could hold the client for as long as its head may be in bytes. */
static bool
relay_answer_head(struct exchange *x)
{
	struct upstream *u = x->upstream;
	unsigned interims;
	bool moved = false;
	int error;

	for (;;) {
		switch (upstream_read(u, &error)) {
		case UPSTREAM_BLOCKED:
			return moved;
		case UPSTREAM_CLOSED:
			if (x->got_bytes)
				exchange_fail(x, 502, "backend closed inside its answer's head");
			else
				exchange_lost(x, "backend closed without an answer");
			return true;
		case UPSTREAM_OK:
			break;
		}
		moved = moved || !x->got_bytes;
		x->got_bytes = true;
		interims = x->interims;
		if (relay_parse_head(x))
			return true;
		moved = moved || x->interims != interims;
	}
}

/* --- the answer's body ----------------------------------------------------------------------- */

/* Nothing but the answer has come on this connection, and all of the request went out. */
static bool
relay_may_reuse(const struct exchange *x)
{
	const struct upstream *u = x->upstream;

	return !x->route->proxy_protocol && x->response.keep_alive && x->request_sent &&
	       !x->upload_broken && !x->spoiled && !x->hasty && !u->finished && !u->lost &&
	       iobuf_len(&u->out) == 0 && iobuf_len(&u->in) == 0;
}

/* The backend's part is over. */
void
relay_end_answer(struct exchange *x, enum exchange_state next)
{
	x->answer_read = true;
	if (x->cached)
		exchange_cache_complete(x, false);
	upstream_settle(x->upstream);
	if (relay_may_reuse(x))
		upstream_return(steal_ptr(&x->upstream), x->response.idle_s);
	else
		exchange_drop_upstream(x);
	front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	exchange_set_state(x, next);
}

/* Reads straight into the buffer towards the client, where no framing stands between. */
static enum upstream_io
relay_read_through(struct exchange *x)
{
	struct iobuf *out = &x->front->out;
	struct slice payload = {0};
	enum upstream_io result;
	uint32_t before;
	size_t used = 0;
	int error;

	if (iobuf_room(out) < RELAY_ROOM_MIN)
		iobuf_compact(out);
	before = out->end;
	result = upstream_read_into(x->upstream, out, &error);
	if (result != UPSTREAM_OK)
		return result;
	(void)http_body_feed(
		&x->answer_body, out->data + before, out->end - before, &used, &payload);
	x->spoiled = x->spoiled || before + used < out->end;
	x->body_sent += payload.n;
	if (x->cached)
		exchange_cache_feed(x, payload, false);
	x->head_held = false;
	out->end = before + (uint32_t)used;
	return UPSTREAM_OK;
}

/* Takes one run of the body from what was read. */
static void
relay_take_answer(struct exchange *x)
{
	struct iobuf *out = &x->front->out;
	struct slice in =
		slice_head(iobuf_slice(&x->upstream->in), relay_room(out) - RELAY_FRAMING_MAX);
	struct slice payload = {0};
	size_t used = 0;

	if (http_body_feed(&x->answer_body, in.p, in.n, &used, &payload) == HTTP_BODY_BAD) {
		relay_broken(x);
		return;
	}
	if (relay_append(out, x->answer_kind, payload) < 0) {
		relay_cut(x, "out of memory");
		return;
	}
	if (x->cached)
		exchange_cache_feed(x, payload, false);
	x->body_sent += payload.n;
	x->head_held = false;
	iobuf_consume(&x->upstream->in, used);
}

static bool
relay_reads_through(const struct exchange *x)
{
	return x->answer_body.kind != HTTP_BODY_CHUNKED && x->answer_kind != HTTP_BODY_CHUNKED &&
	       !x->compressor;
}

bool
relay_make_room(struct exchange *x)
{
	struct front *f = x->front;

	if (f->out.data && relay_room(&f->out) < RELAY_ROOM_MIN) {
		x->head_held = x->unsent = false;
		if (front_flush(f) == FRONT_IO_CLOSED)
			front_close(f, CONN_CLOSE_CLIENT_ABORT);
		if (f->closed || relay_room(&f->out) < RELAY_ROOM_MIN)
			return false;
	}
	if (iobuf_hold(&f->out, &x->worker->blocks) == 0)
		return true;
	front_close(f, CONN_CLOSE_MEMORY);
	return false;
}

/* Nothing more can be read now: what the compressor holds goes to the client. */
static bool
relay_flush_compressor(struct exchange *x)
{
	struct slice nothing = {0};

	if (!x->compress_dirty)
		return false;
	x->compress_dirty = !exchange_compress(x, COMPRESSOR_FLUSH, &nothing);
	return !x->compress_dirty;
}

/* Takes one run of the body from what was read into the compressor. It stays where it is until all
 * of it was taken. */
static bool
relay_compress(struct exchange *x)
{
	struct slice in = iobuf_slice(&x->upstream->in);

	if (x->run_used == 0 && http_body_feed(&x->answer_body, in.p, in.n, &x->run_used,
					&x->run) == HTTP_BODY_BAD) {
		relay_broken(x);
		return true;
	}
	x->head_held = false;
	x->compress_dirty = x->compress_dirty || x->run.n > 0;
	if (!exchange_compress(x, COMPRESSOR_MORE, &x->run))
		return false;
	iobuf_consume(&x->upstream->in, x->run_used);
	x->run_used = 0;
	return true;
}

/* All of it was taken in: the end of the compressed body. */
static bool
relay_end_compressor(struct exchange *x)
{
	struct slice nothing = {0};

	return relay_make_room(x) && exchange_compress(x, COMPRESSOR_END, &nothing);
}

/* False when the body cannot go on now; the client's buffer holds a block and has room. */
static bool
relay_body_step(struct exchange *x)
{
	enum upstream_io result;
	int error;

	if (x->compressor && iobuf_len(&x->upstream->in) > 0)
		return relay_compress(x);
	if (iobuf_len(&x->upstream->in) > 0) {
		relay_take_answer(x);
		return true;
	}
	if (relay_reads_through(x))
		result = relay_read_through(x);
	else
		result = upstream_read(x->upstream, &error);
	if (result == UPSTREAM_CLOSED)
		relay_upstream_closed(x);
	if (result == UPSTREAM_BLOCKED && x->compressor)
		return relay_flush_compressor(x);
	return result != UPSTREAM_BLOCKED;
}

bool
relay_finish_body(struct exchange *x, bool *moved)
{
	while (x->compressor) {
		if (!relay_end_compressor(x) &&
			(x->front->closed || relay_room(&x->front->out) < RELAY_ROOM_MIN))
			return false;
		*moved = true;
	}
	if (x->front->framed)
		x->front->trailers = relay_answer_trailers(x);
	if (x->answer_kind != HTTP_BODY_CHUNKED)
		return true;
	if (iobuf_hold(&x->front->out, &x->worker->blocks) < 0) {
		front_close(x->front, CONN_CLOSE_MEMORY);
		return false;
	}
	return relay_append_last(&x->front->out, relay_answer_trailers(x));
}

/* One step of the body, to the client or, while that is slow, ahead of it. */
static bool
relay_body_turn(struct exchange *x)
{
	bool moved = false;
	bool room = relay_pour_ahead(x, &moved);

	if (x->front->closed)
		return true;
	return (room ? relay_body_step(x) : relay_read_ahead(x)) || moved;
}

static bool
relay_answer_body(struct exchange *x)
{
	bool moved = false;

	for (int turn = 0; !http_body_done(&x->answer_body) || x->run_used > 0; turn++) {
		if (turn == RELAY_TURN_MAX || exchange_cache_holds(x) || !relay_body_turn(x))
			return moved;
		moved = true;
		if (x->front->closed || x->state != EXCHANGE_RELAY || !x->answer_begun)
			return true;
	}
	if (x->ahead && spool_unread(x->ahead) > 0) {
		relay_end_answer(x, EXCHANGE_DELIVER);
		return true;
	}
	if (!relay_finish_body(x, &moved))
		return moved;
	relay_end_answer(x, EXCHANGE_END);
	return true;
}

static bool
relay_answer(struct exchange *x)
{
	bool moved = false;

	if (!x->answer_begun)
		moved = relay_answer_head(x);
	if (exchange_cache_holds(x))
		return moved;
	if (x->answer_begun && x->state == EXCHANGE_RELAY && !x->front->closed)
		moved = relay_answer_body(x) || moved;
	return moved;
}

/* --- both ------------------------------------------------------------------------------------ */

/* Who is waited for decides which time-out runs; it starts over whenever something moves. False:
 * the client was too slow. */
static bool
relay_set_wait(struct exchange *x)
{
	const uint64_t *timeout = x->limits->timeout_ms;
	struct front *f = x->front;
	enum conn_wait wait = CONN_WAIT_READ;
	enum conf_timeout which = CONF_TIMEOUT_READ;

	if (iobuf_len(&f->out) > 0 && !x->head_held && !exchange_cache_holds(x)) {
		wait = CONN_WAIT_CLIENT;
		which = CONF_TIMEOUT_SEND;
	} else if (iobuf_len(&x->upstream->out) > 0) {
		wait = CONN_WAIT_SEND;
		which = CONF_TIMEOUT_SEND;
	} else if (!x->request_sent && !x->upload_broken) {
		wait = CONN_WAIT_BODY;
		which = CONF_TIMEOUT_IDLE;
	}
	if (!x->progress && wait == f->wait)
		return true;
	x->progress = false;
	if (wait == CONN_WAIT_CLIENT || wait == CONN_WAIT_BODY)
		return exchange_wait_for_client(x, wait, timeout[which]);
	pace_stop(&x->pace);
	front_set_wait(f, wait, timeout[which]);
	return true;
}

/* False when the client is gone. */
static bool
relay_flush(struct exchange *x, bool *moved)
{
	struct front *f = x->front;
	size_t before = iobuf_len(&f->out);

	if (before == 0 || exchange_cache_holds(x))
		return true;
	if (x->head_held) {
		if (x->retry.deadline_ms == 0)
			timer_set(&x->worker->timers, &x->retry,
				clock_mono_coarse_ms() + RELAY_HOLD_MS);
		return true;
	}
	x->unsent = false;
	if (front_flush(f) == FRONT_IO_CLOSED) {
		front_close(f, CONN_CLOSE_CLIENT_ABORT);
		return false;
	}
	*moved = front_has_moved(f) || *moved || iobuf_len(&f->out) < before;
	return true;
}

bool
exchange_relay(struct exchange *x)
{
	struct front *f = x->front;
	bool moved = relay_request(x);

	if (f->closed || x->state != EXCHANGE_RELAY)
		return true;
	moved = relay_answer(x) || moved;
	if (f->closed || x->state != EXCHANGE_RELAY)
		return true;
	if (x->stored && x->answer_begun && !x->head_held && x->request_sent)
		relay_forget_stored(x);
	if (!relay_flush(x, &moved))
		return true;
	x->progress = x->progress || moved;
	return moved || !relay_set_wait(x);
}
