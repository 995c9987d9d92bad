/* Sites, their routes, and the certificate that a site names. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/value.h"

#include <stdlib.h>

static struct conf_site *
open_site(struct parse *p)
{
	return &p->conf->sites[p->site];
}

/* A host in the spelling that requests are looked up by, as the configuration's own. NULL when
 * memory is short. */
static char *
fold_host(struct parse *p, struct slice s)
{
	char literal[ADDR_PORT_TEXT_MAX];
	size_t n = addr_fold_literal(s, literal);
	char *host = parse_dup(p, n ? slice_of(literal, n) : s);

	for (char *c = host; c && *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return host;
}

static int
read_host(struct parse *p, const struct directive *d, const struct word *w)
{
	struct conf_site *site = open_site(p);
	const char *why = value_site_host(w->text);
	char where[PARSE_WHERE_MAX];
	char **slot, *host;
	uint32_t taken;
	int ret;

	if (why)
		return parse_error(p, w, "the host \"%.*s\" %s", WORD_ARG(w), why);
	host = fold_host(p, w->text);
	slot = host ? parse_add(p, &site->hosts, &site->n_hosts, sizeof(*slot)) : NULL;
	if (!slot) {
		free(host);
		return -1;
	}
	*slot = host;
	ret = names_take(&p->names, (struct name){.kind = NAME_HOST, .text = slice_str(host)},
		d->ordinal, &taken);
	if (ret < 0)
		return parse_no_memory(p);
	if (ret > 0 && taken == d->ordinal)
		return parse_error(p, w, "the host \"%.*s\" is named twice", WORD_ARG(w));
	if (ret > 0)
		return parse_error(p, w, "the host \"%.*s\" has a site already, %s", WORD_ARG(w),
			parse_where(p, taken, d->ordinal, where));
	return 0;
}

static struct conf_route *
add_route(struct parse *p, const struct directive *d)
{
	struct conf_site *site = open_site(p);
	struct conf_route *route = parse_add(p, &site->routes, &site->n_routes, sizeof(*route));

	if (!route)
		return NULL;
	route->ordinal = d->ordinal;
	p->route = site->n_routes - 1;
	return route;
}

static int
set_short_form(struct parse *p, const struct directive *d)
{
	struct conf_route *route = add_route(p, d);

	if (!route)
		return -1;
	open_site(p)->short_form = true;
	route->path = parse_dup(p, SLICE_LIT("/"));
	if (!route->path)
		return -1;
	return directive_read_targets(p, d, route);
}

int
set_site(struct parse *p, const struct directive *d)
{
	struct conf *c = p->conf;
	struct conf_site *site = parse_add(p, &c->sites, &c->n_sites, sizeof(*site));
	int ret = 0;

	if (!site)
		return -1;
	p->site = c->n_sites - 1;
	site->ordinal = d->ordinal;
	site->certificate = -1;
	for (size_t i = 1; i < d->n; i++)
		if (read_host(p, d, &d->words[i]) < 0)
			ret = -1;
	if (d->has_arrow && d->has_block)
		return parse_error(p, &d->after,
			"a site with a target takes no block; write: site HOST { route / -> TARGET "
			"}");
	if (!d->has_arrow && !d->has_block)
		return parse_error(p, &d->after,
			"the site has neither a block nor a target; write: site HOST { ... } or "
			"site HOST -> TARGET");
	if (d->has_arrow && set_short_form(p, d) < 0)
		ret = -1;
	return ret;
}

int
set_site_certificate(struct parse *p, const struct directive *d)
{
	struct conf_site *site = open_site(p);
	const struct word *name = &d->words[1];

	site->certificate_ordinal = d->ordinal;
	if (word_read_checked(p, name, value_name(name->text), &site->certificate_name) < 0)
		return -1;
	return parse_refer(p, REFERENCE_CERTIFICATE, d, name);
}

/* ---- routes ---- */

static int
take_route(struct parse *p, const struct directive *d, const struct word *w, bool exact)
{
	const struct name name = {
		.kind = exact ? NAME_ROUTE_EXACT : NAME_ROUTE,
		.owner = p->site,
		.text = w->text,
	};
	char where[PARSE_WHERE_MAX];
	uint32_t taken;
	int ret = names_take(&p->names, name, d->ordinal, &taken);

	if (ret < 0)
		return parse_no_memory(p);
	if (ret > 0)
		return parse_error(p, w, "the site has this route already, %s",
			parse_where(p, taken, d->ordinal, where));
	return 0;
}

static int
read_route_path(struct parse *p, const struct directive *d, struct conf_route *route)
{
	const struct word *w = &d->words[d->n - 1];
	const struct word *first = &d->words[1];

	route->exact = d->n > 2;
	if (route->exact && !slice_eq_str(first->text, "="))
		return parse_error(p, first,
			"unknown word \"%.*s\"; only \"=\" may stand before the path",
			WORD_ARG(first));
	if (w->text.n > 1 && w->text.p[0] == '=')
		return parse_error(p, w, "write a blank behind the \"=\"");
	if (w->text.n && (w->text.p[0] == '~' || w->text.p[0] == '^'))
		return parse_error(p, w, "routes are paths; there are no regular expressions");
	if (word_read_checked(p, w, value_route_path(w->text), &route->path) < 0)
		return -1;
	return take_route(p, d, w, route->exact);
}

int
set_route(struct parse *p, const struct directive *d)
{
	struct conf_route *route = add_route(p, d);
	int ret;

	if (!route)
		return -1;
	ret = read_route_path(p, d, route);
	return directive_read_targets(p, d, route) < 0 ? -1 : ret;
}
