/* An HTTP/2 connection: the loop that reads, drives and writes, and the budget. */
#include "proxy/h2/h2.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"

#include <stdlib.h>
#include <string.h>

#define H2_FRAME_MAX (H2_FRAME_HEAD + H2_FRAME_PAYLOAD_MAX)
#define H2_TURN_MAX 16

_Static_assert(BLOCK_SIZE >= 2 * H2_FRAME_MAX, "two frames fit into the buffer");
_Static_assert(2 * BLOCK_SIZE >= H2_STREAM_WINDOW, "a window's bytes fit into two blocks");
_Static_assert(2 * H2_HEAD_STAGE_MAX <= BLOCK_SIZE, "a head is staged in one block");

/* --- the budget ------------------------------------------------------------------------------ */

void
h2_note_flood(struct h2 *h2)
{
	stats_add(&h2->conn->worker->stats, STAT_H2_FLOODS, 1);
	log_info("HTTP/2 client ended: it sends frames that move nothing",
		kv_s("peer", h2->conn->peer));
}

/* Every frame that moves no request on costs; time, requests and payload give back. */
void
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
	if (h2->session.ended)
		return;
	h2_note_flood(h2);
	h2_session_terminate(&h2->session, H2_ENHANCE_YOUR_CALM);
}

struct h2_shared *
h2_shared_new(void)
{
	struct h2_shared *s = calloc(1, sizeof(*s));

	if (s)
		s->memory_ops = h2_memory_ops(&s->memory);
	return s;
}

void
h2_shared_free(struct h2_shared **s)
{
	struct h2_shared *gone = steal_ptr(s);

	if (!gone)
		return;
	h2_memory_clear(&gone->memory);
	free(gone);
}

/* --- life ------------------------------------------------------------------------------------ */

/* What was on its way has arrived: a stream that is begun from now on is not answered. */
static void
h2_on_last_call(struct timer *t)
{
	struct h2 *h2 = list_entry(t, struct h2, last_call);

	h2->last_called = true;
	h2_session_goaway(&h2->session, h2->session.last_processed, H2_NO_ERROR);
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
	list_init(&h2->sending);
	timer_init(&h2->last_call, h2_on_last_call);
	h2->budget = H2_BUDGET_MAX;
	h2->budget_ms = clock_mono_coarse_ms();
	if (h2_session_init(&h2->session, &c->worker->h2->memory_ops) == 0) {
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
	h2_session_clear(&gone->session);
	free(gone);
}

/* --- the loop -------------------------------------------------------------------------------- */

/* Hands what has arrived to the session. False: the connection is closed. */
static bool
h2_feed(struct h2 *h2)
{
	struct conn *c = h2->conn;
	struct slice in = front_input(&c->front);
	ssize_t used;

	if (in.n == 0)
		return true;
	used = h2_session_receive(&h2->session, in);
	if (c->state == CONN_CLOSED)
		return false;
	if (h2->session.flooded) {
		h2_note_flood(h2);
		conn_close(c, CONN_CLOSE_FLOOD);
		return false;
	}
	if (used < 0) {
		/* No preface of HTTP/2: not even a GOAWAY makes sense. */
		conn_close(c, CONN_CLOSE_PROTOCOL);
		return false;
	}
	/* What is left is part of a frame, and a block has room for a whole one. */
	iobuf_consume(&c->front.in, (size_t)used);
	if (iobuf_len(&c->front.in) > 0)
		iobuf_compact(&c->front.in);
	if (used > 0 && h2->session.head_stream == 0)
		h2->whole = true;
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

/* Whose turn it is; while the connection's window is shut, of those that are not held back by it
 * (RFC 9113 section 5.2.1: only DATA is). */
static struct h2_stream *
h2_next(const struct h2 *h2)
{
	for (struct list *at = h2->sending.next; at != &h2->sending; at = at->next) {
		struct h2_stream *s = list_entry(at, struct h2_stream, sending);

		if (h2->session.window > 0 || h2_stream_is_free(s))
			return s;
	}
	return NULL;
}

bool
h2_pack(struct h2 *h2)
{
	struct conn *c = h2->conn;
	struct iobuf *out = &c->front.out;
	struct h2_stream *s;

	h2->drained = false;
	if (!h2_session_waits(&h2->session) && list_empty(&h2->sending))
		return !h2->session.flooded;
	if (iobuf_hold(out, &c->worker->blocks) < 0)
		return false;
	while (h2_session_flush(&h2->session, out) && !h2->session.ended &&
		(s = h2_next(h2)) != NULL && iobuf_room(out) >= H2_FRAME_MAX) {
		if (!h2_stream_step(s))
			break;
	}
	return !h2->session.flooded;
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
		h2->sent += before - iobuf_len(&c->front.out);
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
	/* That of a head which arrives is no request yet. */
	size_t requests = h2->n_streams - (h2->head_id != 0);

	if (wait == CONN_WAIT_REQUEST)
		return CONN_ROOM_IDLE;
	return wait == CONN_WAIT_HEAD && requests == 0 ? CONN_ROOM_UNFINISHED : CONN_ROOM_KEEP;
}

/* Half a frame of another type moves nothing on: who trickles it is as idle as who sends none, and
 * streams that are under way have their own time. */
static bool
h2_has_half_head(const struct h2 *h2)
{
	struct slice in = front_input(&h2->conn->front);

	return h2->session.head_stream != 0 ||
	       (in.n >= H2_FRAME_HEAD &&
		       h2_frame_read((const uint8_t *)in.p).type == H2_FRAME_HEADERS);
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
	} else if (h2_has_half_head(h2)) {
		wait = CONN_WAIT_HEAD;
	} else if (h2->n_streams == 0) {
		wait = CONN_WAIT_REQUEST;
	}
	room = h2_room(h2, wait);
	begun = wait != f->wait || h2->asked || (h2->whole && wait == CONN_WAIT_HEAD);
	h2->whole = false;
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
	if (h2_session_is_over(&h2->session))
		return true;
	return h2->last_called && h2->n_streams == 0 && !h2_session_waits(&h2->session);
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

	h2_session_terminate(&h2->session, H2_NO_ERROR);
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
	h2_session_goaway(&h2->session, H2_STREAM_NUMBER_MAX, H2_NO_ERROR);
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
