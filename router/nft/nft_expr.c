/* From a rule's number to libnftnl expressions: words of the rule language become calls of the same
 * order. */
#include "router/nft/nft_expr.h"

#include "core/own.h"
#include "router/nft/nft_batch.h"
#include "router/nft/nft_bridge.h"
#include "router/nft/nft_builder.h"
#include "router/nft/nft_limit.h"

#include <stdio.h>

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <string.h>

/* "fib daddr type local" */
static void
local_address(struct expr_builder *b)
{
	struct nftnl_expr *x = expr_add(b, "fib");
	uint32_t type = RTN_LOCAL;

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
	nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
	expr_cmp(b, NFT_CMP_EQ, &type, sizeof(type));
}

/* "fib daddr type local jump nat_lookup" */
static void
local_jump(struct expr_builder *b, enum ruleset_chain chain)
{
	local_address(b);
	expr_verdict(b, NFT_JUMP, ruleset_chain_name(chain));
}

/* One row a rule: which function builds it, and what of its kind it is. */
struct recipe {
	void (*build)(struct expr_builder *b, const struct recipe *r);
	const struct expr_family *family;
	enum ruleset_set set;
	uint32_t key, bits;
	int32_t code;
};

/* meta nfproto ipv4 meta l4proto . th dport @restricted
 * meta l4proto . th dport . ip saddr != @from4 drop */
static void
rule_from(struct expr_builder *b, const struct recipe *r)
{
	const struct expr_family *f = r->family;

	expr_family_is(b, f);
	expr_proto_and_port(b);
	expr_lookup(b, RULESET_RESTRICTED, false);
	expr_proto_and_port(b);
	expr_payload(b, NFT_PAYLOAD_NETWORK_HEADER, f->saddr, f->addr_size, EXPR_PART3);
	expr_lookup(b, f->from, true);
	expr_verdict(b, NF_DROP, NULL);
}

/* "dnat ip to ... map @fwd4" of what is in register 1 and behind. */
static void
dnat_to(struct expr_builder *b, const struct expr_family *f, enum ruleset_set map)
{
	struct nftnl_expr *x = expr_lookup(b, map, false);

	if (x)
		nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_1);
	x = expr_add(b, "nat");
	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
	nftnl_expr_set_u32(x, NFTNL_EXPR_NAT_FAMILY, f->nfproto);
	nftnl_expr_set_u32(x, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_NAT_REG_PROTO_MIN, f->port);
	/* The kernel would fill these in; said here, its rule and ours read the same. */
	nftnl_expr_set_u32(x, NFTNL_EXPR_NAT_REG_ADDR_MAX, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_NAT_REG_PROTO_MAX, f->port);
	nftnl_expr_set_u32(
		x, NFTNL_EXPR_NAT_FLAGS, NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED);
}

/* meta nfproto ipv4 dnat ip to meta l4proto . th dport map @fwd4 */
static void
rule_dnat(struct expr_builder *b, const struct recipe *r)
{
	expr_family_is(b, r->family);
	expr_proto_and_port(b);
	dnat_to(b, r->family, r->family->fwd);
}

/* "ip daddr . meta l4proto . th dport" */
static void
at_and_port(struct expr_builder *b, const struct expr_family *f)
{
	expr_payload(b, NFT_PAYLOAD_NETWORK_HEADER, f->daddr, f->addr_size, NFT_REG_1);
	expr_meta(b, NFT_META_L4PROTO, f->at_proto);
	expr_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, f->at_port);
}

/* "iifname . meta l4proto . th dport" */
static void
interface_and_port(struct expr_builder *b)
{
	expr_meta(b, NFT_META_IIFNAME, NFT_REG_1);
	expr_meta(b, NFT_META_L4PROTO, EXPR_WIDE2);
	expr_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, EXPR_WIDE3);
}

/* meta nfproto ipv4 ip daddr . meta l4proto . th dport @restrictedat4
 * ip daddr . meta l4proto . th dport . ip saddr != @fromat4 drop */
