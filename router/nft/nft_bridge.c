/*
 * Every rule of table bridge is a few steps, then a verdict. A step compares a field with a
 * constant or looks fields up in a set. So a rule is a row of data, in the order of its text
 * (RULESET_BRIDGE_RULES); what nft adds to the text by itself (that `arp saddr ip` needs an ARP
 * frame) is in the row, too.
 */
#include "router/nft/nft_bridge.h"

#include "router/nft/netlink.h"

#include <linux/netfilter.h>
#include <netinet/in.h>

#define STEPS_MAX 6
#define FIELDS_MAX 4
#define VALUE_MAX 16

enum field {
	FIELD_NONE,
	FIELD_IIFNAME,
	FIELD_OIFNAME,
	FIELD_MARK_FORWARDED, /* the bit of the mark that a forward sets */
	FIELD_ETHER_SADDR,
	FIELD_ETHER_DADDR,
	FIELD_ETHER_TYPE,
	FIELD_PROTOCOL, /* what the frame's payload is, to the kernel */
	FIELD_ARP_ETHER,
	FIELD_ARP_IP,
	FIELD_IP_SADDR,
	FIELD_IP_DADDR,
	FIELD_IP_FRAGMENT, /* how far behind the first fragment */
	FIELD_IP6_SADDR,
	FIELD_IP6_DADDR,
	FIELD_IP6_LOCAL, /* the bits of its source that tell a link-local address */
	FIELD_L4PROTO,
	FIELD_PORTS, /* source and destination */
	FIELD_SPORT,
	FIELD_DPORT,
	FIELD_TCP_START, /* the flags SYN and ACK */
	FIELD_ICMP_TYPE,
	FIELD_TARGET,       /* of a neighbour discovery message */
	FIELD_TARGET_LOCAL, /* the bits of it that tell a link-local address */
};

#define META 0xffU /* a field's base: no header */

struct field_info {
	uint32_t base, at; /* header and offset; META: the key */
	uint32_t size;
	uint8_t mask[2]; /* of the first bytes; the rest is 0. None: no mask */
};

static const struct field_info fields[] = {
	[FIELD_IIFNAME] = {META, NFT_META_IIFNAME, 16, {0}},
	[FIELD_OIFNAME] = {META, NFT_META_OIFNAME, 16, {0}},
	[FIELD_MARK_FORWARDED] = {META, NFT_META_MARK, 4, {0}}, /* masked in the host's order */
	[FIELD_ETHER_SADDR] = {NFT_PAYLOAD_LL_HEADER, 6, 6, {0}},
	[FIELD_ETHER_DADDR] = {NFT_PAYLOAD_LL_HEADER, 0, 6, {0}},
	[FIELD_ETHER_TYPE] = {NFT_PAYLOAD_LL_HEADER, 12, 2, {0}},
	[FIELD_PROTOCOL] = {META, NFT_META_PROTOCOL, 2, {0}},
	[FIELD_ARP_ETHER] = {NFT_PAYLOAD_NETWORK_HEADER, 8, 6, {0}},
	[FIELD_ARP_IP] = {NFT_PAYLOAD_NETWORK_HEADER, 14, 4, {0}},
	[FIELD_IP_SADDR] = {NFT_PAYLOAD_NETWORK_HEADER, 12, 4, {0}},
	[FIELD_IP_DADDR] = {NFT_PAYLOAD_NETWORK_HEADER, 16, 4, {0}},
	[FIELD_IP_FRAGMENT] = {NFT_PAYLOAD_NETWORK_HEADER, 6, 2, {0x1f, 0xff}},
	[FIELD_IP6_SADDR] = {NFT_PAYLOAD_NETWORK_HEADER, 8, 16, {0}},
	[FIELD_IP6_DADDR] = {NFT_PAYLOAD_NETWORK_HEADER, 24, 16, {0}},
	[FIELD_IP6_LOCAL] = {NFT_PAYLOAD_NETWORK_HEADER, 8, 16, {0xff, 0xc0}},
	[FIELD_L4PROTO] = {META, NFT_META_L4PROTO, 1, {0}},
	[FIELD_PORTS] = {NFT_PAYLOAD_TRANSPORT_HEADER, 0, 4, {0}},
	[FIELD_SPORT] = {NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, {0}},
	[FIELD_DPORT] = {NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, {0}},
	[FIELD_TCP_START] = {NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, {0x12}},
	[FIELD_ICMP_TYPE] = {NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, {0}},
	[FIELD_TARGET] = {NFT_PAYLOAD_TRANSPORT_HEADER, 8, 16, {0}},
	[FIELD_TARGET_LOCAL] = {NFT_PAYLOAD_TRANSPORT_HEADER, 8, 2, {0xff, 0xc0}},
};

