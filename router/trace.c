/*
 * The tracing itself: a table with the flag owner and one rule in each family that has tables of
 * ours, and the group of trace events. A rule marks one packet a second at most, so that a client
 * in full flight does no harm. What a container sends is marked on the bridge, before anything can
 * drop it there, and keeps the mark on its way through the host.
 */
#include "router/trace.h"

#include "core/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/batch.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_TABLE "sluice_trace"
#define TRACE_CHAIN "mark"
#define TRACE_PRIORITY (-400) /* in front of everybody's, conntrack included */
#define TRACE_BATCH_SIZE 16384
#define TRACE_STEPS_MAX 256
#define TRACE_QUIET_MS 300 /* without a further step the packet is through */
#define DPORT_AT 2         /* of the TCP and the UDP header */

struct tracing {
	const struct router_trace *ask;
	struct nft_rules rules;
	struct netlink commands, events;
	struct trace_step steps[TRACE_STEPS_MAX];
	size_t n;
};

/* NFPROTO_INET or NFPROTO_BRIDGE */
typedef uint16_t family_number;

/* --- the rule -------------------------------------------------------------------------------- */

static struct nftnl_expr *
add(struct nftnl_rule *r, const char *name)
{
	struct nftnl_expr *x = nftnl_expr_alloc(name);

	if (x)
		nftnl_rule_add_expr(r, x);
	return x;
}

static void
ask_meta(struct nftnl_rule *r, uint32_t key, const void *value, uint32_t size)
{
	struct nftnl_expr *x = add(r, "meta");

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(x, NFTNL_EXPR_META_DREG, NFT_REG_1);
	x = add(r, "cmp");
	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set(x, NFTNL_EXPR_CMP_DATA, value, size);
}

struct field {
	uint32_t base, at;
	const void *value;
	uint32_t size;
};

static void
ask_field(struct nftnl_rule *r, const struct field *f)
{
	struct nftnl_expr *x = add(r, "payload");

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_BASE, f->base);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_OFFSET, f->at);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_LEN, f->size);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	x = add(r, "cmp");
	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set(x, NFTNL_EXPR_CMP_DATA, f->value, f->size);
}

/* limit rate 1/second burst 1 packets meta nftrace set 1 */
static void
mark(struct nftnl_rule *r)
{
	struct nftnl_expr *x = add(r, "limit");
	uint32_t one = 1;

	if (x) {
		nftnl_expr_set_u64(x, NFTNL_EXPR_LIMIT_RATE, 1);
		nftnl_expr_set_u64(x, NFTNL_EXPR_LIMIT_UNIT, 1);
		nftnl_expr_set_u32(x, NFTNL_EXPR_LIMIT_BURST, 1);
		nftnl_expr_set_u32(x, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	}
	x = add(r, "immediate");
	if (x) {
		nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
		nftnl_expr_set(x, NFTNL_EXPR_IMM_DATA, &one, sizeof(one));
	}
	x = add(r, "meta");
	if (x) {
		nftnl_expr_set_u32(x, NFTNL_EXPR_META_KEY, NFT_META_NFTRACE);
		nftnl_expr_set_u32(x, NFTNL_EXPR_META_SREG, NFT_REG_1);
	}
}

/* A packet of this version; on a bridge the frame says it. */
static void
ask_version(struct nftnl_rule *r, family_number family, bool v6)
{
	uint8_t version = v6 ? NFPROTO_IPV6 : NFPROTO_IPV4;
	uint16_t type = htons(v6 ? ETH_P_IPV6 : ETH_P_IP);

	if (family == NFPROTO_BRIDGE)
		ask_meta(r, NFT_META_PROTOCOL, &type, sizeof(type));
	else
		ask_meta(r, NFT_META_NFPROTO, &version, sizeof(version));
}

/* ip saddr ADDRESS meta l4proto PROTOCOL th dport PORT … */
static void
fill_rule(struct nftnl_rule *r, const struct router_trace *ask, family_number family)
{
	bool v6 = ask->from.family == AF_INET6;
	uint8_t protocol = ask->udp ? IPPROTO_UDP : IPPROTO_TCP;
	uint16_t port = htons(ask->port);
	struct field source = {.base = NFT_PAYLOAD_NETWORK_HEADER,
		.at = v6 ? offsetof(struct ip6_hdr, ip6_src) : offsetof(struct iphdr, saddr),
		.value = ask->from.bytes,
		.size = (uint32_t)addr_len(&ask->from)};
	struct field dport = {.base = NFT_PAYLOAD_TRANSPORT_HEADER,
		.at = DPORT_AT,
		.value = &port,
		.size = sizeof(port)};

	nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, family);
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, TRACE_TABLE);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, TRACE_CHAIN);
	ask_version(r, family, v6);
	ask_field(r, &source);
	ask_meta(r, NFT_META_L4PROTO, &protocol, sizeof(protocol));
	ask_field(r, &dport);
	mark(r);
}