static void
rule_from_at(struct expr_builder *b, const struct recipe *r)
{
	const struct expr_family *f = r->family;

	expr_family_is(b, f);
	at_and_port(b, f);
	expr_lookup(b, f->restrictedat, false);
	at_and_port(b, f);
	expr_payload(b, NFT_PAYLOAD_NETWORK_HEADER, f->saddr, f->addr_size, f->at_source);
	expr_lookup(b, f->fromat, true);
	expr_verdict(b, NF_DROP, NULL);
}

/* meta nfproto ipv4 iifname . meta l4proto . th dport @restrictedif
 * iifname . meta l4proto . th dport . ip saddr != @fromif4 drop */
static void
rule_from_if(struct expr_builder *b, const struct recipe *r)
{
	const struct expr_family *f = r->family;

	expr_family_is(b, f);
	interface_and_port(b);
	expr_lookup(b, RULESET_RESTRICTEDIF, false);
	interface_and_port(b);
	expr_payload(b, NFT_PAYLOAD_NETWORK_HEADER, f->saddr, f->addr_size, EXPR_WIDE4);
	expr_lookup(b, f->fromif, true);
	expr_verdict(b, NF_DROP, NULL);
}

/* meta nfproto ipv4 dnat ip to ip daddr . meta l4proto . th dport map @fwdat4 */
static void
rule_dnat_at(struct expr_builder *b, const struct recipe *r)
{
	expr_family_is(b, r->family);
	at_and_port(b, r->family);
	dnat_to(b, r->family, r->family->fwdat);
}

/* meta nfproto ipv4 dnat ip to iifname . meta l4proto . th dport map @fwdif4 */
static void
rule_dnat_if(struct expr_builder *b, const struct recipe *r)
{
	expr_family_is(b, r->family);
	interface_and_port(b);
	dnat_to(b, r->family, r->family->fwdif);
}

/* "meta l4proto . th dport . ip daddr", or of the source's side. */
static void
target(struct expr_builder *b, const struct expr_family *f, bool source)
{
	expr_meta(b, NFT_META_L4PROTO, NFT_REG_1);
	expr_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, source ? 0 : 2, 2, EXPR_PART2);
	expr_payload(b, NFT_PAYLOAD_NETWORK_HEADER, source ? f->saddr : f->daddr, f->addr_size,
		EXPR_PART3);
}

/* ct status dnat meta nfproto ipv4 meta l4proto . th dport . ip daddr @masq4 masquerade */
static void
rule_post_masq(struct expr_builder *b, const struct recipe *r)
{
	expr_ct_bits(b, NFT_CT_STATUS, IPS_DST_NAT);
	expr_family_is(b, r->family);
	target(b, r->family, false);
	expr_lookup(b, r->family->masq, false);
	expr_add(b, "masq");
}

/* ct status dnat ct direction original meta nfproto ipv4 meta l4proto != icmp
 * add @targets4 { meta l4proto . th dport . ip daddr counter }
 * An ICMP error belongs to the flow that it speaks of, but has no ports: whoever sends it would
 * choose keys as they like. */
static void
rule_count(struct expr_builder *b, const struct recipe *r)
{
	struct nftnl_expr *x, *counter;
	uint8_t direction = (uint8_t)r->key;
	uint8_t icmp = r->family == &expr_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	expr_ct_bits(b, NFT_CT_STATUS, IPS_DST_NAT);
	x = expr_add(b, "ct");
	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_CT_KEY, NFT_CT_DIRECTION);
	nftnl_expr_set_u32(x, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	expr_cmp(b, NFT_CMP_EQ, &direction, sizeof(direction));
	expr_family_is(b, r->family);
	expr_meta(b, NFT_META_L4PROTO, NFT_REG_1);
	expr_cmp(b, NFT_CMP_NEQ, &icmp, sizeof(icmp));
	target(b, r->family, direction == IP_CT_DIR_REPLY);
	x = expr_add(b, "dynset");
	counter = nftnl_expr_alloc("counter");
	if (!x || !counter) {
		b->failed = true;
		if (counter)
			nftnl_expr_free(counter);
		return;
	}
	nftnl_expr_set_u32(x, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_ADD);
	nftnl_expr_set_str(
		x, NFTNL_EXPR_DYNSET_SET_NAME, ruleset_set_info(r->family->targets)->name);
	nftnl_expr_set(x, NFTNL_EXPR_DYNSET_EXPR, counter, 0);
}

