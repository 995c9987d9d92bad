/* Limits: both families' keys, what counts as in force, and in which order v1 takes them. */
#include "lxc/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static char cpus_text[] = "0,2-3";

static const struct conf_container full = {
	.memory = 750 << 20,
	.swap = 250 << 20,
	.cpus = cpus_text,
};

static void
the_keys_of_both_families(void **state)
{
	struct limit l[LIMITS_MAX];

	(void)state;
	assert_int_equal(limits_plan(&full, false, l), 3);
	assert_string_equal(l[0].file, "memory.limit_in_bytes");
	assert_string_equal(l[0].value, "786432000");
	assert_string_equal(l[1].file, "memory.memsw.limit_in_bytes");
	assert_string_equal(l[1].value, "1048576000");
	assert_string_equal(l[2].value, "0,2-3");
	assert_int_equal(limits_plan(&full, true, l), 3);
	assert_string_equal(l[0].file, "memory.max");
	assert_string_equal(l[1].file, "memory.swap.max");
	assert_string_equal(l[1].value, "262144000");
	assert_string_equal(l[2].file, "cpuset.cpus");
}

static void
memory_without_swap_means_none(void **state)
{
	const struct conf_container c = {.memory = 1 << 20};
	struct limit l[LIMITS_MAX];

	(void)state;
	assert_int_equal(limits_plan(&c, true, l), 2);
	assert_string_equal(l[1].value, "0");
	assert_int_equal(limits_plan(&c, false, l), 2);
	assert_string_equal(l[1].value, l[0].value);
}

static void
what_is_not_asked_for_is_not_touched_but_can_be_lifted(void **state)
{
	const struct conf_container c = {0};
	struct limit l[LIMITS_MAX];

	(void)state;
	assert_int_equal(limits_plan(&c, false, l), 0);
	assert_int_equal(limits_plan_all(&c, false, SLICE_LIT("0-1"), l), 3);
	assert_string_equal(l[0].value, "-1");
	assert_string_equal(l[2].value, "0-1");
	assert_int_equal(limits_plan_all(&c, true, (struct slice){0}, l), 3);
	assert_string_equal(l[1].value, "max");
}

static void
in_force(enum limit_kind kind, const char *wanted, const char *actual, bool expected)
{
	struct limit l = {.kind = kind};

	snprintf(l.value, sizeof(l.value), "%s", wanted);
	assert_int_equal(limit_in_force(&l, slice_str(actual)), expected);
}

static void
what_the_kernel_says_is_compared_by_meaning(void **state)
{
	(void)state;
	in_force(LIMIT_MEMORY, "1000000", "999424\n", true); /* whole pages */
	in_force(LIMIT_MEMORY, "1000000", "995328\n", false);
	in_force(LIMIT_MEMORY, "1000000", "max\n", false);
	in_force(LIMIT_MEMORY, "max", "max\n", true);
	in_force(LIMIT_MEMORY, "-1", "9223372036854771712\n", true);
	in_force(LIMIT_SWAP, "0", "0\n", true);
	in_force(LIMIT_CPUS, "0,1,2", "0-2\n", true);
	in_force(LIMIT_CPUS, "0,1", "0-2\n", false);
	in_force(LIMIT_CPUS, "0", "nonsense", false);
	in_force(LIMIT_MEMORY, "0", "", false);
}

static void
v1_takes_the_sum_first_when_memory_grows_beyond_it(void **state)
{
	struct limit memory = {.kind = LIMIT_MEMORY, .value = "2000000"};

	(void)state;
	assert_true(limits_swap_first(&memory, SLICE_LIT("1000000\n")));
	assert_false(limits_swap_first(&memory, SLICE_LIT("3000000\n")));
	assert_false(limits_swap_first(&memory, SLICE_LIT("9223372036854771712\n")));
}

static void
processors_must_exist(void **state)
{
	(void)state;
	assert_true(limits_cpus_exist(SLICE_LIT("0,3"), SLICE_LIT("0-3\n")));
	assert_false(limits_cpus_exist(SLICE_LIT("0,4"), SLICE_LIT("0-3\n")));
	assert_false(limits_cpus_exist(SLICE_LIT("2"), SLICE_LIT("0-1,3\n")));
	assert_false(limits_cpus_exist(SLICE_LIT("3-1"), SLICE_LIT("0-3\n")));
	assert_false(limits_cpus_exist(SLICE_LIT("5000"), SLICE_LIT("0-3\n")));
}

static void
each_kind_has_its_word(void **state)
{
	(void)state;
	assert_string_equal(limit_kind_name(LIMIT_MEMORY), "memory");
	assert_string_equal(limit_kind_name(LIMIT_SWAP), "swap");
	assert_string_equal(limit_kind_name(LIMIT_CPUS), "cpus");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_keys_of_both_families),
		cmocka_unit_test(memory_without_swap_means_none),
		cmocka_unit_test(what_is_not_asked_for_is_not_touched_but_can_be_lifted),
		cmocka_unit_test(what_the_kernel_says_is_compared_by_meaning),
		cmocka_unit_test(v1_takes_the_sum_first_when_memory_grows_beyond_it),
		cmocka_unit_test(processors_must_exist),
		cmocka_unit_test(each_kind_has_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
