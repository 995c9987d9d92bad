/* Guards: inherited, compared, freed. */
#include "conf/guard.h"

#include "conf/conf.h"

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
same_auth(const struct conf_auth *a, const struct conf_auth *b)
{
	return !a->ordinal == !b->ordinal && a->kind == b->kind && same_text(a->path, b->path) &&
	       same_text(a->realm, b->realm) && a->pass == b->pass;
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

/* FNV-1a, with a mark behind each part. */
static uint64_t
hash_part(uint64_t hash, const char *text)
{
	for (const char *p = text; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 0x100000001b3;
	return (hash ^ 0xff) * 0x100000001b3;
}

void
conf_guard_resolve(struct conf *c)
{
	c->guard.place = hash_part(0xcbf29ce484222325, "");
	conf_guard_inherit(&c->guard, NULL);
	for (size_t i = 0; i < c->n_sites; i++) {
		struct conf_site *site = &c->sites[i];

		site->guard.place = hash_part(c->guard.place, site->n_hosts ? site->hosts[0] : "");
		conf_guard_inherit(&site->guard, &c->guard);
		for (size_t j = 0; j < site->n_routes; j++) {
			struct conf_route *r = &site->routes[j];

			r->guard.place = hash_part(site->guard.place, r->exact ? "=" : "");
			r->guard.place = hash_part(r->guard.place, r->path ? r->path : "");
			conf_guard_inherit(&r->guard, &site->guard);
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
