/* proxy/http/forward_head.c: what a backend and a client are told, byte for byte. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/http/forward_head.h"

#include <stdlib.h>

#define CLIENT                                                                                     \
	"X-Real-IP: 192.0.2.7\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"       \
	"X-Forwarded-Host: a\r\nX-Forwarded-Port: 443\r\n"

struct request_case {
	const char *sent;
	size_t matched;
	const char *replacement;
	const char *expected;
};

#define GET "GET /app/x?y HTTP/1.1\r\nHost: a\r\n"
#define GOT "GET /app/x?y HTTP/1.1\r\nHost: a\r\n" CLIENT

static const struct request_case requests[] = {
	{GET "\r\n", 5, NULL, GOT "\r\n"},
	{GET "\r\n", 5, "/", "GET /x?y HTTP/1.1\r\nHost: a\r\n" CLIENT "\r\n"},
	{"GET /app/? HTTP/1.1\r\nHost: a\r\n\r\n", 5, "/b",
		"GET /b? HTTP/1.1\r\nHost: a\r\n" CLIENT "\r\n"},
	{"GET /app/a%2Fb//c HTTP/1.1\r\nHost: a\r\n\r\n", 5, "/b/",
		"GET /b/a%2Fb//c HTTP/1.1\r\nHost: a\r\n" CLIENT "\r\n"},
	{"GET http://a/app/x HTTP/1.1\r\nHost: a\r\n\r\n", 5, NULL,
		"GET /app/x HTTP/1.1\r\nHost: a\r\n" CLIENT "\r\n"},
	{"GET http://a/x/../app/z HTTP/1.1\r\nHost: a\r\n\r\n", 5, NULL,
		"GET /app/z HTTP/1.1\r\nHost: a\r\n" CLIENT "\r\n"},
	/* Fields as they are, blanks made regular. */
	{GET "cookie:x=y\r\nUser-Agent:   z  \r\nX:\r\n\r\n", 5, NULL,
		GOT "cookie: x=y\r\nUser-Agent: z\r\nX: \r\n\r\n"},
	/* Claims of the client about itself. */
	{GET "X-Forwarded-For: 1.1.1.1\r\nX-Real-IP: 2.2.2.2\r\nX-Forwarded-Proto: http\r\n"
	     "X-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nX-Forwarded-Prefix: /e\r\n"
	     "X-Forwarded-Server: e\r\nForwarded: for=3.3.3.3\r\nX-Request-Id: e\r\n\r\n",
		5, NULL, GOT "\r\n"},
	/* What concerns the client's connection, and what it lists. */
	{GET "Connection: keep-alive, X-Mine, Host, X-Forwarded-For, Cookie\r\nX-Mine: 1\r\n"
	     "Keep-Alive: 5\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"
	     "TE: gzip\r\nTrailer: x\r\nProxy: http://evil\r\nProxy-Authorization: x\r\n"
	     "Expect: 100-continue\r\nCookie: kept\r\n\r\n",
		5, NULL, GOT "Cookie: kept\r\n\r\n"},
	{GET "TE: trailers, gzip\r\n\r\n", 5, NULL, GOT "Connection: TE\r\nTE: trailers\r\n\r\n"},
	/* What chunks can bring is announced, and nothing else. */
	{GET "Transfer-Encoding: chunked\r\nTrailer: a, Content-Length ,b c\r\nX: y\r\n"
	     "trailer: Expires, d\r\n\r\n",
		5, NULL, GOT "X: y\r\nTrailer: a,d\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{GET "Transfer-Encoding: chunked\r\nTrailer: Host\r\n\r\n", 5, NULL,
		GOT "Transfer-Encoding: chunked\r\n\r\n"},
	{GET "Content-Length: 5\r\nTrailer: a\r\n\r\n", 5, NULL, GOT "Content-Length: 5\r\n\r\n"},
	/* Names that backends read as other names. */
	{GET "Content_Length: 5\r\nX.Y: z\r\nX_Forwarded_For: 1\r\nA-B: c\r\n\r\n", 5, NULL,
		GOT "A-B: c\r\n\r\n"},
	/* Framing is our own. */
	{GET "content-length: 5\r\nContent-Length: 5\r\n\r\n", 5, NULL,
		GOT "Content-Length: 5\r\n\r\n"},
	{GET "Content-Length: 0\r\n\r\n", 5, NULL, GOT "Content-Length: 0\r\n\r\n"},
	{GET "transfer-encoding: CHUNKED\r\n\r\n", 5, NULL,
		GOT "Transfer-Encoding: chunked\r\n\r\n"},
	{"GET /app/ HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", 5, NULL,
		"GET /app/ HTTP/1.1\r\nHost: a\r\n" CLIENT "\r\n"},
	{"GET /app/ HTTP/1.0\r\n\r\n", 5, NULL,
		"GET /app/ HTTP/1.1\r\nHost: 10.0.3.101:8080\r\n"
		"X-Real-IP: 192.0.2.7\r\nX-Forwarded-For: 192.0.2.7\r\n"
		"X-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n\r\n"},
};

