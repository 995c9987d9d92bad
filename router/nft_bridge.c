/*
 * Every rule of table bridge is: some fields compared with constants, then perhaps some fields
 * looked up in a set, then a verdict. So a rule is a row of data, in the order of its text
 * (RULESET_BRIDGE_RULES); what nft adds to the text by itself (that `arp saddr ip` needs an ARP
 * frame) is in the row, too.
 */
#include "router/nft_bridge.h"

#include "router/netlink.h"

#include <linux/netfilter.h>
#include <netinet/in.h>

#define COMPARES_MAX 4
#define LOADS_MAX 4
#define VALUE_MAX 16

enum field {
	FIELD_NONE,
	FIELD_IIFNAME,
	FIELD_ETHER_SADDR,
	FIELD_ETHER_TYPE,
	FIELD_PROTOCOL, /* what the frame's payload is, to the kernel */
	FIELD_ARP_ETHER,
	FIELD_ARP_IP,
	FIELD_IP_SADDR,
	FIELD_IP6_SADDR,
	FIELD_IP6_LOCAL, /* the bits of its source that tell a link-local address */
	FIELD_L4PROTO,
	FIELD_PORTS, /* source and destination */
	FIELD_DPORT,
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
	[FIELD_ETHER_SADDR] = {NFT_PAYLOAD_LL_HEADER, 6, 6, {0}},
	[FIELD_ETHER_TYPE] = {NFT_PAYLOAD_LL_HEADER, 12, 2, {0}},
	[FIELD_PROTOCOL] = {META, NFT_META_PROTOCOL, 2, {0}},
	[FIELD_ARP_ETHER] = {NFT_PAYLOAD_NETWORK_HEADER, 8, 6, {0}},
	[FIELD_ARP_IP] = {NFT_PAYLOAD_NETWORK_HEADER, 14, 4, {0}},
	[FIELD_IP_SADDR] = {NFT_PAYLOAD_NETWORK_HEADER, 12, 4, {0}},
	[FIELD_IP6_SADDR] = {NFT_PAYLOAD_NETWORK_HEADER, 8, 16, {0}},
	[FIELD_IP6_LOCAL] = {NFT_PAYLOAD_NETWORK_HEADER, 8, 16, {0xff, 0xc0}},
	[FIELD_L4PROTO] = {META, NFT_META_L4PROTO, 1, {0}},
	[FIELD_PORTS] = {NFT_PAYLOAD_TRANSPORT_HEADER, 0, 4, {0}},
	[FIELD_DPORT] = {NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, {0}},
	[FIELD_ICMP_TYPE] = {NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, {0}},
	[FIELD_TARGET] = {NFT_PAYLOAD_TRANSPORT_HEADER, 8, 16, {0}},
	[FIELD_TARGET_LOCAL] = {NFT_PAYLOAD_TRANSPORT_HEADER, 8, 2, {0xff, 0xc0}},
};

struct compare {
	enum field field;
	uint8_t value[VALUE_MAX];
};

struct row {
	struct compare compares[COMPARES_MAX];
	enum field loads[LOADS_MAX]; /* looked up together */
	enum ruleset_set set;
	bool inverted;
	int32_t verdict;
	enum ruleset_chain chain; /* of goto and jump */
};

/* clang-format off */
#define SPOOFED .verdict = NFT_GOTO, .chain = RULESET_CHAIN_DROP_SPOOFED
#define ACCEPT .verdict = NF_ACCEPT
#define LOOKUP(set_id, ...) .loads = {__VA_ARGS__}, .set = RULESET_##set_id
#define IS_ARP {FIELD_ETHER_TYPE, {0x08, 0x06}}
#define IS_IP4 {FIELD_PROTOCOL, {0x08, 0x00}}
#define IS_IP6 {FIELD_PROTOCOL, {0x86, 0xdd}}
#define IS_UDP {FIELD_L4PROTO, {IPPROTO_UDP}}
#define IS_ICMP6 {FIELD_L4PROTO, {IPPROTO_ICMPV6}}
#define ICMP6_TYPE(type) {FIELD_ETHER_TYPE, {0x86, 0xdd}}, IS_ICMP6, {FIELD_ICMP_TYPE, {type}}
#define ND_ROUTER_ADVERT 134
#define ND_NEIGHBOR_SOLICIT 135
#define ND_NEIGHBOR_ADVERT 136
#define ND_REDIRECT 137

