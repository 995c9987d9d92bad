/* proxy/h2/h2_head.c: heads between HTTP/2 and HTTP/1.1. */
#include "tests/unit/core/unit.h"

#include "core/own.h"

#include "proxy/h2/h2_head.h"
#include "proxy/http/http_head.h"

struct field {
	const char *name, *value;
};

static char stage[2 * H2_HEAD_STAGE_MAX];
static char text[H2_HEAD_TEXT_MAX];

/* The text of these fields, NUL-terminated; fails unless it is accepted. */
static const char *
print(const struct field *fields, size_t n, bool ended, enum http_reason *ret_reason)
{
	struct h2_request_facts facts = {
		.ended = ended, .websocket_key = "0123456789abcdefghijkl=="};
	struct h2_head h;
	size_t len = 0;

	h2_head_init(&h, stage);
	for (size_t i = 0; i < n; i++)
		h2_head_add(&h, slice_str(fields[i].name), slice_str(fields[i].value));
	assert_true(h2_head_text_max(&h) < sizeof(text));
	*ret_reason = h2_head_print(&h, &facts, text, &len);
	text[len] = '\0';
	return text;
}

static const char *
accepted(const struct field *fields, size_t n, bool ended)
{
	enum http_reason reason;
	const char *t = print(fields, n, ended, &reason);
	struct http_request r;

	assert_int_equal(reason, HTTP_REASON_NONE);
	http_request_init(&r);
	assert_int_equal(http_parse_request(&r, t, strlen(t)), HTTP_DONE);
	assert_int_equal(r.head_len, strlen(t));
	return t;
}

#define GET(authority)                                                                             \
	{":method", "GET"}, {":scheme", "https"}, {":authority", authority},                       \
	{                                                                                          \
		":path", "/x?y"                                                                    \
	}

static void
a_request_becomes_text(void **state)
{
	const struct field fields[] = {
		GET("a.example:8443"), {"accept", "*/*"}, {"te", "trailers"}};

	(void)state;
	assert_string_equal(accepted(fields, ARRAY_SIZE(fields), true),
		"GET /x?y HTTP/1.1\r\nhost: a.example:8443\r\naccept: */*\r\nte: trailers\r\n\r\n");
}

