/*
 * The body of a request that is taken in before its backend is asked: all of it, or as much as
 * body-buffer says. What is stored stays until the answer has come, so that the request can be sent
 * again as long as nothing else of its body was taken.
 */
#include "proxy/exchange/relay.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"

#include <string.h>

#define SPOOL_NOTE_MS 10000 /* at most one line about the disk in this time, a thread */

static const char too_large[] = "body larger than what request-buffering may store";

/* --- storing --------------------------------------------------------------------------------- */

static void
buffer_note_failure(struct exchange *x, const struct spool *s)
{
	struct worker *w = x->worker;
	char text[128];

	stats_add(&w->stats, STAT_SPOOL_FAILED, 1);
	if (w->spool_noted_ms != 0 && clock_mono_coarse_ms() < w->spool_noted_ms + SPOOL_NOTE_MS)
		return;
	w->spool_noted_ms = clock_mono_coarse_ms();
	log_error("the state folder's spool cannot store a body",
		kv_s("why", strerror_r(s->error, text, sizeof(text))),
		kv_s("route", x->route->path));
}

void
relay_spare_memory(const struct exchange *x, struct spool *s)
{
	const struct worker *w = x->worker;

	if (w->blocks.n_out > w->overload.blocks_max / 2 && s->memory_max > s->in_memory)
		s->memory_max = s->in_memory;
}

enum spool_result
relay_keep(struct exchange *x, struct spool *s, struct slice bytes)
{
	bool had = spool_has_file(s);
	enum spool_result result = spool_append(s, bytes);

	if (!had && spool_has_file(s))
		stats_add(&x->worker->stats, STAT_BODIES_SPILLED, 1);
	if (result == SPOOL_FILE)
		buffer_note_failure(x, s);
	return result;
}

/* --- taking the body in ---------------------------------------------------------------------- */

static bool
buffer_is_wanted(const struct exchange *x, const struct spool_limits *limits)
{
	return (limits->memory || limits->file) && !http_body_done(&x->request_body) &&
	       !x->request.websocket;
}

void
exchange_start_buffer(struct exchange *x)
{
	const struct conf_bodies *b = &x->route->bodies;
	struct spool_limits limits = {
		.memory = conf_bodies_request_memory(b), .file = b->whole ? b->spill : 0};

	if (!buffer_is_wanted(x, &limits)) {
		exchange_connect(x);
		return;
	}
	if (b->whole && x->request_body.kind == HTTP_BODY_LENGTH &&
		x->request.content_length > limits.memory + limits.file) {
		exchange_answer(x, 413, NULL, too_large);
		return;
	}
	x->stored = arena_alloc(x->arena, sizeof(*x->stored));
	if (!x->stored) {
		exchange_answer(x, 503, NULL, "out of memory");
		return;
	}
	spool_init(x->stored, &x->worker->blocks, x->worker->spool_folder, &limits);
	x->stored->keep = true;
	exchange_set_state(x, EXCHANGE_BUFFER);
}

/* Enough of it is here: now the backend. */
static void
buffer_end(struct exchange *x)
{
	if (http_body_done(&x->request_body)) {
		front_settle(x->front);
		/* However it came, its length is known now; only chunks can have trailers. */
		if (x->request_trailers.n == 0)
			x->request.body = HTTP_BODY_LENGTH;
		x->request.content_length = x->request_body.payload;
	}
	front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	x->progress = false;
	pace_stop(&x->pace);
	exchange_connect(x);
}

/* "100 Continue" may still have to go out. */
static void
buffer_wait(struct exchange *x)
{
	struct front *f = x->front;

	if (iobuf_len(&f->out) > 0 && front_flush(f) == FRONT_IO_CLOSED) {
		front_close(f, CONN_CLOSE_CLIENT_ABORT);
		return;
	}
	if (!x->progress && f->wait == CONN_WAIT_BODY)
		return;
	x->progress = false;
	(void)exchange_wait_for_client(x, CONN_WAIT_BODY, x->limits->timeout_ms[CONF_TIMEOUT_IDLE]);
}

/* Takes one run of what was read. */
static void
buffer_take(struct exchange *x)
{
	struct slice in = front_input(x->front), payload = {0};
	size_t used = 0;

	if (!x->route->bodies.whole)
		in = slice_head(in, (size_t)spool_room(x->stored));
	if (!relay_feed_request(x, in, &used, &payload))
		return;
	switch (relay_keep(x, x->stored, payload)) {
	case SPOOL_OK:
		front_take(x->front, used);
		x->progress = true;
		break;
	case SPOOL_FULL:
		relay_refuse(x, 413, too_large);
		break;
	case SPOOL_FILE:
		relay_refuse(x, 507, "body cannot be stored");
		break;
	case SPOOL_MEMORY:
		front_close(x->front, CONN_CLOSE_MEMORY);
		break;
	}
}

/* True: there is something to take. False: it is waited for, or the client has ended. */
static bool
buffer_read(struct exchange *x)
{
	struct front *f = x->front;

	if (front_input(f).n > 0)
		return true;
	switch (front_read(f)) {
	case FRONT_IO_OK:
		return true;
	case FRONT_IO_BLOCKED:
		buffer_wait(x);
		return false;
	case FRONT_IO_END:
		if (relay_refuse_trailers(x))
			return false;
		if (http_body_close(&x->request_body) == 0) {
			buffer_end(x);
			return false;
		}
		break;
	case FRONT_IO_CLOSED:
		break;
	}
	front_close(f, CONN_CLOSE_CLIENT_ABORT);
	return false;
}

bool
exchange_buffer(struct exchange *x)
{
	bool full;

	relay_spare_memory(x, x->stored);
	full = !x->route->bodies.whole && spool_room(x->stored) == 0;
	if (full || http_body_done(&x->request_body)) {
		buffer_end(x);
		return true;
	}
	relay_say_continue(x);
	if (!buffer_read(x))
		return !x->front->closed && x->state != EXCHANGE_BUFFER;
	buffer_take(x);
	return true;
}

/* --- sending it ------------------------------------------------------------------------------ */

bool
relay_send_stored(struct exchange *x, bool *moved)
{
	struct iobuf *out = &x->upstream->out;

	for (;;) {
		struct slice bytes;

		if (spool_peek(x->stored, &bytes) != SPOOL_OK) {
			buffer_note_failure(x, x->stored);
			relay_refuse(x, 500, "stored body cannot be read");
			return false;
		}
		if (bytes.n == 0)
			return true;
		if (relay_room(out) < RELAY_ROOM_MIN)
			return false;
		bytes = slice_head(bytes, relay_room(out) - RELAY_FRAMING_MAX);
		if (iobuf_hold(out, &x->worker->blocks) < 0 ||
			relay_append(out, x->request.body, bytes) < 0) {
			front_close(x->front, CONN_CLOSE_MEMORY);
			return false;
		}
		spool_consume(x->stored, bytes.n);
		*moved = true;
	}
}

void
relay_forget_stored(struct exchange *x)
{
	x->body_touched = true;
	spool_clear(x->stored);
	x->stored = NULL;
}
