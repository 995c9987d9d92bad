/* proxy/log/access_line.c: both formats, and bytes that would forge a line. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/log/access_line.h"

#include <stdlib.h>

static struct access_line
ordinary(void)
{
	return (struct access_line){
		.wall_ms = UINT64_C(971211336789),
		.duration_ms = 12,
		.bytes = 2326,
		.received = 7,
		.status = 200,
		.minor = 1,
		.tls = true,
		.client = SLICE_LIT("192.0.2.7"),
		.method = SLICE_LIT("GET"),
		.target = SLICE_LIT("/a?b"),
		.host = SLICE_LIT("example.org"),
		.referer = SLICE_LIT("https://r/"),
		.user_agent = SLICE_LIT("curl/8"),
		.tls_version = SLICE_LIT("TLSv1.3"),
		.upstream_ms = 9,
		.site = SLICE_LIT("example.org"),
		.route = SLICE_LIT("/a"),
		.upstream = SLICE_LIT("10.0.3.101:80"),
		.cache = "miss",
	};
}

static void
expect_line(const struct access_line *l, enum conf_access_format format, const char *expected)
{
	struct buf out;

	buf_init(&out, ACCESS_LINE_MAX * 4);
	assert_int_equal(access_line_print(l, format, &out), 0);
	if (!slice_eq_str(buf_slice(&out), expected))
		fail_msg("%.*s", SLICE_ARG(buf_slice(&out)));
	buf_clear(&out);
}

static void
users_keep_the_columns(void **state)
{
	struct access_line l = ordinary();

	(void)state;
	l.user = SLICE_LIT("a b");
	expect_line(&l, CONF_ACCESS_COMBINED,
		"192.0.2.7 - a\\x20b [10/Oct/2000:20:55:36 +0000] \"GET /a?b HTTP/1.1\" 200 2326 "
		"\"https://r/\" \"curl/8\"\n");
}

static void
ordinary_requests_in_both_formats(void **state)
{
	struct access_line l = ordinary();

	(void)state;
	expect_line(&l, CONF_ACCESS_COMBINED,
		"192.0.2.7 - - [10/Oct/2000:20:55:36 +0000] \"GET /a?b HTTP/1.1\" 200 2326 "
		"\"https://r/\" \"curl/8\"\n");
	expect_line(&l, CONF_ACCESS_JSON,
		"{\"time\":\"2000-10-10T20:55:36.789Z\",\"client\":\"192.0.2.7\","
		"\"method\":\"GET\",\"target\":\"/a?b\",\"host\":\"example.org\","
		"\"protocol\":\"HTTP/1.1\",\"tls\":true,\"status\":200,\"bytes\":2326,"
		"\"received\":7,\"duration_ms\":12,\"referer\":\"https://r/\","
		"\"user_agent\":\"curl/8\",\"tls_version\":\"TLSv1.3\","
		"\"site\":\"example.org\",\"route\":\"/a\","
		"\"upstream\":\"10.0.3.101:80\",\"upstream_ms\":9,"
		"\"cache\":\"miss\"}\n");
}

static void
what_is_missing_is_a_dash_or_left_out(void **state)
{
	struct access_line l = {.wall_ms = 0, .client = SLICE_LIT("::1"), .reason = "gone"};

	(void)state;
	expect_line(&l, CONF_ACCESS_COMBINED,
		"::1 - - [01/Jan/1970:00:00:00 +0000] \"-\" 499 0 \"-\" \"-\"\n");
	expect_line(&l, CONF_ACCESS_JSON,
		"{\"time\":\"1970-01-01T00:00:00.000Z\",\"client\":\"::1\",\"tls\":false,"
		"\"status\":499,\"bytes\":0,\"received\":0,\"duration_ms\":0,"
		"\"reason\":\"gone\"}\n");
}

static void
hostile_bytes_are_escaped(void **state)
{
	struct access_line l = {.status = 400,
		.minor = 1,
		.client = SLICE_LIT("::1"),
		.method = SLICE_LIT("G\n\"\\\x7f"),
		.target = SLICE_LIT("/\xc3\xa9\xff\x1b"),
		.user_agent = SLICE_LIT("\xed\xa0\x80\xf0\x9f\x98\x80\xc0\xaf\xf5\xe0\x80")};

	(void)state;
	expect_line(&l, CONF_ACCESS_COMBINED,
		"::1 - - [01/Jan/1970:00:00:00 +0000] \"G\\x0A\\x22\\x5C\\x7F "
		"/\\xC3\\xA9\\xFF\\x1B HTTP/1.1\" 400 0 \"-\" "
		"\"\\xED\\xA0\\x80\\xF0\\x9F\\x98\\x80\\xC0\\xAF\\xF5\\xE0\\x80\"\n");
	expect_line(&l, CONF_ACCESS_JSON,
		"{\"time\":\"1970-01-01T00:00:00.000Z\",\"client\":\"::1\","
		"\"method\":\"G\\u000a\\u0022\\u005c\\u007f\",\"target\":\"/\xc3\xa9\\ufffd"
		"\\u001b\",\"protocol\":\"HTTP/1.1\",\"tls\":false,\"status\":400,\"bytes\":0,"
		"\"received\":0,\"duration_ms\":0,\"user_agent\":\"\\ufffd\\ufffd\\ufffd"
		"\xf0\x9f\x98\x80\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"}\n");
}

static void
utf8_is_known_to_its_borders(void **state)
{
	struct access_line l = {.status = 200,
		.user_agent =
			SLICE_LIT("\xc2\x80|\xe0\xa0\x80|\xed\x9f\xbf|\xf0\x90\x80\x80|"
				  "\xf4\x8f\xbf\xbf|\xf4\x90\x80\x80|\xe1\x80|\xf1\x80\x80z")};
	const char *expected = "\"user_agent\":\"\xc2\x80|\xe0\xa0\x80|\xed\x9f\xbf|"
			       "\xf0\x90\x80\x80|\xf4\x8f\xbf\xbf|\\ufffd\\ufffd\\ufffd\\ufffd|"
			       "\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffdz\"}\n";
	struct buf out;

	(void)state;
	buf_init(&out, ACCESS_LINE_MAX);
	assert_int_equal(access_line_print(&l, CONF_ACCESS_JSON, &out), 0);
	assert_true(slice_ends(buf_slice(&out), slice_str(expected)));
	buf_clear(&out);
}

static void
long_texts_are_cut(void **state)
{
	static char text[3 * ACCESS_TEXT_MAX];
	struct access_line l = {.status = 200, .minor = 1, .method = SLICE_LIT("GET")};
	struct buf out;

	(void)state;
	memset(text, 'x', sizeof(text));
	l.target = slice_of(text, sizeof(text));
	buf_init(&out, ACCESS_LINE_MAX);
	assert_int_equal(access_line_print(&l, CONF_ACCESS_COMBINED, &out), 0);
	assert_in_range(buf_len(&out), ACCESS_TEXT_MAX, ACCESS_TEXT_MAX + 100);
	buf_clear(&out);
}

static void
lines_that_do_not_fit_leave_nothing(void **state)
{
	struct access_line l = ordinary();
	static const enum conf_access_format formats[] = {CONF_ACCESS_COMBINED, CONF_ACCESS_JSON};

	(void)state;
	l.user_agent = SLICE_LIT("\x01\xff!");
	for (size_t f = 0; f < 2; f++) {
		for (size_t max = 2;; max++) {
			struct buf out;
			int ret;

			buf_init(&out, max);
			assert_int_equal(buf_append_byte(&out, '#'), 0);
			ret = access_line_print(&l, formats[f], &out);
			if (ret < 0)
				assert_int_equal(buf_len(&out), 1);
			buf_clear(&out);
			if (ret == 0)
				break;
			assert_true(max < 1024);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_requests_in_both_formats),
		cmocka_unit_test(users_keep_the_columns),
		cmocka_unit_test(what_is_missing_is_a_dash_or_left_out),
		cmocka_unit_test(hostile_bytes_are_escaped),
		cmocka_unit_test(utf8_is_known_to_its_borders),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(lines_that_do_not_fit_leave_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
