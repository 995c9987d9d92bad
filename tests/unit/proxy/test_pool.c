/* Pools of backend connections by address. */
#include "proxy/upstream/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/ssl.h>

static struct addr
addr_of(const char *text)
{
	struct addr a = {0};

	assert_int_equal(addr_parse(slice_str(text), &a), 0);
	return a;
}

static struct event_base *base;
static struct timers timers;

static int
open_pools(struct pools *p)
{
	base = event_base_new();
	return base && timers_init(&timers, base) == 0 ? pools_init(p, base, &timers) : -1;
}

static void
close_pools(struct pools *p)
{
	pools_clear(p);
	timers_clear(&timers);
	event_base_free(base);
}

static void
a_pool_lives_as_long_as_its_connections(void **state)
{
	struct addr a = addr_of("10.0.3.2");
	struct pools p;
	struct pool *pool;

	(void)state;
	assert_int_equal(open_pools(&p), 0);
	assert_null(pools_find(&p, &(struct endpoint){.addr = &a, .port = 80}));
	pool = pools_join(&p, &(struct endpoint){.addr = &a, .port = 80});
	assert_string_equal(pool->text, "10.0.3.2:80");
	assert_ptr_equal(pools_join(&p, &(struct endpoint){.addr = &a, .port = 80}), pool);
	pools_leave(&p, pool);
	assert_ptr_equal(pools_find(&p, &(struct endpoint){.addr = &a, .port = 80}), pool);
	pools_leave(&p, pool);
	assert_null(pools_find(&p, &(struct endpoint){.addr = &a, .port = 80}));
	close_pools(&p);
}

static void
every_address_and_port_has_its_own(void **state)
{
	struct addr a = addr_of("10.0.3.2"), b = addr_of("10.0.3.3"), c = addr_of("fd00::1");
	struct pools p;
	struct pool *all[4];

	(void)state;
	assert_int_equal(open_pools(&p), 0);
	all[0] = pools_join(&p, &(struct endpoint){.addr = &a, .port = 80});
	all[1] = pools_join(&p, &(struct endpoint){.addr = &a, .port = 81});
	all[2] = pools_join(&p, &(struct endpoint){.addr = &b, .port = 80});
	all[3] = pools_join(&p, &(struct endpoint){.addr = &c, .port = 80});
	assert_string_equal(all[3]->text, "[fd00::1]:80");
	for (size_t i = 0; i < 4; i++) {
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(all[i], all[j]);
	}
	for (size_t i = 0; i < 4; i++)
		pools_leave(&p, all[i]);
	close_pools(&p);
}

static void
what_was_verified_otherwise_is_another(void **state)
{
	struct addr a = addr_of("10.0.3.2");
	SSL_CTX *ctx[2] = {SSL_CTX_new(TLS_client_method()), SSL_CTX_new(TLS_client_method())};
	const struct endpoint to[] = {{.addr = &a, .port = 443},
		{.addr = &a, .port = 443, .tls = ctx[0], .host = "one.example"},
		{.addr = &a, .port = 443, .tls = ctx[0], .host = "two.example"},
		{.addr = &a, .port = 443, .tls = ctx[1], .host = "one.example"}};
	struct pool *all[4];
	struct pools p;

	(void)state;
	assert_int_equal(open_pools(&p), 0);
	for (size_t i = 0; i < 4; i++)
		all[i] = pools_join(&p, &to[i]);
	for (size_t i = 0; i < 4; i++) {
		assert_ptr_equal(pools_find(&p, &to[i]), all[i]);
		for (size_t j = 0; j < i; j++)
			assert_ptr_not_equal(all[i], all[j]);
	}
	SSL_CTX_free(ctx[0]);
	SSL_CTX_free(ctx[1]);
	for (size_t i = 0; i < 4; i++)
		pools_leave(&p, all[i]);
	close_pools(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_lives_as_long_as_its_connections),
		cmocka_unit_test(every_address_and_port_has_its_own),
		cmocka_unit_test(what_was_verified_otherwise_is_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
