/*
 * Chunked bodies: whole, byte by byte, and split in two (at the place that the first two bytes
 * choose) must give the same payload and the same end. The payload is then encoded as we send it,
 * and must be decoded as itself.
 */
#include "tests/fuzz/require.h"

#include "core/buf.h"
#include "core/own.h"
#include "proxy/http_body.h"

#include <stdlib.h>

#define INPUT_MAX (1024u * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum http_body_result result;
	enum http_reason reason;
	size_t used;
	struct buf payload;
};

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
	http_body_init(&b, HTTP_BODY_CHUNKED, 0);
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
	buf_clear(&b.payload);
}

static void
require_encodable(struct slice payload, size_t step)
{
	struct outcome o;
	struct buf encoded;

	buf_init(&encoded, 32 * INPUT_MAX);
	for (struct slice rest = payload; rest.n; rest = slice_skip(rest, step)) {
		struct slice part = slice_head(rest, step);
		char head[HTTP_CHUNK_HEAD_MAX];

		REQUIRE(buf_append(&encoded, head, http_chunk_head(head, part.n)) == 0);
		REQUIRE(buf_append_slice(&encoded, part) == 0);
		REQUIRE(buf_append_str(&encoded, HTTP_CHUNK_TAIL) == 0);
	}
	REQUIRE(buf_append_str(&encoded, HTTP_CHUNK_LAST) == 0);
	o = feed(buf_slice(&encoded), SIZE_MAX);
	REQUIRE(o.result == HTTP_BODY_END && o.used == buf_len(&encoded));
	REQUIRE(slice_eq(buf_slice(&o.payload), payload));
	buf_clear(&o.payload);
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
	bytes = slice_of(data + 2, size - 2);
	whole = feed(bytes, SIZE_MAX);
	require_same(&whole, feed(bytes, 1));
	require_same(&whole, feed(bytes, step % (bytes.n + 1) + 1));
	if (whole.result == HTTP_BODY_END)
		require_encodable(buf_slice(&whole.payload), step % 257 + 1);
	buf_clear(&whole.payload);
	return 0;
}
