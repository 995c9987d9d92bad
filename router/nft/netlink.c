/*
 * Netlink sockets over libmnl. Owns the sockets and one receive buffer each; knows nothing of
 * what the messages mean.
 */
#include "router/nft/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* Larger buffers: the forced form needs CAP_NET_ADMIN of the first user namespace, the other is
 * cut to the host's limit. */
static void
set_buffer(int fd, int forced, int plain, int size)
{
	if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, plain, &size, sizeof(size));
}

static void
set_options(struct netlink *n, bool nonblocking)
{
	int fd = mnl_socket_get_fd(n->socket), on = 1;
	struct timeval limit = {.tv_sec = NETLINK_ANSWER_SECONDS};

	/* Errors come with the place of the bad attribute and without our own bytes. */
	(void)mnl_socket_setsockopt(n->socket, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(n->socket, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)mnl_socket_setsockopt(n->socket, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, NETLINK_EVENTS_BUFFER);
	if (!nonblocking)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

int
netlink_open(struct netlink *n, int bus, bool nonblocking, struct err *e)
{
	int flags = SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), saved;
	struct netlink opened = {0};

	opened.buffer = malloc(NETLINK_RECEIVE_MAX);
	if (!opened.buffer)
		return err_set(e, "out of memory");
	opened.socket = mnl_socket_open2(bus, flags);
	if (!opened.socket || mnl_socket_bind(opened.socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		saved = errno;
		netlink_close(&opened);
		return err_errno(e, saved, "netlink socket");
	}
	set_options(&opened, nonblocking);
	opened.port = mnl_socket_get_portid(opened.socket);
	*n = opened;
	return 0;
}

int
netlink_join(struct netlink *n, int group, struct err *e)
{
	if (mnl_socket_setsockopt(n->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return err_errno(e, errno, "netlink group %d", group);
	return 0;
}

int
netlink_leave(struct netlink *n, int group, struct err *e)
{
	if (mnl_socket_setsockopt(n->socket, NETLINK_DROP_MEMBERSHIP, &group, sizeof(group)) < 0)
		return err_errno(e, errno, "netlink group %d", group);
	return 0;
}

void
netlink_close(struct netlink *n)
{
	if (n->socket)
		(void)mnl_socket_close(n->socket);
	free(n->buffer);
	*n = (struct netlink){0};
}

int
netlink_fd(const struct netlink *n)
{
	return mnl_socket_get_fd(n->socket);
}

struct nlmsghdr *
netlink_begin(struct netlink *n, void *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	h->nlmsg_seq = ++n->seq;
	return h;
}

static void
read_error_attrs(const struct nlmsghdr *h, struct netlink_error *ret)
{
	const struct nlattr *attrs[NLMSGERR_ATTR_MAX + 1];
	const struct nlmsgerr *m = mnl_nlmsg_get_payload(h);
	size_t skip = sizeof(*m);

	/* Without NLM_F_CAPPED the whole message of ours stands in between. */
	if (!(h->nlmsg_flags & NLM_F_CAPPED) && m->error != 0) {
		if (m->msg.nlmsg_len < sizeof(m->msg))
			return;
		skip += NETLINK_ALIGN((size_t)m->msg.nlmsg_len) - sizeof(m->msg);
	}
	if (skip > mnl_nlmsg_get_payload_len(h))
		return;
	netlink_attrs(h, skip, attrs, NLMSGERR_ATTR_MAX);
	(void)netlink_u32(attrs[NLMSGERR_ATTR_OFFS], &ret->offset);
	(void)netlink_name(attrs[NLMSGERR_ATTR_MSG], ret->text, sizeof(ret->text));
}

bool
netlink_read_error(const struct nlmsghdr *h, struct netlink_error *ret)
{
	const struct nlmsgerr *m = mnl_nlmsg_get_payload(h);

	if (h->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(h) < sizeof(*m))
		return false;
	/* The kernel sends 0 or -errno. */
	*ret = (struct netlink_error){.seq = m->msg.nlmsg_seq};
	ret->errnum = m->error < 0 && m->error >= -4095 ? -m->error : m->error ? EPROTO : 0;
	if (h->nlmsg_flags & NLM_F_ACK_TLVS)
		read_error_attrs(h, ret);
	return true;
}

int
netlink_err(struct err *e, const struct netlink_error *error, const char *context)
{
	if (error->text[0])
		return err_errno(e, error->errnum, "%s: %s", context, error->text);
	return err_errno(e, error->errnum, "%s", context);
}

static int
failed(struct netlink_error *ret, int errnum)
{
	*ret = (struct netlink_error){.errnum = errnum};
	return -1;
}

/* Receives one packet into n's buffer. Its length, or -1 with errno. */
static ssize_t
receive(struct netlink *n)
{
	return mnl_socket_recvfrom(n->socket, n->buffer, NETLINK_RECEIVE_MAX);
}

int
netlink_request(struct netlink *n, struct nlmsghdr *h, struct netlink_error *ret)
{
	h->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(n->socket, h, h->nlmsg_len) < 0)
		return failed(ret, errno);
	for (;;) {
		ssize_t len = receive(n);
		const struct nlmsghdr *m;
		struct netlink_walk w = {.at = n->buffer, .left = (size_t)len};

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return failed(ret, errno);
		while ((m = netlink_next_message(&w)) != NULL)
			if (m->nlmsg_seq == h->nlmsg_seq && netlink_read_error(m, ret))
				return ret->errnum ? -1 : 0;
	}
}

/* One packet of a dump: 1 at its end, 0 when more follows, -1 with *ret. */
static int
dump_packet(struct netlink *n, size_t size, uint32_t seq, const struct netlink_dump *dump,
	struct netlink_error *ret)
{
	const struct nlmsghdr *m;
	struct netlink_walk w = {.at = n->buffer, .left = size};

	while ((m = netlink_next_message(&w)) != NULL) {
		if (m->nlmsg_seq != seq)
			continue;
		if (m->nlmsg_flags & NLM_F_DUMP_INTR)
			return failed(ret, EINTR);
		if (m->nlmsg_type == NLMSG_DONE)
			return 1;
		if (netlink_read_error(m, ret))
			return ret->errnum ? -1 : 1;
		if (m->nlmsg_type >= NLMSG_MIN_TYPE && dump->on_each(m, dump->ctx) < 0)
			return failed(ret, ENOMEM);
	}
	return 0;
}

/* Reads away what is left of a dump that was given up. */
static void
dump_drain(struct netlink *n)
{
	while (recv(netlink_fd(n), n->buffer, NETLINK_RECEIVE_MAX, MSG_DONTWAIT) > 0)
		continue;
}

static int
dump_once(struct netlink *n, struct nlmsghdr *h, const struct netlink_dump *dump,
	struct netlink_error *ret)
{
	if (mnl_socket_sendto(n->socket, h, h->nlmsg_len) < 0)
		return failed(ret, errno);
	for (;;) {
		ssize_t len = receive(n);
		int r;

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return failed(ret, errno);
		r = dump_packet(n, (size_t)len, h->nlmsg_seq, dump, ret);
		if (r != 0)
			return r < 0 ? -1 : 0;
	}
}

int
netlink_ask(struct netlink *n, struct nlmsghdr *h, const struct netlink_dump *dump,
	struct netlink_error *ret)
{
	/* The acknowledgement is the answer's end. */
	h->nlmsg_flags |= NLM_F_ACK;
	return dump_once(n, h, dump, ret);
}

int
netlink_dump(struct netlink *n, struct nlmsghdr *h, const struct netlink_dump *dump,
	struct netlink_error *ret)
{
	h->nlmsg_flags |= NLM_F_DUMP;
	for (unsigned i = 0; i < NETLINK_DUMP_TRIES; i++) {
		if (dump_once(n, h, dump, ret) == 0)
			return 0;
		dump_drain(n);
		if (ret->errnum != EINTR)
			return -1;
		if (dump->on_restart)
			dump->on_restart(dump->ctx);
		h->nlmsg_seq = ++n->seq;
	}
	return -1;
}

int
netlink_events(struct netlink *n, void (*on_each)(const struct nlmsghdr *h, void *ctx), void *ctx)
{
	bool lost = false;

	for (;;) {
		ssize_t len = receive(n);
		const struct nlmsghdr *m;
		struct netlink_walk w = {.at = n->buffer, .left = (size_t)len};

		if (len < 0 && errno == EAGAIN)
			return lost ? 1 : 0;
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
			lost = true;
			continue;
		}
		if (len <= 0)
			return -1;
		while ((m = netlink_next_message(&w)) != NULL)
			if (m->nlmsg_type >= NLMSG_MIN_TYPE)
				on_each(m, ctx);
	}
}

/* Steps over one thing of this size, padded, or to the end. */
static void
step(struct netlink_walk *w, size_t size)
{
	size = NETLINK_ALIGN(size);
	if (size > w->left)
		size = w->left;
	w->at += size;
	w->left -= size;
}

const struct nlmsghdr *
netlink_next_message(struct netlink_walk *w)
{
	const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)w->at;

	if (w->left < sizeof(*h) || h->nlmsg_len < sizeof(*h) || h->nlmsg_len > w->left)
		return NULL;
	step(w, h->nlmsg_len);
	return h;
}

struct netlink_walk
netlink_walk(const struct nlmsghdr *h, size_t header_size)
{
	size_t skip = NETLINK_ALIGN(header_size), size = mnl_nlmsg_get_payload_len(h);
	const char *payload = mnl_nlmsg_get_payload(h);

	if (size < skip)
		return (struct netlink_walk){0};
	return (struct netlink_walk){.at = payload + skip, .left = size - skip};
}

struct netlink_walk
netlink_walk_nest(const struct nlattr *nest)
{
	if (!nest)
		return (struct netlink_walk){0};
	return (struct netlink_walk){
		.at = mnl_attr_get_payload(nest), .left = mnl_attr_get_payload_len(nest)};
}

const struct nlattr *
netlink_next(struct netlink_walk *w)
{
	const struct nlattr *a = (const struct nlattr *)(const void *)w->at;

	if (w->left < sizeof(*a) || a->nla_len < sizeof(*a) || a->nla_len > w->left)
		return NULL;
	step(w, a->nla_len);
	return a;
}

static void
sort_attrs(struct netlink_walk w, const struct nlattr **table, unsigned max)
{
	const struct nlattr *a;

	for (unsigned i = 0; i <= max; i++)
		table[i] = NULL;
	while ((a = netlink_next(&w)) != NULL)
		if (mnl_attr_get_type(a) <= max)
			table[mnl_attr_get_type(a)] = a;
}

void
netlink_attrs(
	const struct nlmsghdr *h, size_t header_size, const struct nlattr **table, unsigned max)
{
	sort_attrs(netlink_walk(h, header_size), table, max);
}

void
netlink_nested(const struct nlattr *nest, const struct nlattr **table, unsigned max)
{
	sort_attrs(netlink_walk_nest(nest), table, max);
}

bool
netlink_bytes(const struct nlattr *a, void *ret, size_t n)
{
	if (!a || mnl_attr_get_payload_len(a) < n)
		return false;
	memcpy(ret, mnl_attr_get_payload(a), n);
	return true;
}

bool
netlink_u8(const struct nlattr *a, uint8_t *ret)
{
	return netlink_bytes(a, ret, sizeof(*ret));
}

bool
netlink_u16(const struct nlattr *a, uint16_t *ret)
{
	return netlink_bytes(a, ret, sizeof(*ret));
}

bool
netlink_u32(const struct nlattr *a, uint32_t *ret)
{
	return netlink_bytes(a, ret, sizeof(*ret));
}

bool
netlink_name(const struct nlattr *a, char *ret, size_t size)
{
	size_t n;

	if (!a)
		return false;
	n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
	if (n == 0)
		return false;
	if (n >= size)
		n = size - 1;
	memcpy(ret, mnl_attr_get_payload(a), n);
	ret[n] = '\0';
	return true;
}