static struct slice upgrade; /* what the next one asks for */

static int
forward(const struct request_case *c, bool tls, uint16_t port, struct buf *out)
{
	struct arena *a = arena_new(512, 65536);
	struct http_request r;
	struct http_path p;
	struct forward_request f = {.request = &r,
		.path = &p,
		.matched = c->matched,
		.replacement = slice_str(c->replacement),
		.client = SLICE_LIT("192.0.2.7"),
		.peer = SLICE_LIT("192.0.2.7"),
		.host = SLICE_LIT("10.0.3.101:8080"),
		.upgrade = upgrade,
		.tls = tls,
		.port = port};
	int ret;

	http_request_init(&r);
	assert_int_equal(http_parse_request(&r, c->sent, strlen(c->sent)), HTTP_DONE);
	assert_int_equal(
		http_path_resolve(http_request_slice(&r, r.path), a, &p), HTTP_REASON_NONE);
	ret = forward_request_head(&f, out);
	arena_free(&a);
	return ret;
}

static void
requests_are_rewritten(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct buf out;

		buf_init(&out, FORWARD_REQUEST_HEAD_MAX);
		assert_int_equal(forward(&requests[i], true, 443, &out), 0);
		if (!slice_eq_str(buf_slice(&out), requests[i].expected))
			fail_msg("%zu: %.*s", i, SLICE_ARG(buf_slice(&out)));
		buf_clear(&out);
	}
}

/* The one that the caller says, whatever the client lists; the body goes with it, and TE does not.
 */
static void
one_protocol_is_asked_for(void **state)
{
	const struct request_case c = {GET
		"Connection: Upgrade, TE, HTTP2-Settings\r\nUpgrade: h2c\r\n"
		"HTTP2-Settings: x\r\nTE: trailers\r\nUpgrade: TCP, other\r\n"
		"Content-Length: 2\r\n\r\n",
		5, NULL, NULL};
	struct buf out;

	(void)state;
	buf_init(&out, FORWARD_REQUEST_HEAD_MAX);
	upgrade = SLICE_LIT("tcp");
	assert_int_equal(forward(&c, true, 443, &out), 0);
	upgrade = (struct slice){0};
	if (!slice_eq_str(buf_slice(&out),
		    GOT "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n"))
		fail_msg("%.*s", SLICE_ARG(buf_slice(&out)));
	buf_clear(&out);
}

