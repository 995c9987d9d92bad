/*
 * The client of the exec socket. With a terminal it switches to raw mode, so that every key
 * reaches the container, passes changes of the window's size on, and puts the terminal back
 * whatever happens, fatal signals included.
 */
#include "daemon/ctl/ctl_exec.h"

#include "core/own.h"
#include "daemon/ctl/ctl_client.h"
#include "daemon/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define SIGNAL_STATUS 128 /* + n, as shells say it */

struct session {
	int fd;        /* to the daemon, then to the helper */
	int signal_fd; /* -1 without a terminal */
	bool tty;
	struct termios saved;
	int flags[3]; /* of our descriptors: a helper may have made them non-blocking */
};

static void
get_size(uint16_t *rows, uint16_t *columns)
{
	struct winsize size = {0};

	(void)ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
	*rows = size.ws_row;
	*columns = size.ws_col;
}

static void
restore(struct session *s)
{
	if (s->tty)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &s->saved);
	for (int i = 0; i < 3; i++)
		if (s->flags[i] >= 0)
			(void)fcntl(i, F_SETFL, s->flags[i]);
	close_fd(s->signal_fd);
	close_fd(s->fd);
}

/* From here on the signals come through a descriptor, so that nothing ends us with the terminal
 * in raw mode. */
static int
enter_raw(struct session *s, struct err *e)
{
	struct termios raw;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	if (tcgetattr(STDIN_FILENO, &s->saved) < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_errno(e, errno, "cannot use the terminal");
	s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signal_fd < 0)
		return err_errno(e, errno, "cannot wait for signals");
	raw = s->saved;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
		return err_errno(e, errno, "cannot use the terminal");
	s->tty = true;
	return 0;
}

/* Returns the exit status when the signal ends us, else -1. */
static int
on_signal(struct session *s)
{
	struct signalfd_siginfo info;
	uint16_t rows, columns;

	if (read(s->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return -1;
	if (info.ssi_signo != SIGWINCH)
		return SIGNAL_STATUS + (int)info.ssi_signo;
	get_size(&rows, &columns);
	(void)exec_send_size(s->fd, rows, columns);
	return -1;
}

/* Takes the last packet. The exit status. */
static int
on_packet(struct session *s, struct err *e)
{
	char packet[EXEC_PACKET_MAX];
	ssize_t n = exec_recv_packet(s->fd, packet, sizeof(packet));
	struct slice why;
	uint8_t status;

	if (n <= 0) {
		err_set(e, "the connection to the container was lost");
		return EXEC_STATUS_FAILED;
	}
	if (exec_status_parse(slice_of(packet, (size_t)n), &status, &why) < 0) {
		err_set(e, "the daemon's answer is not understood");
		return EXEC_STATUS_FAILED;
	}
	if (why.n > 0)
		err_set(e, "%.*s", SLICE_ARG(why));
	return status;
}

static int
wait_for_end(struct session *s, struct err *e)
{
	for (;;) {
		struct pollfd fds[] = {
			{.fd = s->fd, .events = POLLIN}, {.fd = s->signal_fd, .events = POLLIN}};
		int status = -1;

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR) {
			err_errno(e, errno, "cannot wait");
			return EXEC_STATUS_FAILED;
		}
		if (fds[1].revents)
			status = on_signal(s);
		if (status < 0 && fds[0].revents)
			status = on_packet(s, e);
		if (status >= 0)
			return status;
	}
}

static int
connect_exec(const char *socket, struct session *s, struct err *e)
{
	_free_ char *path = NULL;

	if (asprintf(&path, "%s.exec", socket) < 0) {
		err_set(e, "out of memory");
		return CTL_FAILED;
	}
	s->fd = unix_socket_connect(path, SOCK_SEQPACKET);
	return s->fd < 0 ? (int)ctl_explain(path, errno, e) : CTL_OK;
}

int
ctl_exec(const char *socket, enum exec_kind kind, char *const *argv, const char *container,
	struct err *e)
{
	static const int fds[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
	_free_ char *name = strdup(container);
	_free_ char *term = strdup(secure_getenv("TERM") ? secure_getenv("TERM") : "");
	struct exec_request r = {.kind = kind, .container = name, .term = term};
	struct session s = {.fd = -1, .signal_fd = -1};
	int status;

	if (!name || !term) {
		err_set(e, "out of memory");
		return CTL_FAILED;
	}
	r.tty = isatty(STDIN_FILENO) == 1;
	if (kind == EXEC_KIND_CONSOLE && !r.tty) {
		err_set(e, "a console needs a terminal");
		return CTL_USAGE;
	}
	r.argv = (char **)(uintptr_t)argv;
	while (argv[r.argc])
		r.argc++;
	if (r.tty)
		get_size(&r.rows, &r.columns);
	for (int i = 0; i < 3; i++)
		s.flags[i] = fcntl(i, F_GETFL);
	status = connect_exec(socket, &s, e);
	if (status != CTL_OK)
		return status;
	if (r.tty && enter_raw(&s, e) < 0)
		status = EXEC_STATUS_FAILED;
	else if (exec_send_request(s.fd, &r, fds, e) < 0)
		status = on_packet(&s, e); /* refused before it was read: why is there already */
	else
		status = wait_for_end(&s, e);
	restore(&s);
	return status;
}
