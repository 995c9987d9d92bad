/*
 * The session of an HTTP/2 connection: what the library calls back, the loop that reads, drives and
 * writes, and the budget.
 */
#include "proxy/h2/h2.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"

#include <stdlib.h>
#include <string.h>

/* What one call of nghttp2_session_mem_send may bring: a frame of the size that is the default. */
#define H2_FRAME_MAX (16384 + 9)
#define H2_TURN_MAX 16

_Static_assert(BLOCK_SIZE >= 2 * H2_FRAME_MAX, "two frames fit into the buffer");
_Static_assert(2 * BLOCK_SIZE >= H2_STREAM_WINDOW, "a window's bytes fit into two blocks");
_Static_assert(2 * H2_HEAD_STAGE_MAX <= BLOCK_SIZE, "a head is staged in one block");

/* --- the budget ------------------------------------------------------------------------------ */

static void
h2_note_flood(struct h2 *h2)
{
	stats_add(&h2->conn->worker->stats, STAT_H2_FLOODS, 1);
	log_info("HTTP/2 client ended: it sends frames that move nothing",
		kv_s("peer", h2->conn->peer));
}

/* Every frame that moves no request on costs; time, requests and payload give back. */
static void
h2_spend(struct h2 *h2, uint32_t cost)
{
	uint64_t now = clock_mono_coarse_ms();
	uint64_t back =
		(now - h2->budget_ms) * H2_BUDGET_PER_S / 1000 + h2->moved / H2_BUDGET_BYTES;

	if (back > 0) {
		h2->budget_ms = now;
		h2->moved %= H2_BUDGET_BYTES;
		h2->budget = back + h2->budget > H2_BUDGET_MAX ? H2_BUDGET_MAX
							       : h2->budget + (uint32_t)back;
	}
	if (h2->budget >= cost) {
		h2->budget -= cost;
		return;
	}
	if (h2->goaway_sent)
		return;
	h2->goaway_sent = true;
	h2_note_flood(h2);
	(void)nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* --- what the library calls back ------------------------------------------------------------- */

static struct h2_stream *
h2_find(nghttp2_session *session, int32_t id)
{
	return nghttp2_session_get_stream_user_data(session, id);
}

static int
h2_on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2 *h2 = ctx;
	struct worker *w = h2->conn->worker;
	struct h2_stream *s;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	s = h2_stream_new(h2, frame->hd.stream_id);
	if (!h2->stage)
		h2->stage = block_get(&w->blocks);
	if (!s || !h2->stage)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	(void)nghttp2_session_set_stream_user_data(session, s->id, s);
	s->open = true;
	h2_head_init(&h2->head, h2->stage);
	h2->head_id = s->id;
	return 0;
}

/* NOLINTBEGIN(readability-function-size): the library says how its callbacks look. */

