/* Targets shared by threads, across generations. */
#include "proxy/upstream/backends.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BOTH UINT64_C(3)

static struct backends *registry;

static struct conf *
parse(const char *text)
{
	struct conf_input in = {.name = "test", .text = slice_str(text)};
	struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct conf *c = NULL;

	assert_non_null(errs);
	assert_int_equal(conf_parse(&in, &c, NULL, errs), 0);
	free(errs);
	return c;
}

static struct backend_pool *
pool_of(const struct conf *c)
{
	struct backend_pool *p = backend_pool_new(registry, &c->sites[0], &c->sites[0].routes[0]);

	assert_non_null(p);
	return p;
}

static int
take(struct backend_pool *p, uint64_t usable, uint64_t now, struct backend **ret)
{
	const struct backend_ask ask = {.usable = usable, .now = now};

	return backend_pool_take(p, &ask, ret);
}

static int
setup(void **state)
{
	(void)state;
	registry = backends_new();
	return registry ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	backends_free(&registry);
	return 0;
}

static void
nobody_waits_in_vain(struct backend_waiter *w)
{
	(void)w;
	fail_msg("it has its place already");
}

/* The place was given back between the question and the queue, when nobody stood there. */
static void
who_queues_takes_what_has_become_free(void **state)
{
	struct conf *c = parse("listen 80 plain\nsite * { route / -> http://a:1 http://b:2 {\n"
			       "max-connections 1 queue 2 } }");
	struct backend_pool *p = pool_of(c);
	struct backend_waiter w = {.pool = p,
		.ask = {.usable = BOTH, .now = 1000},
		.on_granted = nobody_waits_in_vain};
	struct backend *a, *b, *none;

	(void)state;
	assert_true(take(p, BOTH, 1000, &a) >= 0);
	assert_true(take(p, BOTH, 1000, &b) >= 0);
	assert_int_equal(take(p, BOTH, 1000, &none), BACKENDS_FULL);
	backend_release(a);
	assert_true(backend_pool_queue(&w) >= 0);
	assert_ptr_equal(w.granted, a);
	backend_release(w.granted);
	backend_release(b);
	backend_pool_free(&p);
	conf_unref(&c);
}

static void
those_that_failed_are_passed_over(void **state)
{
	struct conf *c = parse("listen 80 plain\nsite * { route / -> http://a:1 http://b:2 {\n"
			       "passive fail 1 in 1s for 5s } }");
	struct backend_pool *p = pool_of(c);
	struct backend *b;
	int tried = 0;

	(void)state;
	assert_int_equal(take(p, BOTH, 1000, &b), 0);
	backend_failed(b, p, "test", 1000);
	backend_release(b);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(take(p, BOTH, 2000, &b), 1);
		backend_release(b);
	}
	/* Its time is over: one request tries it, the others do not. */
	for (int i = 0; i < 6; i++) {
		tried += take(p, BOTH, 6000, &b) == 0;
		backend_release(b);
	}
	assert_int_equal(tried, 1);
	assert_int_equal(take(p, 1, 6001, &b), 0); /* nobody else is usable */
	backend_release(b);
	backend_pool_free(&p);
	conf_unref(&c);
}

static void
when_all_are_down_the_first_to_fail_is_tried(void **state)
{
	struct conf *c = parse("listen 80 plain\nsite * { route / -> http://a:1 http://b:2 {\n"
			       "passive fail 1 in 1s for 1h } }");
	struct backend_pool *p = pool_of(c);
	struct backend *b;

	(void)state;
	assert_int_equal(take(p, 2, 1000, &b), 1);
	backend_failed(b, p, "test", 1000);
	backend_release(b);
	assert_int_equal(take(p, 1, 1500, &b), 0);
	backend_failed(b, p, "test", 1500);
	backend_release(b);
	assert_int_equal(take(p, BOTH, 2000, &b), 1);
	backend_failed(b, p, "test", 2000);
	backend_release(b);
	assert_int_equal(take(p, BOTH, 2500, &b), 0);
	backend_release(b);
	assert_int_equal(take(p, 0, 2500, &b), -1);
	backend_pool_free(&p);
	conf_unref(&c);
}

static void
what_is_known_outlives_a_reload(void **state)
{
	struct conf *old = parse("listen 80 plain\nsite * { route / -> http://a:1 http://b:2 {\n"
				 "passive fail 1 in 1s for 1h } }");
	struct conf *new = parse("listen 80 plain\nsite * { route / -> http://c:3 http://a:1 }");
	struct backend_pool *before = pool_of(old), *after;
	struct backend *b, *kept;

	(void)state;
	assert_int_equal(take(before, 1, 1000, &kept), 0);
	backend_failed(kept, before, "test", 1000);
	after = pool_of(new);
	backend_release(kept);
	backend_pool_free(&before);
	conf_unref(&old);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(take(after, BOTH, 2000, &b), 0);
		assert_string_equal(backend_name(b), "http://c:3");
		backend_release(b);
	}
	backend_pool_free(&after);
	conf_unref(&new);
}

static void
the_budget_is_a_fifth_of_the_requests(void **state)
{
	struct conf *c = parse("listen 80 plain\nsite * -> http://a:1 http://b:2");
	struct backend_pool *p = pool_of(c);
	struct backend *b;
	int spent = 0, more = 0;

	(void)state;
	while (backend_pool_may_retry(p, 1))
		spent++;
	assert_int_equal(spent, BACKENDS_BUDGET_MAX / 100);
	for (int i = 0; i < 50; i++) {
		assert_true(take(p, BOTH, 1, &b) >= 0);
		backend_release(b);
	}
	while (backend_pool_may_retry(p, 1))
		more++;
	assert_int_equal(more, 10);
	assert_true(backend_pool_may_retry(p, 1001));
	assert_false(backend_pool_may_retry(p, 1001));
	backend_pool_free(&p);
	conf_unref(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			who_queues_takes_what_has_become_free, setup, teardown),
		cmocka_unit_test_setup_teardown(those_that_failed_are_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(
			when_all_are_down_the_first_to_fail_is_tried, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_known_outlives_a_reload, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_budget_is_a_fifth_of_the_requests, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