static void
crumbs_are_one_cookie(void **state)
{
	const struct field fields[] = {GET("a"), {"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}};

	(void)state;
	assert_string_equal(accepted(fields, ARRAY_SIZE(fields), true),
		"GET /x?y HTTP/1.1\r\nhost: a\r\nx: y\r\ncookie: a=1; b=2\r\n\r\n");
}

/* RFC 9113 section 8.3.1: an intermediary may keep a Host beside the authority, anywhere. */
static void
a_host_may_follow_the_crumbs(void **state)
{
	const struct field both[] = {GET("a"), {"cookie", "a=1"}, {"host", "A"}, {"cookie", "b=2"}};
	const struct field alone[] = {{":method", "GET"}, {":scheme", "https"}, {":path", "/"},
		{"cookie", "a=1"}, {"host", "a"}, {"cookie", "b=2"}};

	(void)state;
	assert_string_equal(accepted(both, ARRAY_SIZE(both), true),
		"GET /x?y HTTP/1.1\r\nhost: a\r\ncookie: a=1; b=2\r\n\r\n");
	assert_string_equal(accepted(alone, ARRAY_SIZE(alone), true),
		"GET / HTTP/1.1\r\nhost: a\r\ncookie: a=1; b=2\r\n\r\n");
}

static void
bodies_are_framed(void **state)
{
	const struct field post[] = {{":method", "POST"}, {":scheme", "https"}, {":authority", "a"},
		{":path", "/"}, {"content-length", "7"}};

	(void)state;
	assert_string_equal(accepted(post, 4, false),
		"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
	assert_string_equal(
		accepted(post, 4, true), "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
	assert_string_equal(accepted(post, 5, false),
		"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 7\r\n\r\n");
}

static void
an_extended_connect_is_an_upgrade(void **state)
{
	const struct field fields[] = {{":method", "CONNECT"}, {":protocol", "websocket"},
		{":scheme", "https"}, {":authority", "a"}, {":path", "/ws"},
		{"sec-websocket-version", "13"}};

	(void)state;
	assert_string_equal(accepted(fields, ARRAY_SIZE(fields), false),
		"GET /ws HTTP/1.1\r\nhost: a\r\nsec-websocket-version: 13\r\nconnection: "
		"Upgrade\r\n"
		"upgrade: websocket\r\nsec-websocket-key: 0123456789abcdefghijkl==\r\n\r\n");
}

static void
what_could_mean_something_else_is_refused(void **state)
{
	static const struct {
		struct field fields[7];
		enum http_reason reason;
	} cases[] = {
		{{GET("a"), {"connection", "close"}}, HTTP_REASON_CONNECTION_SYNTAX},
		{{GET("a"), {"upgrade", "h2c"}}, HTTP_REASON_CONNECTION_SYNTAX},
		{{GET("a"), {"keep-alive", "1"}}, HTTP_REASON_CONNECTION_SYNTAX},
		{{GET("a"), {"proxy-connection", "x"}}, HTTP_REASON_CONNECTION_SYNTAX},
		{{GET("a"), {"te", "gzip"}}, HTTP_REASON_CONNECTION_SYNTAX},
		{{GET("a"), {"transfer-encoding", "chunked"}}, HTTP_REASON_ENCODING},
		{{GET("a"), {"x", "a\r\nb: c"}}, HTTP_REASON_FIELD_VALUE},
		{{GET("a"), {"x", "a\nb"}}, HTTP_REASON_FIELD_VALUE},
		{{GET("a"), {"x: y\r\nz", "a"}}, HTTP_REASON_FIELD_NAME},
		{{GET("a"), {"X-Upper", "a"}}, HTTP_REASON_FIELD_NAME},
		{{GET("a"), {"", "a"}}, HTTP_REASON_FIELD_NAME},
		{{GET("a"), {"x y", "a"}}, HTTP_REASON_FIELD_NAME},
		{{GET("a"), {"host", "b"}}, HTTP_REASON_HOST_MISMATCH},
		{{GET("a"), {"cookie", "x"}, {"host", "b"}}, HTTP_REASON_HOST_MISMATCH},
		{{GET("a"), {"host", "a"}, {"host", "a"}}, HTTP_REASON_HOST_TWICE},
		{{GET("a"), {"host", "a"}, {"cookie", "x"}, {"host", "a"}}, HTTP_REASON_HOST_TWICE},
		{{GET("a"), {"cookie", "x"}, {"host", "a"}, {"host", "a"}}, HTTP_REASON_HOST_TWICE},
		{{GET("a b"), {"x", ""}}, HTTP_REASON_TARGET_BYTE},
		{{GET("a"), {":path", "/other"}}, HTTP_REASON_REQUEST_LINE},
		{{GET("a"), {"x", "y"}, {":status", "200"}}, HTTP_REASON_REQUEST_LINE},
		{{{":method", "GET"}, {":scheme", "https"}, {":path", "/ HTTP/1.1\r\nx: y"}},
			HTTP_REASON_TARGET_BYTE},
		{{{":method", "GET"}, {":scheme", "https"}, {":path", "http://b/"}},
			HTTP_REASON_TARGET_FORM},
		{{{":method", "GET"}, {":scheme", "https"}, {":path", ""}},
			HTTP_REASON_TARGET_FORM},
		{{{":method", "GET"}, {":path", "/"}}, HTTP_REASON_TARGET_FORM},
		{{{":method", "GE T"}, {":scheme", "https"}, {":path", "/"}},
			HTTP_REASON_TARGET_BYTE},
		{{{":scheme", "https"}, {":path", "/"}}, HTTP_REASON_METHOD_NAME},
		{{{":method", "CONNECT"}, {":authority", "a:1"}}, HTTP_REASON_METHOD_REFUSED},
		{{{":method", "GET"}, {":protocol", "websocket"}, {":scheme", "https"},
			 {":path", "/"}},
			HTTP_REASON_REQUEST_LINE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum http_reason reason;
		size_t n = 0;

		while (n < ARRAY_SIZE(cases[i].fields) && cases[i].fields[n].name)
			n++;
		(void)print(cases[i].fields, n, true, &reason);
		if (reason != cases[i].reason)
			fail_msg("case %zu: %s", i, http_reason_text(reason));
	}
}

static void
a_head_has_a_size(void **state)
{
	static char value[4000];
	struct field fields[] = {GET("a"), {"a", value}, {"b", value}, {"c", value}, {"d", value},
		{"cookie", value}};
	enum http_reason reason;

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	(void)print(fields, 7, true, &reason);
	assert_int_equal(reason, HTTP_REASON_NONE);
	(void)print(fields, ARRAY_SIZE(fields), true, &reason);
	assert_int_equal(reason, HTTP_REASON_HEAD_TOO_LARGE);
}

static void
an_answer_comes_apart(void **state)
{
	static const char head[] =
		"HTTP/1.1 404 Not Found\r\nDate: now\r\nConnection: close\r\nX-A:b\r\nEmpty: \r\n"
		"Content-Location:  /a\r\nTransfer-Encoding: chunked\r\n\r\nbody";
	struct h2_field at[8];
	struct h2_fields f = {.at = at, .max = ARRAY_SIZE(at)};
	uint16_t status;

	(void)state;
	assert_int_equal(h2_answer_split(slice_of(head, sizeof(head) - 1), &f, &status), 0);
	assert_int_equal(status, 404);
	assert_int_equal(f.n, 5);
	assert_int_equal(f.used, sizeof(head) - 1 - strlen("body"));
	assert_true(slice_eq_str(at[0].name, ":status") && slice_eq_str(at[0].value, "404"));
	assert_string_equal(at[1].known, "date");
	assert_true(slice_eq_str(at[1].value, "now"));
	assert_true(slice_eq_str(at[2].name, "X-A") && slice_eq_str(at[2].value, "b"));
	assert_null(at[2].known);
	assert_true(slice_eq_str(at[3].name, "Empty") && at[3].value.n == 0);
	assert_string_equal(at[4].known, "content-location");
	assert_true(slice_eq_str(at[4].value, "/a"));
}

static void
too_many_fields_or_none(void **state)
{
	struct h2_field at[2];
	struct h2_fields f = {.at = at, .max = ARRAY_SIZE(at)};
	uint16_t status;

	(void)state;
	assert_int_equal(
		h2_answer_split(SLICE_LIT("HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\n\r\n"), &f, &status),
		-1);
	assert_int_equal(h2_answer_split(SLICE_LIT("HTTP/1.1"), &f, &status), -1);
	assert_int_equal(
		h2_answer_split(SLICE_LIT("HTTP/1.1 200 OK\r\na: 1\r\n"), &f, &status), -1);
	assert_int_equal(
		h2_answer_split(SLICE_LIT("HTTP/1.1 200 OK\r\na: 1\r\n\r"), &f, &status), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_becomes_text),
		cmocka_unit_test(crumbs_are_one_cookie),
		cmocka_unit_test(a_host_may_follow_the_crumbs),
		cmocka_unit_test(bodies_are_framed),
		cmocka_unit_test(an_extended_connect_is_an_upgrade),
		cmocka_unit_test(what_could_mean_something_else_is_refused),
		cmocka_unit_test(a_head_has_a_size),
		cmocka_unit_test(an_answer_comes_apart),
		cmocka_unit_test(too_many_fields_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