static int
h2_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *ctx)
{
	struct slice n = slice_of((const char *)name, n_name);
	struct slice v = slice_of((const char *)value, n_value);
	struct h2 *h2 = ctx;
	struct h2_stream *s;

	(void)flags;
	if (frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	if (frame->hd.stream_id == h2->head_id) {
		h2_head_add(&h2->head, n, v);
		return 0;
	}
	s = h2_find(session, frame->hd.stream_id);
	if (s && frame->headers.cat == NGHTTP2_HCAT_HEADERS)
		h2_stream_trailer(s, n, v);
	return 0;
}

/* What the library finds wrong in a request's fields ends the stream (RFC 9113 section 8.1.1). */
static int
h2_on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
	size_t n_name, const uint8_t *value, size_t n_value, uint8_t flags, void *ctx)
{
	(void)session;
	(void)frame;
	(void)name;
	(void)n_name;
	(void)value;
	(void)n_value;
	(void)flags;
	(void)ctx;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* NOLINTEND(readability-function-size) */

static void
h2_head_over(struct h2 *h2)
{
	h2->head_id = 0;
	block_put(&h2->conn->worker->blocks, steal_ptr(&h2->stage));
}

static void
h2_on_headers(struct h2 *h2, const nghttp2_frame *frame)
{
	struct h2_stream *s = h2_find(h2->session, frame->hd.stream_id);
	bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (!s)
		return;
	if (frame->headers.cat == NGHTTP2_HCAT_REQUEST && frame->hd.stream_id == h2->head_id) {
		uint32_t budget = h2->budget + H2_BUDGET_PER_REQUEST;

		h2->budget = budget > H2_BUDGET_MAX ? H2_BUDGET_MAX : budget;
		h2->asked = true;
		h2_stream_begin(s, ended);
		h2_head_over(h2);
	} else if (ended) {
		h2_stream_end(s);
	}
}

static void
h2_on_data_frame(struct h2 *h2, const nghttp2_frame *frame)
{
	struct h2_stream *s = h2_find(h2->session, frame->hd.stream_id);
	bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (frame->hd.length == frame->data.padlen && !ended)
		h2_spend(h2, H2_COST_FRAME);
	if (s && ended)
		h2_stream_end(s);
}

/* RFC 9218 section 7.1. */
static void
h2_on_priority_update(struct h2 *h2, const nghttp2_ext_priority_update *update)
{
	struct h2_stream *s = h2_find(h2->session, update->stream_id);
	struct h2_priority priority = h2_priority_parse(
		slice_of((const char *)update->field_value, update->field_value_len));

	h2->prioritized = true;
	if (s)
		h2_stream_set_priority(s, priority);
	else
		h2_priorities_keep(&h2->priorities, update->stream_id, priority);
}

static int
h2_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2 *h2 = ctx;

	(void)session;
	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		h2_on_headers(h2, frame);
		break;
	case NGHTTP2_DATA:
		h2_on_data_frame(h2, frame);
		break;
	case NGHTTP2_RST_STREAM:
		h2_spend(h2, H2_COST_RESET);
		break;
	case NGHTTP2_PRIORITY_UPDATE:
		h2_on_priority_update(h2, frame->ext.payload);
		h2_spend(h2, H2_COST_FRAME);
		break;
	default:
		if (!(frame->hd.flags & NGHTTP2_FLAG_ACK))
			h2_spend(h2, H2_COST_FRAME);
		break;
	}
	return 0;
}

static int
h2_on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t n,
	void *ctx)
{
	struct h2 *h2 = ctx;
	struct h2_stream *s = h2_find(session, id);

	(void)flags;
	h2->moved += n;
	if (s && !s->front.closed && s->front.exchange)
		return h2_stream_body(s, slice_of((const char *)bytes, n)) == 0
			       ? 0
			       : NGHTTP2_ERR_CALLBACK_FAILURE;
	if (s)
		h2_stream_drain(s, n);
	/* Nobody wants it: the connection's window must not shrink for it. */
	return nghttp2_session_consume_connection(session, n) == 0 ? 0
								   : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int
h2_on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *ctx)
{
	struct h2 *h2 = ctx;
	struct h2_stream *s = h2_find(session, id);

	if (id == h2->head_id)
		h2_head_over(h2);
	if (s)
		h2_stream_closed(s, error);
	return 0;
}

/* Whether the client is at fault: making us reset its streams is as cheap for it as resetting them
 * itself. */
static bool
is_fault(uint32_t error)
{
	return error == NGHTTP2_PROTOCOL_ERROR || error == NGHTTP2_STREAM_CLOSED ||
	       error == NGHTTP2_FLOW_CONTROL_ERROR || error == NGHTTP2_FRAME_SIZE_ERROR;
}

/* A stream ends for what the client did. One that had become a request has a line of its own. */
static void
h2_note_fault(struct h2 *h2, int32_t id)
{
	const struct h2_stream *s = h2_find(h2->session, id);

	if (!s || !s->front.exchange)
		conn_log_refused(h2->conn, "stream that breaks the rules of HTTP/2");
	stats_add(&h2->conn->worker->stats, STAT_REQUESTS_BAD, 1);
	conn_violation(h2->conn, VIOLATION_MALFORMED);
	h2_spend(h2, H2_COST_RESET);
}

