/*
 * Plays the parent for the lxc process alone, so that containers can be tested without the rest of
 * the daemon: spawns it (this program is its own binary), offers it configurations, and relays.
 *
 *	lxc_host EXEC_SOCKET
 *
 * Commands come on standard input, one a line; every message of the lxc process goes to standard
 * output as a line of tab-separated fields.
 *
 *	offer FILE      OFFER, and COMMIT when it is READY
 *	job ID VERB NAME
 *	sync ROLE, stats, stop_all
 *	kill            kill -9 of the lxc process; it is spawned again and offered the last file
 *
 * Connections to EXEC_SOCKET (SOCK_SEQPACKET) are handed on as EXEC.
 */
#include "conf/conf.h"
#include "conf/container_state.h"
#include "core/chan.h"
#include "core/file.h"
#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "core/proc.h"
#include "core/stats.h"
#include "lxc/module.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_SIZE 4096

static struct host {
	struct event_base *base;
	int binary_fd;
	struct proc_child child;
	struct chan *chan;
	uint64_t generation;
	int conf_fd;
	uint64_t exec_id;
	bool ready; /* it has said HELLO */
} host;

static void on_msg(struct chan *c, struct msg_in *m, void *ctx);
static void on_relay(struct chan *c, const struct msg_in *m, struct slice packet, void *ctx);
static void on_close(struct chan *c, const char *reason, void *ctx);

static const struct chan_ops ops = {.on_msg = on_msg, .on_relay = on_relay, .on_close = on_close};

static void
die(const char *what, const struct err *e)
{
	fprintf(stderr, "lxc_host: %s: %s\n", what, e ? e->msg : strerrordesc_np(errno));
	exit(1);
}

static void
spawn(struct host *h)
{
	const char *level = getenv("SLUICE_LOG");
	char words[128];
	char *env[] = {words, NULL};
	struct proc_spec spec = {
		.role = ROLE_LXC, .binary_fd = h->binary_fd, .give_binary = true, .env = env};
	struct err e;

	snprintf(words, sizeof(words), "SLUICE_LOG=%s", level ? level : "info,text");
	if (proc_spawn(&spec, &h->child, &e) < 0)
		die("spawn", &e);
	h->chan = chan_new(h->base, h->child.channel, ROLE_PARENT, ROLE_LXC, &ops, h, &e);
	if (!h->chan)
		die("channel", &e);
	printf("spawned\t%d\n", (int)h->child.pid);
}

static void
send_u64(struct host *h, enum msg_type type, uint64_t n)
{
	struct msg_out m;

	if (msg_out_init(&m, type, ROLE_LXC) < 0)
		die("message", NULL);
	msg_put_u64(&m, n);
	(void)chan_send(h->chan, &m);
	msg_out_clear(&m);
}

static void
offer(struct host *h)
{
	struct msg_out m;

	if (h->conf_fd < 0 || !h->ready)
		return;
	h->generation++;
	if (msg_out_init(&m, MSG_OFFER, ROLE_LXC) < 0)
		die("message", NULL);
	msg_put_u64(&m, h->generation);
	msg_put_fd(&m, h->conf_fd);
	(void)chan_send(h->chan, &m);
	msg_out_clear(&m);
	send_u64(h, MSG_OFFER_END, h->generation);
}

/* Parses and prints the file, as the parent does. */
static int
canonical(const char *path)
{
	struct conf_errors errors = {.n = 0};
	struct conf_input in = {.name = path};
	struct buf text, out;
	struct conf *conf;
	struct err e;
	int fd;

	buf_init(&text, CONF_TEXT_MAX);
	buf_init(&out, CONF_TEXT_MAX);
	if (file_read(path, &text, &e) < 0)
		die(path, &e);
	in.text = buf_slice(&text);
	if (conf_parse(&in, &conf, NULL, &errors) < 0)
		die(path, &errors.errors[0]);
	if (conf_print(conf, &out, NULL, NULL, &e) < 0)
		die(path, &e);
	fd = memfd_new("conf", buf_slice(&out), &e);
	if (fd < 0)
		die(path, &e);
	conf_unref(&conf);
	buf_clear(&text);
	buf_clear(&out);
	return fd;
}

