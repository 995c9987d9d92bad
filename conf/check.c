/*
 * What needs the whole file: inherited limits and defaults are filled in, names are resolved, and
 * contradictions between directives are reported. Absences (no bridge, no address, no
 * certificate) are looked for only when nothing else is wrong, because a misspelt directive is
 * absent too. Every check is linear in the size of the file, or sorts.
 */
#include "conf/parse.h"

#include "conf/suggest.h"

#include <stdlib.h>

static const uint64_t default_timeout_ms[CONF_TIMEOUT_COUNT] = {
	[CONF_TIMEOUT_CONNECT] = 30000,
	[CONF_TIMEOUT_READ] = 60000,
	[CONF_TIMEOUT_SEND] = 60000,
	[CONF_TIMEOUT_IDLE] = 60000,
	[CONF_TIMEOUT_TUNNEL] = 3600000,
};

/* ---- inheritance and defaults ---- */

static void
inherit(struct conf_limits *inner, const struct conf_limits *outer)
{
	for (size_t i = 0; i < CONF_TIMEOUT_COUNT; i++)
		if (!inner->timeout_written[i])
			inner->timeout_ms[i] = outer->timeout_ms[i];
	if (!inner->body_limit_written)
		inner->body_limit = outer->body_limit;
	if (!inner->encoded_written)
		inner->encoded_refused = outer->encoded_refused;
}

static void
resolve_limits(struct conf *c)
{
	struct conf_limits defaults = {0};

	memcpy(defaults.timeout_ms, default_timeout_ms, sizeof(default_timeout_ms));
	inherit(&c->limits, &defaults);
	if (!c->overload.min_rate_ordinal)
		c->overload.min_rate = CONF_MIN_RATE_DEFAULT;
	if (c->overload.min_rate_after_ms == 0)
		c->overload.min_rate_after_ms = CONF_MIN_RATE_AFTER_DEFAULT;
	if (!c->cache_store.memory_ordinal)
		c->cache_store.memory = CONF_CACHE_MEMORY_DEFAULT;
	conf_heads_inherit(&c->heads, NULL);
	conf_compress_inherit(&c->compress, NULL);
	conf_cache_inherit(&c->cache, NULL);
	conf_bodies_inherit(&c->bodies, NULL);
	conf_upgrade_inherit(&c->upgrade, NULL);
	for (size_t i = 0; i < c->n_sites; i++) {
		struct conf_site *site = &c->sites[i];

		inherit(&site->limits, &c->limits);
		conf_heads_inherit(&site->heads, &c->heads);
		conf_compress_inherit(&site->compress, &c->compress);
		conf_cache_inherit(&site->cache, &c->cache);
		conf_bodies_inherit(&site->bodies, &c->bodies);
		conf_upgrade_inherit(&site->upgrade, &c->upgrade);
		for (size_t j = 0; j < site->n_routes; j++) {
			inherit(&site->routes[j].limits, &site->limits);
			conf_heads_inherit(&site->routes[j].heads, &site->heads);
			conf_compress_inherit(&site->routes[j].compress, &site->compress);
			conf_cache_inherit(&site->routes[j].cache, &site->cache);
			conf_bodies_inherit(&site->routes[j].bodies, &site->bodies);
			conf_upgrade_inherit(&site->routes[j].upgrade, &site->upgrade);
			site->routes[j].print = conf_cache_print(&site->routes[j]);
		}
	}
	conf_guard_resolve(c);
}

/* Every page there is, numbered, wherever it stands. */
static void
number_pages(struct conf *c, struct conf_pages *pages)
{
	for (size_t i = 0; i < pages->n; i++) {
		pages->items[i].index = (uint32_t)c->n_all_pages;
		c->all_pages[c->n_all_pages++] = &pages->items[i];
	}
}

static void
number_all_pages(struct parse *p)
{
	struct conf *c = p->conf;
	size_t n = c->pages.n;

	for (size_t i = 0; i < c->n_sites; i++)
		n += c->sites[i].pages.n;
	c->all_pages = reallocarray(NULL, n + 1, sizeof(struct conf_page *));
	if (!c->all_pages) {
		parse_no_memory(p);
		return;
	}
	number_pages(c, &c->pages);
	for (size_t i = 0; i < c->n_sites; i++)
		number_pages(c, &c->sites[i].pages);
}

static void
default_path(struct parse *p, char **path, const char *value)
{
	if (!*path)
		*path = parse_dup(p, slice_str(value));
}

/* ---- references ---- */

static int64_t
find_container(const struct parse *p, const char *name)
{
	return names_find(
		&p->names, (struct name){.kind = NAME_CONTAINER, .text = slice_str(name)});
}

