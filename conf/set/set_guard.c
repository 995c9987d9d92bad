/* What may stand at top level, in a site and in a route to guard it: access,
 * rate-limit, connection-limit, auth. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "core/num.h"

#include <stdlib.h>

#define RATE_COUNT_MAX 100000
#define RATE_BURST_MAX 1000000
#define CONNECTION_LIMIT_MAX 1000000

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

static int
set_burst(struct parse *p, const struct directive *d, struct conf_rate *rate)
{
	static const uint64_t range[2] = {1, RATE_BURST_MAX};
	uint64_t burst;
	int word;

	if (word_read_word(p, "rate-limit burst", &d->words[2], &word) < 0)
		return -1;
	if (d->n == 3)
		return parse_error(p, &d->words[2], "the number of \"burst\" is missing");
	if (word_read_number(p, &d->words[3], range, &burst) < 0)
		return -1;
	rate->burst = (uint32_t)burst;
	rate->burst_written = true;
	return 0;
}

int
set_rate_limit(struct parse *p, const struct directive *d)
{
	struct conf_rate *rate = &open_guard(p)->rate;
	const struct word *w = &d->words[1];

	rate->ordinal = d->ordinal;
	if (slice_eq_str(w->text, "off")) {
		if (d->n > 2)
			return parse_error(p, &d->words[2], "nothing may follow \"off\"");
		return 0;
	}
	if (word_read_rate(p, w, RATE_COUNT_MAX, &rate->count, &rate->period_ms) < 0)
		return -1;
	rate->burst = rate->count;
	return d->n > 2 ? set_burst(p, d, rate) : 0;
}

int
set_connection_limit(struct parse *p, const struct directive *d)
{
	static const uint64_t range[2] = {1, CONNECTION_LIMIT_MAX};
	struct conf_connection_limit *limit = &open_guard(p)->connections;
	uint64_t n = 0;

	limit->ordinal = d->ordinal;
	if (slice_eq_str(d->words[1].text, "0"))
		return parse_error(p, &d->words[1], "write \"off\" for no limit");
	if (!slice_eq_str(d->words[1].text, "off") &&
		word_read_number(p, &d->words[1], range, &n) < 0)
		return -1;
	limit->n = (uint32_t)n;
	return 0;
}

/* The number of the file among those that the configuration names. 0 or -1. */
static int
take_password_file(struct parse *p, const struct directive *d, const struct word *w, size_t *ret)
{
	struct conf *c = p->conf;
	struct conf_password_file *file;

	for (size_t i = 0; i < c->n_password_files; i++)
		if (c->password_files[i].path && slice_eq_str(w->text, c->password_files[i].path)) {
			*ret = i;
			return 0;
		}
	if (c->n_password_files == CONF_PASSWORD_FILES_MAX)
		return parse_error(
			p, w, "more than %d files of passwords", CONF_PASSWORD_FILES_MAX);
	file = parse_add(p, &c->password_files, &c->n_password_files, sizeof(*file));
	if (!file)
		return -1;
	file->ordinal = d->ordinal;
	*ret = c->n_password_files - 1;
	return word_read_file(p, w, &file->path);
}

static int
read_realm(struct parse *p, const struct word *w, char **ret)
{
	const char *why = NULL;

	if (w->text.n == 0 || w->text.n > CONF_AUTH_REALM_MAX)
		why = "is no realm; write 1 to 128 characters";
	for (size_t i = 0; i < w->text.n && !why; i++)
		if (w->text.p[i] < ' ' || w->text.p[i] > '~')
			why = "holds a character beyond ASCII, which no realm may";
	return word_read_checked(p, w, why, ret);
}

enum basic_word { BASIC_REALM, BASIC_PASS };

