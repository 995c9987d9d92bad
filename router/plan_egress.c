/*
 * Containers that may not go anywhere, but where the file allows it. They are known by their MACs
 * in table inet, too, so that no address of theirs is forgotten; that a container has no other is
 * table bridge's care.
 */
#include "router/plan_guard.h"

#define RULES_EGRESS                                                                               \
	(RULESET_RULE_BIT(LEAVE4) | RULESET_RULE_BIT(LEAVE6) | RULESET_RULE_BIT(LEAVE_DROP) |      \
		RULESET_RULE_BIT(LEAVE_OTHERS) | RULESET_RULE_BIT(LEAVE_KNOWN) |                   \
		RULESET_RULE_BIT(LEAVE_UNTRACKED) | RULESET_RULE_BIT(LEAVE_SERVICES) |             \
		RULESET_RULE_BIT(LEAVE_HOST) | RULESET_RULE_BIT(FWD_LEAVE_DNAT) |                  \
		RULESET_RULE_BIT(FWD_LEAVE))

static int
plan_net(struct ruleset *r, const uint8_t *mac, const struct conf_egress *to, uint8_t protos[2],
	struct err *e)
{
	struct ruleset_elem elem = {.ordinal = to->ordinal};
	struct prefix network = prefix_network(&to->net);
	struct addr last = prefix_last(&to->net);
	size_t at = ruleset_put_addr(elem.key, ruleset_put_ether(elem.key, 0, mac), &network.addr);

	ruleset_put_addr(elem.end, ruleset_put_ether(elem.end, 0, mac), &last);
	ruleset_put_port(elem.key, ruleset_put_proto(elem.key, at, protos[0]), to->low);
	ruleset_put_port(elem.end, ruleset_put_proto(elem.end, at, protos[1]),
		to->low ? to->high : UINT16_MAX);
	return ruleset_add(
		r, last.family == AF_INET6 ? RULESET_EGRESS6 : RULESET_EGRESS4, &elem, e);
}

/* Without a port every protocol; what has none has other bits in its place. */
static int
plan_reach(struct ruleset *r, const uint8_t *mac, const struct conf_egress *to, struct err *e)
{
	uint8_t all[] = {0, UINT8_MAX}, tcp[] = {6, 6}, udp[] = {17, 17};

	if (to->host)
		return 0;
	if (!to->low)
		return plan_net(r, mac, to, all, e);
	if (plan_net(r, mac, to, tcp, e) < 0)
		return -1;
	return plan_net(r, mac, to, udp, e);
}

static int
plan_container(struct ruleset *r, const struct plan_input *in, uint32_t container, struct err *e)
{
	const struct conf_policy *policy = &in->conf->containers[container].policy;
	const struct plan_address *known = plan_known(in, container);
	struct ruleset_elem elem = {.ordinal = policy->egress_ordinal};

	if (!policy->egress_ordinal || !known)
		return 0;
	ruleset_put_ether(elem.key, 0, known->mac);
	if (ruleset_add(r, RULESET_EGRESS, &elem, e) < 0 ||
		ruleset_add(r, RULESET_DENIED, &elem, e) < 0)
		return -1;
	for (size_t i = 0; i < policy->n_egress; i++)
		if (plan_reach(r, known->mac, &policy->egress[i], e) < 0)
			return -1;
	return 0;
}

int
plan_egress(struct ruleset *r, const struct plan_input *in, struct err *e)
{
	bool any = false;

	for (uint32_t i = 0; i < in->conf->n_containers; i++) {
		any = any || in->conf->containers[i].policy.egress_ordinal;
		if (plan_container(r, in, i, e) < 0)
			return -1;
	}
	if (any)
		r->rules |= RULES_EGRESS;
	return 0;
}
