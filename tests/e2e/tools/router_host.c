/*
 * Plays the parent for the router process alone, so that it can be tested without the rest of
 * the daemon: starts it over a channel in this network namespace and obeys commands, one a line:
 *
 *	offer FILE             offer CONF   -> "ready N" or "refused N ORDINAL LINE WHY"
 *	commit                              -> "committed N" or "refused N ORDINAL LINE WHY"
 *	abort
 *	container NAME V4 V6 MAC PORT   "-" for none
 *	gone NAME
 *	stats                               -> "stats NAME=VALUE …"
 *	records hold|give      whether RECORD is answered (held ones are answered by give)
 *	quit
 *
 * Besides it prints "hello PID", "policy" (its state changed), "record KIND NAME VALUE", "event
 *WHAT KEY=VALUE…" and, when the router ends, "closed". With --undo FILE it runs router_undo with
 *those records instead.
 */
#include "conf/conf.h"
#include "core/chan.h"
#include "core/file.h"
#include "core/list.h"
#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "core/proc.h"
#include "core/stats.h"
#include "router/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_MAX (16 * 1024 * 1024)
#define LINE_MAX_BYTES 4096
#define WORDS_MAX 8

struct held {
	struct list node;
	char name[LINE_MAX_BYTES];
};

static struct host {
	struct event_base *base;
	struct chan *chan;
	uint64_t generation;
	struct conf_places *places;
	uint32_t *source;
	size_t n_source;
	bool has_lists;
	bool hold;
	struct list held;
	char line[LINE_MAX_BYTES];
	size_t n_line;
} host;

static void
send_generation(enum msg_type type, int fd)
{
	struct msg_out m;

	if (msg_out_init(&m, type, ROLE_ROUTER) < 0)
		exit(1);
	msg_put_u64(&m, host.generation);
	if (fd >= 0)
		msg_put_fd(&m, fd);
	(void)chan_send(host.chan, &m);
}

/* Sends a message that another role would have sent through the parent. */
static void
relay(struct msg_out *m, enum role from)
{
	struct slice packet;
	struct err e;

	if (msg_out_finish(m, from, &packet, &e) < 0) {
		printf("error %s\n", e.msg);
		exit(1);
	}
	(void)chan_send_packet(host.chan, packet, -1);
	msg_out_clear(m);
}

static int
parse_file(const char *path, struct buf *canonical, struct err *e)
{
	_free_ struct conf_errors *errors = calloc(1, sizeof(*errors));
	struct conf_input in = {.name = path};
	struct conf *c;
	struct buf text;
	int rc;

	buf_init(&text, TEXT_MAX);
	rc = errors ? file_read(path, &text, e) : err_set(e, "out of memory");
	in.text = buf_slice(&text);
	if (rc == 0 && conf_parse(&in, &c, &host.places, errors) < 0) {
		*e = errors->errors[0];
		rc = -1;
	} else if (rc == 0) {
		host.has_lists = c->blocks.n_lists > 0;
		rc = conf_print(c, canonical, &host.source, &host.n_source, e);
		conf_unref(&c);
	}
	buf_clear(&text);
	return rc;
}

/* The lists that the configuration names, as the parent reads them. */
static void
send_lists(struct slice canonical)
{
	_free_ struct conf_errors *errors = calloc(1, sizeof(*errors));
	struct conf_input in = {.name = "canonical", .text = canonical};
	struct conf *c;

	if (!errors || conf_parse(&in, &c, NULL, errors) < 0)
		exit(1);
	for (size_t i = 0; i < c->blocks.n_lists; i++) {
		struct buf text;
		struct msg_out m;
		struct err e;
		_fd_ int fd = -1;

		buf_init(&text, CONF_BLOCK_LIST_SIZE);
		if (file_read(c->blocks.lists[i].path, &text, &e) == 0)
			fd = memfd_new("list", buf_slice(&text), &e);
		buf_clear(&text);
		if (fd < 0 || msg_out_init(&m, MSG_BLOCK_LIST, ROLE_ROUTER) < 0)
			exit(1);
		msg_put_u64(&m, host.generation);
		msg_put_u32(&m, (uint32_t)i);
		msg_put_fd(&m, fd);
		(void)chan_send(host.chan, &m);
	}
	conf_unref(&c);
}

static void
forget_places(void)
{
	conf_places_free(&host.places);
	free(host.source);
	host.source = NULL;
}

