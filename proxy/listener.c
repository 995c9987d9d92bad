/*
 * Accepting: in turns, so that a flood of connections does not starve those that are open, and
 * paused for a second when descriptors run out.
 */
#include "proxy/listener.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "proxy/conn/conn.h"
#include "proxy/worker.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

struct listener {
	struct list node;
	struct worker *worker;
	struct addr addr;
	uint16_t port;
	enum conf_listen_mode mode;
	bool proxy_protocol;
	bool http2;
	int fd;
	struct event *event;
	bool wanted;        /* while adopting: the new generation has it */
	struct event *drop; /* not NULL: dropped, and closed when it fires */
};

static void
listener_free(struct listener *l)
{
	list_remove(&l->node);
	if (l->event)
		event_free(l->event);
	if (l->drop)
		event_free(l->drop);
	close_fd(l->fd);
	free(l);
}

static void
listeners_pause(struct worker *w)
{
	if (event_pending(w->listeners.pause, EV_TIMEOUT, NULL))
		return;
	list_each(node, &w->listeners.all)
		event_del(list_entry(node, struct listener, node)->event);
	event_add(w->listeners.pause, &(struct timeval){.tv_sec = LISTENER_PAUSE_MS / 1000});
	stats_add(&w->stats, STAT_ACCEPT_PAUSED, 1);
	worker_limit_reached(w, OVERLOAD_DESCRIPTORS);
	log_warn("out of descriptors, accepting paused", kv_u("thread", w->index));
}

static void
listeners_on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	list_each(node, &w->listeners.all)
		event_add(list_entry(node, struct listener, node)->event, NULL);
}

/* Every connection is busy: this one is told so, where that costs nothing. */
static void
listener_refuse(struct worker *w, const struct conn_origin *origin)
{
	static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n"
				   "Content-Length: 0\r\nConnection: close\r\n\r\n";

	stats_add(&w->stats, STAT_CONNECTIONS_REFUSED, 1);
	if (origin->mode != CONF_LISTEN_TLS)
		(void)send(origin->fd, busy, sizeof(busy) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close_fd(origin->fd);
}

/* There is room for one connection more, or the longest idle one has made some. */
static bool
listener_has_room(struct worker *w)
{
	if (w->n_conns < w->overload.connections_max)
		return true;
	worker_limit_reached(w, OVERLOAD_CONNECTIONS);
	return conn_close_longest_idle(w);
}

/* Accepts one connection. False when there is none or none can be taken now. */
static bool
listener_accept(struct listener *l)
{
	struct worker *w = l->worker;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct conn_origin origin = {.port = l->port,
		.mode = l->mode,
		.http2 = l->http2,
		.proxy_protocol = l->proxy_protocol};
	int fd = accept4(l->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		origin.fd = fd;
		if (addr_from_sockaddr(&ss, &origin.peer, &origin.peer_port) < 0)
			close_fd(fd);
		else if (!listener_has_room(w))
			listener_refuse(w, &origin);
		else
			conn_new(w, &origin);
		return true;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
		listeners_pause(w);
		return false;
	}
	/* accept(2): errors of the new connection itself are to be treated as "try again". */
	return errno != EAGAIN;
}

static void
listener_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;
	int most = l->mode == CONF_LISTEN_TLS ? LISTENER_HANDSHAKES_MAX : LISTENER_ACCEPT_MAX;

	(void)fd;
	(void)what;
	for (int i = 0; i < most; i++) {
		if (!listener_accept(l))
			break;
	}
}

static void
listener_on_drop(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	while (listener_accept(l))
		;
	listener_free(l);
}

/* The listener goes on for a moment: the parent still holds its copy of the socket, and what its
 * queue gets until that is closed would otherwise be reset. */
static void
listener_drop(struct listener *l)
{
	if (l->drop)
		return;
	l->drop = event_new(l->worker->base, -1, 0, listener_on_drop, l);
	if (!l->drop) {
		listener_free(l);
		return;
	}
	event_add(l->drop, &(struct timeval){.tv_sec = LISTENER_DROP_GRACE_MS / 1000});
}

static struct listener *
listener_find(struct worker *w, const struct listener_part *part)
{
	list_each(node, &w->listeners.all)
	{
		struct listener *l = list_entry(node, struct listener, node);

		if (!l->drop && l->port == part->port && addr_eq(&l->addr, &part->addr))
			return l;
	}
	return NULL;
}

static struct listener *
listener_new(struct worker *w, struct listener_part *part)
{
	struct listener *l = calloc(1, sizeof(*l));
	int one = 1;

	if (!l)
		return NULL;
	l->worker = w;
	l->addr = part->addr;
	l->port = part->port;
	l->fd = steal_fd(&part->fd);
	list_init(&l->node);
	/* Accepted sockets inherit it (tcp(7)): one call a listener instead of one a connection. */
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	l->event = event_new(w->base, l->fd, EV_READ | EV_PERSIST, listener_on_event, l);
	if (!l->event) {
		listener_free(l);
		return NULL;
	}
	list_append(&w->listeners.all, &l->node);
	if (!event_pending(w->listeners.pause, EV_TIMEOUT, NULL))
		event_add(l->event, NULL);
	return l;
}

static void
listener_adopt(struct worker *w, struct listener_part *part)
{
	struct listener *l = listener_find(w, part);
	const struct conf_listen *conf = generation_listen(w->generation, &part->addr, part->port);

	if (l)
		part->fd = close_fd(part->fd);
	else
		l = listener_new(w, part);
	if (!l || !conf) {
		log_error("listener cannot be opened", kv_u("port", part->port));
		return;
	}
	l->mode = conf->mode;
	l->proxy_protocol = conf->proxy_protocol;
	l->http2 = conf->http2;
	l->wanted = true;
}

void
listeners_adopt(struct worker *w, struct listener_part *parts, size_t n)
{
	list_each(node, &w->listeners.all) list_entry(node, struct listener, node)->wanted = false;
	for (size_t i = 0; i < n; i++)
		listener_adopt(w, &parts[i]);
	list_each(node, &w->listeners.all)
	{
		struct listener *l = list_entry(node, struct listener, node);

		if (!l->wanted)
			listener_drop(l);
	}
}

int
listeners_init(struct worker *w)
{
	list_init(&w->listeners.all);
	w->listeners.pause = event_new(w->base, -1, 0, listeners_on_resume, w);
	return w->listeners.pause ? 0 : -1;
}

void
listeners_stop(struct worker *w)
{
	list_each(node, &w->listeners.all)
	{
		struct listener *l = list_entry(node, struct listener, node);

		for (int i = 0; i < LISTENER_ACCEPT_MAX && listener_accept(l); i++)
			;
		listener_free(l);
	}
	event_del(w->listeners.pause);
}

void
listeners_clear(struct worker *w)
{
	if (!w->listeners.pause)
		return;
	list_each(node, &w->listeners.all) listener_free(list_entry(node, struct listener, node));
	event_free(w->listeners.pause);
	w->listeners.pause = NULL;
}