/* iifname @bridges ip daddr @nets4 meta l4proto . th dport @services return */
static void
rule_services(struct expr_builder *b, const struct recipe *r)
{
	const struct expr_family *f = r->family;

	expr_interface_in(b, NFT_META_IIFNAME, RULESET_BRIDGES, false);
	expr_family_is(b, f);
	expr_address_in(b, f, f->daddr, false);
	expr_proto_and_port(b);
	expr_lookup(b, RULESET_SERVICES, false);
	expr_verdict(b, NFT_RETURN, NULL);
}

/* "ip daddr 127.0.0.0/8" */
static void
is_loopback(struct expr_builder *b, uint32_t offset)
{
	static const uint8_t first = 127;

	expr_payload(b, NFT_PAYLOAD_NETWORK_HEADER, offset, 1, NFT_REG_1);
	expr_cmp(b, NFT_CMP_EQ, &first, sizeof(first));
}

/* ip daddr != 127.0.0.1 ip daddr 127.0.0.0/8 return */
static void
rule_loop4(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	static const uint8_t loop[4] = {127, 0, 0, 1};

	expr_family_is(b, &expr_v4);
	expr_payload(b, NFT_PAYLOAD_NETWORK_HEADER, expr_v4.daddr, sizeof(loop), NFT_REG_1);
	expr_cmp(b, NFT_CMP_NEQ, loop, sizeof(loop));
	is_loopback(b, expr_v4.daddr);
	expr_verdict(b, NFT_RETURN, NULL);
}

/* ip daddr 127.0.0.0/8 drop, ip saddr 127.0.0.0/8 drop */
static void
rule_drop_loop(struct expr_builder *b, const struct recipe *r)
{
	expr_family_is(b, &expr_v4);
	is_loopback(b, r->key);
	expr_verdict(b, NF_DROP, NULL);
}

/* ip saddr 127.0.0.0/8 masquerade */
static void
rule_post_from_loop(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	expr_family_is(b, &expr_v4);
	is_loopback(b, expr_v4.saddr);
	expr_add(b, "masq");
}

/* ip6 daddr ::1 return */
static void
rule_loop6(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	static const uint8_t loop[16] = {[15] = 1};

	expr_family_is(b, &expr_v6);
	expr_payload(b, NFT_PAYLOAD_NETWORK_HEADER, expr_v6.daddr, sizeof(loop), NFT_REG_1);
	expr_cmp(b, NFT_CMP_EQ, loop, sizeof(loop));
	expr_verdict(b, NFT_RETURN, NULL);
}

/* oifname "lo" return */
static void
rule_post_loop(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	static const char name[IFNAMSIZ] = "lo";

	expr_meta(b, NFT_META_OIFNAME, NFT_REG_1);
	expr_cmp(b, NFT_CMP_EQ, name, sizeof(name));
	expr_verdict(b, NFT_RETURN, NULL);
}

/* ct status dnat ip saddr @nets4 ip daddr @nets4 masquerade */
static void
rule_hairpin(struct expr_builder *b, const struct recipe *r)
{
	const struct expr_family *f = r->family;

	expr_ct_bits(b, NFT_CT_STATUS, IPS_DST_NAT);
	expr_family_is(b, f);
	expr_address_in(b, f, f->saddr, false);
	expr_address_in(b, f, f->daddr, false);
	expr_add(b, "masq");
}

