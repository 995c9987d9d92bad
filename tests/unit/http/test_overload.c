/* proxy/guard/overload.c: a thread's share, and the pace of clients. */
#include "tests/unit/core/unit.h"

#include "proxy/conn/block.h"
#include "proxy/guard/overload.h"

#define GIB (UINT64_C(1024) * 1024 * 1024)

static void
what_is_written_is_shared_by_the_threads(void **state)
{
	const struct conf_overload c = {.connections = 101, .buffer_memory = 64 * BLOCK_SIZE};
	struct overload o;

	(void)state;
	overload_set(&o, &c, 2, 1000, GIB);
	assert_int_equal(o.connections_max, 51);
	assert_int_equal(o.blocks_max, 32);
}

static void
auto_follows_from_what_there_is(void **state)
{
	const struct conf_overload c = {0};
	struct overload o;

	(void)state;
	overload_set(&o, &c, 1, 1128, 2 * GIB);
	assert_int_equal(o.connections_max, 500);
	assert_int_equal(o.blocks_max, GIB / 4 / BLOCK_SIZE);
	overload_set(&o, &c, 2, 1000000, GIB / 16);
	assert_int_equal(o.connections_max, 10000);
	assert_int_equal(o.blocks_max, 32 * 1024 * 1024 / BLOCK_SIZE / 2);
	overload_set(&o, &c, 1, 64, GIB);
	assert_int_equal(o.connections_max, 24);
	overload_set(&o, &c, 1, 10, 0);
	assert_true(o.connections_max >= 1 && o.blocks_max >= 1);
}

static void
a_pace_counts_from_the_moment_of_waiting(void **state)
{
	const struct conf_overload c = {.min_rate = 100, .min_rate_after_ms = 10000};
	struct pace p = {0};

	(void)state;
	assert_false(pace_too_slow(&p, &c, 5000, 1000));
	assert_false(pace_too_slow(&p, &c, 5000, 11000)); /* not before the time is over */
	assert_true(pace_too_slow(&p, &c, 6099, 12000));  /* 1099 bytes in 11 s */
	pace_stop(&p);
	assert_false(pace_too_slow(&p, &c, 6099, 12200));
}

static void
a_burst_earns_no_time(void **state)
{
	const struct conf_overload c = {.min_rate = 100, .min_rate_after_ms = 10000};
	struct pace p = {0};

	(void)state;
	assert_false(pace_too_slow(&p, &c, 0, 1000));
	assert_false(pace_too_slow(&p, &c, 1000000, 2000));
	assert_false(pace_too_slow(&p, &c, 1000100, 11001)); /* a million in 10 s */
	assert_false(pace_too_slow(&p, &c, 1000200, 21001));
	assert_true(pace_too_slow(&p, &c, 1000300, 21002)); /* 200 in the last 10 s */
}

static void
a_pace_says_when_it_wants_to_know(void **state)
{
	const struct conf_overload c = {.min_rate = 100, .min_rate_after_ms = 10000}, off = {0};
	struct pace p = {0};

	(void)state;
	assert_false(pace_too_slow(&p, &c, 5000, 1000));
	assert_int_equal(pace_due_ms(&p, &c), 11001);
	assert_false(pace_too_slow(&p, &c, 5000, 11000));
	assert_false(pace_too_slow(&p, &c, 6001, 11001));
	assert_int_equal(pace_due_ms(&p, &c), 21002);
	/* Less than before: the kernel holds more of others on this connection. */
	assert_true(pace_too_slow(&p, &c, 4000, 21002));
	assert_true(pace_due_ms(&p, &off) == UINT64_MAX);
}

static void
off_is_off(void **state)
{
	const struct conf_overload c = {.min_rate = 0, .min_rate_after_ms = 1};
	struct pace p = {0};

	(void)state;
	assert_false(pace_too_slow(&p, &c, 0, 1));
	assert_false(pace_too_slow(&p, &c, 0, 1000000));
}

static void
a_limit_that_is_reached_again_and_again_is_noted_now_and_then(void **state)
{
	static struct overload o;

	(void)state;
	assert_string_equal(overload_limit_name(OVERLOAD_MEMORY), "buffer-memory");
	assert_true(overload_hit(&o, OVERLOAD_MEMORY, 1000000));
	assert_false(overload_hit(&o, OVERLOAD_MEMORY, 1000000));
	assert_false(overload_hit(&o, OVERLOAD_MEMORY, 1000000 + OVERLOAD_NOTE_MS - 1));
	assert_true(overload_hit(&o, OVERLOAD_CONNECTIONS, 1000001));
	assert_true(overload_hit(&o, OVERLOAD_MEMORY, 1000000 + OVERLOAD_NOTE_MS));
	/* The clock was set back. */
	assert_true(overload_hit(&o, OVERLOAD_MEMORY, 1000));
	assert_int_equal(o.hits[OVERLOAD_MEMORY].n, 5);
	assert_int_equal(o.hits[OVERLOAD_MEMORY].last_ms, 1000);
	assert_int_equal(o.hits[OVERLOAD_DESCRIPTORS].n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_shared_by_the_threads),
		cmocka_unit_test(auto_follows_from_what_there_is),
		cmocka_unit_test(a_pace_counts_from_the_moment_of_waiting),
		cmocka_unit_test(a_burst_earns_no_time),
		cmocka_unit_test(a_pace_says_when_it_wants_to_know),
		cmocka_unit_test(off_is_off),
		cmocka_unit_test(a_limit_that_is_reached_again_and_again_is_noted_now_and_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
