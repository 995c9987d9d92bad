/*
 * The proxy process alone, for tests and measurements: does for it what the parent does. Reads a
 * configuration, binds, offers, commits; then obeys lines on standard input:
 *
 *	container NAME STATE PID ADDRESS    a CONTAINER message (STATE as in container_state.h)
 *	reload                              reads the file again and offers it
 *	tickets TEXT                        a new set of ticket keys, made from TEXT, before the old
 *	access PATH                         opens an access log
 *	stats                               prints "name value" for every counter, then "."
 *
 * and prints "ready N", "refused ORDINAL WHY" or "committed N". End of input ends the proxy.
 *
 *	proxy_host FILE [THREADS]
 */
#include "conf/conf.h"
#include "core/chan.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "core/proc.h"
#include "core/stats.h"
#include "proxy/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOST_LINE_MAX 4096
#define HOST_KEYS_MAX 4

struct host {
	struct event_base *base;
	struct chan *chan;
	struct event *input;
	const char *file;
	unsigned threads;
	uint64_t number;
	unsigned char keys[HOST_KEYS_MAX][TICKET_KEY_SIZE];
	unsigned n_keys;
};

static void
host_die(const char *what, const struct err *e)
{
	log_err(what, e);
	exit(EXIT_FAILURE);
}

static void
host_begin(struct msg_out *m, enum msg_type type)
{
	if (msg_out_init(m, type, ROLE_PROXY) < 0)
		abort();
}

static void
host_send_text(struct host *h, enum msg_type type, uint32_t ordinal, struct slice bytes)
{
	struct err e = {0};
	_fd_ int fd = memfd_new("part", bytes, &e);
	struct msg_out m;

	if (fd < 0)
		host_die("memfd", &e);
	host_begin(&m, type);
	if (type == MSG_TICKET_KEYS)
		msg_put_u32(&m, h->n_keys);
	else
		msg_put_u64(&m, h->number);
	if (ordinal || type == MSG_UPSTREAM_CA)
		msg_put_u32(&m, ordinal);
	msg_put_fd(&m, fd);
	(void)chan_send(h->chan, &m);
}

static void
host_send_file(struct host *h, enum msg_type type, uint32_t ordinal, const char *path)
{
	struct err e = {0};
	struct buf b;

	buf_init(&b, 1024 * 1024);
	if (file_read(path, &b, &e) < 0)
		host_die("file", &e);
	host_send_text(h, type, ordinal, buf_slice(&b));
	buf_clear(&b);
}

static void
host_send_listener(struct host *h, const struct addr *addr, uint16_t port, unsigned thread)
{
	char text[ADDR_TEXT_MAX];
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(addr, port, &ss);
	_fd_ int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct msg_out m;
	int one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (ss.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&ss, len) < 0 || listen(fd, 4096) < 0) {
		perror("bind");
		exit(EXIT_FAILURE);
	}
	host_begin(&m, MSG_LISTENER);
	msg_put_u64(&m, h->number);
	msg_put_str(&m, addr_print(addr, text));
	msg_put_u16(&m, port);
	msg_put_u16(&m, (uint16_t)thread);
	msg_put_fd(&m, fd);
	(void)chan_send(h->chan, &m);
}

static void
host_send_listeners(struct host *h, const struct conf *c)
{
	const struct addr any[] = {{.family = AF_INET}, {.family = AF_INET6}};

	for (size_t i = 0; i < c->n_listens; i++) {
		const struct conf_listen *l = &c->listens[i];

		for (unsigned t = 0; t < h->threads; t++) {
			if (l->addr.family) {
				host_send_listener(h, &l->addr, l->port, t);
				continue;
			}
			host_send_listener(h, &any[0], l->port, t);
			host_send_listener(h, &any[1], l->port, t);
		}
	}
}

static void
host_send_root(struct host *h, uint32_t ordinal, const char *path)
{
	struct msg_out m;

	host_begin(&m, MSG_ROOT);
	msg_put_u64(&m, h->number);
	msg_put_u32(&m, ordinal);
	msg_put_str(&m, path);
	(void)chan_send(h->chan, &m);
}

static void
host_send_roots(struct host *h, const struct conf *c)
{
	for (size_t i = 0; i < c->n_sites; i++) {
		for (size_t r = 0; r < c->sites[i].n_routes; r++) {
			const struct conf_route *route = &c->sites[i].routes[r];

			if (route->target.type == CONF_TARGET_DIR)
				host_send_root(h, route->ordinal, route->target.path);
		}
	}
	if (c->cache_store.disk_path)
		host_send_root(h, c->cache_store.disk_ordinal, c->cache_store.disk_path);
}

