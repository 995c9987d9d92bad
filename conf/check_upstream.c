/* What the routes say of their targets, now that each route is whole: defaults, contradictions,
 * and which routes have targets that are watched. */
#include "conf/parse.h"

#include "core/own.h"

static bool
is_server(const struct conf_target *t)
{
	return t->type == CONF_TARGET_CONTAINER || t->type == CONF_TARGET_HTTP;
}

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
	} uses[] = {
		{u->balance_ordinal, "balance", true},
		{u->passive_ordinal, "passive", true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(uses); i++) {
		if (!uses[i].ordinal || parse_failed(p, uses[i].ordinal))
			continue;
		if (!is_server(&route->target))
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

void
parse_check_upstreams(struct parse *p)
{
	struct conf *c = p->conf;

	for (size_t i = 0; i < c->n_sites; i++)
		for (size_t k = 0; k < c->sites[i].n_routes; k++) {
			struct conf_route *route = &c->sites[i].routes[k];

			fill_defaults(route);
			if (!parse_failed(p, route->ordinal))
				check_use(p, route);
			if (route->n_more)
				route->pool = ++c->n_pools;
		}
}
