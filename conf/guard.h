/*
 * What guards a place of the file (the top level, a site, a route): who may come in. Each guard
 * that a block writes replaces the outer block's; what is effective is found through the *_from
 * pointers, which parse_check fills in and which point into the same configuration.
 */
#ifndef CONF_GUARD_H
#define CONF_GUARD_H

#include "core/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_ACCESS_RULES_MAX 1024 /* of one block */

/* The first rule that matches decides. What none matches is treated unlike the last one. */
struct conf_access_rule {
	uint32_t ordinal;
	bool allow;
	struct prefix net; /* .addr.family 0: all */
};

struct conf_guard {
	struct conf_access_rule *access; /* as written here; NULL: not */
	size_t n_access;
	/* The guard of the innermost block that writes it; NULL: none does. */
	const struct conf_guard *access_from;
};

bool conf_guard_equal(const struct conf_guard *a, const struct conf_guard *b);
/* Fills in what is effective; outer is NULL for the top level. */
void conf_guard_inherit(struct conf_guard *guard, const struct conf_guard *outer);
/* Whether the block writes anything of it. */
bool conf_guard_written(const struct conf_guard *guard);
void conf_guard_clear(struct conf_guard *guard);

#endif
