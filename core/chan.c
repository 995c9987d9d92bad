/*
 * Channels: packets in and out of a SOCK_SEQPACKET socket on an event loop. A channel owns its
 * socket, its queue and the descriptors in it. It never blocks (but for chan_drain), and it never
 * calls on_close from within chan_send: the loop does, in its next turn.
 */
#include "core/chan.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/list.h"
#include "core/log.h"
#include "core/own.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURN_MAX 64 /* messages read in one turn of the loop, so that others get theirs */
#define EXTRA_FDS 8 /* descriptors looked for in a packet, so that too many can be closed */
#define SOCKET_BUFFER (4 * MSG_SIZE_MAX)

struct packet {
	struct list node;
	int fd; /* owned; -1 for none */
	size_t size;
	unsigned char bytes[];
};

struct chan {
	int fd;
	enum role self, peer;
	const struct chan_ops *ops;
	void *ctx;
	struct event *readable, *writable, *closing;
	struct list queue; /* of struct packet */
	size_t queued, queued_bytes;
	uint64_t dropped;
	const char *reason; /* why it is given up; NULL while it works */
	unsigned in_callback;
	bool freed; /* chan_free was called inside a callback: the last one out frees */
	unsigned char packet[MSG_SIZE_MAX + 1];
};

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_closing(evutil_socket_t fd, short what, void *arg);

static void
release(struct chan *c)
{
	if (c->readable)
		event_free(c->readable);
	if (c->writable)
		event_free(c->writable);
	if (c->closing)
		event_free(c->closing);
	free(c);
}

/* Room for the largest packet and some more; where the limits are lower, sending waits in the
 * queue more often, that is all. */
static void
widen_buffers(int fd)
{
	int size = SOCKET_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

struct chan *
/* NOLINTNEXTLINE(readability-function-size): seven facts make a channel, none is optional. */
chan_new(struct event_base *base, int fd, enum role self, enum role peer,
	const struct chan_ops *ops, void *ctx, struct err *e)
{
	struct chan *c = malloc(sizeof(*c));

	if (!c || fd_prepare(fd, e) < 0) {
		if (!c)
			(void)err_set(e, "channel to %s: out of memory", role_name(peer));
		free(c);
		close_fd(fd);
		return NULL;
	}
	/* Not calloc: the packet buffer's pages are touched only when a message comes. */
	memset(c, 0, offsetof(struct chan, packet));
	c->fd = fd;
	c->self = self;
	c->peer = peer;
	c->ops = ops;
	c->ctx = ctx;
	list_init(&c->queue);
	widen_buffers(fd);
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(base, fd, EV_WRITE, on_writable, c);
	c->closing = event_new(base, -1, 0, on_closing, c);
	if (!c->readable || !c->writable || !c->closing || event_add(c->readable, NULL) < 0) {
		(void)err_set(e, "channel to %s: no event", role_name(peer));
		close_fd(fd);
		release(c);
		return NULL;
	}
	return c;
}

static void
packet_free(struct chan *c, struct packet *p)
{
	list_remove(&p->node);
	c->queued--;
	c->queued_bytes -= p->size;
	close_fd(p->fd);
	free(p);
}

static void
clear_queue(struct chan *c)
{
	list_each(node, &c->queue) packet_free(c, list_entry(node, struct packet, node));
}

void
chan_free(struct chan **c)
{
	struct chan *gone = *c;

	if (!gone)
		return;
	*c = NULL;
	(void)event_del(gone->readable);
	(void)event_del(gone->writable);
	(void)event_del(gone->closing);
	clear_queue(gone);
	gone->fd = close_fd(gone->fd);
	gone->freed = true;
	if (gone->in_callback == 0)
		release(gone);
}

/* Around every callback. leave() says whether the channel still exists. */
static void
enter(struct chan *c)
{
	c->in_callback++;
}

static bool
leave(struct chan *c)
{
	c->in_callback--;
	if (!c->freed)
		return true;
	if (c->in_callback == 0)
		release(c);
	return false;
}

/* Gives the channel up; the loop calls on_close. The first reason counts. */
static void
give_up(struct chan *c, const char *reason)
{
	if (c->reason)
		return;
	c->reason = reason;
	(void)event_del(c->readable);
	(void)event_del(c->writable);
	clear_queue(c);
	event_active(c->closing, EV_TIMEOUT, 0);
}

static void
on_closing(evutil_socket_t fd, short what, void *arg)
{
	struct chan *c = arg;

	(void)fd;
	(void)what;
	log_debug("channel closed", kv_s("peer", role_name(c->peer)), kv_s("reason", c->reason));
	enter(c);
	if (c->ops->on_close)
		c->ops->on_close(c, c->reason, c->ctx);
	(void)leave(c);
}

static void
drop(struct chan *c, const char *why)
{
	c->dropped++;
	log_warn("message dropped", kv_s("self", role_name(c->self)),
		kv_s("peer", role_name(c->peer)), kv_s("why", why));
}

/* Takes the descriptors out of a received packet: writes the first one to *ret_fd, closes the
 * others. Returns how many there were. */
static unsigned
collect_fds(struct msghdr *msg, int *ret_fd)
{
	unsigned found = 0;

	*ret_fd = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (found++ == 0)
				*ret_fd = fd;
			else
				close_fd(fd);
		}
	}
	return found;
}

