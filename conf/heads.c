/* What is said about heads: inherited, compared, freed. */
#include "conf/heads.h"

#include "core/fnv.h"

#include <stdlib.h>
#include <string.h>

static bool
same_rule(const struct conf_header_rule *a, const struct conf_header_rule *b)
{
	if (a->side != b->side || a->verb != b->verb || strcmp(a->name, b->name) != 0)
		return false;
	return !a->value || strcmp(a->value, b->value) == 0;
}

bool
conf_heads_pass(const struct conf_heads *heads, struct slice name)
{
	for (size_t i = 0; i < heads->n_rules; i++)
		if (heads->rules[i].verb == CONF_HEADER_PASS &&
			slice_ieq(slice_str(heads->rules[i].name), name))
			return true;
	return false;
}

bool
conf_heads_equal(const struct conf_heads *a, const struct conf_heads *b)
{
	if (a->n_rules != b->n_rules || a->rewrite != b->rewrite ||
		!a->rewrite_ordinal != !b->rewrite_ordinal)
		return false;
	for (size_t i = 0; i < a->n_rules; i++)
		if (!same_rule(&a->rules[i], &b->rules[i]))
			return false;
	return true;
}

static uint64_t
hash_rules(uint64_t hash, const struct conf_heads *heads)
{
	for (size_t i = 0; i < heads->n_rules; i++) {
		const struct conf_header_rule *rule = &heads->rules[i];

		if (rule->side != CONF_HEADER_REQUEST)
			continue;
		hash = fnv_byte(hash, (uint8_t)rule->verb);
		hash = fnv_text(hash, rule->name ? rule->name : "");
		hash = fnv_text(hash, rule->value ? rule->value : "");
	}
	return fnv_byte(hash, (uint8_t)heads->rewrite);
}

void
conf_heads_inherit(struct conf_heads *heads, const struct conf_heads *outer)
{
	if (outer && !heads->rewrite_ordinal)
		heads->rewrite = outer->rewrite;
	heads->print = hash_rules(outer ? outer->print : FNV_START, heads);
}

bool
conf_heads_written(const struct conf_heads *heads)
{
	return heads->n_rules > 0 || heads->rewrite_ordinal;
}

bool
conf_hsts_equal(const struct conf_hsts *a, const struct conf_hsts *b)
{
	return !a->ordinal == !b->ordinal && a->ms == b->ms && a->subdomains == b->subdomains &&
	       a->preload == b->preload;
}

void
conf_heads_clear(struct conf_heads *heads)
{
	for (size_t i = 0; i < heads->n_rules; i++) {
		free(heads->rules[i].name);
		free(heads->rules[i].value);
		free(heads->rules[i].parts);
	}
	free(heads->rules);
}