enum step_kind { STEP_NONE, STEP_IS, STEP_IS_NOT, STEP_IN, STEP_NOT_IN, STEP_UPDATE };

struct step {
	enum step_kind kind;
	enum ruleset_set set;          /* IN, NOT_IN, UPDATE */
	enum field fields[FIELDS_MAX]; /* IS, IS_NOT: one */
	uint8_t value[VALUE_MAX];
};

struct row {
	struct step steps[STEPS_MAX];
	int32_t verdict;
	enum ruleset_chain chain; /* of goto and jump */
};

/* clang-format off */
#define GOTO(chain_id) .verdict = NFT_GOTO, .chain = RULESET_CHAIN_##chain_id
#define JUMP(chain_id) .verdict = NFT_JUMP, .chain = RULESET_CHAIN_##chain_id
#define SPOOFED GOTO(DROP_SPOOFED)
#define ISOLATED GOTO(DROP_ISOLATED)
#define ACCEPT .verdict = NF_ACCEPT
#define IS(field_id, ...) {.kind = STEP_IS, .fields = {FIELD_##field_id}, .value = {__VA_ARGS__}}
#define IS_NOT(field_id, ...) {.kind = STEP_IS_NOT, .fields = {FIELD_##field_id}, .value = {__VA_ARGS__}}
#define IN(set_id, ...) {.kind = STEP_IN, .set = RULESET_##set_id, .fields = {__VA_ARGS__}}
#define NOT_IN(set_id, ...) {.kind = STEP_NOT_IN, .set = RULESET_##set_id, .fields = {__VA_ARGS__}}
#define UPDATE(set_id, ...) {.kind = STEP_UPDATE, .set = RULESET_##set_id, .fields = {__VA_ARGS__}}
#define IS_ARP IS(ETHER_TYPE, 0x08, 0x06)
#define IS_IP4 IS(PROTOCOL, 0x08, 0x00)
#define IS_IP6 IS(PROTOCOL, 0x86, 0xdd)
#define IS_TCP IS(L4PROTO, IPPROTO_TCP)
#define IS_UDP IS(L4PROTO, IPPROTO_UDP)
#define IS_ICMP6 IS(L4PROTO, IPPROTO_ICMPV6)
#define ICMP_TYPE(type) IS(ETHER_TYPE, 0x08, 0x00), IS(L4PROTO, IPPROTO_ICMP), IS(ICMP_TYPE, type)
#define ICMP6_TYPE(type) IS(ETHER_TYPE, 0x86, 0xdd), IS_ICMP6, IS(ICMP_TYPE, type)
#define IN_PEERS IN(PEERS, FIELD_ETHER_SADDR, FIELD_OIFNAME)
#define FROM_TO FIELD_ETHER_SADDR, FIELD_ETHER_DADDR
#define TO_FROM FIELD_ETHER_DADDR, FIELD_ETHER_SADDR
#define ICMP_UNREACHABLE 3
#define ICMP6_UNREACHABLE 1
#define ICMP6_TOO_BIG 2
#define ND_ROUTER_ADVERT 134
#define ND_NEIGHBOR_SOLICIT 135
#define ND_NEIGHBOR_ADVERT 136
#define ND_REDIRECT 137

