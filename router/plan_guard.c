/*
 * A container's port lets in what has its MAC and its addresses: those that the file gives it and
 * those that lxc tells of it. Where the file gives none, it may use what is nobody else's.
 */
#include "router/plan_guard.h"

#include <string.h>

/* The rules against forged sources. */
#define RULES_GUARD                                                                                \
	(RULESET_RULE_BIT(SPOOFED_DROP) | RULESET_RULE_BIT(ND_OWN) |                               \
		RULESET_RULE_BIT(ND_CLAIMED) | RULESET_RULE_BIT(ND_LOCAL) |                        \
		RULESET_RULE_BIT(ND_FIXED) | RULESET_RULE_BIT(ARP_MAC) |                           \
		RULESET_RULE_BIT(ARP_PROBE) | RULESET_RULE_BIT(ARP_OWN) |                          \
		RULESET_RULE_BIT(ARP_CLAIMED) | RULESET_RULE_BIT(ARP_FIXED) |                      \
		RULESET_RULE_BIT(ARP_NETS) | RULESET_RULE_BIT(IP4_DHCP) |                          \
		RULESET_RULE_BIT(IP4_OWN) | RULESET_RULE_BIT(IP4_NONE) |                           \
		RULESET_RULE_BIT(IP4_CLAIMED) | RULESET_RULE_BIT(IP4_FIXED) |                      \
		RULESET_RULE_BIT(IP4_NETS) | RULESET_RULE_BIT(IP6_ROUTER) |                        \
		RULESET_RULE_BIT(IP6_REDIRECT) | RULESET_RULE_BIT(IP6_DHCP) |                      \
		RULESET_RULE_BIT(IP6_ADVERT) | RULESET_RULE_BIT(IP6_DAD) |                         \
		RULESET_RULE_BIT(IP6_OWN) | RULESET_RULE_BIT(IP6_CLAIMED) |                        \
		RULESET_RULE_BIT(IP6_LOCAL) | RULESET_RULE_BIT(IP6_NONE) |                         \
		RULESET_RULE_BIT(IP6_FIXED) | RULESET_RULE_BIT(IP6_NETS) |                         \
		RULESET_RULE_BIT(GUARD_OTHERS) | RULESET_RULE_BIT(GUARD_MAC) |                     \
		RULESET_RULE_BIT(GUARD_IS_IP4) | RULESET_RULE_BIT(GUARD_IS_IP6) |                  \
		RULESET_RULE_BIT(GUARD_IS_ARP) | RULESET_RULE_BIT(GUARD_REST))

static bool
guarded(const struct conf_container *c)
{
	return c->policy.spoofing != CONF_SPOOFING_ALLOW;
}

bool
plan_guard_wanted(const struct conf *c)
{
	if (!c->bridge)
		return false;
	if (plan_separates(c))
		return true;
	for (size_t i = 0; i < c->n_containers; i++)
		if (guarded(&c->containers[i]))
			return true;
	return false;
}

uint32_t
plan_guard_insists(const struct conf *c)
{
	if (!c->bridge)
		return 0;
	if (plan_separates(c))
		return plan_separates(c);
	for (size_t i = 0; i < c->n_containers; i++)
		if (c->containers[i].policy.spoofing == CONF_SPOOFING_DROP)
			return c->containers[i].policy.spoofing_ordinal;
	return 0;
}

bool
plan_mac_known(const uint8_t mac[static PLAN_MAC_SIZE])
{
	static const uint8_t none[PLAN_MAC_SIZE];

	return memcmp(mac, none, sizeof(none)) != 0;
}

/* The link-local address that the kernel makes of a MAC (RFC 4291, appendix A). */
static struct addr
local_address(const uint8_t *mac)
{
	struct addr a = {.family = AF_INET6, .bytes = {0xfe, 0x80}};

	a.bytes[8] = mac[0] ^ 2;
	a.bytes[9] = mac[1];
	a.bytes[10] = mac[2];
	a.bytes[11] = 0xff;
	a.bytes[12] = 0xfe;
	memcpy(a.bytes + 13, mac + 3, 3);
	return a;
}

/* Nobody but the owner may use it. */
static int
claim(struct ruleset *r, const struct addr *a, uint32_t ordinal, struct err *e)
{
	struct ruleset_elem elem = {.ordinal = ordinal};

	if (!a->family)
		return 0;
	ruleset_put_addr(elem.key, 0, a);
	if (a->family == AF_INET)
		return ruleset_add(r, RULESET_CLAIMED4, &elem, e);
	if (ruleset_add(r, RULESET_CLAIMED6, &elem, e) < 0)
		return -1;
	return ruleset_add(r, RULESET_CLAIMEDND, &elem, e);
}

static int
own(struct ruleset *r, const uint8_t *mac, const struct addr *a, uint32_t ordinal, struct err *e)
{
	struct ruleset_elem elem = {.ordinal = ordinal};

	if (claim(r, a, ordinal, e) < 0)
		return -1;
	if (!a->family || !plan_mac_known(mac))
		return 0;
	ruleset_put_addr(elem.key, ruleset_put_ether(elem.key, 0, mac), a);
	if (a->family == AF_INET)
		return ruleset_add(r, RULESET_OWN4, &elem, e);
	if (ruleset_add(r, RULESET_OWN6, &elem, e) < 0)
		return -1;
	return ruleset_add(r, RULESET_OWNND, &elem, e);
}

