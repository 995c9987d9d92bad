/*
 * The route index. A site's prefix routes are sorted bytewise, and each knows the longest other
 * one that is a prefix of it (its parent). All prefixes of a path sort before it, and each is a
 * prefix of the greatest entry that sorts before it; so one binary search and a walk up the
 * parents visits every candidate, the longest first, without hashing anything that a client sent.
 */
#include "proxy/route.h"

#include "core/arena.h"
#include "core/map.h"
#include "core/own.h"
#include "proxy/http/http_path.h"
#include "proxy/http/http_scan.h"

#include <stdlib.h>

#define PATHS_BLOCK 4096
#define NO_PARENT SIZE_MAX
#define HOST_TEXT_MAX 256

struct entry {
	struct slice path; /* the match form */
	const struct conf_route *route;
	size_t parent;
};

struct site_index {
	const struct conf_site *site;
	struct entry *prefixes, *exacts;
	size_t n_prefixes, n_exacts;
};

struct route_index {
	struct conf *conf;
	struct site_index *sites;
	struct map *hosts;      /* "name", "*.name" -> struct site_index */
	struct site_index *any; /* of `site *`, or NULL */
	bool has_wildcards;     /* there is a "*.name" */
	struct arena *paths;    /* of routes whose path is not its own match form */
	int32_t default_certificate;
	uint16_t tls_port;
};

static int
compare_paths(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int
compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return compare_paths(x->path, y->path);
}

/* The index behind the last entry whose path is not greater than path. */
static size_t
entries_behind(const struct entry *entries, size_t n, struct slice path)
{
	size_t low = 0;

	while (low < n) {
		size_t middle = low + (n - low) / 2;

		if (compare_paths(entries[middle].path, path) <= 0)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

static const struct entry *
entry_find(const struct entry *entries, size_t n, struct slice path)
{
	size_t behind = entries_behind(entries, n, path);

	if (behind && slice_eq(entries[behind - 1].path, path))
		return &entries[behind - 1];
	return NULL;
}

static void
link_parents(struct entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t parent = i ? i - 1 : NO_PARENT;

		while (parent != NO_PARENT && !slice_starts(entries[i].path, entries[parent].path))
			parent = entries[parent].parent;
		entries[i].parent = parent;
	}
}

static int
add_route(
	struct route_index *r, struct site_index *s, const struct conf_route *route, struct err *e)
{
	struct slice path = slice_str(route->path);
	struct http_path resolved;
	struct entry *entry;
	enum http_reason reason = HTTP_REASON_PATH_ESCAPE;

	if (path.n && path.p[0] == '/')
		reason = http_path_resolve(path, r->paths, &resolved);
	if (reason != HTTP_REASON_NONE)
		return err_ordinal(e, route->ordinal, "route path \"%s\": %s", route->path,
			http_reason_text(reason));
	entry = route->exact ? &s->exacts[s->n_exacts++] : &s->prefixes[s->n_prefixes++];
	*entry = (struct entry){.path = resolved.match, .route = route, .parent = NO_PARENT};
	return 0;
}

static int
build_site(struct route_index *r, struct site_index *s, const struct conf_site *site, struct err *e)
{
	s->site = site;
	s->prefixes = calloc(site->n_routes + 1, sizeof(*s->prefixes));
	s->exacts = calloc(site->n_routes + 1, sizeof(*s->exacts));
	if (!s->prefixes || !s->exacts)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < site->n_routes; i++) {
		if (add_route(r, s, &site->routes[i], e) < 0)
			return -1;
	}
	qsort(s->prefixes, s->n_prefixes, sizeof(*s->prefixes), compare_entries);
	qsort(s->exacts, s->n_exacts, sizeof(*s->exacts), compare_entries);
	link_parents(s->prefixes, s->n_prefixes);
	for (size_t i = 0; i < site->n_hosts; i++) {
		struct slice host = slice_str(site->hosts[i]);

		if (slice_eq_str(host, "*")) {
			r->any = s;
			continue;
		}
		r->has_wildcards = r->has_wildcards || slice_starts(host, SLICE_LIT("*"));
		if (map_set(r->hosts, host, s, NULL) < 0)
			return err_set(e, "out of memory");
	}
	return 0;
}

static int
build(struct route_index *r, const struct conf *c, struct err *e)
{
	r->sites = calloc(c->n_sites + 1, sizeof(*r->sites));
	r->hosts = map_new();
	r->paths = arena_new(PATHS_BLOCK, CONF_TEXT_MAX);
	if (!r->sites || !r->hosts || !r->paths)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < c->n_sites; i++) {
		if (build_site(r, &r->sites[i], &c->sites[i], e) < 0)
			return -1;
	}
	r->default_certificate = conf_find_certificate(c, SLICE_LIT("default"));
	for (size_t i = 0; i < c->n_listens && !r->tls_port; i++) {
		if (c->listens[i].mode == CONF_LISTEN_TLS)
			r->tls_port = c->listens[i].port;
	}
	return 0;
}

struct route_index *
route_index_new(struct conf *c, struct err *e)
{
	struct route_index *r = calloc(1, sizeof(*r));

	if (!r) {
		err_set(e, "out of memory");
		return NULL;
	}
	r->conf = conf_ref(c);
	if (build(r, c, e) < 0)
		route_index_free(&r);
	return r;
}

