/*
 * What somebody probably meant: the known word nearest to an unknown one, and what the words of
 * other programs' configurations are called here. Pure.
 */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

#include "conf/schema/schema.h"
#include "core/slice.h"

#include <stddef.h>

/* How many single-byte insertions, deletions, replacements and swaps of neighbours lead from a to
 * b; limit + 1 when more than limit do, or when either is longer than SUGGEST_WORD_MAX. */
#define SUGGEST_WORD_MAX 64
unsigned suggest_distance(struct slice a, struct slice b, unsigned limit);
/* Whether candidate is near enough to word, and nearer than *best; then *best is lowered. Begin
 * with *best = SUGGEST_NONE. */
#define SUGGEST_NONE 1000
bool suggest_better(struct slice word, struct slice candidate, unsigned *best);
/* The directive of that context that is nearest, or NULL. */
const char *suggest_directive(enum context context, struct slice name);
/* The word of that directive that is nearest, or NULL. */
const char *suggest_word(const char *directive, struct slice word);
/* What a word of nginx, HAProxy or a later capability is called here, or NULL. */
const char *suggest_foreign(struct slice name);
/* The same for a word of a directive that is known. */
const char *suggest_foreign_word(const char *directive, struct slice word);
/* What was meant by a number whose unit is written as elsewhere: 10m or 10MB for 10M, 90 or 90sec
 * for 90s, 20r/s for 20/s. Into out, or NULL. */
#define SUGGEST_VALUE_MAX 32
enum suggest_kind { SUGGEST_SIZE, SUGGEST_TIME, SUGGEST_RATE };
const char *suggest_value(
	enum suggest_kind kind, struct slice text, char out[static SUGGEST_VALUE_MAX]);
/* Begins with a mark that other languages, and word processors, have for quotes. */
bool suggest_is_odd_quote(struct slice word);
/* Has a no-break space in it, which editors show as a blank. */
bool suggest_has_odd_blank(struct slice word);
/* Is the name of a host, as a directive that other programs begin a site with. */
bool suggest_is_host(struct slice word);

#endif
