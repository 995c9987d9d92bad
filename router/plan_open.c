/* `open` in the ruleset: boxes of ports and sources become elements, three parts each. */
#include "router/plan_open.h"

#include "router/input.h"

/* The rules, whatever is open. */
#define RULES_IN                                                                                   \
	(RULESET_RULE_BIT(IN_BEGUN) | RULESET_RULE_BIT(IN_KNOWN) | RULESET_RULE_BIT(IN_DNAT) |     \
		RULESET_RULE_BIT(IN_OPEN4) | RULESET_RULE_BIT(IN_OPEN6) |                          \
		RULESET_RULE_BIT(IN_DROP))

static size_t
put_box(uint8_t *key, uint8_t proto, uint16_t port, const struct addr *source)
{
	return ruleset_put_addr(
		key, ruleset_put_port(key, ruleset_put_proto(key, 0, proto), port), source);
}

static int
plan_boxes(struct ruleset *r, const struct input_boxes *boxes, bool own, struct err *e)
{
	for (size_t i = 0; i < boxes->n; i++) {
		const struct input_box *box = &boxes->v[i];
		struct ruleset_elem elem = {.ordinal = own ? box->ordinal : 0};

		put_box(elem.key, box->proto, box->low, &box->first);
		put_box(elem.end, box->proto, box->high, &box->last);
		if (ruleset_add(r, box->first.family == AF_INET6 ? RULESET_OPEN6 : RULESET_OPEN4,
			    &elem, e) < 0)
			return -1;
	}
	return 0;
}

/* Where there is no outside to single out, everything but the host and its bridge is. */
static int
plan_outside(struct ruleset *r, const struct plan_wans *outside, uint32_t ordinal, struct err *e)
{
	if (outside->n == 0) {
		r->rules |= RULESET_RULE_BIT(IN_LOOP) | RULESET_RULE_BIT(IN_BRIDGES);
		return 0;
	}
	r->rules |= RULESET_RULE_BIT(IN_INSIDE);
	for (size_t i = 0; i < outside->n; i++) {
		struct ruleset_elem elem = {.ordinal = ordinal};

		ruleset_put_ifname(elem.key, 0, outside->names[i]);
		if (ruleset_add(r, RULESET_GUARDED, &elem, e) < 0)
			return -1;
	}
	return 0;
}

int
plan_open(struct ruleset *r, const struct plan_input *in, struct err *e)
{
	const struct conf *policy = in->policy ? in->policy : in->conf;
	bool own = policy == in->conf;
	struct input_boxes boxes = {0};
	int rc;

	if (!input_guards(policy))
		return 0;
	r->rules |= RULES_IN;
	if (plan_outside(r, own ? &in->wans : &in->guarded, own ? policy->wan_ordinal : 0, e) < 0 ||
		input_boxes_build(policy, in->conf, &boxes, e) < 0)
		return -1;
	rc = plan_boxes(r, &boxes, own, e);
	input_boxes_clear(&boxes);
	return rc;
}
