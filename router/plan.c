/*
 * From the configuration to the wanted ruleset: which rules stand and one element for every
 * forwarded port. Pure; the rules never depend on how many forwards there are.
 */
#include "router/plan.h"

#include "router/plan_guard.h"
#include "router/plan_open.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define DNS_PORT 53
#define DHCP_SERVER_PORT 67
#define DHCPV6_SERVER_PORT 547
#define LIMIT_TIMEOUT_MIN_S 60
#define MS_PER_S 1000

/* The rules of bans and blocks, which every ruleset has. */
#define RULES_BANS                                                                                 \
	(RULESET_RULE_BIT(EARLY_LOOP) | RULESET_RULE_BIT(EARLY_BRIDGES) |                          \
		RULESET_RULE_BIT(BAN4_DROP) | RULESET_RULE_BIT(BAN6_DROP) |                        \
		RULESET_RULE_BIT(BLOCK4_DROP) | RULESET_RULE_BIT(BLOCK6_DROP))

/* The rules in front of those of limits; they stand without any, where addresses are translated. */
#define RULES_LIMITS                                                                               \
	(RULESET_RULE_BIT(LIMITS_LOOP) | RULESET_RULE_BIT(LIMITS_BRIDGES) |                        \
		RULESET_RULE_BIT(LIMITS_INVALID))

/* The rules of forwarding, whatever is forwarded. */
#define RULES_FORWARDING                                                                           \
	(RULESET_RULE_BIT(FROM4) | RULESET_RULE_BIT(FROM6) | RULESET_RULE_BIT(DNAT4) |             \
		RULESET_RULE_BIT(DNAT6) | RULESET_RULE_BIT(SERVICES4) |                            \
		RULESET_RULE_BIT(EARLY_TO_LOOP) | RULESET_RULE_BIT(EARLY_FROM_LOOP) |              \
		RULESET_RULE_BIT(DNATAT4) | RULESET_RULE_BIT(DNATAT6) |                            \
		RULESET_RULE_BIT(DNATIF4) | RULESET_RULE_BIT(DNATIF6) |                            \
		RULESET_RULE_BIT(FROMAT4) | RULESET_RULE_BIT(FROMAT6) |                            \
		RULESET_RULE_BIT(FROMIF4) | RULESET_RULE_BIT(FROMIF6) |                            \
		RULESET_RULE_BIT(PRE_BOUND) | RULESET_RULE_BIT(OUT_BOUND) |                        \
		RULESET_RULE_BIT(POST_FROM_LOOP) | RULESET_RULE_BIT(POST_MASQ4) |                  \
		RULESET_RULE_BIT(POST_MASQ6) | RULESET_RULE_BIT(COUNT_OUT4) |                      \
		RULESET_RULE_BIT(COUNT_OUT6) | RULESET_RULE_BIT(COUNT_BACK4) |                     \
		RULESET_RULE_BIT(COUNT_BACK6) | RULESET_RULE_BIT(SERVICES6) |                      \
		RULESET_RULE_BIT(OUT_LOOP4) | RULESET_RULE_BIT(OUT_LOOP6) |                        \
		RULESET_RULE_BIT(OUT_LOCAL) | RULESET_RULE_BIT(POST_LOOP) |                        \
		RULESET_RULE_BIT(HAIRPIN4) | RULESET_RULE_BIT(HAIRPIN6) |                          \
		RULESET_RULE_BIT(FWD_FOREIGN) | RULESET_RULE_BIT(FWD_KNOWN) |                      \
		RULESET_RULE_BIT(FWD_INVALID) | RULESET_RULE_BIT(FWD_FROM) |                       \
		RULESET_RULE_BIT(FWD_DNAT) | RULESET_RULE_BIT(FWD_DROP))

/* A prefix of the world's: its addresses are answered to, if it is routed here. Unique local ones
 * (fc00::/7, RFC 4193) are not, outside, and are masqueraded as IPv4's are. */
