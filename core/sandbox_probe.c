/*
 * The probe behind `sluiced --probe-sandbox`: attempts what a taken-over process would attempt,
 * in each role's sandbox and, so that the probe itself can fail, once without any. Each attempt
 * runs in a process of its own, because the sandbox kills.
 */
#include "core/own.h"
#include "core/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_NO_SANDBOX 255 /* otherwise the exit status is 0 or an errno */

/* Each returns 0 when it was allowed, else an errno. */
static int
try_execve(void)
{
	char path[] = "/bin/true";
	char *const argv[] = {path, NULL};
	char *const env[] = {NULL};

	(void)execve(path, argv, env);
	return errno;
}

static int
try_shadow(void)
{
	_fd_ int fd = open("/etc/shadow", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? errno : 0;
}

/* A protocol that every kernel has, that needs no privilege, and that no role needs. */
static int
try_netlink(void)
{
	_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	return fd < 0 ? errno : 0;
}

static int
try_ptrace(void)
{
	/* Unlike PTRACE_ATTACH it does not stop the parent, which waits for us. */
	return ptrace(PTRACE_SEIZE, getppid(), NULL, NULL) < 0 ? errno : 0;
}

static const struct attempt {
	const char *name;
	int (*run)(void);
} attempts[] = {
	{"execve", try_execve},
	{"shadow", try_shadow},
	{"netlink", try_netlink},
	{"ptrace", try_ptrace},
};

static const enum role sandboxed[] = {ROLE_PROXY, ROLE_ROUTER, ROLE_CONTROL};

/* role NULL: no sandbox. Returns the wait status, or -1. */
static int
run_attempt(const enum role *role, const struct attempt *a)
{
	struct err e;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (role && sandbox_enter(*role, NULL, 0, &e) < 0) {
			(void)fprintf(stderr, "%s\n", e.msg);
			_exit(EXIT_NO_SANDBOX);
		}
		_exit(a->run());
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

/* Prints one line. 1 when the attempt was allowed, 0 when refused, -1 when neither is known. */
static int
report(const enum role *role, const struct attempt *a, int status)
{
	const char *who = role ? role_name(*role) : "none";
	char reason[128];

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
		(void)printf("%s %s refused killed by SIGSYS\n", who, a->name);
		return 0;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) == EXIT_NO_SANDBOX)
		return -1;
	if (WEXITSTATUS(status) == 0) {
		(void)printf("%s %s ALLOWED\n", who, a->name);
		return 1;
	}
	(void)printf("%s %s refused %s\n", who, a->name,
		strerror_r(WEXITSTATUS(status), reason, sizeof(reason)));
	return 0;
}

static int
probe_one(const enum role *role, const struct attempt *a, struct err *e)
{
	int status;

	(void)fflush(stdout);
	status = run_attempt(role, a);
	if (status >= 0) {
		int allowed = report(role, a, status);

		if (allowed >= 0)
			return allowed;
	}
	return err_set(e, "the probe \"%s\" of %s could not be made", a->name,
		role ? role_name(*role) : "none");
}

int
sandbox_probe(struct err *e)
{
	int allowed = 0;

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		int ret = probe_one(NULL, &attempts[i], e);

		if (ret < 0)
			return -1;
		/* Root may do all of it; otherwise a refusal below would prove nothing. */
		if (ret == 0 && geteuid() == 0)
			return err_set(e, "the probe \"%s\" fails without a sandbox, too",
				attempts[i].name);
	}
	for (size_t r = 0; r < ARRAY_SIZE(sandboxed); r++) {
		for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
			int ret = probe_one(&sandboxed[r], &attempts[i], e);

			if (ret < 0)
				return -1;
			allowed += ret;
		}
	}
	(void)fflush(stdout);
	return allowed;
}