/* ip saddr @nets4 ip daddr != @nets4 oifname != @bridges masquerade
 * ip saddr @nets4 ip daddr != @nets4 oifname @wans masquerade */
static void
rule_masquerade(struct expr_builder *b, const struct recipe *r)
{
	const struct expr_family *f = r->family;

	expr_family_is(b, f);
	expr_address_in(b, f, f->saddr, false);
	expr_address_in(b, f, f->daddr, true);
	expr_interface_in(b, NFT_META_OIFNAME, r->set, r->set == RULESET_BRIDGES);
	expr_add(b, "masq");
}

/* iifname @wans fib daddr type local jump nat_lookup */
static void
rule_enter(struct expr_builder *b, const struct recipe *r)
{
	expr_interface_in(b, NFT_META_IIFNAME, r->set, false);
	local_jump(b, RULESET_CHAIN_NAT_LOOKUP);
}

/* iifname != @bridges oifname != @bridges accept */
static void
rule_foreign(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	expr_interface_in(b, NFT_META_IIFNAME, RULESET_BRIDGES, true);
	expr_interface_in(b, NFT_META_OIFNAME, RULESET_BRIDGES, true);
	expr_verdict(b, NF_ACCEPT, NULL);
}

/* ct state established,related accept; ct state invalid drop; ct status dnat accept */
static void
rule_ct(struct expr_builder *b, const struct recipe *r)
{
	expr_ct_bits(b, r->key, r->bits);
	expr_verdict(b, r->code, NULL);
}

/* ct state invalid fib daddr type local drop */
static void
rule_invalid(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	expr_ct_bits(b, NFT_CT_STATE, NF_CT_STATE_INVALID_BIT);
	local_address(b);
	expr_verdict(b, NF_DROP, NULL);
}

/* fib daddr type local jump nat_lookup */
static void
rule_local(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	local_jump(b, RULESET_CHAIN_NAT_LOOKUP);
}

/* fib daddr type local jump nat_bound */
static void
rule_local_bound(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	local_jump(b, RULESET_CHAIN_NAT_BOUND);
}

/* iifname @bridges accept */
static void
rule_from_bridge(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	expr_interface_in(b, NFT_META_IIFNAME, RULESET_BRIDGES, false);
	expr_verdict(b, NF_ACCEPT, NULL);
}

/* iifname @bridges return */
static void
rule_leave_bridges(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	expr_interface_in(b, NFT_META_IIFNAME, RULESET_BRIDGES, false);
	expr_verdict(b, NFT_RETURN, NULL);
}

/* ip saddr @ban4 drop, ip saddr @block4 drop, ip6 saddr @block6 drop */
static void
rule_source_drop(struct expr_builder *b, const struct recipe *r)
{
	const struct expr_family *f = r->family;

	expr_family_is(b, f);
	expr_payload(b, NFT_PAYLOAD_NETWORK_HEADER, f->saddr, f->addr_size, NFT_REG_1);
	expr_lookup(b, r->set, false);
	expr_verdict(b, NF_DROP, NULL);
}

/* iifname "lo" return */
static void
rule_early_loop(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	static const char name[IFNAMSIZ] = "lo";

	expr_meta(b, NFT_META_IIFNAME, NFT_REG_1);
	expr_cmp(b, NFT_CMP_EQ, name, sizeof(name));
	expr_verdict(b, NFT_RETURN, NULL);
}

/* ip6 saddr & ffff:ffff:ffff:ffff:: @ban6 drop */
static void
rule_ban6(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	expr_family_is(b, &expr_v6);
	expr_source(b, &expr_v6);
	expr_lookup(b, RULESET_BAN6, false);
	expr_verdict(b, NF_DROP, NULL);
}

