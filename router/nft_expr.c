/*
 * From a rule's number to libnftnl expressions. Words of the rule language become calls of the
 * same order. Registers: everything is loaded into register 1; the second and third part of a
 * concatenation go into the 32-bit registers behind it (9 and 10, register 1 being 8 to 11).
 */
#include "router/nft_expr.h"

#include "core/own.h"

#include <stdio.h>

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#define PART2 NFT_REG32_01
#define PART3 NFT_REG32_02
/* Behind an IPv6 address in register 1: the port of fwd6's data. */
#define PORT6 NFT_REG_2

/* What the two address families differ in. */
struct family {
	uint8_t nfproto;
	uint32_t addr_size;
	uint32_t saddr; /* offsets in the network header */
	uint32_t daddr;
	enum ruleset_set nets, from, fwd;
	uint32_t port; /* the register of the map's port */
};

static const struct family v4 = {
	NFPROTO_IPV4, 4, 12, 16, RULESET_NETS4, RULESET_FROM4, RULESET_FWD4, PART2};
static const struct family v6 = {
	NFPROTO_IPV6, 16, 8, 24, RULESET_NETS6, RULESET_FROM6, RULESET_FWD6, PORT6};

struct builder {
	struct nftnl_rule *rule;
	bool failed;
};

/* A new expression at the rule's end; NULL, remembered in b, when memory is short. */
static struct nftnl_expr *
add(struct builder *b, const char *name)
{
	struct nftnl_expr *x = b->failed ? NULL : nftnl_expr_alloc(name);

	if (!x) {
		b->failed = true;
		return NULL;
	}
	nftnl_rule_add_expr(b->rule, x);
	return x;
}

static void
meta(struct builder *b, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *x = add(b, "meta");

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(x, NFTNL_EXPR_META_DREG, reg);
}

static void
payload(struct builder *b, uint32_t base, uint32_t offset, uint32_t size, uint32_t reg)
{
	struct nftnl_expr *x = add(b, "payload");

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_LEN, size);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

static void
cmp(struct builder *b, uint32_t op, const void *data, uint32_t size)
{
	struct nftnl_expr *x = add(b, "cmp");

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(x, NFTNL_EXPR_CMP_DATA, data, size);
}

/* "@set", "!= @set" of register 1. */
static struct nftnl_expr *
lookup(struct builder *b, enum ruleset_set set, bool inverted)
{
	struct nftnl_expr *x = add(b, "lookup");

	if (!x)
		return NULL;
	nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(x, NFTNL_EXPR_LOOKUP_SET, ruleset_set_info(set)->name);
	if (inverted)
		nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	return x;
}

/* "drop", "accept", "return", "jump CHAIN". */
static void
verdict(struct builder *b, int32_t code, const char *chain)
{
	struct nftnl_expr *x = add(b, "immediate");

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
	if (chain)
		nftnl_expr_set_str(x, NFTNL_EXPR_IMM_CHAIN, chain);
}

/* "meta nfproto ipv4" */
static void
family_is(struct builder *b, const struct family *f)
{
	meta(b, NFT_META_NFPROTO, NFT_REG_1);
	cmp(b, NFT_CMP_EQ, &f->nfproto, sizeof(f->nfproto));
}

/* "iifname @bridges", "oifname != @bridges" */
static void
interface_in(struct builder *b, uint32_t key, enum ruleset_set set, bool inverted)
{
	meta(b, key, NFT_REG_1);
	lookup(b, set, inverted);
}

/* "ip saddr @nets4" */
static void
address_in(struct builder *b, const struct family *f, uint32_t offset, bool inverted)
{
	payload(b, NFT_PAYLOAD_NETWORK_HEADER, offset, f->addr_size, NFT_REG_1);
	lookup(b, f->nets, inverted);
}

/* "meta l4proto . th dport": TCP and UDP have the destination port at the same place. */
static void
proto_and_port(struct builder *b)
{
	meta(b, NFT_META_L4PROTO, NFT_REG_1);
	payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, PART2);
}

