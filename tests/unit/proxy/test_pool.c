/* Pools of backend connections by address. */
#include "proxy/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct addr
addr_of(const char *text)
{
	struct addr a = {0};

	assert_int_equal(addr_parse(slice_str(text), &a), 0);
	return a;
}

static void
a_pool_lives_as_long_as_its_connections(void **state)
{
	struct addr a = addr_of("10.0.3.2");
	struct pools p;
	struct pool *pool;

	(void)state;
	assert_int_equal(pools_init(&p), 0);
	assert_null(pools_find(&p, &a, 80));
	pool = pools_join(&p, &a, 80);
	assert_string_equal(pool->text, "10.0.3.2:80");
	assert_ptr_equal(pools_join(&p, &a, 80), pool);
	pools_leave(&p, pool);
	assert_ptr_equal(pools_find(&p, &a, 80), pool);
	pools_leave(&p, pool);
	assert_null(pools_find(&p, &a, 80));
	pools_clear(&p);
}

static void
every_address_and_port_has_its_own(void **state)
{
	struct addr a = addr_of("10.0.3.2"), b = addr_of("10.0.3.3"), c = addr_of("fd00::1");
	struct pools p;
	struct pool *all[4];

	(void)state;
	assert_int_equal(pools_init(&p), 0);
	all[0] = pools_join(&p, &a, 80);
	all[1] = pools_join(&p, &a, 81);
	all[2] = pools_join(&p, &b, 80);
	all[3] = pools_join(&p, &c, 80);
	assert_string_equal(all[3]->text, "[fd00::1]:80");
	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(all[i], all[j]);
	}
	for (size_t i = 0; i < 4; i++)
		pools_leave(&p, all[i]);
	pools_clear(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_lives_as_long_as_its_connections),
		cmocka_unit_test(every_address_and_port_has_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
