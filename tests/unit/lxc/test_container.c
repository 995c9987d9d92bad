/* The state machine of containers: its invariants over all cells, and the ways through it. */
#include "lxc/container.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct container_step
step(enum container_state state, enum container_event event)
{
	return container_next(state, event);
}

static void
seeing_it_stopped_or_absent_always_wins(void **state)
{
	(void)state;
	for (unsigned s = 0; s < CONTAINER_STATE_COUNT; s++) {
		enum container_state from = (enum container_state)s;

		assert_int_equal(step(from, EVENT_SEEN_ABSENT).state, CONTAINER_ABSENT);
		assert_int_equal(step(from, EVENT_SEEN_STOPPED).state, CONTAINER_STOPPED);
	}
}

static void
seeing_it_run_always_takes_hold_of_its_init(void **state)
{
	(void)state;
	for (unsigned s = 0; s < CONTAINER_STATE_COUNT; s++) {
		enum container_state from = (enum container_state)s;

		assert_int_equal(step(from, EVENT_SEEN_RUNNING).state, CONTAINER_RUNNING);
		assert_int_equal(step(from, EVENT_SEEN_RUNNING).action, ACTION_WATCH);
		assert_int_equal(step(from, EVENT_SEEN_FROZEN).state, CONTAINER_FROZEN);
		assert_int_equal(step(from, EVENT_SEEN_FROZEN).action, ACTION_WATCH);
	}
}

static void
an_end_is_decided_upon_only_when_nobody_asked_for_it(void **state)
{
	(void)state;
	assert_int_equal(step(CONTAINER_RUNNING, EVENT_EXITED).action, ACTION_DECIDE);
	assert_int_equal(step(CONTAINER_FROZEN, EVENT_EXITED).action, ACTION_DECIDE);
	assert_int_equal(step(CONTAINER_STOPPING, EVENT_EXITED).action, ACTION_FORGET);
	assert_int_equal(step(CONTAINER_STOPPING, EVENT_EXITED).state, CONTAINER_STOPPED);
}

static void
leaving_a_state_with_an_init_lets_go_of_it(void **state)
{
	static const enum container_state up[] = {
		CONTAINER_RUNNING, CONTAINER_FROZEN, CONTAINER_STOPPING};

	(void)state;
	for (unsigned i = 0; i < sizeof(up) / sizeof(up[0]); i++) {
		for (unsigned e = 0; e < EVENT_COUNT; e++) {
			struct container_step next = step(up[i], (enum container_event)e);

			if (next.state == CONTAINER_STOPPED || next.state == CONTAINER_ABSENT)
				assert_true(next.action == ACTION_FORGET ||
					    next.action == ACTION_DECIDE);
		}
	}
}

static void
every_failure_is_followed_by_a_question(void **state)
{
	static const enum container_event failures[] = {EVENT_START_FAILED, EVENT_STOP_FAILED};

	(void)state;
	for (unsigned i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		for (unsigned s = 0; s < CONTAINER_STATE_COUNT; s++)
			assert_int_equal(
				step((enum container_state)s, failures[i]).action, ACTION_QUERY);
	}
}

static void
a_container_lives_from_creation_to_its_end(void **state)
{
	static const struct {
		enum container_event event;
		enum container_state then;
	} life[] = {
		{EVENT_CREATE, CONTAINER_STARTING},
		{EVENT_CREATE_DONE, CONTAINER_STOPPED},
		{EVENT_START, CONTAINER_STARTING},
		{EVENT_SEEN_RUNNING, CONTAINER_RUNNING},
		{EVENT_SEEN_FROZEN, CONTAINER_FROZEN},
		{EVENT_SEEN_RUNNING, CONTAINER_RUNNING},
		{EVENT_STOP, CONTAINER_STOPPING},
		{EVENT_EXITED, CONTAINER_STOPPED},
		{EVENT_SEEN_STARTING, CONTAINER_STARTING},
		{EVENT_SEEN_RUNNING, CONTAINER_RUNNING},
		{EVENT_EXITED, CONTAINER_STOPPED},
	};
	enum container_state now = CONTAINER_ABSENT;

	(void)state;
	for (unsigned i = 0; i < sizeof(life) / sizeof(life[0]); i++) {
		now = step(now, life[i].event).state;
		assert_int_equal(now, life[i].then);
	}
}

static void
starting_what_runs_changes_nothing(void **state)
{
	(void)state;
	assert_int_equal(step(CONTAINER_RUNNING, EVENT_START).state, CONTAINER_RUNNING);
	assert_int_equal(step(CONTAINER_FROZEN, EVENT_START).state, CONTAINER_FROZEN);
	assert_int_equal(step(CONTAINER_STOPPED, EVENT_STOP).state, CONTAINER_STOPPED);
	assert_int_equal(step(CONTAINER_ABSENT, EVENT_STOP).state, CONTAINER_ABSENT);
}

static void
events_have_names(void **state)
{
	(void)state;
	for (unsigned e = 0; e < EVENT_COUNT; e++)
		assert_string_not_equal(container_event_name((enum container_event)e), "?");
	assert_string_equal(container_event_name(EVENT_SEEN_FROZEN), "SEEN_FROZEN");
	assert_string_equal(container_event_name(EVENT_COUNT), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seeing_it_stopped_or_absent_always_wins),
		cmocka_unit_test(seeing_it_run_always_takes_hold_of_its_init),
		cmocka_unit_test(an_end_is_decided_upon_only_when_nobody_asked_for_it),
		cmocka_unit_test(leaving_a_state_with_an_init_lets_go_of_it),
		cmocka_unit_test(every_failure_is_followed_by_a_question),
		cmocka_unit_test(a_container_lives_from_creation_to_its_end),
		cmocka_unit_test(starting_what_runs_changes_nothing),
		cmocka_unit_test(events_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