static const struct row rows[RULESET_RULE_LIMITS] = {
	[RULESET_RULE_SPOOFED_DROP] = { LOOKUP(SPOOFED, FIELD_IIFNAME), .verdict = NF_DROP },
	[RULESET_RULE_ND_OWN] = { LOOKUP(OWNND, FIELD_ETHER_SADDR, FIELD_TARGET), .verdict = NFT_RETURN },
	[RULESET_RULE_ND_CLAIMED] = { LOOKUP(CLAIMEDND, FIELD_TARGET), SPOOFED },
	[RULESET_RULE_ND_LOCAL] = { .compares = {{FIELD_TARGET_LOCAL, {0xfe, 0x80}}}, .verdict = NFT_RETURN },
	[RULESET_RULE_ND_FIXED] = { LOOKUP(FIXED6, FIELD_ETHER_SADDR), SPOOFED },
	[RULESET_RULE_ARP_MAC] = { .compares = {IS_ARP}, LOOKUP(MACS, FIELD_IIFNAME, FIELD_ARP_ETHER), .inverted = true, SPOOFED },
	[RULESET_RULE_ARP_PROBE] = { .compares = {IS_ARP, {FIELD_ARP_IP, {0}}}, ACCEPT },
	[RULESET_RULE_ARP_OWN] = { .compares = {IS_ARP}, LOOKUP(OWN4, FIELD_ETHER_SADDR, FIELD_ARP_IP), ACCEPT },
	[RULESET_RULE_ARP_CLAIMED] = { .compares = {IS_ARP}, LOOKUP(CLAIMED4, FIELD_ARP_IP), SPOOFED },
	[RULESET_RULE_ARP_FIXED] = { LOOKUP(FIXED4, FIELD_ETHER_SADDR), SPOOFED },
	[RULESET_RULE_ARP_NETS] = { .compares = {IS_ARP}, LOOKUP(BRNETS4, FIELD_ARP_IP), .inverted = true, SPOOFED },
	[RULESET_RULE_IP4_DHCP] = { .compares = {IS_UDP, {FIELD_PORTS, {0, 67, 0, 68}}}, SPOOFED },
	[RULESET_RULE_IP4_OWN] = { .compares = {IS_IP4}, LOOKUP(OWN4, FIELD_ETHER_SADDR, FIELD_IP_SADDR), ACCEPT },
	[RULESET_RULE_IP4_NONE] = { .compares = {IS_IP4, {FIELD_IP_SADDR, {0}}, IS_UDP, {FIELD_DPORT, {0, 67}}}, ACCEPT },
	[RULESET_RULE_IP4_CLAIMED] = { .compares = {IS_IP4}, LOOKUP(CLAIMED4, FIELD_IP_SADDR), SPOOFED },
	[RULESET_RULE_IP4_FIXED] = { LOOKUP(FIXED4, FIELD_ETHER_SADDR), SPOOFED },
	[RULESET_RULE_IP4_NETS] = { .compares = {IS_IP4}, LOOKUP(BRNETS4, FIELD_IP_SADDR), .inverted = true, SPOOFED },
	[RULESET_RULE_IP6_ROUTER] = { .compares = {ICMP6_TYPE(ND_ROUTER_ADVERT)}, SPOOFED },
	[RULESET_RULE_IP6_REDIRECT] = { .compares = {ICMP6_TYPE(ND_REDIRECT)}, SPOOFED },
	[RULESET_RULE_IP6_DHCP] = { .compares = {IS_UDP, {FIELD_PORTS, {2, 35, 2, 34}}}, SPOOFED },
	[RULESET_RULE_IP6_ADVERT] = { .compares = {ICMP6_TYPE(ND_NEIGHBOR_ADVERT)}, .verdict = NFT_JUMP, .chain = RULESET_CHAIN_GUARD_ND },
	[RULESET_RULE_IP6_DAD] = { .compares = {IS_IP6, {FIELD_IP6_SADDR, {0}}, IS_ICMP6, {FIELD_ICMP_TYPE, {ND_NEIGHBOR_SOLICIT}}}, .verdict = NFT_JUMP, .chain = RULESET_CHAIN_GUARD_ND },
	[RULESET_RULE_IP6_OWN] = { .compares = {IS_IP6}, LOOKUP(OWN6, FIELD_ETHER_SADDR, FIELD_IP6_SADDR), ACCEPT },
	[RULESET_RULE_IP6_CLAIMED] = { .compares = {IS_IP6}, LOOKUP(CLAIMED6, FIELD_IP6_SADDR), SPOOFED },
	[RULESET_RULE_IP6_LOCAL] = { .compares = {IS_IP6, {FIELD_IP6_LOCAL, {0xfe, 0x80}}}, ACCEPT },
	[RULESET_RULE_IP6_NONE] = { .compares = {IS_IP6, {FIELD_IP6_SADDR, {0}}, IS_ICMP6}, ACCEPT },
	[RULESET_RULE_IP6_FIXED] = { LOOKUP(FIXED6, FIELD_ETHER_SADDR), SPOOFED },
	[RULESET_RULE_IP6_NETS] = { .compares = {IS_IP6}, LOOKUP(BRNETS6, FIELD_IP6_SADDR), .inverted = true, SPOOFED },
	[RULESET_RULE_GUARD_OTHERS] = { LOOKUP(PORTS, FIELD_IIFNAME), .inverted = true, ACCEPT },
	[RULESET_RULE_GUARD_MAC] = { LOOKUP(MACS, FIELD_IIFNAME, FIELD_ETHER_SADDR), .inverted = true, SPOOFED },
	[RULESET_RULE_GUARD_IS_IP4] = { .compares = {{FIELD_ETHER_TYPE, {0x08, 0x00}}}, .verdict = NFT_GOTO, .chain = RULESET_CHAIN_GUARD_IP4 },
	[RULESET_RULE_GUARD_IS_IP6] = { .compares = {{FIELD_ETHER_TYPE, {0x86, 0xdd}}}, .verdict = NFT_GOTO, .chain = RULESET_CHAIN_GUARD_IP6 },
	[RULESET_RULE_GUARD_IS_ARP] = { .compares = {IS_ARP}, .verdict = NFT_GOTO, .chain = RULESET_CHAIN_GUARD_ARP },
	[RULESET_RULE_GUARD_REST] = { SPOOFED },
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
load(struct expr_builder *b, const struct field_info *f, uint32_t reg)
{
	if (f->base == META)
		expr_meta(b, f->at, reg);
	else
		expr_payload(b, f->base, f->at, f->size, reg);
}

static void
compare(struct expr_builder *b, const struct compare *c)
{
	static const uint8_t zero[VALUE_MAX];
	const struct field_info *f = &fields[c->field];
	uint8_t mask[VALUE_MAX] = {f->mask[0], f->mask[1]};

	load(b, f, NFT_REG_1);
	if (f->mask[0])
		expr_bitwise(b, mask, zero, f->size);
	expr_cmp(b, NFT_CMP_EQ, c->value, f->size);
}

static void
look_up(struct expr_builder *b, const struct row *r)
{
	uint32_t offset = 0;

	for (size_t i = 0; i < LOADS_MAX && r->loads[i] != FIELD_NONE; i++) {
		load(b, &fields[r->loads[i]], register_at(offset));
		offset += (uint32_t)NETLINK_ALIGN(fields[r->loads[i]].size);
	}
	expr_lookup(b, r->set, r->inverted);
}

void
nft_bridge_build(struct expr_builder *b, enum ruleset_rule rule)
{
	const struct row *r = &rows[rule];

	for (size_t i = 0; i < COMPARES_MAX && r->compares[i].field != FIELD_NONE; i++)
		compare(b, &r->compares[i]);
	if (r->loads[0] != FIELD_NONE)
		look_up(b, r);
	expr_verdict(b, r->verdict,
		r->verdict == NFT_GOTO || r->verdict == NFT_JUMP ? ruleset_chain_name(r->chain)
								 : NULL);
}
