/* Time-outs of one thread, with a clock that the test moves. */
#include "proxy/conn/timer.h"

#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct watch {
	struct timer timer; /* first: a callback gets back to its watch */
	unsigned fired;
	struct timer *also; /* removed by the callback */
	struct timers *timers;
};

struct fixture {
	struct event_base *base;
	struct timers timers;
	uint64_t now;
};

static void
on_fire(struct timer *t)
{
	struct watch *w = (struct watch *)(void *)t;

	w->fired++;
	if (w->also)
		timer_remove(w->timers, w->also);
}

static int
set_up(void **state)
{
	static struct fixture f;

	f.base = event_base_new();
	f.now = clock_mono_coarse_ms();
	*state = &f;
	return f.base ? timers_init(&f.timers, f.base) : -1;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	timers_clear(&f->timers);
	event_base_free(f->base);
	return 0;
}

static void
run_to(struct fixture *f, uint64_t after_ms)
{
	timers_run(&f->timers, f->now + after_ms);
}

static void
a_timer_fires_once_and_not_early(void **state)
{
	struct fixture *f = *state;
	struct watch w = {0};

	timer_init(&w.timer, on_fire);
	timer_set(&f->timers, &w.timer, f->now + 500);
	run_to(f, 499);
	assert_int_equal(w.fired, 0);
	run_to(f, 500 + 2 * TIMER_TICK_MS);
	assert_int_equal(w.fired, 1);
	run_to(f, 100000);
	assert_int_equal(w.fired, 1);
}

static void
a_deadline_that_moves_on_is_kept(void **state)
{
	struct fixture *f = *state;
	struct watch w = {0};

	timer_init(&w.timer, on_fire);
	for (uint64_t at = 0; at < 20000; at += 100) {
		timer_set(&f->timers, &w.timer, f->now + at + 1000);
		run_to(f, at);
	}
	assert_int_equal(w.fired, 0);
	run_to(f, 19900 + 1000 + 2 * TIMER_TICK_MS);
	assert_int_equal(w.fired, 1);
}

static void
an_earlier_deadline_replaces_a_later_one(void **state)
{
	struct fixture *f = *state;
	struct watch w = {0};

	timer_init(&w.timer, on_fire);
	timer_set(&f->timers, &w.timer, f->now + 60000);
	timer_set(&f->timers, &w.timer, f->now + 200);
	run_to(f, 200 + 2 * TIMER_TICK_MS);
	assert_int_equal(w.fired, 1);
}

static void
a_timer_longer_than_the_wheel_waits_its_turns(void **state)
{
	struct fixture *f = *state;
	struct watch w = {0};
	uint64_t turn = (uint64_t)TIMER_TICK_MS * TIMER_SLOTS;

	timer_init(&w.timer, on_fire);
	timer_set(&f->timers, &w.timer, f->now + 3 * turn + 77);
	for (uint64_t at = 0; at <= 3 * turn; at += TIMER_TICK_MS)
		run_to(f, at);
	assert_int_equal(w.fired, 0);
	run_to(f, 3 * turn + 77 + 2 * TIMER_TICK_MS);
	assert_int_equal(w.fired, 1);
}

static void
what_is_off_or_removed_does_not_fire(void **state)
{
	struct fixture *f = *state;
	struct watch off = {0}, removed = {0};

	timer_init(&off.timer, on_fire);
	timer_init(&removed.timer, on_fire);
	timer_set(&f->timers, &off.timer, f->now + 100);
	timer_set(&f->timers, &removed.timer, f->now + 100);
	timer_off(&off.timer);
	timer_remove(&f->timers, &removed.timer);
	run_to(f, 1000);
	assert_int_equal(off.fired + removed.fired, 0);
	timer_set(&f->timers, &off.timer, f->now + 2000);
	run_to(f, 3000);
	assert_int_equal(off.fired, 1);
}

static void
a_callback_may_remove_another_that_is_due(void **state)
{
	struct fixture *f = *state;
	struct watch first = {.timers = &f->timers}, second = {.timers = &f->timers};

	timer_init(&first.timer, on_fire);
	timer_init(&second.timer, on_fire);
	first.also = &second.timer;
	second.also = &first.timer;
	timer_set(&f->timers, &first.timer, f->now + 100);
	timer_set(&f->timers, &second.timer, f->now + 100);
	run_to(f, 1000);
	assert_int_equal(first.fired + second.fired, 1);
}

static void
a_long_sleep_fires_all_that_is_due(void **state)
{
	struct fixture *f = *state;
	struct watch w[50] = {0};
	unsigned fired = 0;

	for (size_t i = 0; i < 50; i++) {
		timer_init(&w[i].timer, on_fire);
		timer_set(&f->timers, &w[i].timer, f->now + i * 997);
	}
	run_to(f, 10 * 60 * 1000);
	for (size_t i = 0; i < 50; i++)
		fired += w[i].fired;
	assert_int_equal(fired, 50);
}

static void
the_loop_wakes_for_each_and_for_an_earlier_one(void **state)
{
	struct fixture *f = *state;
	struct watch late = {0}, w = {0};

	timer_init(&late.timer, on_fire);
	timer_init(&w.timer, on_fire);
	timer_set(&f->timers, &late.timer, f->now + 3600000);
	for (unsigned n = 1; n <= 3; n++) {
		uint64_t due = clock_mono_coarse_ms() + 20;

		timer_set(&f->timers, &w.timer, due);
		while (w.fired < n)
			assert_int_equal(event_base_loop(f->base, EVLOOP_ONCE), 0);
		assert_true(clock_mono_ms() >= due);
		assert_int_equal(w.fired, n);
	}
	assert_int_equal(late.fired, 0);
	timer_remove(&f->timers, &late.timer);
	timer_remove(&f->timers, &w.timer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_timer_fires_once_and_not_early, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_deadline_that_moves_on_is_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_earlier_deadline_replaces_a_later_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_timer_longer_than_the_wheel_waits_its_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_is_off_or_removed_does_not_fire, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_callback_may_remove_another_that_is_due, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_long_sleep_fires_all_that_is_due, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_loop_wakes_for_each_and_for_an_earlier_one, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
