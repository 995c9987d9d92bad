/* Who may say who the client is, and what the proxy does to heads: trusted, rewrite,
 * hsts, header. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/template.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELD_NAME_MAX 256

/* ---- trusted ---- */

static int
read_trusted(struct parse *p, const struct word *w)
{
	struct conf *c = p->conf;
	struct prefix network, *slot;
	char text[ADDR_TEXT_MAX];

	if (word_read_network(p, w, &network) < 0)
		return -1;
	for (size_t i = 0; i < c->n_trusted; i++)
		if (prefix_overlaps(&c->trusted[i], &network))
			return parse_error(p, w, "\"%.*s\" overlaps %s, which stands before it",
				WORD_ARG(w), prefix_print(&c->trusted[i], text));
	if (c->n_trusted == CONF_TRUSTED_MAX)
		return parse_error(p, w, "more than %d trusted addresses", CONF_TRUSTED_MAX);
	slot = parse_add(p, &c->trusted, &c->n_trusted, sizeof(*slot));
	if (!slot)
		return -1;
	*slot = network;
	return 0;
}

int
set_trusted(struct parse *p, const struct directive *d)
{
	int ret = 0;

	if (!p->conf->trusted_ordinal)
		p->conf->trusted_ordinal = d->ordinal;
	for (size_t i = 1; i < d->n; i++)
		if (read_trusted(p, &d->words[i]) < 0)
			ret = -1;
	return ret;
}

/* ---- header ---- */

/* The heads of the block that is open. */
static struct conf_heads *
open_heads(struct parse *p)
{
	switch (p->scopes[p->depth].context) {
	case CONTEXT_SITE:
		return &p->conf->sites[p->site].heads;
	case CONTEXT_ROUTE:
		return &p->conf->sites[p->site].routes[p->route].heads;
	case CONTEXT_TOP:
	case CONTEXT_CONTAINER:
	case CONTEXT_COUNT:
		break;
	}
	return &p->conf->heads;
}

int
set_rewrite(struct parse *p, const struct directive *d)
{
	struct conf_heads *heads = open_heads(p);
	int rewrite;

	heads->rewrite_ordinal = d->ordinal;
	if (word_read_word(p, "rewrite", &d->words[1], &rewrite) < 0)
		return -1;
	heads->rewrite = (enum conf_rewrite)rewrite;
	return 0;
}

/* ---- proxy-protocol ---- */

int
set_proxy_protocol(struct parse *p, const struct directive *d)
{
	struct conf_route *route = &p->conf->sites[p->site].routes[p->route];
	int version;

	route->proxy_protocol_ordinal = d->ordinal;
	if (word_read_word(p, "proxy-protocol", &d->words[1], &version) < 0)
		return -1;
	if (route->target.type == CONF_TARGET_DIR || route->target.type == CONF_TARGET_REDIRECT ||
		route->target.type == CONF_TARGET_STATUS)
		return parse_error(p, &d->words[0],
			"this route has no server that could be told of its clients");
	route->proxy_protocol = (uint32_t)version;
	return 0;
}

/* ---- hsts ---- */

#define HSTS_NAME "Strict-Transport-Security"
#define HSTS_VALUE_MAX 96
#define DAY_MS (UINT64_C(24) * 3600 * 1000)

/* The rule that it amounts to, so that whoever sends heads knows rules only. */
static int
make_hsts_rule(struct parse *p, struct conf_hsts *hsts)
{
	struct conf_heads *heads = &hsts->heads;
	struct conf_header_rule *rule;
	char value[HSTS_VALUE_MAX];
	int n = snprintf(value, sizeof(value), "max-age=%" PRIu64 "%s%s", hsts->ms / 1000,
		hsts->subdomains ? "; includeSubDomains" : "", hsts->preload ? "; preload" : "");

	rule = parse_add(p, &heads->rules, &heads->n_rules, sizeof(*rule));
	if (!rule)
		return -1;
	rule->side = CONF_HEADER_RESPONSE;
	rule->name = parse_dup(p, SLICE_LIT(HSTS_NAME));
	rule->value = parse_dup(p, slice_of(value, (size_t)n));
	rule->parts = calloc(1, sizeof(*rule->parts));
	if (!rule->name || !rule->value || !rule->parts)
		return parse_no_memory(p);
	rule->parts[0].n = (uint16_t)n;
	rule->n_parts = 1;
	heads->n_side[CONF_HEADER_RESPONSE] = 1;
	return 0;
}

