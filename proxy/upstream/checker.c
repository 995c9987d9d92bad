/*
 * One check at a time a target: WAIT for its turn, RESOLVE a name (or wait for a unix socket),
 * CONNECT, HANDSHAKE with TLS, ASK and READ by HTTP, until the result or the deadline. Whatever is
 * not a good result is a bad one.
 */
#include "proxy/upstream/checker.h"

#include "core/clock.h"
#include "core/num.h"
#include "core/own.h"
#include "proxy/worker.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CHECK_TEXT_MAX 4096
#define CHECK_STAGGER_MS 20 /* between the first checks of targets, so that they spread */
#define STATUS_LINE_MIN 12  /* "HTTP/1.1 200" (RFC 9112 section 4) */

enum check_state {
	CHECK_WAIT,
	CHECK_RESOLVE,
	CHECK_CONNECT,
	CHECK_HANDSHAKE,
	CHECK_ASK,
	CHECK_READ
};

struct check {
	struct checker *checker;
	struct backend_pool *pool;
	struct backend *backend;
	const struct conf_route *route;
	const struct conf_target *target;
	enum check_state state;
	struct timer timer; /* WAIT: the next one. Else: the deadline */
	struct resolve_wait resolve;
	struct dial dial;
	uint64_t began_ms;
	int fd;
	struct event event;
	SSL *ssl;
	char answer[STATUS_LINE_MIN];
	size_t n_answer;
};

struct checker {
	struct worker *worker;
	struct generation *generation;
	struct check *checks;
	size_t n;
};

static void check_step(struct check *c);

/* --- the life of one check ------------------------------------------------------------------- */

static void
check_close(struct check *c)
{
	resolve_cancel(&c->resolve);
	dial_cancel(&c->dial);
	timer_remove(&c->checker->worker->timers, &c->timer);
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd < 0)
		return;
	event_del(&c->event);
	c->fd = close_fd(c->fd);
}

static void
check_schedule(struct check *c)
{
	uint64_t next = c->began_ms + c->route->upstream.check_every_ms;

	check_close(c);
	c->state = CHECK_WAIT;
	timer_set(&c->checker->worker->timers, &c->timer, next);
}

/* bad: why, or NULL. */
static void
check_end(struct check *c, const char *bad)
{
	check_schedule(c);
	if (backend_checked(c->backend, c->pool, bad, clock_mono_coarse_ms()))
		worker_note_target(c->checker->worker, c->backend, bad);
}

static void
check_on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	check_step(arg);
}

/* c->fd is connecting. False: the check has ended. */
static bool
check_watch(struct check *c)
{
	c->state = CHECK_CONNECT;
	event_assign(&c->event, c->checker->worker->base, c->fd,
		EV_READ | EV_WRITE | EV_ET | EV_PERSIST, check_on_event, c);
	if (event_add(&c->event, NULL) == 0)
		return true;
	check_end(c, "out of memory");
	return false;
}

static void
check_on_dialed(struct dial *d, int fd, int error)
{
	struct check *c = list_entry(d, struct check, dial);

	(void)error;
	c->fd = fd;
	if (fd < 0)
		check_end(c, "connection refused or impossible");
	else
		(void)check_watch(c);
}

static void
check_dial(struct check *c, const struct addr *addr)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(addr, c->target->port, &ss);

	c->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		check_end(c, "no descriptor for the check");
		return;
	}
	if (check_watch(c) && connect(c->fd, (const struct sockaddr *)&ss, len) < 0 &&
		errno != EINPROGRESS)
		check_end(c, "connection refused or impossible");
}

/* A container that does not run is passed over anyway: that is no result, and when it runs again it
 * is as if it were new. */
static void
check_container(struct check *c)
{
	const struct container_entry *entry =
		containers_get(&c->checker->worker->containers, slice_str(c->target->host));
	const struct addr *addr = NULL;

	if (entry && entry->state == CONTAINER_RUNNING)
		addr = entry->address.family ? &entry->address : &entry->address6;
	if (addr && addr->family) {
		check_dial(c, addr);
		return;
	}
	backend_unchecked(c->backend);
	check_schedule(c);
}