static void
do_offer(const char *path)
{
	struct buf canonical;
	struct err e = {0};
	_fd_ int fd = -1;

	forget_places();
	buf_init(&canonical, CONF_TEXT_MAX);
	if (parse_file(path, &canonical, &e) == 0)
		fd = memfd_new("conf", buf_slice(&canonical), &e);
	if (fd < 0) {
		buf_clear(&canonical);
		printf("error %u %s\n", e.line, e.msg);
		return;
	}
	host.generation++;
	send_generation(MSG_OFFER, fd);
	if (host.has_lists)
		send_lists(buf_slice(&canonical));
	buf_clear(&canonical);
	send_generation(MSG_OFFER_END, -1);
}

static void
do_container(char *const *words)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_CONTAINER, ROLE_ROUTER) < 0)
		exit(1);
	msg_put_str(&m, words[1]);
	msg_put_u8(&m, 3);
	msg_put_u8(&m, 1);
	msg_put_u64(&m, 0);
	msg_put_u32(&m, 1);
	msg_put_u32(&m, 0);
	for (int i = 2; i < 6; i++)
		msg_put_str(&m, strcmp(words[i], "-") == 0 ? "" : words[i]);
	msg_put_str(&m, "");
	msg_put_str(&m, "");
	relay(&m, ROLE_LXC);
}

static void
do_gone(const char *name)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_CONTAINER_GONE, ROLE_ROUTER) < 0)
		exit(1);
	msg_put_str(&m, name);
	relay(&m, ROLE_LXC);
}

static void
do_stats(void)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_STATS_GET, ROLE_ROUTER) < 0)
		exit(1);
	msg_put_u64(&m, 1);
	relay(&m, ROLE_CONTROL);
}

static void
send_recorded(const char *name)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_RECORDED, ROLE_ROUTER) < 0)
		exit(1);
	msg_put_str(&m, name);
	(void)chan_send(host.chan, &m);
}

static void
do_records(const char *what)
{
	host.hold = strcmp(what, "hold") == 0;
	if (host.hold)
		return;
	list_each(node, &host.held)
	{
		struct held *h = list_entry(node, struct held, node);

		list_remove(&h->node);
		send_recorded(h->name);
		free(h);
	}
}

static void
obey(char *line)
{
	char *words[WORDS_MAX] = {NULL}, *save = NULL;
	size_t n = 0;

	for (char *word = strtok_r(line, " ", &save); word && n < WORDS_MAX;
		word = strtok_r(NULL, " ", &save))
		words[n++] = word;
	if (n == 2 && strcmp(words[0], "offer") == 0)
		do_offer(words[1]);
	else if (n == 1 && strcmp(words[0], "commit") == 0)
		send_generation(MSG_COMMIT, -1);
	else if (n == 1 && strcmp(words[0], "abort") == 0)
		send_generation(MSG_ABORT, -1);
	else if (n == 6 && strcmp(words[0], "container") == 0)
		do_container(words);
	else if (n == 2 && strcmp(words[0], "gone") == 0)
		do_gone(words[1]);
	else if (n == 1 && strcmp(words[0], "stats") == 0)
		do_stats();
	else if (n == 2 && strcmp(words[0], "records") == 0)
		do_records(words[1]);
	else if (n == 1 && strcmp(words[0], "quit") == 0)
		(void)event_base_loopbreak(host.base);
	else
		printf("error command not understood\n");
}

static void
on_stdin(evutil_socket_t fd, short what, void *ctx)
{
	ssize_t n = read(fd, host.line + host.n_line, sizeof(host.line) - host.n_line);
	char *end;

	(void)what;
	(void)ctx;
	if (n <= 0) {
		(void)event_base_loopbreak(host.base);
		return;
	}
	host.n_line += (size_t)n;
	while ((end = memchr(host.line, '\n', host.n_line)) != NULL) {
		size_t size = (size_t)(end - host.line) + 1;

		*end = '\0';
		obey(host.line);
		host.n_line -= size;
		memmove(host.line, host.line + size, host.n_line);
	}
	(void)fflush(stdout);
}

static void
on_refused(struct msg_in *m)
{
	struct err e = {0};
	uint64_t generation = msg_get_u64(m);
	struct slice why;

	e.ordinal = msg_get_u32(m);
	why = msg_get_slice(m);
	conf_places_apply(host.places, host.source, host.n_source, &e);
	printf("refused %lu %u %u %.*s\n", generation, e.ordinal, e.line, SLICE_ARG(why));
}