/* Hands one well-formed, permitted message on. False when the channel is gone. */
static bool
dispatch(struct chan *c, struct msg_in *m, struct slice packet)
{
	bool for_us = m->to == c->self;

	if (!for_us && !c->ops->on_relay) {
		drop(c, "nobody to relay it to");
		close_fd(msg_take_fd(m));
		return true;
	}
	enter(c);
	if (for_us)
		c->ops->on_msg(c, m, c->ctx);
	else
		c->ops->on_relay(c, m, packet, c->ctx);
	close_fd(msg_take_fd(m));
	return leave(c);
}

/* Checks a packet against the table and hands it on. fd is owned here. */
static bool
receive(struct chan *c, size_t size, int fd)
{
	struct slice packet = slice_of(c->packet, size);
	struct msg_in m;
	struct err e;

	if (msg_in_init(&m, packet, c->peer, c->self, fd, &e) < 0) {
		drop(c, e.msg);
		close_fd(fd);
		return true;
	}
	if (msg_validate(&m) < 0) {
		(void)err_set(&e, "%s is malformed", msg_name(m.type));
		drop(c, e.msg);
		close_fd(fd);
		return true;
	}
	return dispatch(c, &m, packet);
}

/* Reads one packet. False when there is nothing more to do with the channel in this turn. */
static bool
read_packet(struct chan *c)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(EXTRA_FDS * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = c->packet, .iov_len = sizeof(c->packet)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	unsigned fds;
	int fd;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0) {
		give_up(c, "read error");
		return false;
	}
	fds = collect_fds(&msg, &fd);
	/* No message is empty, so this is the end of file. */
	if (n == 0) {
		close_fd(fd);
		give_up(c, "end of file");
		return false;
	}
	if (fds > 1 || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		close_fd(fd);
		drop(c, fds > 1 ? "too many descriptors" : "larger than a message may be");
		return true;
	}
	return receive(c, (size_t)n, fd);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct chan *c = arg;

	(void)fd;
	(void)what;
	/* read_packet says false when c is gone; c->reason is looked at only when it is not. */
	for (unsigned i = 0; i < TURN_MAX; i++) {
		if (!read_packet(c) || c->reason)
			return;
	}
}

/* One sendmsg. 0, or an errno. */
static int
transmit(const struct chan *c, struct slice packet, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	/* sendmsg does not write through iov_base. */
	struct iovec iov = {.iov_base = (void *)(uintptr_t)packet.p, .iov_len = packet.n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *head;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.bytes);
		head = CMSG_FIRSTHDR(&msg);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	}
	do {
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? errno : 0;
}

