/*
 * Checks of the network: addresses of containers against the bridge and each other, ports of
 * forwards and listeners against each other.
 */
#include "conf/parse.h"

#include "core/own.h"

#include <stdlib.h>

#define PORTS 65536

/* ---- addresses ---- */

static void
no_v6(struct parse *p, uint32_t ordinal)
{
	parse_error_ordinal(p, ordinal,
		"the bridge \"%s\" has no IPv6 address; write it behind the IPv4 one, as in "
		"fd00:3::1/64",
		p->conf->bridge->name);
}

/* The address is one of the bridge's network, and nobody else's. */
static void
check_in_bridge(struct parse *p, const struct conf_container *c, const struct addr *a)
{
	const struct conf_bridge *bridge = p->conf->bridge;
	const struct prefix *prefix = a->family == AF_INET ? &bridge->v4 : &bridge->v6;
	struct prefix network = prefix_network(prefix);
	struct addr last = prefix_last(prefix);
	char text[ADDR_TEXT_MAX], other[ADDR_TEXT_MAX];

	addr_print(a, text);
	if (!prefix->addr.family)
		no_v6(p, c->address_ordinal);
	else if (!prefix_contains(prefix, a))
		parse_error_ordinal(p, c->address_ordinal, "%s is outside the bridge's network %s",
			text, prefix_print(&network, other));
	else if (addr_eq(a, &prefix->addr))
		parse_error_ordinal(
			p, c->address_ordinal, "%s is the address of the bridge itself", text);
	else if (addr_eq(a, &network.addr))
		parse_error_ordinal(
			p, c->address_ordinal, "%s is the address of the network itself", text);
	else if (a->family == AF_INET && addr_eq(a, &last))
		parse_error_ordinal(
			p, c->address_ordinal, "%s is the broadcast address of the bridge", text);
}

static void
check_unique(struct parse *p, const struct conf_container *c, const struct addr *a)
{
	char text[ADDR_TEXT_MAX], where[PARSE_WHERE_MAX];
	uint32_t taken;
	int ret;

	addr_print(a, text);
	ret = names_take(&p->names, (struct name){.kind = NAME_ADDRESS, .text = slice_str(text)},
		c->address_ordinal, &taken);
	if (ret < 0)
		parse_no_memory(p);
	if (ret > 0)
		parse_error_ordinal(p, c->address_ordinal,
			"%s is another container's address already, %s", text,
			parse_where(p, taken, c->address_ordinal, where));
}

static void
check_address(struct parse *p, const struct conf_container *c, const struct addr *a)
{
	const struct conf_bridge *bridge = p->conf->bridge;

	if (!a->family || p->stopped)
		return;
	if (bridge && !parse_failed(p, bridge->ordinal))
		check_in_bridge(p, c, a);
	if (!p->stopped)
		check_unique(p, c, a);
}

/* `address ADDRESS auto` wants what only a bridge with a prefix has; `address auto` alone takes
 * what there is. */
static void
check_auto6(struct parse *p, const struct conf_container *c)
{
	const struct conf_bridge *bridge = p->conf->bridge;

	if (!p->stopped && c->address6_auto && !c->address_auto && bridge &&
		!parse_failed(p, bridge->ordinal) && !bridge->v6.addr.family)
		no_v6(p, c->address_ordinal);
}

static void
check_addresses(struct parse *p)
{
	for (size_t i = 0; i < p->conf->n_containers; i++) {
		const struct conf_container *c = &p->conf->containers[i];

		check_address(p, c, &c->address);
		check_address(p, c, &c->address6);
		check_auto6(p, c);
	}
}

/* ---- listeners ---- */

/* By port, then from the widest address (any of both families) to the narrowest, then by place. */
static int
compare_listens(const void *pa, const void *pb)
{
	const struct conf_listen *a = pa, *b = pb;
	int by_address;

	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	by_address = addr_cmp(&a->addr, &b->addr);
	if (by_address)
		return by_address;
	return a->ordinal < b->ordinal ? -1 : a->ordinal > b->ordinal;
}