/* A packet as the control process would send it. */
static void
send_from_control(struct host *h, enum msg_type type, const void *fields, size_t n, int fd)
{
	char packet[LINE_SIZE + 64] = {(char)type, 0, ROLE_CONTROL, ROLE_LXC};

	memcpy(packet + MSG_HEADER_SIZE, fields, n);
	(void)chan_send_packet(h->chan, slice_of(packet, MSG_HEADER_SIZE + n), fd);
}

static void
print_field(struct slice s)
{
	putchar('\t');
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\n')
			fputs("; ", stdout);
		else
			putchar(c == '\t' ? ' ' : c);
	}
}

static void
print_container(struct msg_in m)
{
	printf("CONTAINER");
	print_field(msg_get_slice(&m));
	print_field(slice_str(container_state_name((enum container_state)msg_get_u8(&m))));
	printf("\t%s", msg_get_u8(&m) ? "managed" : "unmanaged");
	printf("\t%llu", (unsigned long long)msg_get_u64(&m));
	printf("\t%u", msg_get_u32(&m));
	printf("\t%u", msg_get_u32(&m));
	while (msg_more(&m))
		print_field(msg_get_slice(&m));
	putchar('\n');
}

static void
print_message(const struct msg_in *in)
{
	struct msg_in m = *in;

	if (m.type == MSG_CONTAINER) {
		print_container(m);
		return;
	}
	printf("%s", msg_name(m.type));
	if (m.type == MSG_JOB_DONE) {
		printf("\t%llu", (unsigned long long)msg_get_u64(&m));
		printf("\t%u", msg_get_u8(&m));
		print_field(msg_get_slice(&m));
	} else if (m.type == MSG_REFUSED) {
		printf("\t%llu", (unsigned long long)msg_get_u64(&m));
		printf("\t%u", msg_get_u32(&m));
		print_field(msg_get_slice(&m));
	} else if (m.type == MSG_EVENT || m.type == MSG_CONTAINER_GONE) {
		while (msg_more(&m))
			print_field(msg_get_slice(&m));
	} else if (m.type == MSG_STOPPED_ALL || m.type == MSG_HELLO) {
		printf("\t%u", msg_get_u32(&m));
	} else if (m.type == MSG_STATS) {
		(void)msg_get_u64(&m);
		while (msg_more(&m)) {
			unsigned which = msg_get_u16(&m);

			printf("\t%s=%llu", stats_name((enum stat_id)which),
				(unsigned long long)msg_get_u64(&m));
		}
	}
	putchar('\n');
}

static void
on_msg(struct chan *c, struct msg_in *m, void *ctx)
{
	struct host *h = ctx;

	(void)c;
	print_message(m);
	if (m->type == MSG_HELLO) {
		h->ready = true;
		offer(h);
	}
	if (m->type == MSG_READY)
		send_u64(h, MSG_COMMIT, msg_get_u64(m));
}

static void
on_relay(struct chan *c, const struct msg_in *m, struct slice packet, void *ctx)
{
	(void)c;
	(void)packet;
	(void)ctx;
	if (m->to == ROLE_CONTROL && m->type != MSG_CONTAINER && m->type != MSG_CONTAINER_GONE)
		print_message(m);
	/* What the proxy hears is said apart, so that a test sees that it is told. */
	if (m->to == ROLE_PROXY && m->type == MSG_CONTAINER) {
		struct msg_in copy = *m;
		struct slice name = msg_get_slice(&copy);

		printf("PROXY\t%.*s\t%s\n", SLICE_ARG(name),
			container_state_name((enum container_state)msg_get_u8(&copy)));
	}
}

/* Its end: wanted (kill) or not, it is spawned again. */
static void
on_close(struct chan *c, const char *reason, void *ctx)
{
	struct host *h = ctx;
	int status;

	(void)c;
	(void)reason;
	h->ready = false;
	chan_free(&h->chan);
	(void)waitpid(h->child.pid, &status, 0);
	close_fd(h->child.pidfd);
	printf("ended\t%d\n", status);
	spawn(h);
}

