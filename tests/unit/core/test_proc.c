/*
 * core/proc.c: this program spawns itself and lets the child tell what it found: its title,
 * descriptors, environment, signals.
 */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "core/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS 10000
#define REPORT_MAX 1024

/* The child's half: one line with all it sees, to its channel. */
static int
report(const char *title)
{
	char text[REPORT_MAX];
	int n = snprintf(text, sizeof(text), "title=%s fds=", title);
	sigset_t mask;
	struct sigaction pipe_action;

	for (int fd = 0; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%d,", fd);
	}
	n += snprintf(text + n, sizeof(text) - (size_t)n, " env=");
	for (char **e = environ; *e; e++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s,", *e);
	(void)pthread_sigmask(SIG_SETMASK, NULL, &mask);
	(void)sigaction(SIGPIPE, NULL, &pipe_action);
	n += snprintf(text + n, sizeof(text) - (size_t)n, " blocked=%d ignored=%d leads=%d",
		sigismember(&mask, SIGTERM), pipe_action.sa_handler == SIG_IGN,
		getpgrp() == getpid());
	if (send(PROC_FD_CHANNEL, text, (size_t)n, MSG_NOSIGNAL) != n)
		return 1;
	/* Until the parent closes, so that it can look at us. */
	while (poll(&(struct pollfd){.fd = PROC_FD_CHANNEL, .events = POLLIN}, 1, -1) < 0)
		continue;
	return 7;
}

static bool
becomes_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, DEADLINE_MS) == 1;
}

/* Spawns, reads the report, closes the channel and waits for the end. */
static void
spawn_and_read(const struct proc_spec *spec, char out[static REPORT_MAX])
{
	struct proc_child child;
	struct err e = {0};
	int status = 0;
	ssize_t n;

	if (proc_spawn(spec, &child, &e) < 0)
		fail_msg("%s", e.msg);
	assert_true(becomes_readable(child.channel));
	n = recv(child.channel, out, REPORT_MAX - 1, 0);
	assert_true(n > 0);
	out[n] = '\0';
	assert_int_equal(proc_reap(child.pid, &status), 0);
	assert_int_equal(close_fd(child.channel), -1);
	assert_true(becomes_readable(child.pidfd));
	assert_int_equal(proc_reap(child.pid, &status), 1);
	assert_int_equal(WEXITSTATUS(status), 7);
	close_fd(child.pidfd);
}

static int
binary(void)
{
	int fd = proc_open_self(NULL);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	return fd;
}

static void
a_child_has_its_title_its_descriptors_and_nothing_else(void **state)
{
	_fd_ int fd = binary();
	char text[REPORT_MAX];

	(void)state;
	assert_int_equal(setenv("SECRET", "x", 1), 0); /* NOLINT(concurrency-mt-unsafe) */
	spawn_and_read(&(struct proc_spec){.role = ROLE_PROXY, .binary_fd = fd}, text);
	assert_non_null(strstr(text, "title=sluiced: proxy fds=0,1,2,3, env= "));
}

static void
the_lxc_role_gets_the_binary_and_what_env_names(void **state)
{
	_fd_ int fd = binary();
	char variable[] = "SLUICE_LOG=debug,json";
	char *const env[] = {variable, NULL};
	const struct proc_spec spec = {.role = ROLE_LXC,
		.binary_fd = fd,
		.give_binary = true,
		.env = env,
		.apart = PROC_OWN_SESSION};
	char text[REPORT_MAX];

	(void)state;
	spawn_and_read(&spec, text);
	assert_non_null(
		strstr(text, "title=sluiced: lxc fds=0,1,2,3,4, env=SLUICE_LOG=debug,json,"));
	assert_non_null(strstr(text, "leads=1"));
}

static void
blocked_and_ignored_signals_are_not_inherited(void **state)
{
	_fd_ int fd = binary();
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t term;
	char text[REPORT_MAX];

	(void)state;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &term, NULL), 0);
	assert_int_equal(sigaction(SIGPIPE, &ignore, NULL), 0);
	spawn_and_read(&(struct proc_spec){.role = ROLE_ROUTER, .binary_fd = fd}, text);
	assert_non_null(strstr(text, "blocked=0 ignored=0 leads=0"));
	assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &term, NULL), 0);
}

/* The parent's own descriptors may lie on the very numbers that the child is to have. */
static void
overlapping_descriptors_are_sorted_out(void **state)
{
	static const int holes[] = {0, 3, 4, 5, 6};
	int saved[ARRAY_SIZE(holes)];
	char text[REPORT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(holes); i++) {
		saved[i] = fcntl(holes[i], F_DUPFD_CLOEXEC, 100);
		close_fd(holes[i]);
	}
	for (int round = 0; round < 6; round++) {
		_fd_ int fd = binary();
		struct proc_spec spec = {.role = ROLE_LXC, .binary_fd = fd, .give_binary = true};

		/* Each round, the next hole is filled before, so all numbers move by one. */
		spawn_and_read(&spec, text);
		assert_non_null(strstr(text, "fds=0,1,2,3,4, "));
		assert_true(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0) >= 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(holes); i++) {
		if (saved[i] < 0)
			close_fd(holes[i]);
		else
			assert_int_equal(dup2(saved[i], holes[i]), holes[i]);
		close_fd(saved[i]);
	}
}

