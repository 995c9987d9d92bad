/* proxy/cache/cache_flight.c: who leads, who waits, and who goes on when. */
#include "tests/unit/core/unit.h"

#include "proxy/cache/cache_flight.h"

#define NOW 5000

struct guest {
	struct flight_waiter waiter;
	int woken;
};

static const struct cache_key here = {.url = {"http://a/", 9}, .scope = {"s", 1}, .hash = 77};
static const struct cache_key there = {.url = {"http://b/", 9}, .scope = {"s", 1}, .hash = 77};

static void
on_woken(struct flight_waiter *w)
{
	list_entry(w, struct guest, waiter)->woken++;
}

static enum flight_role
join(struct cache_flights *f, const struct cache_key *key, struct guest *g, struct flight **flight)
{
	*g = (struct guest){.waiter.on_woken = on_woken};
	return flight_join(f, key, true, NOW, &g->waiter, flight);
}

static void
the_first_leads_and_all_are_told(void **state)
{
	struct cache_flights *f = cache_flights_new();
	struct flight *flight = NULL, *other = NULL, *none = NULL;
	struct guest guests[4];

	(void)state;
	assert_int_equal(join(f, &here, &guests[0], &flight), FLIGHT_LEADS);
	for (int i = 1; i < 4; i++)
		assert_int_equal(join(f, &here, &guests[i], &none), FLIGHT_WAITS);
	assert_int_equal(join(f, &there, &guests[0], &other), FLIGHT_LEADS);
	assert_true(flight_leave(f, &guests[2].waiter));
	assert_false(flight_leave(f, &guests[2].waiter));
	flight_end(f, &flight, FLIGHT_END_STORED, NOW);
	assert_null(flight);
	for (int i = 1; i < 4; i++)
		assert_int_equal(guests[i].woken, i != 2);
	assert_int_equal(guests[1].waiter.end, FLIGHT_END_STORED);
	assert_false(flight_leave(f, &guests[1].waiter));
	assert_int_equal(join(f, &here, &guests[0], &flight), FLIGHT_LEADS);
	flight_end(f, &flight, FLIGHT_END_LOST, NOW);
	flight_end(f, &other, FLIGHT_END_ERROR, NOW);
	assert_null(none);
	cache_flights_free(&f);
}

static void
a_lost_leader_hands_over(void **state)
{
	struct cache_flights *f = cache_flights_new();
	struct flight *flight = NULL, *none = NULL;
	struct guest guests[3];

	(void)state;
	assert_int_equal(join(f, &here, &guests[0], &flight), FLIGHT_LEADS);
	assert_int_equal(join(f, &here, &guests[1], &none), FLIGHT_WAITS);
	assert_int_equal(join(f, &here, &guests[2], &none), FLIGHT_WAITS);
	flight_end(f, &flight, FLIGHT_END_LOST, NOW);
	assert_true(guests[1].woken == 1 && guests[2].woken == 0);
	flight = guests[1].waiter.flight;
	assert_non_null(flight);
	flight_end(f, &flight, FLIGHT_END_LOST, NOW);
	assert_true(guests[2].woken == 1);
	flight = guests[2].waiter.flight;
	flight_end(f, &flight, FLIGHT_END_STORED, NOW);
	cache_flights_free(&f);
}

static void
nobody_waits_behind_what_cannot_be_stored(void **state)
{
	struct cache_flights *f = cache_flights_new();
	struct flight *flight = NULL;
	struct guest guest;

	(void)state;
	assert_int_equal(join(f, &here, &guest, &flight), FLIGHT_LEADS);
	flight_end(f, &flight, FLIGHT_END_PASSED, NOW);
	assert_int_equal(join(f, &here, &guest, &flight), FLIGHT_PASSES_BY);
	assert_int_equal(flight_join(f, &here, true, NOW + FLIGHT_PASS_MS, &guest.waiter, &flight),
		FLIGHT_LEADS);
	flight_end(f, &flight, FLIGHT_END_STORED, NOW);
	cache_flights_free(&f);
}

static void
one_that_is_for_itself_does_not_lead(void **state)
{
	struct cache_flights *f = cache_flights_new();
	struct flight *flight = NULL, *none = NULL;
	struct guest guests[2] = {{.woken = 0}};

	(void)state;
	assert_int_equal(
		flight_join(f, &here, false, NOW, &guests[0].waiter, &none), FLIGHT_PASSES_BY);
	assert_int_equal(join(f, &here, &guests[0], &flight), FLIGHT_LEADS);
	guests[1].waiter.on_woken = on_woken;
	assert_int_equal(flight_join(f, &here, false, NOW, &guests[1].waiter, &none), FLIGHT_WAITS);
	flight_end(f, &flight, FLIGHT_END_STORED, NOW);
	assert_int_equal(guests[1].woken, 1);
	cache_flights_free(&f);
}

/* Of those who wait, who may not lead does not inherit it either. */
static void
one_that_is_for_itself_is_no_heir(void **state)
{
	struct cache_flights *f = cache_flights_new();
	struct flight *flight = NULL, *none = NULL;
	struct guest leader, heir, own = {.waiter.on_woken = on_woken};

	(void)state;
	assert_int_equal(join(f, &here, &leader, &flight), FLIGHT_LEADS);
	assert_int_equal(flight_join(f, &here, false, NOW, &own.waiter, &none), FLIGHT_WAITS);
	assert_int_equal(join(f, &here, &heir, &none), FLIGHT_WAITS);
	flight_end(f, &flight, FLIGHT_END_LOST, NOW);
	assert_int_equal(own.woken, 0);
	assert_int_equal(heir.woken, 1);
	assert_int_equal(heir.waiter.end, FLIGHT_END_LOST);
	flight = heir.waiter.flight;
	assert_non_null(flight);
	/* Now there is nobody but that one: it goes on for itself, and others may lead. */
	flight_end(f, &flight, FLIGHT_END_LOST, NOW);
	assert_int_equal(own.woken, 1);
	assert_int_equal(own.waiter.end, FLIGHT_END_SLOW);
	assert_null(own.waiter.flight);
	assert_int_equal(join(f, &here, &leader, &flight), FLIGHT_LEADS);
	flight_end(f, &flight, FLIGHT_END_STORED, NOW);
	cache_flights_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_leads_and_all_are_told),
		cmocka_unit_test(a_lost_leader_hands_over),
		cmocka_unit_test(nobody_waits_behind_what_cannot_be_stored),
		cmocka_unit_test(one_that_is_for_itself_does_not_lead),
		cmocka_unit_test(one_that_is_for_itself_is_no_heir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
