/*
 * A stream as the front of an exchange: its head becomes HTTP/1.1 text, its body waits in two
 * blocks until the backend takes it, its answer's head is taken apart into fields, its answer's
 * body goes from the exchange's buffer into DATA frames.
 */
#include "proxy/h2/h2.h"

#include "core/clock.h"
#include "core/own.h"
#include "proxy/exchange/exchange.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

extern const struct front_ops h2_front_ops;

static struct h2_stream *
h2_stream_of(struct front *f)
{
	return list_entry(f, struct h2_stream, front);
}

/* --- life ------------------------------------------------------------------------------------ */

static void
h2_stream_bury(struct grave *g)
{
	struct h2_stream *s = list_entry(g, struct h2_stream, grave);

	h2_memory_put(s->memory, s);
}

/* The client need not send the rest (RFC 9113 section 8.1). */
static void
h2_stream_stop(struct h2_stream *s)
{
	s->lingers = false;
	h2_session_reset(&s->h2->session, &s->leg, H2_NO_ERROR);
	h2_want_run(s->h2);
	h2_stream_drop(s, CONN_CLOSE_DONE);
}

/* Its window is shut, or that of the connection (RFC 9113 section 5.2): nobody but the client can
 * open them. */
static bool
h2_front_held(struct front *f)
{
	const struct h2_stream *s = h2_stream_of(f);

	return s->leg.open && (s->h2->session.window <= 0 || s->leg.window <= 0);
}

/* Whether nothing of it has gone only because others of its connection went before it, and the
 * client took what they sent: then nobody is late. */
static bool
h2_stream_is_passed(struct h2_stream *s)
{
	struct h2 *h2 = s->h2;
	const struct conf *conf = h2->conn->worker->generation->conf;
	uint64_t waited_ms = clock_mono_coarse_ms() - s->front.since_ms;
	uint64_t moved = h2->sent - s->passed;

	if (list_empty(&s->sending) || h2_front_held(&s->front))
		return false;
	s->passed = h2->sent;
	return moved > conf->overload.min_rate * waited_ms / 1000;
}

static void
h2_stream_on_timeout(struct timer *t)
{
	struct h2_stream *s = list_entry(t, struct h2_stream, front.timer);
	struct front *f = &s->front;

	if (!f->exchange) {
		if (s->lingers)
			h2_stream_stop(s);
		return;
	}
	switch (f->wait) {
	case CONN_WAIT_NOTHING:
	case CONN_WAIT_HANDSHAKE:
	case CONN_WAIT_REQUEST:
	case CONN_WAIT_LINGER:
		return;
	case CONN_WAIT_CLIENT:
		if (h2_stream_is_passed(s)) {
			front_set_wait(f, CONN_WAIT_CLIENT,
				f->conn->worker->generation->conf->limits
					.timeout_ms[CONF_TIMEOUT_SEND]);
			return;
		}
		exchange_on_timeout(f->exchange, f->wait);
		front_drive(f);
		return;
	case CONN_WAIT_HEAD:
	case CONN_WAIT_BODY:
	case CONN_WAIT_CONNECT:
	case CONN_WAIT_SEND:
	case CONN_WAIT_READ:
	case CONN_WAIT_TUNNEL:
		exchange_on_timeout(f->exchange, f->wait);
		front_drive(f);
		return;
	}
}

struct h2_stream *
h2_stream_new(struct h2 *h2)
{
	struct h2_memory *memory = &h2->conn->worker->h2->memory;
	struct h2_stream *s = h2_memory_get(memory, sizeof(*s));

	if (!s)
		return NULL;
	s->memory = memory;
	s->h2 = h2;
	s->grave.bury = h2_stream_bury;
	list_init(&s->grave.node);
	list_init(&s->ready);
	list_init(&s->sending);
	s->urgency = H2_URGENCY_DEFAULT;
	s->front.ops = &h2_front_ops;
	s->front.conn = h2->conn;
	s->front.framed = true;
	timer_init(&s->front.timer, h2_stream_on_timeout);
	list_append(&h2->streams, &s->node);
	h2->n_streams++;
	return s;
}