/* iifname @bridges oifname @bridges ct status dnat meta mark set meta mark | 0x04000000 */
static void
rule_forwarded(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	static const uint32_t bit = RULESET_MARK_FORWARDED, others = ~RULESET_MARK_FORWARDED;
	struct nftnl_expr *x;

	expr_interface_in(b, NFT_META_IIFNAME, RULESET_BRIDGES, false);
	expr_interface_in(b, NFT_META_OIFNAME, RULESET_BRIDGES, false);
	expr_ct_bits(b, NFT_CT_STATUS, IPS_DST_NAT);
	expr_meta(b, NFT_META_MARK, NFT_REG_1);
	expr_bitwise(b, &others, &bit, sizeof(bit));
	x = expr_add(b, "meta");
	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_META_KEY, NFT_META_MARK);
	nftnl_expr_set_u32(x, NFTNL_EXPR_META_SREG, NFT_REG_1);
}

/* "ether saddr", which nft asks for on Ethernet alone */
static void
ether_source(struct expr_builder *b)
{
	const uint16_t ether = ARPHRD_ETHER;

	expr_meta(b, NFT_META_IIFTYPE, NFT_REG_1);
	expr_cmp(b, NFT_CMP_EQ, &ether, sizeof(ether));
	expr_payload(b, NFT_PAYLOAD_LL_HEADER, 6, RULESET_MAC_SIZE, NFT_REG_1);
}

/* meta nfproto ipv4 ether saddr . ip daddr . meta l4proto . th dport @egress4 accept */
static void
rule_leave(struct expr_builder *b, const struct recipe *r)
{
	const struct expr_family *f = r->family;
	bool v6 = f == &expr_v6;

	expr_family_is(b, f);
	ether_source(b);
	expr_payload(b, NFT_PAYLOAD_NETWORK_HEADER, f->daddr, f->addr_size, EXPR_PART3);
	expr_meta(b, NFT_META_L4PROTO, v6 ? NFT_REG32_06 : NFT_REG32_03);
	expr_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, v6 ? NFT_REG32_07 : NFT_REG_2);
	expr_lookup(b, r->set, false);
	expr_verdict(b, NF_ACCEPT, NULL);
}

/* ether saddr @denied drop */
static void
rule_leave_drop(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	ether_source(b);
	expr_lookup(b, RULESET_DENIED, false);
	expr_verdict(b, NF_DROP, NULL);
}

/* ether saddr @egress goto leave */
static void
rule_leave_host(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	ether_source(b);
	expr_lookup(b, RULESET_EGRESS, false);
	expr_verdict(b, NFT_GOTO, ruleset_chain_name(RULESET_CHAIN_LEAVE));
}

/* iifname @bridges ct status dnat …, iifname @bridges oifname != @bridges … */
static void
rule_forward_leave(struct expr_builder *b, const struct recipe *r)
{
	expr_interface_in(b, NFT_META_IIFNAME, RULESET_BRIDGES, false);
	if (r->bits)
		expr_ct_bits(b, NFT_CT_STATUS, r->bits);
	else
		expr_interface_in(b, NFT_META_OIFNAME, RULESET_BRIDGES, true);
	rule_leave_host(b, r);
}

/* meta l4proto . th dport @services accept */
static void
rule_leave_services(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	expr_proto_and_port(b);
	expr_lookup(b, RULESET_SERVICES, false);
	expr_verdict(b, NF_ACCEPT, NULL);
}

/* iifname != @bridges accept */
static void
rule_others(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	expr_interface_in(b, NFT_META_IIFNAME, RULESET_BRIDGES, true);
	expr_verdict(b, NF_ACCEPT, NULL);
}

/* drop */
static void
rule_drop(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	expr_verdict(b, NF_DROP, NULL);
}

/* iifname "lo" accept */
static void
rule_in_loop(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	static const char name[IFNAMSIZ] = "lo";

	expr_meta(b, NFT_META_IIFNAME, NFT_REG_1);
	expr_cmp(b, NFT_CMP_EQ, name, sizeof(name));
	expr_verdict(b, NF_ACCEPT, NULL);
}

