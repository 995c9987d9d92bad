/*
 * Containers that are kept apart, and what they may say to each other all the same. A link is
 * between two MACs, whatever addresses they have; neighbours find each other where there is one,
 * which is between a MAC and a port, since who is looked for by a broadcast is not known by its
 * MAC.
 */
#include "router/plan_guard.h"

#include <netinet/in.h>
#include <string.h>

#define RULES_ISOLATE                                                                              \
	(RULESET_RULE_BIT(ISOLATED_DROP) | RULESET_RULE_BIT(BETWEEN_MAC) |                         \
		RULESET_RULE_BIT(BETWEEN_ARP) | RULESET_RULE_BIT(BETWEEN_SOLICIT) |                \
		RULESET_RULE_BIT(BETWEEN_ADVERT) | RULESET_RULE_BIT(BETWEEN_UDP) |                 \
		RULESET_RULE_BIT(BETWEEN_LINK) | RULESET_RULE_BIT(BETWEEN_ASKED) |                 \
		RULESET_RULE_BIT(BETWEEN_NO_SYN) | RULESET_RULE_BIT(BETWEEN_ANSWER) |              \
		RULESET_RULE_BIT(BETWEEN_ICMP) | RULESET_RULE_BIT(BETWEEN_ICMP6) |                 \
		RULESET_RULE_BIT(BETWEEN_TOO_BIG) | RULESET_RULE_BIT(BETWEEN_FRAGMENT) |           \
		RULESET_RULE_BIT(BETWEEN_REST) | RULESET_RULE_BIT(ISOLATE_FORWARDED) |             \
		RULESET_RULE_BIT(ISOLATE_FROM) | RULESET_RULE_BIT(ISOLATE_TO) |                    \
		RULESET_RULE_BIT(TO_HOST4) | RULESET_RULE_BIT(TO_HOST6) |                          \
		RULESET_RULE_BIT(FWD_MARK))

uint32_t
plan_separates(const struct conf *c)
{
	if (c->isolation.isolate_ordinal)
		return c->isolation.isolate_ordinal;
	for (size_t i = 0; i < c->n_containers; i++)
		if (c->containers[i].policy.egress_ordinal)
			return c->containers[i].policy.egress_ordinal;
	return 0;
}

const struct plan_address *
plan_known(const struct plan_input *in, uint32_t container)
{
	const struct plan_address *known = in->addresses ? &in->addresses[container] : NULL;

	return known && plan_mac_known(known->mac) ? known : NULL;
}

static int
plan_ports(struct ruleset *r, const struct plan_input *in, struct err *e)
{
	for (uint32_t i = 0; i < in->conf->n_containers; i++) {
		const struct plan_address *known = plan_known(in, i);
		struct ruleset_elem elem = {.ordinal = in->conf->containers[i].ordinal};

		if (!known || !known->port[0])
			continue;
		ruleset_put_ifname(elem.key, 0, known->port);
		if (ruleset_add(r, RULESET_MEMBERS, &elem, e) < 0 ||
			ruleset_add(r, RULESET_ISOLATED, &elem, e) < 0)
			return -1;
		if (!in->conf->isolation.isolate_ordinal &&
			!in->conf->containers[i].policy.egress_ordinal)
			continue;
		if (ruleset_add(r, RULESET_APART, &elem, e) < 0)
			return -1;
	}
	return 0;
}

static int
plan_gateway(struct ruleset *r, enum ruleset_set set, const struct addr *a, uint32_t ordinal,
	struct err *e)
{
	struct ruleset_elem elem = {.ordinal = ordinal};

	if (!a->family)
		return 0;
	ruleset_put_addr(elem.key, 0, a);
	return ruleset_add(r, set, &elem, e);
}

