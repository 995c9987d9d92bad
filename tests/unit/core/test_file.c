/* core/file.c and core/own.c, on files in a folder of their own. */
#include "tests/unit/core/unit.h"

#include "core/file.h"
#include "core/own.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/test-file-XXXXXX";

static const char *
in_folder(const char *name, char out[static 128])
{
	(void)snprintf(out, 128, "%s/%s", folder, name);
	return out;
}

static bool
holds(const char *path, const char *expected)
{
	struct buf b;
	bool same;

	buf_init(&b, 10000);
	same = file_read(path, &b, NULL) == 0 && slice_eq_str(buf_slice(&b), expected);
	buf_clear(&b);
	return same;
}

static void
what_is_written_is_read(void **state)
{
	char path[128], aside[128];
	struct stat st;
	struct err e;

	(void)state;
	in_folder("a", path);
	assert_int_equal(file_write_atomic(path, SLICE_LIT("one"), 0640, &e), 0);
	assert_true(holds(path, "one"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(file_write_atomic(path, SLICE_LIT(""), 0600, &e), 0);
	assert_true(holds(path, ""));
	assert_int_equal(access(in_folder("a.tmp", aside), F_OK), -1);
}

static void
a_left_over_or_a_link_beside_it_does_no_harm(void **state)
{
	char path[128], aside[128], victim[128];
	struct err e;

	(void)state;
	in_folder("b", path);
	in_folder("b.tmp", aside);
	in_folder("victim", victim);
	assert_int_equal(file_write_atomic(victim, SLICE_LIT("mine"), 0600, &e), 0);
	assert_int_equal(symlink(victim, aside), 0);
	assert_int_equal(file_write_atomic(path, SLICE_LIT("two"), 0600, &e), 0);
	assert_true(holds(path, "two"));
	assert_true(holds(victim, "mine"));
}

static void
a_failed_write_leaves_the_old_file(void **state)
{
	char path[128], inside[160];
	struct err e;

	(void)state;
	in_folder("dir", path);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(inside, sizeof(inside), "%s/x", path);
	assert_int_equal(file_write_atomic(inside, SLICE_LIT("x"), 0600, &e), 0);
	/* A folder can't be replaced by a file. */
	assert_int_equal(file_write_atomic(path, SLICE_LIT("x"), 0600, &e), -1);
	assert_true(holds(inside, "x"));
	assert_int_equal(access(in_folder("dir.tmp", inside), F_OK), -1);
	assert_int_equal(file_write_atomic("/nonexistent/x", SLICE_LIT("x"), 0600, &e), -1);
	assert_string_equal(e.msg, "/nonexistent/x.tmp: No such file or directory");
}

static void
a_file_larger_than_the_buffer_is_an_error(void **state)
{
	char path[128];
	struct buf b;
	struct err e;

	(void)state;
	in_folder("c", path);
	assert_int_equal(file_write_atomic(path, SLICE_LIT("12345"), 0600, &e), 0);
	buf_init(&b, 5);
	assert_int_equal(file_read(path, &b, &e), 0);
	buf_clear(&b);
	buf_init(&b, 4);
	assert_int_equal(file_read(path, &b, &e), -1);
	assert_non_null(strstr(e.msg, "larger than 4 bytes"));
	buf_clear(&b);
}

static void
only_regular_files_are_read(void **state)
{
	char path[128];
	struct buf b;
	struct err e;

	(void)state;
	in_folder("fifo", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	buf_init(&b, 10000);
	assert_int_equal(file_read(path, &b, &e), -1);
	assert_int_equal(file_read(folder, &b, &e), -1);
	assert_int_equal(file_read("/dev/zero", &b, &e), -1);
	assert_int_equal(file_read("/nonexistent", &b, &e), -1);
	assert_string_equal(e.msg, "/nonexistent: No such file or directory");
	assert_int_equal(file_read("/proc/self/status", &b, &e), 0);
	assert_true(buf_len(&b) > 100);
	buf_clear(&b);
}

static void
missing_folders_are_made(void **state)
{
	char path[128];
	struct stat st;
	struct err e;

	(void)state;
	in_folder("x/y//z", path);
	assert_int_equal(file_mkdirs(path, 0750, &e), 0);
	assert_int_equal(file_mkdirs(path, 0700, &e), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(file_mkdirs("", 0700, &e), -1);
	in_folder("x/file", path);
	assert_int_equal(file_write_atomic(path, SLICE_LIT(""), 0600, &e), 0);
	assert_int_equal(file_mkdirs(path, 0700, &e), -1);
	in_folder("x/file/deeper", path);
	assert_int_equal(file_mkdirs(path, 0700, &e), -1);
}

static void
poke_creates_and_truncates_nothing(void **state)
{
	char path[128];
	struct err e;

	(void)state;
	in_folder("poke", path);
	assert_int_equal(file_poke(path, "1", &e), -1);
	assert_int_equal(file_write_atomic(path, SLICE_LIT("00"), 0600, &e), 0);
	assert_int_equal(file_poke(path, "1", &e), 0);
	assert_true(holds(path, "10"));
	assert_int_equal(file_poke("/dev/full", "1", &e), -1);
	assert_non_null(strstr(e.msg, "No space left on device"));
}

static void
a_prepared_descriptor_closes_on_exec_and_never_blocks(void **state)
{
	_fd_ int fd = open("/dev/null", O_RDONLY); /* NOLINT(android-cloexec-open): set below */

	(void)state;
	assert_int_equal(fd_prepare(fd, NULL), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_prepare(-1, NULL), -1);
}

static void
ownership_closes_frees_and_hands_over(void **state)
{
	int kept = -1, closed = -1;
	char *text = NULL;

	(void)state;
	{
		_fd_ int a = open("/dev/null", O_RDONLY | O_CLOEXEC);
		_fd_ int b = open("/dev/null", O_RDONLY | O_CLOEXEC);
		_free_ char *s = strdup("x");

		closed = b;
		kept = steal_fd(&a);
		text = steal_ptr(&s);
		assert_int_equal(a, -1);
		assert_null(s);
		errno = ENOENT;
	}
	assert_int_equal(errno, ENOENT);
	assert_true(fcntl(kept, F_GETFD) >= 0);
	assert_int_equal(fcntl(closed, F_GETFD), -1);
	assert_int_equal(close_fd(kept), -1);
	assert_int_equal(close_fd(-1), -1);
	assert_string_equal(text, "x");
	free(text);
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
remove_folder(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_left_over_or_a_link_beside_it_does_no_harm),
		cmocka_unit_test(a_failed_write_leaves_the_old_file),
		cmocka_unit_test(a_file_larger_than_the_buffer_is_an_error),
		cmocka_unit_test(only_regular_files_are_read),
		cmocka_unit_test(missing_folders_are_made),
		cmocka_unit_test(poke_creates_and_truncates_nothing),
		cmocka_unit_test(a_prepared_descriptor_closes_on_exec_and_never_blocks),
		cmocka_unit_test(ownership_closes_frees_and_hands_over),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
