/* When OCSP responders are asked: half-lives, back-off, clocks that jump. */
#include "proxy/tls/ocsp_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)
#define NOW (INT64_C(20000) * DAY)

static void
the_first_question_is_due_at_once(void **state)
{
	struct ocsp_plan p;

	(void)state;
	ocsp_plan_start(&p, NOW);
	assert_true(ocsp_plan_is_due(&p, NOW));
	assert_int_equal(ocsp_plan_wait(&p, NOW), 0);
	assert_false(ocsp_plan_has(&p, NOW));
}

static void
a_fresh_answer_is_refreshed_at_half_of_its_life(void **state)
{
	struct ocsp_plan p;

	(void)state;
	ocsp_plan_start(&p, NOW);
	ocsp_plan_good(&p, NOW - HOUR, NOW + 3 * HOUR, NOW);
	assert_int_equal(p.due_ms, NOW + HOUR);
	assert_false(ocsp_plan_is_due(&p, NOW + HOUR - 1));
	assert_true(ocsp_plan_is_due(&p, NOW + HOUR));
	assert_true(ocsp_plan_has(&p, NOW + 3 * HOUR - 1));
	assert_false(ocsp_plan_has(&p, NOW + 3 * HOUR));
}

static void
an_answer_signed_long_ago_is_refreshed_at_half_of_what_is_left(void **state)
{
	struct ocsp_plan p;

	(void)state;
	ocsp_plan_start(&p, NOW);
	ocsp_plan_good(&p, NOW - 6 * DAY, NOW + DAY, NOW);
	assert_int_equal(p.due_ms, NOW + DAY / 2);
}

static void
a_short_life_does_not_make_questions_without_end(void **state)
{
	struct ocsp_plan p;

	(void)state;
	ocsp_plan_start(&p, NOW);
	ocsp_plan_good(&p, NOW, NOW + 10, NOW);
	assert_int_equal(p.due_ms, NOW + OCSP_REFRESH_MIN_MS);
}

static void
sleep_is_never_longer_than_an_hour(void **state)
{
	struct ocsp_plan p;

	(void)state;
	ocsp_plan_start(&p, NOW);
	ocsp_plan_good(&p, NOW, NOW + 10 * DAY, NOW);
	assert_int_equal(ocsp_plan_wait(&p, NOW), HOUR);
	assert_int_equal(ocsp_plan_wait(&p, NOW + 5 * DAY - 7), 7);
}

static void
failures_wait_twice_as_long_each_up_to_an_hour(void **state)
{
	static const int64_t waits[] = {10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600};
	struct ocsp_plan p;

	(void)state;
	ocsp_plan_start(&p, NOW);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		ocsp_plan_failed(&p, NOW);
		assert_int_equal(p.due_ms, NOW + waits[i] * 1000);
	}
	p.failures = UINT32_MAX - 1;
	ocsp_plan_failed(&p, NOW);
	assert_int_equal(p.due_ms, NOW + HOUR);
	ocsp_plan_good(&p, NOW, NOW + DAY, NOW);
	ocsp_plan_failed(&p, NOW);
	assert_int_equal(p.due_ms, NOW + OCSP_RETRY_MIN_MS);
}

static void
a_failure_leaves_the_answer_until_its_end(void **state)
{
	struct ocsp_plan p;

	(void)state;
	ocsp_plan_start(&p, NOW);
	ocsp_plan_good(&p, NOW, NOW + HOUR, NOW);
	ocsp_plan_failed(&p, NOW + HOUR / 2);
	assert_true(ocsp_plan_has(&p, NOW + HOUR - 1));
	assert_false(ocsp_plan_has(&p, NOW + HOUR));
}

static void
revoked_ends_it_and_an_older_answer_does_not_bring_it_back(void **state)
{
	struct ocsp_plan p;

	(void)state;
	ocsp_plan_start(&p, NOW);
	ocsp_plan_good(&p, NOW - DAY, NOW + DAY, NOW);
	ocsp_plan_revoked(&p, NOW, NOW);
	assert_false(ocsp_plan_has(&p, NOW));
	assert_true(ocsp_plan_is_older(&p, NOW - 1));
	assert_false(ocsp_plan_is_older(&p, NOW));
	assert_int_equal(ocsp_plan_wait(&p, NOW), HOUR);
}

static void
a_clock_that_was_set_back_makes_it_due(void **state)
{
	struct ocsp_plan p;

	(void)state;
	ocsp_plan_start(&p, NOW);
	ocsp_plan_good(&p, NOW, NOW + DAY, NOW);
	assert_false(ocsp_plan_is_due(&p, NOW));
	assert_true(ocsp_plan_is_due(&p, NOW - 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_question_is_due_at_once),
		cmocka_unit_test(a_fresh_answer_is_refreshed_at_half_of_its_life),
		cmocka_unit_test(an_answer_signed_long_ago_is_refreshed_at_half_of_what_is_left),
		cmocka_unit_test(a_short_life_does_not_make_questions_without_end),
		cmocka_unit_test(sleep_is_never_longer_than_an_hour),
		cmocka_unit_test(failures_wait_twice_as_long_each_up_to_an_hour),
		cmocka_unit_test(a_failure_leaves_the_answer_until_its_end),
		cmocka_unit_test(revoked_ends_it_and_an_older_answer_does_not_bring_it_back),
		cmocka_unit_test(a_clock_that_was_set_back_makes_it_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
