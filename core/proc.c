/*
 * Processes: fork, arrange descriptors, exec. Between fork and exec only system calls happen,
 * on what was prepared before: another thread of the parent may hold any lock at that moment.
 * A pipe that exec closes brings back why exec failed.
 */
#include "core/proc.h"
#include "core/file.h"
#include "core/own.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TITLE "sluiced: "
#define TITLE_MAX 128
#define FD_END 5   /* the first number that the child does not get */
#define FD_HIGH 16 /* above all of the numbers that the child gets */
#define EXIT_NOT_EXECUTED 127

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS 10000
#define BACKOFF_SETTLED_MS 60000

/* What the new process is to become; prepared before fork, only read after it. */
struct launch {
	const char *path; /* or NULL: the binary descriptor */
	char *const *argv, *const *env;
	int null_fd, channel_fd, binary_fd, report_fd; /* -1 for none */
	bool give_binary;
	enum proc_apart apart;
	int death_signal; /* sent to it when we die; 0 for none */
	pid_t parent;
};

int
proc_open_self(struct err *e)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_errno(e, errno, "/proc/self/exe") : fd;
}

/* Handlers of ours mean nothing after exec, but ignored signals would stay ignored. */
static void
reset_signals(void)
{
	struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &standard, NULL);
	sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/* Puts fd at number `to` of the child; when there is none, nothing shall be there. */
static int
place(int fd, int to, bool keep)
{
	if (fd < 0)
		return close_range((unsigned)to, (unsigned)to, 0);
	return dup3(fd, to, keep ? 0 : O_CLOEXEC);
}

static int
move_high(int fd)
{
	return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FD_HIGH);
}

/* First all are moved out of the way, then each to its number: so no order can go wrong. */
static int
arrange_descriptors(const struct launch *l, unsigned report)
{
	int null_fd = move_high(l->null_fd);
	int error_fd = move_high(STDERR_FILENO);
	int channel = move_high(l->channel_fd);
	int binary = move_high(l->binary_fd);

	/* Our standard error may be closed; all else must be there. */
	if (error_fd < 0)
		error_fd = null_fd;
	if (null_fd < 0 || (l->channel_fd >= 0 && channel < 0) || (l->binary_fd >= 0 && binary < 0))
		return -1;
	if (place(null_fd, STDIN_FILENO, true) < 0 || place(error_fd, STDOUT_FILENO, true) < 0 ||
		place(error_fd, STDERR_FILENO, true) < 0 ||
		place(channel, PROC_FD_CHANNEL, true) < 0 ||
		place(binary, PROC_FD_BINARY, l->give_binary) < 0)
		return -1;
	return close_range(FD_END, report - 1, 0) < 0 ? -1 : close_range(report + 1, ~0U, 0);
}

/* The child's half: ends in exec, or in _exit with the errno written to the report pipe. */
static _Noreturn void
become(const struct launch *l)
{
	int report = move_high(l->report_fd);
	int errnum;
	ssize_t ignored;

	if (report < 0)
		_exit(EXIT_NOT_EXECUTED);
	reset_signals();
	/* "Read your files again" may come before the program has set its handler for it; until
	 * then it has not read them yet, so there is nothing to miss. */
	if (l->path)
		(void)signal(SIGHUP, SIG_IGN);
	if (l->apart == PROC_OWN_GROUP && setpgid(0, 0) < 0)
		goto failed;
	if (l->apart == PROC_OWN_SESSION && setsid() < 0)
		goto failed;
	if (l->death_signal && prctl(PR_SET_PDEATHSIG, l->death_signal, 0, 0, 0) < 0)
		goto failed;
	/* The parent may have died before the line above. */
	if (l->death_signal && getppid() != l->parent)
		_exit(EXIT_NOT_EXECUTED);
	if (arrange_descriptors(l, (unsigned)report) < 0)
		goto failed;
	if (l->path)
		execve(l->path, l->argv, l->env);
	else
		syscall(SYS_execveat, PROC_FD_BINARY, "", l->argv, l->env, AT_EMPTY_PATH);
failed:
	errnum = errno;
	ignored = write(report, &errnum, sizeof(errnum));
	(void)ignored;
	_exit(EXIT_NOT_EXECUTED);
}

/* Waits for exec: the pipe closes without a word when it succeeded. */
static int
read_report(int fd)
{
	int errnum = 0;
	ssize_t n;

	do {
		n = read(fd, &errnum, sizeof(errnum));
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(errnum) ? errnum : 0;
}

/* Forks and lets the child become l. Signals are blocked meanwhile, so that no handler of ours
 * runs in the child. */
static pid_t
fork_into(const struct launch *l)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		become(l);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid;
}

