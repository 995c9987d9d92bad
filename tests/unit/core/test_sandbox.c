/*
 * core/sandbox.c and its steps: each role is entered in a process of its own, which is looked at
 * from outside and then tries what it may and may not do. Needs root and the users of the table.
 */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "core/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_ENTERED 200
#define KILLED (-SIGSYS)

static char folder[] = "/tmp/test-sandbox-XXXXXX";
static char readable[64], writable[64], outside[64];

/* Runs body in role's sandbox: its exit status, or the negative signal that ended it. */
static int
run_in(enum role role, int (*body)(void))
{
	const struct sandbox_path paths[] = {{readable, false}, {writable, true},
		{"/nonexistent", true}, {"/proc/sys/net", true}};
	struct err e;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (sandbox_enter(role, paths, ARRAY_SIZE(paths), &e) < 0) {
			(void)fprintf(stderr, "%s\n", e.msg);
			_exit(NOT_ENTERED);
		}
		_exit(body());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void
status_line(pid_t pid, const char *key, char out[static 64])
{
	char path[64], line[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	out[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
			(void)snprintf(out, 64, "%.60s", line + strlen(key) + 2);
	}
	(void)fclose(f);
	out[strcspn(out, "\n")] = '\0';
}

static void
assert_status(pid_t pid, const char *key, const char *expected)
{
	char text[64];

	status_line(pid, key, text);
	assert_string_equal(text, expected);
}

/* Enters, says so, and waits to be killed. */
static pid_t
start_entered(enum role role)
{
	int ends[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct err e;

		if (sandbox_enter(role, NULL, 0, &e) < 0 || write(ends[1], "x", 1) != 1)
			_exit(NOT_ENTERED);
		for (;;)
			(void)poll(NULL, 0, -1);
	}
	close_fd(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close_fd(ends[0]);
	return pid;
}

static void
each_role_is_its_user_without_privileges(void **state)
{
	static const struct {
		enum role role;
		const char *caps;
	} rows[] = {
		{ROLE_PROXY, "0000000000000000"},
		{ROLE_ROUTER, "0000000000001000"},
		{ROLE_CONTROL, "0000000000000000"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
		const struct passwd *user = getpwnam(sandbox_user(rows[i].role));
		pid_t pid = start_entered(rows[i].role);
		char ids[64];

		assert_non_null(user);
		(void)snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u", user->pw_uid, user->pw_uid,
			user->pw_uid, user->pw_uid);
		assert_status(pid, "Uid", ids);
		(void)snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u", user->pw_gid, user->pw_gid,
			user->pw_gid, user->pw_gid);
		assert_status(pid, "Gid", ids);
		assert_status(pid, "Groups", " ");
		assert_status(pid, "CapEff", rows[i].caps);
		assert_status(pid, "CapPrm", rows[i].caps);
		assert_status(pid, "CapInh", "0000000000000000");
		assert_status(pid, "CapBnd", "0000000000000000");
		assert_status(pid, "CapAmb", "0000000000000000");
		assert_status(pid, "NoNewPrivs", "1");
		assert_status(pid, "Seccomp", "2");
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}

static void *
thread_body(void *arg)
{
	return arg;
}

static int
common_work(void)
{
	void *memory = malloc(1 << 22);
	int pair[2];

	if (!memory || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
		epoll_create1(EPOLL_CLOEXEC) < 0 || eventfd(0, EFD_CLOEXEC) < 0 ||
		timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC) < 0)
		return errno;
	memset(memory, 1, 1 << 22);
	free(memory);
	/* isatty of anything, and a write of a line. */
	return isatty(pair[0]) ? EINVAL : 0;
}

static int
proxy_work(void)
{
	static const int families[] = {AF_INET, AF_INET6};
	pthread_t thread;

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (socket(families[i], SOCK_STREAM | SOCK_CLOEXEC, 0) < 0)
			return errno;
	}
	if (pthread_create(&thread, NULL, thread_body, NULL) != 0)
		return EAGAIN;
	(void)pthread_join(thread, NULL);
	return common_work();
}

static int
router_work(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int filter = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (route < 0 || filter < 0 ||
		bind(route, (struct sockaddr *)&address, sizeof(address)) < 0)
		return errno;
	return common_work();
}

static int
rewrite_a_sysctl(void)
{
	static const char path[] = "/proc/sys/net/ipv4/ip_forward";
	_fd_ int fd = open(path, O_RDWR | O_CLOEXEC);
	char value[8];
	ssize_t n = read(fd, value, sizeof(value));

	return fd < 0 || n <= 0 || pwrite(fd, value, (size_t)n, 0) != n ? errno : 0;
}

static void
each_role_can_do_its_work(void **state)
{
	(void)state;
	assert_int_equal(run_in(ROLE_PROXY, proxy_work), 0);
	assert_int_equal(run_in(ROLE_ROUTER, router_work), 0);
	assert_int_equal(run_in(ROLE_ROUTER, rewrite_a_sysctl), 0);
	assert_int_equal(run_in(ROLE_CONTROL, common_work), 0);
}

static int
open_packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0) < 0 ? errno : 0;
}

static int
open_inet_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ? errno : 0;
}

static int
open_audit_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT) < 0 ? errno : 0;
}

