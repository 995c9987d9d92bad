/* An HTTP/2 connection's life, its streams, and the frames that come. */
#include "proxy/h2/h2_session.h"

#include "core/own.h"
#include "proxy/http/http_head.h"

#include <string.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define PREFACE_LEN (sizeof(PREFACE) - 1)
#define PRIORITY_LEN 5 /* of RFC 7540, section 6.3 */
#define PRIORITY_UPDATE_MIN 4
#define SETTING_LEN 6
#define PING_LEN 8
#define GOAWAY_MIN 8
#define WINDOW_MAX INT64_C(0x7fffffff)

/* --- streams --------------------------------------------------------------------------------- */

static struct h2_leg **
leg_place(struct h2_session *s, uint32_t id)
{
	struct h2_leg **at = &s->legs[(id >> 1) % H2_LEG_BUCKETS];

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

struct h2_leg *
h2_session_find(const struct h2_session *s, uint32_t id)
{
	struct h2_leg *leg = s->legs[(id >> 1) % H2_LEG_BUCKETS];

	while (leg && leg->id != id)
		leg = leg->next;
	return leg;
}

static void
leg_enter(struct h2_session *s, struct h2_leg *leg, uint32_t id)
{
	struct h2_leg **bucket = &s->legs[(id >> 1) % H2_LEG_BUCKETS];

	leg->id = id;
	leg->window = (int32_t)s->initial_window;
	leg->credit = H2_STREAM_WINDOW;
	leg->open = true;
	leg->next = *bucket;
	*bucket = leg;
	s->n_legs++;
}

void
h2_session_forget(struct h2_session *s, struct h2_leg *leg)
{
	if (!leg->open)
		return;
	*leg_place(s, leg->id) = leg->next;
	leg->open = false;
	s->n_legs--;
}

bool
h2_session_end(struct h2_session *s, struct h2_leg *leg)
{
	if (!leg->client_ended || !leg->we_ended)
		return false;
	h2_session_forget(s, leg);
	return true;
}

void
h2_session_reset(struct h2_session *s, struct h2_leg *leg, enum h2_error error)
{
	if (!leg->open)
		return;
	h2_session_forget(s, leg);
	h2_session_send_reset(s, leg->id, error);
}

/* The client is at fault. */
static void
fault(struct h2_session *s, struct h2_leg *leg, enum h2_error error)
{
	h2_on_fault(s, leg);
	h2_session_reset(s, leg, error);
	h2_on_close(s, leg, error);
}

/* Even numbers would be ours to begin, and we begin none. */
static bool
is_idle(const struct h2_session *s, uint32_t id)
{
	return id % 2 == 0 || id > s->last;
}

/* The client has ended its message. */
static void
message_over(struct h2_session *s, struct h2_leg *leg)
{
	uint32_t id = leg->id;

	leg->client_ended = true;
	h2_on_end(s, leg);
	leg = h2_session_find(s, id);
	if (leg && h2_session_end(s, leg))
		h2_on_close(s, leg, H2_NO_ERROR);
}

/* --- life ------------------------------------------------------------------------------------ */

int
h2_session_init(struct h2_session *s, nghttp2_mem *memory)
{
	*s = (struct h2_session){.window = H2_STREAM_WINDOW,
		.initial_window = H2_STREAM_WINDOW,
		.credit = H2_CONNECTION_WINDOW,
		.last_allowed = H2_STREAM_NUMBER_MAX};
	buf_init(&s->control, H2_CONTROL_MAX);
	if (nghttp2_hd_deflate_new2(&s->deflater, H2_TABLE_MAX, memory) != 0 ||
		nghttp2_hd_inflate_new2(&s->inflater, memory) != 0)
		return -1;
	h2_session_send_start(s);
	return s->flooded ? -1 : 0;
}

void
h2_session_clear(struct h2_session *s)
{
	if (s->deflater)
		nghttp2_hd_deflate_del(s->deflater);
	if (s->inflater)
		nghttp2_hd_inflate_del(s->inflater);
	buf_clear(&s->control);
	*s = (struct h2_session){0};
}

bool
h2_session_is_over(const struct h2_session *s)
{
	if (h2_session_waits(s))
		return false;
	return s->ended || (s->n_legs == 0 && (s->goaway_sent || s->goaway_received));
}

/* --- heads ----------------------------------------------------------------------------------- */

static void
head_field(struct h2_session *s, const nghttp2_nv *nv)
{
	struct slice name = slice_of((const char *)nv->name, nv->namelen);
	struct slice value = slice_of((const char *)nv->value, nv->valuelen);
	struct h2_leg *leg;

	s->head_size += name.n + value.n + H2_FIELD_OVERHEAD;
	if (s->head_kind == H2_HEAD_REQUEST) {
		h2_on_field(s, name, value);
	} else if (s->head_kind == H2_HEAD_TRAILERS) {
		leg = h2_session_find(s, s->head_stream);
		if (!leg || h2_on_trailer(s, leg, name, value))
			return;
		s->head_kind = H2_HEAD_IGNORED;
		fault(s, leg, H2_PROTOCOL_ERROR);
	}
}

/* RFC 7541: the bytes of one frame. False: the connection has ended. */
static bool
head_decode(struct h2_session *s, struct slice in, bool last)
{
	while (!s->ended) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t n = nghttp2_hd_inflate_hd2(
			s->inflater, &nv, &flags, (const uint8_t *)in.p, in.n, last);

		if (n < 0) {
			h2_session_terminate(s, H2_COMPRESSION_ERROR);
			return false;
		}
		in = slice_skip(in, (size_t)n);
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			head_field(s, &nv);
		else if (in.n == 0 || (flags & NGHTTP2_HD_INFLATE_FINAL))
			break;
	}
	if (last)
		(void)nghttp2_hd_inflate_end_headers(s->inflater);
	return !s->ended;
}

