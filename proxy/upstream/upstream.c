/*
 * Connecting, reading, writing, returning, closing. Who leases decides what the bytes mean.
 */
#include "proxy/upstream/upstream.h"

#include "core/clock.h"
#include "core/own.h"
#include "core/sock.h"
#include "proxy/exchange/exchange.h"
#include "proxy/upstream/upstream_tls.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void
upstream_bury(struct grave *g)
{
	free((struct upstream *)(void *)g);
}

/* What came on an idle connection: for TLS it may be of the protocol's own, a session for example;
 * everything else is an answer that nobody asked for. The edge of bytes that were read already, the
 * end of the last answer, may come as late as this: then there is nothing. */
static bool
upstream_spoke(struct upstream *u)
{
	return u->readable && upstream_is_stale(u);
}

static void
upstream_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct upstream *u = arg;

	(void)fd;
	if (what & (EV_READ | EV_CLOSED)) {
		u->readable = true;
		u->drained = false;
	}
	if (what & EV_CLOSED)
		u->finished = true;
	if (what & EV_WRITE)
		u->writable = true;
	if (u->exchange)
		exchange_on_upstream(u->exchange);
	else if (upstream_spoke(u))
		upstream_close(u);
}

static void
upstream_on_idle_timeout(struct timer *t)
{
	upstream_close(list_entry(t, struct upstream, timer));
}

static void
upstream_ask(struct upstream *u, struct exchange *x)
{
	u->exchange = x;
	u->asked = true;
	gate_enter(&u->pool->gate);
}

struct upstream *
upstream_lease(struct pool *pool, struct exchange *x)
{
	struct list *node = list_first(&pool->idle);
	struct upstream *u;

	if (!node)
		return NULL;
	u = list_entry(node, struct upstream, node);
	list_remove(&u->node);
	pool->n_idle--;
	u->worker->pools.n_idle--;
	timer_off(&u->timer);
	upstream_ask(u, x);
	u->reused = true;
	u->wrote = false;
	return u;
}

void
upstream_answered(struct upstream *u)
{
	if (u->asked)
		gate_leave(&u->pool->gate, clock_mono_coarse_ms());
	u->asked = false;
}

/* From here on the kernel says what is ready. 0 or an errno. */
static int
upstream_watch(struct upstream *u)
{
	event_assign(&u->event, u->worker->base, u->fd,
		EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, upstream_on_event, u);
	return event_add(&u->event, NULL) < 0 ? ENOMEM : 0;
}

static void
upstream_on_dialed(struct dial *d, int fd, int error)
{
	struct upstream *u = list_entry(d, struct upstream, dial);

	u->fd = fd;
	u->dial_error = fd < 0 ? error : upstream_watch(u);
	/* upstream_connected tells what came of it. */
	u->writable = true;
	exchange_on_upstream(u->exchange);
}

/* Starts connecting u->fd. 0 or an errno. */
static int
upstream_start(struct upstream *u)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int one = 1;

	u->connecting = true;
	if (u->pool->socket) {
		dial_begin(&u->dial, u->worker, u->pool->socket);
		return 0;
	}
	len = addr_to_sockaddr(&u->pool->addr, u->pool->port, &ss);
	u->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (u->fd < 0)
		return errno;
	/* Small requests must not wait for the acknowledgement of the last one. */
	(void)setsockopt(u->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(u->fd, (const struct sockaddr *)&ss, len) < 0 && errno != EINPROGRESS)
		return errno;
	if (u->pool->tls && upstream_tls_open(u) < 0)
		return ENOMEM;
	return upstream_watch(u);
}

struct upstream *
upstream_connect(struct worker *w, const struct endpoint *to, struct exchange *x, int *ret_errno)
{
	struct upstream *u = calloc(1, sizeof(*u));

	*ret_errno = ENOMEM;
	if (!u)
		return NULL;
	u->worker = w;
	u->fd = -1;
	u->grave.bury = upstream_bury;
	list_init(&u->node);
	timer_init(&u->timer, upstream_on_idle_timeout);
	dial_init(&u->dial, upstream_on_dialed);
	u->pool = pools_join(&w->pools, to);
	if (!u->pool) {
		free(u);
		return NULL;
	}
	*ret_errno = upstream_start(u);
	if (*ret_errno != 0) {
		upstream_tls_close(u);
		pools_leave(&w->pools, u->pool);
		close_fd(u->fd);
		free(u);
		return NULL;
	}
	upstream_ask(u, x);
	stats_add(&w->stats, STAT_UPSTREAM_CONNECTS, 1);
	return u;
}