/* Nothing of it is left but its memory. */
static void
h2_stream_release(struct h2_stream *s)
{
	struct worker *w = s->h2->conn->worker;

	timer_remove(&w->timers, &s->front.timer);
	iobuf_release(&s->front.in, &w->blocks);
	iobuf_release(&s->front.out, &w->blocks);
	iobuf_release(&s->more, &w->blocks);
	free(steal_ptr(&s->trailers));
	list_remove(&s->node);
	list_remove(&s->ready);
	list_remove(&s->sending);
	s->h2->n_streams--;
}

/* What the client was not told to be taken must not be missing from the connection's window. */
static void
h2_stream_give_back(struct h2_stream *s)
{
	h2_session_take(&s->h2->session, NULL, s->unconsumed);
	s->unconsumed = 0;
}

static void
h2_stream_end_all(struct h2_stream *s, enum conn_close_reason reason)
{
	s->front.closed = true;
	if (s->front.exchange)
		exchange_cancel(s->front.exchange, reason);
	h2_session_forget(&s->h2->session, &s->leg);
	h2_stream_give_back(s);
	h2_stream_release(s);
}

/* Who is at work on it may still look at it: its memory stays until the loop comes round. */
void
h2_stream_drop(struct h2_stream *s, enum conn_close_reason reason)
{
	struct worker *w = s->h2->conn->worker;

	h2_stream_end_all(s, reason);
	worker_bury(w, &s->grave);
}

void
h2_stream_closed(struct h2_stream *s, enum h2_error error)
{
	if (s->front.closed)
		return;
	/* All of the answer went out: the exchange only has to notice. */
	if (s->front.exchange && error == H2_NO_ERROR && s->leg.we_ended) {
		h2_wake(s);
		return;
	}
	h2_stream_drop(s, CONN_CLOSE_CLIENT_ABORT);
}

void
h2_stream_malformed(struct h2_stream *s)
{
	h2_on_fault(&s->h2->session, &s->leg);
	h2_session_reset(&s->h2->session, &s->leg, H2_PROTOCOL_ERROR);
	h2_want_run(s->h2);
	h2_stream_drop(s, CONN_CLOSE_CLIENT_ABORT);
}

/* RFC 9113 section 8.1.1: no more than was announced comes. False: it was too much. */
static bool
h2_count(struct h2_stream *s, size_t n)
{
	if (n > 0 && (s->held.n || (s->announced && n > s->to_come))) {
		h2_stream_malformed(s);
		return false;
	}
	if (s->announced)
		s->to_come -= n;
	return true;
}

void
h2_stream_drain(struct h2_stream *s, size_t n)
{
	if (!h2_count(s, n))
		return;
	s->lingered += (uint32_t)n;
	if (s->lingers && s->lingered > H2_LINGER_MAX)
		h2_stream_stop(s);
}

static enum h2_error
h2_error_of(enum conn_close_reason reason)
{
	switch (reason) {
	case CONN_CLOSE_CLIENT_ABORT:
	case CONN_CLOSE_SEND_TIMEOUT:
	case CONN_CLOSE_IDLE_TIMEOUT:
	case CONN_CLOSE_SLOW:
		return H2_CANCEL;
	case CONN_CLOSE_PROTOCOL:
		return H2_PROTOCOL_ERROR;
	case CONN_CLOSE_FLOOD:
		return H2_ENHANCE_YOUR_CALM;
	case CONN_CLOSE_DONE:
	case CONN_CLOSE_CLIENT:
	case CONN_CLOSE_CLIENT_ERROR:
	case CONN_CLOSE_PROXY_HEADER:
	case CONN_CLOSE_HANDSHAKE:
	case CONN_CLOSE_HANDSHAKE_TIMEOUT:
	case CONN_CLOSE_EVICTED:
	case CONN_CLOSE_BODY_CUT:
	case CONN_CLOSE_FILE_CUT:
	case CONN_CLOSE_DRAIN:
	case CONN_CLOSE_MEMORY:
	case CONN_CLOSE_STOP:
		break;
	}
	return H2_INTERNAL_ERROR;
}

