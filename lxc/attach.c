/*
 * Sessions; see attach.h and core/exec_wire.h. Without a terminal the command has the client's
 * descriptors itself and this process only waits. With one, it relays bytes between the client's
 * descriptors and a pseudo-terminal in the container's own devpts, so that `tty` inside works.
 *
 * The client's descriptors are shared with its shell: they are never made non-blocking here.
 */
#include "lxc/attach.h"

#include "core/exec_wire.h"
#include "core/log.h"
#include "core/own.h"
#include "lxc/engine.h"
#include "lxc/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MS 5000
#define RELAY_MAX 4096
#define BEGIN_S 15        /* until the command runs: liblxc waits for the monitor without a limit */
#define GONE_WAIT_MS 2000 /* for a command whose client hung up */
#define CTRL_A 0x01
#define SIGNALLED 128 /* + n: the status of who was ended by signal n */

enum poll_index { POLL_CONN, POLL_CHILD, POLL_PTX, POLL_CLIENT, POLL_COUNT };

struct session {
	struct exec_request request;
	int conn;
	int client[3]; /* -1 once the command has them */
	int ptx;       /* -1: no terminal */
	int hold;      /* of a console: keeps it allocated */
	pid_t pid;     /* -1: a console has no command */
	int pidfd;
	bool escaped;       /* console: the last key was Ctrl-a */
	bool hung_up;       /* the client is gone */
	bool unheard;       /* it is there, but nobody takes what its terminal would show */
	bool ended;         /* console: Ctrl-a q */
	char in[RELAY_MAX]; /* from the client, not yet taken by the terminal */
	size_t in_used;
};

/* What a client is told when the container cannot be reached in BEGIN_S. */
struct watchdog {
	int conn;
	struct buf packet;
	timer_t timer;
};

static void
session_clear(struct session *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(s->client); i++)
		close_fd(s->client[i]);
	close_fd(s->ptx);
	close_fd(s->hold);
	close_fd(s->pidfd);
	exec_request_clear(&s->request);
}

static void
set_size(int ptx, uint16_t rows, uint16_t columns)
{
	struct winsize size = {.ws_row = rows, .ws_col = columns};

	if (rows > 0 && columns > 0)
		(void)ioctl(ptx, TIOCSWINSZ, &size);
}

/* A terminal in the container's devpts, owned by the container's root. */
static int
open_terminal(struct session *s, struct engine *engine, int *ret_slave, struct err *e)
{
	_fd_ int devpts = -1;
	_fd_ int ptx = -1;
	_fd_ int slave = -1;
	struct job_view view;
	char path[64];
	struct stat st;
	int unlock = 0;

	if (engine_devpts(engine, &devpts, e) < 0 || engine_view(engine, &view, e) < 0)
		return -1;
	ptx = openat(devpts, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (ptx < 0 || ioctl(ptx, TIOCSPTLCK, &unlock) < 0)
		return err_errno(e, errno, "a terminal in the container");
	slave = ioctl(ptx, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_errno(e, errno, "a terminal in the container");
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)view.pid);
	if (stat(path, &st) == 0)
		(void)!fchown(slave, st.st_uid, st.st_gid);
	set_size(ptx, s->request.rows, s->request.columns);
	s->ptx = steal_fd(&ptx);
	*ret_slave = steal_fd(&slave);
	return 0;
}

