/* core/stats.c, core/role.c, core/clock.c: small tables and clocks. */
#include "tests/unit/core/unit.h"

#include "core/clock.h"
#include "core/stats.h"

#include <string.h>

static void
counters_of_threads_are_added_up_for_their_role(void **state)
{
	static struct stats a, b;
	struct stats *const both[] = {&a, &b};
	struct msg_out out;
	struct slice packet;
	struct msg_in in;
	unsigned n = 0;

	(void)state;
	stats_add(&a, STAT_REQUESTS, 5);
	stats_add(&b, STAT_REQUESTS, 7);
	stats_add(&a, STAT_CONNECTIONS_OPEN, 3);
	stats_sub(&a, STAT_CONNECTIONS_OPEN, 2);
	assert_int_equal(msg_out_init(&out, MSG_STATS, ROLE_CONTROL), 0);
	msg_put_u64(&out, 99);
	stats_put(&out, ROLE_PROXY, both, 2);
	assert_int_equal(msg_out_finish(&out, ROLE_PROXY, &packet, NULL), 0);
	assert_int_equal(msg_in_init(&in, packet, ROLE_PROXY, ROLE_CONTROL, -1, NULL), 0);
	assert_int_equal(msg_get_u64(&in), 99);
	for (; msg_more(&in); n++) {
		unsigned which = msg_get_u16(&in);
		uint64_t value = msg_get_u64(&in);

		assert_true(which < STAT_COUNT);
		assert_int_equal(stats_role(which), ROLE_PROXY);
		assert_int_equal(value, which == STAT_REQUESTS           ? 12
					: which == STAT_CONNECTIONS_OPEN ? 1
									 : 0);
	}
	assert_int_equal(msg_finish(&in), 0);
	assert_in_range(n, 10, STAT_COUNT - 1);
	msg_out_clear(&out);
}

static void
every_counter_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STAT_COUNT; i++) {
		assert_true(strlen(stats_meaning(i)) > 0);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(stats_name(i), stats_name(j));
	}
	assert_string_equal(stats_name(STAT_RELOADS), "reloads");
	assert_int_equal(stats_role(STAT_RELOADS), ROLE_PARENT);
}

static void
roles_are_found_by_their_names(void **state)
{
	enum role role;

	(void)state;
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		assert_int_equal(role_find(role_name((enum role)i), &role), 0);
		assert_int_equal(role, i);
	}
	assert_int_equal(role_find("", &role), -1);
	assert_int_equal(role_find("Proxy", &role), -1);
	assert_string_equal(role_name(ROLE_COUNT), "?");
}

static void
clocks_run_forward_in_milliseconds(void **state)
{
	uint64_t mono = clock_mono_ms(), wall = clock_wall_ms();

	(void)state;
	assert_true(wall > UINT64_C(1577836800000)); /* 2020 */
	assert_true(wall < UINT64_C(4102444800000)); /* 2100 */
	assert_true(clock_mono_ms() >= mono);
	assert_true(clock_mono_ms() - mono < 60000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_of_threads_are_added_up_for_their_role),
		cmocka_unit_test(every_counter_has_a_name_of_its_own),
		cmocka_unit_test(roles_are_found_by_their_names),
		cmocka_unit_test(clocks_run_forward_in_milliseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
