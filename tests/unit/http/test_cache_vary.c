/* proxy/cache/cache_vary.c: which requests get the same answer. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/cache/cache_vary.h"

#include <stdio.h>

static void
key_of(const char *names, const char *fields, struct buf *out)
{
	static char head[4096];
	struct http_request r;

	(void)snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
	http_request_init(&r);
	assert_int_equal(http_parse_request(&r, head, strlen(head)), HTTP_DONE);
	r.base = head;
	buf_init(out, 8192);
	assert_int_equal(cache_vary_key(slice_str(names), &r, out), 0);
}

static void
require(const char *names, const char *a, const char *b, bool equal)
{
	struct buf x, y;

	key_of(names, a, &x);
	key_of(names, b, &y);
	if (slice_eq(buf_slice(&x), buf_slice(&y)) != equal)
		fail_msg("%s: %s against %s", names, a, b);
	buf_clear(&x);
	buf_clear(&y);
}

static void
values_are_compared_by_meaning(void **state)
{
	(void)state;
	require("foo", "Foo: 1\r\n", "Foo: 1\r\n", true);
	require("foo", "Foo: 1\r\n", "Foo: 2\r\n", false);
	require("foo", "Foo: 1\r\n", "", false);
	require("foo", "Foo:\r\n", "", false);
	require("foo", "Foo: 1, 2\r\n", "Foo: 1\r\nFoo: 2\r\n", true);
	require("foo", "Foo: 1,2\r\n", "Foo:  1 ,  2 \r\n", true);
	require("foo", "Foo: a\r\n", "Foo: A\r\n", false);
	require("foo", "Foo: \"a, b\"\r\n", "Foo: \"a,b\"\r\n", false);
	require("foo", "Foo: 1\r\nBar: 2\r\n", "Foo: 1\r\nBar: 3\r\n", true);
	require("foo,bar", "Foo: 1\r\nBar: 2\r\n", "Foo: 1\r\nBar: 3\r\n", false);
	/* Two fields are not one whose value looks like both. */
	require("foo,bar", "Foo: 1\r\n", "Bar: 1\r\n", false);
	require("accept-language", "Accept-Language: en, DE;q=0.5\r\n",
		"Accept-Language: EN,de; q=0.5\r\n", true);
	require("accept-language", "Accept-Language: en, de\r\n", "Accept-Language: de, en\r\n",
		false);
}

static void
content_codings_are_a_set(void **state)
{
	(void)state;
	require("accept-encoding", "Accept-Encoding: gzip, br\r\n",
		"Accept-Encoding: br;q=0.5 , GZIP\r\n", true);
	require("accept-encoding", "Accept-Encoding: gzip, br\r\n",
		"Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n", true);
	require("accept-encoding", "Accept-Encoding: gzip, deflate;q=0\r\n",
		"Accept-Encoding: x-gzip\r\n", true);
	require("accept-encoding", "Accept-Encoding: identity\r\n", "", true);
	require("accept-encoding", "Accept-Encoding: gzip, gzip\r\n", "Accept-Encoding: gzip\r\n",
		true);
	require("accept-encoding", "Accept-Encoding: identity;q=0, gzip\r\n",
		"Accept-Encoding: gzip\r\n", false);
	require("accept-encoding", "Accept-Encoding: *\r\n", "", false);
}

static void
names_of_an_answer(void **state)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nVary: Foo, , ACCEPT-Encoding\r\n"
				   "Vary: foo, X-Forwarded-Proto, Host\r\n\r\n";
	struct http_response r;
	struct buf out;

	(void)state;
	http_response_init(&r, HTTP_METHOD_GET);
	assert_int_equal(http_parse_response(&r, head, sizeof(head) - 1), HTTP_DONE);
	r.base = head;
	buf_init(&out, 1024);
	assert_int_equal(cache_vary_names(&r, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out), "foo,accept-encoding,x-forwarded-proto,host"));
	assert_int_equal(cache_vary_add(SLICE_LIT("Accept-Encoding"), &out), 0);
	assert_true(slice_eq_str(buf_slice(&out), "foo,accept-encoding,x-forwarded-proto,host"));
	for (char c = 'a'; c < 'a' + CACHE_VARY_FIELDS_MAX - 4; c++)
		assert_int_equal(cache_vary_add(slice_of(&c, 1), &out), 0);
	assert_int_equal(cache_vary_add(SLICE_LIT("one-too-many"), &out), -1);
	buf_clear(&out);
}

static void
names_that_are_not_the_clients(void **state)
{
	static const struct {
		const char *name;
		enum cache_vary_source source;
	} of[] = {{"cookie", CACHE_VARY_CLIENT}, {"accept-encoding", CACHE_VARY_CLIENT},
		{"x-forwarded-server", CACHE_VARY_CLIENT}, {"Host", CACHE_VARY_KEY},
		{"X-Forwarded-Proto", CACHE_VARY_KEY}, {"x-forwarded-host", CACHE_VARY_KEY},
		{"forwarded", CACHE_VARY_KEY}, {"X-Forwarded-For", CACHE_VARY_PROXY},
		{"x-real-ip", CACHE_VARY_PROXY}, {"x-request-id", CACHE_VARY_PROXY}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++)
		assert_int_equal(cache_vary_source(slice_str(of[i].name)), of[i].source);
}

static void
values_that_are_too_long(void **state)
{
	static char head[8192];
	struct http_request r;
	struct buf out;

	(void)state;
	(void)snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\nFoo: %*d\r\n\r\n",
		CACHE_VARY_KEY_MAX, 0);
	for (char *p = strstr(head, "Foo:") + 5; *p == ' '; p++)
		*p = 'x';
	http_request_init(&r);
	assert_int_equal(http_parse_request(&r, head, strlen(head)), HTTP_DONE);
	r.base = head;
	buf_init(&out, 8192);
	assert_int_equal(cache_vary_key(SLICE_LIT("foo"), &r, &out), -1);
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_compared_by_meaning),
		cmocka_unit_test(content_codings_are_a_set),
		cmocka_unit_test(names_of_an_answer),
		cmocka_unit_test(names_that_are_not_the_clients),
		cmocka_unit_test(values_that_are_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
