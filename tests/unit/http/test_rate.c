/* proxy/guard/rate.c: GCRA by the clock that the test is, and who stays in a full table. */
#include "tests/unit/core/unit.h"

#include "proxy/guard/rate.h"

#include <pthread.h>

#define START UINT64_C(1000000000)
#define SECOND UINT64_C(1000000)

static struct client_key
client_of(uint32_t n)
{
	struct addr a = {.family = AF_INET,
		.bytes = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};

	return client_key(&a, 1);
}

static struct client_key
client_text(const char *text, uint64_t place)
{
	struct addr a;

	assert_int_equal(addr_parse(slice_str(text), &a), 0);
	return client_key(&a, place);
}

static unsigned
let_in(struct rate_table *t, const struct client_key *key, const struct rate_limit *limit,
	uint64_t now, unsigned tries)
{
	unsigned n = 0;

	for (unsigned i = 0; i < tries; i++)
		n += rate_take(t, key, limit, now) == 0;
	return n;
}

static void
a_burst_then_the_rate(void **state)
{
	struct rate_table *t = rate_table_new(1);
	struct rate_limit limit = {.interval_us = SECOND / 10, .burst = 5};
	struct client_key key = client_of(1);

	(void)state;
	assert_int_equal(let_in(t, &key, &limit, START, 100), 5);
	assert_true(rate_take(t, &key, &limit, START) == SECOND / 10);
	assert_int_equal(let_in(t, &key, &limit, START + SECOND / 10 - 1, 10), 0);
	assert_int_equal(let_in(t, &key, &limit, START + SECOND / 10, 10), 1);
	assert_int_equal(let_in(t, &key, &limit, START + SECOND, 100), 5);
	assert_int_equal(let_in(t, &key, &limit, START + 1000 * SECOND, 100), 5);
	rate_table_free(&t);
}

static void
who_keeps_the_rate_is_never_refused(void **state)
{
	struct rate_table *t = rate_table_new(1);
	struct rate_limit limit = {.interval_us = 333333, .burst = 1};
	struct client_key key = client_of(1);

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		assert_true(rate_take(t, &key, &limit, START + i * 333333) == 0);
	rate_table_free(&t);
}

static void
refused_requests_cost_nothing(void **state)
{
	struct rate_table *t = rate_table_new(1);
	struct rate_limit limit = {.interval_us = SECOND, .burst = 1};
	struct client_key key = client_of(1);

	(void)state;
	assert_int_equal(let_in(t, &key, &limit, START, 1000), 1);
	assert_true(rate_take(t, &key, &limit, START) == SECOND);
	assert_int_equal(let_in(t, &key, &limit, START + SECOND, 1), 1);
	rate_table_free(&t);
}

static void
a_lifted_limit_leaves_no_old_debt(void **state)
{
	struct rate_table *t = rate_table_new(1);
	struct rate_limit slow = {.interval_us = 3600 * SECOND, .burst = 10};
	struct rate_limit fast = {.interval_us = SECOND / 100, .burst = 10};
	struct client_key key = client_of(1);

	(void)state;
	assert_int_equal(let_in(t, &key, &slow, START, 20), 10);
	assert_int_equal(let_in(t, &key, &fast, START, 20), 0);
	assert_int_equal(let_in(t, &key, &fast, START + SECOND, 20), 10);
	rate_table_free(&t);
}

static void
clients_are_addresses_or_64s_and_places_count_alone(void **state)
{
	struct client_key a = client_text("2001:db8::1", 1), b = client_text("2001:db8::ffff", 1);
	struct client_key c = client_text("2001:db8:0:1::1", 1), d = client_text("2001:db8::1", 2);
	struct client_key e = client_text("192.0.2.1", 1), f = client_text("192.0.2.2", 1);

	(void)state;
	assert_true(client_key_eq(&a, &b));
	assert_false(client_key_eq(&a, &c));
	assert_false(client_key_eq(&a, &d));
	assert_false(client_key_eq(&e, &f));
}

/* A table of 16: the one that asks most stays refused whatever else comes by. */
static void
many_addresses_do_not_free_the_one_that_asks_most(void **state)
{
	struct rate_table *t = rate_table_new(1);
	struct rate_limit limit = {.interval_us = SECOND, .burst = 10};
	struct client_key busy = client_of(1);

	(void)state;
	assert_int_equal(let_in(t, &busy, &limit, START, 20), 10);
	for (uint32_t i = 2; i < 10000; i++) {
		struct client_key other = client_of(i);

		(void)rate_take(t, &other, &limit, START);
	}
	assert_int_equal(let_in(t, &busy, &limit, START, 20), 0);
	rate_table_free(&t);
}

/* All of them together, too, get no more than the table's clients would. */
static void
many_addresses_get_no_more_than_the_table_has_room_for(void **state)
{
	struct rate_table *t = rate_table_new(1);
	struct rate_limit limit = {.interval_us = SECOND, .burst = 4};
	unsigned n = 0;

	(void)state;
	for (uint32_t i = 1; i <= 10000; i++) {
		struct client_key key = client_of(i);

		n += rate_take(t, &key, &limit, START) == 0;
	}
	assert_int_equal(n, RATE_WAYS * 4);
	rate_table_free(&t);
}

struct asking {
	struct rate_table *t;
	unsigned let_in;
};

static void *
ask(void *arg)
{
	struct asking *a = arg;
	struct rate_limit limit = {.interval_us = SECOND, .burst = 1000};

	for (uint32_t i = 0; i < 4000; i++) {
		struct client_key key = client_of(i % 2);

		a->let_in += rate_take(a->t, &key, &limit, START) == 0;
	}
	return NULL;
}

static void
threads_share_one_account(void **state)
{
	struct rate_table *t = rate_table_new(RATE_SETS);
	struct asking asking[4] = {{t, 0}, {t, 0}, {t, 0}, {t, 0}};
	pthread_t threads[4];
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, &asking[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		n += asking[i].let_in;
	}
	assert_int_equal(n, 2000);
	rate_table_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_then_the_rate),
		cmocka_unit_test(who_keeps_the_rate_is_never_refused),
		cmocka_unit_test(refused_requests_cost_nothing),
		cmocka_unit_test(a_lifted_limit_leaves_no_old_debt),
		cmocka_unit_test(clients_are_addresses_or_64s_and_places_count_alone),
		cmocka_unit_test(many_addresses_do_not_free_the_one_that_asks_most),
		cmocka_unit_test(many_addresses_get_no_more_than_the_table_has_room_for),
		cmocka_unit_test(threads_share_one_account),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
