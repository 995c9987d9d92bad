/*
 * Request heads: what is refused and why, what is let through and as what. Every case is fed
 * whole and byte by byte from buffers of exactly the right size, and both must agree.
 */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/http/http_head.h"

#include <stdlib.h>

struct head_case {
	enum http_reason reason; /* NONE: accepted */
	const char *bytes;
	size_t n;
};

#define CASE(reason, literal)                                                                      \
	{                                                                                          \
		HTTP_REASON_##reason, literal, sizeof(literal) - 1                                 \
	}
#define H "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" H
#define POST "POST / HTTP/1.1\r\n" H
#define OLD "POST / HTTP/1.0\r\n"
#define END "\r\n"

static enum http_parse
parse_exact(struct http_request *r, const char *bytes, size_t n, char **ret_copy)
{
	char *copy = malloc(n ? n : 1);

	assert_non_null(copy);
	memcpy(copy, bytes, n);
	*ret_copy = copy;
	return http_parse_request(r, copy, n);
}

static enum http_parse
parse_bytewise(struct http_request *r, const char *bytes, size_t n)
{
	enum http_parse result = HTTP_NEED_MORE;

	http_request_init(r);
	for (size_t i = 1; i <= n && result == HTTP_NEED_MORE; i++) {
		_free_ char *copy = NULL;

		result = parse_exact(r, bytes, i, &copy);
	}
	return result;
}

static void
check_case(const struct head_case *c)
{
	struct http_request whole, pieces;
	_free_ char *copy = NULL;
	enum http_parse result, bytewise;

	http_request_init(&whole);
	result = parse_exact(&whole, c->bytes, c->n, &copy);
	bytewise = parse_bytewise(&pieces, c->bytes, c->n);
	if (result != (c->reason ? HTTP_BAD : HTTP_DONE) || whole.reason != c->reason)
		fail_msg("\"%s\": expected \"%s\", got %d \"%s\"", c->bytes,
			http_reason_text(c->reason), (int)result, http_reason_text(whole.reason));
	if (bytewise != result || pieces.reason != whole.reason)
		fail_msg("\"%s\": bytewise %d \"%s\"", c->bytes, (int)bytewise,
			http_reason_text(pieces.reason));
	if (result == HTTP_DONE)
		assert_int_equal(whole.head_len, c->n);
}

#define CHECK_ALL(cases)                                                                           \
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)                                             \
	check_case(&(cases)[i])