static void
h2_front_close(struct front *f, enum conn_close_reason reason)
{
	struct h2_stream *s = h2_stream_of(f);

	if (f->closed)
		return;
	h2_session_reset(&s->h2->session, &s->leg, h2_error_of(reason));
	h2_want_run(s->h2);
	h2_stream_drop(s, reason);
}

/* --- the request ----------------------------------------------------------------------------- */

/* RFC 6455 section 4.1: the backend is asked as a client of HTTP/1.1 would ask it. */
static void
h2_make_key(char key[static H2_KEY_LEN + 1])
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		memset(bytes, 0, sizeof(bytes));
	(void)EVP_EncodeBlock((unsigned char *)key, bytes, sizeof(bytes));
}

static void
h2_take_head(struct h2_stream *s, struct slice text)
{
	struct exchange *x = s->front.exchange;

	s->held = (struct slice){0};
	exchange_take_head(x, text);
	if (!s->leg.client_ended && x->request.body == HTTP_BODY_LENGTH) {
		s->announced = true;
		s->to_come = x->request.content_length;
	}
}

/* Until it has ended, or the client has had its time. */
static void
h2_hold_head(struct h2_stream *s, struct slice text)
{
	const struct conf *conf = s->h2->conn->worker->generation->conf;

	s->held = text;
	front_set_wait(&s->front, CONN_WAIT_HEAD, conf->limits.timeout_ms[CONF_TIMEOUT_IDLE]);
}

void
h2_stream_set_priority(struct h2_stream *s, struct h2_priority p)
{
	s->urgency = p.urgency;
	s->incremental = p.incremental;
	if (!list_empty(&s->sending)) {
		list_remove(&s->sending);
		h2_stream_line_up(s);
	}
}

/* An update that came before its stream is newer than what the head says (RFC 9218 section 7). */
static void
h2_find_priority(struct h2_stream *s)
{
	struct h2 *h2 = s->h2;
	struct h2_priority p = {.urgency = H2_URGENCY_DEFAULT};

	if (h2->head.has_priority)
		p = h2->head.priority;
	h2->prioritized = h2->prioritized || h2->head.has_priority;
	if (h2->prioritized)
		(void)h2_priorities_find(&h2->priorities, (int32_t)s->leg.id, &p);
	s->urgency = p.urgency;
	s->incremental = p.incremental;
}

void
h2_stream_begin(struct h2_stream *s)
{
	struct h2_head *h = &s->h2->head;
	struct front *f = &s->front;
	char key[H2_KEY_LEN + 1] = "";
	struct h2_request_facts facts = {.ended = s->leg.client_ended, .websocket_key = key};
	enum http_reason reason;
	char *text;
	size_t n = 0;

	s->passed = s->h2->sent;
	h2_find_priority(s);
	stats_add(&f->conn->worker->stats, STAT_H2_STREAMS, 1);
	f->conn->requests++;
	f->exchange = exchange_new(f);
	if (!f->exchange) {
		front_close(f, CONN_CLOSE_MEMORY);
		return;
	}
	if (h2_head_is_websocket(h))
		h2_make_key(key);
	text = arena_alloc(f->exchange->arena, h2_head_text_max(h));
	reason = text ? h2_head_print(h, &facts, text, &n) : HTTP_REASON_HEAD_TOO_LARGE;
	if (reason != HTTP_REASON_NONE)
		exchange_refuse_head(f->exchange, reason);
	else if (!s->leg.client_ended && h2_head_is_empty(h))
		h2_hold_head(s, slice_of(text, n));
	else
		h2_take_head(s, slice_of(text, n));
	if (!f->closed)
		h2_wake(s);
}

