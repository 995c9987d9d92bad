/*
 * `sluice trace`: what nftables does with the packets of one client to one port, told while it
 * happens. A table of its own marks the packets; the kernel takes it away when we end, however
 * we end.
 */
#ifndef ROUTER_TRACE_H
#define ROUTER_TRACE_H

#include "core/buf.h"
#include "router/nft/nft_rules.h"
#include "router/router.h"

#define TRACE_NAME_MAX 64

/* One step of a packet: a rule or a policy that decided something. */
struct trace_step {
	uint32_t id; /* of the packet */
	uint32_t in; /* index of the interface that it came in by; 0: not told */
	char family[8], table[TRACE_NAME_MAX], chain[TRACE_NAME_MAX];
	bool policy; /* the chain's policy decided, not a rule */
	uint64_t handle;
	bool drops;
};

/* Pure, for tests. Reads an event; false when it tells nothing of interest. */
bool trace_parse(const struct nlmsghdr *h, struct trace_step *ret);
/* Whether it may be the next step of the packet whose last one is known. The kernel gives a packet
 * another number when it leaves a bridge for the host. */
bool trace_goes_on(const struct trace_step *last, const struct trace_step *next);
/* One line of it in words; rules: those of table inet sluice. 0 or -1. */
int trace_print_step(const struct trace_step *s, const struct nft_rules *rules, struct buf *out);
/* Why it was dropped, and what is to be done. 0 or -1. */
int trace_print_drop(const struct trace_step *s, const struct nft_rules *rules, struct buf *out);

#endif