static void
check_name(struct check *c)
{
	struct addr addrs[RESOLVE_ADDRESSES_MAX];
	size_t n = 0;

	switch (resolver_get(&c->checker->worker->resolver, slice_str(c->target->host), &c->resolve,
		addrs, &n)) {
	case RESOLVE_DONE:
		check_dial(c, &addrs[0]);
		break;
	case RESOLVE_PENDING:
		c->state = CHECK_RESOLVE;
		break;
	case RESOLVE_FAILED:
		check_end(c, "the name does not resolve");
		break;
	}
}

static void
check_unix(struct check *c)
{
	c->state = CHECK_RESOLVE;
	dial_begin(&c->dial, c->checker->worker, c->target->socket);
}

static void
check_on_resolved(struct resolve_wait *wait)
{
	check_name(list_entry(wait, struct check, resolve));
}

static void
check_begin(struct check *c)
{
	c->began_ms = clock_mono_coarse_ms();
	c->n_answer = 0;
	timer_set(&c->checker->worker->timers, &c->timer,
		c->began_ms + c->route->upstream.check_timeout_ms);
	if (c->target->type == CONF_TARGET_CONTAINER)
		check_container(c);
	else if (c->target->type == CONF_TARGET_UNIX)
		check_unix(c);
	else
		check_name(c);
}

static void
check_on_timer(struct timer *t)
{
	struct check *c = list_entry(t, struct check, timer);

	if (c->state == CHECK_WAIT)
		check_begin(c);
	else
		check_end(c, "no answer to the check in time");
}

/* --- the steps on a connection ---------------------------------------------------------------- */

/* The connection is there, TLS included. */
static bool
check_connected(struct check *c)
{
	if (c->route->upstream.check == CONF_CHECK_TCP) {
		check_end(c, NULL);
		return false;
	}
	c->state = CHECK_ASK;
	return true;
}

/* Each step returns true when the next one may be tried at once. */
static bool
check_step_connect(struct check *c)
{
	int error = 0;
	socklen_t len = sizeof(error);
	struct sockaddr_storage ss;
	socklen_t ss_len = sizeof(ss);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error) {
		check_end(c, "connection refused or impossible");
		return false;
	}
	if (getpeername(c->fd, (struct sockaddr *)&ss, &ss_len) < 0)
		return false; /* still on its way */
	if (c->target->type != CONF_TARGET_HTTPS)
		return check_connected(c);
	c->ssl = tls_backend_connect(
		generation_client(c->checker->generation, c->checker->worker->index, c->route),
		c->target->host, NULL, NULL);
	if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1) {
		check_end(c, "out of memory");
		return false;
	}
	c->state = CHECK_HANDSHAKE;
	return true;
}

static bool
check_blocked(const struct check *c, int result)
{
	int error = SSL_get_error(c->ssl, result);

	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static bool
check_step_handshake(struct check *c)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(c->ssl);
	if (result == 1)
		return check_connected(c);
	if (!check_blocked(c, result))
		check_end(c, tls_backend_why(c->ssl));
	return false;
}

/* Small, and the first bytes on the connection: what does not go at once does not go. */
static bool
check_step_ask(struct check *c)
{
	const struct conf_target *t = c->target;
	bool v6 = strchr(t->host, ':') != NULL;
	char text[CHECK_TEXT_MAX];
	int n = snprintf(text, sizeof(text),
		"GET %s HTTP/1.1\r\nHost: %s%s%s:%u\r\nUser-Agent: sluice\r\n"
		"Connection: close\r\n\r\n",
		c->route->upstream.check_path, v6 ? "[" : "", t->host, v6 ? "]" : "", t->port);
	bool sent = n > 0 && (size_t)n < sizeof(text);

	ERR_clear_error();
	if (sent && c->ssl)
		sent = SSL_write(c->ssl, text, n) == n;
	else if (sent)
		sent = send(c->fd, text, (size_t)n, MSG_NOSIGNAL) == n;
	if (!sent) {
		check_end(c, "the check was not taken");
		return false;
	}
	c->state = CHECK_READ;
	return true;
}

