/* Who waits before a busy backend, and when they go on. */
#include "proxy/upstream/gate.h"

#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define WAITERS 4

struct fixture {
	struct event_base *base;
	struct timers timers;
	struct gates gates;
	struct gate gate;
	struct gate_waiter waiters[WAITERS];
	unsigned passed[WAITERS], n_passed; /* whose turn came, in order */
	bool enters;                        /* who goes on asks the backend */
};

static struct fixture f;

static void
on_pass(struct gate_waiter *w)
{
	f.passed[f.n_passed++] = (unsigned)(w - f.waiters);
	if (f.enters)
		gate_enter(&f.gate);
}

static int
set_up(void **state)
{
	(void)state;
	f = (struct fixture){.base = event_base_new(), .enters = true};
	for (size_t i = 0; i < WAITERS; i++) {
		list_init(&f.waiters[i].node);
		f.waiters[i].on_pass = on_pass;
	}
	if (!f.base || timers_init(&f.timers, f.base) < 0 ||
		gates_init(&f.gates, f.base, &f.timers) < 0)
		return -1;
	gate_init(&f.gate, &f.gates);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < WAITERS; i++)
		gate_waiter_leave(&f.waiters[i]);
	gate_clear(&f.gate);
	gates_clear(&f.gates);
	timers_clear(&f.timers);
	event_base_free(f.base);
	return 0;
}

static void
fill(void)
{
	for (unsigned i = 0; i < GATE_ROOM; i++)
		gate_enter(&f.gate);
}

static bool
hold(unsigned i, uint64_t now)
{
	return gate_hold(&f.gate, &f.waiters[i], now);
}

static void
answer(uint64_t now)
{
	gate_leave(&f.gate, now);
}

static void
turn(void)
{
	(void)event_base_loop(f.base, EVLOOP_NONBLOCK);
}

static void
nobody_waits_while_there_is_room(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GATE_ROOM; i++) {
		assert_false(hold(0, clock_mono_coarse_ms()));
		gate_enter(&f.gate);
	}
	assert_true(hold(0, clock_mono_coarse_ms()));
}

static void
each_answer_lets_one_through_in_order_and_not_from_inside(void **state)
{
	uint64_t now = clock_mono_coarse_ms();

	(void)state;
	fill();
	for (unsigned i = 0; i < 3; i++)
		assert_true(hold(i, now));
	turn();
	assert_int_equal(f.n_passed, 0);
	answer(clock_mono_coarse_ms());
	assert_int_equal(f.n_passed, 0);
	/* There is room, but others have waited for it. */
	assert_true(hold(3, now));
	turn();
	assert_int_equal(f.n_passed, 1);
	answer(clock_mono_coarse_ms());
	answer(clock_mono_coarse_ms());
	turn();
	assert_int_equal(f.n_passed, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(f.passed[i], i);
	assert_false(list_empty(&f.waiters[3].node));
}

static void
who_goes_on_without_asking_makes_room_for_the_next(void **state)
{
	(void)state;
	f.enters = false;
	fill();
	for (unsigned i = 0; i < WAITERS; i++)
		assert_true(hold(i, clock_mono_coarse_ms()));
	answer(clock_mono_coarse_ms());
	turn();
	assert_int_equal(f.n_passed, WAITERS);
}

static void
who_has_left_is_passed_over(void **state)
{
	(void)state;
	fill();
	assert_true(hold(0, clock_mono_coarse_ms()));
	assert_true(hold(1, clock_mono_coarse_ms()));
	gate_waiter_leave(&f.waiters[0]);
	answer(clock_mono_coarse_ms());
	turn();
	assert_int_equal(f.n_passed, 1);
	assert_int_equal(f.passed[0], 1);
}

/* Lets the timers run to where every patience that begins at `since` has ended. */
static void
wait_from(uint64_t since)
{
	timers_run(&f.timers, since + GATE_WAIT_MS + (uint64_t)2 * TIMER_TICK_MS);
	turn();
}

static void
a_backend_that_answers_nobody_holds_nobody_for_long(void **state)
{
	uint64_t now = clock_mono_coarse_ms();

	(void)state;
	fill();
	assert_true(hold(0, now - GATE_STALL_MS));
	assert_true(hold(1, now));
	wait_from(now);
	assert_int_equal(f.n_passed, 2);
	assert_false(hold(2, now + 1));
	/* For a time. */
	assert_true(hold(2, now + (uint64_t)2 * GATE_OPEN_MS));
}

static void
answers_keep_it_shut_but_not_for_ever(void **state)
{
	uint64_t now = clock_mono_coarse_ms();

	(void)state;
	fill();
	assert_true(hold(0, now - GATE_STALL_MS));
	assert_true(hold(1, now - GATE_STALL_MS));
	answer(now);
	turn();
	assert_int_equal(f.n_passed, 1);
	wait_from(now);
	assert_int_equal(f.n_passed, 1);
	assert_int_not_equal(f.gate.timer.deadline_ms, 0);

	gate_waiter_leave(&f.waiters[1]);
	assert_true(hold(1, now - GATE_WAIT_MS));
	answer(now);
	gate_enter(&f.gate);
	wait_from(now + GATE_WAIT_MS);
	assert_int_equal(f.n_passed, 2);
}

static void
each_time_it_opens_again_it_opens_for_longer(void **state)
{
	uint64_t now = clock_mono_coarse_ms(), open = GATE_OPEN_MS;

	(void)state;
	fill();
	for (unsigned i = 0; i < 12; i++) {
		f.gate.open_until_ms = i ? now - GATE_STALL_MS : 0;
		f.n_passed = 0;
		assert_true(hold(0, now - GATE_STALL_MS));
		wait_from(now + i * (uint64_t)GATE_WAIT_MS * 4);
		assert_int_equal(f.n_passed, 1);
		assert_int_equal(f.gate.open_ms, open);
		open = open * 2 < GATE_OPEN_MAX_MS ? open * 2 : GATE_OPEN_MAX_MS;
	}
	f.gate.open_until_ms = now - (uint64_t)2 * GATE_OPEN_MAX_MS;
	f.n_passed = 0;
	assert_true(hold(0, now - GATE_STALL_MS));
	wait_from(now + (uint64_t)GATE_WAIT_MS * 64);
	assert_int_equal(f.n_passed, 1);
	assert_int_equal(f.gate.open_ms, GATE_OPEN_MS);
}

/* Its patience ended and the gate opened, but the thread stood still until that was over. */
static void
who_finds_it_shut_again_has_a_timer(void **state)
{
	uint64_t now = clock_mono_coarse_ms();

	(void)state;
	fill();
	assert_true(hold(0, now - GATE_WAIT_MS));
	timers_run(&f.timers, now + (uint64_t)2 * TIMER_TICK_MS);
	assert_true(f.gate.open_until_ms > now);
	assert_int_equal(f.gate.timer.deadline_ms, 0);
	f.gate.open_until_ms = now;
	turn();
	assert_int_equal(f.n_passed, 0);
	assert_int_not_equal(f.gate.timer.deadline_ms, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			nobody_waits_while_there_is_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			each_answer_lets_one_through_in_order_and_not_from_inside, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			who_goes_on_without_asking_makes_room_for_the_next, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_has_left_is_passed_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_backend_that_answers_nobody_holds_nobody_for_long, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			answers_keep_it_shut_but_not_for_ever, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			each_time_it_opens_again_it_opens_for_longer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			who_finds_it_shut_again_has_a_timer, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