static bool
is_any(const struct addr *a)
{
	static const uint8_t zero[sizeof(a->bytes)];

	return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

/* The first address includes the second, or is it. */
static bool
listen_covers(const struct conf_listen *a, const struct conf_listen *b)
{
	if (a->port != b->port)
		return false;
	if (addr_eq(&a->addr, &b->addr) || !a->addr.family)
		return true;
	return a->addr.family == b->addr.family && is_any(&a->addr);
}

static void
listen_collision(struct parse *p, const struct conf_listen *a, const struct conf_listen *b)
{
	const struct conf_listen *first = a->ordinal < b->ordinal ? a : b;
	const struct conf_listen *second = first == a ? b : a;
	char where[PARSE_WHERE_MAX];

	parse_error_ordinal(p, second->ordinal, "port %u is open on this address already, %s",
		second->port, parse_where(p, first->ordinal, second->ordinal, where));
}

static void
check_listens(struct parse *p)
{
	const struct conf *c = p->conf;
	_free_ struct conf_listen *sorted = calloc(c->n_listens + 1, sizeof(*sorted));
	const struct conf_listen *both = NULL, *family = NULL;
	size_t n = 0;

	if (!sorted) {
		parse_no_memory(p);
		return;
	}
	for (size_t i = 0; i < c->n_listens; i++)
		if (!parse_failed(p, c->listens[i].ordinal))
			sorted[n++] = c->listens[i];
	qsort(sorted, n, sizeof(*sorted), compare_listens);
	for (size_t i = 0; i < n && !p->stopped; i++) {
		const struct conf_listen *l = &sorted[i], *before = i ? l - 1 : NULL;

		if (both && listen_covers(both, l))
			listen_collision(p, both, l);
		else if (family && listen_covers(family, l))
			listen_collision(p, family, l);
		else if (before && listen_covers(before, l))
			listen_collision(p, before, l);
		if (!l->addr.family)
			both = l;
		else if (is_any(&l->addr))
			family = l;
	}
}

/* ---- forwards ---- */

/* Who has each port: the ordinal of the forward, or 0. */
struct port_owners {
	uint32_t ordinal[2][PORTS]; /* by protocol */
	size_t taken;
};

static void
take_ports(struct parse *p, struct port_owners *owners, const struct conf_forward *f)
{
	char where[PARSE_WHERE_MAX];

	for (unsigned port = f->low; port <= f->high; port++) {
		uint32_t *owner = &owners->ordinal[f->proto][port];

		if (*owner) {
			parse_error_ordinal(p, f->ordinal, "%s port %u is forwarded already, %s",
				conf_proto_name(f->proto), port,
				parse_where(p, *owner, f->ordinal, where));
			return;
		}
		*owner = f->ordinal;
		if (++owners->taken == CONF_PORTS_MAX + 1)
			parse_error_ordinal(
				p, f->ordinal, "more than %d ports are forwarded", CONF_PORTS_MAX);
	}
}

/* 127.0.0.1 is forwarded; the others of loopback are not. */
static bool
is_own_loopback(const struct addr *a)
{
	static const struct addr loop4 = {.family = AF_INET, .bytes = {127, 0, 0, 1}};
	static const struct addr loop6 = {.family = AF_INET6, .bytes = {[15] = 1}};

	return (a->family == AF_INET && a->bytes[0] == 127 && !addr_eq(a, &loop4)) ||
	       addr_eq(a, &loop6);
}

/* A forward takes packets before a listener of ours could see them. */
static void
check_forward_against_listen(
	struct parse *p, const struct port_owners *owners, const struct conf_listen *l)
{
	uint32_t owner = owners->ordinal[CONF_TCP][l->port];
	uint32_t first = owner < l->ordinal ? owner : l->ordinal;
	uint32_t second = first == owner ? l->ordinal : owner;
	char where[PARSE_WHERE_MAX];

	if (owner && !is_own_loopback(&l->addr) && !parse_failed(p, l->ordinal))
		parse_error_ordinal(p, second, "tcp port %u is %s already, %s", l->port,
			first == owner ? "forwarded" : "listened on",
			parse_where(p, first, second, where));
}

static bool
is_bound(const struct conf_forward *f)
{
	return f->listen.family || f->interface;
}

static bool
same_binding(const struct conf_forward *a, const struct conf_forward *b)
{
	if (!addr_eq(&a->listen, &b->listen) || !a->interface != !b->interface)
		return false;
	return !a->interface || strcmp(a->interface, b->interface) == 0;
}

/* Forwards of the same address or interface, a pair at a time: there are few. */
static void
check_bound_pair(struct parse *p, const struct conf_forward *a, const struct conf_forward *b)
{
	char where[PARSE_WHERE_MAX];

	if (a->proto != b->proto || a->high < b->low || b->high < a->low || !same_binding(a, b))
		return;
	parse_error_ordinal(p, b->ordinal, "%s port %u is forwarded already, %s",
		conf_proto_name(b->proto), a->low > b->low ? a->low : b->low,
		parse_where(p, a->ordinal, b->ordinal, where));
}

/* What is sent to that address, or enters there, does not reach the listener. */
static void
check_bound_against_listens(struct parse *p, const struct conf_forward *f)
{
	char where[PARSE_WHERE_MAX];

	for (size_t i = 0; i < p->conf->n_listens && !p->stopped; i++) {
		const struct conf_listen *l = &p->conf->listens[i];
		uint32_t first = f->ordinal < l->ordinal ? f->ordinal : l->ordinal;
		uint32_t second = first == f->ordinal ? l->ordinal : f->ordinal;

		if (f->proto != CONF_TCP || l->port < f->low || l->port > f->high ||
			parse_failed(p, second))
			continue;
		if (f->listen.family && l->addr.family &&
			(l->addr.family != f->listen.family ||
				(!is_any(&l->addr) && !addr_eq(&l->addr, &f->listen))))
			continue;
		/* Which addresses an interface has is not known here. */
		if (f->interface && l->addr.family && !is_any(&l->addr))
			continue;
		parse_error_ordinal(p, second, "tcp port %u is %s already, %s", l->port,
			first == f->ordinal ? "forwarded" : "listened on",
			parse_where(p, first, second, where));
	}
}

static void
check_bound(struct parse *p)
{
	const struct conf *c = p->conf;
	const struct conf_forward *bound[CONF_BOUND_FORWARDS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < c->n_forwards && !p->stopped; i++) {
		const struct conf_forward *f = &c->forwards[i];

		if (!is_bound(f) || !f->low)
			continue;
		if (n == CONF_BOUND_FORWARDS_MAX) {
			parse_error_ordinal(p, f->ordinal,
				"more than %d forwards of one address or interface",
				CONF_BOUND_FORWARDS_MAX);
			return;
		}
		for (size_t k = 0; k < n && !parse_failed(p, f->ordinal); k++)
			check_bound_pair(p, bound[k], f);
		bound[n++] = f;
		check_bound_against_listens(p, f);
	}
}

/* The host's own services are no forward's business: it would take them from everywhere. */
static void
check_forward_target(struct parse *p, const struct conf_forward *f)
{
	const struct conf_bridge *bridge = p->conf->bridge;
	char text[ADDR_TEXT_MAX];

	if (!bridge || !f->target.family || parse_failed(p, f->ordinal) ||
		(!addr_eq(&f->target, &bridge->v4.addr) && !addr_eq(&f->target, &bridge->v6.addr)))
		return;
	parse_error_ordinal(p, f->ordinal,
		"a forward goes to an address of another host; %s is the bridge's own",
		addr_print(&f->target, text));
}

static void
check_forwards(struct parse *p)
{
	const struct conf *c = p->conf;
	_free_ struct port_owners *owners = NULL;

	if (!c->n_forwards)
		return;
	owners = calloc(1, sizeof(*owners));
	if (!owners) {
		parse_no_memory(p);
		return;
	}
	for (size_t i = 0; i < c->n_forwards && !p->stopped; i++) {
		if (c->forwards[i].low && !is_bound(&c->forwards[i]))
			take_ports(p, owners, &c->forwards[i]);
		if (!p->stopped)
			check_forward_target(p, &c->forwards[i]);
	}
	for (size_t i = 0; i < c->n_listens && !p->stopped; i++)
		check_forward_against_listen(p, owners, &c->listens[i]);
	check_bound(p);
}

void
parse_check_network(struct parse *p)
{
	struct conf *c = p->conf;

	if (!c->opens.confirm_ordinal)
		c->opens.confirm_ms = CONF_CONFIRM_MS;
	if (c->blocks.n_except && !conf_blocks_written(&c->blocks))
		parse_error_ordinal(p, c->blocks.except[0].ordinal,
			"nothing is blocked; unblock makes exceptions from block and block-list");

	if (c->wan && c->bridge && strcmp(c->wan, c->bridge->name) == 0)
		parse_error_ordinal(
			p, c->bridge->ordinal, "the bridge \"%s\" is the wan too", c->wan);
	check_addresses(p);
	if (!p->stopped)
		check_listens(p);
	if (!p->stopped)
		check_forwards(p);
}

void
parse_check_bridge(struct parse *p)
{
	const struct conf *c = p->conf;

	if (c->bridge)
		return;
	for (size_t i = 0; i < c->n_containers; i++)
		if (c->containers[i].address.family || c->containers[i].address_auto) {
			parse_error_ordinal(p, c->containers[i].address_ordinal,
				"an address needs a bridge; write for example: bridge lxcbr0 "
				"10.0.3.1/24");
			return;
		}
}
