/*
 * Answers that are read ahead: what the client does not take yet is stored as payload, so that the
 * backend has said everything early and is free. Whatever the client takes goes to it at once; only
 * when its buffer and its socket are full does anything come here.
 */
#include "proxy/exchange/relay.h"

#include "proxy/exchange/exchange_cache.h"

/* The store, made when it is first needed. NULL: the route has none, or memory is short. */
static struct spool *
ahead_open(struct exchange *x)
{
	const struct conf_bodies *b = &x->route->bodies;
	struct spool_limits limits = {.memory = conf_bodies_answer_memory(b), .file = b->file};

	if (x->ahead || b->buffers == 0)
		return x->ahead;
	x->ahead = arena_alloc(x->arena, sizeof(*x->ahead));
	if (x->ahead)
		spool_init(x->ahead, &x->worker->blocks, x->worker->spool_folder, &limits);
	return x->ahead;
}

/* --- in -------------------------------------------------------------------------------------- */

/* What the compressor has not taken of its run: stored in front of all that comes. */
static bool
ahead_take_run(struct exchange *x)
{
	enum spool_result result = relay_keep(x, x->ahead, x->run);

	if (result == SPOOL_MEMORY)
		relay_cut(x, "out of memory");
	if (result != SPOOL_OK)
		return false;
	iobuf_consume(&x->upstream->in, x->run_used);
	x->run = (struct slice){0};
	x->run_used = 0;
	return true;
}

/* Takes one run of the body from what was read. When the disk takes no more, the run stays where
 * it is: the backend waits then. */
static bool
ahead_take(struct exchange *x)
{
	struct slice payload = {0};
	struct slice in = iobuf_slice(&x->upstream->in);
	struct http_body before = x->answer_body;
	uint64_t room = spool_room(x->ahead);
	size_t used = 0;

	if (room == 0)
		return false;
	if (in.n > room)
		in.n = (size_t)room;
	if (http_body_feed(&x->answer_body, in.p, in.n, &used, &payload) == HTTP_BODY_BAD) {
		relay_broken(x);
		return true;
	}
	switch (relay_keep(x, x->ahead, payload)) {
	case SPOOL_OK:
		if (x->cached)
			exchange_cache_feed(x, payload, false);
		iobuf_consume(&x->upstream->in, used);
		return true;
	case SPOOL_MEMORY:
		relay_cut(x, "out of memory");
		return true;
	case SPOOL_FULL:
	case SPOOL_FILE:
		break;
	}
	x->answer_body = before;
	return false;
}

bool
relay_read_ahead(struct exchange *x)
{
	struct upstream *u = x->upstream;
	int error;

	if (!ahead_open(x))
		return false;
	relay_spare_memory(x, x->ahead);
	if (x->run_used > 0)
		return ahead_take_run(x);
	if (iobuf_len(&u->in) == 0 && spool_room(x->ahead) > 0) {
		switch (upstream_read(u, &error)) {
		case UPSTREAM_OK:
			break;
		case UPSTREAM_BLOCKED:
			return false;
		case UPSTREAM_CLOSED:
			relay_upstream_closed(x);
			return true;
		}
	}
	return iobuf_len(&u->in) > 0 && ahead_take(x);
}

/* --- out ------------------------------------------------------------------------------------- */

/* Some of the stored bytes into the client's buffer, which has room. False: there is none left. */
static bool
ahead_pour(struct exchange *x, struct slice bytes)
{
	struct iobuf *out = &x->front->out;
	struct slice rest = bytes;

	x->head_held = false;
	if (!x->compressor) {
		bytes = slice_head(bytes, relay_room(out) - RELAY_FRAMING_MAX);
		if (relay_append(out, x->answer_kind, bytes) < 0) {
			relay_cut(x, "out of memory");
			return false;
		}
		x->body_sent += bytes.n;
		spool_consume(x->ahead, bytes.n);
		return true;
	}
	x->compress_dirty = true;
	(void)exchange_compress(x, COMPRESSOR_MORE, &rest);
	if (x->front->closed)
		return false;
	spool_consume(x->ahead, bytes.n - rest.n);
	return rest.n < bytes.n;
}

bool
relay_pour_ahead(struct exchange *x, bool *moved)
{
	for (int turn = 0; turn < RELAY_TURN_MAX; turn++) {
		struct slice bytes = {0};

		if (!relay_make_room(x))
			return false;
		if (x->ahead && spool_peek(x->ahead, &bytes) != SPOOL_OK) {
			relay_cut(x, "what was read ahead cannot be read again");
			return false;
		}
		if (bytes.n == 0)
			return true;
		if (!ahead_pour(x, bytes))
			return false;
		*moved = true;
	}
	return false;
}

bool
exchange_deliver(struct exchange *x)
{
	bool moved = false;
	bool all = relay_pour_ahead(x, &moved);

	if (all && relay_finish_body(x, &moved)) {
		exchange_set_state(x, EXCHANGE_END);
		return true;
	}
	return moved || x->front->closed || exchange_write_rest(x);
}
