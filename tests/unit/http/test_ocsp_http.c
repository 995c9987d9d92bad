/* OCSP over HTTP: addresses of responders, the question, answers in every state of completeness. */
#include "proxy/tls/ocsp_http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\n"

static void
addresses_of_responders(void **state)
{
	static const struct {
		const char *text, *host, *path;
		unsigned port;
	} good[] = {
		{"http://r3.o.example", "r3.o.example", "/", 80},
		{"HTTP://a.example/", "a.example", "/", 80},
		{"http://a.example:8080/x/y?z=1", "a.example", "/x/y?z=1", 8080},
		{"http://[2001:db8::1]:81/o#part", "2001:db8::1", "/o", 81},
		{"http://[::1]", "::1", "/", 80},
	};
	static const char *const bad[] = {"", "https://a.example/", "ldap://a/", "http://",
		"http:///x", "http://a:0/", "http://a:65536/", "http://a:8x/", "http://u@a/",
		"http://a b/", "http://a/\r\nX: y", "http://[::1", "http://[::1]x/", "http://a?x=/",
		"http://a/\x7f"};
	struct ocsp_url url;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(ocsp_url_parse(slice_str(good[i].text), &url), 0);
		assert_string_equal(url.host, good[i].host);
		assert_string_equal(url.path, good[i].path);
		assert_int_equal(url.port, good[i].port);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ocsp_url_parse(slice_str(bad[i]), &url), -1);
}

static void
the_question_is_a_post(void **state)
{
	struct ocsp_url url;
	struct buf out;

	(void)state;
	buf_init(&out, OCSP_REQUEST_MAX);
	assert_int_equal(ocsp_url_parse(SLICE_LIT("http://[::1]:81/o"), &url), 0);
	assert_int_equal(ocsp_http_ask(&url, slice_of("\0q", 2), &out), 0);
	assert_true(slice_starts(
		buf_slice(&out), SLICE_LIT("POST /o HTTP/1.1\r\nHost: [::1]:81\r\nUser-Agent:")));
	assert_true(slice_ends(buf_slice(&out),
		slice_of("Content-Length: 2\r\nConnection: close\r\n\r\n\0q",
			sizeof("Content-Length: 2\r\nConnection: close\r\n\r\n\0q") - 1)));
	buf_clear(&out);
}

static void
expect(const char *text, bool closed, enum http_parse result, const char *der, const char *why)
{
	const char *got = "";
	struct buf out;

	buf_init(&out, OCSP_ANSWER_MAX);
	assert_int_equal(ocsp_http_answer(slice_str(text), closed, &out, &got), result);
	if (result == HTTP_DONE)
		assert_true(slice_eq_str(buf_slice(&out), der));
	if (result == HTTP_BAD && !strstr(got, why))
		fail_msg("\"%s\" does not say \"%s\"", got, why);
	buf_clear(&out);
}

static void
answers_that_are_whole(void **state)
{
	(void)state;
	expect(HEAD "Content-Length: 3\r\n\r\nabc", false, HTTP_DONE, "abc", NULL);
	expect(HEAD "Content-Length: 0\r\n\r\n", false, HTTP_DONE, "", NULL);
	expect(HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", false,
		HTTP_DONE, "abc", NULL);
	expect(HEAD "\r\nabc", true, HTTP_DONE, "abc", NULL);
	expect("HTTP/1.1 103 Early\r\n\r\n" HEAD "Content-Length: 1\r\n\r\na", false, HTTP_DONE,
		"a", NULL);
	expect("HTTP/1.0 200 OK\r\nContent-Type: Application/OCSP-Response; x=y\r\n\r\nq", true,
		HTTP_DONE, "q", NULL);
}

static void
answers_that_are_not_whole_yet(void **state)
{
	static const char text[] = HEAD "Content-Length: 3\r\n\r\nabc";
	char part[sizeof(text)];

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		memcpy(part, text, n);
		part[n] = '\0';
		expect(part, false, HTTP_NEED_MORE, NULL, NULL);
		expect(part, true, HTTP_BAD, NULL,
			n < sizeof(text) - 4 ? "without an answer" : "cut off");
	}
	expect(HEAD "\r\nabc", false, HTTP_NEED_MORE, NULL, NULL);
}

static void
answers_that_are_none(void **state)
{
	(void)state;
	expect("SSH-2.0-x\r\n", false, HTTP_BAD, NULL, "no HTTP");
	expect("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", false, HTTP_BAD, NULL, "status");
	expect("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1\r\n\r\na", false,
		HTTP_BAD, NULL, "type");
	expect("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", false, HTTP_BAD, NULL, "type");
	expect(HEAD "Content-Length: 16385\r\n\r\n", false, HTTP_BAD, NULL, "too large");
	expect(HEAD "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", false, HTTP_BAD, NULL, "framing");
}

static void
an_answer_without_a_length_is_bounded(void **state)
{
	static char text[OCSP_HTTP_MAX];
	int n = snprintf(text, sizeof(text), HEAD "\r\n");

	(void)state;
	memset(text + n, 'a', OCSP_ANSWER_MAX);
	expect(text, false, HTTP_NEED_MORE, NULL, NULL);
	memset(text + n, 'a', OCSP_ANSWER_MAX + 1);
	expect(text, false, HTTP_BAD, NULL, "too large");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_responders),
		cmocka_unit_test(the_question_is_a_post),
		cmocka_unit_test(answers_that_are_whole),
		cmocka_unit_test(answers_that_are_not_whole_yet),
		cmocka_unit_test(answers_that_are_none),
		cmocka_unit_test(an_answer_without_a_length_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