static bool
routes_v6(const struct conf *c)
{
	return c->bridge && c->bridge->v6.addr.family &&
	       (c->bridge->v6.addr.bytes[0] & 0xfe) != 0xfc;
}

/* Forwards enter at the outside and at the bridges. Without any outside interface (no `wan`, no
 * default route) there is none to single out, and they enter anywhere. Masquerade is a matter of
 * networks, unless the file names the interface where it leaves. */
static ruleset_rules
plan_rules(const struct plan_input *in)
{
	ruleset_rules rules = RULES_BANS;

	if (in->conf->source_limits.n)
		rules |= RULES_LIMITS;
	/* Where only these are wanted, neither translation nor the forward hook is touched. */
	if (!conf_needs_forwarding(in->conf))
		return rules;
	rules |= RULES_FORWARDING | RULES_LIMITS;
	if (in->wans.n > 0)
		rules |= RULESET_RULE_BIT(PRE_BRIDGES) | RULESET_RULE_BIT(PRE_WANS);
	else
		rules |= RULESET_RULE_BIT(PRE_ANY);
	rules |= in->conf->wan ? RULESET_RULE_BIT(MASQ4_WANS) : RULESET_RULE_BIT(MASQ4_ANY);
	if (!routes_v6(in->conf))
		rules |= in->conf->wan ? RULESET_RULE_BIT(MASQ6_WANS) : RULESET_RULE_BIT(MASQ6_ANY);
	return rules;
}

static uint8_t
proto_number(enum conf_proto proto)
{
	switch (proto) {
	case CONF_TCP:
		return IPPROTO_TCP;
	case CONF_UDP:
		return IPPROTO_UDP;
	}
	return 0;
}

static int
plan_ifname(
	struct ruleset *r, enum ruleset_set set, const char *name, uint32_t ordinal, struct err *e)
{
	struct ruleset_elem elem = {.ordinal = ordinal};

	ruleset_put_ifname(elem.key, 0, name);
	return ruleset_add(r, set, &elem, e);
}

/* What dnsmasq on the bridge serves to containers: a forward of port 53 must not take it away. */
static int
plan_services(struct ruleset *r, uint32_t ordinal, struct err *e)
{
	static const struct {
		uint8_t proto;
		uint16_t port;
	} services[] = {
		{IPPROTO_TCP, DNS_PORT},
		{IPPROTO_UDP, DNS_PORT},
		{IPPROTO_UDP, DHCP_SERVER_PORT},
		{IPPROTO_UDP, DHCPV6_SERVER_PORT},
	};

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		struct ruleset_elem elem = {.ordinal = ordinal};

		ruleset_put_port(elem.key, ruleset_put_proto(elem.key, 0, services[i].proto),
			services[i].port);
		if (ruleset_add(r, RULESET_SERVICES, &elem, e) < 0)
			return -1;
	}
	return 0;
}

static int
plan_bridge(struct ruleset *r, const struct conf_bridge *b, struct err *e)
{
	if (plan_ifname(r, RULESET_BRIDGES, b->name, b->ordinal, e) < 0)
		return -1;
	if (ruleset_add_network(r, RULESET_NETS4, &b->v4, b->ordinal, e) < 0)
		return -1;
	if (ruleset_add_network(r, RULESET_NETS6, &b->v6, b->ordinal, e) < 0)
		return -1;
	return plan_services(r, b->ordinal, e);
}

/* What a forward is bound to: the part of keys in front of its port. */
static size_t
put_binding(uint8_t *key, const struct conf_forward *f)
{
	if (f->interface)
		return ruleset_put_ifname(key, 0, f->interface);
	return f->listen.family ? ruleset_put_addr(key, 0, &f->listen) : 0;
}

/* An element of a set whose key has the forward's range of ports. *ret_size is that of the key
 * so far. */
