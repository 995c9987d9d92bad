/* lxc/usage.c: processor time as cgroups of both versions write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first. */
#include <cmocka.h>

#include "lxc/usage.h"

static void
both_versions_give_microseconds(void **state)
{
	(void)state;
	assert_int_equal(usage_parse_cpu(SLICE_LIT("1234567890\n")), 1234567);
	assert_int_equal(
		usage_parse_cpu(SLICE_LIT("usage_usec 77\nuser_usec 70\nsystem_usec 7\n")), 77);
	assert_int_equal(usage_parse_cpu(SLICE_LIT("")), 0);
	assert_int_equal(usage_parse_cpu(SLICE_LIT("-5\n")), 0);
	assert_int_equal(usage_parse_cpu(SLICE_LIT("usage_usec \n")), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(both_versions_give_microseconds)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