/* "fib daddr type local jump nat_lookup" */
static void
local_jump_lookup(struct builder *b)
{
	struct nftnl_expr *x = add(b, "fib");
	uint32_t type = RTN_LOCAL;

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
	nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nftnl_expr_set_u32(x, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
	cmp(b, NFT_CMP_EQ, &type, sizeof(type));
	verdict(b, NFT_JUMP, ruleset_chain_name(RULESET_CHAIN_NAT_LOOKUP));
}

/* "& MASK" of register 1. */
static void
bitwise(struct builder *b, const void *mask, const void *zero, uint32_t size)
{
	struct nftnl_expr *x = add(b, "bitwise");

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_LEN, size);
	nftnl_expr_set(x, NFTNL_EXPR_BITWISE_MASK, mask, size);
	nftnl_expr_set(x, NFTNL_EXPR_BITWISE_XOR, zero, size);
}

/* "ct state …", "ct status …": one of these bits is set. */
static void
ct_bits(struct builder *b, uint32_t key, uint32_t bits)
{
	struct nftnl_expr *x = add(b, "ct");
	uint32_t zero = 0;

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(x, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	bitwise(b, &bits, &zero, sizeof(bits));
	cmp(b, NFT_CMP_NEQ, &zero, sizeof(zero));
}

/* One row a rule: which function builds it, and what of its kind it is. */
struct recipe {
	void (*build)(struct builder *b, const struct recipe *r);
	const struct family *family;
	enum ruleset_set set;
	uint32_t key, bits;
	int32_t code;
};

/* meta nfproto ipv4 meta l4proto . th dport @restricted
 * meta l4proto . th dport . ip saddr != @from4 drop */
static void
rule_from(struct builder *b, const struct recipe *r)
{
	const struct family *f = r->family;

	family_is(b, f);
	proto_and_port(b);
	lookup(b, RULESET_RESTRICTED, false);
	proto_and_port(b);
	payload(b, NFT_PAYLOAD_NETWORK_HEADER, f->saddr, f->addr_size, PART3);
	lookup(b, f->from, true);
	verdict(b, NF_DROP, NULL);
}

/* meta nfproto ipv4 dnat ip to meta l4proto . th dport map @fwd4 */
static void
rule_dnat(struct builder *b, const struct recipe *r)
{
	const struct family *f = r->family;
	struct nftnl_expr *x;

	family_is(b, f);
	proto_and_port(b);
	x = lookup(b, f->fwd, false);
	if (x)
		nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_1);
	x = add(b, "nat");
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

/* iifname @bridges ip daddr @nets4 meta l4proto . th dport @services return */
static void
rule_services(struct builder *b, const struct recipe *r)
{
	const struct family *f = r->family;

	interface_in(b, NFT_META_IIFNAME, RULESET_BRIDGES, false);
	family_is(b, f);
	address_in(b, f, f->daddr, false);
	proto_and_port(b);
	lookup(b, RULESET_SERVICES, false);
	verdict(b, NFT_RETURN, NULL);
}

/* ip daddr 127.0.0.0/8 return */
static void
rule_loop4(struct builder *b, const struct recipe *r __attribute__((unused)))
{
	static const uint8_t first = 127;

	family_is(b, &v4);
	payload(b, NFT_PAYLOAD_NETWORK_HEADER, v4.daddr, 1, NFT_REG_1);
	cmp(b, NFT_CMP_EQ, &first, sizeof(first));
	verdict(b, NFT_RETURN, NULL);
}

/* ip6 daddr ::1 return */
static void
rule_loop6(struct builder *b, const struct recipe *r __attribute__((unused)))
{
	static const uint8_t loop[16] = {[15] = 1};

	family_is(b, &v6);
	payload(b, NFT_PAYLOAD_NETWORK_HEADER, v6.daddr, sizeof(loop), NFT_REG_1);
	cmp(b, NFT_CMP_EQ, loop, sizeof(loop));
	verdict(b, NFT_RETURN, NULL);
}

/* oifname "lo" return */
static void
rule_post_loop(struct builder *b, const struct recipe *r __attribute__((unused)))
{
	static const char name[IFNAMSIZ] = "lo";

	meta(b, NFT_META_OIFNAME, NFT_REG_1);
	cmp(b, NFT_CMP_EQ, name, sizeof(name));
	verdict(b, NFT_RETURN, NULL);
}

/* ct status dnat ip saddr @nets4 ip daddr @nets4 masquerade */
static void
rule_hairpin(struct builder *b, const struct recipe *r)
{
	const struct family *f = r->family;

	ct_bits(b, NFT_CT_STATUS, IPS_DST_NAT);
	family_is(b, f);
	address_in(b, f, f->saddr, false);
	address_in(b, f, f->daddr, false);
	add(b, "masq");
}

/* ip saddr @nets4 ip daddr != @nets4 oifname != @bridges masquerade
 * ip saddr @nets4 ip daddr != @nets4 oifname @wans masquerade */
static void
rule_masquerade(struct builder *b, const struct recipe *r)
{
	const struct family *f = r->family;

	family_is(b, f);
	address_in(b, f, f->saddr, false);
	address_in(b, f, f->daddr, true);
	interface_in(b, NFT_META_OIFNAME, r->set, r->set == RULESET_BRIDGES);
	add(b, "masq");
}

/* iifname @wans fib daddr type local jump nat_lookup */
static void
rule_enter(struct builder *b, const struct recipe *r)
{
	interface_in(b, NFT_META_IIFNAME, r->set, false);
	local_jump_lookup(b);
}

/* iifname != @bridges oifname != @bridges accept */
static void
rule_foreign(struct builder *b, const struct recipe *r __attribute__((unused)))
{
	interface_in(b, NFT_META_IIFNAME, RULESET_BRIDGES, true);
	interface_in(b, NFT_META_OIFNAME, RULESET_BRIDGES, true);
	verdict(b, NF_ACCEPT, NULL);
}

/* ct state established,related accept; ct state invalid drop; ct status dnat accept */
static void
rule_ct(struct builder *b, const struct recipe *r)
{
	ct_bits(b, r->key, r->bits);
	verdict(b, r->code, NULL);
}

/* fib daddr type local jump nat_lookup */
static void
rule_local(struct builder *b, const struct recipe *r __attribute__((unused)))
{
	local_jump_lookup(b);
}

/* iifname @bridges accept */
static void
rule_from_bridge(struct builder *b, const struct recipe *r __attribute__((unused)))
{
	interface_in(b, NFT_META_IIFNAME, RULESET_BRIDGES, false);
	verdict(b, NF_ACCEPT, NULL);
}

/* iifname @bridges return */
static void
rule_leave_bridges(struct builder *b, const struct recipe *r __attribute__((unused)))
{
	interface_in(b, NFT_META_IIFNAME, RULESET_BRIDGES, false);
	verdict(b, NFT_RETURN, NULL);
}

/* ip saddr @ban4 drop, ip saddr @block4 drop, ip6 saddr @block6 drop */
static void
rule_source_drop(struct builder *b, const struct recipe *r)
{
	const struct family *f = r->family;

	family_is(b, f);
	payload(b, NFT_PAYLOAD_NETWORK_HEADER, f->saddr, f->addr_size, NFT_REG_1);
	lookup(b, r->set, false);
	verdict(b, NF_DROP, NULL);
}

/* iifname "lo" return */
static void
rule_early_loop(struct builder *b, const struct recipe *r __attribute__((unused)))
{
	static const char name[IFNAMSIZ] = "lo";

	meta(b, NFT_META_IIFNAME, NFT_REG_1);
	cmp(b, NFT_CMP_EQ, name, sizeof(name));
	verdict(b, NFT_RETURN, NULL);
}

/* ip6 saddr & ffff:ffff:ffff:ffff:: @ban6 drop */
static void
rule_ban6(struct builder *b, const struct recipe *r __attribute__((unused)))
{
	static const uint8_t mask[16] = {255, 255, 255, 255, 255, 255, 255, 255}, zero[16];

	family_is(b, &v6);
	payload(b, NFT_PAYLOAD_NETWORK_HEADER, v6.saddr, v6.addr_size, NFT_REG_1);
	bitwise(b, mask, zero, sizeof(mask));
	lookup(b, RULESET_BAN6, false);
	verdict(b, NF_DROP, NULL);
}

/* drop */
static void
rule_drop(struct builder *b, const struct recipe *r __attribute__((unused)))
{
	verdict(b, NF_DROP, NULL);
}

/* clang-format off */
#define CT_STATE(mask, verdict_code) \
	{ .build = rule_ct, .key = NFT_CT_STATE, .bits = (mask), .code = (verdict_code) }

static const struct recipe recipes[RULESET_RULE_COUNT] = {
	[RULESET_RULE_EARLY_BRIDGES] = { .build = rule_leave_bridges },
	[RULESET_RULE_EARLY_LOOP]  = { .build = rule_early_loop },
	[RULESET_RULE_BAN4_DROP]   = { .build = rule_source_drop, .family = &v4, .set = RULESET_BAN4 },
	[RULESET_RULE_BLOCK4_DROP] = { .build = rule_source_drop, .family = &v4, .set = RULESET_BLOCK4 },
	[RULESET_RULE_BLOCK6_DROP] = { .build = rule_source_drop, .family = &v6, .set = RULESET_BLOCK6 },
	[RULESET_RULE_BAN6_DROP]   = { .build = rule_ban6 },
	[RULESET_RULE_FROM4]       = { .build = rule_from, .family = &v4 },
	[RULESET_RULE_FROM6]       = { .build = rule_from, .family = &v6 },
	[RULESET_RULE_DNAT4]       = { .build = rule_dnat, .family = &v4 },
	[RULESET_RULE_DNAT6]       = { .build = rule_dnat, .family = &v6 },
	[RULESET_RULE_SERVICES4]   = { .build = rule_services, .family = &v4 },
	[RULESET_RULE_SERVICES6]   = { .build = rule_services, .family = &v6 },
	[RULESET_RULE_PRE_BRIDGES] = { .build = rule_enter, .set = RULESET_BRIDGES },
	[RULESET_RULE_PRE_WANS]    = { .build = rule_enter, .set = RULESET_WANS },
	[RULESET_RULE_PRE_ANY]     = { .build = rule_local },
	[RULESET_RULE_OUT_LOOP4]   = { .build = rule_loop4 },
	[RULESET_RULE_OUT_LOOP6]   = { .build = rule_loop6 },
	[RULESET_RULE_OUT_LOCAL]   = { .build = rule_local },
	[RULESET_RULE_POST_LOOP]   = { .build = rule_post_loop },
	[RULESET_RULE_HAIRPIN4]    = { .build = rule_hairpin, .family = &v4 },
	[RULESET_RULE_HAIRPIN6]    = { .build = rule_hairpin, .family = &v6 },
	[RULESET_RULE_MASQ4_ANY]   = { .build = rule_masquerade, .family = &v4, .set = RULESET_BRIDGES },
	[RULESET_RULE_MASQ6_ANY]   = { .build = rule_masquerade, .family = &v6, .set = RULESET_BRIDGES },
	[RULESET_RULE_MASQ4_WANS]  = { .build = rule_masquerade, .family = &v4, .set = RULESET_WANS },
	[RULESET_RULE_MASQ6_WANS]  = { .build = rule_masquerade, .family = &v6, .set = RULESET_WANS },
	[RULESET_RULE_FWD_FOREIGN] = { .build = rule_foreign },
	[RULESET_RULE_FWD_KNOWN]   = CT_STATE(
		NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED), NF_ACCEPT),
	[RULESET_RULE_FWD_INVALID] = CT_STATE(NF_CT_STATE_INVALID_BIT, NF_DROP),
	[RULESET_RULE_FWD_FROM]    = { .build = rule_from_bridge },
	[RULESET_RULE_FWD_DNAT]    = { .build = rule_ct, .key = NFT_CT_STATUS, .bits = IPS_DST_NAT,
		.code = NF_ACCEPT },
	[RULESET_RULE_FWD_DROP]    = { .build = rule_drop },
};
/* clang-format on */

struct nftnl_rule *
nft_expr_rule(enum ruleset_rule rule)
{
	struct builder b = {.rule = nftnl_rule_alloc()};

	if (!b.rule)
		return NULL;
	nftnl_rule_set_u32(b.rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
	nftnl_rule_set_str(b.rule, NFTNL_RULE_TABLE, RULESET_TABLE);
	nftnl_rule_set_str(b.rule, NFTNL_RULE_CHAIN, ruleset_chain_name(ruleset_rule_chain(rule)));
	recipes[rule].build(&b, &recipes[rule]);
	if (b.failed) {
		nftnl_rule_free(b.rule);
		return NULL;
	}
	return b.rule;
}
