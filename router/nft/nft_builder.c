/* Words of the rule language as libnftnl's expressions. */
#include "router/nft/nft_builder.h"

#include <linux/netfilter.h>
#include <netinet/in.h>
#include <string.h>

#define TCP_FLAGS_OFFSET 13
#define TCP_FLAGS_MASK 0x17 /* fin, syn, rst, ack */
#define TCP_FLAGS_SYN 0x02

const struct expr_family expr_v4 = {
	.nfproto = NFPROTO_IPV4,
	.addr_size = 4,
	.saddr = 12,
	.daddr = 16,
	.nets = RULESET_NETS4,
	.from = RULESET_FROM4,
	.fwd = RULESET_FWD4,
	.fwdat = RULESET_FWDAT4,
	.fwdif = RULESET_FWDIF4,
	.restrictedat = RULESET_RESTRICTEDAT4,
	.fromat = RULESET_FROMAT4,
	.fromif = RULESET_FROMIF4,
	.masq = RULESET_MASQ4,
	.targets = RULESET_TARGETS4,
	.at_proto = EXPR_PART2,
	.at_port = EXPR_PART3,
	.at_source = EXPR_PART4,
	.port = EXPR_PART2,
};
const struct expr_family expr_v6 = {
	.nfproto = NFPROTO_IPV6,
	.addr_size = 16,
	.saddr = 8,
	.daddr = 24,
	.nets = RULESET_NETS6,
	.from = RULESET_FROM6,
	.fwd = RULESET_FWD6,
	.fwdat = RULESET_FWDAT6,
	.fwdif = RULESET_FWDIF6,
	.restrictedat = RULESET_RESTRICTEDAT6,
	.fromat = RULESET_FROMAT6,
	.fromif = RULESET_FROMIF6,
	.masq = RULESET_MASQ6,
	.targets = RULESET_TARGETS6,
	.at_proto = EXPR_WIDE2,
	.at_port = EXPR_WIDE3,
	.at_source = EXPR_WIDE4,
	.port = EXPR_PORT6,
};

/* A new expression at the rule's end; NULL, remembered in b, when memory is short. */
struct nftnl_expr *
expr_add(struct expr_builder *b, const char *name)
{
	struct nftnl_expr *x = b->failed ? NULL : nftnl_expr_alloc(name);

	if (!x) {
		b->failed = true;
		return NULL;
	}
	nftnl_rule_add_expr(b->rule, x);
	return x;
}

void
expr_meta(struct expr_builder *b, uint32_t key, uint32_t reg)
{
	struct nftnl_expr *x = expr_add(b, "meta");

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(x, NFTNL_EXPR_META_DREG, reg);
}

void
expr_payload(struct expr_builder *b, uint32_t base, uint32_t offset, uint32_t size, uint32_t reg)
{
	struct nftnl_expr *x = expr_add(b, "payload");

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_LEN, size);
	nftnl_expr_set_u32(x, NFTNL_EXPR_PAYLOAD_DREG, reg);
}

void
expr_cmp(struct expr_builder *b, uint32_t op, const void *data, uint32_t size)
{
	struct nftnl_expr *x = expr_add(b, "cmp");

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(x, NFTNL_EXPR_CMP_DATA, data, size);
}

/* "@set", "!= @set" of register 1. */
struct nftnl_expr *
expr_lookup(struct expr_builder *b, enum ruleset_set set, bool inverted)
{
	struct nftnl_expr *x = expr_add(b, "lookup");

	if (!x)
		return NULL;
	nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(x, NFTNL_EXPR_LOOKUP_SET, ruleset_set_info(set)->name);
	if (inverted)
		nftnl_expr_set_u32(x, NFTNL_EXPR_LOOKUP_FLAGS, NFT_LOOKUP_F_INV);
	return x;
}

/* "drop", "accept", "return", "jump CHAIN". */
void
expr_verdict(struct expr_builder *b, int32_t code, const char *chain)
{
	struct nftnl_expr *x = expr_add(b, "immediate");

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(x, NFTNL_EXPR_IMM_VERDICT, (uint32_t)code);
	if (chain)
		nftnl_expr_set_str(x, NFTNL_EXPR_IMM_CHAIN, chain);
}

/* "meta nfproto ipv4" */
void
expr_family_is(struct expr_builder *b, const struct expr_family *f)
{
	expr_meta(b, NFT_META_NFPROTO, NFT_REG_1);
	expr_cmp(b, NFT_CMP_EQ, &f->nfproto, sizeof(f->nfproto));
}

/* "iifname @bridges", "oifname != @bridges" */
void
expr_interface_in(struct expr_builder *b, uint32_t key, enum ruleset_set set, bool inverted)
{
	expr_meta(b, key, NFT_REG_1);
	expr_lookup(b, set, inverted);
}

/* "ip saddr @nets4" */
void
expr_address_in(struct expr_builder *b, const struct expr_family *f, uint32_t offset, bool inverted)
{
	expr_payload(b, NFT_PAYLOAD_NETWORK_HEADER, offset, f->addr_size, NFT_REG_1);
	expr_lookup(b, f->nets, inverted);
}

/* "meta l4proto . th dport": TCP and UDP have the destination port at the same place. */
void
expr_proto_and_port(struct expr_builder *b)
{
	expr_meta(b, NFT_META_L4PROTO, NFT_REG_1);
	expr_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, EXPR_PART2);
}

/* "& MASK" of register 1. */
void
expr_bitwise(struct expr_builder *b, const void *mask, const void *zero, uint32_t size)
{
	struct nftnl_expr *x = expr_add(b, "bitwise");

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_BITWISE_LEN, size);
	nftnl_expr_set(x, NFTNL_EXPR_BITWISE_MASK, mask, size);
	nftnl_expr_set(x, NFTNL_EXPR_BITWISE_XOR, zero, size);
}

/* "ct state …", "ct status …": one of these bits is set. */
void
expr_ct_bits(struct expr_builder *b, uint32_t key, uint32_t bits)
{
	struct nftnl_expr *x = expr_add(b, "ct");
	uint32_t zero = 0;

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(x, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	expr_bitwise(b, &bits, &zero, sizeof(bits));
	expr_cmp(b, NFT_CMP_NEQ, &zero, sizeof(zero));
}

void
expr_source(struct expr_builder *b, const struct expr_family *f)
{
	static const uint8_t mask[16] = {255, 255, 255, 255, 255, 255, 255, 255}, zero[16];

	expr_payload(b, NFT_PAYLOAD_NETWORK_HEADER, f->saddr, f->addr_size, NFT_REG_1);
	if (f == &expr_v6)
		expr_bitwise(b, mask, zero, sizeof(mask));
}

void
expr_syn(struct expr_builder *b, uint32_t op)
{
	static const uint8_t proto = IPPROTO_TCP, mask = TCP_FLAGS_MASK, syn = TCP_FLAGS_SYN, zero;

	expr_meta(b, NFT_META_L4PROTO, NFT_REG_1);
	expr_cmp(b, NFT_CMP_EQ, &proto, sizeof(proto));
	expr_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS_OFFSET, 1, NFT_REG_1);
	expr_bitwise(b, &mask, &zero, sizeof(mask));
	expr_cmp(b, op, &syn, sizeof(syn));
}