/* It has no other addresses than those. */
static int
fixed(struct ruleset *r, enum ruleset_set set, const uint8_t *mac, uint32_t ordinal, struct err *e)
{
	struct ruleset_elem elem = {.ordinal = ordinal};

	ruleset_put_ether(elem.key, 0, mac);
	return ruleset_add(r, set, &elem, e);
}

static int
plan_addresses(struct ruleset *r, const struct plan_input *in, uint32_t container, struct err *e)
{
	static const struct plan_address nothing;
	const struct conf_container *c = &in->conf->containers[container];
	const struct plan_address *known = in->addresses ? &in->addresses[container] : &nothing;
	const struct addr *told[] = {&known->v4, &known->v6};
	struct addr local = local_address(known->mac);
	bool has_mac = plan_mac_known(known->mac);

	if (own(r, known->mac, &c->address, c->ordinal, e) < 0 ||
		own(r, known->mac, &c->address6, c->ordinal, e) < 0)
		return -1;
	for (size_t i = 0; i < 2; i++)
		if (told[i]->family && plan_believes(in->conf, container, told[i]) &&
			own(r, known->mac, told[i], c->ordinal, e) < 0)
			return -1;
	if (!has_mac)
		return 0;
	if (own(r, known->mac, &local, c->ordinal, e) < 0)
		return -1;
	if (c->address.family && fixed(r, RULESET_FIXED4, known->mac, c->ordinal, e) < 0)
		return -1;
	if (c->address6.family && fixed(r, RULESET_FIXED6, known->mac, c->ordinal, e) < 0)
		return -1;
	return 0;
}

/* The port, while there is one. */
static int
plan_port(struct ruleset *r, const struct plan_input *in, uint32_t container, struct err *e)
{
	const struct plan_address *known = in->addresses ? &in->addresses[container] : NULL;
	struct ruleset_elem elem = {.ordinal = in->conf->containers[container].ordinal};

	if (!known || !known->port[0] || !plan_mac_known(known->mac))
		return 0;
	ruleset_put_ether(elem.key, ruleset_put_ifname(elem.key, 0, known->port), known->mac);
	if (ruleset_add(r, RULESET_MACS, &elem, e) < 0)
		return -1;
	if (!guarded(&in->conf->containers[container]))
		return 0;
	memset(elem.key, 0, sizeof(elem.key));
	ruleset_put_ifname(elem.key, 0, known->port);
	if (ruleset_add(r, RULESET_PORTS, &elem, e) < 0)
		return -1;
	return ruleset_add(r, RULESET_SPOOFED, &elem, e);
}

static int
plan_gateway(struct ruleset *r, const struct plan_input *in, struct err *e)
{
	const struct conf_bridge *b = in->conf->bridge;
	struct addr local = local_address(in->bridge_mac);

	if (claim(r, &b->v4.addr, b->ordinal, e) < 0 || claim(r, &b->v6.addr, b->ordinal, e) < 0)
		return -1;
	if (plan_mac_known(in->bridge_mac) && claim(r, &local, b->ordinal, e) < 0)
		return -1;
	if (ruleset_add_network(r, RULESET_BRNETS4, &b->v4, b->ordinal, e) < 0)
		return -1;
	return ruleset_add_network(r, RULESET_BRNETS6, &b->v6, b->ordinal, e);
}

int
plan_guard(struct ruleset *r, const struct plan_input *in, struct err *e)
{
	if (in->no_bridge_table || !plan_guard_wanted(in->conf))
		return 0;
	r->rules |= RULES_GUARD;
	if (plan_egress(r, in, e) < 0 || plan_gateway(r, in, e) < 0)
		return -1;
	for (uint32_t i = 0; i < in->conf->n_containers; i++)
		if (plan_addresses(r, in, i, e) < 0 || plan_port(r, in, i, e) < 0)
			return -1;
	return plan_links(r, in, e);
}

void
plan_guard_unite(struct ruleset *r)
{
	for (size_t i = RULESET_EGRESS; i < RULESET_LIMIT0_4; i++)
		if (!ruleset_set_info((enum ruleset_set)i)->interval)
			ruleset_unite(r, (enum ruleset_set)i);
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
plan_parse_mac(struct slice text, uint8_t ret[static PLAN_MAC_SIZE])
{
	uint8_t mac[PLAN_MAC_SIZE];

	if (text.n != 3 * PLAN_MAC_SIZE - 1)
		return false;
	for (size_t i = 0; i < PLAN_MAC_SIZE; i++) {
		int high = hex_digit(text.p[3 * i]), low = hex_digit(text.p[3 * i + 1]);

		if (high < 0 || low < 0 || (i > 0 && text.p[3 * i - 1] != ':'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, mac, sizeof(mac));
	return true;
}