static const struct row rows[RULESET_RULE_LIMITS] = {
	[RULESET_RULE_SPOOFED_DROP] = { .steps = {IN(SPOOFED, FIELD_IIFNAME)}, .verdict = NF_DROP },
	[RULESET_RULE_ND_OWN] = { .steps = {IN(OWNND, FIELD_ETHER_SADDR, FIELD_TARGET)}, .verdict = NFT_RETURN },
	[RULESET_RULE_ND_CLAIMED] = { .steps = {IN(CLAIMEDND, FIELD_TARGET)}, SPOOFED },
	[RULESET_RULE_ND_LOCAL] = { .steps = {IS(TARGET_LOCAL, 0xfe, 0x80)}, .verdict = NFT_RETURN },
	[RULESET_RULE_ND_FIXED] = { .steps = {IN(FIXED6, FIELD_ETHER_SADDR)}, SPOOFED },
	[RULESET_RULE_ARP_MAC] = { .steps = {IS_ARP, NOT_IN(MACS, FIELD_IIFNAME, FIELD_ARP_ETHER)}, SPOOFED },
	[RULESET_RULE_ARP_PROBE] = { .steps = {IS_ARP, IS(ARP_IP, 0)}, ACCEPT },
	[RULESET_RULE_ARP_OWN] = { .steps = {IS_ARP, IN(OWN4, FIELD_ETHER_SADDR, FIELD_ARP_IP)}, ACCEPT },
	[RULESET_RULE_ARP_CLAIMED] = { .steps = {IS_ARP, IN(CLAIMED4, FIELD_ARP_IP)}, SPOOFED },
	[RULESET_RULE_ARP_FIXED] = { .steps = {IN(FIXED4, FIELD_ETHER_SADDR)}, SPOOFED },
	[RULESET_RULE_ARP_NETS] = { .steps = {IS_ARP, NOT_IN(BRNETS4, FIELD_ARP_IP)}, SPOOFED },
	[RULESET_RULE_IP4_DHCP] = { .steps = {IS_UDP, IS(PORTS, 0, 67, 0, 68)}, SPOOFED },
	[RULESET_RULE_IP4_OWN] = { .steps = {IS_IP4, IN(OWN4, FIELD_ETHER_SADDR, FIELD_IP_SADDR)}, ACCEPT },
	[RULESET_RULE_IP4_NONE] = { .steps = {IS_IP4, IS(IP_SADDR, 0), IS_UDP, IS(DPORT, 0, 67)}, ACCEPT },
	[RULESET_RULE_IP4_CLAIMED] = { .steps = {IS_IP4, IN(CLAIMED4, FIELD_IP_SADDR)}, SPOOFED },
	[RULESET_RULE_IP4_FIXED] = { .steps = {IN(FIXED4, FIELD_ETHER_SADDR)}, SPOOFED },
	[RULESET_RULE_IP4_NETS] = { .steps = {IS_IP4, NOT_IN(BRNETS4, FIELD_IP_SADDR)}, SPOOFED },
	[RULESET_RULE_IP6_ROUTER] = { .steps = {ICMP6_TYPE(ND_ROUTER_ADVERT)}, SPOOFED },
	[RULESET_RULE_IP6_REDIRECT] = { .steps = {ICMP6_TYPE(ND_REDIRECT)}, SPOOFED },
	[RULESET_RULE_IP6_DHCP] = { .steps = {IS_UDP, IS(PORTS, 2, 35, 2, 34)}, SPOOFED },
	[RULESET_RULE_IP6_ADVERT] = { .steps = {ICMP6_TYPE(ND_NEIGHBOR_ADVERT)}, JUMP(GUARD_ND) },
	[RULESET_RULE_IP6_DAD] = { .steps = {IS_IP6, IS(IP6_SADDR, 0), IS_ICMP6, IS(ICMP_TYPE, ND_NEIGHBOR_SOLICIT)}, JUMP(GUARD_ND) },
	[RULESET_RULE_IP6_OWN] = { .steps = {IS_IP6, IN(OWN6, FIELD_ETHER_SADDR, FIELD_IP6_SADDR)}, ACCEPT },
	[RULESET_RULE_IP6_CLAIMED] = { .steps = {IS_IP6, IN(CLAIMED6, FIELD_IP6_SADDR)}, SPOOFED },
	[RULESET_RULE_IP6_LOCAL] = { .steps = {IS_IP6, IS(IP6_LOCAL, 0xfe, 0x80)}, ACCEPT },
	[RULESET_RULE_IP6_NONE] = { .steps = {IS_IP6, IS(IP6_SADDR, 0), IS_ICMP6}, ACCEPT },
	[RULESET_RULE_IP6_FIXED] = { .steps = {IN(FIXED6, FIELD_ETHER_SADDR)}, SPOOFED },
	[RULESET_RULE_IP6_NETS] = { .steps = {IS_IP6, NOT_IN(BRNETS6, FIELD_IP6_SADDR)}, SPOOFED },
	[RULESET_RULE_GUARD_OTHERS] = { .steps = {NOT_IN(PORTS, FIELD_IIFNAME)}, ACCEPT },
	[RULESET_RULE_GUARD_MAC] = { .steps = {NOT_IN(MACS, FIELD_IIFNAME, FIELD_ETHER_SADDR)}, SPOOFED },
	[RULESET_RULE_GUARD_IS_IP4] = { .steps = {IS(ETHER_TYPE, 0x08, 0x00)}, GOTO(GUARD_IP4) },
	[RULESET_RULE_GUARD_IS_IP6] = { .steps = {IS(ETHER_TYPE, 0x86, 0xdd)}, GOTO(GUARD_IP6) },
	[RULESET_RULE_GUARD_IS_ARP] = { .steps = {IS_ARP}, GOTO(GUARD_ARP) },
	[RULESET_RULE_GUARD_REST] = { SPOOFED },
	[RULESET_RULE_ISOLATED_DROP] = { .steps = {IN(ISOLATED, FIELD_IIFNAME)}, .verdict = NF_DROP },
	[RULESET_RULE_BETWEEN_MAC] = { .steps = {NOT_IN(MACS, FIELD_IIFNAME, FIELD_ETHER_SADDR)}, ISOLATED },
	[RULESET_RULE_BETWEEN_ARP] = { .steps = {IS_ARP, IN_PEERS}, ACCEPT },
	[RULESET_RULE_BETWEEN_SOLICIT] = { .steps = {ICMP6_TYPE(ND_NEIGHBOR_SOLICIT), IN_PEERS}, ACCEPT },
	[RULESET_RULE_BETWEEN_ADVERT] = { .steps = {ICMP6_TYPE(ND_NEIGHBOR_ADVERT), IN_PEERS}, ACCEPT },
	[RULESET_RULE_BETWEEN_UDP] = { .steps = {IS_UDP, IN(LINKS, FROM_TO, FIELD_L4PROTO, FIELD_DPORT), UPDATE(FLOWS, FROM_TO, FIELD_SPORT, FIELD_DPORT)}, ACCEPT },
	[RULESET_RULE_BETWEEN_LINK] = { .steps = {IN(LINKS, FROM_TO, FIELD_L4PROTO, FIELD_DPORT)}, ACCEPT },
	[RULESET_RULE_BETWEEN_ASKED] = { .steps = {IS_UDP, IN(FLOWS, TO_FROM, FIELD_DPORT, FIELD_SPORT)}, ACCEPT },
	[RULESET_RULE_BETWEEN_NO_SYN] = { .steps = {IS_TCP, IS(TCP_START, 0x02)}, ISOLATED },
	[RULESET_RULE_BETWEEN_ANSWER] = { .steps = {IS_TCP, IN(LINKS, TO_FROM, FIELD_L4PROTO, FIELD_SPORT)}, ACCEPT },
	[RULESET_RULE_BETWEEN_ICMP] = { .steps = {ICMP_TYPE(ICMP_UNREACHABLE), IN_PEERS}, ACCEPT },
	[RULESET_RULE_BETWEEN_ICMP6] = { .steps = {ICMP6_TYPE(ICMP6_UNREACHABLE), IN_PEERS}, ACCEPT },
	[RULESET_RULE_BETWEEN_TOO_BIG] = { .steps = {ICMP6_TYPE(ICMP6_TOO_BIG), IN_PEERS}, ACCEPT },
	[RULESET_RULE_BETWEEN_FRAGMENT] = { .steps = {IS_IP4, IS_NOT(IP_FRAGMENT, 0), IN_PEERS}, ACCEPT },
	[RULESET_RULE_BETWEEN_REST] = { ISOLATED },
	[RULESET_RULE_ISOLATE_FORWARDED] = { .steps = {IS(MARK_FORWARDED, 0)}, ACCEPT },
	[RULESET_RULE_ISOLATE_FROM] = { .steps = {IN(APART, FIELD_IIFNAME), IN(MEMBERS, FIELD_OIFNAME)}, GOTO(BETWEEN) },
	[RULESET_RULE_ISOLATE_TO] = { .steps = {IN(MEMBERS, FIELD_IIFNAME), IN(APART, FIELD_OIFNAME)}, GOTO(BETWEEN) },
	[RULESET_RULE_TO_HOST4] = { .steps = {IN(MEMBERS, FIELD_IIFNAME), IS_IP4, IN(BRNETS4, FIELD_IP_DADDR), NOT_IN(GATEWAYS4, FIELD_IP_DADDR)}, ISOLATED },
	[RULESET_RULE_TO_HOST6] = { .steps = {IN(MEMBERS, FIELD_IIFNAME), IS_IP6, IN(BRNETS6, FIELD_IP6_DADDR), NOT_IN(GATEWAYS6, FIELD_IP6_DADDR)}, ISOLATED },
};
/* clang-format on */

