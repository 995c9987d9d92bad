/* Guards: inherited, compared, freed. */
#include "conf/guard.h"

#include "conf/conf.h"
#include "core/fnv.h"

#include <stdlib.h>

static bool
same_access(const struct conf_guard *a, const struct conf_guard *b)
{
	if (a->n_access != b->n_access)
		return false;
	for (size_t i = 0; i < a->n_access; i++)
		if (a->access[i].allow != b->access[i].allow ||
			a->access[i].net.len != b->access[i].net.len ||
			!addr_eq(&a->access[i].net.addr, &b->access[i].net.addr))
			return false;
	return true;
}

static bool
same_rate(const struct conf_rate *a, const struct conf_rate *b)
{
	return !a->ordinal == !b->ordinal && a->count == b->count && a->period_ms == b->period_ms &&
	       a->burst == b->burst && a->burst_written == b->burst_written;
}

static bool
same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool
same_forward(const struct conf_auth *a, const struct conf_auth *b)
{
	const struct conf_route *f = a->forward, *g = b->forward;

	if (!f || !g || a->n_copy != b->n_copy)
		return !f && !g;
	for (size_t i = 0; i < a->n_copy; i++)
		if (strcmp(a->copy[i], b->copy[i]) != 0)
			return false;
	return f->target.type == g->target.type && same_text(f->target.host, g->target.host) &&
	       same_text(f->target.socket, g->target.socket) &&
	       f->target.container == g->target.container && f->target.port == g->target.port &&
	       same_text(f->path, g->path);
}

static bool
same_auth(const struct conf_auth *a, const struct conf_auth *b)
{
	return !a->ordinal == !b->ordinal && a->kind == b->kind && same_text(a->path, b->path) &&
	       same_text(a->realm, b->realm) && a->pass == b->pass && same_forward(a, b);
}

bool
conf_guard_equal(const struct conf_guard *a, const struct conf_guard *b)
{
	return same_access(a, b) && same_rate(&a->rate, &b->rate) &&
	       same_auth(&a->auth, &b->auth) &&
	       !a->connections.ordinal == !b->connections.ordinal &&
	       a->connections.n == b->connections.n;
}

void
conf_guard_inherit(struct conf_guard *guard, const struct conf_guard *outer)
{
	static const struct conf_guard nothing;
	const struct conf_guard *from = outer ? outer : &nothing;

	guard->access_from = guard->n_access ? guard : from->access_from;
	guard->rate_from = guard->rate.ordinal ? guard : from->rate_from;
	if (guard->rate.ordinal && guard->rate.count == 0)
		guard->rate_from = NULL;
	guard->connections_from = guard->connections.ordinal ? guard : from->connections_from;
	if (guard->connections.ordinal && guard->connections.n == 0)
		guard->connections_from = NULL;
	guard->auth_from = guard->auth.ordinal ? guard : from->auth_from;
	if (guard->auth.ordinal && guard->auth.kind == CONF_AUTH_OFF)
		guard->auth_from = NULL;
}

/* The server that is asked is a route without rules, with the time-outs of the block that asks. */
static void
resolve_forward(struct conf_guard *guard, const struct conf_limits *limits)
{
	struct conf_route *route = guard->auth.forward;

	if (!route)
		return;
	route->limits = *limits;
	route->limits.body_limit = 0;
	conf_heads_inherit(&route->heads, NULL);
	conf_bodies_inherit(&route->bodies, NULL);
	conf_compress_inherit(&route->compress, NULL);
	conf_cache_inherit(&route->cache, NULL);
}

void
conf_guard_resolve(struct conf *c)
{
	c->guard.place = fnv_text(FNV_START, "");
	conf_guard_inherit(&c->guard, NULL);
	resolve_forward(&c->guard, &c->limits);
	for (size_t i = 0; i < c->n_sites; i++) {
		struct conf_site *site = &c->sites[i];

		site->guard.place = fnv_text(c->guard.place, site->n_hosts ? site->hosts[0] : "");
		conf_guard_inherit(&site->guard, &c->guard);
		resolve_forward(&site->guard, &site->limits);
		for (size_t j = 0; j < site->n_routes; j++) {
			struct conf_route *r = &site->routes[j];

			r->guard.place = fnv_text(site->guard.place, r->exact ? "=" : "");
			r->guard.place = fnv_text(r->guard.place, r->path ? r->path : "");
			conf_guard_inherit(&r->guard, &site->guard);
			resolve_forward(&r->guard, &r->limits);
		}
	}
}

bool
conf_guard_written(const struct conf_guard *guard)
{
	return guard->n_access > 0 || guard->rate.ordinal || guard->connections.ordinal ||
	       guard->auth.ordinal;
}

void
conf_guard_clear(struct conf_guard *guard)
{
	free(guard->access);
	free(guard->auth.realm);
	if (guard->auth.forward) {
		free(guard->auth.forward->path);
		free(guard->auth.forward->target.host);
		free(guard->auth.forward->target.path);
		free(guard->auth.forward->target.socket);
		free(guard->auth.forward->trust.ca_file);
	}
	free(guard->auth.forward);
	for (size_t i = 0; i < guard->auth.n_copy; i++)
		free(guard->auth.copy[i]);
	free(guard->auth.copy);
}

bool
conf_ban_equal(const struct conf_ban *a, const struct conf_ban *b)
{
	if (!a->ordinal != !b->ordinal || a->count != b->count || a->window_ms != b->window_ms ||
		a->for_ms != b->for_ms || a->n_never != b->n_never)
		return false;
	for (size_t i = 0; i < a->n_never; i++)
		if (a->never[i].net.len != b->never[i].net.len ||
			!addr_eq(&a->never[i].net.addr, &b->never[i].net.addr))
			return false;
	return true;
}

bool
conf_ban_excused(const struct conf_ban *ban, const struct addr *a)
{
	for (size_t i = 0; i < ban->n_never; i++)
		if (prefix_contains(&ban->never[i].net, a))
			return true;
	return false;
}
