/*
 * The rules of an HTTP/2 connection: the bytes behind a preface, whole, byte by byte and in parts
 * of seven, must tell the same and be answered by the same frames; no window is given away twice,
 * and what waits has its bounds. Each request is answered at once, or when its body has ended.
 */
#include "tests/fuzz/require.h"

#include "proxy/h2/h2_memory.h"
#include "proxy/h2/h2_session.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define PENDING_MAX (H2_FRAME_HEAD + H2_FRAME_PAYLOAD_MAX)

struct told {
	struct h2_session session;
	struct h2_memory memory;
	nghttp2_mem ops;
	struct iobuf out;
	uint64_t events; /* a sum of all that was told and written, in order */
	uint64_t untaken;
	bool ended; /* by a GOAWAY */
};

struct fuzz_stream {
	struct h2_leg leg;
};

static struct told *
told_of(struct h2_session *s)
{
	return list_entry(s, struct told, session);
}

static void
note(struct told *t, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		t->events = (t->events ^ (uint8_t)bytes[i]) * UINT64_C(0x100000001b3);
}

static void
note_event(struct told *t, char what, uint32_t stream)
{
	note(t, &what, 1);
	note(t, (const char *)&stream, sizeof(stream));
}

/* --- what the session tells ------------------------------------------------------------------ */

struct h2_leg *
h2_on_begin(struct h2_session *s, uint32_t id)
{
	struct fuzz_stream *stream;

	note_event(told_of(s), 'b', id);
	if (id % 64 == 63) /* no memory */
		return NULL;
	stream = calloc(1, sizeof(*stream));
	REQUIRE(stream);
	return &stream->leg;
}

static void
drop(struct h2_session *s, struct h2_leg *leg)
{
	h2_session_forget(s, leg);
	free(list_entry(leg, struct fuzz_stream, leg));
}

void
h2_on_field(struct h2_session *s, struct slice name, struct slice value)
{
	note(told_of(s), name.p, name.n);
	note(told_of(s), value.p, value.n);
}

