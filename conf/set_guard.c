/* What may stand at top level, in a site and in a route to guard it: access. */
#include "conf/setters.h"

#include "conf/parse.h"

/* The guard of the block that is open. */
static struct conf_guard *
open_guard(struct parse *p)
{
	switch (p->scopes[p->depth].context) {
	case CONTEXT_SITE:
		return &p->conf->sites[p->site].guard;
	case CONTEXT_ROUTE:
		return &p->conf->sites[p->site].routes[p->route].guard;
	case CONTEXT_TOP:
	case CONTEXT_CONTAINER:
	case CONTEXT_COUNT:
		break;
	}
	return &p->conf->guard;
}

static bool
rule_covers(const struct conf_access_rule *a, const struct conf_access_rule *b)
{
	if (!a->net.addr.family)
		return true;
	return a->net.addr.family == b->net.addr.family && a->net.len <= b->net.len &&
	       prefix_contains(&a->net, &b->net.addr);
}

/* A rule behind one that matches all of the same addresses is never reached. */
static int
check_access_reached(struct parse *p, const struct word *w, const struct conf_guard *g)
{
	const struct conf_access_rule *rule = &g->access[g->n_access - 1];
	char text[ADDR_TEXT_MAX], where[PARSE_WHERE_MAX];

	for (size_t i = 0; i + 1 < g->n_access; i++) {
		const struct conf_access_rule *before = &g->access[i];

		if (rule_covers(before, rule))
			return parse_error(p, w,
				"\"%.*s\" is never reached: \"%s\" stands before it, %s",
				WORD_ARG(w),
				before->net.addr.family ? prefix_print(&before->net, text) : "all",
				parse_where(p, before->ordinal, rule->ordinal, where));
	}
	return 0;
}

static int
set_access_rule(struct parse *p, const struct directive *d, const struct word *w, bool allow)
{
	struct conf_guard *g = open_guard(p);
	struct conf_access_rule *rule;

	if (g->n_access == CONF_ACCESS_RULES_MAX)
		return parse_error(
			p, w, "more than %d access rules in one block", CONF_ACCESS_RULES_MAX);
	rule = parse_add(p, &g->access, &g->n_access, sizeof(*rule));
	if (!rule)
		return -1;
	rule->ordinal = d->ordinal;
	rule->allow = allow;
	if (!slice_eq_str(w->text, "all") && word_read_network(p, w, &rule->net) < 0)
		return -1;
	return check_access_reached(p, w, g);
}

int
set_access(struct parse *p, const struct directive *d)
{
	int allow;

	if (word_read_word(p, "access", &d->words[1], &allow) < 0)
		return -1;
	for (size_t i = 2; i < d->n; i++)
		if (set_access_rule(p, d, &d->words[i], allow) < 0)
			return -1;
	return 0;
}
