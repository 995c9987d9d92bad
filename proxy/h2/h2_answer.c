/* A stream's answer: heads and bytes in its exchange's buffer become frames. */
#include "core/own.h"
#include "proxy/h2/h2.h"

#include <string.h>

/* All of the answer is out. */
static void
h2_stream_answered(struct h2_stream *s)
{
	s->leg.we_ended = true;
	if (h2_session_end(&s->h2->session, &s->leg)) {
		h2_stream_closed(s, H2_NO_ERROR);
		return;
	}
	s->lingers = true;
	if (!s->front.exchange)
		front_set_wait(&s->front, CONN_WAIT_LINGER, H2_LINGER_MS);
}

/* Names that live for ever are in lower case; see h2_lower for the others. */
static const nghttp2_nv *
h2_make_nv(nghttp2_nv *nv, const struct h2_fields *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct h2_field *field = &f->at[i];
		const char *name = field->known ? field->known : field->name.p;

		nv[i] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
			.namelen = field->name.n,
			.value = (uint8_t *)(uintptr_t)field->value.p,
			.valuelen = field->value.n,
			.flags =
				field->known ? NGHTTP2_NV_FLAG_NO_COPY_NAME : NGHTTP2_NV_FLAG_NONE};
	}
	return nv;
}

/* In their place: the text is no longer wanted as it was (RFC 9113 section 8.2.1). */
static void
h2_lower(const nghttp2_nv *nv, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!(nv[i].flags & NGHTTP2_NV_FLAG_NO_COPY_NAME))
			h2_lower_name(nv[i].name, nv[i].namelen);
	}
}

static int
h2_send_head(struct h2_stream *s, const nghttp2_nv *nv, size_t n, bool ends)
{
	struct h2_frame like = {.stream = s->leg.id, .flags = ends ? H2_FLAG_END_STREAM : 0};

	return h2_session_head(&s->h2->session, &s->h2->conn->front.out, &like, nv, n);
}

/* The body has gone out: the frame that ends the stream (RFC 9113 section 8.1). */
static int
h2_send_trailers(struct h2_stream *s)
{
	struct h2_shared *shared = s->h2->conn->worker->h2;
	struct h2_fields f = {.at = shared->fields, .max = H2_ANSWER_FIELDS_MAX};

	if (h2_trailers_split(slice_of(s->trailers, s->n_trailers), &f) < 0)
		return -1;
	h2_lower(h2_make_nv(shared->nv, &f), f.n);
	return h2_send_head(s, shared->nv, f.n, true);
}

/* The head at the front of the buffer, which was not kept. */
static int
h2_split_head(struct h2_shared *shared, struct slice text, struct h2_parted *ret, size_t *ret_n)
{
	struct h2_fields f = {.at = shared->fields, .max = H2_ANSWER_FIELDS_MAX};
	uint16_t status = 0;

	if (h2_answer_split(text, &f, &status) < 0)
		return -1;
	*ret = (struct h2_parted){h2_make_nv(shared->nv, &f), f.n, status};
	*ret_n = f.used;
	h2_recall_keep(&shared->recall, text, f.used, ret);
	h2_lower(ret->nv, ret->n);
	return 0;
}

/* The next head at the front of the buffer: an interim one, or the final one. */
static int
h2_step_head(struct h2_stream *s)
{
	struct h2_shared *shared = s->h2->conn->worker->h2;
	struct front *f = &s->front;
	struct slice text = iobuf_slice(&f->out);
	const struct h2_recalled *known = h2_recall_find(&shared->recall, text);
	struct h2_parted head;
	size_t n;
	bool ends;

	if (known) {
		head = known->parted;
		n = known->n_text;
	} else if (h2_split_head(shared, text, &head, &n) < 0) {
		return -1;
	}
	s->answered = head.status >= 200;
	ends = s->answered && f->complete && iobuf_len(&f->out) == n && !s->trailers;
	if (h2_send_head(s, head.nv, head.n, ends) < 0)
		return -1;
	iobuf_consume(&f->out, n);
	s->due = iobuf_len(&f->out) > 0;
	if (ends)
		h2_stream_answered(s);
	return 0;
}