/* --- the table ------------------------------------------------------------------------------- */

/* A batch that is being filled for one family. */
struct filling {
	struct nftnl_batch *batch;
	struct netlink *netlink;
	family_number family;
};

static struct nlmsghdr *
begin(const struct filling *f, uint16_t type, uint16_t flags)
{
	return nftnl_nlmsg_build_hdr(nftnl_batch_buffer(f->batch), type, f->family,
		NLM_F_CREATE | flags, ++f->netlink->seq);
}

static void
put_table(const struct filling *f, struct nftnl_table *t)
{
	nftnl_table_set_u32(t, NFTNL_TABLE_FAMILY, f->family);
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, TRACE_TABLE);
	nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, NFT_TABLE_F_OWNER);
	nftnl_table_nlmsg_build_payload(begin(f, NFT_MSG_NEWTABLE, NLM_F_EXCL), t);
	(void)nftnl_batch_update(f->batch);
}

/* Both families have the number of their prerouting hook in common. */
static void
put_chain(const struct filling *f, struct nftnl_chain *c)
{
	nftnl_chain_set_u32(c, NFTNL_CHAIN_FAMILY, f->family);
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, TRACE_TABLE);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, TRACE_CHAIN);
	nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
	nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, NF_INET_PRE_ROUTING);
	nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, TRACE_PRIORITY);
	nftnl_chain_nlmsg_build_payload(begin(f, NFT_MSG_NEWCHAIN, 0), c);
	(void)nftnl_batch_update(f->batch);
}

/* The last message of the batch is acknowledged. */
static void
put_rule(const struct filling *f, struct nftnl_rule *r, uint16_t flags)
{
	nftnl_rule_nlmsg_build_payload(begin(f, NFT_MSG_NEWRULE, NLM_F_APPEND | flags), r);
	(void)nftnl_batch_update(f->batch);
}

/* 0, or -1 when memory is short. */
static int
put_family(const struct filling *f, const struct router_trace *ask, uint16_t flags)
{
	struct nftnl_table *table = nftnl_table_alloc();
	struct nftnl_chain *chain = nftnl_chain_alloc();
	struct nftnl_rule *rule = nftnl_rule_alloc();
	int rc = table && chain && rule ? 0 : -1;

	if (rc == 0) {
		fill_rule(rule, ask, f->family);
		put_table(f, table);
		put_chain(f, chain);
		put_rule(f, rule, flags);
	}
	if (rule)
		nftnl_rule_free(rule);
	if (chain)
		nftnl_chain_free(chain);
	if (table)
		nftnl_table_free(table);
	return rc;
}

/* The first answer is an error, or the acknowledgement of the rule. */
static int
answer(struct netlink *n, struct err *e)
{
	ssize_t len = mnl_socket_recvfrom(n->socket, n->buffer, NETLINK_RECEIVE_MAX);
	struct netlink_walk w = {.at = n->buffer, .left = len > 0 ? (size_t)len : 0};
	struct netlink_error error = {.errnum = len < 0 ? errno : EPROTO};
	const struct nlmsghdr *m = netlink_next_message(&w);

	if (m && netlink_read_error(m, &error) && error.errnum == 0)
		return 0;
	if (error.errnum == EEXIST)
		return err_set(e, "another `sluice trace` runs; one at a time");
	return netlink_err(e, &error, "the kernel does not trace");
}

static int
send_batch(struct netlink *n, struct nftnl_batch *b, struct err *e)
{
	struct msghdr m = {0};
	struct iovec parts[2];

	m.msg_iov = parts;
	m.msg_iovlen = (size_t)nftnl_batch_iovec_len(b);
	if (m.msg_iovlen > sizeof(parts) / sizeof(parts[0]))
		return err_set(e, "the batch is too long");
	nftnl_batch_iovec(b, parts, (uint32_t)m.msg_iovlen);
	if (sendmsg(netlink_fd(n), &m, 0) < 0)
		return err_errno(e, errno, "the kernel does not trace");
	return answer(n, e);
}

static int
make_tables(struct tracing *t, bool bridge, struct err *e)
{
	struct nftnl_batch *b = nftnl_batch_alloc(TRACE_BATCH_SIZE, TRACE_BATCH_SIZE);
	struct filling inet = {.batch = b, .netlink = &t->commands, .family = NFPROTO_INET};
	struct filling frames = {.batch = b, .netlink = &t->commands, .family = NFPROTO_BRIDGE};
	int rc;

	if (!b)
		return err_set(e, "out of memory");
	nftnl_batch_begin(nftnl_batch_buffer(b), ++t->commands.seq);
	(void)nftnl_batch_update(b);
	rc = bridge ? put_family(&frames, t->ask, 0) : 0;
	if (rc < 0 || put_family(&inet, t->ask, NLM_F_ACK) < 0) {
		rc = err_set(e, "out of memory");
	} else {
		nftnl_batch_end(nftnl_batch_buffer(b), ++t->commands.seq);
		(void)nftnl_batch_update(b);
		rc = send_batch(&t->commands, b, e);
	}
	nftnl_batch_free(b);
	return rc;
}

