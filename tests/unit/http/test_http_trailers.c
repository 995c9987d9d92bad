/*
 * Trailers: what is kept of them and how, as lines of a chunked body and as fields of HTTP/2. Each
 * chunked case is fed whole, byte by byte, and split at every offset.
 */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/h2/h2_head.h"
#include "proxy/http/http_body.h"

#include <stdio.h>

static struct arena *arena;

static int
make_arena(void **state)
{
	(void)state;
	arena = arena_new(1024, 256 * 1024);
	return arena ? 0 : -1;
}

static int
free_arena(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* Trailers that are wanted, behind a head whose Connection field holds this; NULL: none. */
static struct http_trailers
open_trailers(const char *connection, bool to_backend)
{
	struct http_trailers t = {.to_backend = to_backend};
	struct http_field field = {.id = HTTP_NAME_CONNECTION};

	field.value.n = (uint16_t)slice_str(connection).n;
	http_trailers_open(&t, arena, connection, &field, connection ? 1 : 0);
	return t;
}

/* Feeds "0\r\n", the lines, an empty line: the first `at` bytes at once, the rest in steps. */
static enum http_body_result
feed(struct http_trailers *t, const char *lines, size_t at, size_t step, enum http_reason *reason)
{
	struct http_body b;
	struct slice payload;
	enum http_body_result result = HTTP_BODY_MORE;
	char bytes[2 * HTTP_TRAILERS_MAX];
	size_t n = (size_t)snprintf(bytes, sizeof(bytes), "0\r\n%s\r\n", lines), used;

	assert_true(n < sizeof(bytes));
	http_body_init(&b, HTTP_BODY_CHUNKED, 0);
	b.keep = t;
	for (size_t i = 0; i < n && result == HTTP_BODY_MORE; i += used) {
		size_t part = i < at ? at - i : step;

		result =
			http_body_feed(&b, bytes + i, part < n - i ? part : n - i, &used, &payload);
	}
	*reason = b.reason;
	return result;
}

struct trailers_case {
	const char *lines, *kept;
	const char *connection;
	bool to_backend;
};

static const struct trailers_case cases[] = {
	{"", "", NULL, false},
	{"grpc-status: 0\r\n", "grpc-status: 0\r\n", NULL, false},
	{"grpc-status:0\r\nGRPC-Message:\t ok \t\r\n", "grpc-status: 0\r\nGRPC-Message: ok\r\n",
		NULL, false},
	{"x:\r\ny: \r\n", "x: \r\ny: \r\n", NULL, false},
	{"x: 1\r\nx: 2\r\nX: 3\r\n", "x: 1\r\nx: 2\r\nX: 3\r\n", NULL, true},
	{"x: a\tb \xc3\xa9\r\n", "x: a\tb \xc3\xa9\r\n", NULL, true},
	/* Framing. */
	{"Content-Length: 5\r\na: b\r\nTransfer-Encoding: chunked\r\n", "a: b\r\n", NULL, false},
	{"Trailer: x\r\nTE: trailers\r\nConnection: x\r\nx: y\r\n", "x: y\r\n", NULL, true},
	/* Routing. */
	{"Host: b\r\nX-Forwarded-For: 1\r\nForwarded: for=1\r\nx: y\r\n", "x: y\r\n", NULL, true},
	{"X-Forwarded-Anything: 1\r\nX-Accel-Redirect: /x\r\nVia: a\r\n", "", NULL, false},
	{"Max-Forwards: 1\r\nX-Original-URL: /\r\nX-HTTP-Method-Override: PUT\r\n", "", NULL, true},
	/* Authentication. */
	{"Authorization: x\r\nCookie: a\r\nSet-Cookie: a=b\r\nProxy-Anything: x\r\n", "", NULL,
		true},
	{"WWW-Authenticate: Basic\r\nsec-websocket-key: x\r\n", "", NULL, false},
	/* How content is to be read or stored. */
	{"Content-Type: a/b\r\nCONTENT-ENCODING: gzip\r\nContent-Anything: x\r\n", "", NULL, false},
	{"Cache-Control: no-store\r\nExpires: 0\r\nAge: 1\r\nVary: *\r\nETag: \"x\"\r\n", "", NULL,
		false},
	/* Modifiers of requests and control of responses. */
	{"Range: bytes=0-\r\nIf-Anything: x\r\nExpect: 100-continue\r\nAccept-X: y\r\n", "", NULL,
		true},
	{"Location: /\r\nRetry-After: 1\r\nAccess-Control-Allow-Origin: *\r\n", "", NULL, false},
	/* Names that are only like those. */
	{"Contents: 1\r\nHosts: 2\r\nServer-Timing: x\r\nIffy: 3\r\n",
		"Contents: 1\r\nHosts: 2\r\nServer-Timing: x\r\nIffy: 3\r\n", NULL, false},
	/* What Connection lists. */
	{"a: 1\r\nX-Hop: 2\r\nb: 3\r\n", "a: 1\r\nb: 3\r\n", "close, x-hop", true},
	{"a: 1\r\nX-Hop: 2\r\nb: 3\r\n", "X-Hop: 2\r\n", "A,,b ,", false},
	/* Names that a backend may read as others. */
	{"a_b: 1\r\nc.d: 2\r\ne: 3\r\n", "e: 3\r\n", NULL, true},
	{"a_b: 1\r\nc.d: 2\r\ne: 3\r\n", "a_b: 1\r\nc.d: 2\r\ne: 3\r\n", NULL, false},
};

static void
expect_kept(const struct trailers_case *c, size_t at, size_t step)
{
	struct http_trailers t = open_trailers(c->connection, c->to_backend);
	enum http_reason reason;

	assert_int_equal(feed(&t, c->lines, at, step, &reason), HTTP_BODY_END);
	if (!slice_eq_str(http_trailers_text(&t), c->kept))
		fail_msg("\"%s\": got \"%.*s\"", c->lines, SLICE_ARG(http_trailers_text(&t)));
	arena_reset(arena);
}

static void
what_may_stand_behind_a_body_is_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		expect_kept(&cases[i], SIZE_MAX, 1);
		expect_kept(&cases[i], 0, 1);
		for (size_t at = 1; at < strlen(cases[i].lines) + 4; at++)
			expect_kept(&cases[i], at, SIZE_MAX);
	}
}