static void
host_is_forwarded_as_sent(void **state)
{
	const struct request_case c = {
		"GET /app/ HTTP/1.1\r\nHost: Example.ORG:8080\r\n\r\n", 5, NULL, NULL};
	const char *expected = "GET /app/ HTTP/1.1\r\nHost: Example.ORG:8080\r\n"
			       "X-Real-IP: 192.0.2.7\r\nX-Forwarded-For: 192.0.2.7\r\n"
			       "X-Forwarded-Proto: http\r\nX-Forwarded-Host: Example.ORG:8080\r\n"
			       "X-Forwarded-Port: 8080\r\n\r\n";
	struct buf out;

	(void)state;
	buf_init(&out, FORWARD_REQUEST_HEAD_MAX);
	assert_int_equal(forward(&c, false, 8080, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out), expected));
	buf_clear(&out);
}

/* What a trusted peer says about the client is kept, and goes on with the peer behind it. */
static void
a_trusted_peer_is_believed(void **state)
{
	static const char sent[] =
		"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1\r\n"
		"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n"
		"X-Forwarded-Host: www\r\nX-Forwarded-Port: 8443\r\nX-Forwarded-User: u\r\n"
		"X-Real-IP: 9.9.9.9\r\nX-Request-Id: theirs\r\nForwarded: for=9.9.9.9\r\n\r\n";
	static const char expected[] =
		"GET / HTTP/1.1\r\nHost: a\r\nX-Real-IP: 198.51.100.1\r\n"
		"X-Forwarded-For: 198.51.100.1, 192.0.2.1, 10.0.0.1\r\nX-Forwarded-Proto: https\r\n"
		"X-Forwarded-Host: www\r\nX-Forwarded-Port: 8443\r\nX-Request-Id: ours\r\n"
		"X-Forwarded-User: u\r\n\r\n";
	struct http_request r;
	struct http_path path = {.raw = SLICE_LIT("/"), .match = SLICE_LIT("/")};
	struct forward_request f = {.request = &r,
		.path = &path,
		.client = SLICE_LIT("198.51.100.1"),
		.peer = SLICE_LIT("10.0.0.1"),
		.trusted = true,
		.request_id = SLICE_LIT("ours"),
		.port = 80};
	struct buf out;

	(void)state;
	buf_init(&out, FORWARD_REQUEST_HEAD_MAX);
	http_request_init(&r);
	assert_int_equal(http_parse_request(&r, sent, strlen(sent)), HTTP_DONE);
	assert_int_equal(forward_request_head(&f, &out), 0);
	if (!slice_eq_str(buf_slice(&out), expected))
		fail_msg("%.*s", SLICE_ARG(buf_slice(&out)));
	buf_clear(&out);
}

/* What is said of a connection, or from the backend to the proxy, is no hint. */
static void
early_hints_are_hints_alone(void **state)
{
	static const char sent[] = "HTTP/1.1 103 x\r\nLink: </a.css>\r\nConnection: X-Hop\r\n"
				   "X-Hop: 1\r\nKeep-Alive: 5\r\nX-Accel-Redirect: /etc\r\n\r\n";
	struct http_response r;
	struct buf out;

	(void)state;
	http_response_init(&r, HTTP_METHOD_GET);
	assert_int_equal(http_parse_response(&r, sent, strlen(sent)), HTTP_DONE);
	buf_init(&out, FORWARD_RESPONSE_HEAD_MAX);
	assert_int_equal(forward_early_hints(&r, &out), 0);
	assert_true(slice_eq_str(
		buf_slice(&out), "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"));
	buf_clear(&out);
	buf_init(&out, 64);
	assert_int_equal(forward_early_hints(&r, &out), -1);
	buf_clear(&out);
}

