/*
 * Flows that the kernel remembers and that a change of forwards made wrong: they would go on to
 * the old place for as long as their packets come. Only those are forgotten; which, is a pure
 * decision over the change of the ruleset.
 */
#ifndef ROUTER_CONNTRACK_H
#define ROUTER_CONNTRACK_H

#include "core/addr.h"
#include "core/err.h"
#include "router/link.h"
#include "router/netlink.h"
#include "router/ruleset.h"

#include <stdbool.h>
#include <stdint.h>

#define CONNTRACK_TUPLE_MAX 256
#define CONNTRACK_DELETE_BYTES_MAX (32 * 1024 * 1024)

/* One flow, as far as it matters here. */
struct conntrack_flow {
	uint8_t proto;
	bool dnat;          /* its destination was changed */
	struct addr source; /* of the first packet */
	struct addr dest;   /* where it was sent to */
	uint16_t dest_port;
	struct addr target; /* who answers: after DNAT the container */
	uint16_t target_port;
	struct slice tuple; /* the kernel's own description, for deleting it */
	bool zone_set;
	uint16_t zone; /* as stored */
	bool id_set;
	uint32_t id; /* as stored */
};

/* The ruleset's change, by which flows are judged. */
struct conntrack_change {
	const struct ruleset_diff *diff;
	const struct ruleset *to;
	const struct link_snapshot *links; /* the host's addresses */
};

/* Whether there can be any stale flow at all. */
bool conntrack_needed(const struct conntrack_change *change);
/* Pure. A flow is stale when its forward went elsewhere or away, when its source may no longer
 * use the forward, or when it is a UDP flow to the host from before its port was forwarded. */
bool conntrack_stale(const struct conntrack_change *change, const struct conntrack_flow *flow);
/* Forgets all stale flows. *ret_deleted says how many. n is a NETLINK_NETFILTER socket. */
int conntrack_flush(struct netlink *n, const struct conntrack_change *change, size_t *ret_deleted,
	struct err *e);
/* False when h is no TCP or UDP flow. */
bool conntrack_parse(const struct nlmsghdr *h, struct conntrack_flow *ret);

#endif