static void
nothing_is_kept_where_nobody_wants_it(void **state)
{
	struct http_trailers t = {0};
	enum http_reason reason;

	(void)state;
	assert_int_equal(feed(&t, "x: y\r\n", SIZE_MAX, 1, &reason), HTTP_BODY_END);
	assert_int_equal(http_trailers_text(&t).n, 0);
	assert_int_equal(feed(NULL, "x: y\r\n", SIZE_MAX, 1, &reason), HTTP_BODY_END);
}

static void
malformed_trailers_are_refused(void **state)
{
	static const char *const bad[] = {" x: y\r\n", ": y\r\n", "x\r\n", "x : y\r\n", "x: y\n",
		"x: \x01\r\n", "x: a\r\n b\r\n", ":path: /\r\n", "Content-Length:\t5\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		for (size_t step = 1; step < 3; step++) {
			struct http_trailers t = open_trailers(NULL, true);
			enum http_reason reason;

			if (feed(&t, bad[i], 0, step, &reason) != HTTP_BODY_BAD ||
				reason != HTTP_REASON_TRAILER)
				fail_msg("\"%s\": not refused", bad[i]);
		}
	}
}

static void
too_many_and_too_long_ones_are_refused(void **state)
{
	char lines[HTTP_TRAILERS_MAX + 1] = "";
	struct http_trailers t = open_trailers(NULL, false);
	enum http_reason reason;

	(void)state;
	for (size_t i = 0; i < HTTP_TRAILER_FIELDS_MAX; i++)
		memcpy(lines + 4 * i, "x:\r\n", 5);
	assert_int_equal(feed(&t, lines, 0, 1, &reason), HTTP_BODY_END);
	assert_int_equal(t.n, 5 * HTTP_TRAILER_FIELDS_MAX);
	/* Dropped ones count. */
	memcpy(lines + 4 * HTTP_TRAILER_FIELDS_MAX, "te:\r\n", 6);
	t = open_trailers(NULL, false);
	assert_int_equal(feed(&t, lines, 0, 1, &reason), HTTP_BODY_BAD);
	assert_int_equal(reason, HTTP_REASON_TRAILERS_TOO_LARGE);
	assert_int_equal(http_reason_status(reason), 431);
	/* The CR of the last line counts. */
	memset(lines, 'a', sizeof(lines));
	lines[1] = ':';
	memcpy(lines + HTTP_TRAILERS_MAX - 3, "\r\n", 3);
	t = open_trailers(NULL, false);
	assert_int_equal(feed(&t, lines, 0, 1, &reason), HTTP_BODY_END);
	assert_int_equal(t.n, HTTP_TRAILERS_MAX);
	memcpy(lines + HTTP_TRAILERS_MAX - 3, "a\r\n", 4);
	t = open_trailers(NULL, false);
	assert_int_equal(feed(&t, lines, 0, 1, &reason), HTTP_BODY_BAD);
	assert_int_equal(reason, HTTP_REASON_TRAILERS_TOO_LARGE);
}