/* The register so many bytes behind the first one: by its old name where it has one, as the kernel
 * tells it. */
static uint32_t
register_at(uint32_t offset)
{
	return offset % 16 ? NFT_REG32_00 + offset / 4 : NFT_REG_1 + offset / 16;
}

static void
load(struct expr_builder *b, enum field field, uint32_t reg)
{
	const struct field_info *f = &fields[field];

	if (f->base == META)
		expr_meta(b, f->at, reg);
	else
		expr_payload(b, f->base, f->at, f->size, reg);
}

/* All the bits of the mark but this one are other programs'. */
static void
compare_mark(struct expr_builder *b)
{
	static const uint32_t mask = RULESET_MARK_FORWARDED, zero;

	load(b, FIELD_MARK_FORWARDED, NFT_REG_1);
	expr_bitwise(b, &mask, &zero, sizeof(mask));
	expr_cmp(b, NFT_CMP_EQ, &mask, sizeof(mask));
}

static void
compare(struct expr_builder *b, const struct step *s)
{
	static const uint8_t zero[VALUE_MAX];
	const struct field_info *f = &fields[s->fields[0]];
	uint8_t mask[VALUE_MAX] = {f->mask[0], f->mask[1]};

	if (s->fields[0] == FIELD_MARK_FORWARDED) {
		compare_mark(b);
		return;
	}
	load(b, s->fields[0], NFT_REG_1);
	if (f->mask[0])
		expr_bitwise(b, mask, zero, f->size);
	expr_cmp(b, s->kind == STEP_IS ? NFT_CMP_EQ : NFT_CMP_NEQ, s->value, f->size);
}

