/* proxy/guard/auth_forward.c: what another server is asked, and what its answer means. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/guard/auth_forward.h"

static void
ask(const char *text, const char *path, const char *asked, const char *expected)
{
	struct http_request r;
	struct buf out;

	http_request_init(&r);
	assert_int_equal(http_parse_request(&r, text, strlen(text)), HTTP_DONE);
	r.base = text;
	buf_init(&out, 4096);
	assert_int_equal(auth_forward_head(&r, slice_str(path), slice_str(asked), &out), 0);
	if (!slice_eq_str(buf_slice(&out), expected))
		fail_msg("%.*s", SLICE_ARG(buf_slice(&out)));
	buf_clear(&out);
}

static void
the_question_has_what_is_about_who_asks(void **state)
{
	(void)state;
	ask("POST /a%2Fb?c=d HTTP/1.1\r\nHost: a.example\r\nCookie: s=1\r\nAuthorization: Bearer "
	    "x\r\n"
	    "Content-Length: 3\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n"
	    "Connection: X-Hop\r\nX-Hop: 1\r\nIf-None-Match: \"a\"\r\nRange: bytes=0-1\r\n"
	    "X-Original-URI: /forged\r\nX_odd: 1\r\nAccept: text/html\r\n\r\n",
		"/verify", "/a%2Fb",
		"GET /verify HTTP/1.1\r\nHost: a.example\r\nCookie: s=1\r\nAuthorization: Bearer "
		"x\r\n"
		"Accept: text/html\r\nX-Original-Method: POST\r\n"
		"X-Original-URI: /a%2Fb?c=d\r\n\r\n");
	ask("GET http://b.example/x/../y? HTTP/1.1\r\nHost: b.example\r\n\r\n", "/", "/y",
		"GET / HTTP/1.1\r\nHost: b.example\r\nX-Original-Method: GET\r\n"
		"X-Original-URI: /y?\r\n"
		"\r\n");
	ask("GET / HTTP/1.0\r\n\r\n", "/", "/",
		"GET / HTTP/1.1\r\nHost: localhost\r\nX-Original-Method: GET\r\n"
		"X-Original-URI: /\r\n\r\n");
}

static void
a_full_buffer_is_told(void **state)
{
	const char *text = "GET /? HTTP/1.1\r\nHost: a\r\n\r\n";
	struct http_request r;

	(void)state;
	http_request_init(&r);
	assert_int_equal(http_parse_request(&r, text, strlen(text)), HTTP_DONE);
	r.base = text;
	for (size_t max = 1; max < 80; max += 13) {
		struct buf out;

		buf_init(&out, max);
		assert_int_equal(auth_forward_head(&r, SLICE_LIT("/"),
					 SLICE_LIT("/abcdefghijklmnopqrstuvwxyz"), &out),
			-1);
		buf_clear(&out);
	}
}

static void
only_2xx_passes_and_only_few_answers_are_the_clients(void **state)
{
	(void)state;
	for (uint16_t status = 100; status < 1000; status++) {
		enum auth_forward_verdict v = auth_forward_judge(status);

		assert_int_equal(v == AUTH_FORWARD_PASS, status / 100 == 2);
		assert_int_equal(v == AUTH_FORWARD_ANSWER,
			status == 401 || status == 403 || (status / 100 == 3 && status != 304));
		assert_int_equal(v == AUTH_FORWARD_TIMEOUT, status == 504);
	}
}

static void
named_fields_are_copied(void **state)
{
	const char *text = "HTTP/1.1 200 OK\r\nRemote-User: ann\r\nX-Other: 1\r\n"
			   "remote-groups: a\r\nRemote-Groups: b\r\nContent-Length: 0\r\n\r\n";
	char names[2][16] = {"Remote-User", "Remote-Groups"};
	char *list[] = {names[0], names[1]};
	struct http_response r;
	struct buf out;

	(void)state;
	http_response_init(&r, HTTP_METHOD_GET);
	assert_int_equal(http_parse_response(&r, text, strlen(text)), HTTP_DONE);
	r.base = text;
	buf_init(&out, 1024);
	assert_int_equal(auth_forward_copy(&r, list, 2, &out), 0);
	assert_true(slice_eq_str(
		buf_slice(&out), "Remote-User: ann\r\nremote-groups: a\r\nRemote-Groups: b\r\n"));
	buf_clear(&out);
	buf_init(&out, 20);
	assert_int_equal(auth_forward_copy(&r, list, 2, &out), -1);
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_question_has_what_is_about_who_asks),
		cmocka_unit_test(a_full_buffer_is_told),
		cmocka_unit_test(only_2xx_passes_and_only_few_answers_are_the_clients),
		cmocka_unit_test(named_fields_are_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