/* The status line is all that counts; what follows is not waited for. */
static void
check_judge(struct check *c)
{
	const struct conf_upstream *u = &c->route->upstream;
	struct slice line = slice_of(c->answer, sizeof(c->answer));
	uint64_t status;

	if (!slice_starts(line, SLICE_LIT("HTTP/1.")) || line.p[8] != ' ' ||
		num_parse(slice_skip(line, 9), 100, 999, &status) < 0)
		check_end(c, "the answer to the check is no HTTP");
	else if (status < u->check_status_low || status > u->check_status_high)
		check_end(c, "the answer to the check has another status");
	else
		check_end(c, NULL);
}

static bool
check_step_read(struct check *c)
{
	char *to = c->answer + c->n_answer;
	size_t room = sizeof(c->answer) - c->n_answer;
	bool blocked;
	ssize_t n;

	ERR_clear_error();
	if (c->ssl) {
		n = SSL_read(c->ssl, to, (int)room);
		blocked = n <= 0 && check_blocked(c, (int)n);
	} else {
		n = recv(c->fd, to, room, 0);
		blocked = n < 0 && (errno == EAGAIN || errno == EINTR);
	}
	if (blocked)
		return false;
	if (n <= 0) {
		check_end(c, "closed without an answer to the check");
		return false;
	}
	c->n_answer += (size_t)n;
	if (c->n_answer < sizeof(c->answer))
		return true;
	check_judge(c);
	return false;
}

static void
check_step(struct check *c)
{
	bool more = true;

	while (more) {
		switch (c->state) {
		case CHECK_CONNECT:
			more = check_step_connect(c);
			break;
		case CHECK_HANDSHAKE:
			more = check_step_handshake(c);
			break;
		case CHECK_ASK:
			more = check_step_ask(c);
			break;
		case CHECK_READ:
			more = check_step_read(c);
			break;
		case CHECK_WAIT:
		case CHECK_RESOLVE:
			return;
		}
	}
}

/* --- all of them ------------------------------------------------------------------------------ */

static size_t
count_checks(const struct conf *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_sites; i++)
		for (size_t k = 0; k < c->sites[i].n_routes; k++)
			if (c->sites[i].routes[k].upstream.check)
				n += conf_route_targets(&c->sites[i].routes[k]);
	return n;
}

static void
checker_add_route(struct checker *all, const struct conf_route *route)
{
	struct backend_pool *pool = generation_pool(all->generation, route);
	uint64_t now = clock_mono_coarse_ms();

	for (size_t i = 0; i < conf_route_targets(route); i++) {
		struct check *c = &all->checks[all->n];

		c->checker = all;
		c->pool = pool;
		c->backend = backend_pool_get(pool, i);
		c->route = route;
		c->target = conf_route_target(route, i);
		c->fd = -1;
		resolve_wait_init(&c->resolve, check_on_resolved);
		dial_init(&c->dial, check_on_dialed);
		timer_init(&c->timer, check_on_timer);
		timer_set(&all->worker->timers, &c->timer, now + CHECK_STAGGER_MS * all->n);
		all->n++;
	}
}

void
checker_adopt(struct worker *w)
{
	const struct conf *conf = w->generation->conf;
	size_t n = count_checks(conf);
	struct checker *all;

	checker_free(&w->checker);
	if (n == 0)
		return;
	all = calloc(1, sizeof(*all));
	if (all)
		all->checks = calloc(n, sizeof(*all->checks));
	/* Without checks nobody would notice that the file is not followed. */
	if (!all || !all->checks)
		abort();
	all->worker = w;
	all->generation = generation_ref(w->generation);
	for (size_t i = 0; i < conf->n_sites; i++)
		for (size_t k = 0; k < conf->sites[i].n_routes; k++)
			if (conf->sites[i].routes[k].upstream.check)
				checker_add_route(all, &conf->sites[i].routes[k]);
	w->checker = all;
}

void
checker_free(struct checker **c)
{
	struct checker *gone = steal_ptr(c);

	if (!gone)
		return;
	for (size_t i = 0; i < gone->n; i++)
		check_close(&gone->checks[i]);
	free(gone->checks);
	generation_unref(&gone->generation);
	free(gone);
}
