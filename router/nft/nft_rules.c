/*
 * Recognising rules: what the kernel tells of a rule and what we would send for it are put into
 * the same words by libnftnl, and compared in them. Attributes that only one side fills in do not
 * matter this way.
 */
#include "router/nft/nft_rules.h"

#include "router/nft/nft_expr.h"

#include <libnftnl/rule.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM_MAX 8192

struct rules_reading {
	struct nft_rules *rules;
	enum ruleset_family family;     /* of the table that is read */
	size_t before;                  /* rules of the table before it */
	char *ours[RULESET_RULE_COUNT]; /* the programs of our own rules */
};

/* The numbers of a counter are no part of the rule. */
static void
forget_counts(char *text)
{
	static const char mark[] = "[ counter ";
	char *at = text;

	while ((at = strstr(at, mark)) != NULL) {
		char *end = strchr(at, ']');

		at += sizeof(mark) - 1;
		if (end)
			memmove(at, end, strlen(end) + 1);
	}
}

/* What is not set is told by the kernel, and not by us: flags, and the time of a set's elements
 * that have none. */
static void
forget_unset(char *text)
{
	static const struct {
		const char *mark;
		size_t size;
	} unset[] = {{" 0x0 ]", sizeof(" 0x0") - 1}, {" timeout 0ms ", sizeof(" timeout 0ms") - 1}};

	for (size_t i = 0; i < sizeof(unset) / sizeof(unset[0]); i++) {
		char *at = text;

		while ((at = strstr(at, unset[i].mark)) != NULL)
			memmove(at, at + unset[i].size, strlen(at + unset[i].size) + 1);
	}
}

/* The rule's program without its first line, which says where it stands; NULL when memory is
 * short. */
static char *
program_of(const struct nftnl_rule *rule)
{
	char *text = calloc(1, PROGRAM_MAX), *body;
	int n = text ? nftnl_rule_snprintf(text, PROGRAM_MAX, rule, NFTNL_OUTPUT_DEFAULT, 0) : -1;

	if (n < 0) {
		free(text);
		return NULL;
	}
	body = strchr(text, '\n');
	if (body)
		memmove(text, body + 1, strlen(body + 1) + 1);
	forget_counts(text);
	forget_unset(text);
	return text;
}

/* NULL for those of limits that there are not. */
static int
programs_of_ours(const struct ruleset_limits *limits, char **ret)
{
	const struct ruleset all = {.rules = ~(ruleset_rules)0, .limits = *limits};

	for (size_t i = 0; i < RULESET_RULE_COUNT; i++) {
		struct nftnl_rule *rule;

		if (!ruleset_has_rule(&all, (enum ruleset_rule)i))
			continue;
		rule = nft_expr_rule((enum ruleset_rule)i, limits);
		ret[i] = rule ? program_of(rule) : NULL;
		nftnl_rule_free(rule);
		if (!ret[i])
			return -1;
	}
	return 0;
}

static enum ruleset_rule
recognise(const struct rules_reading *reading, const char *chain, const char *program)
{
	enum ruleset_family family = reading->family;

	for (size_t i = 0; i < RULESET_RULE_COUNT; i++) {
		enum ruleset_chain of = ruleset_rule_chain((enum ruleset_rule)i);

		if (reading->ours[i] && ruleset_chain_family(of) == family &&
			strcmp(ruleset_chain_name(of), chain) == 0 &&
			strcmp(reading->ours[i], program) == 0)
			return (enum ruleset_rule)i;
	}
	return RULESET_RULE_COUNT;
}

static struct nft_rule_found *
rules_add(struct nft_rules *r)
{
	if (r->n == NFT_RULES_MAX)
		return NULL;
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 64;
		struct nft_rule_found *v = realloc(r->v, cap * sizeof(*v));

		if (!v)
			return NULL;
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n] = (struct nft_rule_found){.rule = RULESET_RULE_COUNT};
	return &r->v[r->n++];
}

static int
take_rule(struct rules_reading *reading, const struct nftnl_rule *rule)
{
	const char *table = nftnl_rule_get_str(rule, NFTNL_RULE_TABLE);
	const char *chain = nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN);
	struct nft_rule_found *found;
	char *program;

	if (!table || !chain || strcmp(table, RULESET_TABLE) != 0)
		return 0;
	program = program_of(rule);
	found = program ? rules_add(reading->rules) : NULL;
	if (!found) {
		free(program);
		return -1;
	}
	found->family = reading->family;
	(void)snprintf(found->chain, sizeof(found->chain), "%s", chain);
	found->handle = nftnl_rule_get_u64(rule, NFTNL_RULE_HANDLE);
	found->rule = recognise(reading, chain, program);
	if (found->rule == RULESET_RULE_COUNT)
		found->program = program;
	else
		free(program);
	return 0;
}

static int
on_rule(const struct nlmsghdr *h, void *ctx)
{
	struct nftnl_rule *rule;
	int rc = 0;

	if (NFNL_MSG_TYPE(h->nlmsg_type) != NFT_MSG_NEWRULE)
		return 0;
	rule = nftnl_rule_alloc();
	if (!rule)
		return -1;
	/* What libnftnl does not understand is kept apart from what we make by its own words. */
	if (nftnl_rule_nlmsg_parse(h, rule) >= 0)
		rc = take_rule(ctx, rule);
	nftnl_rule_free(rule);
	return rc;
}

static void
on_restart(void *ctx)
{
	struct rules_reading *reading = ctx;
	struct nft_rules *rules = reading->rules;

	while (rules->n > reading->before)
		free(rules->v[--rules->n].program);
}

static int
read_family(struct nft *n, struct rules_reading *reading, struct err *e)
{
	struct netlink_dump dump = {.on_each = on_rule, .on_restart = on_restart, .ctx = reading};
	struct netlink_error error = {0};
	char request[NETLINK_REQUEST_MAX];
	struct nlmsghdr *h = nft_begin_read_of(n, reading->family, request, NFT_MSG_GETRULE);

	reading->before = reading->rules->n;
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, RULESET_TABLE);
	if (netlink_dump(&n->commands, h, &dump, &error) == 0)
		return 0;
	if (reading->family == RULESET_FAMILY_BRIDGE)
		return 0; /* it is not always there */
	return netlink_err(e, &error, "reading the rules of table inet " RULESET_TABLE);
}

int
nft_rules_read(struct nft *n, struct nft_rules *ret, struct err *e)
{
	struct nft_rules rules = {0};
	const struct ruleset_limits none = {0};
	struct rules_reading reading = {.rules = &rules};
	int rc;

	rc = programs_of_ours(n->limits ? n->limits : &none, reading.ours);
	if (rc < 0)
		err_set(e, "out of memory");
	for (size_t i = 0; rc == 0 && i < RULESET_FAMILY_COUNT; i++) {
		reading.family = (enum ruleset_family)i;
		rc = read_family(n, &reading, e);
	}
	for (size_t i = 0; i < RULESET_RULE_COUNT; i++)
		free(reading.ours[i]);
	if (rc < 0)
		nft_rules_clear(&rules);
	else
		*ret = rules;
	return rc;
}

void
nft_rules_clear(struct nft_rules *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i].program);
	free(r->v);
	*r = (struct nft_rules){0};
}

const struct nft_rule_found *
nft_rules_find(const struct nft_rules *r, enum ruleset_family family, uint64_t handle)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].family == family && r->v[i].handle == handle)
			return &r->v[i];
	return NULL;
}
