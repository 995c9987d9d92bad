/* A target that fails, is left alone, is tried, and comes up again. */
#include "proxy/upstream/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct health_rules rules = {.passive_fail = 3,
	.passive_in_ms = 10000,
	.passive_for_ms = 5000,
	.slow_start_ms = 20000,
	.fall = 2,
	.rise = 3};

/* Three failures in a row, at 1000, 1001, 1002. */
static struct health
broken(void)
{
	struct health h = {0};

	assert_false(health_failed(&h, &rules, 1000));
	assert_false(health_failed(&h, &rules, 1001));
	assert_true(health_failed(&h, &rules, 1002));
	return h;
}

static void
failures_in_a_row_take_it_out(void **state)
{
	struct health h = broken();

	(void)state;
	assert_int_equal(health_state(&h, 1002), HEALTH_DOWN);
	assert_int_equal(health_state(&h, 6001), HEALTH_DOWN);
	assert_int_equal(health_state(&h, 6002), HEALTH_TRYING);
	/* A failure of a request that was already on its way is no second fall. */
	assert_false(health_failed(&h, &rules, 1003));
}

static void
an_answer_between_failures_ends_the_row(void **state)
{
	struct health h = {0};

	(void)state;
	for (uint64_t now = 0; now < 100; now += 2) {
		assert_false(health_failed(&h, &rules, now));
		assert_false(health_failed(&h, &rules, now + 1));
		assert_false(health_answered(&h, now + 1));
	}
	assert_int_equal(health_state(&h, 100), HEALTH_UP);
}

static void
failures_far_apart_do_not_count(void **state)
{
	struct health h = {0};

	(void)state;
	for (uint64_t now = 0; now < 200000; now += 6000)
		assert_false(health_failed(&h, &rules, now));
	assert_int_equal(health_state(&h, 200000), HEALTH_UP);
}

static void
one_request_at_a_time_tries_it(void **state)
{
	struct health h = broken();

	(void)state;
	health_take(&h, 7000);
	assert_int_equal(health_state(&h, 7001), HEALTH_DOWN);
	assert_int_equal(health_state(&h, 7000 + HEALTH_TRY_MS), HEALTH_TRYING);
	assert_false(health_failed(&h, &rules, 7100));
	assert_int_equal(health_state(&h, 12099), HEALTH_DOWN);
	assert_int_equal(health_state(&h, 12100), HEALTH_TRYING);
}

static void
an_answer_brings_it_up_slowly(void **state)
{
	struct health h = broken();

	(void)state;
	assert_int_equal(health_weight(&h, &rules, 4, 1500), 400);
	assert_true(health_answered(&h, 7000));
	assert_int_equal(health_state(&h, 7000), HEALTH_UP);
	assert_int_equal(health_weight(&h, &rules, 4, 7000), 20);
	assert_int_equal(health_weight(&h, &rules, 4, 17000), 200);
	assert_int_equal(health_weight(&h, &rules, 4, 27000), 400);
	assert_false(health_answered(&h, 7001));
}

static void
without_the_rule_requests_do_not_count(void **state)
{
	static const struct health_rules off = {0};
	struct health h = {0};

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_false(health_failed(&h, &off, 1000));
	assert_int_equal(health_state(&h, 1000), HEALTH_UP);
	assert_int_equal(h.failed_ms, 1000);
}

static void
checks_take_it_out_and_bring_it_back(void **state)
{
	struct health h = {0};

	(void)state;
	assert_false(health_checked(&h, &rules, false, 1000));
	assert_false(health_checked(&h, &rules, true, 1100));
	assert_false(health_checked(&h, &rules, false, 1200));
	assert_true(health_checked(&h, &rules, false, 1300));
	assert_int_equal(health_state(&h, 1300), HEALTH_DOWN);
	/* An answer to a request that was under way does not bring it back. */
	assert_false(health_answered(&h, 1400));
	assert_int_equal(health_state(&h, 1000000), HEALTH_DOWN);
	assert_false(health_checked(&h, &rules, true, 2000));
	assert_false(health_checked(&h, &rules, true, 2100));
	assert_false(health_checked(&h, &rules, false, 2200));
	assert_false(health_checked(&h, &rules, true, 2300));
	assert_false(health_checked(&h, &rules, true, 2400));
	assert_true(health_checked(&h, &rules, true, 2500));
	assert_int_equal(health_state(&h, 2500), HEALTH_UP);
	assert_int_equal(health_weight(&h, &rules, 1, 2500), 5);
	assert_false(health_checked(&h, &rules, true, 2600));
}

static void
good_checks_bring_back_what_requests_took_out(void **state)
{
	struct health h = broken();

	(void)state;
	assert_false(health_checked(&h, &rules, true, 1100));
	assert_false(health_checked(&h, &rules, true, 1200));
	assert_true(health_checked(&h, &rules, true, 1300));
	assert_int_equal(health_state(&h, 1300), HEALTH_UP);
}

static void
without_checks_what_they_said_is_forgotten(void **state)
{
	struct health h = {0};

	(void)state;
	(void)health_checked(&h, &rules, false, 1000);
	(void)health_checked(&h, &rules, false, 1001);
	health_unchecked(&h);
	assert_int_equal(health_state(&h, 1002), HEALTH_UP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failures_in_a_row_take_it_out),
		cmocka_unit_test(an_answer_between_failures_ends_the_row),
		cmocka_unit_test(failures_far_apart_do_not_count),
		cmocka_unit_test(one_request_at_a_time_tries_it),
		cmocka_unit_test(an_answer_brings_it_up_slowly),
		cmocka_unit_test(without_the_rule_requests_do_not_count),
		cmocka_unit_test(checks_take_it_out_and_bring_it_back),
		cmocka_unit_test(good_checks_bring_back_what_requests_took_out),
		cmocka_unit_test(without_checks_what_they_said_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