/* The host's own addresses in the containers' network. */
static int
plan_gateways(struct ruleset *r, const struct conf_bridge *b, struct err *e)
{
	struct addr last = prefix_last(&b->v4);

	if (plan_gateway(r, RULESET_GATEWAYS4, &b->v4.addr, b->ordinal, e) < 0 ||
		plan_gateway(r, RULESET_GATEWAYS4, &last, b->ordinal, e) < 0)
		return -1;
	return plan_gateway(r, RULESET_GATEWAYS6, &b->v6.addr, b->ordinal, e);
}

static int
plan_peer(struct ruleset *r, const struct plan_address *from, const struct plan_address *to,
	uint32_t ordinal, struct err *e)
{
	struct ruleset_elem elem = {.ordinal = ordinal};

	if (!to->port[0])
		return 0;
	ruleset_put_ifname(elem.key, ruleset_put_ether(elem.key, 0, from->mac), to->port);
	return ruleset_add(r, RULESET_PEERS, &elem, e);
}

struct linked {
	const struct plan_address *from, *to;
	uint32_t ordinal;
};

static int
plan_range(struct ruleset *r, const struct linked *l, uint8_t proto,
	const struct conf_port_range *range, struct err *e)
{
	for (uint32_t port = range->low; port <= range->high; port++) {
		struct ruleset_elem elem = {.ordinal = l->ordinal};
		size_t at = ruleset_put_ether(elem.key, 0, l->from->mac);

		at = ruleset_put_ether(elem.key, at, l->to->mac);
		ruleset_put_port(elem.key, ruleset_put_proto(elem.key, at, proto), (uint16_t)port);
		if (ruleset_add(r, RULESET_LINKS, &elem, e) < 0)
			return -1;
	}
	return 0;
}

static int
plan_link(
	struct ruleset *r, const struct plan_input *in, const struct conf_link *link, struct err *e)
{
	struct linked l = {.from = plan_known(in, link->from_container),
		.to = plan_known(in, link->to_container),
		.ordinal = link->ordinal};

	if (!l.from || !l.to)
		return 0;
	for (size_t i = 0; i < link->n_ports; i++) {
		if (link->tcp && plan_range(r, &l, IPPROTO_TCP, &link->ports[i], e) < 0)
			return -1;
		if (link->udp && plan_range(r, &l, IPPROTO_UDP, &link->ports[i], e) < 0)
			return -1;
	}
	if (plan_peer(r, l.from, l.to, link->ordinal, e) < 0)
		return -1;
	return plan_peer(r, l.to, l.from, link->ordinal, e);
}

/* What a container may reach of others, as if they were linked. */
static int
plan_allowed(struct ruleset *r, const struct plan_input *in, uint32_t container, struct err *e)
{
	const struct conf_policy *policy = &in->conf->containers[container].policy;

	for (size_t i = 0; i < policy->n_egress; i++) {
		struct conf_port_range range = {
			.low = policy->egress[i].low, .high = policy->egress[i].high};
		struct conf_link link = {.ordinal = policy->egress[i].ordinal,
			.from_container = container,
			.to_container = policy->egress[i].container,
			.tcp = true,
			.udp = true,
			.ports = &range,
			.n_ports = 1};

		if (policy->egress[i].host && plan_link(r, in, &link, e) < 0)
			return -1;
	}
	return 0;
}

int
plan_links(struct ruleset *r, const struct plan_input *in, struct err *e)
{
	const struct conf_isolation *all = &in->conf->isolation;

	if (!plan_separates(in->conf))
		return 0;
	r->rules |= RULES_ISOLATE;
	if (plan_ports(r, in, e) < 0 || plan_gateways(r, in->conf->bridge, e) < 0)
		return -1;
	for (size_t i = 0; i < all->n_links; i++)
		if (plan_link(r, in, &all->links[i], e) < 0)
			return -1;
	for (uint32_t i = 0; i < in->conf->n_containers; i++)
		if (plan_allowed(r, in, i, e) < 0)
			return -1;
	return 0;
}
