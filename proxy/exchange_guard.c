/*
 * What stands between a request that has found its place (route, site, or neither) and what that
 * place does. The guards are asked in one order: access by address.
 */
#include "proxy/exchange.h"

#include "proxy/access.h"

/* The guard of the innermost place that the request reached. */
static const struct conf_guard *
exchange_guard_of(const struct exchange *x, const struct route_match *m)
{
	if (m->route)
		return &m->route->guard;
	return m->site ? &m->site->guard : &x->generation->conf->guard;
}

bool
exchange_guard(struct exchange *x, const struct route_match *m)
{
	const struct conf_guard *guard = exchange_guard_of(x, m);

	if (!access_allowed(guard, &x->client)) {
		stats_add(&x->worker->stats, STAT_ACCESS_DENIED, 1);
		exchange_answer(x, 403, NULL, "denied by access");
		return false;
	}
	return true;
}
