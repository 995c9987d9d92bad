/* proxy/guard/busy.c: places held and given back, by one thread and by several. */
#include "tests/unit/core/unit.h"

#include "proxy/guard/busy.h"

#include <pthread.h>

static struct client_key
client_of(uint8_t n)
{
	struct addr a = {.family = AF_INET, .bytes = {192, 0, 2, n}};

	return client_key(&a, 1);
}

static void
as_many_as_the_limit_says(void **state)
{
	struct busy_table *t = busy_table_new();
	struct client_key key = client_of(1), other = client_of(2);
	struct busy_client *held[3], *others;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_non_null(held[i] = busy_hold(t, &key, 3));
	assert_null(busy_hold(t, &key, 3));
	assert_non_null(others = busy_hold(t, &other, 3));
	busy_release(t, &held[1]);
	assert_null(held[1]);
	assert_non_null(held[1] = busy_hold(t, &key, 3));
	assert_null(busy_hold(t, &key, 3));
	for (size_t i = 0; i < 3; i++)
		busy_release(t, &held[i]);
	busy_release(t, &held[0]);
	busy_release(t, &others);
	busy_table_free(&t);
	assert_null(t);
}

#define CLIENTS 200

static void
many_clients_each_with_its_own_count(void **state)
{
	struct busy_table *t = busy_table_new();
	struct busy_client *held[CLIENTS];

	(void)state;
	for (uint8_t i = 0; i < CLIENTS; i++) {
		struct client_key key = client_of(i);

		assert_non_null(held[i] = busy_hold(t, &key, 1));
		assert_null(busy_hold(t, &key, 1));
	}
	for (uint8_t i = 0; i < CLIENTS; i++)
		busy_release(t, &held[i]);
	busy_table_free(&t);
}

static void *
hold_and_release(void *arg)
{
	struct busy_table *t = arg;

	for (unsigned i = 0; i < 5000; i++) {
		struct client_key key = client_of((uint8_t)(i % 3));
		struct busy_client *held = busy_hold(t, &key, 2);

		busy_release(t, &held);
	}
	return NULL;
}

static void
threads_share_one_count(void **state)
{
	struct busy_table *t = busy_table_new();
	struct client_key key = client_of(0);
	struct busy_client *held[2];
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hold_and_release, t), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (size_t i = 0; i < 2; i++)
		assert_non_null(held[i] = busy_hold(t, &key, 2));
	assert_null(busy_hold(t, &key, 2));
	for (size_t i = 0; i < 2; i++)
		busy_release(t, &held[i]);
	busy_table_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_as_the_limit_says),
		cmocka_unit_test(many_clients_each_with_its_own_count),
		cmocka_unit_test(threads_share_one_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