/* iifname != @guarded accept */
static void
rule_in_inside(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	expr_interface_in(b, NFT_META_IIFNAME, RULESET_GUARDED, true);
	expr_verdict(b, NF_ACCEPT, NULL);
}

/* tcp flags & (fin | syn | rst | ack) != syn accept */
static void
rule_in_begun(struct expr_builder *b, const struct recipe *r __attribute__((unused)))
{
	expr_syn(b, NFT_CMP_NEQ);
	expr_verdict(b, NF_ACCEPT, NULL);
}

/* meta l4proto != tcp ct state established,related accept */
static void
rule_in_known(struct expr_builder *b, const struct recipe *r)
{
	static const uint8_t proto = IPPROTO_TCP;

	expr_meta(b, NFT_META_L4PROTO, NFT_REG_1);
	expr_cmp(b, NFT_CMP_NEQ, &proto, sizeof(proto));
	rule_ct(b, r);
}

/* meta nfproto ipv4 meta l4proto . th dport . ip saddr @open4 accept */
static void
rule_in_open(struct expr_builder *b, const struct recipe *r)
{
	const struct expr_family *f = r->family;

	expr_family_is(b, f);
	expr_proto_and_port(b);
	expr_payload(b, NFT_PAYLOAD_NETWORK_HEADER, f->saddr, f->addr_size, EXPR_PART3);
	expr_lookup(b, r->set, false);
	expr_verdict(b, NF_ACCEPT, NULL);
}

/* clang-format off */
#define CT_STATE(mask, verdict_code) \
	{ .build = rule_ct, .key = NFT_CT_STATE, .bits = (mask), .code = (verdict_code) }