/* The connection ends for what the client did, whoever has found it: the library or we. */
static void
h2_note_goaway(struct h2 *h2, uint32_t error)
{
	if (error == NGHTTP2_ENHANCE_YOUR_CALM) {
		conn_log_refused(h2->conn, conn_close_text(CONN_CLOSE_FLOOD));
		conn_violation(h2->conn, VIOLATION_FLOOD);
	} else if (error != NGHTTP2_NO_ERROR && error != NGHTTP2_INTERNAL_ERROR) {
		conn_log_refused(h2->conn, conn_close_text(CONN_CLOSE_PROTOCOL));
		conn_violation(h2->conn, VIOLATION_PROTOCOL);
	}
}

static int
h2_on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct h2_stream *s;

	switch (frame->hd.type) {
	case NGHTTP2_RST_STREAM:
		if (is_fault(frame->rst_stream.error_code))
			h2_note_fault(ctx, frame->hd.stream_id);
		break;
	case NGHTTP2_GOAWAY:
		h2_note_goaway(ctx, frame->goaway.error_code);
		break;
	case NGHTTP2_DATA:
	case NGHTTP2_HEADERS:
		s = h2_find(session, frame->hd.stream_id);
		if (s && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
			h2_stream_answered(s);
		break;
	default:
		break;
	}
	return 0;
}

/* A frame that found no room is sent later, with the length that it has: its stream may have been
 * given up meanwhile, and its memory be another one's, so that only the stream's number counts. */
static int
h2_on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t n,
	nghttp2_data_source *source, void *ctx)
{
	struct h2_stream *s = h2_find(session, frame->hd.stream_id);

	(void)source;
	(void)ctx;
	return s ? h2_stream_send(s, head, n) : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

struct h2_shared *
h2_shared_new(void)
{
	struct h2_shared *s = calloc(1, sizeof(*s));
	nghttp2_session_callbacks *c;

	if (!s || nghttp2_session_callbacks_new(&s->callbacks) != 0 ||
		nghttp2_option_new(&s->option) != 0) {
		h2_shared_free(&s);
		return NULL;
	}
	c = s->callbacks;
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, h2_on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(c, h2_on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(c, h2_on_invalid_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, h2_on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, h2_on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, h2_on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, h2_on_frame_sent);
	nghttp2_session_callbacks_set_send_data_callback(c, h2_on_send_data);
	/* Windows open as backends take the bytes, not as they arrive. */
	nghttp2_option_set_no_auto_window_update(s->option, 1);
	nghttp2_option_set_no_closed_streams(s->option, 1);
	nghttp2_option_set_max_continuations(s->option, H2_CONTINUATIONS_MAX);
	nghttp2_option_set_max_outbound_ack(s->option, H2_ACKS_MAX);
	nghttp2_option_set_max_settings(s->option, H2_SETTINGS_MAX);
	nghttp2_option_set_builtin_recv_extension_type(s->option, NGHTTP2_PRIORITY_UPDATE);
	return s;
}

void
h2_shared_free(struct h2_shared **s)
{
	struct h2_shared *gone = steal_ptr(s);

	if (!gone)
		return;
	nghttp2_session_callbacks_del(gone->callbacks);
	nghttp2_option_del(gone->option);
	h2_memory_clear(&gone->memory);
	free(gone);
}

/* --- life ------------------------------------------------------------------------------------ */

static int
h2_start(struct h2 *h2)
{
	static const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_REQUEST_HEAD_MAX},
		{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}, /* RFC 8441 */
		{NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},   /* RFC 9218 holds */
	};

	struct h2_shared *shared = h2->conn->worker->h2;
	nghttp2_mem memory = h2_memory_ops(&shared->memory);

	if (nghttp2_session_server_new3(
		    &h2->session, shared->callbacks, h2, shared->option, &memory) != 0)
		return -1;
	if (nghttp2_submit_settings(
		    h2->session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings)) != 0)
		return -1;
	return nghttp2_session_set_local_window_size(
		h2->session, NGHTTP2_FLAG_NONE, 0, H2_CONNECTION_WINDOW);
}

