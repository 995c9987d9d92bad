/*
 * Bodies: every case is fed whole, byte by byte, and split at every offset, and each way must give
 * the same payload and the same verdict.
 */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/http/http_body.h"

#include <stdio.h>
#include <stdlib.h>

#define PAYLOAD_MAX 4096

struct outcome {
	enum http_body_result result;
	enum http_reason reason;
	size_t used;
	size_t n;
	char payload[PAYLOAD_MAX];
};

static void
feed_part(struct http_body *b, struct outcome *o, const char *data, size_t n)
{
	size_t used = 0;

	while (o->result == HTTP_BODY_MORE && n) {
		struct slice payload;

		o->result = http_body_feed(b, data, n, &used, &payload);
		if (o->result == HTTP_BODY_BAD)
			break;
		assert_true(used > 0 && used <= n);
		assert_true(o->n + payload.n <= PAYLOAD_MAX);
		memcpy(o->payload + o->n, payload.p, payload.n);
		o->n += payload.n;
		o->used += used;
		data += used;
		n -= used;
	}
	o->reason = b->reason;
}

static struct outcome
feed_split(const char *bytes, size_t n, size_t at)
{
	struct outcome o = {.result = HTTP_BODY_MORE};
	struct http_body b;

	http_body_init(&b, HTTP_BODY_CHUNKED, 0);
	feed_part(&b, &o, bytes, at);
	feed_part(&b, &o, bytes + at, n - at);
	return o;
}

static struct outcome
feed_bytewise(const char *bytes, size_t n)
{
	struct outcome o = {.result = HTTP_BODY_MORE};
	struct http_body b;

	http_body_init(&b, HTTP_BODY_CHUNKED, 0);
	for (size_t i = 0; i < n; i++)
		feed_part(&b, &o, bytes + i, 1);
	return o;
}

static void
expect_same(const struct outcome *a, const struct outcome *b, const char *bytes)
{
	if (a->result != b->result || a->reason != b->reason)
		fail_msg("\"%s\": %d or %d", bytes, (int)a->result, (int)b->result);
	if (a->result != HTTP_BODY_BAD &&
		(a->n != b->n || a->used != b->used || memcmp(a->payload, b->payload, a->n) != 0))
		fail_msg("\"%s\": the payload depends on the split", bytes);
}

struct chunked_case {
	enum http_body_result result;
	enum http_reason reason;
	const char *payload;
	size_t behind; /* bytes behind the end */
	const char *bytes;
	size_t n;
};

#define GOOD(payload, behind, literal)                                                             \
	{                                                                                          \
		HTTP_BODY_END, HTTP_REASON_NONE, payload, behind, literal, sizeof(literal) - 1     \
	}
#define OPEN(payload, literal)                                                                     \
	{                                                                                          \
		HTTP_BODY_MORE, HTTP_REASON_NONE, payload, 0, literal, sizeof(literal) - 1         \
	}
#define BAD(reason, literal)                                                                       \
	{                                                                                          \
		HTTP_BODY_BAD, HTTP_REASON_##reason, "", 0, literal, sizeof(literal) - 1           \
	}