static void
head_over(struct h2_session *s)
{
	struct h2_leg *leg = h2_session_find(s, s->head_stream);
	enum h2_head_kind kind = s->head_kind;

	s->head_stream = 0;
	s->head_kind = H2_HEAD_NONE;
	if (s->head_size > HTTP_REQUEST_HEAD_MAX)
		h2_on_bulky_head(s, s->head_size);
	if (s->ended)
		return;
	if (!leg || kind == H2_HEAD_IGNORED) {
		h2_on_idle_frame(s, H2_FRAME_HEADERS);
		return;
	}
	if (kind == H2_HEAD_TRAILERS) {
		message_over(s, leg);
		return;
	}
	leg->client_ended = s->head_ends;
	h2_on_head(s, leg, s->head_ends);
}

static void
head_bytes(struct h2_session *s, struct slice in, bool last)
{
	if (head_decode(s, in, last) && last)
		head_over(s);
}

/* A head on a stream that is not open yet. */
static enum h2_head_kind
head_begin(struct h2_session *s, uint32_t id)
{
	struct h2_leg *leg;

	s->last = id;
	if (id > s->last_allowed)
		return H2_HEAD_IGNORED;
	s->last_processed = id;
	if (s->n_legs >= H2_STREAMS_MAX) {
		/* Who has not acknowledged our settings may not know how many there may be. */
		if (s->settings_acked)
			h2_on_fault(s, NULL);
		h2_session_send_reset(s, id, H2_REFUSED_STREAM);
		return H2_HEAD_IGNORED;
	}
	leg = h2_on_begin(s, id);
	if (!leg) {
		h2_session_send_reset(s, id, H2_INTERNAL_ERROR);
		return H2_HEAD_IGNORED;
	}
	leg_enter(s, leg, id);
	return H2_HEAD_REQUEST;
}

/* The payload without padding, and without the dependency of RFC 7540. False: it is malformed. */
static bool
unpad(struct h2_frame f, struct slice *p)
{
	size_t pad = 0;

	if (f.flags & H2_FLAG_PADDED) {
		if (p->n == 0)
			return false;
		pad = (uint8_t)p->p[0];
		*p = slice_skip(*p, 1);
	}
	if (f.type == H2_FRAME_HEADERS && (f.flags & H2_FLAG_PRIORITY)) {
		if (p->n < PRIORITY_LEN ||
			(h2_number((const uint8_t *)p->p) & H2_STREAM_NUMBER_MAX) == f.stream)
			return false;
		*p = slice_skip(*p, PRIORITY_LEN);
	}
	if (pad > p->n)
		return false;
	*p = slice_head(*p, p->n - pad);
	return true;
}

