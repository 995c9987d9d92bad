/* The frames that an HTTP/2 session sends. */
#include "proxy/h2/h2_session.h"

#include "core/own.h"
#include "proxy/http/http_head.h"

#include <stdlib.h>
#include <string.h>

#define SMALL_PAYLOAD_MAX 64 /* of a frame that is made here, heads apart */

/* --- control --------------------------------------------------------------------------------- */

static void
send_frame(struct h2_session *s, struct h2_frame f, const uint8_t *payload)
{
	uint8_t head[H2_FRAME_HEAD];

	h2_frame_write(head, f);
	if (buf_append(&s->control, head, sizeof(head)) < 0 ||
		buf_append(&s->control, payload, f.length) < 0)
		s->flooded = true;
}

static void
send_number(struct h2_session *s, enum h2_frame_type type, uint32_t stream, uint32_t value)
{
	uint8_t payload[4];

	h2_put_number(payload, value);
	send_frame(s,
		(struct h2_frame){
			.length = sizeof(payload), .type = (uint8_t)type, .stream = stream},
		payload);
}

void
h2_session_send_start(struct h2_session *s)
{
	static const struct {
		uint16_t which;
		uint32_t value;
	} settings[] = {
		{H2_SETTING_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
		{H2_SETTING_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
		{H2_SETTING_MAX_HEADER_LIST_SIZE, HTTP_REQUEST_HEAD_MAX},
		{H2_SETTING_ENABLE_CONNECT_PROTOCOL, 1}, /* RFC 8441 */
		{H2_SETTING_NO_RFC7540_PRIORITIES, 1},   /* RFC 9218 holds */
	};
	uint8_t payload[SMALL_PAYLOAD_MAX];
	uint32_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++, n += 6) {
		payload[n] = (uint8_t)(settings[i].which >> 8);
		payload[n + 1] = (uint8_t)settings[i].which;
		h2_put_number(payload + n + 2, settings[i].value);
	}
	send_frame(s, (struct h2_frame){.length = n, .type = H2_FRAME_SETTINGS}, payload);
	send_number(s, H2_FRAME_WINDOW_UPDATE, 0, H2_CONNECTION_WINDOW - H2_STREAM_WINDOW);
}

void
h2_session_send_ack(struct h2_session *s, enum h2_frame_type type, struct slice payload)
{
	if (++s->acks > H2_ACKS_MAX) {
		s->flooded = true;
		return;
	}
	send_frame(s,
		(struct h2_frame){
			.length = (uint32_t)payload.n, .type = (uint8_t)type, .flags = H2_FLAG_ACK},
		(const uint8_t *)payload.p);
}

void
h2_session_send_reset(struct h2_session *s, uint32_t id, enum h2_error error)
{
	send_number(s, H2_FRAME_RST_STREAM, id, error);
}

void
h2_session_goaway(struct h2_session *s, uint32_t last, enum h2_error error)
{
	uint8_t payload[8];

	if (last > s->last_allowed)
		last = s->last_allowed; /* RFC 9113 section 6.8: it must not grow */
	s->last_allowed = last;
	if (last != H2_STREAM_NUMBER_MAX) /* else it only says that another will come */
		s->goaway_sent = true;
	h2_put_number(payload, last);
	h2_put_number(payload + 4, error);
	send_frame(
		s, (struct h2_frame){.length = sizeof(payload), .type = H2_FRAME_GOAWAY}, payload);
}

void
h2_session_terminate(struct h2_session *s, enum h2_error error)
{
	if (s->ended)
		return;
	h2_session_goaway(s, s->last_processed, error);
	s->ended = true;
	h2_on_goaway(s, error);
}

/* Half of a window, so that small bodies cost no frame. */
void
h2_session_take(struct h2_session *s, struct h2_leg *leg, size_t n)
{
	s->taken += (uint32_t)n;
	if (s->taken >= H2_CONNECTION_WINDOW / 2) {
		send_number(s, H2_FRAME_WINDOW_UPDATE, 0, s->taken);
		s->credit += s->taken;
		s->taken = 0;
	}
	if (!leg || !leg->open || leg->client_ended)
		return;
	leg->taken += (uint32_t)n;
	if (leg->taken >= H2_STREAM_WINDOW / 2) {
		send_number(s, H2_FRAME_WINDOW_UPDATE, leg->id, leg->taken);
		leg->credit += leg->taken;
		leg->taken = 0;
	}
}

bool
h2_session_flush(struct h2_session *s, struct iobuf *out)
{
	struct slice all = buf_slice(&s->control);
	size_t n = all.n < iobuf_room(out) ? all.n : iobuf_room(out);

	if (n > 0) {
		(void)iobuf_append(out, slice_head(all, n));
		buf_consume(&s->control, n);
	}
	if (n < all.n)
		return false;
	s->acks = 0;
	if (n > 0)
		buf_clear(&s->control);
	return true;
}

/* --- heads ----------------------------------------------------------------------------------- */

/* A head that fits into no frame, or not into the buffer. */
static int
send_long_head(
	struct h2_session *s, struct h2_frame f, const nghttp2_nv *nv, size_t n, size_t bound)
{
	uint8_t *block = malloc(bound);
	ssize_t size = block ? nghttp2_hd_deflate_hd(s->deflater, block, bound, nv, n) : -1;

	for (size_t at = 0; size > 0 && at < (size_t)size; at += f.length) {
		size_t left = (size_t)size - at;
		uint8_t ends = left > H2_FRAME_PAYLOAD_MAX ? 0 : H2_FLAG_END_HEADERS;

		f.length = (uint32_t)(ends ? left : H2_FRAME_PAYLOAD_MAX);
		f.flags = (uint8_t)(f.flags | ends);
		send_frame(s, f, block + at);
		f.type = H2_FRAME_CONTINUATION;
		f.flags = 0;
	}
	free(block);
	if (size < 0)
		s->flooded = true; /* the table of the other side would not be ours any more */
	return s->flooded ? -1 : 0;
}

int
h2_session_head(struct h2_session *s, struct iobuf *out, const struct h2_frame *like,
	const nghttp2_nv *nv, size_t n)
{
	size_t bound = nghttp2_hd_deflate_bound(s->deflater, nv, n);
	struct h2_frame f = *like;
	uint8_t *to;
	ssize_t size;

	f.type = H2_FRAME_HEADERS;
	if (h2_session_waits(s) || bound > H2_FRAME_PAYLOAD_MAX ||
		iobuf_room(out) < H2_FRAME_HEAD + bound)
		return send_long_head(s, f, nv, n, bound);
	to = (uint8_t *)iobuf_tail(out);
	size = nghttp2_hd_deflate_hd(s->deflater, to + H2_FRAME_HEAD, bound, nv, n);
	if (size < 0) {
		s->flooded = true;
		return -1;
	}
	f.length = (uint32_t)size;
	f.flags |= H2_FLAG_END_HEADERS;
	h2_frame_write(to, f);
	out->end += (uint32_t)(H2_FRAME_HEAD + (size_t)size);
	return 0;
}