static const struct chunked_case chunked[] = {
	GOOD("", 0, "0\r\n\r\n"),
	GOOD("", 0, "0000\r\n\r\n"),
	GOOD("", 4, "0\r\n\r\nGET "),
	GOOD("abc", 0, "3\r\nabc\r\n0\r\n\r\n"),
	GOOD("abcde", 0, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
	GOOD("0123456789abcdef", 0, "10\r\n0123456789abcdef\r\n0\r\n\r\n"),
	GOOD("0123456789", 0, "a\r\n0123456789\r\n0\r\n\r\n"),
	GOOD("0123456789", 0, "A\r\n0123456789\r\n0\r\n\r\n"),
	GOOD("a\r\n0", 0, "000004\r\na\r\n0\r\n0\r\n\r\n"),
	GOOD("a", 0, "1;x=y\r\na\r\n0;last\r\n\r\n"),
	GOOD("a", 0, "1;x=\"\t;\xc3\xa9\"\r\na\r\n0\r\n\r\n"),
	GOOD("a", 0, "1;x\r\na\r\n0;y=z;w\r\n\r\n"),
	GOOD("a", 0, "1; x = y ; z ;\tw=\"\"\r\na\r\n0\r\n\r\n"),
	GOOD("a", 0, "1;x=\"a\\\"b\\\\\"\r\na\r\n0\r\n\r\n"),
	GOOD("a", 0, "1\r\na\r\n0\r\nX: y\r\nZ-1:\r\n\r\n"),
	GOOD("a", 0, "0000000000000001\r\na\r\n0\r\n\r\n"),
	OPEN("", ""),
	OPEN("", "1"),
	OPEN("", "1\r\n"),
	OPEN("a", "1\r\na"),
	OPEN("a", "1\r\na\r\n0\r\n\r"),
	OPEN("ab", "5\r\nab"),
	OPEN("", "7fffffffffffffff\r\n"),
	BAD(CHUNK_SIZE, "\r\n"),
	BAD(CHUNK_SIZE, ";x\r\n"),
	BAD(CHUNK_SIZE, " 1\r\na\r\n"),
	BAD(CHUNK_SIZE, "1 \r\na\r\n"),
	BAD(CHUNK_SIZE, "1\t\r\na\r\n"),
	BAD(CHUNK_SIZE, "1 ;x\r\na\r\n"),
	BAD(CHUNK_SIZE, "+1\r\na\r\n"),
	BAD(CHUNK_SIZE, "-1\r\na\r\n"),
	BAD(CHUNK_SIZE, "0x1\r\na\r\n"),
	BAD(CHUNK_SIZE, "1_0\r\na\r\n"),
	BAD(CHUNK_SIZE, "g\r\n"),
	BAD(CHUNK_SIZE, "1\na\r\n"),
	BAD(CHUNK_SIZE, "1\rX\r\na\r\n"),
	BAD(CHUNK_SIZE, "1\r\ra\r\n"),
	BAD(CHUNK_SIZE, "00000000000000001\r\na\r\n"),
	BAD(CHUNK_SIZE, "8000000000000000\r\n"),
	BAD(CHUNK_SIZE, "ffffffffffffffff\r\n"),
	BAD(CHUNK_SIZE, "1\0\r\na\r\n"),
	BAD(CHUNK_SIZE, "1\x0b\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1; \r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;;x\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;=x\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;x[=y\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;x y\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;x \r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;x=\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;x=;y\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;x=y \r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;x=y=z\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;x=y\"z\"\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;x=\"y\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;x=\"y\"z\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;x=\"\\\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;a\nb\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;\0\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;\x7f\r\na\r\n"),
	BAD(CHUNK_EXTENSION, "1;\x1b\r\na\r\n"),
	BAD(CHUNK_SIZE, "1;a\rb\r\na\r\n"),
	BAD(CHUNK_END, "1\r\nab\r\n"),
	BAD(CHUNK_END, "1\r\na\n0\r\n\r\n"),
	BAD(CHUNK_END, "1\r\na\r0\r\n\r\n"),
	BAD(CHUNK_END, "1\r\na0\r\n\r\n"),
	BAD(TRAILER, "0\r\n\n"),
	BAD(TRAILER, "0\r\n\rX"),
	BAD(TRAILER, "0\r\n x: y\r\n\r\n"),
	BAD(TRAILER, "0\r\n: y\r\n\r\n"),
	BAD(TRAILER, "0\r\nx\r\n\r\n"),
	BAD(TRAILER, "0\r\nx : y\r\n\r\n"),
	BAD(TRAILER, "0\r\nx: y\n\r\n"),
	BAD(TRAILER, "0\r\nx: y\rz\r\n\r\n"),
	BAD(TRAILER, "0\r\nx: \0\r\n\r\n"),
	BAD(TRAILER, "0\r\nx: a\r\n b\r\n\r\n"),
	BAD(TRAILER, "0\r\nGET / HTTP/1.1\r\n\r\n"),
};

static void
chunked_bodies_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(chunked); i++) {
		const struct chunked_case *c = &chunked[i];
		struct outcome whole = feed_split(c->bytes, c->n, 0);
		struct outcome bytewise = feed_bytewise(c->bytes, c->n);

		if (whole.result != c->result || whole.reason != c->reason)
			fail_msg("\"%s\": got %d \"%s\"", c->bytes, (int)whole.result,
				http_reason_text(whole.reason));
		expect_same(&whole, &bytewise, c->bytes);
		for (size_t at = 1; at < c->n; at++) {
			struct outcome split = feed_split(c->bytes, c->n, at);

			expect_same(&whole, &split, c->bytes);
		}
		if (c->result == HTTP_BODY_BAD)
			continue;
		assert_int_equal(whole.n, strlen(c->payload));
		assert_memory_equal(whole.payload, c->payload, whole.n);
		assert_int_equal(whole.used, c->n - c->behind);
	}
}

static struct outcome
feed_long(const char *before, size_t n, const char *after)
{
	size_t before_n = strlen(before), after_n = strlen(after);
	_free_ char *bytes = malloc(before_n + n + after_n);

	assert_non_null(bytes);
	memcpy(bytes, before, before_n);
	memset(bytes + before_n, 'a', n);
	memcpy(bytes + before_n + n, after, after_n);
	return feed_split(bytes, before_n + n + after_n, 0);
}