static int
set_auth_basic(struct parse *p, const struct directive *d, struct conf_auth *auth)
{
	if (d->n < 3)
		return parse_error(p, &d->after,
			"the file of passwords is missing; write: auth basic FILE [realm TEXT] "
			"[pass]");
	if (take_password_file(p, d, &d->words[2], &auth->file) < 0)
		return -1;
	auth->path = p->conf->password_files[auth->file].path;
	for (size_t i = 3; i < d->n; i++) {
		int word;

		if (word_read_word(p, "auth basic", &d->words[i], &word) < 0)
			return -1;
		if (word == BASIC_PASS ? auth->pass : auth->realm != NULL)
			return parse_error(p, &d->words[i], "\"%.*s\" stands here already",
				WORD_ARG(&d->words[i]));
		auth->pass = auth->pass || word == BASIC_PASS;
		if (word == BASIC_PASS)
			continue;
		if (++i == d->n)
			return parse_error(p, &d->words[i - 1], "the text of \"realm\" is missing");
		if (read_realm(p, &d->words[i], &auth->realm) < 0)
			return -1;
	}
	return 0;
}

/* Fields that say how a message is framed or where it goes can't come from another's answer. */
static const char *
check_copied(struct slice name)
{
	static const char *const refused[] = {"host", "connection", "content-length", "expect",
		"keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"};

	if (name.n == 0 || name.n > CONF_TOKEN_MAX)
		return "is no name of a header";
	for (size_t i = 0; i < name.n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-",
			    name.p[i]))
			return "is no name of a header; it has letters, digits and -";
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (slice_ieq(name, slice_str(refused[i])))
			return "can't be copied: the proxy itself writes it";
	return NULL;
}

static int
read_copied(struct parse *p, const struct directive *d, struct conf_auth *auth)
{
	int word;

	if (word_read_word(p, "auth forward", &d->words[3], &word) < 0)
		return -1;
	if (d->n == 4)
		return parse_error(p, &d->words[3], "the headers behind \"copy\" are missing");
	for (size_t i = 4; i < d->n; i++) {
		char **slot;

		if (auth->n_copy == CONF_AUTH_COPY_MAX)
			return parse_error(p, &d->words[i], "more than %d headers to copy",
				CONF_AUTH_COPY_MAX);
		slot = parse_add(p, &auth->copy, &auth->n_copy, sizeof(*slot));
		if (!slot || word_read_checked(
				     p, &d->words[i], check_copied(d->words[i].text), slot) < 0)
			return -1;
	}
	return 0;
}

static int
set_auth_forward(struct parse *p, const struct directive *d, struct conf_auth *auth)
{
	struct conf_route **slot;

	if (d->n < 3)
		return parse_error(p, &d->after,
			"the server is missing; write: auth forward TARGET [copy HEADER...]");
	auth->forward = calloc(1, sizeof(*auth->forward));
	if (!auth->forward)
		return parse_no_memory(p);
	slot = parse_add(p, &p->conf->asked, &p->conf->n_asked, sizeof(struct conf_route *));
	if (!slot)
		return -1;
	*slot = auth->forward;
	auth->forward->ordinal = d->ordinal;
	if (directive_read_server(p, d, &d->words[2], &auth->forward->target) < 0)
		return -1;
	/* It is asked for this path, whatever the request's is. */
	auth->forward->path = auth->forward->target.path;
	auth->forward->target.path = NULL;
	if (!auth->forward->path)
		auth->forward->path = parse_dup(p, SLICE_LIT("/"));
	if (!auth->forward->path)
		return -1;
	return d->n > 3 ? read_copied(p, d, auth) : 0;
}

int
set_auth(struct parse *p, const struct directive *d)
{
	struct conf_auth *auth = &open_guard(p)->auth;
	int kind;

	auth->ordinal = d->ordinal;
	if (word_read_word(p, "auth", &d->words[1], &kind) < 0)
		return -1;
	auth->kind = (enum conf_auth_kind)kind;
	switch (auth->kind) {
	case CONF_AUTH_OFF:
		break;
	case CONF_AUTH_BASIC:
		return set_auth_basic(p, d, auth);
	case CONF_AUTH_FORWARD:
		return set_auth_forward(p, d, auth);
	}
	return d->n == 2 ? 0 : parse_error(p, &d->words[2], "nothing may follow \"off\"");
}
