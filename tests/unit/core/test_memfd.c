/* core/memfd.c: sealed files, and what is refused because it is not sealed. */
#include "tests/unit/core/unit.h"

#include "core/memfd.h"
#include "core/own.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void
the_bytes_come_back_and_nobody_changes_them(void **state)
{
	struct memfd_map map;
	struct err e;
	int fd = memfd_new("test", SLICE_LIT("hello"), &e);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 1), -1);
	assert_int_equal(ftruncate(fd, 100), -1);
	assert_int_equal(memfd_map(fd, 5, &map, &e), 0);
	close_fd(fd);
	assert_true(slice_eq_str(map.bytes, "hello"));
	memfd_unmap(&map);
	assert_null(map.base);
	memfd_unmap(&map);
}

static void
an_empty_file_is_an_empty_slice(void **state)
{
	struct memfd_map map;
	struct err e;
	_fd_ int fd = memfd_new("test", slice_str(NULL), &e);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(memfd_map(fd, 5, &map, &e), 0);
	assert_int_equal(map.bytes.n, 0);
	assert_null(map.base);
	memfd_unmap(&map);
}

static void
larger_than_the_maximum_is_refused(void **state)
{
	struct memfd_map map = {.size = 42};
	struct err e;
	_fd_ int fd = memfd_new("test", SLICE_LIT("123456"), &e);

	(void)state;
	assert_int_equal(memfd_map(fd, 5, &map, &e), -1);
	assert_string_equal(e.msg, "memory file of 6 bytes, 5 are allowed");
	assert_int_equal(map.size, 42);
}

static void
what_lacks_a_seal_is_refused(void **state)
{
	static const int seals[] = {F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE};
	_fd_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct memfd_map map;
	struct err e;

	(void)state;
	for (size_t missing = 0; missing < ARRAY_SIZE(seals); missing++) {
		_fd_ int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		int some = 0;

		for (size_t i = 0; i < ARRAY_SIZE(seals); i++)
			some |= i == missing ? 0 : seals[i];
		assert_int_equal(fcntl(fd, F_ADD_SEALS, some), 0);
		assert_int_equal(memfd_map(fd, 5, &map, &e), -1);
	}
	assert_int_equal(memfd_map(null, 5, &map, &e), -1);
	assert_int_equal(memfd_map(-1, 5, &map, &e), -1);
}

static void
a_megabyte_is_written_whole(void **state)
{
	size_t n = 1 << 20;
	char *bytes = malloc(n);
	struct memfd_map map;
	struct err e;
	int fd;

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'x', n);
	fd = memfd_new("test", slice_of(bytes, n), &e);
	assert_int_equal(memfd_map(fd, n, &map, &e), 0);
	assert_true(slice_eq(map.bytes, slice_of(bytes, n)));
	memfd_unmap(&map);
	close_fd(fd);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bytes_come_back_and_nobody_changes_them),
		cmocka_unit_test(an_empty_file_is_an_empty_slice),
		cmocka_unit_test(larger_than_the_maximum_is_refused),
		cmocka_unit_test(what_lacks_a_seal_is_refused),
		cmocka_unit_test(a_megabyte_is_written_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