static int64_t
find_certificate(const struct parse *p, const char *name)
{
	return names_find(
		&p->names, (struct name){.kind = NAME_CERTIFICATE, .text = slice_str(name)});
}

static const char *
nearest_container(const struct parse *p, struct slice name)
{
	unsigned best = SUGGEST_NONE;
	const char *found = NULL;

	for (size_t i = 0; i < p->conf->n_containers; i++) {
		const char *known = p->conf->containers[i].name;

		if (known && suggest_better(name, slice_str(known), &best))
			found = known;
	}
	return found;
}

static const char *
nearest_certificate(const struct parse *p, struct slice name)
{
	unsigned best = SUGGEST_NONE;
	const char *found = NULL;

	for (size_t i = 0; i < p->conf->n_certificates; i++) {
		const char *known = p->conf->certificates[i].name;

		if (known && suggest_better(name, slice_str(known), &best))
			found = known;
	}
	return found;
}

static int
unknown_container(struct parse *p, const struct reference *r, const char *name, uint16_t port)
{
	const char *near = nearest_container(p, slice_str(name));

	if (near)
		return parse_error_reference(
			p, r, "unknown container \"%s\"; did you mean \"%s\"?", name, near);
	if (r->kind == REFERENCE_ROUTE || r->kind == REFERENCE_SERVER)
		return parse_error_reference(p, r,
			"unknown container \"%s\"; a server that is no container is written "
			"http://%s:%u",
			name, name, port);
	return parse_error_reference(p, r, "unknown container \"%s\"", name);
}

static void
resolve_route(struct parse *p, const struct reference *r)
{
	struct conf_route *route = &p->conf->sites[r->site].routes[r->route];
	struct conf_target *t = r->target ? &route->more[r->target - 1] : &route->target;
	int64_t index = find_container(p, t->host);

	if (index < 0)
		unknown_container(p, r, t->host, t->port);
	else
		t->container = (uint32_t)index;
}

static void
resolve_server(struct parse *p, const struct reference *r)
{
	int64_t index = find_container(p, r->server->host);

	if (index < 0)
		unknown_container(p, r, r->server->host, r->server->port);
	else
		r->server->container = (uint32_t)index;
}

static void
resolve_forward(struct parse *p, const struct reference *r)
{
	struct conf_forward *f = &p->conf->forwards[r->forward];
	int64_t index = find_container(p, f->host);

	/* One line may make two forwards. */
	if (index < 0 && parse_failed(p, f->ordinal))
		return;
	if (index < 0)
		unknown_container(p, r, f->host, f->target_low);
	else
		f->container = (uint32_t)index;
}

static void
resolve_link(struct parse *p, const struct reference *r)
{
	struct conf_link *l = &p->conf->isolation.links[r->forward];
	const char *name = r->target ? l->to : l->from;
	int64_t index = find_container(p, name);

	if (index < 0)
		unknown_container(p, r, name, 0);
	else if (r->target)
		l->to_container = (uint32_t)index;
	else
		l->from_container = (uint32_t)index;
}

static void
resolve_egress(struct parse *p, const struct reference *r)
{
	struct conf_egress *e = &p->conf->containers[r->forward].policy.egress[r->target];
	int64_t index = find_container(p, e->host);

	if (index < 0)
		unknown_container(p, r, e->host, 0);
	else if ((size_t)index == r->forward)
		parse_error_reference(p, r, "a container may reach itself anyway");
	else
		e->container = (uint32_t)index;
}

static bool
has_any_host(const struct conf_site *site)
{
	for (size_t i = 0; i < site->n_hosts; i++)
		if (strcmp(site->hosts[i], "*") == 0)
			return true;
	return false;
}

/* A client that asks for a name of no other site has been served `default`, and a site with another
 * certificate would answer it with 421 for ever. */
static void
check_any_host_certificate(struct parse *p, const struct reference *r)
{
	const struct conf_site *site = &p->conf->sites[r->site];

	if (has_any_host(site) && strcmp(site->certificate_name, "default") != 0)
		parse_error_reference(p, r,
			"names that no other site has are served with the certificate \"default\", "
			"so the host * can't have \"%s\"; give * a site of its own without it",
			site->certificate_name);
}

static void
resolve_certificate(struct parse *p, const struct reference *r)
{
	struct conf_site *site = &p->conf->sites[r->site];
	int64_t index = find_certificate(p, site->certificate_name);
	const char *near =
		index < 0 ? nearest_certificate(p, slice_str(site->certificate_name)) : NULL;

	if (index >= 0) {
		site->certificate = (int32_t)index;
		check_any_host_certificate(p, r);
		return;
	}
	if (near)
		parse_error_reference(p, r, "unknown certificate \"%s\"; did you mean \"%s\"?",
			site->certificate_name, near);
	else
		parse_error_reference(p, r,
			"unknown certificate \"%s\"; define it at top level: certificate %s "
			"CHAIN-FILE KEY-FILE",
			site->certificate_name, site->certificate_name);
}

