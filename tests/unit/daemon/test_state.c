/* daemon/state.c, records.c, ticket_keys.c, unix_socket.c: what is on disk, in a real folder. */
#include "tests/unit/daemon/unit.h"

#include "core/buf.h"
#include "core/memfd.h"
#include "core/own.h"
#include "daemon/records.h"
#include "daemon/state.h"
#include "daemon/ticket_keys.h"
#include "daemon/unix_socket.h"

#include <sys/socket.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#define HOUR_MS (UINT64_C(3600) * 1000)

static void
a_second_daemon_on_the_same_state_is_refused(void **state)
{
	const struct unit_folder *folder = *state;
	struct err e = {0};
	_fd_ int first = state_lock(folder->path, &e);
	char pid[32];

	assert_true(first >= 0);
	assert_int_equal(state_lock(folder->path, &e), -1);
	(void)snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
	assert_non_null(strstr(e.msg, pid));
	first = close_fd(first);
	first = state_lock(folder->path, &e);
	assert_true(first >= 0);
}

static void
the_first_record_of_a_name_counts(void **state)
{
	char path[UNIT_PATH_MAX];
	struct err e = {0};
	struct buf text;

	unit_path(*state, "router.records", path);
	buf_init(&text, 4096);
	assert_int_equal(records_read(path, &text, &e), 0);
	assert_int_equal(buf_len(&text), 0);
	assert_int_equal(records_add(path, SLICE_LIT("sysctl"), SLICE_LIT("net.ipv4.ip_forward"),
				 SLICE_LIT("0"), &e),
		0);
	assert_int_equal(records_add(path, SLICE_LIT("sysctl"), SLICE_LIT("net.ipv4.ip_forward"),
				 SLICE_LIT("1"), &e),
		0);
	assert_int_equal(
		records_add(path, SLICE_LIT("link"), SLICE_LIT("lxcbr0"), SLICE_LIT(""), &e), 0);
	assert_int_equal(records_read(path, &text, &e), 0);
	assert_true(slice_eq_str(buf_slice(&text), "sysctl net.ipv4.ip_forward 0\nlink lxcbr0 \n"));
	buf_clear(&text);
}

static void
a_record_can_not_forge_another(void **state)
{
	char path[UNIT_PATH_MAX];
	struct err e = {0};

	unit_path(*state, "router.records", path);
	assert_int_equal(records_add(path, SLICE_LIT("sysctl"), SLICE_LIT("a"),
				 SLICE_LIT("0\nsysctl b 1"), &e),
		-1);
	assert_int_equal(
		records_add(path, SLICE_LIT("sysctl"), SLICE_LIT("a b"), SLICE_LIT("0"), &e), -1);
	assert_int_equal(records_add(path, SLICE_LIT(""), SLICE_LIT("a"), SLICE_LIT("0"), &e), -1);
	assert_int_equal(access(path, F_OK), -1);
}

static void
a_fresh_ticket_key_pushes_the_oldest_out(void **state)
{
	unsigned char keys[TICKET_KEYS_MAX * TICKET_KEY_SIZE] = {0}, fresh[TICKET_KEY_SIZE];
	unsigned n = 0;

	(void)state;
	for (unsigned char i = 1; i <= 4; i++) {
		memset(fresh, i, sizeof(fresh));
		n = ticket_keys_push(keys, n, fresh);
	}
	assert_int_equal(n, TICKET_KEYS_MAX);
	assert_int_equal(keys[0], 4);
	assert_int_equal(keys[TICKET_KEY_SIZE], 3);
	assert_int_equal(keys[2 * TICKET_KEY_SIZE], 2);
}

static struct slice
key_at(const struct memfd_map *map, size_t i)
{
	return slice_head(slice_skip(map->bytes, i * TICKET_KEY_SIZE), TICKET_KEY_SIZE);
}

static void
ticket_keys_survive_a_restart_and_age(void **state)
{
	char path[UNIT_PATH_MAX];
	uint64_t now = (uint64_t)time(NULL) * 1000, next = 0;
	struct memfd_map first, again, later;
	struct err e = {0};
	struct stat st;
	unsigned n = 0;

	unit_path(*state, "ticket.keys", path);
	_fd_ int a = ticket_keys_load(path, now, &n, &next, &e);
	assert_int_equal(n, 1);
	_fd_ int b = ticket_keys_load(path, now + HOUR_MS, &n, &next, &e);
	assert_int_equal(n, 1);
	assert_true(next > 4 * HOUR_MS && next < 6 * HOUR_MS);
	_fd_ int c = ticket_keys_load(path, now + 7 * HOUR_MS, &n, &next, &e);
	assert_int_equal(n, 2);
	assert_int_equal(memfd_map(a, 4096, &first, &e), 0);
	assert_int_equal(memfd_map(b, 4096, &again, &e), 0);
	assert_int_equal(memfd_map(c, 4096, &later, &e), 0);
	assert_true(slice_eq(key_at(&first, 0), key_at(&again, 0)));
	assert_true(slice_eq(key_at(&first, 0), key_at(&later, 1)));
	assert_false(slice_eq(key_at(&first, 0), key_at(&later, 0)));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	memfd_unmap(&first);
	memfd_unmap(&again);
	memfd_unmap(&later);
}

