/*
 * Opens listening sockets. They listen from the first moment, so a connection that comes before
 * the proxy has committed waits in the queue of the kernel. A bare port is 0.0.0.0 and ::, the
 * latter with IPV6_V6ONLY, so that no client reads as ::ffff:…; a machine without IPv6 has only
 * the first.
 */
#include "daemon/listening.h"

#include "core/clock.h"
#include "core/own.h"
#include "daemon/port_owner.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENING_BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

/* One socket to open: an address of one `listen`. */
struct wish {
	const struct conf_listen *listen;
	struct addr addr;
	bool may_lack; /* `::` of a bare port: a machine without IPv6 goes without */
};

static void
listening_unref(struct listening **l)
{
	if (!*l)
		return;
	if (--(*l)->refs == 0) {
		for (uint32_t i = 0; i < (*l)->n_fds; i++)
			close_fd((*l)->fds[i]);
		free((*l)->fds);
		free(*l);
	}
	*l = NULL;
}

void
listening_set_clear(struct listening_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		listening_unref(&set->items[i]);
	free(set->items);
	free(set->gone);
	*set = (struct listening_set){0};
}

static struct listening *
find_same(const struct listening_set *have, const struct wish *w)
{
	for (size_t i = 0; have && i < have->n; i++)
		if (have->items[i]->port == w->listen->port &&
			addr_eq(&have->items[i]->addr, &w->addr))
			return have->items[i];
	return NULL;
}

static bool
is_any(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

/* Whether our proxy may still listen where `have` no longer does. */
static bool
own_lingers(const struct listening_set *have, const struct wish *w)
{
	for (size_t i = 0; have && i < have->n_gone; i++) {
		const struct listening_gone *g = &have->gone[i];

		if (g->port == w->listen->port && g->addr.family == w->addr.family &&
			(addr_eq(&g->addr, &w->addr) || is_any(&g->addr) || is_any(&w->addr)) &&
			clock_mono_ms() < g->until_ms)
			return true;
	}
	return false;
}

/* Whether a socket of our own stands in the way of a plain bind: the same port and family, and
 * one of the two addresses is the wildcard; or the same address, dropped a moment ago. */
static bool
own_overlaps(const struct listening_set *have, const struct wish *w)
{
	if (own_lingers(have, w))
		return true;
	for (size_t i = 0; have && i < have->n; i++) {
		const struct listening *l = have->items[i];

		if (l->port == w->listen->port && l->addr.family == w->addr.family &&
			(is_any(&l->addr) || is_any(&w->addr)))
			return true;
	}
	return false;
}

static int
open_socket(const struct wish *w, bool reuse_port)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = addr_to_sockaddr(&w->addr, w->listen->port, &ss);
	int one = 1;
	_fd_ int fd =
		socket(w->addr.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		(w->addr.family == AF_INET6 &&
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0) ||
		(reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0) ||
		bind(fd, (const struct sockaddr *)&ss, len) < 0 ||
		listen(fd, LISTENING_BACKLOG) < 0)
		return -1;
	return steal_fd(&fd);
}

static int
fail(const struct wish *w, int errnum, struct err *e)
{
	char text[ADDR_PORT_TEXT_MAX], owner[PORT_OWNER_MAX] = "";

	addr_print_port(&w->addr, w->listen->port, text);
	if (errnum == EADDRINUSE) {
		port_owner(&w->addr, w->listen->port, owner);
		return err_ordinal(e, w->listen->ordinal, "address %s already in use by %s", text,
			owner[0] ? owner : "another program");
	}
	if (errnum == EACCES)
		return err_ordinal(e, w->listen->ordinal,
			"cannot listen on %s: ports below 1024 need root", text);
	err_errno(e, errnum, "cannot listen on %s", text);
	if (e)
		e->ordinal = w->listen->ordinal;
	return -1;
}

static struct listening *
open_all(const struct wish *w, uint32_t threads)
{
	struct listening *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->refs = 1;
	l->addr = w->addr;
	l->port = w->listen->port;
	l->fds = calloc(threads, sizeof(int));
	while (l->fds && l->n_fds < threads) {
		int fd = open_socket(w, true);

		if (fd < 0)
			break;
		l->fds[l->n_fds++] = fd;
	}
	if (l->n_fds < threads) {
		int saved = errno;

		listening_unref(&l);
		errno = saved;
	}
	return l;
}

/* Adds w's listener to ret, shared or new. */
static int
grant(const struct wish *w, uint32_t threads, const struct listening_set *have,
	struct listening_set *ret, struct err *e)
{
	struct listening *l = find_same(have, w);
	bool probe = !l && !own_overlaps(have, w) && !own_overlaps(ret, w);
	_fd_ int probe_fd = probe ? open_socket(w, false) : -1;

	if (l) {
		l->refs++;
		ret->items[ret->n++] = l;
		return 0;
	}
	if (probe && probe_fd < 0) {
		if (w->may_lack && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
			return 0;
		return fail(w, errno, e);
	}
	probe_fd = close_fd(probe_fd);
	l = open_all(w, threads);
	if (!l)
		return fail(w, errno, e);
	ret->items[ret->n++] = l;
	return 0;
}

static int
grant_listen(const struct conf_listen *listen, uint32_t threads, const struct listening_set *have,
	struct listening_set *ret, struct err *e)
{
	struct wish w = {.listen = listen, .addr = listen->addr};

	if (listen->addr.family != 0)
		return grant(&w, threads, have, ret, e);
	w.addr.family = AF_INET;
	if (grant(&w, threads, have, ret, e) < 0)
		return -1;
	w.addr.family = AF_INET6;
	w.may_lack = true;
	return grant(&w, threads, have, ret, e);
}

int
listening_open(const struct conf *c, uint32_t threads, const struct listening_set *have,
	struct listening_set *ret, struct err *e)
{
	struct listening_set set = {0};

	*ret = set;
	set.items = calloc(2 * c->n_listens + 1, sizeof(struct listening *));
	if (!set.items)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < c->n_listens; i++) {
		if (grant_listen(&c->listens[i], threads, have, &set, e) < 0) {
			listening_set_clear(&set);
			return -1;
		}
	}
	*ret = set;
	return 0;
}

static void
add_gone(struct listening_set *set, const struct listening_gone *g)
{
	set->gone[set->n_gone++] = *g;
}

void
listening_follow(struct listening_set *now, const struct listening_set *before)
{
	uint64_t at = clock_mono_ms();

	/* Without memory for it, an address that comes back at once is refused, and later not. */
	now->gone = calloc(before->n + before->n_gone + 1, sizeof(*now->gone));
	if (!now->gone)
		return;
	for (size_t i = 0; i < before->n_gone; i++)
		if (at < before->gone[i].until_ms)
			add_gone(now, &before->gone[i]);
	for (size_t i = 0; i < before->n; i++) {
		struct listening *l = before->items[i];

		/* Shared with `now`, it is not dropped. */
		if (l->refs == 1)
			add_gone(now, &(struct listening_gone){.addr = l->addr,
					      .port = l->port,
					      .until_ms = at + LISTENING_GONE_MS});
	}
}