static const struct recipe recipes[RULESET_RULE_LIMITS] = {
	[RULESET_RULE_EARLY_BRIDGES] = { .build = rule_leave_bridges },
	[RULESET_RULE_EARLY_LOOP]  = { .build = rule_early_loop },
	[RULESET_RULE_EARLY_TO_LOOP] = { .build = rule_drop_loop, .key = 16 },
	[RULESET_RULE_EARLY_FROM_LOOP] = { .build = rule_drop_loop, .key = 12 },
	[RULESET_RULE_FROMAT4]     = { .build = rule_from_at, .family = &expr_v4 },
	[RULESET_RULE_FROMAT6]     = { .build = rule_from_at, .family = &expr_v6 },
	[RULESET_RULE_FROMIF4]     = { .build = rule_from_if, .family = &expr_v4 },
	[RULESET_RULE_FROMIF6]     = { .build = rule_from_if, .family = &expr_v6 },
	[RULESET_RULE_DNATAT4]     = { .build = rule_dnat_at, .family = &expr_v4 },
	[RULESET_RULE_DNATAT6]     = { .build = rule_dnat_at, .family = &expr_v6 },
	[RULESET_RULE_DNATIF4]     = { .build = rule_dnat_if, .family = &expr_v4 },
	[RULESET_RULE_DNATIF6]     = { .build = rule_dnat_if, .family = &expr_v6 },
	[RULESET_RULE_PRE_BOUND]   = { .build = rule_local_bound },
	[RULESET_RULE_OUT_BOUND]   = { .build = rule_local_bound },
	[RULESET_RULE_POST_FROM_LOOP] = { .build = rule_post_from_loop },
	[RULESET_RULE_POST_MASQ4]  = { .build = rule_post_masq, .family = &expr_v4 },
	[RULESET_RULE_POST_MASQ6]  = { .build = rule_post_masq, .family = &expr_v6 },
	[RULESET_RULE_COUNT_OUT4]  = { .build = rule_count, .family = &expr_v4, .key = IP_CT_DIR_ORIGINAL },
	[RULESET_RULE_COUNT_OUT6]  = { .build = rule_count, .family = &expr_v6, .key = IP_CT_DIR_ORIGINAL },
	[RULESET_RULE_COUNT_BACK4] = { .build = rule_count, .family = &expr_v4, .key = IP_CT_DIR_REPLY },
	[RULESET_RULE_COUNT_BACK6] = { .build = rule_count, .family = &expr_v6, .key = IP_CT_DIR_REPLY },
	[RULESET_RULE_BAN4_DROP]   = { .build = rule_source_drop, .family = &expr_v4, .set = RULESET_BAN4 },
	[RULESET_RULE_BLOCK4_DROP] = { .build = rule_source_drop, .family = &expr_v4, .set = RULESET_BLOCK4 },
	[RULESET_RULE_BLOCK6_DROP] = { .build = rule_source_drop, .family = &expr_v6, .set = RULESET_BLOCK6 },
	[RULESET_RULE_BAN6_DROP]   = { .build = rule_ban6 },
	[RULESET_RULE_LIMITS_LOOP] = { .build = rule_early_loop },
	[RULESET_RULE_LIMITS_BRIDGES] = { .build = rule_leave_bridges },
	[RULESET_RULE_LIMITS_INVALID] = { .build = rule_invalid },
	[RULESET_RULE_FROM4]       = { .build = rule_from, .family = &expr_v4 },
	[RULESET_RULE_FROM6]       = { .build = rule_from, .family = &expr_v6 },
	[RULESET_RULE_DNAT4]       = { .build = rule_dnat, .family = &expr_v4 },
	[RULESET_RULE_DNAT6]       = { .build = rule_dnat, .family = &expr_v6 },
	[RULESET_RULE_SERVICES4]   = { .build = rule_services, .family = &expr_v4 },
	[RULESET_RULE_SERVICES6]   = { .build = rule_services, .family = &expr_v6 },
	[RULESET_RULE_PRE_BRIDGES] = { .build = rule_enter, .set = RULESET_BRIDGES },
	[RULESET_RULE_PRE_WANS]    = { .build = rule_enter, .set = RULESET_WANS },
	[RULESET_RULE_PRE_ANY]     = { .build = rule_local },
	[RULESET_RULE_OUT_LOOP4]   = { .build = rule_loop4 },
	[RULESET_RULE_OUT_LOOP6]   = { .build = rule_loop6 },
	[RULESET_RULE_OUT_LOCAL]   = { .build = rule_local },
	[RULESET_RULE_POST_LOOP]   = { .build = rule_post_loop },
	[RULESET_RULE_HAIRPIN4]    = { .build = rule_hairpin, .family = &expr_v4 },
	[RULESET_RULE_HAIRPIN6]    = { .build = rule_hairpin, .family = &expr_v6 },
	[RULESET_RULE_MASQ4_ANY]   = { .build = rule_masquerade, .family = &expr_v4, .set = RULESET_BRIDGES },
	[RULESET_RULE_MASQ6_ANY]   = { .build = rule_masquerade, .family = &expr_v6, .set = RULESET_BRIDGES },
	[RULESET_RULE_MASQ4_WANS]  = { .build = rule_masquerade, .family = &expr_v4, .set = RULESET_WANS },
	[RULESET_RULE_MASQ6_WANS]  = { .build = rule_masquerade, .family = &expr_v6, .set = RULESET_WANS },
	[RULESET_RULE_FWD_FOREIGN] = { .build = rule_foreign },
	[RULESET_RULE_FWD_KNOWN]   = CT_STATE(
		NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED), NF_ACCEPT),
	[RULESET_RULE_LEAVE4]      = { .build = rule_leave, .family = &expr_v4, .set = RULESET_EGRESS4 },
	[RULESET_RULE_LEAVE6]      = { .build = rule_leave, .family = &expr_v6, .set = RULESET_EGRESS6 },
	[RULESET_RULE_LEAVE_DROP]  = { .build = rule_leave_drop },
	[RULESET_RULE_LEAVE_OTHERS] = { .build = rule_others },
	[RULESET_RULE_LEAVE_KNOWN] = CT_STATE(
		NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED), NF_ACCEPT),
	[RULESET_RULE_LEAVE_UNTRACKED] = CT_STATE(NF_CT_STATE_UNTRACKED_BIT, NF_ACCEPT),
	[RULESET_RULE_LEAVE_SERVICES] = { .build = rule_leave_services },
	[RULESET_RULE_LEAVE_HOST]  = { .build = rule_leave_host },
	[RULESET_RULE_FWD_LEAVE_DNAT] = { .build = rule_forward_leave, .bits = IPS_DST_NAT },
	[RULESET_RULE_FWD_LEAVE]   = { .build = rule_forward_leave },
	[RULESET_RULE_FWD_MARK]    = { .build = rule_forwarded },
	[RULESET_RULE_FWD_INVALID] = CT_STATE(NF_CT_STATE_INVALID_BIT, NF_DROP),
	[RULESET_RULE_FWD_FROM]    = { .build = rule_from_bridge },
	[RULESET_RULE_FWD_DNAT]    = { .build = rule_ct, .key = NFT_CT_STATUS, .bits = IPS_DST_NAT,
		.code = NF_ACCEPT },
	[RULESET_RULE_FWD_DROP]    = { .build = rule_drop },
	[RULESET_RULE_IN_LOOP]     = { .build = rule_in_loop },
	[RULESET_RULE_IN_BRIDGES]  = { .build = rule_from_bridge },
	[RULESET_RULE_IN_INSIDE]   = { .build = rule_in_inside },
	[RULESET_RULE_IN_BEGUN]    = { .build = rule_in_begun },
	[RULESET_RULE_IN_KNOWN]    = { .build = rule_in_known, .key = NFT_CT_STATE, .code = NF_ACCEPT,
		.bits = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED) },
	[RULESET_RULE_IN_DNAT]     = { .build = rule_ct, .key = NFT_CT_STATUS, .bits = IPS_DST_NAT,
		.code = NF_ACCEPT },
	[RULESET_RULE_IN_OPEN4]    = { .build = rule_in_open, .family = &expr_v4, .set = RULESET_OPEN4 },
	[RULESET_RULE_IN_OPEN6]    = { .build = rule_in_open, .family = &expr_v6, .set = RULESET_OPEN6 },
	[RULESET_RULE_IN_DROP]     = { .build = rule_drop },
};
/* clang-format on */