/* A peer that is gone is found by reading, behind the last messages it sent. */
static bool
is_peer_gone(int errnum)
{
	return errnum == EPIPE || errnum == ECONNRESET;
}

/* Sends what is queued until the socket takes no more. */
static void
flush_queue(struct chan *c)
{
	struct list *first;

	while ((first = list_first(&c->queue))) {
		struct packet *p = list_entry(first, struct packet, node);
		int errnum = transmit(c, slice_of(p->bytes, p->size), p->fd);

		if (errnum == EAGAIN) {
			(void)event_add(c->writable, NULL);
			return;
		}
		if (errnum && !is_peer_gone(errnum)) {
			give_up(c, "write error");
			return;
		}
		packet_free(c, p);
	}
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush_queue(arg);
}

static int
enqueue(struct chan *c, struct slice packet, int fd)
{
	struct packet *p;
	int copy = -1;

	if (c->queued == CHAN_QUEUE_MAX || packet.n > CHAN_QUEUE_BYTES_MAX - c->queued_bytes) {
		log_warn("channel queue full", kv_s("peer", role_name(c->peer)),
			kv_u("messages", c->queued), kv_u("bytes", c->queued_bytes));
		give_up(c, "queue full");
		return -1;
	}
	if (fd >= 0) {
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (copy < 0)
			return -1;
	}
	p = malloc(sizeof(*p) + packet.n);
	if (!p) {
		close_fd(copy);
		return -1;
	}
	p->fd = copy;
	p->size = packet.n;
	memcpy(p->bytes, packet.p, packet.n);
	list_append(&c->queue, &p->node);
	c->queued++;
	c->queued_bytes += packet.n;
	return event_add(c->writable, NULL);
}

static int
send_or_queue(struct chan *c, struct slice packet, int fd)
{
	int errnum;

	if (c->reason)
		return -1;
	if (!list_empty(&c->queue))
		return enqueue(c, packet, fd);
	errnum = transmit(c, packet, fd);
	if (errnum == EAGAIN)
		return enqueue(c, packet, fd);
	if (errnum && !is_peer_gone(errnum)) {
		log_warn("channel write failed", kv_s("peer", role_name(c->peer)),
			kv_i("errno", errnum));
		give_up(c, "write error");
	}
	return errnum ? -1 : 0;
}

int
chan_send(struct chan *c, struct msg_out *m)
{
	struct slice packet;
	struct err e;
	int ret = msg_out_finish(m, c->self, &packet, &e);

	if (ret < 0)
		log_error("message not sent", kv_s("error", e.msg));
	else
		ret = send_or_queue(c, packet, m->fd);
	msg_out_clear(m);
	return ret;
}

int
chan_send_packet(struct chan *c, struct slice packet, int fd)
{
	if (packet.n < MSG_HEADER_SIZE || packet.n > MSG_SIZE_MAX) {
		log_error("message not relayed", kv_u("size", packet.n));
		return -1;
	}
	return send_or_queue(c, packet, fd);
}

enum role
chan_peer(const struct chan *c)
{
	return c->peer;
}

int
chan_fd(const struct chan *c)
{
	return c->fd;
}

bool
chan_is_idle(const struct chan *c)
{
	return !c->reason && list_empty(&c->queue);
}

uint64_t
chan_dropped(const struct chan *c)
{
	return c->dropped;
}

void
chan_drain(struct chan *c, unsigned timeout_ms)
{
	uint64_t end = clock_mono_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = {.fd = c->fd, .events = POLLOUT};
		uint64_t now;

		flush_queue(c);
		now = clock_mono_ms();
		if (c->reason || list_empty(&c->queue) || now >= end)
			return;
		if (poll(&p, 1, (int)(end - now)) < 0 && errno != EINTR)
			return;
		if (p.revents & (POLLHUP | POLLERR))
			return;
	}
}