static void
on_headers(struct h2_session *s, struct h2_frame f, struct slice p)
{
	struct h2_leg *leg;

	if (f.stream % 2 == 0 || !unpad(f, &p)) {
		h2_session_terminate(s, H2_PROTOCOL_ERROR);
		return;
	}
	leg = h2_session_find(s, f.stream);
	s->head_ends = f.flags & H2_FLAG_END_STREAM;
	s->continuations = 0;
	s->head_size = 0;
	s->head_stream = f.stream;
	if (f.stream > s->last) {
		s->head_kind = head_begin(s, f.stream);
	} else if (!leg) {
		s->head_kind = H2_HEAD_IGNORED; /* we have reset it */
	} else if (leg->client_ended) {
		h2_session_terminate(s, H2_STREAM_CLOSED);
		return;
	} else if (!s->head_ends) {
		/* RFC 9113 section 8.1: trailers end the message. */
		s->head_kind = H2_HEAD_IGNORED;
		fault(s, leg, H2_PROTOCOL_ERROR);
	} else {
		s->head_kind = H2_HEAD_TRAILERS;
	}
	head_bytes(s, p, f.flags & H2_FLAG_END_HEADERS);
}

static void
on_continuation(struct h2_session *s, struct h2_frame f, struct slice p)
{
	if (++s->continuations > H2_CONTINUATIONS_MAX) {
		s->flooded = true;
		return;
	}
	head_bytes(s, p, f.flags & H2_FLAG_END_HEADERS);
}

/* --- other frames ---------------------------------------------------------------------------- */

static void
on_priority(struct h2_session *s, struct h2_frame f, struct slice p)
{
	enum h2_error error = H2_NO_ERROR;

	if (p.n != PRIORITY_LEN)
		error = H2_FRAME_SIZE_ERROR; /* of the connection: an idle stream can't be reset */
	/* The second half is RFC 7540's, section 5.3.1. */
	if (f.stream == 0 || (p.n == PRIORITY_LEN && (h2_number((const uint8_t *)p.p) &
							     H2_STREAM_NUMBER_MAX) == f.stream))
		error = H2_PROTOCOL_ERROR;
	if (error != H2_NO_ERROR)
		h2_session_terminate(s, error);
}

static void
on_reset(struct h2_session *s, struct h2_frame f, struct slice p)
{
	struct h2_leg *leg = h2_session_find(s, f.stream);

	if (p.n != 4) {
		h2_session_terminate(s, H2_FRAME_SIZE_ERROR);
		return;
	}
	if (is_idle(s, f.stream)) {
		h2_session_terminate(s, H2_PROTOCOL_ERROR);
		return;
	}
	if (!leg)
		return;
	h2_session_forget(s, leg);
	h2_on_close(s, leg, h2_number((const uint8_t *)p.p));
}

/* A stream's window may become negative (RFC 9113 section 6.9.2). */
static enum h2_error
set_initial_window(struct h2_session *s, uint32_t value)
{
	int64_t more = (int64_t)value - (int64_t)s->initial_window;

	if (value > WINDOW_MAX)
		return H2_FLOW_CONTROL_ERROR;
	s->initial_window = value;
	for (size_t i = 0; i < H2_LEG_BUCKETS; i++) {
		for (struct h2_leg *leg = s->legs[i]; leg; leg = leg->next) {
			if (leg->window + more > WINDOW_MAX)
				return H2_FLOW_CONTROL_ERROR;
			leg->window = (int32_t)(leg->window + more);
		}
	}
	return H2_NO_ERROR;
}

static enum h2_error
set(struct h2_session *s, unsigned which, uint32_t value)
{
	switch (which) {
	case H2_SETTING_HEADER_TABLE_SIZE:
		return nghttp2_hd_deflate_change_table_size(
			       s->deflater, value < H2_TABLE_MAX ? value : H2_TABLE_MAX) == 0
			       ? H2_NO_ERROR
			       : H2_INTERNAL_ERROR;
	case H2_SETTING_INITIAL_WINDOW_SIZE:
		return set_initial_window(s, value);
	case H2_SETTING_MAX_FRAME_SIZE:
		return value < H2_FRAME_PAYLOAD_MAX || value > 0xffffff ? H2_PROTOCOL_ERROR
									: H2_NO_ERROR;
	case H2_SETTING_ENABLE_PUSH:
	case H2_SETTING_ENABLE_CONNECT_PROTOCOL:
	case H2_SETTING_NO_RFC7540_PRIORITIES:
		return value > 1 ? H2_PROTOCOL_ERROR : H2_NO_ERROR;
	default:
		return H2_NO_ERROR;
	}
}