static void
host_say(struct host *h, enum msg_type type)
{
	struct msg_out m;

	host_begin(&m, type);
	msg_put_u64(&m, h->number);
	(void)chan_send(h->chan, &m);
}

/* The text as it stands is canonical enough: ordinals are those of the text that is sent. */
static void
host_offer(struct host *h)
{
	struct conf_errors errs = {0};
	struct conf_input in = {.name = h->file};
	struct conf *c = NULL;
	struct err e = {0};
	struct buf text;

	buf_init(&text, CONF_TEXT_MAX);
	if (file_read(h->file, &text, &e) < 0)
		host_die("configuration", &e);
	in.text = buf_slice(&text);
	if (conf_parse(&in, &c, NULL, &errs) < 0) {
		for (size_t i = 0; i < errs.n; i++)
			log_err("configuration", &errs.errors[i]);
		printf("refused 0 configuration\n");
		buf_clear(&text);
		return;
	}
	h->number++;
	host_send_text(h, MSG_OFFER, 0, buf_slice(&text));
	host_send_listeners(h, c);
	for (size_t i = 0; i < c->n_certificates; i++) {
		const struct conf_certificate *cert = &c->certificates[i];

		host_send_file(h, MSG_CERTIFICATE, cert->ordinal, cert->chain_file);
		host_send_file(h, MSG_PRIVATE_KEY, cert->ordinal, cert->key_file);
	}
	for (size_t i = 0; i < c->n_sites; i++)
		if (c->sites[i].client.demand != CONF_CLIENT_NONE)
			host_send_file(h, MSG_CLIENT_CA, c->sites[i].client.ordinal,
				c->sites[i].client.ca_file);
	for (size_t i = 0; i < c->n_all_pages; i++)
		host_send_file(h, MSG_ERROR_PAGE, c->all_pages[i]->ordinal, c->all_pages[i]->file);
	for (size_t i = 0; i < c->n_authorities; i++) {
		const char *file = c->authorities[i].file;

		host_send_file(h, MSG_UPSTREAM_CA, (uint32_t)i,
			file ? file : "/etc/ssl/certs/ca-certificates.crt");
	}
	for (size_t i = 0; i < c->n_password_files; i++)
		host_send_file(
			h, MSG_PASSWORDS, c->password_files[i].ordinal, c->password_files[i].path);
	host_send_roots(h, c);
	host_say(h, MSG_OFFER_END);
	conf_unref(&c);
	buf_clear(&text);
}

static void
host_tickets(struct host *h, const char *seed)
{
	unsigned char *key = h->keys[0];

	memmove(h->keys[1], h->keys[0], sizeof(h->keys) - sizeof(h->keys[0]));
	for (size_t i = 0; i < TICKET_KEY_SIZE; i++)
		key[i] = (unsigned char)(seed[i % strlen(seed)] + (int)i);
	if (h->n_keys < HOST_KEYS_MAX)
		h->n_keys++;
	host_send_text(
		h, MSG_TICKET_KEYS, 0, slice_of(h->keys, (size_t)h->n_keys * TICKET_KEY_SIZE));
}

static void
host_access(struct host *h, const char *path)
{
	_fd_ int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	struct msg_out m;

	host_begin(&m, MSG_ACCESS_LOG);
	msg_put_str(&m, path);
	msg_put_fd(&m, fd);
	(void)chan_send(h->chan, &m);
}

/* The proxy takes messages of lxc from the parent's channel; a packet made by hand says so. */
static void
host_container(struct host *h, char *const words[])
{
	struct msg_out m;

	host_begin(&m, MSG_CONTAINER);
	msg_put_str(&m, words[0]);
	msg_put_u8(&m, (uint8_t)strtoul(words[1], NULL, 10));
	msg_put_u8(&m, 1);
	msg_put_u64(&m, clock_wall_ms());
	msg_put_u32(&m, (uint32_t)strtoul(words[2], NULL, 10));
	msg_put_u32(&m, 0);
	msg_put_str(&m, words[3] ? words[3] : "");
	for (int i = 0; i < 5; i++)
		msg_put_str(&m, "");
	m.bytes[2] = ROLE_LXC;
	(void)chan_send_packet(h->chan, slice_of(m.bytes, m.size), -1);
	msg_out_clear(&m);
}

