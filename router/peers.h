/*
 * Who administers this host at the moment: the addresses of clients that are connected to a port
 * where SSH is served, as the kernel's socket diagnosis tells them. The parent, which sees
 * processes, says which ports these are.
 */
#ifndef ROUTER_PEERS_H
#define ROUTER_PEERS_H

#include "core/addr.h"
#include "router/nft/netlink.h"

#define PEERS_MAX 256
#define PEERS_PORTS_MAX 16

struct peers {
	struct addr v[PEERS_MAX];
	uint16_t port[PEERS_MAX]; /* of the host, that each is connected to */
	size_t n;
};

/* Where SSH is served; port 22 counts in any case. */
struct peers_ports {
	uint16_t v[PEERS_PORTS_MAX];
	size_t n;
};

/* n: a socket of NETLINK_SOCK_DIAG. 0, or -1 with e filled. More than PEERS_MAX are left out. */
int peers_read(
	struct netlink *n, const struct peers_ports *ports, struct peers *ret, struct err *e);
/* Takes one answer in, when it is a connection to one of the ports. For tests. */
void peers_parse(const struct nlmsghdr *h, const struct peers_ports *ports, struct peers *ret);

#endif