static void
a_job_stands_in_the_title(void **state)
{
	_fd_ int fd = binary();
	char text[REPORT_MAX], job[200];
	struct proc_child child;
	struct err e;

	(void)state;
	spawn_and_read(
		&(struct proc_spec){.role = ROLE_HELPER, .job = "start", .binary_fd = fd}, text);
	assert_non_null(strstr(text, "title=sluiced: helper start fds="));
	memset(job, 'x', sizeof(job) - 1);
	job[sizeof(job) - 1] = '\0';
	assert_int_equal(
		proc_spawn(&(struct proc_spec){.role = ROLE_HELPER, .job = job, .binary_fd = fd},
			&child, &e),
		-1);
}

static void
a_binary_that_is_none_is_an_error_at_once(void **state)
{
	_fd_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct proc_child child = {.pid = -5};
	struct err e;

	(void)state;
	assert_int_equal(
		proc_spawn(&(struct proc_spec){.role = ROLE_PROXY, .binary_fd = fd}, &child, &e),
		-1);
	assert_non_null(strstr(e.msg, "starting sluiced: proxy: Permission denied"));
	assert_int_equal(child.pid, -5);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombie is left */
	assert_int_equal(errno, ECHILD);
}

/* A parent that ends without a word; its helper must end, too. */
static void
a_helper_dies_with_its_parent(void **state)
{
	_fd_ int helper = -1;
	int ends[2];
	pid_t pid, middle;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	middle = fork();
	if (middle == 0) {
		struct proc_spec spec = {
			.role = ROLE_HELPER, .job = "hang", .binary_fd = proc_open_self(NULL)};
		struct proc_child child;

		if (proc_spawn(&spec, &child, NULL) < 0 ||
			write(ends[1], &child.pid, sizeof(child.pid)) < 0)
			_exit(1);
		(void)pause();
		_exit(0);
	}
	assert_int_equal(read(ends[0], &pid, sizeof(pid)), sizeof(pid));
	helper = pidfd_open(pid, 0);
	assert_true(helper >= 0);
	assert_int_equal(poll(&(struct pollfd){.fd = helper, .events = POLLIN}, 1, 0), 0);
	assert_int_equal(kill(middle, SIGKILL), 0);
	assert_int_equal(waitpid(middle, NULL, 0), middle);
	assert_true(becomes_readable(helper));
	close_fd(ends[0]);
	close_fd(ends[1]);
}

static void
another_program_by_path(void **state)
{
	char name[] = "sh", option[] = "-c", script[] = "exit $(ls /proc/self/fd | wc -l)";
	char *const argv[] = {name, option, script, NULL};
	int pidfd = -1, status = 0;
	pid_t pid = 0;
	struct err e;

	(void)state;
	assert_int_equal(proc_spawn_program("/bin/sh", argv, PROC_OWN_GROUP, &pid, &pidfd, &e), 0);
	assert_true(becomes_readable(pidfd));
	assert_int_equal(proc_reap(pid, &status), 1);
	assert_int_equal(WEXITSTATUS(status), 4); /* 0, 1, 2, and the folder that ls reads */
	close_fd(pidfd);
	assert_int_equal(
		proc_spawn_program("/nonexistent", argv, PROC_TOGETHER, &pid, &pidfd, &e), -1);
	assert_string_equal(e.msg, "starting /nonexistent: No such file or directory");
}

static void
a_child_that_was_reaped_before_has_ended(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(proc_reap(pid, &status), 1);
	assert_int_equal(WEXITSTATUS(status), 255);
}

static void
titles_are_parsed_strictly(void **state)
{
	static const char *const wrong[] = {"", "sluiced", "./sluiced", "sluiced: ", "sluiced: x",
		"sluiced:proxy", "sluiced: proxyx", "sluice: proxy", "sluiced:  proxy"};
	enum role role = ROLE_COUNT;
	const char *job = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(proc_parse_argv0(wrong[i], &role, &job), -1);
	assert_int_equal(role, ROLE_COUNT);
	assert_int_equal(proc_parse_argv0("sluiced: control", &role, &job), 0);
	assert_int_equal(role, ROLE_CONTROL);
	assert_string_equal(job, "");
	assert_int_equal(proc_parse_argv0("sluiced: helper stop web", &role, &job), 0);
	assert_int_equal(role, ROLE_HELPER);
	assert_string_equal(job, "stop web");
}

static void
statuses_in_words(void **state)
{
	char text[PROC_NAME_MAX];

	(void)state;
	assert_string_equal(proc_status_text(W_EXITCODE(3, 0), text), "exited with 3");
	assert_string_equal(
		proc_status_text(W_EXITCODE(0, SIGKILL), text), "killed by signal 9 (Killed)");
	assert_string_equal(proc_status_text(W_EXITCODE(0, SIGSYS), text),
		"killed by signal 31 (Bad system call)");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_has_its_title_its_descriptors_and_nothing_else),
		cmocka_unit_test(the_lxc_role_gets_the_binary_and_what_env_names),
		cmocka_unit_test(blocked_and_ignored_signals_are_not_inherited),
		cmocka_unit_test(overlapping_descriptors_are_sorted_out),
		cmocka_unit_test(a_job_stands_in_the_title),
		cmocka_unit_test(a_binary_that_is_none_is_an_error_at_once),
		cmocka_unit_test(a_helper_dies_with_its_parent),
		cmocka_unit_test(another_program_by_path),
		cmocka_unit_test(a_child_that_was_reaped_before_has_ended),
		cmocka_unit_test(titles_are_parsed_strictly),
		cmocka_unit_test(statuses_in_words),
	};
	enum role role;
	const char *job;

	if (argc > 0 && proc_parse_argv0(argv[0], &role, &job) == 0) {
		while (strcmp(job, "hang") == 0)
			(void)pause();
		return report(argv[0]);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