/* Streams whose windows have grown may go on. */
static void
tell_windows(struct h2_session *s)
{
	for (size_t i = 0; i < H2_LEG_BUCKETS; i++) {
		for (struct h2_leg *leg = s->legs[i]; leg; leg = leg->next)
			h2_on_window(s, leg);
	}
}

static enum h2_error
on_settings_entries(struct h2_session *s, struct slice p)
{
	uint32_t before = s->initial_window;
	enum h2_error error = H2_NO_ERROR;

	for (; p.n > 0 && error == H2_NO_ERROR; p = slice_skip(p, SETTING_LEN)) {
		const uint8_t *b = (const uint8_t *)p.p;

		error = set(s, (unsigned)b[0] << 8 | b[1], h2_number(b + 2));
	}
	if (error == H2_NO_ERROR && s->initial_window > before)
		tell_windows(s);
	return error;
}

static void
on_settings(struct h2_session *s, struct h2_frame f, struct slice p)
{
	enum h2_error error = H2_NO_ERROR;

	if (f.stream != 0) {
		error = H2_PROTOCOL_ERROR;
	} else if (f.flags & H2_FLAG_ACK) {
		if (p.n != 0)
			error = H2_FRAME_SIZE_ERROR;
		else if (s->settings_acked || !s->settings_seen)
			error = H2_PROTOCOL_ERROR;
		s->settings_acked = true;
	} else if (p.n % SETTING_LEN != 0) {
		error = H2_FRAME_SIZE_ERROR;
	} else if (p.n / SETTING_LEN > H2_SETTINGS_MAX) {
		error = H2_ENHANCE_YOUR_CALM;
	} else {
		error = on_settings_entries(s, p);
		if (error == H2_NO_ERROR)
			h2_session_send_ack(s, H2_FRAME_SETTINGS, (struct slice){.p = ""});
	}
	s->settings_seen = true;
	if (error != H2_NO_ERROR)
		h2_session_terminate(s, error);
}

static void
on_ping(struct h2_session *s, struct h2_frame f, struct slice p)
{
	if (f.stream != 0)
		h2_session_terminate(s, H2_PROTOCOL_ERROR);
	else if (p.n != PING_LEN)
		h2_session_terminate(s, H2_FRAME_SIZE_ERROR);
	else if (!(f.flags & H2_FLAG_ACK))
		h2_session_send_ack(s, H2_FRAME_PING, p);
}

static void
on_goaway(struct h2_session *s, struct h2_frame f, struct slice p)
{
	if (f.stream != 0)
		h2_session_terminate(s, H2_PROTOCOL_ERROR);
	else if (p.n < GOAWAY_MIN)
		h2_session_terminate(s, H2_FRAME_SIZE_ERROR);
	else
		s->goaway_received = true;
}

/* RFC 9113 section 6.9. */
static void
on_window_update(struct h2_session *s, struct h2_frame f, struct slice p)
{
	struct h2_leg *leg = h2_session_find(s, f.stream);
	uint32_t more;

	if (p.n != 4) {
		h2_session_terminate(s, H2_FRAME_SIZE_ERROR);
		return;
	}
	more = h2_number((const uint8_t *)p.p) & H2_STREAM_NUMBER_MAX;
	if (f.stream == 0 ? more == 0 : is_idle(s, f.stream)) {
		h2_session_terminate(s, H2_PROTOCOL_ERROR);
	} else if (f.stream == 0) {
		s->window += more;
		if (s->window > WINDOW_MAX)
			h2_session_terminate(s, H2_FLOW_CONTROL_ERROR);
		else
			h2_on_window(s, NULL);
	} else if (leg && more == 0) {
		fault(s, leg, H2_PROTOCOL_ERROR);
	} else if (leg && (int64_t)leg->window + more > WINDOW_MAX) {
		fault(s, leg, H2_FLOW_CONTROL_ERROR);
	} else if (leg) {
		leg->window += (int32_t)more;
		h2_on_window(s, leg);
	}
}