/* What was on its way has arrived: a stream that is begun from now on is not answered. */
static void
h2_on_last_call(struct timer *t)
{
	struct h2 *h2 = list_entry(t, struct h2, last_call);
	int32_t last = nghttp2_session_get_last_proc_stream_id(h2->session);

	h2->last_called = true;
	(void)nghttp2_submit_goaway(
		h2->session, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
	h2_want_run(h2);
}

struct h2 *
h2_new(struct conn *c)
{
	struct h2 *h2 = calloc(1, sizeof(*h2));

	if (!h2)
		return NULL;
	h2->conn = c;
	list_init(&h2->streams);
	list_init(&h2->ready);
	timer_init(&h2->last_call, h2_on_last_call);
	h2_guard_init(&h2->guard);
	h2->budget = H2_BUDGET_MAX;
	h2->budget_ms = clock_mono_coarse_ms();
	if (h2_start(h2) == 0) {
		stats_add(&c->worker->stats, STAT_H2_CONNECTIONS, 1);
		return h2;
	}
	h2_free(&h2);
	return NULL;
}

void
h2_close(struct h2 *h2, enum conn_close_reason reason)
{
	struct list *node;

	while ((node = list_first(&h2->streams)) != NULL)
		h2_stream_drop(list_entry(node, struct h2_stream, node), reason);
	h2_head_over(h2);
	timer_remove(&h2->conn->worker->timers, &h2->last_call);
}

void
h2_free(struct h2 **h2)
{
	struct h2 *gone = steal_ptr(h2);

	if (!gone)
		return;
	nghttp2_session_del(gone->session);
	free(gone);
}

/* --- the loop -------------------------------------------------------------------------------- */

/* Hands bytes to the session, up to the frame that may not be. */
static ssize_t
h2_feed_guarded(struct h2 *h2, struct slice in)
{
	size_t good;
	uint32_t error = h2_guard_feed(&h2->guard, in.p, in.n, &good);
	ssize_t used = nghttp2_session_mem_recv(h2->session, (const uint8_t *)in.p, good);

	h2_spend(h2, h2->guard.ignored * H2_COST_FRAME);
	h2->guard.ignored = 0;
	if (used < 0 || error == NGHTTP2_NO_ERROR || h2->goaway_sent)
		return used;
	h2->goaway_sent = true;
	return nghttp2_session_terminate_session(h2->session, error);
}

/* Hands what has arrived to the session. False: the connection is closed. */
static bool
h2_feed(struct h2 *h2)
{
	struct conn *c = h2->conn;
	struct slice in = front_input(&c->front);
	ssize_t used;

	if (in.n == 0)
		return true;
	used = h2_feed_guarded(h2, in);
	if (c->state == CONN_CLOSED)
		return false;
	if (used == NGHTTP2_ERR_FLOODED) {
		h2_note_flood(h2);
		conn_close(c, CONN_CLOSE_FLOOD);
		return false;
	}
	if (used < 0) {
		/* No preface of HTTP/2, or memory is short: not even a GOAWAY makes sense. */
		conn_close(c, CONN_CLOSE_PROTOCOL);
		return false;
	}
	c->front.in.start = c->front.in.end = 0;
	return true;
}

static bool
h2_read(struct h2 *h2)
{
	struct conn *c = h2->conn;
	bool moved = false;

	/* The input that came with the handshake's last bytes is there already. */
	if (!h2_feed(h2))
		return false;
	for (int turn = 0; turn < H2_TURN_MAX; turn++) {
		enum front_io result = conn_read(c);

		if (result == FRONT_IO_BLOCKED)
			break;
		if (result != FRONT_IO_OK) {
			conn_close(c, h2->n_streams ? CONN_CLOSE_CLIENT_ABORT : CONN_CLOSE_CLIENT);
			return false;
		}
		moved = true;
		if (!h2_feed(h2))
			return false;
		/* All that is there is read before the streams have their turn: what comes together
		 * is answered together. A short read has emptied the socket; a reset
		 * that came with the bytes is found by writing, or by h2_run. */
		if (!SSL_has_pending(c->ssl)) {
			front_settle(&c->front);
			if (!c->readable)
				break;
		}
	}
	if (iobuf_len(&c->front.in) == 0)
		iobuf_release(&c->front.in, &c->worker->blocks);
	return moved;
}

bool
h2_pack(struct h2 *h2)
{
	struct conn *c = h2->conn;
	struct iobuf *out = &c->front.out;

	h2->drained = false;
	while (nghttp2_session_want_write(h2->session)) {
		const uint8_t *bytes;
		ssize_t n;

		if (iobuf_hold(out, &c->worker->blocks) < 0)
			return false;
		if (BLOCK_SIZE - iobuf_len(out) < H2_FRAME_MAX)
			break;
		n = nghttp2_session_mem_send(h2->session, &bytes);
		if (n < 0)
			return false;
		if (n == 0)
			break;
		(void)iobuf_append(out, slice_of((const char *)bytes, (size_t)n));
	}
	return true;
}

/* Behind those that are as urgent or more; where the client has said nothing, in turn. */
static void
h2_line_up(const struct h2 *h2, struct list *line, struct list *node)
{
	uint8_t urgency = list_entry(node, struct h2_stream, ready)->urgency;
	struct list *before = line->prev;

	while (h2->prioritized && before != line &&
		list_entry(before, struct h2_stream, ready)->urgency > urgency)
		before = before->prev;
	list_prepend(before, node);
}

static bool
h2_drive_ready(struct h2 *h2)
{
	struct list *node;
	struct list now;
	bool moved = false;

	/* Those that wake themselves again have their next turn later. */
	list_init(&now);
	h2->starving = false;
	while ((node = list_first(&h2->ready)) != NULL) {
		list_remove(node);
		h2_line_up(h2, &now, node);
	}
	while (h2->conn->state != CONN_CLOSED && (node = list_first(&now)) != NULL) {
		list_remove(node);
		h2_stream_drive(list_entry(node, struct h2_stream, ready));
		moved = true;
	}
	/* What was not driven keeps its turn. */
	while ((node = list_first(&now)) != NULL) {
		list_remove(node);
		list_append(&h2->ready, node);
	}
	return moved;
}

/* Writes what there is. *ret_moved: something went out. False: the connection is closed. */
static bool
h2_write(struct h2 *h2, bool *ret_moved)
{
	struct conn *c = h2->conn;

	for (int turn = 0; turn < H2_TURN_MAX; turn++) {
		size_t before;
		enum front_io result;

		if (!h2_pack(h2)) {
			conn_close(c, CONN_CLOSE_MEMORY);
			return false;
		}
		before = iobuf_len(&c->front.out);
		if (before == 0)
			break;
		result = conn_flush(c);
		if (result == FRONT_IO_CLOSED || result == FRONT_IO_END) {
			conn_close(c, CONN_CLOSE_CLIENT_ABORT);
			return false;
		}
		*ret_moved = *ret_moved || iobuf_len(&c->front.out) < before;
		h2->moved += before - iobuf_len(&c->front.out);
		if (result == FRONT_IO_BLOCKED)
			break;
		/* The urgent ones get more bytes before the others have their turn. */
		if (h2->prioritized && !list_empty(&h2->ready))
			break;
	}
	if (c->front.out.data && iobuf_len(&c->front.out) == 0)
		iobuf_release(&c->front.out, &c->worker->blocks);
	return true;
}

static uint64_t
h2_timeout(const struct h2 *h2, enum conf_timeout which)
{
	return h2->conn->worker->generation->conf->limits.timeout_ms[which];
}

/* Whether it may have to make room, where that is what it waits for. */
static enum conn_room
h2_room(const struct h2 *h2, enum conn_wait wait)
{
	if (wait == CONN_WAIT_REQUEST)
		return CONN_ROOM_IDLE;
	/* The one stream is that of the head. */
	return wait == CONN_WAIT_HEAD && h2->n_streams <= 1 ? CONN_ROOM_UNFINISHED : CONN_ROOM_KEEP;
}

/* What the connection itself waits for. Pings and the like do not keep an idle one alive. */
static void
h2_set_wait(struct h2 *h2, bool moved)
{
	struct front *f = &h2->conn->front;
	enum conn_wait wait = CONN_WAIT_NOTHING;
	enum conf_timeout which = CONF_TIMEOUT_IDLE;
	enum conn_room room;
	bool begun;

	if (iobuf_len(&f->out) > 0) {
		wait = CONN_WAIT_CLIENT;
		which = CONF_TIMEOUT_SEND;
	} else if (h2->head_id != 0) {
		wait = CONN_WAIT_HEAD;
	} else if (h2->n_streams == 0) {
		wait = CONN_WAIT_REQUEST;
	}
	room = h2_room(h2, wait);
	begun = wait != f->wait || h2->asked;
	if (begun || (moved && wait == CONN_WAIT_CLIENT))
		front_set_wait(f, wait,
			wait == CONN_WAIT_REQUEST ? conn_request_ms(h2->conn)
						  : h2_timeout(h2, which));
	if (begun || (room != CONN_ROOM_KEEP) != !list_empty(&h2->conn->idle_node))
		conn_set_room(h2->conn, room);
	h2->asked = false;
}

static bool
h2_is_over(const struct h2 *h2)
{
	if (!nghttp2_session_want_read(h2->session) && !nghttp2_session_want_write(h2->session))
		return true;
	return h2->last_called && h2->n_streams == 0 && !nghttp2_session_want_write(h2->session);
}

bool
h2_run(struct h2 *h2)
{
	struct conn *c = h2->conn;
	bool moved, written = false;

	h2->running = true;
	moved = h2_read(h2);
	if (c->state != CONN_CLOSED)
		moved = h2_drive_ready(h2) || moved;
	if (c->state != CONN_CLOSED && h2_write(h2, &written))
		h2_set_wait(h2, written);
	h2->running = false;
	if (c->state == CONN_CLOSED)
		return false;
	/* A reset that came with bytes raises no edge of its own (see h2_read). */
	if (!written && c->drained && !c->readable) {
		c->drained = false;
		c->readable = moved = true;
	}
	if (h2_is_over(h2) && iobuf_len(&c->front.out) == 0) {
		conn_start_linger(c);
		return true;
	}
	return moved || written || !list_empty(&h2->ready);
}

void
h2_end(struct h2 *h2, enum conn_close_reason reason)
{
	struct conn *c = h2->conn;
	bool written = false;

	(void)nghttp2_session_terminate_session(h2->session, NGHTTP2_NO_ERROR);
	if (!h2_write(h2, &written))
		return;
	conn_finish_output(c);
	conn_close(c, reason);
}

void
h2_on_timeout(struct h2 *h2, enum conn_wait wait)
{
	if (wait == CONN_WAIT_CLIENT)
		conn_close(h2->conn, CONN_CLOSE_SEND_TIMEOUT);
	else
		h2_end(h2, CONN_CLOSE_IDLE_TIMEOUT);
}

void
h2_drain(struct h2 *h2)
{
	if (h2->draining)
		return;
	h2->draining = true;
	(void)nghttp2_submit_shutdown_notice(h2->session);
	timer_set(&h2->conn->worker->timers, &h2->last_call, clock_mono_coarse_ms() + H2_DRAIN_MS);
	h2_want_run(h2);
}

void
h2_want_run(struct h2 *h2)
{
	if (!h2->running)
		conn_kick(h2->conn);
}

void
h2_wake(struct h2_stream *s)
{
	if (list_empty(&s->ready))
		list_append(&s->h2->ready, &s->ready);
	h2_want_run(s->h2);
}