int
upstream_connected(struct upstream *u)
{
	int error = u->dial_error;
	socklen_t len = sizeof(error);

	if (error == 0 && u->connecting &&
		getsockopt(u->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	u->connecting = false;
	return error == 0 && u->ssl ? upstream_tls_handshake(u) : error;
}

bool
upstream_is_stale(struct upstream *u)
{
	char byte;

	if (u->ssl)
		return upstream_tls_spoke(u);
	return recv(u->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

/* recv(2), or what it would be with TLS. */
static ssize_t
upstream_recv(struct upstream *u, char *to, size_t n)
{
	ssize_t got;

	if (u->ssl)
		return upstream_tls_recv(u, to, n);
	do {
		got = sock_recv(u->fd, to, n, 0);
	} while (got < 0 && errno == EINTR);
	return got;
}

static ssize_t
upstream_send(struct upstream *u, struct slice bytes)
{
	if (u->ssl)
		return upstream_tls_send(u, bytes);
	return sock_send(u->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
}

enum upstream_io
upstream_read_into(struct upstream *u, struct iobuf *in, int *ret_errno)
{
	size_t room = iobuf_room(in);
	ssize_t n;

	if (!u->readable)
		return UPSTREAM_BLOCKED;
	n = upstream_recv(u, iobuf_tail(in), room);
	if (n < 0 && errno == EAGAIN && !u->lost) {
		/* TLS says so itself: it may have to write before it reads on. */
		if (!u->ssl)
			u->readable = false;
		return UPSTREAM_BLOCKED;
	}
	if (n <= 0) {
		*ret_errno = n < 0 ? errno : 0;
		u->broken = n < 0;
		return UPSTREAM_CLOSED;
	}
	in->end += (uint32_t)n;
	/* The end of the stream may have come before this edge, and then it is known. Of TLS there
	 * may be more where this came from. */
	u->drained = (size_t)n < room && !u->finished && !u->lost && !u->ssl;
	return UPSTREAM_OK;
}

void
upstream_settle(struct upstream *u)
{
	if (u->drained)
		u->readable = false;
}

enum upstream_io
upstream_read(struct upstream *u, int *ret_errno)
{
	*ret_errno = ENOMEM;
	if (!u->readable)
		return UPSTREAM_BLOCKED;
	if (iobuf_hold(&u->in, &u->worker->blocks) < 0)
		return UPSTREAM_CLOSED;
	if (iobuf_room(&u->in) == 0)
		iobuf_compact(&u->in);
	if (iobuf_room(&u->in) == 0)
		return UPSTREAM_BLOCKED;
	return upstream_read_into(u, &u->in, ret_errno);
}

enum upstream_io
upstream_write(struct upstream *u)
{
	while (iobuf_len(&u->out) > 0) {
		struct slice left = iobuf_slice(&u->out);
		ssize_t n;

		if (!u->writable)
			return UPSTREAM_BLOCKED;
		n = upstream_send(u, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			u->writable = false;
			return UPSTREAM_BLOCKED;
		}
		if (n < 0)
			return UPSTREAM_CLOSED;
		u->wrote = true;
		if ((size_t)n < left.n && !u->ssl)
			u->writable = false;
		iobuf_consume(&u->out, (size_t)n);
	}
	return UPSTREAM_OK;
}

void
upstream_finish(struct upstream *u)
{
	(void)shutdown(u->fd, SHUT_WR);
}

void
upstream_leave_place(struct upstream *u)
{
	struct backend *place = steal_ptr(&u->place);

	if (place)
		backend_release(place);
}

static void
upstream_release_buffers(struct upstream *u)
{
	iobuf_release(&u->in, &u->worker->blocks);
	iobuf_release(&u->out, &u->worker->blocks);
}

/* A backend that closes a connection in the moment in which a request goes out on it has not had
 * the request, and nobody can tell: what may not be repeated fails. So ours is the first to close.
 */
static uint64_t
upstream_idle_ms(const struct upstream *u, uint32_t idle_s)
{
	uint64_t ours = u->pool->n_idle < POOL_IDLE_MAX ? POOL_IDLE_MS : POOL_SURPLUS_MS;
	uint64_t theirs = (uint64_t)idle_s * 1000;

	if (theirs == 0)
		return ours;
	theirs = theirs > 2 * POOL_MARGIN_MS ? theirs - POOL_MARGIN_MS : theirs / 2;
	return ours < theirs ? ours : theirs;
}

void
upstream_return(struct upstream *u, uint32_t idle_s)
{
	struct worker *w = u->worker;
	uint64_t idle_ms = upstream_idle_ms(u, idle_s);

	if (w->pools.n_idle >= POOLS_IDLE_MAX || (u->readable && upstream_is_stale(u))) {
		upstream_close(u);
		return;
	}
	upstream_leave_place(u);
	upstream_answered(u);
	u->readable = false;
	upstream_release_buffers(u);
	u->exchange = NULL;
	list_prepend(&u->pool->idle, &u->node);
	u->pool->n_idle++;
	w->pools.n_idle++;
	timer_set(&w->timers, &u->timer, clock_mono_coarse_ms() + idle_ms);
}

void
upstream_close(struct upstream *u)
{
	struct worker *w = u->worker;

	if (!u->pool)
		return;
	dial_cancel(&u->dial);
	if (!list_empty(&u->node)) {
		list_remove(&u->node);
		u->pool->n_idle--;
		w->pools.n_idle--;
	}
	upstream_leave_place(u);
	upstream_answered(u);
	timer_remove(&w->timers, &u->timer);
	if (u->fd >= 0)
		event_del(&u->event);
	upstream_tls_close(u);
	u->fd = close_fd(u->fd);
	upstream_release_buffers(u);
	u->exchange = NULL;
	pools_leave(&w->pools, u->pool);
	u->pool = NULL;
	worker_bury(w, &u->grave);
}

/* Closes a pool's idle connections; the pool itself may go with the last of them. */
static void
upstream_close_pool(struct pool *pool)
{
	for (size_t n = pool->n_idle; n > 0; n--)
		upstream_close(list_entry(list_first(&pool->idle), struct upstream, node));
}

void
upstream_close_idle(struct worker *w, const struct addr *addr)
{
	size_t cursor = 0;
	struct slice key;
	struct pool *pool;

	if (addr->family == 0)
		return;
	while ((pool = map_next(w->pools.by_address, &cursor, &key)) != NULL) {
		if (addr_eq(&pool->addr, addr))
			upstream_close_pool(pool);
	}
}

void
upstream_close_all_idle(struct worker *w)
{
	size_t cursor = 0;
	struct slice key;
	struct pool *pool;

	while ((pool = map_next(w->pools.by_address, &cursor, &key)) != NULL)
		upstream_close_pool(pool);
}
