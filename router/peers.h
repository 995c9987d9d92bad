/*
 * Who administers this host at the moment: the addresses of clients that are connected to its
 * port 22, as the kernel's socket diagnosis tells them. A server elsewhere than on that port is not
 * known here; the file's `ban never` is for its users.
 */
#ifndef ROUTER_PEERS_H
#define ROUTER_PEERS_H

#include "core/addr.h"
#include "router/netlink.h"

#define PEERS_MAX 256

struct peers {
	struct addr v[PEERS_MAX];
	size_t n;
};

/* n: a socket of NETLINK_SOCK_DIAG. 0, or -1 with e filled. More than PEERS_MAX are left out. */
int peers_read(struct netlink *n, struct peers *ret, struct err *e);
/* Takes one answer in, when it is a connection to port 22. For tests. */
void peers_parse(const struct nlmsghdr *h, struct peers *ret);

#endif
