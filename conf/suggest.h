/*
 * What somebody probably meant: the known word nearest to an unknown one, and what the words of
 * other programs' configurations are called here. Pure.
 */
#ifndef CONF_SUGGEST_H
#define CONF_SUGGEST_H

#include "conf/schema.h"
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

#endif