static void
on_priority_update(struct h2_session *s, struct h2_frame f, struct slice p)
{
	uint32_t stream;

	if (f.stream != 0) {
		h2_session_terminate(s, H2_PROTOCOL_ERROR);
		return;
	}
	if (p.n < PRIORITY_UPDATE_MIN) {
		h2_session_terminate(s, H2_FRAME_SIZE_ERROR);
		return;
	}
	stream = h2_number((const uint8_t *)p.p) & H2_STREAM_NUMBER_MAX;
	if (stream % 2 == 0) /* no request (RFC 9218 section 7.1) */
		h2_session_terminate(s, H2_PROTOCOL_ERROR);
	else
		h2_on_priority_update(s, stream, slice_skip(p, PRIORITY_UPDATE_MIN));
}

static void
on_frame(struct h2_session *s, struct h2_frame f, struct slice p)
{
	switch ((enum h2_frame_type)f.type) {
	case H2_FRAME_HEADERS:
		on_headers(s, f, p);
		return;
	case H2_FRAME_CONTINUATION:
		on_continuation(s, f, p);
		return;
	case H2_FRAME_PRIORITY:
		on_priority(s, f, p);
		break;
	case H2_FRAME_RST_STREAM:
		on_reset(s, f, p);
		break;
	case H2_FRAME_SETTINGS:
		on_settings(s, f, p);
		break;
	case H2_FRAME_PING:
		on_ping(s, f, p);
		break;
	case H2_FRAME_GOAWAY:
		on_goaway(s, f, p);
		break;
	case H2_FRAME_WINDOW_UPDATE:
		on_window_update(s, f, p);
		break;
	case H2_FRAME_PRIORITY_UPDATE:
		on_priority_update(s, f, p);
		break;
	case H2_FRAME_PUSH_PROMISE:
		h2_session_terminate(s, H2_PROTOCOL_ERROR);
		return;
	case H2_FRAME_DATA:
		return;
	}
	/* The one acknowledgement that we wait for. */
	if (f.type != H2_FRAME_SETTINGS || !(f.flags & H2_FLAG_ACK))
		h2_on_idle_frame(s, f.type);
}

/* --- bodies ---------------------------------------------------------------------------------- */

/* The frame's head, and the byte that says how much padding there is. */
static void
data_begin(struct h2_session *s, struct h2_frame f, unsigned pad)
{
	struct h2_leg *leg = h2_session_find(s, f.stream);
	bool padded = f.flags & H2_FLAG_PADDED;
	uint32_t overhead = padded ? 1 + pad : 0;

	if (is_idle(s, f.stream) || overhead > f.length) {
		h2_session_terminate(s, H2_PROTOCOL_ERROR);
		return;
	}
	if (leg && leg->client_ended) {
		h2_session_terminate(s, H2_STREAM_CLOSED);
		return;
	}
	if (f.length > s->credit) {
		h2_session_terminate(s, H2_FLOW_CONTROL_ERROR);
		return;
	}
	s->credit -= f.length;
	if (leg && f.length > leg->credit) {
		fault(s, leg, H2_FLOW_CONTROL_ERROR);
		leg = NULL;
	}
	if (leg)
		leg->credit -= f.length;
	s->in_data = true;
	s->data_stream = f.stream;
	s->data_ends = f.flags & H2_FLAG_END_STREAM;
	s->pad_left = pad;
	s->data_left = f.length - overhead;
	if (overhead)
		h2_session_take(s, leg, overhead);
	if (s->data_left == 0 && !s->data_ends)
		h2_on_idle_frame(s, H2_FRAME_DATA);
}