static void
extensions_and_trailers_end_at_their_maxima(void **state)
{
	struct outcome o;

	(void)state;
	/* The ';' counts. */
	o = feed_long("0;", HTTP_CHUNK_EXTENSION_MAX - 1, "\r\n\r\n");
	assert_int_equal(o.result, HTTP_BODY_END);
	o = feed_long("0;", HTTP_CHUNK_EXTENSION_MAX, "\r\n\r\n");
	assert_int_equal(o.reason, HTTP_REASON_CHUNK_EXTENSION);
	/* "x:", CRLF and the CR of the last line count. */
	o = feed_long("0\r\nx:", HTTP_TRAILERS_MAX - 5, "\r\n\r\n");
	assert_int_equal(o.result, HTTP_BODY_END);
	o = feed_long("0\r\nx:", HTTP_TRAILERS_MAX - 4, "\r\n\r\n");
	assert_int_equal(o.reason, HTTP_REASON_TRAILERS_TOO_LARGE);
}

static void
many_extensions_are_too_many(void **state)
{
	struct http_body b;
	char chunk[HTTP_CHUNK_EXTENSION_MAX + 16];
	int n = snprintf(chunk, sizeof(chunk), "1;%0255u\r\nx\r\n", 0U);
	struct outcome o = {.result = HTTP_BODY_MORE};
	unsigned fed = 0;

	(void)state;
	http_body_init(&b, HTTP_BODY_CHUNKED, 0);
	while (o.result == HTTP_BODY_MORE && fed < 1000) {
		feed_part(&b, &o, chunk, (size_t)n);
		fed++;
	}
	assert_int_equal(o.reason, HTTP_REASON_CHUNK_EXTENSION);
	assert_int_equal(fed, HTTP_CHUNK_EXTENSIONS_MAX / HTTP_CHUNK_EXTENSION_MAX + 1);
	/* A bad body stays bad. */
	o.result = HTTP_BODY_MORE;
	feed_part(&b, &o, "1\r\n", 3);
	assert_int_equal(o.result, HTTP_BODY_BAD);
}

static void
length_is_counted(void **state)
{
	struct http_body b;
	struct slice payload;
	size_t used;

	(void)state;
	http_body_init(&b, HTTP_BODY_LENGTH, 5);
	assert_int_equal(http_body_expected(&b), 5);
	assert_int_equal(http_body_feed(&b, "abc", 3, &used, &payload), HTTP_BODY_MORE);
	assert_int_equal(used, 3);
	assert_int_equal(http_body_close(&b), -1);
	assert_int_equal(http_body_feed(&b, "deGET", 5, &used, &payload), HTTP_BODY_END);
	assert_int_equal(used, 2);
	assert_true(slice_eq_str(payload, "de"));
	assert_int_equal(b.payload, 5);
	assert_int_equal(http_body_feed(&b, "GET", 3, &used, &payload), HTTP_BODY_END);
	assert_int_equal(used, 0);
	assert_int_equal(http_body_close(&b), 0);
}

static void
nothing_is_done_at_once(void **state)
{
	struct http_body b;

	(void)state;
	http_body_init(&b, HTTP_BODY_NONE, 7);
	assert_true(http_body_done(&b));
	http_body_init(&b, HTTP_BODY_LENGTH, 0);
	assert_true(http_body_done(&b));
	http_body_init(&b, HTTP_BODY_CHUNKED, 0);
	assert_false(http_body_done(&b));
	assert_int_equal(http_body_expected(&b), 0);
}

static void
close_ends_a_body_that_has_no_other_end(void **state)
{
	struct http_body b;
	struct slice payload;
	size_t used;

	(void)state;
	http_body_init(&b, HTTP_BODY_UNTIL_CLOSE, 0);
	assert_int_equal(http_body_feed(&b, "abc", 3, &used, &payload), HTTP_BODY_MORE);
	assert_int_equal(used, 3);
	assert_int_equal(http_body_expected(&b), 0);
	assert_int_equal(http_body_close(&b), 0);
	assert_true(http_body_done(&b));
}

static void
chunk_heads_are_what_the_decoder_reads(void **state)
{
	static const size_t sizes[] = {1, 9, 10, 15, 16, 255, 256, 65535, 1048576, SIZE_MAX >> 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char head[HTTP_CHUNK_HEAD_MAX], expected[HTTP_CHUNK_HEAD_MAX + 1];
		struct slice payload;
		struct http_body b;
		size_t used, n = http_chunk_head(head, sizes[i]);

		snprintf(expected, sizeof(expected), "%zx\r\n", sizes[i]);
		assert_int_equal(n, strlen(expected));
		assert_memory_equal(head, expected, n);
		http_body_init(&b, HTTP_BODY_CHUNKED, 0);
		assert_int_equal(http_body_feed(&b, head, n, &used, &payload), HTTP_BODY_MORE);
		assert_int_equal(http_body_expected(&b), sizes[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunked_bodies_are_judged),
		cmocka_unit_test(extensions_and_trailers_end_at_their_maxima),
		cmocka_unit_test(many_extensions_are_too_many),
		cmocka_unit_test(length_is_counted),
		cmocka_unit_test(nothing_is_done_at_once),
		cmocka_unit_test(close_ends_a_body_that_has_no_other_end),
		cmocka_unit_test(chunk_heads_are_what_the_decoder_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