/* Whether a table of ours sees frames. Where there is none, the kernel need not have its family. */
static bool
guards_bridge(const struct nft_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++)
		if (rules->v[i].family == RULESET_FAMILY_BRIDGE)
			return true;
	return false;
}

/* --- the packet ------------------------------------------------------------------------------ */

/* Only the first packet's steps are kept. */
static void
on_event(const struct nlmsghdr *h, void *ctx)
{
	struct tracing *t = ctx;
	struct trace_step s;

	if (t->n == TRACE_STEPS_MAX || !trace_parse(h, &s) ||
		(t->n && !trace_goes_on(&t->steps[t->n - 1], &s)))
		return;
	t->steps[t->n++] = s;
}

static bool
is_over(const struct tracing *t)
{
	return t->n == TRACE_STEPS_MAX || (t->n && t->steps[t->n - 1].drops);
}

/* Until a packet was dropped, was not heard of any more, or the time is over. */
static int
follow(struct tracing *t, struct err *e)
{
	uint64_t end = clock_mono_ms() + t->ask->for_ms, now;

	while (!is_over(t) && (now = clock_mono_ms()) < end) {
		struct pollfd p = {.fd = netlink_fd(&t->events), .events = POLLIN};
		int n = poll(&p, 1, t->n ? TRACE_QUIET_MS : (int)(end - now));

		if (n < 0 && errno != EINTR)
			return err_errno(e, errno, "waiting for a packet");
		if (n == 0 && t->n)
			return 0;
		if (n > 0 && netlink_events(&t->events, on_event, t) < 0)
			return err_set(e, "the kernel's trace events ended");
	}
	return 0;
}

static int
print(const struct tracing *t, struct buf *out)
{
	const struct trace_step *last = t->n ? &t->steps[t->n - 1] : NULL;
	char text[ADDR_TEXT_MAX], name[IF_NAMESIZE] = "?";

	if (!last)
		return buf_printf(out,
			"no packet of %s to %s port %u came in %llu s: it is not sent, lost on its "
			"way, or dropped before nftables\n",
			addr_print(&t->ask->from, text), t->ask->udp ? "udp" : "tcp", t->ask->port,
			(unsigned long long)t->ask->for_ms / 1000);
	if (buf_printf(out, "a packet of %s to %s port %u came in by %s\n",
		    addr_print(&t->ask->from, text), t->ask->udp ? "udp" : "tcp", t->ask->port,
		    t->steps[0].in && if_indextoname(t->steps[0].in, name) ? name : "?") < 0)
		return -1;
	for (size_t i = 0; i < t->n; i++)
		if (trace_print_step(&t->steps[i], &t->rules, out) < 0)
			return -1;
	if (last->drops)
		return trace_print_drop(last, &t->rules, out);
	return buf_append_str(out, "it passes all of nftables; if there is no answer, look at who "
				   "listens, and at iptables-legacy (`sluice doctor`)\n");
}

static int
trace(struct tracing *t, struct err *e)
{
	struct nft n;

	if (nft_open(&n, e) < 0)
		return -1;
	/* Without our table there is nothing of ours to recognise. */
	if (nft_rules_read(&n, &t->rules, NULL) < 0)
		t->rules = (struct nft_rules){0};
	nft_close(&n);
	if (netlink_open(&t->events, NETLINK_NETFILTER, true, e) < 0 ||
		netlink_join(&t->events, NFNLGRP_NFTRACE, e) < 0 ||
		netlink_open(&t->commands, NETLINK_NETFILTER, false, e) < 0 ||
		make_tables(t, guards_bridge(&t->rules), e) < 0)
		return -1;
	return follow(t, e);
}

int
router_trace(const struct router_trace *ask, struct buf *out, bool *ret_passed, struct err *e)
{
	struct tracing *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return err_set(e, "out of memory");
	t->ask = ask;
	rc = trace(t, e);
	if (rc == 0 && print(t, out) < 0)
		rc = err_set(e, "the trace exceeds %zu bytes", out->max);
	if (rc == 0)
		*ret_passed = t->n && !t->steps[t->n - 1].drops;
	netlink_close(&t->commands);
	netlink_close(&t->events);
	nft_rules_clear(&t->rules);
	free(t);
	return rc;
}