static struct ruleset_elem
ports_elem(const struct conf_forward *f, size_t *ret_size)
{
	struct ruleset_elem elem = {.ordinal = f->ordinal};
	size_t at = put_binding(elem.key, f);

	(void)put_binding(elem.end, f);
	(void)ruleset_put_proto(elem.end, at, proto_number(f->proto));
	at = ruleset_put_proto(elem.key, at, proto_number(f->proto));
	ruleset_put_port(elem.end, at, f->high);
	*ret_size = ruleset_put_port(elem.key, at, f->low);
	return elem;
}

/* The ports that only some sources may use, and these sources. */
static enum ruleset_set
restricted_set(const struct conf_forward *f)
{
	if (f->interface)
		return RULESET_RESTRICTEDIF;
	if (f->listen.family)
		return f->listen.family == AF_INET6 ? RULESET_RESTRICTEDAT6 : RULESET_RESTRICTEDAT4;
	return RULESET_RESTRICTED;
}

static enum ruleset_set
sources_set(const struct conf_forward *f, bool v6)
{
	if (f->interface)
		return v6 ? RULESET_FROMIF6 : RULESET_FROMIF4;
	if (f->listen.family)
		return v6 ? RULESET_FROMAT6 : RULESET_FROMAT4;
	return v6 ? RULESET_FROM6 : RULESET_FROM4;
}

/* Whether another source of the same forward says the same and more: the kernel refuses
 * overlapping intervals. */
static bool
source_covered(const struct conf_forward *f, size_t which)
{
	const struct prefix *p = &f->from[which];

	for (size_t i = 0; i < f->n_from; i++) {
		const struct prefix *q = &f->from[i];

		if (i == which || q->addr.family != p->addr.family || !prefix_overlaps(p, q))
			continue;
		if (q->len < p->len || (q->len == p->len && i < which))
			return true;
	}
	return false;
}

static int
plan_sources(struct ruleset *r, const struct conf_forward *f, struct err *e)
{
	struct ruleset_elem elem;
	size_t at;

	if (f->n_from == 0)
		return 0;
	elem = ports_elem(f, &at);
	if (ruleset_add(r, restricted_set(f), &elem, e) < 0)
		return -1;
	for (size_t i = 0; i < f->n_from; i++) {
		struct prefix network = prefix_network(&f->from[i]);
		struct addr last = prefix_last(&f->from[i]);

		if (source_covered(f, i))
			continue;
		elem = ports_elem(f, &at);
		ruleset_put_addr(elem.key, at, &network.addr);
		ruleset_put_addr(elem.end, at, &last);
		if (ruleset_add(r, sources_set(f, last.family == AF_INET6), &elem, e) < 0)
			return -1;
	}
	return 0;
}

/* Where the forward's ports are looked up. */
static enum ruleset_set
forward_map(const struct conf_forward *f, bool v6)
{
	if (f->interface)
		return v6 ? RULESET_FWDIF6 : RULESET_FWDIF4;
	if (f->listen.family)
		return v6 ? RULESET_FWDAT6 : RULESET_FWDAT4;
	return v6 ? RULESET_FWD6 : RULESET_FWD4;
}

/* Where the source is hidden is known by the target. Two forwards to the same one are one
 * element. */
static int
plan_masquerade(struct ruleset *r, const struct conf_forward *f, const struct addr *target,
	uint16_t port, struct err *e)
{
	struct ruleset_elem elem = {.ordinal = f->ordinal};
	size_t at = ruleset_put_port(
		elem.key, ruleset_put_proto(elem.key, 0, proto_number(f->proto)), port);

	ruleset_put_addr(elem.key, at, target);
	return ruleset_add(r, target->family == AF_INET6 ? RULESET_MASQ6 : RULESET_MASQ4, &elem, e);
}

static int
plan_ports(
	struct ruleset *r, const struct conf_forward *f, const struct addr *target, struct err *e)
{
	enum ruleset_set set = forward_map(f, target->family == AF_INET6);

