/* Choosing among targets. */
#include "proxy/upstream/balance.h"

#include "core/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define ALL(n) ((UINT64_C(1) << (n)) - 1)

static void
fill(struct balance_target *t, size_t n, uint32_t weight)
{
	for (size_t i = 0; i < n; i++) {
		char name[32];
		int len = snprintf(name, sizeof(name), "10.0.3.%zu:80", i);

		t[i] = (struct balance_target){
			.weight = weight, .identity = balance_hash(slice_of(name, (size_t)len))};
	}
}

static void
round_robin_spreads_by_weight(void **state)
{
	struct balance_target t[3] = {{.weight = 5}, {.weight = 1}, {.weight = 1}};
	/* nginx's own example: a a b a c a a */
	static const int expected[] = {0, 0, 1, 0, 2, 0, 0};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(expected); i++)
		assert_int_equal(balance_round_robin(t, 3, ALL(3)), expected[i % 7]);
}

static void
round_robin_passes_over_the_unusable(void **state)
{
	struct balance_target t[3] = {{.weight = 1}, {.weight = 1}, {.weight = 1}};
	int hits[3] = {0};

	(void)state;
	for (int i = 0; i < 10; i++)
		hits[balance_round_robin(t, 3, 0x5)]++;
	assert_int_equal(hits[0], 5);
	assert_int_equal(hits[1], 0);
	assert_int_equal(balance_round_robin(t, 3, 0), -1);
}

static void
least_takes_the_idle_one(void **state)
{
	struct balance_target t[3] = {
		{.weight = 1, .active = 4}, {.weight = 1, .active = 1}, {.weight = 1, .active = 3}};

	(void)state;
	assert_int_equal(balance_least(t, 3, ALL(3)), 1);
	assert_int_equal(balance_least(t, 3, 0x5), 2);
	assert_int_equal(balance_least(t, 3, 0), -1);
}

static void
least_weighs(void **state)
{
	/* 3 of 4 against 0 of 1: the next makes 4/4 and 1/1, equal, so both get their turn. */
	struct balance_target t[2] = {{.weight = 4, .active = 2}, {.weight = 1, .active = 0}};

	(void)state;
	assert_int_equal(balance_least(t, 2, ALL(2)), 0);
	t[0].active = 4;
	assert_int_equal(balance_least(t, 2, ALL(2)), 1);
}

static void
least_takes_turns_among_equals(void **state)
{
	struct balance_target t[3] = {{.weight = 1}, {.weight = 1}, {.weight = 1}};
	int hits[3] = {0};

	(void)state;
	for (int i = 0; i < 9; i++)
		hits[balance_least(t, 3, ALL(3))]++;
	for (int i = 0; i < 3; i++)
		assert_int_equal(hits[i], 3);
}

static void
hash_is_even_and_follows_weights(void **state)
{
	struct balance_target t[4];
	int hits[4] = {0};

	(void)state;
	fill(t, 4, 1);
	t[3].weight = 3;
	for (uint64_t key = 0; key < 60000; key++)
		hits[balance_consistent(t, 4, ALL(4), key)]++;
	for (int i = 0; i < 3; i++)
		assert_in_range(hits[i], 9500, 10500);
	assert_in_range(hits[3], 29000, 31000);
}

static void
hash_moves_only_the_part_of_the_one_that_goes(void **state)
{
	struct balance_target t[5];

	(void)state;
	fill(t, 5, 2);
	for (uint64_t key = 0; key < 10000; key++) {
		int before = balance_consistent(t, 5, ALL(5), key);
		int after = balance_consistent(t, 5, ALL(5) & ~UINT64_C(4), key);

		assert_int_not_equal(after, 2);
		if (before != 2)
			assert_int_equal(after, before);
	}
}

static void
hash_bounds_the_load(void **state)
{
	struct balance_target t[4];
	int first;

	(void)state;
	fill(t, 4, 100);
	first = balance_consistent(t, 4, ALL(4), 7);
	assert_int_equal(balance_consistent(t, 4, ALL(4), 7), first);
	for (int i = 0; i < 100; i++)
		t[balance_consistent(t, 4, ALL(4), 7)].active++;
	for (int i = 0; i < 4; i++)
		assert_in_range(t[i].active, 1, 32);
}

static void
hash_of_one_is_that_one(void **state)
{
	struct balance_target t[3];

	(void)state;
	fill(t, 3, 1);
	t[1].active = 1000;
	assert_int_equal(balance_consistent(t, 3, 0x2, 99), 1);
	assert_int_equal(balance_consistent(t, 3, 0, 99), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_robin_spreads_by_weight),
		cmocka_unit_test(round_robin_passes_over_the_unusable),
		cmocka_unit_test(least_takes_the_idle_one),
		cmocka_unit_test(least_weighs),
		cmocka_unit_test(least_takes_turns_among_equals),
		cmocka_unit_test(hash_is_even_and_follows_weights),
		cmocka_unit_test(hash_moves_only_the_part_of_the_one_that_goes),
		cmocka_unit_test(hash_bounds_the_load),
		cmocka_unit_test(hash_of_one_is_that_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
