/* proxy/http/http_date.c: calendar arithmetic against the C library's, and all formats. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/http/http_date.h"

#include <time.h>

static void
moments_agree_with_the_c_library(void **state)
{
	char ours[HTTP_DATE_LEN + 1], theirs[HTTP_DATE_LEN + 1];

	(void)state;
	/* A step of somewhat less than 100 days meets every month and every hour. */
	for (int64_t t = 0; t < INT64_C(253402300799); t += 8412345) {
		time_t when = t;
		struct tm tm;
		int64_t back;

		assert_non_null(gmtime_r(&when, &tm));
		assert_int_equal(strftime(theirs, sizeof(theirs), "%a, %d %b %Y %H:%M:%S GMT", &tm),
			HTTP_DATE_LEN);
		http_date_format(t, ours);
		assert_string_equal(ours, theirs);
		assert_int_equal(http_date_parse(slice_str(ours), &back), 0);
		assert_int_equal(back, t);
	}
}

static void
ends_of_years_and_leap_days(void **state)
{
	static const struct {
		int64_t second;
		const char *text;
	} cases[] = {
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
		{951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
		{951868800, "Wed, 01 Mar 2000 00:00:00 GMT"},
		{1735689599, "Tue, 31 Dec 2024 23:59:59 GMT"},
		{4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
		{INT64_C(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[HTTP_DATE_LEN + 1];

		http_date_format(cases[i].second, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void
what_lies_outside_is_the_nearer_end(void **state)
{
	char text[HTTP_DATE_LEN + 1];

	(void)state;
	http_date_format(-1, text);
	assert_string_equal(text, "Thu, 01 Jan 1970 00:00:00 GMT");
	http_date_format(INT64_MAX, text);
	assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void
text_is_made_once_a_second(void **state)
{
	struct http_date d = {0};

	(void)state;
	assert_true(slice_eq_str(http_date_now(&d, 0), "Thu, 01 Jan 1970 00:00:00 GMT"));
	assert_true(slice_eq_str(http_date_now(&d, 784111777), "Sun, 06 Nov 1994 08:49:37 GMT"));
	d.text[0] = 'X';
	assert_true(slice_eq_str(http_date_now(&d, 784111777), "Xun, 06 Nov 1994 08:49:37 GMT"));
	assert_true(slice_eq_str(http_date_now(&d, 784111778), "Sun, 06 Nov 1994 08:49:38 GMT"));
}

static void
three_formats_are_read(void **state)
{
	static const char *const same[] = {
		"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
	};
	int64_t t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		assert_int_equal(http_date_parse(slice_str(same[i]), &t), 0);
		assert_int_equal(t, 784111777);
	}
	assert_int_equal(http_date_parse(SLICE_LIT("Monday, 01-Mar-21 00:00:00 GMT"), &t), 0);
	assert_int_equal(t, 1614556800);
	assert_int_equal(http_date_parse(SLICE_LIT("Sat, 31 Dec 1960 23:59:60 GMT"), &t), 0);
	assert_int_equal(t, -283996800);
}

static void
all_else_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"0",
		"yesterday",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 +0000",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 06 Nov 1994 24:49:37 GMT",
		"Sun, 06 Nov 1994 08:60:37 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT",
		"Sun, 06 Nov 1994 08-49-37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 32 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nox 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 19x4 08:49:37 GMT",
		"Sun, 06 Nov 1500 08:49:37 GMT",
		"Sun; 06 Nov 1994 08:49:37 GMT",
		"Sun,  6 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-9x 08:49:37 GMT",
		"Sunday, 06 Nov 94 08:49:37 GMT",
		"Sun, 06-Nov-94 08:49:37 GMT",
		"Sunday, 46-Nov-94 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 XXX",
		"Sun Nov 66 08:49:37 1994",
		"Sun Nov  6 08:49:37 199x",
		"Sun-Nov  6 08:49:37 1994",
		"Sun Nix  6 08:49:37 1994",
	};
	int64_t t = 42;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (http_date_parse(slice_str(bad[i]), &t) == 0)
			fail_msg("\"%s\" was accepted", bad[i]);
	}
	assert_int_equal(t, 42);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moments_agree_with_the_c_library),
		cmocka_unit_test(ends_of_years_and_leap_days),
		cmocka_unit_test(what_lies_outside_is_the_nearer_end),
		cmocka_unit_test(text_is_made_once_a_second),
		cmocka_unit_test(three_formats_are_read),
		cmocka_unit_test(all_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
