/*
 * Chunked bodies: whole, byte by byte, and split in two (at the place that the first two bytes
 * choose) must give the same payload, the same end and the same trailers. The payload and the
 * trailers are then encoded as we send them, and must be decoded as themselves. The trailers,
 * handed over as fields of HTTP/2, must become the same lines.
 */
#include "tests/fuzz/require.h"

#include "core/buf.h"
#include "core/own.h"
#include "proxy/h2/h2_head.h"
#include "proxy/http/http_body.h"
#include "proxy/http/http_scan.h"

#include <stdlib.h>

#define INPUT_MAX (1024u * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum http_body_result result;
	enum http_reason reason;
	size_t used;
	struct buf payload;
	struct arena *arena;
	struct http_trailers trailers;
};

/* For half of the inputs, a name that the head's Connection listed. */
static bool lists;

static void
open_trailers(struct http_trailers *t, struct arena *arena)
{
	static const struct http_field field = {.id = HTTP_NAME_CONNECTION, .value = {0, 1}};

	t->to_backend = lists;
	http_trailers_open(t, arena, "x", &field, lists ? 1 : 0);
}

static void
outcome_clear(struct outcome *o)
{
	buf_clear(&o->payload);
	arena_free(&o->arena);
}

static void
feed_part(struct http_body *b, struct outcome *o, struct slice part)
{
	while (o->result == HTTP_BODY_MORE && part.n) {
		struct slice payload;
		size_t used;

		o->result = http_body_feed(b, part.p, part.n, &used, &payload);
		if (o->result == HTTP_BODY_BAD)
			break;
		REQUIRE(used > 0 && used <= part.n && payload.n <= used);
		REQUIRE(buf_append_slice(&o->payload, payload) == 0);
		o->used += used;
		part = slice_skip(part, used);
	}
	o->reason = b->reason;
}

/* Feeds bytes in parts of this size. */
static struct outcome
feed(struct slice bytes, size_t step)
{
	struct outcome o = {.result = HTTP_BODY_MORE};
	struct http_body b;

	buf_init(&o.payload, INPUT_MAX);
	o.arena = arena_new(1024, 4 * HTTP_TRAILERS_TEXT_MAX);
	REQUIRE(o.arena != NULL);
	open_trailers(&o.trailers, o.arena);
	http_body_init(&b, HTTP_BODY_CHUNKED, 0);
	b.keep = &o.trailers;
	while (bytes.n) {
		feed_part(&b, &o, slice_head(bytes, step));
		bytes = slice_skip(bytes, step);
	}
	REQUIRE((o.result == HTTP_BODY_END) == http_body_done(&b));
	REQUIRE(o.result == HTTP_BODY_BAD || b.payload == buf_len(&o.payload));
	return o;
}

static void
require_same(const struct outcome *a, struct outcome b)
{
	REQUIRE(a->result == b.result && a->reason == b.reason);
	if (a->result != HTTP_BODY_BAD)
		REQUIRE(a->used == b.used);
	REQUIRE(slice_eq(buf_slice(&a->payload), buf_slice(&b.payload)));
	REQUIRE(slice_eq(http_trailers_text(&a->trailers), http_trailers_text(&b.trailers)));
	outcome_clear(&b);
}

/* As the library sends it. */
static struct slice
lower_name(struct slice name)
{
	static char text[HTTP_TRAILERS_TEXT_MAX];

	REQUIRE(name.n <= sizeof(text));
	for (size_t i = 0; i < name.n; i++)
		text[i] = http_lower(name.p[i]);
	return slice_of(text, name.n);
}

/* The lines come apart into fields of HTTP/2, and become the same lines again. */
static void
require_same_fields(struct slice lines)
{
	static struct h2_field fields[HTTP_TRAILER_FIELDS_MAX];
	struct arena *arena = arena_new(1024, 4 * HTTP_TRAILERS_TEXT_MAX);
	struct h2_fields f = {.at = fields, .max = HTTP_TRAILER_FIELDS_MAX};
	struct http_trailers t = {0};

	REQUIRE(arena);
	open_trailers(&t, arena);
	REQUIRE(h2_trailers_split(lines, &f) == 0);
	for (size_t i = 0; i < f.n; i++) {
		REQUIRE(http_trailer_is_allowed(fields[i].name));
		REQUIRE(!lists || !slice_ieq(fields[i].name, SLICE_LIT("x")));
		http_trailers_add(&t, lower_name(fields[i].name), fields[i].value);
	}
	/* A blank that was added may be one byte too many for the other form's bound. */
	if (t.reason == HTTP_REASON_NONE)
		REQUIRE(slice_ieq(http_trailers_text(&t), lines));
	else
		REQUIRE(t.reason == HTTP_REASON_TRAILERS_TOO_LARGE);
	arena_free(&arena);
}

/* As we send them. */
static void
encode(struct slice payload, struct slice trailers, size_t step, struct buf *out)
{
	for (struct slice rest = payload; rest.n; rest = slice_skip(rest, step)) {
		struct slice part = slice_head(rest, step);
		char head[HTTP_CHUNK_HEAD_MAX];

		REQUIRE(buf_append(out, head, http_chunk_head(head, part.n)) == 0);
		REQUIRE(buf_append_slice(out, part) == 0 &&
			buf_append_str(out, HTTP_CHUNK_TAIL) == 0);
	}
	REQUIRE(buf_append_str(out, HTTP_CHUNK_LAST_HEAD) == 0);
	REQUIRE(buf_append_slice(out, trailers) == 0 && buf_append_str(out, HTTP_CHUNK_TAIL) == 0);
}

static void
require_encodable(struct slice payload, struct slice trailers, size_t step)
{
	struct outcome o;
	struct buf encoded;

	buf_init(&encoded, 32 * INPUT_MAX);
	encode(payload, trailers, step, &encoded);
	o = feed(buf_slice(&encoded), SIZE_MAX);
	REQUIRE(slice_eq(buf_slice(&o.payload), payload));
	/* A blank that was added behind a colon counts. */
	if (o.result == HTTP_BODY_BAD) {
		REQUIRE(o.reason == HTTP_REASON_TRAILERS_TOO_LARGE &&
			trailers.n > HTTP_TRAILERS_MAX - HTTP_TRAILER_FIELDS_MAX);
	} else {
		REQUIRE(o.result == HTTP_BODY_END && o.used == buf_len(&encoded));
		REQUIRE(slice_eq(http_trailers_text(&o.trailers), trailers));
	}
	outcome_clear(&o);
	buf_clear(&encoded);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole;
	struct slice bytes;
	size_t step;

	if (size < 2 || size > INPUT_MAX)
		return 0;
	step = (size_t)data[0] << 8 | data[1];
	lists = data[0] & 1;
	bytes = slice_of(data + 2, size - 2);
	whole = feed(bytes, SIZE_MAX);
	require_same(&whole, feed(bytes, 1));
	require_same(&whole, feed(bytes, step % (bytes.n + 1) + 1));
	if (whole.result == HTTP_BODY_END) {
		struct slice trailers = http_trailers_text(&whole.trailers);

		require_same_fields(trailers);
		require_encodable(buf_slice(&whole.payload), trailers, step % 257 + 1);
	}
	outcome_clear(&whole);
	return 0;
}