static int
read_hsts_words(struct parse *p, const struct directive *d, struct conf_hsts *hsts)
{
	for (size_t i = 2; i < d->n; i++) {
		bool *flag;
		int word;

		if (word_read_word(p, "hsts", &d->words[i], &word) < 0)
			return -1;
		flag = word ? &hsts->preload : &hsts->subdomains;
		if (*flag)
			return parse_error(p, &d->words[i], "\"%.*s\" stands here twice",
				WORD_ARG(&d->words[i]));
		*flag = true;
	}
	return 0;
}

int
set_hsts(struct parse *p, const struct directive *d)
{
	static const uint64_t range_ms[2] = {0, 3660 * DAY_MS};
	struct conf_hsts *hsts = &p->conf->sites[p->site].hsts;

	hsts->ordinal = d->ordinal;
	if (word_read_time(p, &d->words[1], range_ms, &hsts->ms) < 0 ||
		read_hsts_words(p, d, hsts) < 0)
		return -1;
	if (hsts->ms % 1000)
		return parse_error(p, &d->words[1], "browsers count in whole seconds");
	/* What the browsers' list demands. */
	if (hsts->preload && (!hsts->subdomains || hsts->ms < 365 * DAY_MS))
		return parse_error(p, &d->words[1],
			"the preload list takes sites with 365d or more and subdomains only; "
			"write: "
			"hsts 365d subdomains preload");
	return make_hsts_rule(p, hsts);
}

/* ---- the name ---- */

static bool
is_token_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* Fields by which messages end and connections go on: one of them from a rule would make a second
 * request of a body (RFC 9110 section 7.6.1, RFC 9112 section 6). */
static bool
is_framing(struct slice name)
{
	static const char *const names[] = {"connection", "content-length", "expect",
		"http2-settings", "keep-alive", "proxy-connection", "te", "trailer",
		"transfer-encoding", "upgrade"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_ieq(name, slice_str(names[i])))
			return true;
	return false;
}

/* What is wrong with it, as the end of a sentence that begins with it, or NULL. */
static const char *
field_name(struct slice name)
{
	if (name.n == 0)
		return "is empty";
	if (name.n > FIELD_NAME_MAX)
		return "is longer than 256 bytes";
	if (name.p[name.n - 1] == ':')
		return "is written without a colon: header request NAME VALUE";
	for (size_t i = 0; i < name.n; i++)
		if (!is_token_byte(name.p[i]))
			return "is not the name of a field; it may hold letters, digits and "
			       "!#$%&'*+-.^_`|~";
	if (is_framing(name))
		return "is the proxy's own: by this field messages end and connections go on";
	return NULL;
}

/* What some backends read it as: they take '_' and '.' for '-'. It may be none of the fields that
 * the proxy vouches for. NULL, or what is wrong. */
static const char *
passed_name(struct slice name)
{
	static const char *const ours[] = {"host", "proxy", "forwarded", "x-real-ip",
		"x-request-id", "authorization", "cookie", "content-type"};
	char text[FIELD_NAME_MAX];
	struct slice read_as;

	if (name.n == 0 || name.n > sizeof(text))
		return field_name(name);
	for (size_t i = 0; i < name.n; i++)
		text[i] = (char)(name.p[i] == '_' || name.p[i] == '.' ? '-' : name.p[i]);
	read_as = slice_of(text, name.n);
	if (slice_eq(read_as, name))
		return "holds neither \"_\" nor \".\"; fields of such names go through without a "
		       "rule";
	if (is_framing(read_as) || slice_istarts(read_as, SLICE_LIT("x-forwarded-")))
		return "may be taken for a field that the proxy itself sends";
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (slice_ieq(read_as, slice_str(ours[i])))
			return "may be taken for a field that the proxy itself sends or checks";
	return field_name(name);
}