/* The stream has sent all that it has. Others that are less urgent wait until it has been driven,
 * which is before the turn ends. */
static void
h2_note_drained(struct h2_stream *s)
{
	struct h2 *h2 = s->h2;

	if (!h2->prioritized || s->front.complete)
		return;
	h2->drained = true;
	h2->starving = h2->starving || !s->driving;
}

/* Behind the bytes of the body comes its end, in the same frame if it can be. */
static int
h2_step_body(struct h2_stream *s, size_t n)
{
	struct h2_session *session = &s->h2->session;
	struct iobuf *out = &s->h2->conn->front.out, *from = &s->front.out;
	bool over = s->front.complete && n == iobuf_len(from);
	struct h2_frame frame = {.length = (uint32_t)n,
		.type = H2_FRAME_DATA,
		.flags = over && !s->trailers ? H2_FLAG_END_STREAM : 0,
		.stream = s->leg.id};

	if (n > 0 || !s->trailers) {
		h2_frame_write((uint8_t *)iobuf_tail(out), frame);
		out->end += H2_FRAME_HEAD;
		(void)iobuf_append(out, slice_head(iobuf_slice(from), n));
		iobuf_consume(from, n);
		session->window -= (int64_t)n;
		s->leg.window -= (int32_t)n;
	}
	s->front.moved = true;
	if (!s->driving)
		h2_wake(s);
	if (over && s->trailers && h2_send_trailers(s) < 0)
		return -1;
	if (over)
		h2_stream_answered(s);
	else if (iobuf_len(from) == 0)
		h2_note_drained(s);
	return 0;
}

/* Where the client has said nothing of urgency, streams have one frame each in turn. */
static void
h2_line_up_again(struct h2_stream *s)
{
	if (s->h2->prioritized && !s->incremental)
		return;
	list_remove(&s->sending);
	h2_stream_line_up(s);
}

/* A stream that can't be served any more; what its exchange does is its own care. */
static bool
h2_step_fails(struct h2_stream *s)
{
	front_close(&s->front, CONN_CLOSE_MEMORY);
	return !s->h2->session.flooded;
}

static bool
h2_has_step(const struct h2_stream *s)
{
	if (!s->leg.open || s->leg.we_ended)
		return false;
	if (iobuf_len(&s->front.out) == 0)
		return s->answered && s->front.complete;
	return s->answered ? s->leg.window > 0 : s->due;
}

bool
h2_stream_is_free(const struct h2_stream *s)
{
	return !s->answered || iobuf_len(&s->front.out) == 0;
}

bool
h2_stream_step(struct h2_stream *s)
{
	struct h2 *h2 = s->h2;
	size_t n = iobuf_len(&s->front.out);

	if (!h2_has_step(s)) {
		list_remove(&s->sending);
		return true;
	}
	if (!s->answered)
		return h2_step_head(s) == 0 || h2_step_fails(s);
	if (h2->drained || h2->starving)
		return false;
	if (n > H2_FRAME_PAYLOAD_MAX)
		n = H2_FRAME_PAYLOAD_MAX;
	if (n > 0 && (int32_t)n > s->leg.window)
		n = (size_t)s->leg.window;
	if (n > 0 && (int64_t)n > h2->session.window)
		n = (size_t)h2->session.window;
	if (h2_step_body(s, n) < 0)
		return h2_step_fails(s);
	if (s->leg.open && !s->leg.we_ended)
		h2_line_up_again(s);
	return true;
}

/* RFC 9218 section 10: those that may not share go in the order in which they were asked for. */
static bool
h2_goes_before(const struct h2_stream *s, const struct h2_stream *other)
{
	if (s->urgency != other->urgency)
		return s->urgency < other->urgency;
	return !s->incremental && !other->incremental && s->leg.id < other->leg.id;
}

void
h2_stream_line_up(struct h2_stream *s)
{
	struct list *line = &s->h2->sending, *before = line->prev;

	if (!list_empty(&s->sending) || !h2_has_step(s))
		return;
	while (s->h2->prioritized && before != line &&
		h2_goes_before(s, list_entry(before, struct h2_stream, sending)))
		before = before->prev;
	list_prepend(before, &s->sending);
}