static int
open_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 ? errno : 0;
}

static int
bind_a_port(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ? errno : 0;
}

static int
change_root(void)
{
	return chroot("/") < 0 ? errno : 0;
}

static int
make_namespace(void)
{
	return unshare(CLONE_NEWUSER) < 0 ? errno : 0;
}

static int
become_root(void)
{
	return setuid(0) < 0 ? errno : 0;
}

static void
what_no_role_needs_kills_it(void **state)
{
	static const enum role roles[] = {ROLE_PROXY, ROLE_ROUTER, ROLE_CONTROL};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		assert_int_equal(run_in(roles[i], open_packet_socket), KILLED);
		assert_int_equal(run_in(roles[i], open_audit_socket), KILLED);
		assert_int_equal(run_in(roles[i], change_root), KILLED);
		assert_int_equal(run_in(roles[i], make_namespace), KILLED);
		assert_int_equal(run_in(roles[i], become_root), KILLED);
	}
	assert_int_equal(run_in(ROLE_PROXY, bind_a_port), KILLED);
	assert_int_equal(run_in(ROLE_PROXY, open_unix_socket), KILLED);
	assert_int_equal(run_in(ROLE_ROUTER, open_inet_socket), KILLED);
	assert_int_equal(run_in(ROLE_CONTROL, open_inet_socket), KILLED);
}

#ifndef SLUICE_SANITIZED
static int
fork_once(void)
{
	return fork() < 0 ? errno : 0;
}

static int
map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? errno
		       : 0;
}

static void
no_processes_and_no_new_code(void **state)
{
	(void)state;
	assert_int_equal(run_in(ROLE_PROXY, fork_once), KILLED);
	assert_int_equal(run_in(ROLE_CONTROL, fork_once), KILLED);
	assert_int_equal(run_in(ROLE_PROXY, map_code), KILLED);
}
#endif

static int
open_readable(void)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s/file", readable);
	return open(path, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int
write_readable(void)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s/file", readable);
	return open(path, O_WRONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static int
create_in_writable(void)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s/new", writable);
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) < 0 ? errno : 0;
}

static int
open_outside(void)
{
	return open(outside, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

/* Everybody may read and write all of these files, so only Landlock can refuse. */
static void
files_beyond_the_given_paths_are_out_of_reach(void **state)
{
	(void)state;
	assert_int_equal(run_in(ROLE_PARENT, open_outside), 0);
	assert_int_equal(run_in(ROLE_PROXY, open_readable), 0);
	assert_int_equal(run_in(ROLE_PROXY, write_readable), EACCES);
	assert_int_equal(run_in(ROLE_PROXY, create_in_writable), 0);
	assert_int_equal(run_in(ROLE_PROXY, open_outside), EACCES);
}

static int
am_i_root(void)
{
	return geteuid() == 0 ? 0 : EPERM;
}

static void
roles_without_a_sandbox_keep_all(void **state)
{
	static const enum role roles[] = {ROLE_PARENT, ROLE_LXC, ROLE_HELPER};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		assert_null(sandbox_user(roles[i]));
		assert_int_equal(run_in(roles[i], am_i_root), 0);
		assert_int_equal(run_in(roles[i], become_root), 0);
	}
}

static void
the_probe_finds_everything_refused(void **state)
{
	struct err e = {0};
	int allowed = sandbox_probe(&e);

	(void)state;
	if (allowed < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(allowed, 0);
}

static void
make_file(const char *path)
{
	_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0666), 0);
}

static int
make_files(void **state)
{
	char path[80];

	(void)state;
	if (!mkdtemp(folder) || chmod(folder, 0755) < 0)
		return -1;
	(void)snprintf(readable, sizeof(readable), "%s/r", folder);
	(void)snprintf(writable, sizeof(writable), "%s/w", folder);
	(void)snprintf(outside, sizeof(outside), "%s/outside", folder);
	(void)snprintf(path, sizeof(path), "%s/file", readable);
	if (mkdir(readable, 0755) < 0 || mkdir(writable, 0755) < 0 || chmod(writable, 0777) < 0)
		return -1;
	make_file(path);
	make_file(outside);
	return 0;
}

static int
remove_files(void **state)
{
	static const char *const leaves[] = {"r/file", "w/new", "outside", "r", "w", ""};
	char path[80];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, leaves[i]);
		if (remove(path) < 0 && errno != ENOENT)
			return -1;
	}
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_role_is_its_user_without_privileges),
		cmocka_unit_test(each_role_can_do_its_work),
		cmocka_unit_test(what_no_role_needs_kills_it),
#ifndef SLUICE_SANITIZED
		cmocka_unit_test(no_processes_and_no_new_code),
#endif
		cmocka_unit_test(files_beyond_the_given_paths_are_out_of_reach),
		cmocka_unit_test(roles_without_a_sandbox_keep_all),
		cmocka_unit_test(the_probe_finds_everything_refused),
	};
	struct err e;

	if (geteuid() != 0 || sandbox_users_check(&e) < 0) {
		(void)printf("SKIPPED: %s\n", geteuid() ? "not root" : e.msg);
		return 77;
	}
	return cmocka_run_group_tests(tests, make_files, remove_files);
}