/* Returns how many bytes of the payload were taken. */
static size_t
data_bytes(struct h2_session *s, struct slice in)
{
	size_t n = in.n < s->data_left ? in.n : s->data_left;
	struct h2_leg *leg;

	if (n > 0) {
		s->data_left -= (uint32_t)n;
		h2_on_data(s, h2_session_find(s, s->data_stream), slice_head(in, n));
	} else {
		n = in.n < s->pad_left ? in.n : s->pad_left;
		s->pad_left -= (uint32_t)n;
	}
	if (s->data_left > 0 || s->pad_left > 0)
		return n;
	s->in_data = false;
	leg = s->data_ends ? h2_session_find(s, s->data_stream) : NULL;
	if (leg)
		message_over(s, leg);
	return n;
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* What may be said by the nine bytes alone. */
static enum h2_error
judge(struct h2_session *s, const struct h2_frame *f)
{
	if (f->length > H2_FRAME_PAYLOAD_MAX)
		return H2_FRAME_SIZE_ERROR;
	if (!s->settings_seen && (f->type != H2_FRAME_SETTINGS || (f->flags & H2_FLAG_ACK)))
		return H2_PROTOCOL_ERROR; /* RFC 9113 section 3.4 */
	if (s->head_stream != 0)
		return f->type == H2_FRAME_CONTINUATION && f->stream == s->head_stream
			       ? H2_NO_ERROR
			       : H2_PROTOCOL_ERROR;
	if (f->type == H2_FRAME_CONTINUATION)
		return H2_PROTOCOL_ERROR;
	if (f->stream % 2 == 1 && (f->type == H2_FRAME_DATA || f->type == H2_FRAME_HEADERS ||
					  f->type == H2_FRAME_RST_STREAM))
		return h2_guard_judge(&s->guard, f);
	return H2_NO_ERROR;
}

/* Returns how many bytes the frame takes, or 0: more are wanted. */
static size_t
take_frame(struct h2_session *s, struct slice in)
{
	struct h2_frame f;
	enum h2_error error;
	size_t n;

	if (in.n < H2_FRAME_HEAD)
		return 0;
	f = h2_frame_read((const uint8_t *)in.p);
	if (f.type == H2_FRAME_DATA) {
		bool padded = (f.flags & H2_FLAG_PADDED) && f.length > 0;

		n = H2_FRAME_HEAD + (padded ? 1u : 0u);
		if (in.n < n && f.length <= H2_FRAME_PAYLOAD_MAX)
			return 0;
	} else {
		n = H2_FRAME_HEAD + f.length;
		if (in.n < n && f.length <= H2_FRAME_PAYLOAD_MAX &&
			f.type <= H2_FRAME_PRIORITY_UPDATE)
			return 0;
	}
	error = judge(s, &f);
	if (error != H2_NO_ERROR) {
		h2_session_terminate(s, error);
	} else if (f.type == H2_FRAME_DATA) {
		data_begin(s, f, n > H2_FRAME_HEAD ? (uint8_t)in.p[H2_FRAME_HEAD] : 0);
	} else if (f.type > H2_FRAME_CONTINUATION && f.type != H2_FRAME_PRIORITY_UPDATE) {
		/* RFC 9113 section 4.1: what is not known is passed over. */
		s->skip = f.length;
		h2_on_idle_frame(s, f.type);
		return H2_FRAME_HEAD;
	} else {
		on_frame(s, f, slice_of(in.p + H2_FRAME_HEAD, f.length));
	}
	return n;
}

ssize_t
h2_session_receive(struct h2_session *s, struct slice in)
{
	size_t all = in.n, n;

	if (!s->preface_seen) {
		n = in.n < PREFACE_LEN ? in.n : PREFACE_LEN;
		if (memcmp(in.p, PREFACE, n) != 0)
			return -1;
		if (n < PREFACE_LEN)
			return 0;
		s->preface_seen = true;
		in = slice_skip(in, n);
	}
	while (in.n > 0 && !s->ended && !s->flooded) {
		if (s->skip > 0) {
			n = in.n < s->skip ? in.n : s->skip;
			s->skip -= (uint32_t)n;
		} else if (s->in_data) {
			n = data_bytes(s, in);
		} else {
			n = take_frame(s, in);
			if (s->in_data && s->data_left == 0 && s->pad_left == 0)
				(void)data_bytes(s, (struct slice){.p = ""});
			if (n == 0)
				break;
		}
		in = slice_skip(in, n);
	}
	return s->ended ? (ssize_t)all : (ssize_t)(all - in.n);
}