static void
answer(struct h2_session *s, struct h2_leg *leg)
{
	struct told *t = told_of(s);
	struct h2_frame like = {.stream = leg->id, .flags = H2_FLAG_END_STREAM};
	nghttp2_nv nv[] = {
		{(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "204", 7, 3, 0},
		{(uint8_t *)(uintptr_t) "server", (uint8_t *)(uintptr_t) "sluice", 6, 6, 0}};

	if (s->ended || leg->we_ended)
		return;
	REQUIRE(h2_session_head(s, &t->out, &like, nv, 2) == 0);
	leg->we_ended = true;
	if (h2_session_end(s, leg))
		free(list_entry(leg, struct fuzz_stream, leg));
}

void
h2_on_head(struct h2_session *s, struct h2_leg *leg, bool ended)
{
	note_event(told_of(s), ended ? 'H' : 'h', leg->id);
	if (leg->id % 16 == 5) { /* the owner gives it up */
		h2_session_reset(s, leg, H2_CANCEL);
		drop(s, leg);
	} else if (ended || leg->id % 4 == 1) {
		answer(s, leg);
	}
}

bool
h2_on_trailer(struct h2_session *s, struct h2_leg *leg, struct slice name, struct slice value)
{
	note_event(told_of(s), 't', leg->id);
	note(told_of(s), value.p, value.n);
	return name.n > 0 && name.p[0] != ':';
}

void
h2_on_data(struct h2_session *s, struct h2_leg *leg, struct slice bytes)
{
	REQUIRE(bytes.n > 0);
	note(told_of(s), bytes.p, bytes.n);
	told_of(s)->untaken += bytes.n;
	REQUIRE(!leg || leg->open);
}

void
h2_on_end(struct h2_session *s, struct h2_leg *leg)
{
	struct told *t = told_of(s);

	note_event(t, 'e', leg->id);
	h2_session_take(s, leg, t->untaken);
	t->untaken = 0;
	if (leg->id % 4 == 3) {
		struct h2_frame like = {.stream = leg->id, .flags = H2_FLAG_END_STREAM};
		nghttp2_nv nv = {
			(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "200", 7, 3, 0};

		REQUIRE(h2_session_head(s, &t->out, &like, &nv, 1) == 0);
		leg->we_ended = true;
	}
}

void
h2_on_close(struct h2_session *s, struct h2_leg *leg, enum h2_error error)
{
	note_event(told_of(s), 'c', leg->id ^ (uint32_t)error << 16);
	REQUIRE(!leg->open);
	free(list_entry(leg, struct fuzz_stream, leg));
}

void
h2_on_fault(struct h2_session *s, struct h2_leg *leg)
{
	note_event(told_of(s), 'f', leg ? leg->id : 0);
}

void
h2_on_goaway(struct h2_session *s, enum h2_error error)
{
	note_event(told_of(s), 'g', error);
	REQUIRE(!told_of(s)->ended);
	told_of(s)->ended = true;
}

void
h2_on_priority_update(struct h2_session *s, uint32_t stream, struct slice value)
{
	note_event(told_of(s), 'p', stream);
	note(told_of(s), value.p, value.n);
}

void
h2_on_bulky_head(struct h2_session *s, uint64_t size)
{
	note_event(told_of(s), 'b', (uint32_t)size);
}

void
h2_on_idle_frame(struct h2_session *s, enum h2_frame_type type)
{
	note_event(told_of(s), 'i', type);
}

void
h2_on_window(struct h2_session *s, struct h2_leg *leg)
{
	note_event(told_of(s), 'w', leg ? leg->id : 0);
}

/* --- the connection -------------------------------------------------------------------------- */

/* What went out, whichever pieces it went in. */
static void
send_all(struct told *t)
{
	(void)h2_session_flush(&t->session, &t->out);
	note(t, t->out.data + t->out.start, iobuf_len(&t->out));
	t->out.start = t->out.end = 0;
}

static unsigned
check_legs(const struct h2_session *s, const struct h2_leg *leg)
{
	unsigned n = 0;

	for (; leg; leg = leg->next, n++) {
		REQUIRE(leg->open && leg->credit <= H2_STREAM_WINDOW && leg->id <= s->last);
		REQUIRE(h2_session_find(s, leg->id) == leg);
	}
	return n;
}

static void
check(const struct told *t)
{
	const struct h2_session *s = &t->session;
	unsigned n = 0;

	for (size_t i = 0; i < H2_LEG_BUCKETS; i++)
		n += check_legs(s, s->legs[i]);
	REQUIRE(n == s->n_legs && n <= H2_STREAMS_MAX);
	REQUIRE(s->credit <= H2_CONNECTION_WINDOW && s->ended == t->ended);
	REQUIRE(buf_len(&s->control) <= H2_CONTROL_MAX);
}

/* As a connection does it: what was not taken is handed in again with more behind it. */
static bool
receive(struct told *t, char *pending, size_t *n_pending, struct slice bytes)
{
	size_t room = PENDING_MAX - *n_pending, n = bytes.n < room ? bytes.n : room;
	ssize_t used;

	memcpy(pending + *n_pending, bytes.p, n);
	*n_pending += n;
	used = h2_session_receive(&t->session, slice_of(pending, *n_pending));
	REQUIRE(used >= 0 && (size_t)used <= *n_pending);
	memmove(pending, pending + used, *n_pending - (size_t)used);
	*n_pending -= (size_t)used;
	check(t);
	if (t->session.flooded || t->session.ended)
		return false;
	REQUIRE(*n_pending < PENDING_MAX);
	return n == bytes.n || receive(t, pending, n_pending, slice_skip(bytes, n));
}

static uint64_t
run(struct slice in, size_t step)
{
	static char pending[PENDING_MAX], block[BLOCK_SIZE];
	struct told t = {.out = {.data = block}};
	size_t n_pending = 0;
	bool goes_on;

	t.ops = h2_memory_ops(&t.memory);
	REQUIRE(h2_session_init(&t.session, &t.ops) == 0);
	goes_on = receive(&t, pending, &n_pending, SLICE_LIT(PREFACE));
	while (goes_on && in.n > 0) {
		goes_on = receive(&t, pending, &n_pending, slice_head(in, step));
		in = slice_skip(in, step);
	}
	send_all(&t);
	for (size_t i = 0; i < H2_LEG_BUCKETS; i++) {
		while (t.session.legs[i])
			drop(&t.session, t.session.legs[i]);
	}
	h2_session_clear(&t.session);
	h2_memory_clear(&t.memory);
	return t.events;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of((const char *)data, size);
	uint64_t whole;

	if (size > PENDING_MAX)
		return 0;
	whole = run(in, size ? size : 1);
	REQUIRE(run(in, 1) == whole);
	REQUIRE(run(in, 7) == whole);
	return 0;
}
