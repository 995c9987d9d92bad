/* What an HTTP/2 session tells of its client. */
#include "core/own.h"
#include "proxy/h2/h2.h"

static struct h2 *
h2_of(struct h2_session *session)
{
	return list_entry(session, struct h2, session);
}

static struct h2_stream *
stream_of(struct h2_leg *leg)
{
	return leg ? list_entry(leg, struct h2_stream, leg) : NULL;
}

/* --- heads ----------------------------------------------------------------------------------- */

void
h2_head_over(struct h2 *h2)
{
	h2->head_id = 0;
	block_put(&h2->conn->worker->blocks, steal_ptr(&h2->stage));
}

struct h2_leg *
h2_on_begin(struct h2_session *session, uint32_t id)
{
	struct h2 *h2 = h2_of(session);
	struct h2_stream *s;

	if (!h2->stage)
		h2->stage = block_get(&h2->conn->worker->blocks);
	s = h2->stage ? h2_stream_new(h2) : NULL;
	if (!s)
		return NULL;
	h2_head_init(&h2->head, h2->stage);
	h2->head_id = id;
	return &s->leg;
}

void
h2_on_field(struct h2_session *session, struct slice name, struct slice value)
{
	struct h2 *h2 = h2_of(session);

	/* Its stream may be gone already. */
	if (h2->head_id == session->head_stream)
		h2_head_add(&h2->head, name, value);
}

void
h2_on_head(struct h2_session *session, struct h2_leg *leg, bool ended)
{
	struct h2 *h2 = h2_of(session);
	struct h2_stream *s = stream_of(leg);
	uint32_t budget = h2->budget + H2_BUDGET_PER_REQUEST;

	h2->budget = budget > H2_BUDGET_MAX ? H2_BUDGET_MAX : budget;
	h2->asked = true;
	if (h2_head_is_malformed(&h2->head, ended))
		h2_stream_malformed(s);
	else
		h2_stream_begin(s);
	h2_head_over(h2);
}

bool
h2_on_trailer(struct h2_session *session, struct h2_leg *leg, struct slice name, struct slice value)
{
	/* More of them is too large however it is counted: nobody looks at it any more. */
	if (session->head_size <= H2_TRAILERS_MAX && !h2_head_may_trail(name, value))
		return false;
	h2_stream_trailer(stream_of(leg), name, value);
	return true;
}

/* --- bodies ---------------------------------------------------------------------------------- */

void
h2_on_data(struct h2_session *session, struct h2_leg *leg, struct slice bytes)
{
	struct h2 *h2 = h2_of(session);
	struct h2_stream *s = stream_of(leg);

	h2->moved += bytes.n;
	if (s && !s->front.closed && s->front.exchange) {
		h2_stream_body(s, bytes);
		return;
	}
	/* Nobody wants it: the connection's window must not shrink for it. */
	h2_session_take(session, NULL, bytes.n);
	if (s)
		h2_stream_drain(s, bytes.n);
}

void
h2_on_end(struct h2_session *session, struct h2_leg *leg)
{
	(void)session;
	h2_stream_end(stream_of(leg));
}

void
h2_on_close(struct h2_session *session, struct h2_leg *leg, enum h2_error error)
{
	struct h2 *h2 = h2_of(session);

	if (leg->id == h2->head_id)
		h2_head_over(h2);
	h2_stream_closed(stream_of(leg), error);
}

/* --- the rest -------------------------------------------------------------------------------- */

/* A stream ends for what the client did, which is as cheap for it as resetting the stream itself.
 * One that had become a request has a line of its own. */
void
h2_on_fault(struct h2_session *session, struct h2_leg *leg)
{
	struct h2 *h2 = h2_of(session);
	const struct h2_stream *s = stream_of(leg);

	if (!s || !s->front.exchange)
		conn_log_refused(h2->conn, "stream that breaks the rules of HTTP/2");
	stats_add(&h2->conn->worker->stats, STAT_REQUESTS_BAD, 1);
	conn_violation(h2->conn, VIOLATION_MALFORMED);
	h2_spend(h2, H2_COST_RESET);
}

void
h2_on_goaway(struct h2_session *session, enum h2_error error)
{
	struct conn *c = h2_of(session)->conn;

	if (error == H2_ENHANCE_YOUR_CALM) {
		conn_log_refused(c, conn_close_text(CONN_CLOSE_FLOOD));
		conn_violation(c, VIOLATION_FLOOD);
	} else if (error != H2_NO_ERROR && error != H2_INTERNAL_ERROR) {
		conn_log_refused(c, conn_close_text(CONN_CLOSE_PROTOCOL));
		conn_violation(c, VIOLATION_PROTOCOL);
	}
}

void
h2_on_priority_update(struct h2_session *session, uint32_t stream, struct slice value)
{
	struct h2 *h2 = h2_of(session);
	struct h2_stream *s = stream_of(h2_session_find(session, stream));
	struct h2_priority priority = h2_priority_parse(value);

	h2->prioritized = true;
	if (s)
		h2_stream_set_priority(s, priority);
	else
		h2_priorities_keep(&h2->priorities, (int32_t)stream, priority);
}

void
h2_on_idle_frame(struct h2_session *session, enum h2_frame_type type)
{
	h2_spend(h2_of(session), type == H2_FRAME_RST_STREAM ? H2_COST_RESET : H2_COST_FRAME);
}

/* A few bytes of HPACK are a large field as often as they are repeated. */
void
h2_on_bulky_head(struct h2_session *session, uint64_t size)
{
	uint64_t cost = size / H2_HEAD_BYTES;

	h2_spend(h2_of(session), cost <= H2_BUDGET_MAX ? (uint32_t)cost : H2_BUDGET_MAX + 1);
}

/* Whoever waits for the connection's window stands in line still. */
void
h2_on_window(struct h2_session *session, struct h2_leg *leg)
{
	(void)session;
	if (leg)
		h2_stream_line_up(stream_of(leg));
}
