/* What a wait status means, what liblxc's monitor says, and how long is waited before a start. */
#include "lxc/ending.h"

#include "lxc/monitor.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

static void
a_halt_is_told_from_a_kill(void **state)
{
	(void)state;
	assert_int_equal(ending_of_status(SIGINT), ENDING_HALTED); /* reboot(2) */
	assert_int_equal(ending_of_status(SIGHUP), ENDING_REBOOT);
	assert_int_equal(ending_of_status(SIGKILL), ENDING_DIED);
	assert_int_equal(ending_of_status(SIGSEGV | WCOREFLAG), ENDING_DIED);
	assert_int_equal(ending_of_status(W_EXITCODE(0, 0)), ENDING_HALTED);
	assert_int_equal(ending_of_status(W_EXITCODE(1, 0)), ENDING_DIED);
}

static void
the_back_off_doubles_to_a_minute(void **state)
{
	(void)state;
	assert_int_equal(ending_backoff(0), 500);
	assert_int_equal(ending_backoff(1), 1000);
	assert_int_equal(ending_backoff(6), 32000);
	assert_int_equal(ending_backoff(7), 60000);
	assert_int_equal(ending_backoff(UINT32_MAX), 60000);
}

/* As liblxc writes it: int type, char name[256], int value. */
static struct slice
packet(int type, const char *name, int value)
{
	static char bytes[MONITOR_PACKET_SIZE];

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, &type, sizeof(type));
	snprintf(bytes + sizeof(int), 256, "%s", name);
	memcpy(bytes + sizeof(int) + 256, &value, sizeof(value));
	return slice_of(bytes, sizeof(bytes));
}

static void
packets_of_the_monitor_are_understood(void **state)
{
	struct monitor_message m;
	struct slice p = packet(2, "web", 9);

	(void)state;
	assert_int_equal(monitor_parse(p, &m), 0);
	assert_int_equal(m.kind, MONITOR_EXIT);
	assert_true(slice_eq_str(m.name, "web"));
	assert_int_equal(m.value, 9);
	assert_int_equal(monitor_parse(packet(0, "web", 2), &m), 0);
	assert_int_equal(m.kind, MONITOR_STATE);
	assert_int_equal(monitor_parse(packet(1, "web", 2), &m), -1);
	assert_int_equal(monitor_parse(slice_head(p, 100), &m), -1);
	assert_int_equal(monitor_parse((struct slice){0}, &m), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_halt_is_told_from_a_kill),
		cmocka_unit_test(the_back_off_doubles_to_a_minute),
		cmocka_unit_test(packets_of_the_monitor_are_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
