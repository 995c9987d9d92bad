/* /etc/hosts, and how long answers are kept. */
#include "proxy/upstream/hosts.h"

#include "core/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char text[] = "127.0.0.1\tlocalhost\n"
			   "# 192.0.2.9 hidden\n"
			   "::1 localhost ip6-localhost # not.this\n"
			   "192.0.2.1 one one.example\r\n"
			   "not-an-address one\n"
			   "\n"
			   "192.0.2.2  two ONE\n"
			   "192.0.2.3";

static void
every_line_of_the_name_counts(void **state)
{
	struct addr a[4];
	char shown[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(hosts_find(slice_str(text), SLICE_LIT("localhost"), a, ARRAY_SIZE(a)), 2);
	assert_string_equal(addr_print(&a[0], shown), "127.0.0.1");
	assert_string_equal(addr_print(&a[1], shown), "::1");
	assert_int_equal(hosts_find(slice_str(text), SLICE_LIT("one"), a, ARRAY_SIZE(a)), 2);
	assert_string_equal(addr_print(&a[0], shown), "192.0.2.1");
	assert_string_equal(addr_print(&a[1], shown), "192.0.2.2");
	assert_int_equal(hosts_find(slice_str(text), SLICE_LIT("one"), a, 1), 1);
	assert_int_equal(
		hosts_find(slice_str(text), SLICE_LIT("one.EXAMPLE"), a, ARRAY_SIZE(a)), 1);
}

static void
comments_and_parts_of_names_do_not(void **state)
{
	struct addr a[4];

	(void)state;
	assert_int_equal(hosts_find(slice_str(text), SLICE_LIT("hidden"), a, ARRAY_SIZE(a)), 0);
	assert_int_equal(hosts_find(slice_str(text), SLICE_LIT("not.this"), a, ARRAY_SIZE(a)), 0);
	assert_int_equal(hosts_find(slice_str(text), SLICE_LIT("on"), a, ARRAY_SIZE(a)), 0);
	assert_int_equal(hosts_find(slice_str(text), SLICE_LIT("192.0.2.3"), a, ARRAY_SIZE(a)), 0);
	assert_int_equal(hosts_find(slice_str(""), SLICE_LIT("one"), a, ARRAY_SIZE(a)), 0);
}

static void
an_answer_is_kept_for_its_time_within_bounds(void **state)
{
	(void)state;
	assert_int_equal(hosts_keep_ms(-5), 1000);
	assert_int_equal(hosts_keep_ms(0), 1000);
	assert_int_equal(hosts_keep_ms(60), 60000);
	assert_int_equal(hosts_keep_ms(86400), 300000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_of_the_name_counts),
		cmocka_unit_test(comments_and_parts_of_names_do_not),
		cmocka_unit_test(an_answer_is_kept_for_its_time_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