static int
open_pidfd(pid_t pid)
{
	/* The child is not yet waited for, so the number is still its own. Always close-on-exec. */
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int
launch(struct launch *l, const char *what, pid_t *ret_pid, int *ret_pidfd, struct err *e)
{
	_fd_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	_fd_ int report_in = -1;
	_fd_ int report_out = -1;
	_fd_ int pidfd = -1;
	int ends[2], errnum;
	pid_t pid;

	if (null_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, errno, "starting %s", what);
	report_in = ends[0];
	report_out = ends[1];
	l->null_fd = null_fd;
	l->report_fd = report_out;
	l->parent = getpid();
	pid = fork_into(l);
	if (pid < 0)
		return err_errno(e, errno, "starting %s", what);
	report_out = close_fd(report_out);
	errnum = read_report(report_in);
	pidfd = errnum ? -1 : open_pidfd(pid);
	if (!errnum && pidfd < 0) {
		errnum = errno;
		(void)kill(pid, SIGKILL);
	}
	if (errnum) {
		(void)waitpid(pid, NULL, 0);
		return err_errno(e, errnum, "starting %s", what);
	}
	*ret_pid = pid;
	*ret_pidfd = steal_fd(&pidfd);
	return 0;
}

int
proc_spawn(const struct proc_spec *spec, struct proc_child *ret, struct err *e)
{
	char title[TITLE_MAX];
	char *const argv[] = {title, NULL};
	char *const no_env[] = {NULL};
	_fd_ int ours = -1;
	_fd_ int theirs = -1;
	int ends[2];
	struct launch l = {
		.argv = argv,
		.env = spec->env ? spec->env : no_env,
		.binary_fd = spec->binary_fd,
		.give_binary = spec->give_binary,
		.apart = spec->apart,
		/* The others see the end of file on their channel and end in good order. */
		.death_signal = spec->role == ROLE_HELPER ? SIGKILL : 0,
	};

	if (snprintf(title, sizeof(title), TITLE "%s%s%s", role_name(spec->role),
		    spec->job ? " " : "", spec->job ? spec->job : "") >= (int)sizeof(title))
		return err_set(e, "the job's name is too long");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return err_errno(e, errno, "starting %s: socketpair", title);
	ours = ends[0];
	theirs = ends[1];
	l.channel_fd = theirs;
	if (launch(&l, title, &ret->pid, &ret->pidfd, e) < 0)
		return -1;
	ret->channel = steal_fd(&ours);
	return 0;
}

int
proc_spawn_program(const char *path, char *const argv[], enum proc_apart apart, pid_t *ret_pid,
	int *ret_pidfd, struct err *e)
{
	char search[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *const env[] = {search, NULL};
	struct launch l = {
		.path = path,
		.argv = argv,
		.env = env,
		.channel_fd = -1,
		.binary_fd = -1,
		.apart = apart,
		.death_signal = SIGTERM,
	};

	return launch(&l, path, ret_pid, ret_pidfd, e);
}

int
proc_parse_argv0(const char *argv0, enum role *ret_role, const char **ret_job)
{
	char name[PROC_NAME_MAX];
	const char *word, *space;
	size_t n;

	if (strncmp(argv0, TITLE, sizeof(TITLE) - 1) != 0)
		return -1;
	word = argv0 + sizeof(TITLE) - 1;
	space = strchr(word, ' ');
	n = space ? (size_t)(space - word) : strlen(word);
	if (n >= sizeof(name))
		return -1;
	memcpy(name, word, n);
	name[n] = '\0';
	if (role_find(name, ret_role) < 0)
		return -1;
	*ret_job = space ? space + 1 : word + n;
	return 0;
}

int
proc_reap(pid_t pid, int *ret_status)
{
	int status = 0;
	pid_t got;

	do {
		got = waitpid(pid, &status, WNOHANG);
	} while (got < 0 && errno == EINTR);
	if (got == 0)
		return 0;
	/* No such child: it was reaped before, its status is lost. */
	*ret_status = got < 0 ? W_EXITCODE(255, 0) : status;
	return 1;
}

const char *
proc_status_text(int status, char out[static PROC_NAME_MAX])
{
	if (WIFSIGNALED(status)) {
		const char *text = sigdescr_np(WTERMSIG(status));

		(void)snprintf(out, PROC_NAME_MAX, "killed by signal %d (%s)", WTERMSIG(status),
			text ? text : "?");
		return out;
	}
	(void)snprintf(out, PROC_NAME_MAX, "exited with %d", WEXITSTATUS(status));
	return out;
}

void
backoff_started(struct backoff *b, uint64_t now_ms)
{
	b->started_ms = now_ms;
}

uint64_t
backoff_next(struct backoff *b, uint64_t now_ms)
{
	uint64_t wait = 0;

	if (now_ms - b->started_ms > BACKOFF_SETTLED_MS)
		b->failures = 0;
	if (b->failures > 0) {
		wait = BACKOFF_FIRST_MS;
		for (uint32_t i = 1; i < b->failures && wait < BACKOFF_MAX_MS; i++)
			wait *= 2;
	}
	if (b->failures < UINT32_MAX)
		b->failures++;
	return wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS;
}