#define ADD(t, name, value) http_trailers_add((t), SLICE_LIT(name), SLICE_LIT(value))

static void
fields_of_http2_become_the_same_lines(void **state)
{
	struct http_trailers t = open_trailers("x-hop", true);

	(void)state;
	ADD(&t, "grpc-status", "0");
	ADD(&t, "content-length", "5");
	ADD(&t, "x-hop", "1");
	ADD(&t, "a_b", "1");
	ADD(&t, "empty", "");
	ADD(&t, "blanks", " b ");
	assert_int_equal(t.reason, HTTP_REASON_NONE);
	assert_true(
		slice_eq_str(http_trailers_text(&t), "grpc-status: 0\r\nempty: \r\nblanks: b\r\n"));
}

static void
fields_of_http2_hide_no_line(void **state)
{
	static const char *const bad[][2] = {{"x", "a\r\nb: c"}, {"x", "a\n"}, {"x", "a\rb"},
		{"x\r\ny", "z"}, {"x: y\r\nz", ""}, {"X", "y"}, {":path", "/"}, {"", "y"},
		{" x", "y"}, {"x ", "y"}, {"x:", "y"}, {"x", "\x7f"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct http_trailers t = open_trailers(NULL, true);

		http_trailers_add(&t, slice_str(bad[i][0]), slice_str(bad[i][1]));
		if (t.reason != HTTP_REASON_TRAILER || t.n != 0)
			fail_msg("\"%s\": \"%s\" was taken", bad[i][0], bad[i][1]);
		/* What comes behind it is not looked at. */
		ADD(&t, "good", "1");
		assert_int_equal(t.n, 0);
	}
}

static void
fields_of_http2_are_bounded(void **state)
{
	static char value[HTTP_TRAILERS_MAX + 1];
	struct http_trailers t = open_trailers(NULL, true);
	size_t most = HTTP_TRAILERS_MAX - sizeof("x:\r\n") + 1;

	(void)state;
	memset(value, 'a', sizeof(value));
	http_trailers_add(&t, SLICE_LIT("x"), slice_of(value, most));
	assert_int_equal(t.reason, HTTP_REASON_NONE);
	ADD(&t, "y", "");
	assert_int_equal(t.reason, HTTP_REASON_TRAILERS_TOO_LARGE);
	t = open_trailers(NULL, true);
	http_trailers_add(&t, SLICE_LIT("x"), slice_of(value, most + 1));
	assert_int_equal(t.reason, HTTP_REASON_TRAILERS_TOO_LARGE);
	t = open_trailers(NULL, true);
	for (size_t i = 0; i <= HTTP_TRAILER_FIELDS_MAX; i++)
		ADD(&t, "x", "");
	assert_int_equal(t.reason, HTTP_REASON_TRAILERS_TOO_LARGE);
	/* Not wanted: nothing is looked at. */
	t = (struct http_trailers){0};
	ADD(&t, "X", "");
	assert_int_equal(t.reason, HTTP_REASON_NONE);
}

static void
fields_are_removed_by_name(void **state)
{
	struct http_trailers t = open_trailers(NULL, true);

	(void)state;
	http_trailers_remove(&t, SLICE_LIT("x"));
	ADD(&t, "a", "1");
	ADD(&t, "bb", "2");
	ADD(&t, "a", "3");
	ADD(&t, "c", "a: 4");
	http_trailers_remove(&t, SLICE_LIT("b"));
	http_trailers_remove(&t, SLICE_LIT("A"));
	assert_true(slice_eq_str(http_trailers_text(&t), "bb: 2\r\nc: a: 4\r\n"));
	http_trailers_remove(&t, SLICE_LIT("bb"));
	http_trailers_remove(&t, SLICE_LIT("c"));
	assert_int_equal(http_trailers_text(&t).n, 0);
}

static void
no_memory_is_no_reason_to_forward_what_is_listed(void **state)
{
	struct arena *small = arena_new(256, 256);
	struct http_trailers t = {0};
	char connection[512];
	struct http_field field = {.id = HTTP_NAME_CONNECTION, .value = {0, sizeof(connection)}};

	(void)state;
	memset(connection, 'a', sizeof(connection));
	assert_non_null(small);
	http_trailers_open(&t, small, connection, &field, 1);
	assert_null(t.arena);
	http_trailers_open(&t, small, NULL, NULL, 0);
	ADD(&t, "x", "y");
	assert_int_equal(t.reason, HTTP_REASON_TRAILERS_TOO_LARGE);
	arena_free(&small);
}

static void
lines_come_apart_for_http2(void **state)
{
	struct h2_field at[4];
	struct h2_fields f = {.at = at, .max = ARRAY_SIZE(at)};

	(void)state;
	assert_int_equal(h2_trailers_split(SLICE_LIT("Grpc-Status: 0\r\nx: \r\n"), &f), 0);
	assert_int_equal(f.n, 2);
	assert_true(slice_eq_str(at[0].name, "Grpc-Status") && slice_eq_str(at[0].value, "0"));
	assert_true(slice_eq_str(at[1].name, "x") && at[1].value.n == 0);
	assert_int_equal(h2_trailers_split(SLICE_LIT("x: y"), &f), -1);
	f.max = 1;
	assert_int_equal(h2_trailers_split(SLICE_LIT("Grpc-Status: 0\r\nx: \r\n"), &f), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_stand_behind_a_body_is_kept),
		cmocka_unit_test(nothing_is_kept_where_nobody_wants_it),
		cmocka_unit_test(malformed_trailers_are_refused),
		cmocka_unit_test(too_many_and_too_long_ones_are_refused),
		cmocka_unit_test(fields_of_http2_become_the_same_lines),
		cmocka_unit_test(fields_of_http2_hide_no_line),
		cmocka_unit_test(fields_of_http2_are_bounded),
		cmocka_unit_test(fields_are_removed_by_name),
		cmocka_unit_test(no_memory_is_no_reason_to_forward_what_is_listed),
		cmocka_unit_test(lines_come_apart_for_http2),
	};

	return cmocka_run_group_tests(tests, make_arena, free_arena);
}