static void
build_limit(struct expr_builder *b, size_t number, const struct ruleset_limits *limits)
{
	const struct ruleset_limit *limit = &limits->v[number / 2];

	if (limit->kind == RULESET_LIMIT_NONE)
		b->failed = true;
	else
		nft_limit_build(b, limit, number / 2, number % 2 ? &expr_v6 : &expr_v4);
}

struct nftnl_rule *
nft_expr_rule(enum ruleset_rule rule, const struct ruleset_limits *limits)
{
	struct expr_builder b = {.rule = nftnl_rule_alloc()};
	enum ruleset_chain chain = ruleset_rule_chain(rule);
	enum ruleset_family family = ruleset_chain_family(chain);

	if (!b.rule)
		return NULL;
	nftnl_rule_set_u32(b.rule, NFTNL_RULE_FAMILY, nft_family_number(family));
	nftnl_rule_set_str(b.rule, NFTNL_RULE_TABLE, RULESET_TABLE);
	nftnl_rule_set_str(b.rule, NFTNL_RULE_CHAIN, ruleset_chain_name(chain));
	if (family == RULESET_FAMILY_BRIDGE)
		nft_bridge_build(&b, rule);
	else if (rule < RULESET_RULE_LIMITS)
		recipes[rule].build(&b, &recipes[rule]);
	else
		build_limit(&b, (size_t)rule - RULESET_RULE_LIMITS, limits);
	if (b.failed) {
		nftnl_rule_free(b.rule);
		return NULL;
	}
	return b.rule;
}
