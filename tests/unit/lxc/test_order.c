/* The order of starting, its reverse, and the groups of one order. */
#include "lxc/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct order_item items[] = {
	{.order = 3, .place = 0},
	{.order = 1, .place = 1},
	{.order = 3, .place = 2},
	{.order = UINT32_MAX, .place = 3},
	{.order = 1, .place = 4},
};
#define N (sizeof(items) / sizeof(items[0]))

static void
expect_places(const uint32_t *places)
{
	for (size_t i = 0; i < N; i++)
		assert_int_equal(items[i].place, places[i]);
}

static void
order_comes_before_place(void **state)
{
	(void)state;
	order_start(items, N);
	expect_places((const uint32_t[]){1, 4, 0, 2, 3});
}

static void
stopping_is_the_reverse(void **state)
{
	(void)state;
	order_stop(items, N);
	expect_places((const uint32_t[]){3, 2, 0, 4, 1});
}

static void
a_group_is_one_order(void **state)
{
	(void)state;
	order_stop(items, N);
	assert_int_equal(order_group(items, N, 0), 1);
	assert_int_equal(order_group(items, N, 1), 2);
	assert_int_equal(order_group(items, N, 3), 2);
	assert_int_equal(order_group(items, N, 4), 1);
}

static void
nothing_is_sorted_too(void **state)
{
	(void)state;
	order_start(NULL, 0);
	order_stop(NULL, 0);
	assert_int_equal(items[0].order, UINT32_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_comes_before_place),
		cmocka_unit_test(stopping_is_the_reverse),
		cmocka_unit_test(a_group_is_one_order),
		cmocka_unit_test(nothing_is_sorted_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
