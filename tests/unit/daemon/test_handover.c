/* daemon/handover.c: what one program hands to the next is read as it was written. */
#include "tests/unit/daemon/unit.h"

#include "core/own.h"
#include "daemon/handover.h"

#include <fcntl.h>

static void
descriptors_are_found_wherever_they_stand(void **state)
{
	json_t *h = json_loads("{\"lock_fd\":7,\"group\":9,\"listeners\":[{\"fds\":[11,12],"
			       "\"port\":80}],\"dnsmasq\":{\"pid\":4,\"pid_fd\":13},"
			       "\"files\":[{\"path\":\"x\",\"sealed_fd\":14}]}",
		0, NULL);
	static const int expected[] = {7, 11, 12, 13, 14};
	int fds[8];
	size_t n;

	(void)state;
	assert_non_null(h);
	assert_int_equal(handover_fds(h, fds, ARRAY_SIZE(fds), &n), 0);
	assert_int_equal(n, ARRAY_SIZE(expected));
	for (size_t i = 0; i < n; i++)
		assert_int_equal(fds[i], expected[i]);
	assert_int_equal(handover_fds(h, fds, 4, &n), -1);
	json_decref(h);
}

static void
an_object_survives_the_memfd(void **state)
{
	json_t *h = json_pack("{s:i, s:s}", "upgrades", 3, "version", "0.1"), *again;
	struct err e = {0};
	int fd = handover_seal(h, &e);

	(void)state;
	assert_true(fd >= 0);
	again = handover_read(fd, &e);
	assert_true(json_equal(h, again));
	assert_int_equal(handover_number(again, "upgrades"), 3);
	assert_int_equal(handover_number(again, "missing"), 0);
	assert_int_equal(handover_number(again, "version"), 0);
	json_decref(again);
	json_decref(h);
	close(fd);
}

static void
a_descriptor_that_is_not_open_is_none(void **state)
{
	int fd = open("/dev/null", O_RDONLY);
	json_t *h =
		json_pack("{s:i, s:i, s:i, s:s}", "a_fd", fd, "b_fd", 9999, "c_fd", 1, "d_fd", "x");

	(void)state;
	assert_int_equal(handover_fd(h, "a_fd"), fd);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(handover_fd(h, "b_fd"), -1);
	assert_int_equal(handover_fd(h, "c_fd"), -1);
	assert_int_equal(handover_fd(h, "d_fd"), -1);
	json_decref(h);
	close(fd);
}

static void
what_is_no_object_is_refused(void **state)
{
	json_t *array = json_array();
	struct err e = {0};
	int fd = handover_seal(array, &e);

	(void)state;
	assert_null(handover_read(fd, &e));
	assert_true(e.msg[0] != '\0');
	close(fd);
	json_decref(array);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors_are_found_wherever_they_stand),
		cmocka_unit_test(an_object_survives_the_memfd),
		cmocka_unit_test(a_descriptor_that_is_not_open_is_none),
		cmocka_unit_test(what_is_no_object_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