static void
on_record(struct msg_in *m)
{
	struct slice kind = msg_get_slice(m), name = msg_get_slice(m), value = msg_get_slice(m);
	struct held *h = calloc(1, sizeof(*h));

	printf("record %.*s %.*s %.*s\n", SLICE_ARG(kind), SLICE_ARG(name), SLICE_ARG(value));
	if (!h || name.n >= sizeof(h->name))
		exit(1);
	memcpy(h->name, name.p, name.n);
	if (host.hold) {
		list_append(&host.held, &h->node);
		return;
	}
	send_recorded(h->name);
	free(h);
}

static void
on_msg(struct chan *c, struct msg_in *m, void *ctx)
{
	(void)c;
	(void)ctx;
	if (m->type == MSG_HELLO)
		printf("hello %u\n", msg_get_u32(m));
	else if (m->type == MSG_READY)
		printf("ready %lu\n", msg_get_u64(m));
	else if (m->type == MSG_COMMITTED)
		printf("committed %lu\n", msg_get_u64(m));
	else if (m->type == MSG_REFUSED)
		on_refused(m);
	else if (m->type == MSG_RECORD)
		on_record(m);
	else if (m->type == MSG_POLICY_STATE)
		printf("policy\n");
	else
		printf("error unexpected %s\n", msg_name(m->type));
	(void)fflush(stdout);
}

static void
on_relay(struct chan *c, const struct msg_in *seen, struct slice packet, void *ctx)
{
	struct msg_in m = *seen;

	(void)c;
	(void)packet;
	(void)ctx;
	if (m.type == MSG_EVENT) {
		struct slice what = msg_get_slice(&m);

		printf("event %.*s", SLICE_ARG(what));
		while (msg_more(&m)) {
			struct slice key = msg_get_slice(&m), value = msg_get_slice(&m);

			printf(" %.*s=%.*s", SLICE_ARG(key), SLICE_ARG(value));
		}
	} else if (m.type == MSG_STATS) {
		(void)msg_get_u64(&m);
		printf("stats");
		while (msg_more(&m)) {
			const char *name = stats_name((enum stat_id)msg_get_u16(&m));

			printf(" %s=%lu", name, msg_get_u64(&m));
		}
	} else if (m.type == MSG_POLICY_STATE) {
		printf("policy");
	} else {
		printf("error unexpected relay %s", msg_name(m.type));
	}
	printf("\n");
	(void)fflush(stdout);
}

static void
on_close(struct chan *c, const char *reason, void *ctx)
{
	(void)c;
	(void)ctx;
	printf("closed %s\n", reason);
	(void)event_base_loopbreak(host.base);
}

static pid_t
start_router(int ours, int theirs)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	close(ours);
	if (theirs != PROC_FD_CHANNEL && dup2(theirs, PROC_FD_CHANNEL) < 0)
		_exit(1);
	exit(router_main());
}

static int
serve(int fd)
{
	static const struct chan_ops ops = {
		.on_msg = on_msg, .on_relay = on_relay, .on_close = on_close};
	struct event *input;
	struct err e = {0};

	host.base = event_base_new();
	list_init(&host.held);
	host.chan = host.base ? chan_new(host.base, fd, ROLE_PARENT, ROLE_ROUTER, &ops, NULL, &e)
			      : NULL;
	input = host.chan ? event_new(host.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_stdin, NULL)
			  : NULL;
	if (!input || event_add(input, NULL) < 0) {
		printf("error %s\n", e.msg);
		return 1;
	}
	(void)event_base_dispatch(host.base);
	event_free(input);
	do_records("give");
	chan_free(&host.chan);
	forget_places();
	event_base_free(host.base);
	return 0;
}

static int
undo(const char *path)
{
	struct buf text;
	struct err e = {0};
	int rc;

	buf_init(&text, TEXT_MAX);
	rc = file_read(path, &text, &e);
	if (rc == 0)
		rc = router_undo(buf_slice(&text), &e);
	if (rc < 0)
		printf("error %s\n", e.msg);
	buf_clear(&text);
	return rc < 0;
}

int
main(int argc, char **argv)
{
	int pair[2], status = 0, rc;
	pid_t pid;

	log_init("host", STDERR_FILENO);
	if (argc == 3 && strcmp(argv[1], "--undo") == 0)
		return undo(argv[2]);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return 1;
	pid = start_router(pair[0], pair[1]);
	if (pid < 0)
		return 1;
	close(pair[1]);
	rc = serve(pair[0]);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		printf("error router ended with status %d\n", status);
		rc = 1;
	}
	return rc;
}