static int
read_name(struct parse *p, const struct word *w, struct conf_header_rule *rule)
{
	if (rule->verb == CONF_HEADER_PASS)
		return word_read_checked(p, w, passed_name(w->text), &rule->name);
	/* Exactly one Host, always (RFC 9112 section 3.2). */
	if (rule->side == CONF_HEADER_REQUEST && rule->verb != CONF_HEADER_SET &&
		slice_ieq(w->text, SLICE_LIT("host")))
		return parse_error(p, w,
			"every request has exactly one Host; it can only be set: header request "
			"Host VALUE");
	return word_read_checked(p, w, field_name(w->text), &rule->name);
}

/* ---- the value ---- */

static int
read_value(struct parse *p, const struct word *w, struct conf_header_rule *rule)
{
	struct template_part parts[TEMPLATE_PARTS_MAX];
	struct err e;
	size_t n;

	if (template_parse(w->text, parts, &n, &e) < 0)
		return parse_error(p, w, "%s", e.msg);
	rule->value = parse_dup(p, w->text);
	if (!rule->value)
		return -1;
	if (n == 0)
		return parse_error(p, w, "the value is empty; write: header %s remove NAME",
			schema_word_name("header", (int)rule->side));
	rule->parts = calloc(n, sizeof(*rule->parts));
	if (!rule->parts)
		return parse_no_memory(p);
	memcpy(rule->parts, parts, n * sizeof(*parts));
	rule->n_parts = n;
	return 0;
}

/* ---- the rule ---- */

/* How many words stand behind the side: the verb, when there is one, and what it needs. */
static int
check_words(struct parse *p, const struct directive *d, const struct conf_header_rule *rule)
{
	const char *side = schema_word_name("header", (int)rule->side);
	size_t want = rule->verb == CONF_HEADER_ADD ? 5 : 4;

	if (d->n < want)
		return parse_error(p, &d->after,
			"the value is missing; write: header %s add NAME VALUE", side);
	if (d->n > want && rule->verb == CONF_HEADER_SET)
		return parse_error(p, &d->words[want],
			"\"%.*s\" is one word too many; a value with blanks stands in \"...\"",
			WORD_ARG(&d->words[want]));
	if (d->n > want)
		return parse_error(p, &d->words[want],
			"\"%.*s\" is one word too many; write: header %s %s NAME",
			WORD_ARG(&d->words[want]), side, schema_word_name("rule", (int)rule->verb));
	if (rule->verb == CONF_HEADER_PASS && rule->side == CONF_HEADER_RESPONSE)
		return parse_error(p, &d->words[2],
			"fields of answers go through whatever their names hold; write: header "
			"request pass NAME");
	return 0;
}

int
set_header(struct parse *p, const struct directive *d)
{
	struct conf_heads *heads = open_heads(p);
	struct conf_header_rule *rule;
	int side, verb;

	if (word_read_word(p, "header", &d->words[1], &side) < 0)
		return -1;
	if (heads->n_rules == CONF_HEADER_RULES_MAX)
		return parse_error(p, &d->words[1], "more than %d header rules in one place",
			CONF_HEADER_RULES_MAX);
	rule = parse_add(p, &heads->rules, &heads->n_rules, sizeof(*rule));
	if (!rule)
		return -1;
	verb = schema_word_value("rule", d->words[2].text);
	rule->ordinal = d->ordinal;
	rule->side = (enum conf_header_side)side;
	rule->verb = verb < 0 ? CONF_HEADER_SET : (enum conf_header_verb)verb;
	if (rule->verb != CONF_HEADER_PASS)
		heads->n_side[side]++;
	if (check_words(p, d, rule) < 0 || read_name(p, &d->words[verb < 0 ? 2 : 3], rule) < 0)
		return -1;
	if (rule->verb == CONF_HEADER_REMOVE || rule->verb == CONF_HEADER_PASS)
		return 0;
	return read_value(p, &d->words[d->n - 1], rule);
}
