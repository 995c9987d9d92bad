/* What may stand at top level, in a site and in a route: upgrade. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/value.h"

/* Protocols that no route may have. What HTTP itself is would bring requests past all that the file
 * says about them, and TLS (RFC 2817) would hide them. */
static const struct {
	const char *name, *why;
} never[] = {
	{"h2", "is HTTP itself, past the proxy; for clients of HTTP/2 write: listen 443 tls http2"},
	{"h2c", "is HTTP itself, past the proxy; for clients of HTTP/2 write: listen 443 tls "
		"http2"},
	{"h3", "is HTTP itself, past the proxy; leave it out"},
	{"HTTP", "is HTTP itself, past the proxy; for clients of HTTP/2 write: listen 443 tls "
		 "http2"},
	{"TLS", "would hide requests from the proxy; for TLS write: listen 443 tls"},
	{"on", "is no protocol; name those that may be switched to, as in: upgrade tcp SPDY/3.1"},
	{CONF_WEBSOCKET, "needs no directive: every route passes it on; leave it out"},
};

static struct conf_upgrade *
open_upgrade(struct parse *p)
{
	switch (p->scopes[p->depth].context) {
	case CONTEXT_SITE:
		return &p->conf->sites[p->site].upgrade;
	case CONTEXT_ROUTE:
		return &p->conf->sites[p->site].routes[p->route].upgrade;
	case CONTEXT_TOP:
	case CONTEXT_CONTAINER:
	case CONTEXT_COUNT:
		break;
	}
	return &p->conf->upgrade;
}

/* What is wrong with a protocol, as value.h says it, or NULL. The version does not count for what
 * is never allowed. */
static const char *
wrong_protocol(struct slice s)
{
	const char *why = value_protocol(s);
	struct slice name = slice_head(s, slice_index(s, '/'));

	for (size_t i = 0; !why && i < sizeof(never) / sizeof(never[0]); i++)
		if (slice_ieq(name, slice_str(never[i].name)))
			why = never[i].why;
	return why;
}

static bool
is_listed(const struct conf_upgrade *upgrade, struct slice protocol)
{
	for (size_t i = 0; i < upgrade->n; i++)
		if (slice_ieq(slice_str(upgrade->protocols[i]), protocol))
			return true;
	return false;
}

static int
add_protocol(struct parse *p, struct conf_upgrade *upgrade, const struct word *w)
{
	char **slot;

	if (slice_eq_str(w->text, "off"))
		return parse_error(p, w, "\"off\" stands alone");
	if (is_listed(upgrade, w->text))
		return parse_error(p, w, "\"%.*s\" stands here twice", WORD_ARG(w));
	slot = parse_add(p, &upgrade->protocols, &upgrade->n, sizeof(*slot));
	if (!slot)
		return -1;
	if (word_read_checked(p, w, wrong_protocol(w->text), slot) == 0)
		return 0;
	upgrade->n--;
	return -1;
}

int
set_upgrade(struct parse *p, const struct directive *d)
{
	struct conf_upgrade *upgrade = open_upgrade(p);
	int ret = 0;

	upgrade->ordinal = d->ordinal;
	if (d->n == 2 && slice_eq_str(d->words[1].text, "off"))
		return 0;
	if (d->n > CONF_UPGRADES_MAX + 1)
		return parse_error(p, &d->words[CONF_UPGRADES_MAX + 1],
			"one place may list %d protocols; leave the others out, or list them where "
			"their routes are",
			CONF_UPGRADES_MAX);
	for (size_t i = 1; i < d->n && !p->stopped; i++)
		if (add_protocol(p, upgrade, &d->words[i]) < 0)
			ret = -1;
	return ret;
}
