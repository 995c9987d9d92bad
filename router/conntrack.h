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
#include "router/nft/netlink.h"
#include "router/ruleset.h"

#include <stdbool.h>
#include <stdint.h>

#define CONNTRACK_TUPLE_MAX 256
#define CONNTRACK_FILTERS_MAX 16 /* as long as one walk through the kernel's table takes */
#define CONNTRACK_DELETE_BYTES_MAX (32 * 1024 * 1024)

/* Which parts of a tuple a filter compares; the kernel counts them so, and has no header for it
 * (net/netfilter/nf_conntrack_netlink.c, CTA_FILTER_FLAG). */
#define CONNTRACK_FILTER_SRC (UINT32_C(1) << 0)
#define CONNTRACK_FILTER_DST (UINT32_C(1) << 1)
#define CONNTRACK_FILTER_PROTO (UINT32_C(1) << 3)
#define CONNTRACK_FILTER_SRC_PORT (UINT32_C(1) << 4)
#define CONNTRACK_FILTER_DST_PORT (UINT32_C(1) << 5)

/* One flow, as far as it matters here. */
struct conntrack_flow {
	uint8_t proto;
	bool dnat;          /* its destination was changed */
	bool snat;          /* its source was */
	struct addr source; /* of the first packet */
	struct addr dest;   /* where it was sent to */
	uint16_t source_port, dest_port;
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
	bool unknown; /* what stood before is not known, or was away for a while: every flow is
		       * judged by `to` alone */
};

/* Flows that the kernel finds by itself, without telling us of all the others. */
struct conntrack_filter {
	uint8_t proto;
	bool dnat;          /* only flows whose destination was changed; else only others */
	struct addr dest;   /* where the first packet was sent to; only its family: anywhere */
	uint16_t dest_port; /* always */
	struct addr target; /* who answers; of dnat alone */
	uint16_t target_port;
};

/* Whether there can be any stale flow at all. */
bool conntrack_needed(const struct conntrack_change *change);
/* Pure. A flow is stale when its forward went elsewhere or away, when its source may no longer
 * use the forward, or when it is a UDP flow to the host from before its port was forwarded. When
 * the change is unknown: also when it is translated to a container by no forward, and a UDP flow of
 * a container's to the world that began without translation. */
bool conntrack_stale(const struct conntrack_change *change, const struct conntrack_flow *flow);
/* Pure. Says the stale flows of a small change as filters. False when they cannot be said so: too
 * many elements changed, sources did, nobody knows what did, or another forward takes some of these
 * flows. A filter of translated flows does not ask whether their destination is the host's: others
 * who translate this port to this very target have no other route to it. */
bool conntrack_filters(const struct conntrack_change *change,
	struct conntrack_filter ret[static CONNTRACK_FILTERS_MAX], size_t *ret_n);
/* Forgets all stale flows. *ret_deleted says how many, where the kernel does. n is a
 * NETLINK_NETFILTER socket. */
int conntrack_flush(struct netlink *n, const struct conntrack_change *change, size_t *ret_deleted,
	struct err *e);
/* False when h is no TCP or UDP flow. */
bool conntrack_parse(const struct nlmsghdr *h, struct conntrack_flow *ret);

#endif