/* The file's time is the wall clock's, which may have gone on by a second; the test has its own. */
static void
made_at(const char *path, uint64_t ms)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)(ms / 1000)}};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Whether the key that is written now still decrypts after each of these hours. */
static bool
key_survives(void *state, const unsigned hours[], size_t n_hours)
{
	char path[UNIT_PATH_MAX];
	uint64_t start = (uint64_t)time(NULL) * 1000, next;
	struct memfd_map first = {0}, last = {0};
	struct err e = {0};
	bool found = false;
	unsigned n = 0;
	int fd;

	(void)unlink(unit_path(state, "life.keys", path));
	fd = ticket_keys_load(path, start, &n, &next, &e);
	made_at(path, start);
	assert_int_equal(memfd_map(fd, 4096, &first, &e), 0);
	for (size_t i = 0; i < n_hours; i++) {
		uint64_t now = start + hours[i] * HOUR_MS;

		close_fd(fd);
		fd = ticket_keys_load(path, now, &n, &next, &e);
		assert_true(fd >= 0);
		if (next == TICKET_ROTATE_MS)
			made_at(path, now);
	}
	assert_int_equal(memfd_map(fd, 4096, &last, &e), 0);
	for (size_t i = 0; i < n; i++)
		found = found || slice_eq(key_at(&last, i), key_at(&first, 0));
	memfd_unmap(&first);
	memfd_unmap(&last);
	close_fd(fd);
	return found;
}

static void
a_ticket_key_lives_for_a_day(void **state)
{
	(void)state;
	assert_true(key_survives(*state, (unsigned[]){6, 12, 18}, 3));
	assert_true(key_survives(*state, (unsigned[]){6, 12, 18, 23}, 4));
	assert_false(key_survives(*state, (unsigned[]){6, 12, 18, 24}, 4));
}

static void
a_pause_does_not_make_a_ticket_key_older(void **state)
{
	(void)state;
	assert_true(key_survives(*state, (unsigned[]){20}, 1));
	assert_false(key_survives(*state, (unsigned[]){25}, 1));
	assert_false(key_survives(*state, (unsigned[]){17, 30}, 2));
	assert_false(key_survives(*state, (unsigned[]){1000}, 1));
}

static void
damaged_ticket_keys_are_made_anew(void **state)
{
	char path[UNIT_PATH_MAX];
	uint64_t next;
	struct err e = {0};
	unsigned n = 0;

	unit_write(*state, "ticket.keys", "too short");
	_fd_ int fd = ticket_keys_load(
		unit_path(*state, "ticket.keys", path), (uint64_t)time(NULL) * 1000, &n, &next, &e);
	assert_true(fd >= 0);
	assert_int_equal(n, 1);
}

static void
a_dead_socket_is_replaced_and_a_live_one_is_not(void **state)
{
	char path[UNIT_PATH_MAX];
	struct err e = {0};
	struct stat st;

	unit_path(*state, "control.sock", path);
	_fd_ int first = unix_socket_listen(path, SOCK_STREAM, (gid_t)-1, &e);
	assert_true(first >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(unix_socket_listen(path, SOCK_STREAM, (gid_t)-1, &e), -1);
	assert_non_null(strstr(e.msg, "another sluiced answers"));
	first = close_fd(first);
	_fd_ int second = unix_socket_listen(path, SOCK_STREAM, getgid(), &e);
	assert_true(second >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
}

static void
a_file_in_the_place_of_the_socket_stays(void **state)
{
	char path[UNIT_PATH_MAX];
	struct err e = {0};

	unit_write(*state, "control.sock", "precious");
	unit_path(*state, "control.sock", path);
	assert_int_equal(unix_socket_listen(path, SOCK_STREAM, (gid_t)-1, &e), -1);
	assert_non_null(strstr(e.msg, "not a socket"));
	assert_int_equal(access(path, F_OK), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, unit_folder_new, unit_folder_clear)
	const struct CMUnitTest tests[] = {
		TEST(a_second_daemon_on_the_same_state_is_refused),
		TEST(the_first_record_of_a_name_counts),
		TEST(a_record_can_not_forge_another),
		cmocka_unit_test(a_fresh_ticket_key_pushes_the_oldest_out),
		TEST(ticket_keys_survive_a_restart_and_age),
		TEST(a_ticket_key_lives_for_a_day),
		TEST(a_pause_does_not_make_a_ticket_key_older),
		TEST(damaged_ticket_keys_are_made_anew),
		TEST(a_dead_socket_is_replaced_and_a_live_one_is_not),
		TEST(a_file_in_the_place_of_the_socket_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