/* The longest head that the parser lets through, with nothing but short fields. */
static void
largest_heads_fit_their_buffer(void **state)
{
	static char head[HTTP_REQUEST_HEAD_MAX + 1];
	size_t n;
	struct buf out;

	(void)state;
	memcpy(head, "GET /app/", 9);
	memset(head + 9, 'a', HTTP_TARGET_MAX - 5);
	n = HTTP_TARGET_MAX + 4;
	memcpy(head + n, " HTTP/1.1\r\nHost:a\r\n", 19);
	n += 19;
	for (size_t i = 1; i < HTTP_REQUEST_FIELDS_MAX - 1; i++, n += 5)
		memcpy(head + n, "X:y\r\n", 5);
	head[n++] = 'Z';
	head[n++] = ':';
	memset(head + n, 'z', HTTP_REQUEST_HEAD_MAX - n - 4);
	memcpy(head + HTTP_REQUEST_HEAD_MAX - 4, "\r\n\r\n", 5);
	buf_init(&out, FORWARD_REQUEST_HEAD_MAX);
	assert_int_equal(forward(&(struct request_case){head, 5, "/", NULL}, true, 443, &out), 0);
	buf_clear(&out);
	buf_init(&out, 1024);
	assert_int_equal(forward(&(struct request_case){head, 5, "/", NULL}, true, 443, &out), -1);
	buf_clear(&out);
}

struct response_case {
	const char *sent;
	enum http_method method;
	uint8_t minor;
	bool keep_alive;
	const char *expected;
};

#define OK "HTTP/1.1 200 OK\r\n"
#define DATE "Date: now\r\n"

static const struct response_case responses[] = {
	{OK "Content-Length: 3\r\nX: y\r\n\r\n", HTTP_METHOD_GET, 1, true,
		OK "X: y\r\n" DATE "Content-Length: 3\r\n\r\n"},
	{"HTTP/1.0 404\r\ndate: then\r\nServer: z\r\nContent-Length: 0\r\n\r\n", HTTP_METHOD_GET, 1,
		true, "HTTP/1.1 404 \r\ndate: then\r\nServer: z\r\nContent-Length: 0\r\n\r\n"},
	{OK "Transfer-Encoding: chunked\r\nTrailer: x\r\n\r\n", HTTP_METHOD_GET, 1, true,
		OK DATE "Transfer-Encoding: chunked\r\n\r\n"},
	{OK "Transfer-Encoding: chunked\r\n\r\n", HTTP_METHOD_GET, 0, false,
		OK DATE "Connection: close\r\n\r\n"},
	{OK "\r\n", HTTP_METHOD_GET, 1, true, OK DATE "Transfer-Encoding: chunked\r\n\r\n"},
	{OK "\r\n", HTTP_METHOD_GET, 0, false, OK DATE "Connection: close\r\n\r\n"},
	{OK "Content-Length: 3\r\n\r\n", HTTP_METHOD_GET, 0, true,
		OK DATE "Content-Length: 3\r\nConnection: keep-alive\r\n\r\n"},
	{OK "Content-Length: 3\r\n\r\n", HTTP_METHOD_HEAD, 1, true,
		OK DATE "Content-Length: 3\r\n\r\n"},
	{OK "Transfer-Encoding: chunked\r\n\r\n", HTTP_METHOD_HEAD, 1, true, OK DATE "\r\n"},
	{"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", HTTP_METHOD_GET, 1, true,
		"HTTP/1.1 204 No Content\r\n" DATE "\r\n"},
	{"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 9\r\n\r\n", HTTP_METHOD_GET,
		1, true,
		"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n" DATE "Content-Length: 9\r\n\r\n"},
	{OK "Connection: x-a, set-cookie, close\r\nX-A: b\r\nSet-Cookie: c\r\nKeep-Alive: 5\r\n"
	    "Proxy-Connection: d\r\nUpgrade: h2c\r\nX-Accel-Redirect: /etc\r\n"
	    "x-accel-buffering: no\r\nX_Y: z\r\nContent-Length: 0\r\n\r\n",
		HTTP_METHOD_GET, 1, false,
		OK "Set-Cookie: c\r\nX_Y: z\r\n" DATE "Content-Length: 0\r\n"
		   "Connection: close\r\n\r\n"},
};

