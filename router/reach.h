/* Whether the addresses that the file forwards to are in networks that this host knows. */
#ifndef ROUTER_REACH_H
#define ROUTER_REACH_H

#include "conf/conf.h"
#include "router/nft/netlink.h"

/* route: a socket of NETLINK_ROUTE. 0, or -1 with e filled for the first address to which no route
 * but the default one leads. */
int reach_check(struct netlink *route, const struct conf *c, struct err *e);

#endif