	if (f->listen.family && f->listen.family != target->family)
		return 0;
	for (uint32_t i = 0; i <= (uint32_t)(f->high - f->low); i++) {
		struct ruleset_elem elem = {.ordinal = f->ordinal};
		uint16_t port = (uint16_t)(f->target_low + i);
		size_t at = put_binding(elem.key, f);

		ruleset_put_port(elem.key, ruleset_put_proto(elem.key, at, proto_number(f->proto)),
			(uint16_t)(f->low + i));
		at = ruleset_put_addr(elem.data, 0, target);
		ruleset_put_port(elem.data, at, port);
		if (ruleset_add(r, set, &elem, e) < 0)
			return -1;
		if (f->masquerade && plan_masquerade(r, f, target, port, e) < 0)
			return -1;
	}
	return 0;
}

static int
plan_forward(
	struct ruleset *r, const struct plan_input *in, const struct conf_forward *f, struct err *e)
{
	struct addr v4, v6;

	if (plan_sources(r, f, e) < 0)
		return -1;
	if (f->target.family)
		return plan_ports(r, f, &f->target, e);
	v4 = plan_target(in, f->container, AF_INET);
	v6 = plan_target(in, f->container, AF_INET6);
	if (v4.family && plan_ports(r, f, &v4, e) < 0)
		return -1;
	if (v6.family && plan_ports(r, f, &v6, e) < 0)
		return -1;
	return 0;
}

/* Long enough for a bucket that is empty to be full again. */
static uint32_t
limit_timeout(const struct conf_source_limit *l, uint32_t period_s)
{
	uint64_t fill_s = (uint64_t)l->burst * period_s / l->count + 1;

	return fill_s < LIMIT_TIMEOUT_MIN_S ? LIMIT_TIMEOUT_MIN_S
	       : fill_s > UINT32_MAX        ? UINT32_MAX
					    : (uint32_t)fill_s;
}

static int
plan_limit_ports(struct ruleset *r, size_t slot, const struct conf_source_limit *l, struct err *e)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

	for (size_t i = 0; i < l->n_ports; i++)
		for (size_t k = 0; k < sizeof(protocols); k++) {
			struct ruleset_elem elem = {.ordinal = l->ordinal};

			ruleset_put_port(elem.key, ruleset_put_proto(elem.key, 0, protocols[k]),
				l->ports[i].low);
			ruleset_put_port(elem.end, ruleset_put_proto(elem.end, 0, protocols[k]),
				l->ports[i].high);
			if (ruleset_add(r, ruleset_limit_ports(slot), &elem, e) < 0)
				return -1;
		}
	return 0;
}

/* The slots behind the others are for limits of SYNs. */
static int
plan_limits(struct ruleset *r, const struct conf *c, struct err *e)
{
	static const enum ruleset_limit_kind kinds[] = {
		[CONF_LIMIT_RATE] = RULESET_LIMIT_RATE,
		[CONF_LIMIT_CONNECTIONS] = RULESET_LIMIT_CONNECTIONS,
		[CONF_LIMIT_SYN] = RULESET_LIMIT_SYN,
	};
	size_t slot = 0, syn = RULESET_LIMITS_MAX - RULESET_LIMITS_SYN;

	for (size_t i = 0; i < c->source_limits.n; i++) {
		const struct conf_source_limit *l = &c->source_limits.v[i];
		size_t at = l->kind == CONF_LIMIT_SYN ? syn++ : slot++;
		struct ruleset_limit *to = &r->limits.v[at];

		*to = (struct ruleset_limit){
			.kind = kinds[l->kind], .count = l->count, .ports = l->n_ports > 0};
		if (l->kind != CONF_LIMIT_CONNECTIONS) {
			to->period_s = (uint32_t)(l->period_ms / MS_PER_S);
			to->burst = l->burst;
			to->timeout_s = limit_timeout(l, to->period_s);
		}
		if (plan_limit_ports(r, at, l, e) < 0)
			return -1;
	}
	return 0;
}

static int
plan_blocks(struct ruleset *r, const struct plan_input *in, struct err *e)
{
	struct blocks_input input = {.conf = in->conf};
	struct blocks own = {0};

	if (!in->blocks && blocks_build(&input, &own, e) < 0)
		return -1;
	ruleset_share(r, RULESET_BLOCK4, in->blocks ? in->blocks->v4 : own.v4);
	ruleset_share(r, RULESET_BLOCK6, in->blocks ? in->blocks->v6 : own.v6);
	blocks_clear(&own);
	return 0;
}