static int
h2_append(struct h2_stream *s, struct iobuf *b, struct slice *bytes)
{
	size_t n = bytes->n;

	if (iobuf_hold(b, &s->h2->conn->worker->blocks) < 0)
		return -1;
	if (iobuf_room(b) < n)
		iobuf_compact(b);
	if (n > iobuf_room(b))
		n = iobuf_room(b);
	if (n > 0 && iobuf_append(b, slice_head(*bytes, n)) < 0)
		return -1;
	*bytes = slice_skip(*bytes, n);
	return 0;
}

/* Moves what waits behind front.in into the room that the backend has made there. */
static int
h2_close_gap(struct h2_stream *s)
{
	struct iobuf *in = &s->front.in;
	struct slice behind = iobuf_slice(&s->more);
	size_t n = behind.n;

	if (h2_append(s, in, &behind) < 0)
		return -1;
	iobuf_consume(&s->more, n - behind.n);
	return 0;
}

/* For the backend, in front.in and behind it. Both blocks together hold a window, but only while
 * there is no gap between them: a backend that takes a part of the first one opens the window. */
static int
h2_keep(struct h2_stream *s, struct slice bytes)
{
	if (iobuf_len(&s->more) + bytes.n > BLOCK_SIZE && h2_close_gap(s) < 0)
		return -1;
	if (iobuf_len(&s->more) == 0 && h2_append(s, &s->front.in, &bytes) < 0)
		return -1;
	if (bytes.n && h2_append(s, &s->more, &bytes) < 0)
		return -1;
	if (bytes.n) /* the session keeps to the window, so this can't be */
		return -1;
	h2_wake(s);
	return 0;
}

void
h2_stream_body(struct h2_stream *s, struct slice bytes)
{
	s->unconsumed += (uint32_t)bytes.n;
	if (!h2_count(s, bytes.n))
		return;
	if (s->announced && s->to_come == 0 && bytes.n > 0) {
		bytes.n--;
		s->last = bytes.p[bytes.n];
		s->has_last = true;
	}
	if (bytes.n > 0 && h2_keep(s, bytes) < 0)
		front_close(&s->front, CONN_CLOSE_MEMORY);
}

void
h2_stream_trailer(struct h2_stream *s, struct slice name, struct slice value)
{
	if (s->front.exchange)
		exchange_add_trailer(s->front.exchange, name, value);
}

void
h2_stream_end(struct h2_stream *s)
{
	struct exchange *x = s->front.exchange;

	s->lingers = false;
	if (s->announced && s->to_come > 0) {
		h2_stream_malformed(s);
		return;
	}
	if (!x)
		return;
	if (s->has_last && h2_keep(s, slice_of(&s->last, 1)) < 0) {
		front_close(&s->front, CONN_CLOSE_MEMORY);
		return;
	}
	s->has_last = false;
	if (s->held.n && x->state == EXCHANGE_HEAD)
		h2_take_head(s, s->held);
	if (!s->front.closed)
		h2_wake(s);
}

static enum front_io
h2_front_read(struct front *f)
{
	struct h2_stream *s = h2_stream_of(f);

	if (iobuf_len(&f->in) > 0)
		return FRONT_IO_OK;
	if (iobuf_len(&s->more) > 0) {
		iobuf_release(&f->in, &f->conn->worker->blocks);
		f->in = s->more;
		s->more = (struct iobuf){0};
		return FRONT_IO_OK;
	}
	iobuf_release(&f->in, &f->conn->worker->blocks);
	return s->leg.client_ended ? FRONT_IO_END : FRONT_IO_BLOCKED;
}

static void
h2_front_take(struct front *f, size_t n)
{
	struct h2_stream *s = h2_stream_of(f);

	iobuf_consume(&f->in, n);
	s->unconsumed -= (uint32_t)n;
	h2_session_take(&s->h2->session, &s->leg, n);
	h2_want_run(s->h2);
}

