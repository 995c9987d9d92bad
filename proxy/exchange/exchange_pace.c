/*
 * The client is waited for: for its body, or until it takes the answer. Two clocks run. The
 * time-out is about silence, and starts over whenever something moves; `min-rate` is about the
 * average.
 *
 * Of an answer only what has left the kernel counts as taken: a socket's buffer holds megabytes, of
 * which a slow reader fetches some for minutes before there is room for more, and for all that time
 * the loop hears nothing. So the timer wakes at whichever clock is due first, and looks.
 */
#include "proxy/exchange/exchange.h"

#include "core/clock.h"
#include "proxy/exchange/exchange_cache.h"

static const struct conf_overload *
client_limits(const struct exchange *x)
{
	return &(x->generation ? x->generation : x->worker->generation)->conf->overload;
}

/* Bytes of body that have come, and of the answer those that the client has. */
static uint64_t
client_moved(const struct exchange *x, enum conn_wait wait)
{
	uint64_t held = iobuf_len(&x->front->out);

	if (wait == CONN_WAIT_CLIENT)
		held += front_backlog(x->front);
	return x->request_body.payload + (x->body_sent > held ? x->body_sent - held : 0);
}

static void
client_too_slow(struct exchange *x, enum conn_wait wait)
{
	x->keep_alive = false;
	if (wait == CONN_WAIT_BODY && !x->answer_begun)
		exchange_answer(x, 408, NULL, "request body slower than min-rate");
	else
		front_close(x->front, CONN_CLOSE_SLOW);
}

static void
client_set_timer(struct exchange *x, enum conn_wait wait, uint64_t now_ms)
{
	uint64_t until = x->client_until_ms, due;

	/* It may be others' bytes that are in the way of ours: then nothing is known before the
	 * time-out. */
	if (x->pace.since_ms != 0 && (wait == CONN_WAIT_BODY || front_is_held(x->front))) {
		due = pace_due_ms(&x->pace, client_limits(x));
		until = due < until ? due : until;
	}
	front_set_wait(x->front, wait, until > now_ms ? until - now_ms : 0);
}

bool
exchange_wait_for_client(struct exchange *x, enum conn_wait wait, uint64_t timeout_ms)
{
	uint64_t now_ms = clock_mono_coarse_ms(), moved = client_moved(x, wait);

	if (wait == CONN_WAIT_CLIENT && x->cached)
		exchange_collapse_bound(x);
	if (pace_too_slow(&x->pace, client_limits(x), moved, now_ms)) {
		client_too_slow(x, wait);
		return false;
	}
	x->client_moved = moved;
	x->client_wait_ms = timeout_ms;
	x->client_until_ms = now_ms + timeout_ms;
	client_set_timer(x, wait, now_ms);
	return true;
}

static void
client_silent(struct exchange *x, enum conn_wait wait)
{
	x->keep_alive = false;
	if (wait == CONN_WAIT_CLIENT)
		front_close(x->front, CONN_CLOSE_SEND_TIMEOUT);
	else if (x->answer_begun)
		front_close(x->front, CONN_CLOSE_IDLE_TIMEOUT);
	else
		exchange_answer(x, 408, NULL, "request body took too long");
}

void
exchange_on_client_timeout(struct exchange *x, enum conn_wait wait)
{
	uint64_t now_ms = clock_mono_coarse_ms(), moved = client_moved(x, wait);

	/* A tunnel has no pace, and a body that is only read away has none either. */
	if (x->state == EXCHANGE_TUNNEL || x->pace.since_ms == 0) {
		client_silent(x, wait);
		return;
	}
	if (pace_too_slow(&x->pace, client_limits(x), moved, now_ms)) {
		client_too_slow(x, wait);
		return;
	}
	if (moved > x->client_moved) {
		x->client_moved = moved;
		x->client_until_ms = now_ms + x->client_wait_ms;
	}
	if (now_ms >= x->client_until_ms)
		client_silent(x, wait);
	else
		client_set_timer(x, wait, now_ms);
}
