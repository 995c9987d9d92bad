/*
 * Answers that break off: the backend goes away or breaks its framing before it has said
 * everything. While nothing of the answer has gone out, the client gets another one, or another
 * backend is asked; later it must see that what it has is not complete.
 */
#include "proxy/exchange/relay.h"

/* The backend broke its own framing or went away: the client must see that the answer is not
 * complete, so its connection ends without the last chunk or the rest of the length. */
void
relay_cut(struct exchange *x, const char *why)
{
	x->reason = why;
	stats_add(&x->worker->stats, STAT_UPSTREAM_FAILED, 1);
	(void)front_flush(x->front);
	front_close(x->front, CONN_CLOSE_BODY_CUT);
}

/* What was queued of the answer is forgotten. */
static void
relay_take_back(struct exchange *x)
{
	iobuf_release(&x->front->out, &x->worker->blocks);
	compressor_free(&x->compressor);
	timer_off(&x->retry);
	x->run = (struct slice){0};
	x->run_used = 0;
	x->compress_dirty = false;
	x->head_held = x->unsent = x->answer_begun = false;
	x->status = 0;
	x->body_sent = 0;
}

void
relay_broken(struct exchange *x)
{
	static const char why[] = "backend broke the framing of its answer";

	/* What a cache has begun with it is given up only with the exchange. */
	if (!x->unsent || x->cached) {
		relay_cut(x, why);
		return;
	}
	relay_take_back(x);
	exchange_fail(x, 502, why);
}

/* The backend went away between head and body, and the head is still here: as if it had said
 * nothing. Servers that write the two in two calls would else have their answers cut off whenever
 * they are killed. */
static void
relay_take_back_head(struct exchange *x)
{
	relay_take_back(x);
	x->got_bytes = false;
	exchange_lost(x, "backend closed between the head and the body of its answer");
}

void
relay_upstream_closed(struct exchange *x)
{
	if (x->head_held) {
		relay_take_back_head(x);
		return;
	}
	/* A body that ends with the connection ends well only where the connection does (RFC 9112
	 * sections 8 and 9.8). */
	if (x->upstream->broken || http_body_close(&x->answer_body) < 0)
		relay_cut(x, "backend closed inside its answer");
}
