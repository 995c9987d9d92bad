/* proxy/upstream/waiting.c: connect, wait or fail, over a container's life. Times are in seconds
 * here. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/upstream/waiting.h"

#include <string.h>

#define S 1000u

/* A request that began at 100 s for a container that runs since 10 s; the timeout is 30 s. */
static struct waiting_input
calm(void)
{
	return (struct waiting_input){
		.now = 100 * S,
		.began = 100 * S,
		.connect_timeout = 30 * S,
		.container = true,
		.has_address = true,
		.state = CONTAINER_RUNNING,
		.changed_at = 10 * S,
	};
}

static void
expect_fail(const struct waiting_input *in, uint16_t status)
{
	struct waiting w = waiting_decide(in);

	assert_int_equal(w.verdict, WAITING_FAIL);
	assert_int_equal(w.status, status);
	assert_true(strlen(w.reason) > 0);
}

static void
expect_wait(const struct waiting_input *in, uint64_t until)
{
	struct waiting w = waiting_decide(in);

	assert_int_equal(w.verdict, WAITING_WAIT);
	assert_int_equal(w.until, until);
}

static void
expect_connect(const struct waiting_input *in, uint64_t deadline)
{
	struct waiting w = waiting_decide(in);

	assert_int_equal(w.verdict, WAITING_CONNECT);
	assert_int_equal(w.until, deadline);
}

static void
running_container_is_connected_at_once(void **state)
{
	struct waiting_input in = calm();

	(void)state;
	expect_connect(&in, 130 * S);
	in.changed_at = 0;
	expect_connect(&in, 130 * S);
}

static void
container_that_goes_or_comes_is_waited_for(void **state)
{
	static const enum container_state states[] = {CONTAINER_ABSENT, CONTAINER_STOPPED,
		CONTAINER_STARTING, CONTAINER_FROZEN, CONTAINER_STOPPING};
	struct waiting_input in = calm();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		in.state = states[i];
		in.changed_at = 95 * S;
		in.now = in.began = 100 * S;
		expect_wait(&in, 125 * S);
		in.changed_at = 100 * S;
		expect_wait(&in, 130 * S);
		in.now = 129 * S;
		expect_wait(&in, 130 * S);
		in.now = 130 * S;
		expect_fail(&in, 504);
	}
}

static void
change_while_waiting_counts_anew_but_not_beyond_the_timeout(void **state)
{
	struct waiting_input in = calm();

	(void)state;
	in.state = CONTAINER_STARTING;
	in.changed_at = 120 * S;
	in.now = 121 * S;
	expect_wait(&in, 130 * S);
	in.state = CONTAINER_RUNNING;
	expect_connect(&in, 130 * S);
	in.has_address = false;
	expect_wait(&in, 130 * S);
}

static void
container_that_stopped_long_ago_is_502_at_once(void **state)
{
	struct waiting_input in = calm();

	(void)state;
	in.state = CONTAINER_STOPPED;
	expect_fail(&in, 502);
	in.changed_at = 70 * S;
	expect_fail(&in, 502);
	in.changed_at = 0;
	expect_fail(&in, 502);
}

static void
waiting_that_runs_out_is_504(void **state)
{
	struct waiting_input in = calm();

	(void)state;
	in.state = CONTAINER_STOPPED;
	in.changed_at = 80 * S;
	expect_wait(&in, 110 * S);
	in.now = 110 * S;
	expect_fail(&in, 504);
}

static void
refusal_of_a_calm_container_is_502_at_once(void **state)
{
	static const enum waiting_error errors[] = {
		WAITING_REFUSED, WAITING_UNREACHABLE, WAITING_LOCAL, WAITING_OTHER};
	struct waiting_input in = calm();

	(void)state;
	in.attempts = 1;
	in.error_at = 100 * S;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		in.error = errors[i];
		expect_fail(&in, 502);
	}
}

static void
refusal_after_a_change_is_tried_again(void **state)
{
	static const unsigned pauses[] = {50, 50, 100, 200, 400, 500, 500};
	struct waiting_input in = calm();

	(void)state;
	in.changed_at = 99 * S;
	in.error = WAITING_REFUSED;
	in.error_at = 100 * S;
	for (unsigned i = 0; i < ARRAY_SIZE(pauses); i++) {
		in.attempts = i;
		in.now = 100 * S;
		expect_wait(&in, 100 * S + pauses[i]);
		in.now = 100 * S + pauses[i];
		expect_connect(&in, 130 * S);
	}
	in.error = WAITING_OTHER;
	expect_fail(&in, 502);
}

static void
trying_again_ends_with_the_time_after_the_change(void **state)
{
	struct waiting_input in = calm();

	(void)state;
	in.changed_at = 90 * S;
	in.error = WAITING_UNREACHABLE;
	in.attempts = 9;
	in.error_at = in.now = 119 * S;
	expect_wait(&in, 119 * S + 500);
	in.error_at = in.now = 119 * S + 600;
	expect_fail(&in, 502);
	in.error_at = in.now = 120 * S;
	expect_fail(&in, 502);
}

static void
trying_again_ends_with_the_timeout(void **state)
{
	struct waiting_input in = calm();

	(void)state;
	in.changed_at = 129 * S;
	in.error = WAITING_REFUSED;
	in.attempts = 9;
	in.error_at = in.now = 129 * S + 800;
	expect_wait(&in, 130 * S);
	in.now = 130 * S;
	expect_fail(&in, 504);
}

static void
backend_that_answered_shortly_before_is_given_grace(void **state)
{
	struct waiting_input in = calm();

	(void)state;
	in.error = WAITING_REFUSED;
	in.attempts = 1;
	in.failing_since = in.error_at = 100 * S;
	expect_wait(&in, 100 * S + 50);
	in.error_at = in.now = 104 * S;
	expect_fail(&in, 502);
	/* It began to fail long ago: nobody waits for it any more. */
	in.failing_since = 90 * S;
	in.error_at = in.now = 100 * S;
	expect_fail(&in, 502);
}

static void
backend_that_is_no_container_is_not_waited_for(void **state)
{
	struct waiting_input in = calm();

	(void)state;
	in.container = false;
	in.has_address = false;
	in.state = CONTAINER_ABSENT;
	expect_connect(&in, 130 * S);
	in.error = WAITING_REFUSED;
	in.attempts = 1;
	in.changed_at = in.failing_since = in.error_at = 100 * S;
	expect_fail(&in, 502);
	in.error = WAITING_NO_ERROR;
	in.now = 130 * S;
	expect_fail(&in, 504);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(running_container_is_connected_at_once),
		cmocka_unit_test(container_that_goes_or_comes_is_waited_for),
		cmocka_unit_test(change_while_waiting_counts_anew_but_not_beyond_the_timeout),
		cmocka_unit_test(container_that_stopped_long_ago_is_502_at_once),
		cmocka_unit_test(waiting_that_runs_out_is_504),
		cmocka_unit_test(refusal_of_a_calm_container_is_502_at_once),
		cmocka_unit_test(refusal_after_a_change_is_tried_again),
		cmocka_unit_test(trying_again_ends_with_the_time_after_the_change),
		cmocka_unit_test(trying_again_ends_with_the_timeout),
		cmocka_unit_test(backend_that_answered_shortly_before_is_given_grace),
		cmocka_unit_test(backend_that_is_no_container_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