static int
plan_fill(const struct plan_input *in, struct ruleset *r, struct err *e)
{
	const struct conf *c = in->conf;

	r->rules = plan_rules(in);
	if (plan_blocks(r, in, e) < 0 || plan_limits(r, c, e) < 0 || plan_open(r, in, e) < 0)
		return -1;
	if (c->bridge && plan_bridge(r, c->bridge, e) < 0)
		return -1;
	for (size_t i = 0; i < in->wans.n; i++)
		if (plan_ifname(r, RULESET_WANS, in->wans.names[i], c->wan_ordinal, e) < 0)
			return -1;
	for (size_t i = 0; i < c->n_forwards; i++)
		if (plan_forward(r, in, &c->forwards[i], e) < 0)
			return -1;
	return plan_guard(r, in, e);
}

int
plan_build(const struct plan_input *in, struct ruleset *ret, struct err *e)
{
	struct ruleset r = {0};

	if (plan_fill(in, &r, e) < 0) {
		ruleset_clear(&r);
		return -1;
	}
	ruleset_sort(&r);
	ruleset_unite(&r, RULESET_MASQ4);
	ruleset_unite(&r, RULESET_MASQ6);
	plan_guard_unite(&r);
	*ret = r;
	return 0;
}

/* Nobody's own address: what no forward may ever go to. */
static bool
address_unusable(const struct addr *a)
{
	static const struct addr none4 = {.family = AF_INET}, none6 = {.family = AF_INET6};

	if (a->family == AF_INET)
		return addr_eq(a, &none4) || a->bytes[0] == 127 || a->bytes[0] >= 224;
	return addr_eq(a, &none6) || a->bytes[0] == 0xff ||
	       (a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80);
}

/* A container's root chooses the address that its interface shows, so it is believed only where
 * it takes nobody else's place: inside the bridge's network, and neither the bridge's own nor
 * another container's of the file. */
bool
plan_believes(const struct conf *c, uint32_t container, const struct addr *a)
{
	const struct prefix *net;

	if (address_unusable(a))
		return false;
	for (uint32_t i = 0; i < c->n_containers; i++)
		if (i != container && (addr_eq(a, &c->containers[i].address) ||
					      addr_eq(a, &c->containers[i].address6)))
			return false;
	if (!c->bridge)
		return true;
	net = a->family == AF_INET ? &c->bridge->v4 : &c->bridge->v6;
	return net->addr.family == a->family && prefix_contains(net, a) && !addr_eq(a, &net->addr);
}

struct addr
plan_target(const struct plan_input *in, uint32_t container, uint8_t family)
{
	const struct conf_container *c = &in->conf->containers[container];

	if (in->addresses) {
		const struct plan_address *known = &in->addresses[container];
		const struct addr *a = family == AF_INET ? &known->v4 : &known->v6;

		if (a->family == family && plan_believes(in->conf, container, a))
			return *a;
	}
	return family == AF_INET ? c->address : c->address6;
}

bool
plan_needs_v6(const struct conf *c)
{
	for (size_t i = 0; i < c->n_forwards; i++)
		if (c->forwards[i].target.family == AF_INET6)
			return true;
	if (c->bridge)
		return c->bridge->v6.addr.family != 0;
	for (size_t i = 0; i < c->n_containers; i++)
		if (c->containers[i].address6.family)
			return true;
	return false;
}

bool
plan_wans_equal(const struct plan_wans *a, const struct plan_wans *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->names[i], b->names[i]) != 0)
			return false;
	return true;
}

_Static_assert(CONF_SOURCE_LIMITS_MAX == RULESET_LIMITS_MAX - RULESET_LIMITS_SYN &&
		       CONF_SYN_LIMITS_MAX == RULESET_LIMITS_SYN,
	"the file may say as many limits as there are slots");