static void
resolve_references(struct parse *p)
{
	for (size_t i = 0; i < p->n_references && !p->stopped; i++) {
		const struct reference *r = &p->references[i];

		switch (r->kind) {
		case REFERENCE_ROUTE:
			resolve_route(p, r);
			break;
		case REFERENCE_SERVER:
			resolve_server(p, r);
			break;
		case REFERENCE_FORWARD:
			resolve_forward(p, r);
			break;
		case REFERENCE_CERTIFICATE:
			resolve_certificate(p, r);
			break;
		case REFERENCE_LINK:
			resolve_link(p, r);
			break;
		case REFERENCE_EGRESS:
			resolve_egress(p, r);
			break;
		}
	}
}

/* A site that names no certificate uses the default one, when there is one. */
static void
default_certificates(struct parse *p)
{
	struct conf *c = p->conf;
	int32_t index = (int32_t)find_certificate(p, "default");

	for (size_t i = 0; i < c->n_sites; i++)
		if (!c->sites[i].certificate_name)
			c->sites[i].certificate = index;
}

/* ---- absences ---- */

static uint32_t
referred_container(const struct parse *p, const struct reference *r)
{
	switch (r->kind) {
	case REFERENCE_ROUTE:
		return conf_route_target(&p->conf->sites[r->site].routes[r->route], r->target)
			->container;
	case REFERENCE_SERVER:
		return r->server->container;
	case REFERENCE_FORWARD:
		return p->conf->forwards[r->forward].container;
	case REFERENCE_CERTIFICATE:
	case REFERENCE_LINK:
	case REFERENCE_EGRESS:
		break;
	}
	return 0;
}

static void
check_route_addresses(struct parse *p)
{
	for (size_t i = 0; i < p->n_references && !p->stopped; i++) {
		const struct reference *r = &p->references[i];
		uint32_t index;

		if (r->kind == REFERENCE_CERTIFICATE || r->kind == REFERENCE_LINK ||
			r->kind == REFERENCE_EGRESS)
			continue;
		index = referred_container(p, r);
		if (!p->conf->containers[index].address.family &&
			!p->conf->containers[index].address_auto)
			parse_error_reference(p, r,
				"the container \"%s\" has no address; write in its block: address "
				"auto, or: address ADDRESS",
				p->conf->containers[index].name);
	}
}

static bool
any_certificate(const struct conf *c)
{
	for (size_t i = 0; i < c->n_sites; i++)
		if (c->sites[i].certificate >= 0)
			return true;
	return conf_find_certificate(c, SLICE_LIT("default")) >= 0;
}

static void
check_listens_served(struct parse *p)
{
	const struct conf *c = p->conf;
	bool tls = false, certificate = any_certificate(c);

	for (size_t i = 0; i < c->n_listens; i++)
		tls = tls || c->listens[i].mode == CONF_LISTEN_TLS;
	for (size_t i = 0; i < c->n_listens && !p->stopped; i++) {
		const struct conf_listen *l = &c->listens[i];

		if (l->mode == CONF_LISTEN_TLS && !certificate)
			parse_error_ordinal(p, l->ordinal,
				"no certificate can be served here; write: certificate default "
				"CHAIN-FILE KEY-FILE");
		if (l->mode == CONF_LISTEN_REDIRECT && !tls)
			parse_error_ordinal(p, l->ordinal,
				"this port redirects to https, but no listener has tls; write: "
				"listen %u plain",
				l->port);
		if (l->proxy_protocol && !c->n_trusted)
			parse_error_ordinal(p, l->ordinal,
				"nobody may say here who a client is; name the proxies in front: "
				"trusted ADDRESS|CIDR...");
	}
	if (c->n_listens == 0 && !p->in->part)
		parse_error_file(p, "nothing listens; write for example: listen 80 plain");
}

void
parse_check(struct parse *p)
{
	struct conf *c = p->conf;

	resolve_limits(c);
	default_path(p, &c->control_path, CONF_DEFAULT_CONTROL);
	default_path(p, &c->state_path, CONF_DEFAULT_STATE);
	default_path(p, &c->lxc_path, CONF_DEFAULT_LXC_PATH);
	number_all_pages(p);
	resolve_references(p);
	default_certificates(p);
	parse_check_upstreams(p);
	parse_check_network(p);
	if (p->stopped || p->errs->n)
		return;
	check_listens_served(p);
	check_route_addresses(p);
	parse_check_bridge(p);
	parse_check_policy(p);
}