static void
do_job(struct host *h, char *words)
{
	char *save = NULL, fields[LINE_SIZE];
	const char *id = strtok_r(words, " ", &save), *verb = strtok_r(NULL, " ", &save),
		   *name = strtok_r(NULL, " ", &save);
	size_t n = 8;
	uint64_t number = id ? strtoull(id, NULL, 10) : 0;

	if (!verb || !name)
		return;
	memcpy(fields, &number, 8);
	for (const char *s = verb; s; s = s == verb ? name : NULL) {
		uint16_t length = (uint16_t)strlen(s);

		memcpy(fields + n, &length, 2);
		memcpy(fields + n + 2, s, length);
		n += 2u + length;
	}
	send_from_control(h, MSG_JOB, fields, n, -1);
}

static void
do_text(struct host *h, enum msg_type type, const char *text)
{
	struct msg_out m;

	if (msg_out_init(&m, type, ROLE_LXC) < 0)
		die("message", NULL);
	if (type == MSG_SYNC)
		msg_put_str(&m, text);
	else
		msg_put_u32(&m, 0);
	(void)chan_send(h->chan, &m);
	msg_out_clear(&m);
}

static void
do_line(struct host *h, char *line)
{
	static const uint64_t stats_id = 7;

	if (!strncmp(line, "offer ", 6)) {
		close_fd(h->conf_fd);
		h->conf_fd = canonical(line + 6);
		offer(h);
	} else if (!strncmp(line, "job ", 4)) {
		do_job(h, line + 4);
	} else if (!strncmp(line, "sync ", 5)) {
		do_text(h, MSG_SYNC, line + 5);
	} else if (!strcmp(line, "stop_all")) {
		do_text(h, MSG_STOP_ALL, "");
	} else if (!strcmp(line, "stats")) {
		send_from_control(h, MSG_STATS_GET, &stats_id, 8, -1);
	} else if (!strcmp(line, "kill")) {
		(void)kill(h->child.pid, SIGKILL);
	} else {
		fprintf(stderr, "lxc_host: what is \"%s\"?\n", line);
	}
}

static void
on_stdin(evutil_socket_t fd, short events, void *ctx)
{
	static char line[LINE_SIZE];
	static size_t used;
	char bytes[LINE_SIZE];
	ssize_t n = read(fd, bytes, sizeof(bytes));
	struct host *h = ctx;

	(void)events;
	if (n <= 0) {
		(void)event_base_loopbreak(h->base);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		if (bytes[i] != '\n') {
			if (used < sizeof(line) - 1)
				line[used++] = bytes[i];
			continue;
		}
		line[used] = '\0';
		used = 0;
		do_line(h, line);
	}
}

static void
on_exec(evutil_socket_t fd, short events, void *ctx)
{
	struct host *h = ctx;
	_fd_ int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	h->exec_id++;
	if (conn >= 0)
		send_from_control(h, MSG_EXEC, &h->exec_id, 8, conn);
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, 16) < 0)
		die(path, NULL);
	return fd;
}

int
main(int argc, char **argv)
{
	struct event *in, *exec;
	const char *job;
	enum role role;
	struct err e;

	if (proc_parse_argv0(argv[0], &role, &job) == 0)
		return role == ROLE_LXC ? lxc_main() : lxc_helper_main(job);
	if (argc != 2) {
		fprintf(stderr, "usage: lxc_host EXEC_SOCKET\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	log_init("lxc_host", STDERR_FILENO);
	(void)signal(SIGPIPE, SIG_IGN);
	host.conf_fd = -1;
	host.base = event_base_new();
	host.binary_fd = proc_open_self(&e);
	spawn(&host);
	in = event_new(host.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_stdin, &host);
	exec = event_new(host.base, listen_at(argv[1]), EV_READ | EV_PERSIST, on_exec, &host);
	if (!in || !exec || event_add(in, NULL) < 0 || event_add(exec, NULL) < 0)
		die("event", NULL);
	(void)event_base_dispatch(host.base);
	return 0;
}