static void
responses_are_rewritten(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(responses); i++) {
		const struct response_case *c = &responses[i];
		struct http_response r;
		struct forward_response f = {.response = &r,
			.keep_alive = c->keep_alive,
			.minor = c->minor,
			.date = SLICE_LIT("now")};
		struct buf out;

		http_response_init(&r, c->method);
		assert_int_equal(http_parse_response(&r, c->sent, strlen(c->sent)), HTTP_DONE);
		f.body = forward_response_body(&r, c->minor, c->method);
		buf_init(&out, FORWARD_RESPONSE_HEAD_MAX);
		assert_int_equal(forward_response_head(&f, &out), 0);
		if (!slice_eq_str(buf_slice(&out), c->expected))
			fail_msg("%zu: %.*s", i, SLICE_ARG(buf_slice(&out)));
		buf_clear(&out);
		buf_init(&out, 64);
		assert_int_equal(forward_response_head(&f, &out), -1);
		buf_clear(&out);
	}
}

/* To a client of HTTP/1.1 with the protocol, to one of HTTP/2 as 200 without. */
static void
a_switch_is_passed_on(void **state)
{
	static const char sent[] =
		"HTTP/1.1 101 UPGRADED\r\nContent-Type: x\r\nConnection: X-Hop, Upgrade\r\n"
		"X-Hop: 1\r\nUpgrade: TCP\r\nSec-WebSocket-Accept: a\r\n\r\n";
	static const char *const expected[] = {
		"HTTP/1.1 101 UPGRADED\r\nContent-Type: x\r\nSec-WebSocket-Accept: a\r\n" DATE
		"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: x\r\n" DATE
		"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"};

	(void)state;
	for (int framed = 0; framed < 2; framed++) {
		struct http_response r;
		struct forward_response f = {.response = &r,
			.keep_alive = true,
			.minor = 1,
			.date = SLICE_LIT("now"),
			.upgrade = SLICE_LIT("tcp"),
			.framed = framed};
		struct buf out;

		http_response_init(&r, HTTP_METHOD_POST);
		r.protocol = f.upgrade;
		assert_int_equal(http_parse_response(&r, sent, sizeof(sent) - 1), HTTP_DONE);
		buf_init(&out, FORWARD_RESPONSE_HEAD_MAX);
		assert_int_equal(forward_response_head(&f, &out), 0);
		if (!slice_eq_str(buf_slice(&out), expected[framed]))
			fail_msg("%.*s", SLICE_ARG(buf_slice(&out)));
		buf_clear(&out);
	}
}

static void
trailers_are_announced_where_they_go_on(void **state)
{
	static const char sent[] =
		OK "Trailer: grpc-status, Set-Cookie\r\nTransfer-Encoding: chunked\r\n\r\n";
	struct http_response r;
	struct forward_response f = {.response = &r,
		.keep_alive = true,
		.minor = 1,
		.body = HTTP_BODY_CHUNKED,
		.date = SLICE_LIT("now"),
		.trailers = true};
	struct buf out;

	(void)state;
	http_response_init(&r, HTTP_METHOD_GET);
	assert_int_equal(http_parse_response(&r, sent, sizeof(sent) - 1), HTTP_DONE);
	buf_init(&out, FORWARD_RESPONSE_HEAD_MAX);
	assert_int_equal(forward_response_head(&f, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out),
		OK DATE "Trailer: grpc-status\r\nTransfer-Encoding: chunked\r\n\r\n"));
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_rewritten),
		cmocka_unit_test(one_protocol_is_asked_for),
		cmocka_unit_test(host_is_forwarded_as_sent),
		cmocka_unit_test(a_trusted_peer_is_believed),
		cmocka_unit_test(early_hints_are_hints_alone),
		cmocka_unit_test(largest_heads_fit_their_buffer),
		cmocka_unit_test(responses_are_rewritten),
		cmocka_unit_test(a_switch_is_passed_on),
		cmocka_unit_test(trailers_are_announced_where_they_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
