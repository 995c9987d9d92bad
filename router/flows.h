/*
 * The flows that the kernel remembers of containers: of one all of them up to a maximum, of all
 * how many each has. For an operator to look at; nothing here is kept or changed.
 */
#ifndef ROUTER_FLOWS_H
#define ROUTER_FLOWS_H

#include "core/addr.h"
#include "core/err.h"
#include "router/conntrack.h"
#include "router/nft/netlink.h"

#include <stdint.h>

#define FLOWS_MAX 1000 /* of one container that are told; the others are counted */

struct flow {
	struct conntrack_flow f; /* without its tuple */
	bool in;                 /* the container was called; else it called */
	uint8_t tcp_state;       /* enum tcp_conntrack; of UDP 1 once it was answered */
	uint32_t seconds;        /* until it is forgotten, unless something comes */
	uint64_t packets, bytes; /* both ways; 0 where the kernel does not count them */
};

/* Addresses of one container; family 0 for none. */
struct flows_of {
	struct addr v4, v6;
	uint64_t in, out; /* flows_count: that it was called by, that it called */
};

/* Up to FLOWS_MAX of the flows of one container; *ret_all is how many it has. 0 or -1. */
int flows_read(struct netlink *n, const struct flows_of *of, struct flow ret[static FLOWS_MAX],
	size_t *ret_n, uint64_t *ret_all, struct err *e);
/* Fills in and out of all of these. 0 or -1. */
int flows_count(struct netlink *n, struct flows_of *v, size_t count, struct err *e);
/* How many flows the kernel knows, of anybody, and how many it would. 0 or -1. */
int flows_total(struct netlink *n, uint32_t *ret_now, uint32_t *ret_most);

/* "established", "udp, answered", for tests. */
const char *flow_state(const struct flow *f);
/* What of a kernel's message is more than conntrack_parse tells. False: no TCP or UDP flow. */
bool flow_parse(const struct nlmsghdr *h, struct flow *ret);

#endif