/* --- the answer ------------------------------------------------------------------------------ */

/* The exchange may be over before its last bytes went out. */
static int
h2_stream_take_trailers(struct h2_stream *s)
{
	struct slice *lines = &s->front.trailers;

	if (lines->n == 0)
		return 0;
	s->trailers = slice_dup(*lines);
	s->n_trailers = lines->n;
	*lines = (struct slice){0};
	return s->trailers ? 0 : -1;
}

static enum front_io
h2_front_flush(struct front *f)
{
	struct h2_stream *s = h2_stream_of(f);

	if (f->complete && h2_stream_take_trailers(s) < 0)
		return FRONT_IO_CLOSED;
	s->due = iobuf_len(&f->out) > 0;
	h2_stream_line_up(s);
	h2_want_run(s->h2);
	/* What fits is framed at once: a small answer is over then, and leaves its buffer to the
	 * next one while it is in the processor's cache. A session that fails is found later. */
	if (s->driving)
		(void)h2_pack(s->h2);
	if (f->closed)
		return FRONT_IO_CLOSED;
	if (iobuf_len(&f->out) > 0)
		return s->leg.open ? FRONT_IO_BLOCKED : FRONT_IO_CLOSED;
	iobuf_release(&f->out, &f->conn->worker->blocks);
	return FRONT_IO_OK;
}

/* --- driving --------------------------------------------------------------------------------- */

/* What a backend has begun in vain is as cheap for the client and as dear for us as by a reset of
 * its own. */
static void
h2_charge(struct h2_stream *s)
{
	if (!s->front.wasted || s->h2->conn->state == CONN_CLOSED)
		return;
	s->front.wasted = false;
	h2_spend(s->h2, H2_COST_RESET);
	h2_want_run(s->h2);
}

void
h2_stream_drive(struct h2_stream *s)
{
	struct front *f = &s->front;
	enum exchange_end end;

	if (f->closed || s->driving)
		return;
	if (f->exchange) {
		s->driving = true;
		end = exchange_run(f->exchange);
		s->driving = false;
		h2_charge(s);
		if (f->closed || end == EXCHANGE_GOES_ON)
			return;
		timer_off(&f->timer);
	}
	/* Over. Whatever of the body still comes is not wanted. */
	iobuf_release(&f->in, &f->conn->worker->blocks);
	iobuf_release(&s->more, &f->conn->worker->blocks);
	h2_stream_give_back(s);
	if (s->leg.open) {
		if (s->lingers)
			front_set_wait(f, CONN_WAIT_LINGER, H2_LINGER_MS);
		return;
	}
	/* Nobody is at work on it, and the next one finds its memory in the processor's cache. */
	h2_stream_end_all(s, CONN_CLOSE_DONE);
	h2_memory_put(s->memory, s);
}

static void
h2_front_drive(struct front *f)
{
	struct h2_stream *s = h2_stream_of(f);

	/* Those that move in one round of the loop share their records. */
	if (!f->closed)
		h2_wake(s);
}

static void
h2_front_kick(struct front *f)
{
	h2_wake(h2_stream_of(f));
	conn_kick(f->conn);
}

/* The session tells when the client resets a stream. */
static enum front_presence
h2_front_presence(struct front *f)
{
	(void)f;
	return FRONT_HERE;
}

static void
h2_front_settle(struct front *f)
{
	(void)f;
}

static size_t
h2_front_backlog(struct front *f)
{
	return iobuf_len(&f->conn->front.out) + conn_unsent(f->conn);
}

const struct front_ops h2_front_ops = {
	.read = h2_front_read,
	.take = h2_front_take,
	.flush = h2_front_flush,
	.close = h2_front_close,
	.drive = h2_front_drive,
	.kick = h2_front_kick,
	.presence = h2_front_presence,
	.settle = h2_front_settle,
	.held = h2_front_held,
	.backlog = h2_front_backlog,
};