static int
run_command(struct session *s, struct engine *engine, const int fds[static 3], struct err *e)
{
	char term[128];
	char *env[] = {
		(char[]){"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		(char[]){"HOME=/root"}, (char[]){"USER=root"}, (char[]){"LOGNAME=root"}, term,
		NULL};
	struct engine_attach a = {.argv = s->request.argv,
		.env = env,
		.fds = {fds[0], fds[1], fds[2]},
		.tty = s->request.tty};

	(void)snprintf(
		term, sizeof(term), "TERM=%s", s->request.term[0] ? s->request.term : "dumb");
	if (engine_attach(engine, &a, &s->pid, e) < 0)
		return -1;
	s->pidfd = (int)syscall(SYS_pidfd_open, s->pid, 0);
	return s->pidfd < 0 ? err_errno(e, errno, "pidfd") : 0;
}

static int
begin_exec(struct session *s, struct engine *engine, struct err *e)
{
	_fd_ int slave = -1;
	int fds[3];

	if (!s->request.tty) {
		if (run_command(s, engine, s->client, e) < 0)
			return -1;
		for (size_t i = 0; i < ARRAY_SIZE(s->client); i++)
			s->client[i] = close_fd(s->client[i]);
		return 0;
	}
	if (open_terminal(s, engine, &slave, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = slave;
	return run_command(s, engine, fds, e);
}

static int
begin(struct session *s, const char *lxc_path, const char *name, struct err *e)
{
	struct engine *engine;

	if (exec_recv_request(s->conn, REQUEST_MS, &s->request, s->client, e) < 0)
		return -1;
	if (strcmp(s->request.container, name) != 0)
		return err_set(e, "the request names another container");
	engine = engine_open(lxc_path, name, e);
	if (!engine)
		return -1;
	if (s->request.kind == EXEC_KIND_EXEC)
		return begin_exec(s, engine, e);
	if (engine_console(engine, &s->ptx, &s->hold, e) < 0)
		return -1;
	(void)fcntl(s->ptx, F_SETFL, fcntl(s->ptx, F_GETFL) | O_NONBLOCK);
	set_size(s->ptx, s->request.rows, s->request.columns);
	return 0;
}

static void
on_alarm(int signo, siginfo_t *info, void *context)
{
	const struct watchdog *w = info->si_value.sival_ptr;
	struct slice packet = buf_slice(&w->packet);

	(void)signo;
	(void)context;
	(void)send(w->conn, packet.p, packet.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	/* With what liblxc has forked. */
	(void)kill(0, SIGKILL);
}

static int
watchdog_start(struct watchdog *w, const char *name, struct err *e)
{
	struct sigaction action = {.sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO};
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM, .sigev_value.sival_ptr = w};
	const struct itimerspec limit = {.it_value.tv_sec = BEGIN_S};
	char why[ERR_MSG_MAX];

	(void)text_print(why, sizeof(why), "container %s does not answer", name);
	if (exec_status_print(EXEC_STATUS_FAILED, why, &w->packet) < 0)
		return err_set(e, "out of memory");
	if (sigaction(SIGALRM, &action, NULL) < 0 ||
		timer_create(CLOCK_MONOTONIC, &event, &w->timer) < 0 ||
		timer_settime(w->timer, 0, &limit, NULL) < 0)
		return err_errno(e, errno, "a timer");
	return 0;
}

/* begin, or the end of this process. */
static int
begin_in_time(struct session *s, const char *lxc_path, const char *name, struct err *e)
{
	struct watchdog w = {.conn = s->conn};
	int ret;

	buf_init(&w.packet, EXEC_PACKET_MAX);
	ret = watchdog_start(&w, name, e);
	if (ret == 0) {
		ret = begin(s, lxc_path, name, e);
		(void)timer_delete(w.timer);
	}
	buf_clear(&w.packet);
	return ret;
}

/* --- relaying --- */

/* The client's descriptors may be non-blocking: another program that shares them may want that. */
static bool
write_all(int fd, const char *bytes, size_t n)
{
	while (n > 0) {
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		ssize_t done = write(fd, bytes, n);

		if (done < 0 && (errno == EINTR || (errno == EAGAIN && poll(&p, 1, -1) != 0)))
			continue;
		if (done <= 0)
			return false;
		bytes += done;
		n -= (size_t)done;
	}
	return true;
}

/* From the terminal to the client. False at its end. */
static bool
relay_out(struct session *s)
{
	char bytes[RELAY_MAX];
	ssize_t n = read(s->ptx, bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	s->unheard = !write_all(s->client[1], bytes, (size_t)n);
	return !s->unheard;
}

/* Takes the console's own keys out: Ctrl-a q ends, Ctrl-a Ctrl-a is one Ctrl-a. */
static void
take_escapes(struct session *s, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = bytes[i];

		if (s->request.kind == EXEC_KIND_CONSOLE && !s->escaped && c == CTRL_A) {
			s->escaped = true;
			continue;
		}
		if (s->escaped && c == 'q')
			s->ended = true;
		if (s->in_used < sizeof(s->in))
			s->in[s->in_used++] = c;
		s->escaped = false;
	}
}

/* From the client to the terminal. */
static void
relay_in(struct session *s)
{
	char bytes[RELAY_MAX / 2];
	ssize_t n = read(s->client[0], bytes, sizeof(bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		take_escapes(s, bytes, (size_t)n);
	else
		s->client[0] = close_fd(s->client[0]);
}

static void
flush_in(struct session *s)
{
	ssize_t n = write(s->ptx, s->in, s->in_used);

	if (n <= 0)
		return;
	memmove(s->in, s->in + n, s->in_used - (size_t)n);
	s->in_used -= (size_t)n;
}

/* A packet of the client's, or its end. */
static void
on_conn(struct session *s)
{
	char packet[64];
	ssize_t n = recv(s->conn, packet, sizeof(packet), MSG_DONTWAIT);
	uint16_t rows, columns;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		s->hung_up = true;
	else if (s->ptx >= 0 && exec_size_parse(slice_of(packet, (size_t)n), &rows, &columns) == 0)
		set_size(s->ptx, rows, columns);
}

static void
fill_polls(const struct session *s, struct pollfd p[static POLL_COUNT])
{
	bool room = s->in_used < sizeof(s->in) / 2;

	p[POLL_CONN] = (struct pollfd){.fd = s->conn, .events = POLLIN};
	p[POLL_CHILD] = (struct pollfd){.fd = s->pidfd, .events = POLLIN};
	p[POLL_PTX] = (struct pollfd){
		.fd = s->ptx, .events = (short)(POLLIN | (s->in_used > 0 ? POLLOUT : 0))};
	p[POLL_CLIENT] =
		(struct pollfd){.fd = s->ptx >= 0 && room ? s->client[0] : -1, .events = POLLIN};
}

/* One turn. False when the session is over. */
static bool
turn(struct session *s)
{
	struct pollfd p[POLL_COUNT];

	fill_polls(s, p);
	if (poll(p, POLL_COUNT, -1) < 0)
		return errno == EINTR;
	if (p[POLL_CONN].revents)
		on_conn(s);
	if (p[POLL_CLIENT].revents)
		relay_in(s);
	if (p[POLL_PTX].revents & POLLOUT)
		flush_in(s);
	if ((p[POLL_PTX].revents & (POLLIN | POLLHUP | POLLERR)) && !relay_out(s)) {
		s->ptx = close_fd(s->ptx);
		if (s->pid < 0)
			return false; /* the console's other end is gone: it stops */
	}
	return !s->hung_up && !s->unheard && !s->ended && !p[POLL_CHILD].revents;
}

static uint8_t
status_of(int status)
{
	if (WIFSIGNALED(status))
		return (uint8_t)(SIGNALLED + WTERMSIG(status));
	return (uint8_t)WEXITSTATUS(status);
}

/* A client that hung up or does not hear: the command gets the signal of a terminal that did, and a
 * moment. */
static void
hang_up(struct session *s)
{
	struct pollfd p = {.fd = s->pidfd, .events = POLLIN};

	s->ptx = close_fd(s->ptx);
	if (s->pid < 0)
		return;
	(void)kill(s->pid, SIGHUP);
	(void)poll(&p, 1, GONE_WAIT_MS);
}

/* What the command wrote last may still be in the terminal. */
static void
drain(struct session *s)
{
	struct pollfd p = {.fd = s->ptx, .events = POLLIN};

	while (s->ptx >= 0 && poll(&p, 1, 0) > 0 && (p.revents & POLLIN)) {
		if (!relay_out(s))
			return;
	}
}

static void
finish(struct session *s)
{
	int status = 0;

	if (s->hung_up || s->unheard)
		hang_up(s);
	if (s->hung_up)
		return;
	drain(s);
	if (s->unheard) {
		/* As of a program that writes where nobody reads. */
		(void)exec_send_status(s->conn, SIGNALLED + SIGPIPE, "");
		return;
	}
	if (s->pid > 0) {
		while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	(void)exec_send_status(s->conn, status_of(status), "");
}

int
attach_serve(const char *lxc_path, const char *name, int conn, struct err *e)
{
	_cleanup_(session_clear) struct session s = {.conn = conn,
		.client = {-1, -1, -1},
		.ptx = -1,
		.hold = -1,
		.pid = -1,
		.pidfd = -1};

	if (begin_in_time(&s, lxc_path, name, e) < 0) {
		exec_refuse(conn, e->msg);
		return -1;
	}
	while (turn(&s))
		;
	finish(&s);
	return 0;
}
