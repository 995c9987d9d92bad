/* proxy/http/answer.c: what visitors read, and the bytes around it. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/http/answer.h"
#include "proxy/http/http_response.h"

#include <stdlib.h>

static void
build(const struct answer *a, struct buf *out, struct http_response *ret)
{
	buf_init(out, ANSWER_MAX);
	assert_int_equal(answer_build(a, out), 0);
	http_response_init(ret, a->method);
	assert_int_equal(http_parse_response(ret, out->data, buf_len(out)), HTTP_DONE);
	assert_int_equal(ret->status, a->status);
}

static bool
holds(const struct buf *b, const char *text)
{
	struct slice s = buf_slice(b);

	return memmem(s.p, s.n, text, strlen(text)) != NULL;
}

static void
a_page_of_the_users_has_a_head_of_ours(void **state)
{
	struct answer a = {.status = 404,
		.date = SLICE_LIT("now"),
		.method = HTTP_METHOD_GET,
		.page_type = "application/json",
		.page_size = 65536,
		.keep_alive = true,
		.minor = 1};
	struct http_response r;
	struct buf out;

	(void)state;
	build(&a, &out, &r);
	assert_int_equal(r.content_length, 65536);
	assert_int_equal(r.head_len, buf_len(&out));
	assert_true(holds(&out, "\r\nContent-Type: application/json\r\n"));
	buf_clear(&out);
}

static void
every_answer_is_a_whole_response(void **state)
{
	(void)state;
	for (unsigned status = 200; status < 600; status++) {
		struct answer a = {.status = (uint16_t)status,
			.date = SLICE_LIT("now"),
			.method = HTTP_METHOD_GET,
			.keep_alive = true,
			.minor = 1};
		struct http_response r;
		struct buf out;
		bool empty = status == 204 || status == 205 || status == 304;

		build(&a, &out, &r);
		assert_true(r.keep_alive);
		if (empty)
			assert_int_equal(buf_len(&out), r.head_len);
		else
			assert_int_equal(buf_len(&out), r.head_len + r.content_length);
		assert_int_equal(r.has_content_length, status != 204 && status != 304);
		buf_clear(&out);
	}
}

static void
head_gets_the_same_without_the_page(void **state)
{
	struct answer a = {.status = 404, .date = SLICE_LIT("now"), .method = HTTP_METHOD_HEAD};
	struct http_response r;
	struct buf out;

	(void)state;
	build(&a, &out, &r);
	assert_int_equal(buf_len(&out), r.head_len);
	assert_true(r.content_length > 0);
	buf_clear(&out);
}

static void
special_fields_stand_where_they_belong(void **state)
{
	struct answer a = {.date = SLICE_LIT("now"), .method = HTTP_METHOD_GET};
	struct http_response r;
	struct buf out;

	(void)state;
	a.status = 405;
	build(&a, &out, &r);
	assert_true(holds(&out, "\r\nAllow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH\r\n"));
	buf_clear(&out);
	a.allow = "GET, HEAD";
	build(&a, &out, &r);
	assert_true(holds(&out, "\r\nAllow: GET, HEAD\r\n"));
	assert_false(holds(&out, "Retry-After"));
	buf_clear(&out);
	a.status = 504;
	build(&a, &out, &r);
	assert_true(holds(&out, "\r\nRetry-After: 5\r\n"));
	assert_false(holds(&out, "Allow"));
	buf_clear(&out);
	a.status = 301;
	a.location = SLICE_LIT("/x/?y");
	build(&a, &out, &r);
	assert_true(holds(&out, "\r\nLocation: /x/?y\r\n"));
	buf_clear(&out);
}

static void
connection_is_announced(void **state)
{
	struct answer a = {.status = 400, .date = SLICE_LIT("now"), .method = HTTP_METHOD_GET};
	struct http_response r;
	struct buf out;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		a.keep_alive = i & 1;
		a.minor = i >= 2;
		build(&a, &out, &r);
		assert_int_equal(holds(&out, "Connection: close\r\n"), !a.keep_alive);
		assert_int_equal(
			holds(&out, "Connection: keep-alive\r\n"), a.keep_alive && a.minor == 0);
		buf_clear(&out);
	}
}

static void
text_of_the_caller_replaces_the_sentence(void **state)
{
	struct answer a = {.status = 502, .date = SLICE_LIT("now"), .method = HTTP_METHOD_GET};
	struct http_response r;
	struct buf out;

	(void)state;
	build(&a, &out, &r);
	assert_true(holds(&out, "<h1>502 Bad Gateway</h1>"));
	assert_true(holds(&out, "The application behind this address does not answer."));
	buf_clear(&out);
	a.text = "Words of the caller.";
	build(&a, &out, &r);
	assert_true(holds(&out, "<p>Words of the caller.</p>"));
	buf_clear(&out);
}

static void
full_buffers_are_an_error(void **state)
{
	struct answer a = {.status = 405,
		.date = SLICE_LIT("now"),
		.location = SLICE_LIT("/"),
		.method = HTTP_METHOD_GET};
	struct buf out;
	size_t n;

	(void)state;
	buf_init(&out, ANSWER_MAX);
	assert_int_equal(answer_build(&a, &out), 0);
	n = buf_len(&out);
	buf_clear(&out);
	for (size_t max = 1; max < n; max++) {
		buf_init(&out, max);
		assert_int_equal(answer_build(&a, &out), -1);
		buf_clear(&out);
	}
}

static void
phrases_are_found(void **state)
{
	(void)state;
	assert_string_equal(answer_phrase(200), "OK");
	assert_string_equal(answer_phrase(511), "Network Authentication Required");
	assert_string_equal(answer_phrase(421), "Misdirected Request");
	assert_string_equal(answer_phrase(299), "");
	assert_string_equal(answer_phrase(0), "");
	assert_string_equal(answer_phrase(999), "");
}

static void
redirects_keep_the_method(void **state)
{
	(void)state;
	assert_int_equal(answer_redirect_status(HTTP_METHOD_GET), 301);
	assert_int_equal(answer_redirect_status(HTTP_METHOD_HEAD), 301);
	assert_int_equal(answer_redirect_status(HTTP_METHOD_POST), 308);
	assert_int_equal(answer_redirect_status(HTTP_METHOD_OTHER), 308);
}

static void
expect_location(uint16_t port, bool has_query, const char *expected)
{
	struct buf out;

	buf_init(&out, 256);
	assert_int_equal(answer_https_location(SLICE_LIT("a.example"), port, SLICE_LIT("/x//y%2F"),
				 has_query, SLICE_LIT("b=c"), &out),
		0);
	assert_true(slice_eq_str(buf_slice(&out), expected));
	for (size_t max = 1; max < strlen(expected); max++) {
		buf_clear(&out);
		buf_init(&out, max);
		assert_int_equal(answer_https_location(SLICE_LIT("a.example"), port,
					 SLICE_LIT("/x//y%2F"), has_query, SLICE_LIT("b=c"), &out),
			-1);
	}
	buf_clear(&out);
}

static void
https_locations_carry_port_and_query(void **state)
{
	(void)state;
	expect_location(443, false, "https://a.example/x//y%2F");
	expect_location(8443, false, "https://a.example:8443/x//y%2F");
	expect_location(8443, true, "https://a.example:8443/x//y%2F?b=c");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_is_a_whole_response),
		cmocka_unit_test(a_page_of_the_users_has_a_head_of_ours),
		cmocka_unit_test(head_gets_the_same_without_the_page),
		cmocka_unit_test(special_fields_stand_where_they_belong),
		cmocka_unit_test(connection_is_announced),
		cmocka_unit_test(text_of_the_caller_replaces_the_sentence),
		cmocka_unit_test(full_buffers_are_an_error),
		cmocka_unit_test(phrases_are_found),
		cmocka_unit_test(redirects_keep_the_method),
		cmocka_unit_test(https_locations_carry_port_and_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
