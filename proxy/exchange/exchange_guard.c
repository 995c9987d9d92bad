/*
 * What stands between a request that has found its place (route, site, or neither) and what that
 * place does. The guards are asked in one order: access by address, requests under way, requests
 * per time, a login.
 */
#include "proxy/exchange/exchange.h"

#include "core/clock.h"
#include "proxy/guard/access.h"
#include "proxy/exchange/subrequest.h"

#define US_PER_S 1000000U
#define BUSY_RETRY_S 1 /* a place becomes free whenever one of the client's requests ends */

/* The guard of the innermost place that the request reached. */
static const struct conf_guard *
exchange_guard_of(const struct exchange *x, const struct route_match *m)
{
	if (m->route)
		return &m->route->guard;
	return m->site ? &m->site->guard : &x->generation->conf->guard;
}

static bool
exchange_check_access(struct exchange *x, const struct conf_guard *guard)
{
	if (access_allowed(guard, &x->client))
		return true;
	stats_add(&x->worker->stats, STAT_ACCESS_DENIED, 1);
	exchange_answer(x, 403, NULL, "denied by access");
	return false;
}

static bool
exchange_check_connections(struct exchange *x, const struct conf_guard *guard)
{
	const struct conf_guard *from = guard->connections_from;
	struct client_key key;

	if (!from)
		return true;
	key = client_key(&x->client, from->place);
	x->busy = busy_hold(x->worker->guards->busy, &key, from->connections.n);
	if (x->busy)
		return true;
	stats_add(&x->worker->stats, STAT_CONNECTION_LIMITED, 1);
	conn_violation(x->conn, VIOLATION_CONNECTIONS);
	exchange_answer_later(x, 429, BUSY_RETRY_S, "above connection-limit");
	return false;
}

static bool
exchange_check_rate(struct exchange *x, const struct conf_guard *guard)
{
	const struct conf_guard *from = guard->rate_from;
	struct rate_limit limit;
	struct client_key key;
	uint64_t wait_us;

	if (!from)
		return true;
	key = client_key(&x->client, from->place);
	limit.interval_us = from->rate.period_ms * 1000 / from->rate.count;
	limit.burst = from->rate.burst;
	wait_us = rate_take(
		x->worker->guards->rates, &key, &limit, clock_mono_coarse_ms() * 1000 + 1);
	if (wait_us == 0)
		return true;
	stats_add(&x->worker->stats, STAT_RATE_LIMITED, 1);
	conn_violation(x->conn, VIOLATION_RATE);
	exchange_answer_later(
		x, 429, (uint32_t)((wait_us + US_PER_S - 1) / US_PER_S), "above rate-limit");
	return false;
}

/* False: answered, or waiting, in which case exchange_guarded goes on. */
static bool
exchange_check_auth(struct exchange *x, const struct conf_guard *guard)
{
	const struct conf_guard *from = guard->auth_from;

	if (!from)
		return true;
	switch (from->auth.kind) {
	case CONF_AUTH_OFF:
		break;
	case CONF_AUTH_BASIC:
		return exchange_auth_basic(x);
	case CONF_AUTH_FORWARD:
		return exchange_auth_forward(x);
	}
	return true;
}

bool
exchange_guard(struct exchange *x)
{
	const struct conf_guard *guard = exchange_guard_of(x, &x->match);

	x->guard = guard;
	return exchange_check_access(x, guard) && exchange_check_connections(x, guard) &&
	       exchange_check_rate(x, guard) && exchange_check_auth(x, guard);
}

bool
exchange_guard_server(struct exchange *x)
{
	const struct conf_guard *guard = x->site ? &x->site->guard : &x->generation->conf->guard;

	x->guard = guard;
	return exchange_check_access(x, guard) && exchange_check_connections(x, guard) &&
	       exchange_check_rate(x, guard);
}

bool
exchange_hides_login(const struct exchange *x)
{
	const struct conf_guard *from = x->guard ? x->guard->auth_from : NULL;

	return from && from->auth.kind == CONF_AUTH_BASIC && !from->auth.pass;
}

void
exchange_guard_release(struct exchange *x)
{
	exchange_leave_login(x);
	subrequest_cancel(&x->subrequest);
	busy_release(x->worker->guards->busy, &x->busy);
}

size_t
exchange_replaced(const struct exchange *x, char *const **ret_names)
{
	const struct conf_guard *from = x->guard ? x->guard->auth_from : NULL;

	if (!from || from->auth.kind != CONF_AUTH_FORWARD)
		return 0;
	*ret_names = from->auth.copy;
	return from->auth.n_copy;
}
