/* core/proc.c: how long to wait before a child is started again. */
#include "tests/unit/core/unit.h"

#include "core/proc.h"

static void
at_once_then_doubling_to_ten_seconds(void **state)
{
	static const uint64_t waits[] = {0, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
	struct backoff b = {0};
	uint64_t now = 1000000;

	(void)state;
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		uint64_t wait;

		backoff_started(&b, now);
		now += 50;
		wait = backoff_next(&b, now);
		assert_int_equal(wait, waits[i]);
		now += wait;
	}
}

static void
who_lived_longer_than_a_minute_starts_over(void **state)
{
	struct backoff b = {0};
	uint64_t now = 5;

	(void)state;
	for (int i = 0; i < 5; i++) {
		backoff_started(&b, now);
		(void)backoff_next(&b, now);
	}
	backoff_started(&b, now);
	assert_int_equal(backoff_next(&b, now + 60000), 1600);
	backoff_started(&b, now);
	assert_int_equal(backoff_next(&b, now + 60001), 0);
	backoff_started(&b, now);
	assert_int_equal(backoff_next(&b, now + 10), 100);
}

static void
a_child_that_dies_for_years_waits_no_longer(void **state)
{
	struct backoff b = {.failures = UINT32_MAX, .started_ms = 7};

	(void)state;
	assert_int_equal(backoff_next(&b, 8), 10000);
	assert_int_equal(backoff_next(&b, 8), 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_once_then_doubling_to_ten_seconds),
		cmocka_unit_test(who_lived_longer_than_a_minute_starts_over),
		cmocka_unit_test(a_child_that_dies_for_years_waits_no_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
