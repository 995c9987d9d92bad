/*
 * Response heads of backends that may be hostile. Every case is fed whole and byte by byte, and
 * both must agree.
 */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/http/http_response.h"

#include <stdlib.h>

struct head_case {
	enum http_reason reason;
	const char *bytes;
	size_t n;
};

#define CASE(reason, literal)                                                                      \
	{                                                                                          \
		HTTP_REASON_##reason, literal, sizeof(literal) - 1                                 \
	}
#define OK "HTTP/1.1 200 OK\r\n"
#define OLD "HTTP/1.0 200 OK\r\n"

static const struct head_case cases[] = {
	CASE(NONE, OK "\r\n"),
	CASE(NONE, "HTTP/1.1 200\r\n\r\n"),
	CASE(NONE, "HTTP/1.1 200 \r\n\r\n"),
	CASE(NONE, "HTTP/1.1 404 N\xc3\xa9 \t (a)\r\n\r\n"),
	CASE(NONE, "HTTP/1.1 999 x\r\n\r\n"),
	CASE(NONE, OLD "X: y\r\n\r\n"),
	CASE(NONE, OK "Content-Length: 3\r\nContent-Length: 3\r\n\r\n"),
	CASE(NONE, OK "Transfer-Encoding: Chunked\r\n\r\n"),
	CASE(NONE, OK "X_Y: a\r\nX.Y: b\r\n\r\n"),
	CASE(NONE, "HTTP/1.1 100 Continue\r\n\r\n"),
	CASE(NONE, "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\nContent-Length: 0\r\n\r\n"),
	CASE(STATUS_LINE, "\r\n" OK "\r\n"),
	CASE(STATUS_LINE, "ICY 200 OK\r\n\r\n"),
	CASE(STATUS_LINE, "<html>hello</html>\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/2.0 200 OK\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/1.2 200 OK\r\n\r\n"),
	CASE(STATUS_LINE, "http/1.1 200 OK\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/1.1  200 OK\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/1.1\t200 OK\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/1.1 20 OK\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/1.1 2000 OK\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/1.1 099 OK\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/1.1 +20 OK\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/1.1 200\tOK\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/1.1 200 O\0K\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/1.1 200 O\rK\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/1.1 200 O\x1bK\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/1.1 103 x\r\nContent-Length: 1\r\n\r\n"),
	CASE(STATUS_LINE, "HTTP/1.1 100 x\r\nTransfer-Encoding: chunked\r\n\r\n"),
	CASE(UPGRADE, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
	CASE(BARE_LF, "HTTP/1.1 200 OK\n\n"),
	CASE(BARE_LF, OK "X: y\n\r\n"),
	CASE(BARE_LF, OK "\n"),
	CASE(FIELD_FOLDED, OK "X: y\r\n z\r\n\r\n"),
	CASE(FIELD_FOLDED, OK " X: y\r\n\r\n"),
	CASE(FIELD_NAME, OK "X : y\r\n\r\n"),
	CASE(FIELD_NAME, OK "X\r\n\r\n"),
	CASE(FIELD_NAME, OK ": y\r\n\r\n"),
	CASE(FIELD_VALUE, OK "X: a\0b\r\n\r\n"),
	CASE(FIELD_VALUE, OK "X: a\rSet-Cookie: b\r\n\r\n"),
	CASE(FIELD_VALUE, OK "X: \x01\r\n\r\n"),
	CASE(LENGTH_AND_ENCODING, OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
	CASE(LENGTH_DIFFERS, OK "Content-Length: 3\r\nContent-Length: 4\r\n\r\n"),
	CASE(LENGTH_SYNTAX, OK "Content-Length: 3, 3\r\n\r\n"),
	CASE(LENGTH_SYNTAX, OK "Content-Length: -1\r\n\r\n"),
	CASE(LENGTH_SYNTAX, OK "Content-Length:\r\n\r\n"),
	CASE(LENGTH_SYNTAX, OK "Content-Length: 18446744073709551616\r\n\r\n"),
	CASE(ENCODING, OK "Transfer-Encoding: gzip, chunked\r\n\r\n"),
	CASE(ENCODING, OK "Transfer-Encoding: identity\r\n\r\n"),
	CASE(ENCODING, OK "Transfer-Encoding: \tchunked\r\n\r\n"),
	CASE(ENCODING, OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
	CASE(ENCODING_IN_1_0, OLD "Transfer-Encoding: chunked\r\n\r\n"),
	CASE(CONNECTION_SYNTAX, OK "Connection: a b\r\n\r\n"),
};

static void
check_case(const struct head_case *c)
{
	struct http_response whole, pieces;
	enum http_parse result, bytewise = HTTP_NEED_MORE;

	http_response_init(&whole, HTTP_METHOD_GET);
	result = http_parse_response(&whole, c->bytes, c->n);
	http_response_init(&pieces, HTTP_METHOD_GET);
	for (size_t i = 1; i <= c->n && bytewise == HTTP_NEED_MORE; i++) {
		_free_ char *copy = malloc(i);

		assert_non_null(copy);
		memcpy(copy, c->bytes, i);
		bytewise = http_parse_response(&pieces, copy, i);
	}
	if (result != (c->reason ? HTTP_BAD : HTTP_DONE) || whole.reason != c->reason)
		fail_msg("\"%s\": expected \"%s\", got \"%s\"", c->bytes,
			http_reason_text(c->reason), http_reason_text(whole.reason));
	if (bytewise != result || pieces.reason != whole.reason)
		fail_msg("\"%s\": bytewise \"%s\"", c->bytes, http_reason_text(pieces.reason));
	if (result == HTTP_DONE)
		assert_int_equal(whole.head_len, c->n);
}

static void
heads_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_case(&cases[i]);
}

struct body_case {
	const char *head;
	enum http_method method;
	enum http_body_kind body;
	bool keep_alive;
	bool has_length;
};

static const struct body_case bodies[] = {
	{OK "Content-Length: 3\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_LENGTH, true, true},
	{OK "Content-Length: 0\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_LENGTH, true, true},
	{OK "Transfer-Encoding: chunked\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_CHUNKED, true, false},
	{OK "\r\n", HTTP_METHOD_GET, HTTP_BODY_UNTIL_CLOSE, false, false},
	{OK "Connection: keep-alive\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_UNTIL_CLOSE, false, false},
	{OK "Content-Length: 3\r\n\r\n", HTTP_METHOD_HEAD, HTTP_BODY_NONE, true, true},
	{OK "Transfer-Encoding: chunked\r\n\r\n", HTTP_METHOD_HEAD, HTTP_BODY_NONE, true, false},
	{OK "\r\n", HTTP_METHOD_HEAD, HTTP_BODY_NONE, true, false},
	{"HTTP/1.1 204 x\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_NONE, true, false},
	{"HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_NONE, true,
		false},
	{"HTTP/1.1 204 x\r\nContent-Length: 3\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_NONE, false,
		false},
	{"HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_NONE,
		false, false},
	{"HTTP/1.1 304 x\r\nContent-Length: 3\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_NONE, true,
		true},
	{"HTTP/1.1 500 x\r\nContent-Length: 3\r\n\r\n", HTTP_METHOD_POST, HTTP_BODY_LENGTH, true,
		true},
	{OK "Content-Length: 3\r\nConnection: close\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_LENGTH,
		false, true},
	{OLD "Content-Length: 3\r\n\r\n", HTTP_METHOD_GET, HTTP_BODY_LENGTH, false, true},
	{OLD "Content-Length: 3\r\nConnection: keep-alive\r\n\r\n", HTTP_METHOD_GET,
		HTTP_BODY_LENGTH, true, true},
	{OLD "\r\n", HTTP_METHOD_GET, HTTP_BODY_UNTIL_CLOSE, false, false},
};

static void
bodies_end_as_the_head_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		const struct body_case *c = &bodies[i];
		struct http_response r;

		http_response_init(&r, c->method);
		assert_int_equal(http_parse_response(&r, c->head, strlen(c->head)), HTTP_DONE);
		if (r.body != c->body || r.keep_alive != c->keep_alive ||
			r.has_content_length != c->has_length || r.interim)
			fail_msg("%zu: body %d, keep-alive %d, length %d", i, (int)r.body,
				r.keep_alive, r.has_content_length);
	}
}

static void
a_backend_says_how_long_it_keeps_a_connection(void **state)
{
	static const struct {
		const char *head;
		uint32_t idle_s;
	} all[] = {
		{OK "Content-Length: 0\r\n\r\n", 0},
		{OK "Keep-Alive: timeout=5\r\n\r\n", 5},
		{OK "Keep-Alive: max=100, Timeout=15\r\n\r\n", 15},
		{OK "Keep-Alive: timeout=\r\n\r\n", 0},
		{OK "Keep-Alive: timeout=-1\r\n\r\n", 0},
		{OK "Keep-Alive: timeout=99999999999\r\n\r\n", 0},
		{OK "Keep-Alive: 300\r\n\r\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct http_response r;

		http_response_init(&r, HTTP_METHOD_GET);
		assert_int_equal(
			http_parse_response(&r, all[i].head, strlen(all[i].head)), HTTP_DONE);
		assert_int_equal(r.idle_s, all[i].idle_s);
	}
}

static void
interim_answers_are_told_apart(void **state)
{
	const char *bytes = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\n\r\n";
	struct http_response r;
	size_t used;

	(void)state;
	http_response_init(&r, HTTP_METHOD_PUT);
	assert_int_equal(http_parse_response(&r, bytes, strlen(bytes)), HTTP_DONE);
	assert_true(r.interim);
	used = r.head_len;
	http_response_init(&r, HTTP_METHOD_PUT);
	assert_int_equal(http_parse_response(&r, bytes + used, strlen(bytes) - used), HTTP_DONE);
	assert_false(r.interim);
	assert_int_equal(r.status, 201);
	assert_true(slice_eq_str(http_response_slice(&r, r.status_text), "Made"));
}

#define SWITCH "HTTP/1.1 101 x\r\n"

static const struct {
	const char *asked; /* NULL: nothing */
	const char *head;
	bool switched;
} switches[] = {
	{"websocket", SWITCH "Connection: upgrade\r\nUpgrade: WebSocket\r\n\r\n", true},
	{"tcp", SWITCH "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n", true},
	{"SPDY/3.1", SWITCH "Upgrade: spdy/3.1\r\nConnection: x, Upgrade\r\n\r\n", true},
	{"tcp", SWITCH "Connection: Upgrade\r\nUpgrade:\r\nUpgrade: tcp\r\n\r\n", true},
	{"tcp", SWITCH "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", false},
	{"SPDY/3.1", SWITCH "Connection: Upgrade\r\nUpgrade: SPDY/3\r\n\r\n", false},
	{"SPDY/3.1", SWITCH "Connection: Upgrade\r\nUpgrade: SPDY\r\n\r\n", false},
	{"tcp", SWITCH "Connection: Upgrade\r\nUpgrade: tcp, h2c\r\n\r\n", false},
	{"tcp", SWITCH "Connection: Upgrade\r\nUpgrade: TLS/1.0, tcp\r\n\r\n", false},
	{"tcp", SWITCH "Connection: Upgrade\r\nUpgrade: tcp\r\nUpgrade: h2c\r\n\r\n", false},
	{"tcp", SWITCH "Connection: Upgrade\r\nUpgrade: tcp, tcp\r\n\r\n", false},
	{"tcp", SWITCH "Connection: Upgrade\r\n\r\n", false},
	{"tcp", SWITCH "Upgrade: tcp\r\n\r\n", false},
	{"tcp", SWITCH "\r\n", false},
	{NULL, SWITCH "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", false},
	{NULL, SWITCH "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n", false},
	{NULL, SWITCH "Connection: Upgrade\r\nUpgrade:\r\n\r\n", false},
};

static void
a_switch_is_to_what_was_asked_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		const char *head = switches[i].head;
		struct http_response r;
		enum http_parse result;

		http_response_init(&r, HTTP_METHOD_POST);
		r.protocol = slice_str(switches[i].asked);
		result = http_parse_response(&r, head, strlen(head));
		if (r.switched != switches[i].switched || r.interim ||
			result != (r.switched ? HTTP_DONE : HTTP_BAD))
			fail_msg("%zu: %d, switched %d", i, (int)result, r.switched);
		if (!r.switched)
			assert_int_equal(r.reason, HTTP_REASON_UPGRADE);
	}
}

static void
fields_are_found_and_listed_ones_marked(void **state)
{
	const char *head = OK "Location: /x\r\nConnection: x-a\r\nX-A: b\r\n\r\n";
	struct http_response r;

	(void)state;
	http_response_init(&r, HTTP_METHOD_GET);
	assert_int_equal(http_parse_response(&r, head, strlen(head)), HTTP_DONE);
	assert_ptr_equal(http_response_find(&r, HTTP_NAME_LOCATION), &r.fields[0]);
	assert_null(http_response_find(&r, HTTP_NAME_DATE));
	assert_int_equal(r.fields[0].flags, 0);
	assert_int_equal(r.fields[2].flags, HTTP_FIELD_LISTED);
}

static char *
long_head(const char *before, size_t n, size_t *ret_n)
{
	size_t before_n = strlen(before);
	char *head = malloc(before_n + n + 4);

	assert_non_null(head);
	memcpy(head, before, before_n);
	memset(head + before_n, 'a', n);
	memcpy(head + before_n + n, "\r\n\r\n", 4);
	*ret_n = before_n + n + 4;
	return head;
}

static void
check_long(const char *before, size_t n, enum http_reason expected)
{
	size_t head_n;
	_free_ char *head = long_head(before, n, &head_n);

	check_case(&(struct head_case){expected, head, head_n});
}

static void
sizes_end_exactly_at_their_maxima(void **state)
{
	(void)state;
	check_long("HTTP/1.1 200 ", HTTP_STATUS_LINE_MAX - 15, HTTP_REASON_NONE);
	check_long("HTTP/1.1 200 ", HTTP_STATUS_LINE_MAX - 14, HTTP_REASON_STATUS_LINE);
	check_long(OK "X:", HTTP_FIELD_MAX - 4, HTTP_REASON_NONE);
	check_long(OK "X:", HTTP_FIELD_MAX - 3, HTTP_REASON_FIELD_TOO_LONG);
}

static void
head_ends_exactly_at_its_maximum(void **state)
{
	static char before[HTTP_RESPONSE_HEAD_MAX + 1] = OK;

	(void)state;
	for (size_t at = strlen(before), i = 0; i < 4; i++, at += 8002) {
		memset(before + at, 'a', 8000);
		before[at + 1] = ':';
		memcpy(before + at + 8000, "\r\nx:", 4);
	}
	for (size_t over = 0; over < 2; over++)
		check_long(before, HTTP_RESPONSE_HEAD_MAX - 4 - strlen(before) + over,
			over ? HTTP_REASON_HEAD_TOO_LARGE : HTTP_REASON_NONE);
}

static void
fields_end_exactly_at_their_number(void **state)
{
	static char head[HTTP_RESPONSE_HEAD_MAX];

	(void)state;
	for (size_t over = 0; over < 2; over++) {
		size_t n = sizeof(OK) - 1;

		memcpy(head, OK, n);
		for (size_t i = 0; i < HTTP_RESPONSE_FIELDS_MAX + over; i++, n += 5)
			memcpy(head + n, "a:b\r\n", 5);
		memcpy(head + n, "\r\n", 2);
		check_case(&(struct head_case){
			over ? HTTP_REASON_TOO_MANY_FIELDS : HTTP_REASON_NONE, head, n + 2});
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_judged),
		cmocka_unit_test(bodies_end_as_the_head_says),
		cmocka_unit_test(a_backend_says_how_long_it_keeps_a_connection),
		cmocka_unit_test(interim_answers_are_told_apart),
		cmocka_unit_test(a_switch_is_to_what_was_asked_for),
		cmocka_unit_test(fields_are_found_and_listed_ones_marked),
		cmocka_unit_test(sizes_end_exactly_at_their_maxima),
		cmocka_unit_test(head_ends_exactly_at_its_maximum),
		cmocka_unit_test(fields_end_exactly_at_their_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
