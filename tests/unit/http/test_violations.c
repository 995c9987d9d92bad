/* proxy/guard/violations.c: when it is enough, by the clock that the test is. */
#include "tests/unit/core/unit.h"

#include "proxy/guard/violations.h"

#include <pthread.h>
#include <stdlib.h>

#define START UINT64_C(5000000)

static const struct violation_limit twenty = {.count = 20, .window_ms = 60000};

static struct client_key
client_of(uint32_t n)
{
	struct addr a = {.family = AF_INET,
		.bytes = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};

	return client_key(&a, 0);
}

/* How many violations, one every step_ms, until it is enough; 0: never in 1000. */
static unsigned
until_enough(const struct violation_limit *limit, enum violation what, uint64_t step_ms)
{
	struct violations *v = violations_new(1);
	struct client_key key = client_of(1);
	unsigned n = 0;

	for (unsigned i = 0; i < 1000 && n == 0; i++)
		if (violations_add(v, &key, what, limit, START + i * step_ms))
			n = i + 1;
	violations_free(&v);
	return n;
}

static void
twenty_in_a_minute_are_enough_however_they_come(void **state)
{
	(void)state;
	assert_int_equal(until_enough(&twenty, VIOLATION_RATE, 0), 20);
	assert_int_equal(until_enough(&twenty, VIOLATION_RATE, 1000), 20);
	assert_int_equal(until_enough(&twenty, VIOLATION_MALFORMED, 3150), 20); /* in 59.85 s */
	assert_int_equal(until_enough(&twenty, VIOLATION_FLOOD, 10), 4);
	assert_int_equal(until_enough(&twenty, VIOLATION_UNUSED, 10), 80);
}

static void
fewer_are_not(void **state)
{
	(void)state;
	assert_int_equal(until_enough(&twenty, VIOLATION_RATE, 3600), 0); /* 20 in 68.4 s */
	assert_int_equal(until_enough(&twenty, VIOLATION_RATE, 60000), 0);
	assert_int_equal(until_enough(&twenty, VIOLATION_FLOOD, 70000), 0);
}

static void
one_is_enough_where_the_file_says_so(void **state)
{
	struct violation_limit one = {.count = 1, .window_ms = 1000};

	(void)state;
	assert_int_equal(until_enough(&one, VIOLATION_LOGIN, 5), 1);
}

static void
the_count_begins_anew_when_it_was_enough(void **state)
{
	struct violations *v = violations_new(1);
	struct client_key key = client_of(1);
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 60; i++)
		n += violations_add(v, &key, VIOLATION_RATE, &twenty, START);
	assert_int_equal(n, 3);
	violations_free(&v);
}

static void
many_addresses_do_not_displace_who_has_the_most(void **state)
{
	struct violations *v = violations_new(1);
	struct client_key key = client_of(1);

	(void)state;
	for (unsigned i = 0; i < 19; i++)
		assert_false(violations_add(v, &key, VIOLATION_RATE, &twenty, START));
	for (uint32_t i = 2; i < 10000; i++) {
		struct client_key other = client_of(i);

		assert_false(violations_add(v, &other, VIOLATION_RATE, &twenty, START));
	}
	assert_true(violations_add(v, &key, VIOLATION_RATE, &twenty, START));
	violations_free(&v);
}

static void
another_window_after_a_reload(void **state)
{
	struct violation_limit hour = {.count = 20, .window_ms = 3600000};
	struct violations *v = violations_new(1);
	struct client_key key = client_of(1);

	(void)state;
	for (unsigned i = 0; i < 19; i++)
		assert_false(violations_add(v, &key, VIOLATION_RATE, &twenty, START));
	/* Slots of another length: the old ones may count or not, but nothing breaks. */
	for (unsigned i = 0; i < 19; i++)
		(void)violations_add(v, &key, VIOLATION_RATE, &hour, START + i);
	violations_free(&v);
}

static void *
offend(void *arg)
{
	struct violation_limit limit = {.count = 1000, .window_ms = 60000};
	unsigned *n = calloc(1, sizeof(*n));
	struct client_key key = client_of(7);

	for (unsigned i = 0; i < 5000; i++)
		*n += violations_add(arg, &key, VIOLATION_RATE, &limit, START);
	return n;
}

static void
threads_share_one_count(void **state)
{
	struct violations *v = violations_new(VIOLATION_SETS);
	pthread_t threads[4];
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, offend, v), 0);
	for (size_t i = 0; i < 4; i++) {
		void *one = NULL;

		assert_int_equal(pthread_join(threads[i], &one), 0);
		n += *(unsigned *)one;
		free(one);
	}
	assert_int_equal(n, 20);
	violations_free(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(twenty_in_a_minute_are_enough_however_they_come),
		cmocka_unit_test(fewer_are_not),
		cmocka_unit_test(one_is_enough_where_the_file_says_so),
		cmocka_unit_test(the_count_begins_anew_when_it_was_enough),
		cmocka_unit_test(many_addresses_do_not_displace_who_has_the_most),
		cmocka_unit_test(another_window_after_a_reload),
		cmocka_unit_test(threads_share_one_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