void
route_index_free(struct route_index **r)
{
	struct route_index *old = *r;

	*r = NULL;
	if (!old)
		return;
	for (size_t i = 0; old->sites && i < old->conf->n_sites; i++) {
		free(old->sites[i].prefixes);
		free(old->sites[i].exacts);
	}
	free(old->sites);
	map_free(&old->hosts);
	arena_free(&old->paths);
	conf_unref(&old->conf);
	free(old);
}

const struct conf *
route_index_conf(const struct route_index *r)
{
	return r->conf;
}

uint16_t
route_tls_port(const struct route_index *r)
{
	return r->tls_port;
}

/* The name in lower case without a final dot, an address in its one spelling; -1 for one that no
 * site can have. */
static int
fold_host(struct slice host, char out[static HOST_TEXT_MAX], size_t *ret_n)
{
	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	if (host.n == 0 || host.n >= HOST_TEXT_MAX)
		return -1;
	if (host.p[0] == '[') {
		*ret_n = addr_fold_literal(host, out);
		return *ret_n ? 0 : -1;
	}
	for (size_t i = 0; i < host.n; i++)
		out[i] = http_lower(host.p[i]);
	*ret_n = host.n;
	return 0;
}

/* The exact name, then "*.": longest first. Without `site *`. */
static struct site_index *
find_named_site(const struct route_index *r, struct slice host)
{
	char text[HOST_TEXT_MAX];
	struct site_index *found;
	size_t n;

	if (map_count(r->hosts) == 0 || fold_host(host, text, &n) < 0 || text[0] == '*')
		return NULL;
	found = map_find(r->hosts, slice_of(text, n));
	for (size_t i = 1; !found && r->has_wildcards && i < n; i++) {
		if (text[i] != '.')
			continue;
		/* The byte in front of the dot has been used up: "*.example" in its place. */
		text[i - 1] = '*';
		found = map_find(r->hosts, slice_of(text + i - 1, n - i + 1));
	}
	return found;
}

static struct site_index *
find_site(const struct route_index *r, struct slice host)
{
	struct site_index *found = find_named_site(r, host);

	return found ? found : r->any;
}

const struct conf_site *
route_find_site(const struct route_index *r, struct slice host)
{
	const struct site_index *found = find_site(r, host);

	return found ? found->site : NULL;
}

/* path begins with prefix: whether it does so on a border between segments. */
static bool
is_border(struct slice path, struct slice prefix)
{
	return prefix.n == path.n || prefix.p[prefix.n - 1] == '/' || path.p[prefix.n] == '/';
}

static const struct entry *
find_prefix(const struct site_index *s, struct slice path)
{
	size_t behind = entries_behind(s->prefixes, s->n_prefixes, path);
	size_t i = behind ? behind - 1 : NO_PARENT;

	while (i != NO_PARENT) {
		const struct entry *entry = &s->prefixes[i];

		if (slice_starts(path, entry->path) && is_border(path, entry->path))
			return entry;
		i = entry->parent;
	}
	return NULL;
}

/* <0, 0, >0: entry against path with one '/' behind it. */
static int
compare_folder(struct slice entry, struct slice path)
{
	int order = compare_paths(slice_head(entry, path.n), path);

	if (order)
		return order;
	return entry.n == path.n ? -1 : compare_paths(slice_skip(entry, path.n), SLICE_LIT("/"));
}

/* The prefix route that is path with one '/' behind it. */
static const struct entry *
find_folder(const struct site_index *s, struct slice path)
{
	size_t low = 0, high = s->n_prefixes;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_folder(s->prefixes[middle].path, path);

		if (order == 0)
			return &s->prefixes[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static struct route_match
find_in_site(const struct site_index *s, struct slice path)
{
	struct route_match m = {.verdict = ROUTE_FOUND, .site = s->site};
	const struct entry *entry = entry_find(s->exacts, s->n_exacts, path);

	if (!entry)
		entry = find_prefix(s, path);
	if (!entry || (!entry->route->exact && entry->path.n < path.n)) {
		const struct entry *folder = find_folder(s, path);

		if (folder) {
			m.verdict = ROUTE_REDIRECT_SLASH;
			m.route = folder->route;
			return m;
		}
	}
	if (!entry) {
		m.verdict = ROUTE_NONE;
		return m;
	}
	m.route = entry->route;
	m.matched = entry->path.n;
	return m;
}

struct route_match
route_find(const struct route_index *r, struct slice host, struct slice path)
{
	const struct site_index *s = find_site(r, host);

	if (!s)
		return (struct route_match){.verdict = ROUTE_NO_SITE};
	return find_in_site(s, path);
}

int32_t
route_find_certificate(const struct route_index *r, struct slice sni)
{
	const struct site_index *s = find_named_site(r, sni);

	if (!s && r->conf->tls.refuse_unknown)
		return -1;
	if (s && s->site->certificate >= 0)
		return s->site->certificate;
	return r->default_certificate;
}

bool
route_site_allowed(const struct conf_site *site, int32_t sni_certificate)
{
	return site->certificate == sni_certificate;
}

static bool
serves_plain(const struct site_index *s, struct slice path, struct route_match *ret)
{
	struct route_match m;

	if (!s)
		return false;
	m = find_in_site(s, path);
	if (m.verdict != ROUTE_FOUND || m.matched <= 1 || m.route->target.type != CONF_TARGET_DIR)
		return false;
	*ret = m;
	return true;
}

bool
route_find_plain(
	const struct route_index *r, struct slice host, struct slice path, struct route_match *ret)
{
	if (!slice_starts(path, SLICE_LIT("/.well-known/acme-challenge/")))
		return false;
	return serves_plain(find_named_site(r, host), path, ret) || serves_plain(r->any, path, ret);
}
