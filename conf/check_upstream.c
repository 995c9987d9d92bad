/* What the routes say of their targets, now that each route is whole: defaults, contradictions,
 * and which routes have targets that are watched. */
#include "conf/parse.h"

#include "core/own.h"

static void
fill_defaults(struct conf_route *route)
{
	struct conf_upstream *u = &route->upstream;

	if (u->passive_ordinal)
		return;
	u->passive_fail = route->n_more ? CONF_PASSIVE_FAIL : 0;
	u->passive_in_ms = CONF_PASSIVE_IN_MS;
	u->passive_for_ms = CONF_PASSIVE_FOR_MS;
}

/* A directive that means nothing with the targets that the route has. */
static void
check_use(struct parse *p, const struct conf_route *route)
{
	const struct conf_upstream *u = &route->upstream;
	const struct {
		uint32_t ordinal;
		const char *name;
		bool several; /* it is about choosing among them */
		bool asked;   /* it is about the server that auth forward asks, too */
	} uses[] = {
		{u->balance_ordinal, "balance", true, false},
		{u->passive_ordinal, "passive", true, false},
		{u->slow_start_ordinal, "slow-start", true, false},
		{u->check_ordinal, "check", false, false},
		{u->connections_ordinal, "max-connections", false, false},
		{route->trust.ca_ordinal, "upstream-ca", false, true},
		{route->trust.verify_ordinal, "upstream-verify", false, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(uses); i++) {
		if (!uses[i].ordinal || parse_failed(p, uses[i].ordinal))
			continue;
		if (uses[i].asked && route->guard.auth.forward)
			continue;
		if (!conf_target_is_server(&route->target))
			parse_error_ordinal(p, uses[i].ordinal,
				"\"%s\" is for routes to servers, not to a folder, a redirect or a "
				"status",
				uses[i].name);
		else if (uses[i].several && route->n_more == 0)
			parse_error_ordinal(p, uses[i].ordinal,
				"\"%s\" needs a second target; write them one after the other: "
				"route %s -> a:80 b:80",
				uses[i].name, route->path ? route->path : "/");
	}
}

/* ---- certificates of targets ---- */

static void
inherit_trust(struct parse *p, struct conf_trust *inner, const struct conf_trust *outer)
{
	if (!inner->verify_ordinal)
		inner->verify = outer->verify;
	inner->ca_from = inner->ca_ordinal ? inner->ca_ordinal : outer->ca_from;
	if (!inner->ca_ordinal && outer->ca_file)
		inner->ca_file = parse_dup(p, slice_str(outer->ca_file));
}

/* The authorities that the route's targets are checked with, listed once. */
static void
refer_to_authority(struct parse *p, struct conf_route *route)
{
	const struct conf_trust *trust = &route->trust;
	struct conf_authority *a;
	int32_t index;

	if (!trust->verify || !conf_route_has_tls(route))
		return;
	index = conf_find_authority(p->conf, trust->ca_file);
	if (index >= 0) {
		route->authority = (uint32_t)index + 1;
		return;
	}
	a = parse_add(p, &p->conf->authorities, &p->conf->n_authorities, sizeof(*a));
	if (!a)
		return;
	a->ordinal = trust->ca_from ? trust->ca_from : route->ordinal;
	a->file = trust->ca_file ? parse_dup(p, slice_str(trust->ca_file)) : NULL;
	route->authority = (uint32_t)p->conf->n_authorities;
}

/* The server that is asked is believed as targets of the same place are. */
static void
check_asked(struct parse *p, const struct conf_guard *guard, const struct conf_trust *trust)
{
	struct conf_route *to = guard->auth.forward;

	if (!to)
		return;
	inherit_trust(p, &to->trust, trust);
	refer_to_authority(p, to);
}

static void
check_route(struct parse *p, struct conf_site *site, struct conf_route *route)
{
	fill_defaults(route);
	inherit_trust(p, &route->trust, &site->trust);
	if (!parse_failed(p, route->ordinal))
		check_use(p, route);
	if (route->n_more || route->upstream.check || route->upstream.connections)
		route->pool = ++p->conf->n_pools;
	refer_to_authority(p, route);
	check_asked(p, &route->guard, &route->trust);
}

void
parse_check_upstreams(struct parse *p)
{
	static const struct conf_trust by_default = {.verify = true};
	struct conf *c = p->conf;

	inherit_trust(p, &c->trust, &by_default);
	check_asked(p, &c->guard, &c->trust);
	for (size_t i = 0; i < c->n_sites && !p->stopped; i++) {
		struct conf_site *site = &c->sites[i];

		inherit_trust(p, &site->trust, &c->trust);
		check_asked(p, &site->guard, &site->trust);
		for (size_t k = 0; k < site->n_routes; k++)
			check_route(p, site, &site->routes[k]);
	}
}