static void
host_stats(struct host *h)
{
	struct msg_out m;

	host_begin(&m, MSG_STATS_GET);
	msg_put_u64(&m, 1);
	m.bytes[2] = ROLE_CONTROL;
	(void)chan_send_packet(h->chan, slice_of(m.bytes, m.size), -1);
	msg_out_clear(&m);
}

static void
host_on_line(struct host *h, char *line)
{
	char *words[6] = {0};
	char *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(line, " \n", &save); w && n < 5; w = strtok_r(NULL, " \n", &save))
		words[n++] = w;
	if (n == 0)
		return;
	if (strcmp(words[0], "reload") == 0)
		host_offer(h);
	else if (strcmp(words[0], "stats") == 0)
		host_stats(h);
	else if (n > 1 && strcmp(words[0], "tickets") == 0)
		host_tickets(h, words[1]);
	else if (n > 1 && strcmp(words[0], "access") == 0)
		host_access(h, words[1]);
	else if (n > 3 && strcmp(words[0], "container") == 0)
		host_container(h, words + 1);
}

static void
host_on_input(evutil_socket_t fd, short what, void *arg)
{
	struct host *h = arg;
	char line[HOST_LINE_MAX];

	(void)fd;
	(void)what;
	if (!fgets(line, sizeof(line), stdin))
		event_base_loopbreak(h->base);
	else
		host_on_line(h, line);
}

static void
host_on_relay(struct chan *c, const struct msg_in *m, struct slice packet, void *ctx)
{
	struct msg_in copy = *m;

	(void)c;
	(void)packet;
	(void)ctx;
	if (m->type != MSG_STATS)
		return;
	(void)msg_get_u64(&copy);
	while (msg_more(&copy)) {
		enum stat_id which = (enum stat_id)msg_get_u16(&copy);
		uint64_t value = msg_get_u64(&copy);

		printf("%s %llu\n", stats_name(which), (unsigned long long)value);
	}
	printf(".\n");
}

static void
host_on_msg(struct chan *c, struct msg_in *m, void *ctx)
{
	struct host *h = ctx;
	struct slice why;
	uint32_t ordinal;

	(void)c;
	if (m->type == MSG_HELLO) {
		host_tickets(h, "first");
		host_offer(h);
	} else if (m->type == MSG_READY) {
		printf("ready %llu\n", (unsigned long long)msg_get_u64(m));
		host_say(h, MSG_COMMIT);
	} else if (m->type == MSG_COMMITTED) {
		printf("committed %llu\n", (unsigned long long)msg_get_u64(m));
	} else if (m->type == MSG_REFUSED) {
		(void)msg_get_u64(m);
		ordinal = msg_get_u32(m);
		why = msg_get_slice(m);
		printf("refused %u %.*s\n", ordinal, SLICE_ARG(why));
	}
}

static void
host_on_close(struct chan *c, const char *reason, void *ctx)
{
	struct host *h = ctx;

	(void)c;
	printf("gone %s\n", reason);
	event_base_loopbreak(h->base);
}

static pid_t
host_spawn(int *ret_fd)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (pair[1] == PROC_FD_CHANNEL) {
			(void)fcntl(pair[1], F_SETFD, 0);
		} else if (dup3(pair[1], PROC_FD_CHANNEL, O_CLOEXEC) < 0) {
			_exit(EXIT_FAILURE);
		}
		(void)close_range(PROC_FD_CHANNEL + 1, ~0U, 0);
		exit(proxy_main());
	}
	close(pair[1]);
	*ret_fd = pair[0];
	return pid;
}

int
main(int argc, char **argv)
{
	static const struct chan_ops ops = {
		.on_msg = host_on_msg, .on_relay = host_on_relay, .on_close = host_on_close};
	struct host h = {.file = argc > 1 ? argv[1] : "", .threads = 2};
	struct err e = {0};
	int fd = -1, status = 0;
	pid_t pid;

	if (argc > 2)
		h.threads = (unsigned)strtoul(argv[2], NULL, 10);
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	log_init("host", STDERR_FILENO);
	pid = host_spawn(&fd);
	h.base = event_base_new();
	if (pid < 0 || !h.base)
		return EXIT_FAILURE;
	printf("proxy %d\n", (int)pid);
	h.chan = chan_new(h.base, fd, ROLE_PARENT, ROLE_PROXY, &ops, &h, &e);
	h.input = event_new(h.base, STDIN_FILENO, EV_READ | EV_PERSIST, host_on_input, &h);
	if (!h.chan || !h.input)
		return EXIT_FAILURE;
	event_add(h.input, NULL);
	event_base_dispatch(h.base);
	chan_free(&h.chan);
	event_free(h.input);
	event_base_free(h.base);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