static void
load_all(struct expr_builder *b, const struct step *s)
{
	uint32_t offset = 0;

	for (size_t i = 0; i < FIELDS_MAX && s->fields[i] != FIELD_NONE; i++) {
		load(b, s->fields[i], register_at(offset));
		offset += (uint32_t)NETLINK_ALIGN(fields[s->fields[i]].size);
	}
}

/* "update @flows { … timeout 600s }" */
static void
update(struct expr_builder *b, enum ruleset_set set)
{
	struct nftnl_expr *x = expr_add(b, "dynset");

	if (!x)
		return;
	nftnl_expr_set_u32(x, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
	nftnl_expr_set_u32(x, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
	nftnl_expr_set_str(x, NFTNL_EXPR_DYNSET_SET_NAME, ruleset_set_info(set)->name);
	nftnl_expr_set_u64(x, NFTNL_EXPR_DYNSET_TIMEOUT, UINT64_C(1000) * RULESET_FLOWS_S);
}

static void
take_step(struct expr_builder *b, const struct step *s)
{
	switch (s->kind) {
	case STEP_NONE:
		return;
	case STEP_IS:
	case STEP_IS_NOT:
		compare(b, s);
		return;
	case STEP_IN:
	case STEP_NOT_IN:
		load_all(b, s);
		expr_lookup(b, s->set, s->kind == STEP_NOT_IN);
		return;
	case STEP_UPDATE:
		load_all(b, s);
		update(b, s->set);
		return;
	}
}

void
nft_bridge_build(struct expr_builder *b, enum ruleset_rule rule)
{
	const struct row *r = &rows[rule];

	for (size_t i = 0; i < STEPS_MAX; i++)
		take_step(b, &r->steps[i]);
	expr_verdict(b, r->verdict,
		r->verdict == NFT_GOTO || r->verdict == NFT_JUMP ? ruleset_chain_name(r->chain)
								 : NULL);
}