static const struct head_case request_lines[] = {
	CASE(NONE, GET END),
	CASE(NONE, "\r\n" GET END),
	CASE(NONE, "get / HTTP/1.1\r\n" H END),
	CASE(NONE, "M-SEARCH /x HTTP/1.1\r\n" H END),
	CASE(NONE, "PROPFIND /dav/ HTTP/1.1\r\n" H END),
	CASE(NONE, "GET /a?b HTTP/1.1\r\n" H END),
	CASE(NONE, "GET /a?b?c=%2F&d HTTP/1.1\r\n" H END),
	CASE(NONE, "GET //a//b HTTP/1.1\r\n" H END),
	CASE(NONE, "GET /a|b\"<>^`{} HTTP/1.1\r\n" H END),
	CASE(NONE, "GET / HTTP/1.0\r\n\r\n"),
	CASE(NONE, "OPTIONS * HTTP/1.1\r\n" H END),
	CASE(NONE, "OPTIONS / HTTP/1.1\r\n" H END),
	CASE(NONE, "GET http://a/ HTTP/1.1\r\n" H END),
	CASE(NONE, "GET HTTPS://A/x?y HTTP/1.1\r\n" H END),
	CASE(NONE, "GET http://a HTTP/1.1\r\n" H END),
	CASE(NONE, "GET http://a?q HTTP/1.1\r\n" H END),
	CASE(NONE, "GET http://a:80/ HTTP/1.1\r\n" H END),
	CASE(NONE, "GET https://a:443/ HTTP/1.1\r\n" H END),
	CASE(NONE, "GET http://a:8080/ HTTP/1.1\r\nHost: a:8080\r\n\r\n"),
	CASE(NONE, "GET http://a/ HTTP/1.0\r\n\r\n"),
	CASE(METHOD_NAME, "\r\n\r\n" GET END),
	CASE(BARE_CR, "\rGET / HTTP/1.1\r\n" H END),
	CASE(METHOD_NAME, "\n" GET END),
	CASE(METHOD_NAME, " GET / HTTP/1.1\r\n" H END),
	CASE(METHOD_NAME, "\x16\x03\x01\x02"),
	CASE(METHOD_NAME, "\0GET / HTTP/1.1\r\n" H END),
	CASE(METHOD_NAME, "G(T / HTTP/1.1\r\n" H END),
	CASE(METHOD_NAME, "G\xc3\x8aT / HTTP/1.1\r\n" H END),
	CASE(METHOD_NAME, "GET\t/ HTTP/1.1\r\n" H END),
	CASE(METHOD_NAME, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" H END),
	CASE(METHOD_REFUSED, "TRACE / HTTP/1.1\r\n" H END),
	CASE(METHOD_REFUSED, "CONNECT a:443 HTTP/1.1\r\n" H END),
	CASE(METHOD_REFUSED, "CONNECT / HTTP/1.1\r\n" H END),
	CASE(REQUEST_LINE, "GET\r\n" H END),
	CASE(REQUEST_LINE, "GET /\r\n" H END),
	CASE(REQUEST_LINE, "GET  / HTTP/1.1\r\n" H END),
	CASE(VERSION_SYNTAX, "GET /  HTTP/1.1\r\n" H END),
	CASE(VERSION_SYNTAX, "GET / HTTP/1.1 \r\n" H END),
	CASE(VERSION_SYNTAX, "GET / HTTP/1.1\t\r\n" H END),
	CASE(VERSION_SYNTAX, "GET / \r\n" H END),
	CASE(VERSION_SYNTAX, "GET / HTTP/1\r\n" H END),
	CASE(VERSION_SYNTAX, "GET / HTTP/1.10\r\n" H END),
	CASE(VERSION_SYNTAX, "GET / HTTP/1,1\r\n" H END),
	CASE(VERSION_SYNTAX, "GET / HTTP/a.1\r\n" H END),
	CASE(VERSION_SYNTAX, "GET / HTTP/1.x\r\n" H END),
	CASE(VERSION_SYNTAX, "GET / http/1.1\r\n" H END),
	CASE(VERSION_SYNTAX, "GET / HTTQ/1.1\r\n" H END),
	CASE(VERSION_SYNTAX, "GET / x HTTP/1.1\r\n" H END),
	CASE(VERSION_SYNTAX, "GET / HTTP/1.1\r\r\n" H END),
	CASE(VERSION, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	CASE(VERSION, "GET / HTTP/2.0\r\n" H END),
	CASE(VERSION, "GET / HTTP/1.2\r\n" H END),
	CASE(VERSION, "GET / HTTP/0.9\r\n" H END),
	CASE(VERSION, "GET / HTTP/3.1\r\n" H END),
	CASE(BARE_LF, "GET / HTTP/1.1\n" H END),
	CASE(BARE_LF, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
	CASE(BARE_LF, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
	CASE(TARGET_BYTE, "GET /a\tb HTTP/1.1\r\n" H END),
	CASE(TARGET_BYTE, "GET /a\0b HTTP/1.1\r\n" H END),
	CASE(TARGET_BYTE, "GET /a\x01 HTTP/1.1\r\n" H END),
	CASE(TARGET_BYTE, "GET /a\x7f HTTP/1.1\r\n" H END),
	CASE(TARGET_BYTE, "GET /a\x80 HTTP/1.1\r\n" H END),
	CASE(TARGET_BYTE, "GET /a\xff HTTP/1.1\r\n" H END),
	CASE(TARGET_BYTE, "GET /a#b HTTP/1.1\r\n" H END),
	CASE(TARGET_BYTE, "GET /a\\b HTTP/1.1\r\n" H END),
	CASE(TARGET_BYTE, "GET http://a/\\b?q HTTP/1.1\r\n" H END),
	CASE(NONE, "GET /?a\\b HTTP/1.1\r\n" H END),
	CASE(NONE, "GET /%5c HTTP/1.1\r\n" H END),
	CASE(TARGET_BYTE, "GET /a\rb HTTP/1.1\r\n" H END),
	CASE(TARGET_BYTE, "GET /?\xc3\xa9 HTTP/1.1\r\n" H END),
	CASE(TARGET_FORM, "GET * HTTP/1.1\r\n" H END),
	CASE(TARGET_FORM, "OPTIONS ** HTTP/1.1\r\n" H END),
	CASE(TARGET_FORM, "GET a HTTP/1.1\r\n" H END),
	CASE(TARGET_FORM, "GET a:443 HTTP/1.1\r\n" H END),
	CASE(TARGET_FORM, "GET ?q HTTP/1.1\r\n" H END),
	CASE(TARGET_FORM, "GET ftp://a/ HTTP/1.1\r\n" H END),
	CASE(TARGET_FORM, "GET http:/a HTTP/1.1\r\n" H END),
	CASE(TARGET_FORM, "GET http:// HTTP/1.1\r\n" H END),
	CASE(TARGET_FORM, "GET http:///x HTTP/1.1\r\n" H END),
	CASE(TARGET_FORM, "GET http://user@a/ HTTP/1.1\r\n" H END),
	CASE(TARGET_FORM, "GET http://u:p@a/ HTTP/1.1\r\n" H END),
	CASE(TARGET_FORM, "GET http://a:x/ HTTP/1.1\r\n" H END),
	CASE(TARGET_FORM, "GET http://[::1/ HTTP/1.1\r\n" H END),
	CASE(HOST_MISMATCH, "GET http://b/ HTTP/1.1\r\n" H END),
	CASE(HOST_MISMATCH, "GET http://a:81/ HTTP/1.1\r\n" H END),
	CASE(HOST_MISMATCH, "GET https://a:80/ HTTP/1.1\r\n" H END),
	CASE(HOST_MISMATCH, "GET http://a/ HTTP/1.1\r\nHost: a:81\r\n\r\n"),
	CASE(HOST_MISMATCH, "GET http://a/ HTTP/1.0\r\nHost: b\r\n\r\n"),
};

static const struct head_case hosts[] = {
	CASE(NONE, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"),
	CASE(NONE, "GET / HTTP/1.1\r\nHost:example.org:8443\r\n\r\n"),
	CASE(NONE, "GET / HTTP/1.1\r\nhost: EXAMPLE.org.\r\n\r\n"),
	CASE(NONE, "GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
	CASE(NONE, "GET / HTTP/1.1\r\nHost: a:65535\r\n\r\n"),
	CASE(NONE, "GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n"),
	CASE(NONE, "GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n"),
	CASE(NONE, "GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n"),
	CASE(NONE, "GET / HTTP/1.1\r\nHost: a_b.example\r\n\r\n"),
	CASE(NONE, "GET / HTTP/1.1\r\nHost: %61.example\r\n\r\n"),
	CASE(HOST_MISSING, "GET / HTTP/1.1\r\n\r\n"),
	CASE(HOST_MISSING, "GET / HTTP/1.1\r\nX: y\r\n\r\n"),
	CASE(HOST_TWICE, "GET / HTTP/1.1\r\n" H H END),
	CASE(HOST_TWICE, "GET / HTTP/1.1\r\n" H "hOST: b\r\n\r\n"),
	CASE(HOST_TWICE, "GET / HTTP/1.0\r\n" H H END),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost:  \r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.0\r\nHost:\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a#b\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a\"b\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a<b\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: \xc3\xa9.example\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a:+80\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a: 80\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a%\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a%4\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a%zz\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: [1.2.3.4]\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: []\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: [v1.x]\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n"),
	CASE(HOST_SYNTAX, "GET / HTTP/1.1\r\nHost: a,b:c\r\n\r\n"),
};

static const struct head_case framings[] = {
	CASE(NONE, POST "Content-Length: 0\r\n\r\n"),
	CASE(NONE, POST "Content-Length: 5\r\n\r\n"),
	CASE(NONE, POST "content-length:5\r\n\r\n"),
	CASE(NONE, POST "transfer-encoding:chunked\r\n\r\n"),
	CASE(NONE, POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
	CASE(NONE, POST "Content-Length: 9223372036854775807\r\n\r\n"),
	CASE(NONE, POST "Transfer-Encoding: chunked\r\n\r\n"),
	CASE(NONE, POST "transfer-encoding: CHUNKED\r\n\r\n"),
	CASE(NONE, OLD "Content-Length: 5\r\n\r\n"),
	CASE(NONE, GET "Content-Length: 5\r\n\r\n"),
	CASE(NONE, GET "Transfer_Encoding: x\r\nContent.Length: y\r\n\r\n"),
	CASE(LENGTH_AND_ENCODING, POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
	CASE(LENGTH_AND_ENCODING, POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
	CASE(LENGTH_AND_ENCODING, POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"),
	CASE(LENGTH_DIFFERS, POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
	CASE(LENGTH_DIFFERS, POST "Content-Length: 0\r\nContent-Length: 6\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length:\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: +5\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: -5\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 0x5\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 1_0\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 1 0\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 5,5\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 5, 6\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 5.0\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 5;\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: \"5\"\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length:  5\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 5 \r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length:5 \r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 05\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 00\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length:\t5\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 5\t\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 9223372036854775808\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 18446744073709551621\r\n\r\n"),
	CASE(LENGTH_SYNTAX, POST "Content-Length: 99999999999999999999999999\r\n\r\n"),
	CASE(FIELD_VALUE, POST "Content-Length: 5\0\r\n\r\n"),
	CASE(FIELD_VALUE, POST "Content-Length: \x0b"
			       "5\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding:\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: identity\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: gzip\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: chunked, gzip\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: chunked,chunked\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: ,chunked\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: chunked,\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: chunked;q=1\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: \"chunked\"\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: xchunked\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: chunkedx\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: chunk\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding:  chunked\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: chunked \r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding:chunked \r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding:\tchunked\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: chunked\t\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: chunk\xc3\xa9"
			    "d\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
	CASE(ENCODING, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
	CASE(FIELD_VALUE, POST "Transfer-Encoding: \x0b"
			       "chunked\r\n\r\n"),
	CASE(FIELD_NAME, POST "Transfer-Encoding : chunked\r\n\r\n"),
	CASE(FIELD_FOLDED, POST "Transfer-Encoding: chunked\r\n , gzip\r\n\r\n"),
	CASE(ENCODING_IN_1_0, OLD "Transfer-Encoding: chunked\r\n\r\n"),
	CASE(ENCODING_IN_1_0, OLD "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
};

static const struct head_case fields[] = {
	CASE(NONE, GET "X:\r\n\r\n"),
	CASE(NONE, GET "X: \t \r\n\r\n"),
	CASE(NONE, GET "X: a\tb\r\n\r\n"),
	CASE(NONE, GET "X: \x80\xff\r\n\r\n"),
	CASE(NONE, GET "X: a: b, \"c\" (d) <e>\r\n\r\n"),
	CASE(NONE, GET "!#$%&'*+-^`|~09azAZ: x\r\n\r\n"),
	CASE(NONE, GET "X_Y: a\r\nX.Y: b\r\n\r\n"),
	CASE(NONE, GET "Expect: 100-continue\r\n\r\n"),
	CASE(NONE, GET "Expect: 100-Continue\r\n\r\n"),
	CASE(NONE, GET "Connection: close\r\n\r\n"),
	CASE(NONE, GET "Connection: , keep-alive ,, X-A ,\r\n\r\n"),
	CASE(NONE, GET "Connection:\r\n\r\n"),
	CASE(NONE, GET "Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n"),
	CASE(TYPE_DIFFERS, GET "Content-Type: a/b\r\nContent-Type: a/c\r\n\r\n"),
	CASE(TYPE_DIFFERS, GET "Content-Type:\r\nContent-Type: a/c\r\n\r\n"),
	CASE(EXPECT, GET "Expect: 200-ok\r\n\r\n"),
	CASE(EXPECT, GET "Expect:\r\n\r\n"),
	CASE(EXPECT, GET "Expect: 100-continue, x\r\n\r\n"),
	CASE(CONNECTION_SYNTAX, GET "Connection: a b\r\n\r\n"),
	CASE(CONNECTION_SYNTAX, GET "Connection: \"close\"\r\n\r\n"),
	CASE(CONNECTION_SYNTAX, GET "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,"
				    "x,y,z,0,1,2,3,4,5,6\r\n\r\n"),
	CASE(FIELD_FOLDED, GET " X: a\r\n\r\n"),
	CASE(FIELD_FOLDED, GET "\tX: a\r\n\r\n"),
	CASE(FIELD_FOLDED, GET "X: a\r\n b\r\n\r\n"),
	CASE(FIELD_FOLDED, GET "X: a\r\n\tb\r\n\r\n"),
	CASE(FIELD_FOLDED, GET " \r\n\r\n"),
	CASE(FIELD_FOLDED, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
	CASE(FIELD_NAME, GET "X\r\n\r\n"),
	CASE(FIELD_NAME, GET ": a\r\n\r\n"),
	CASE(FIELD_NAME, GET "X : a\r\n\r\n"),
	CASE(FIELD_NAME, GET "X\t: a\r\n\r\n"),
	CASE(FIELD_NAME, GET "X Y: a\r\n\r\n"),
	CASE(FIELD_NAME, GET "X(Y): a\r\n\r\n"),
	CASE(FIELD_NAME, GET "X/Y: a\r\n\r\n"),
	CASE(FIELD_NAME, GET "X\0: a\r\n\r\n"),
	CASE(FIELD_NAME, GET "X\x0b: a\r\n\r\n"),
	CASE(FIELD_NAME, GET "X\x7f: a\r\n\r\n"),
	CASE(FIELD_NAME, GET "X\xc3\xa9: a\r\n\r\n"),
	CASE(FIELD_NAME, GET "\rX: a\r\n\r\n"),
	CASE(FIELD_NAME, GET "X\r: a\r\n\r\n"),
	CASE(FIELD_NAME, GET "{}: a\r\n\r\n"),
	CASE(FIELD_NAME, GET "\r\r\n\r\n"),
	CASE(FIELD_VALUE, GET "X: a\0b\r\n\r\n"),
	CASE(FIELD_VALUE, GET "X: a\rb\r\n\r\n"),
	CASE(FIELD_VALUE, GET "X: a\r\r\n\r\n"),
	CASE(FIELD_VALUE, GET "X: \x01\r\n\r\n"),
	CASE(FIELD_VALUE, GET "X: abcdefgh\x1f\r\n\r\n"),
	CASE(FIELD_VALUE, GET "X: abcdefg\x7f\r\n\r\n"),
	CASE(FIELD_VALUE, GET "X: \x08zzzzzzzzzzz\r\n\r\n"),
	CASE(FIELD_VALUE, GET "X: a\x0b\r\n\r\n"),
	CASE(FIELD_VALUE, GET "X: a\x0c\r\n\r\n"),
	CASE(FIELD_VALUE, GET "X: \x1b[31m\r\n\r\n"),
	CASE(BARE_LF, GET "X: a\nY: b\r\n\r\n"),
	CASE(BARE_LF, GET "X: a\n\r\n"),
	CASE(BARE_LF, GET "\n"),
};

static void
request_lines_are_judged(void **state)
{
	(void)state;
	CHECK_ALL(request_lines);
}

static void
hosts_are_judged(void **state)
{
	(void)state;
	CHECK_ALL(hosts);
}

static void
framings_are_judged(void **state)
{
	(void)state;
	CHECK_ALL(framings);
}

static void
fields_are_judged(void **state)
{
	(void)state;
	CHECK_ALL(fields);
}

/* A head of `before` and then n times c, and `after`. */
static char *
make_head(const char *before, char c, size_t n, const char *after, size_t *ret_n)
{
	size_t before_n = strlen(before), after_n = strlen(after);
	char *head = malloc(before_n + n + after_n + 1);

	assert_non_null(head);
	memcpy(head, before, before_n);
	memset(head + before_n, c, n);
	memcpy(head + before_n + n, after, after_n + 1);
	*ret_n = before_n + n + after_n;
	return head;
}

static void
check_long(const char *before, size_t n, const char *after, enum http_reason expected)
{
	size_t head_n;
	_free_ char *head = make_head(before, 'a', n, after, &head_n);

	check_case(&(struct head_case){expected, head, head_n});
}

static void
sizes_end_exactly_at_their_maxima(void **state)
{
	(void)state;
	/* The target is "/" and the rest. */
	check_long("GET /", HTTP_TARGET_MAX - 1, " HTTP/1.1\r\n" H END, HTTP_REASON_NONE);
	check_long("GET /", HTTP_TARGET_MAX, " HTTP/1.1\r\n" H END, HTTP_REASON_TARGET_TOO_LONG);
	check_long("GET /", 3 * HTTP_TARGET_MAX, "", HTTP_REASON_TARGET_TOO_LONG);
	check_long("A", 3 * HTTP_TARGET_MAX, "", HTTP_REASON_METHOD_NAME);
	/* "X:", the value and CRLF. */
	check_long(GET "X:", HTTP_FIELD_MAX - 4, "\r\n\r\n", HTTP_REASON_NONE);
	check_long(GET "X:", HTTP_FIELD_MAX - 3, "\r\n\r\n", HTTP_REASON_FIELD_TOO_LONG);
	check_long(GET, 3 * HTTP_FIELD_MAX, "", HTTP_REASON_FIELD_TOO_LONG);
	check_long("GET / HTTP/1.1\r\nHost: ", HTTP_HOST_MAX, "\r\n\r\n", HTTP_REASON_NONE);
	check_long(
		"GET / HTTP/1.1\r\nHost: ", HTTP_HOST_MAX + 1, "\r\n\r\n", HTTP_REASON_HOST_SYNTAX);
}

static void
head_ends_exactly_at_its_maximum(void **state)
{
	static char before[2 * HTTP_FIELD_MAX] = GET;
	size_t at = strlen(before);

	(void)state;
	for (size_t line = 0; line < 2; line++) {
		memcpy(before + at, "A: ", 3);
		memset(before + at + 3, 'b', HTTP_FIELD_MAX - 200);
		memcpy(before + at + 3 + HTTP_FIELD_MAX - 200, "\r\nC:", 5);
		at += 3 + HTTP_FIELD_MAX - 200 + 2;
	}
	for (size_t over = 0; over < 2; over++) {
		size_t n = HTTP_REQUEST_HEAD_MAX - strlen(before) - 4 + over;

		check_long(before, n, "\r\n\r\n",
			over ? HTTP_REASON_HEAD_TOO_LARGE : HTTP_REASON_NONE);
	}
}

static void
fields_end_exactly_at_their_number(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		char head[HTTP_REQUEST_HEAD_MAX] = GET;
		size_t n = strlen(head);

		for (size_t i = 1; i < HTTP_REQUEST_FIELDS_MAX + over; i++) {
			memcpy(head + n, "a:b\r\n", 5);
			n += 5;
		}
		memcpy(head + n, "\r\n", 2);
		check_case(&(struct head_case){
			over ? HTTP_REASON_TOO_MANY_FIELDS : HTTP_REASON_NONE, head, n + 2});
	}
}

static void
parse_ok(struct http_request *r, const char *head)
{
	http_request_init(r);
	assert_int_equal(http_parse_request(r, head, strlen(head)), HTTP_DONE);
}

static void
expect_slice(const struct http_request *r, struct http_span span, const char *expected)
{
	struct slice s = http_request_slice(r, span);

	if (!slice_eq_str(s, expected))
		fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(s), expected);
}

static void
parts_of_a_request_are_found(void **state)
{
	struct http_request r;

	(void)state;
	parse_ok(&r, "POST /a/b?c=d HTTP/1.1\r\nHost: Example.org:8443\r\nCookie:  x=y \r\n"
		     "Content-Length: 12\r\n\r\nbody");
	assert_int_equal(r.method, HTTP_METHOD_POST);
	assert_int_equal(r.form, HTTP_FORM_ORIGIN);
	assert_int_equal(r.minor, 1);
	expect_slice(&r, r.method_text, "POST");
	expect_slice(&r, r.target, "/a/b?c=d");
	expect_slice(&r, r.path, "/a/b");
	assert_true(r.has_query);
	expect_slice(&r, r.query, "c=d");
	expect_slice(&r, r.host_field, "Example.org:8443");
	expect_slice(&r, r.host, "Example.org");
	assert_int_equal(r.port, 8443);
	assert_int_equal(r.body, HTTP_BODY_LENGTH);
	assert_int_equal(r.content_length, 12);
	assert_true(r.keep_alive);
	assert_int_equal(r.n_fields, 3);
	expect_slice(&r, r.fields[1].value, "x=y");
	assert_true(slice_eq_str(http_request_value(&r, HTTP_NAME_COOKIE), "x=y"));
	assert_null(http_request_value(&r, HTTP_NAME_RANGE).p);
}

static void
absolute_form_gives_path_and_host(void **state)
{
	struct http_request r;

	(void)state;
	parse_ok(&r, "GET http://a:81/x/y?q HTTP/1.1\r\nHost: A:81\r\n\r\n");
	assert_int_equal(r.form, HTTP_FORM_ABSOLUTE);
	expect_slice(&r, r.path, "/x/y");
	expect_slice(&r, r.query, "q");
	parse_ok(&r, "GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n");
	expect_slice(&r, r.path, "/");
	expect_slice(&r, r.query, "q");
	parse_ok(&r, "GET https://[::1]:4 HTTP/1.0\r\n\r\n");
	expect_slice(&r, r.path, "/");
	expect_slice(&r, r.host, "[::1]");
	expect_slice(&r, r.host_field, "[::1]:4");
	assert_int_equal(r.port, 4);
	parse_ok(&r, "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(r.form, HTTP_FORM_ASTERISK);
	assert_int_equal(r.path.n, 0);
}

struct keep_case {
	const char *head;
	bool keep_alive;
};

static void
connection_is_kept_as_the_client_asks(void **state)
{
	static const struct keep_case cases[] = {
		{GET END, true},
		{GET "Connection: close\r\n\r\n", false},
		{GET "Connection: x, CLOSE\r\n\r\n", false},
		{GET "Connection: close, keep-alive\r\n\r\n", false},
		{GET "Connection: keep-alive\r\nConnection: close\r\n\r\n", false},
		{OLD END, false},
		{OLD "Connection: keep-alive\r\n\r\n", true},
		{OLD "Connection: Keep-Alive, close\r\n\r\n", false},
	};
	struct http_request r;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		parse_ok(&r, cases[i].head);
		assert_int_equal(r.keep_alive, cases[i].keep_alive);
	}
}

static void
wishes_of_the_client_are_noted(void **state)
{
	struct http_request r;

	(void)state;
	parse_ok(&r, POST "Expect: 100-continue\r\nContent-Length: 1\r\nTE: gzip, trailers\r\n"
			  "Connection: upgrade\r\nUpgrade: websocket\r\nX_A: b\r\nX.B: c\r\n\r\n");
	assert_true(r.expect_continue);
	assert_true(r.te_trailers);
	assert_true(r.upgrade);
	assert_int_equal(r.n_odd, 2);
	parse_ok(&r, OLD "Expect: 100-continue\r\nUpgrade: h2c\r\nTE: gzip\r\n\r\n");
	assert_false(r.expect_continue);
	assert_false(r.te_trailers);
	assert_false(r.upgrade);
}

static void
connection_cannot_take_away_what_matters(void **state)
{
	struct http_request r;

	(void)state;
	parse_ok(&r, GET "Connection: X-Mine, Host, Cookie, Authorization, Content-Length, "
			 "X-Forwarded-For\r\nx-mine: a\r\nX-MINE: b\r\nX-Min: c\r\nCookie: d\r\n"
			 "Authorization: e\r\nX-Forwarded-For: f\r\n\r\n");
	for (size_t i = 0; i < r.n_fields; i++) {
		bool mine =
			slice_ieq(http_request_slice(&r, r.fields[i].name), SLICE_LIT("X-Mine"));

		assert_int_equal((r.fields[i].flags & HTTP_FIELD_LISTED) != 0, mine);
	}
}

static void
bytes_behind_the_head_are_left_alone(void **state)
{
	struct http_request r;
	const char *two = GET END "GET /second HTTP/1.1\r\n" H END;

	(void)state;
	parse_ok(&r, two);
	assert_int_equal(r.head_len, strlen(GET END));
	parse_ok(&r, two + r.head_len);
	expect_slice(&r, r.path, "/second");
}

static void
more_is_asked_for_until_the_head_ends(void **state)
{
	static const char head[] = "\r\n" POST "Content-Length: 3\r\n\r\n";

	(void)state;
	for (size_t n = 0; n < sizeof(head) - 1; n++) {
		struct http_request r;
		_free_ char *copy = NULL;

		http_request_init(&r);
		assert_int_equal(parse_exact(&r, head, n, &copy), HTTP_NEED_MORE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_lines_are_judged),
		cmocka_unit_test(hosts_are_judged),
		cmocka_unit_test(framings_are_judged),
		cmocka_unit_test(fields_are_judged),
		cmocka_unit_test(sizes_end_exactly_at_their_maxima),
		cmocka_unit_test(head_ends_exactly_at_its_maximum),
		cmocka_unit_test(fields_end_exactly_at_their_number),
		cmocka_unit_test(parts_of_a_request_are_found),
		cmocka_unit_test(absolute_form_gives_path_and_host),
		cmocka_unit_test(connection_is_kept_as_the_client_asks),
		cmocka_unit_test(wishes_of_the_client_are_noted),
		cmocka_unit_test(connection_cannot_take_away_what_matters),
		cmocka_unit_test(bytes_behind_the_head_are_left_alone),
		cmocka_unit_test(more_is_asked_for_until_the_head_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
