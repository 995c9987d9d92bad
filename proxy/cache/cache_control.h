/*
 * Cache-Control (RFC 9111 section 5.2) and the targeted fields that stand in its place (RFC 9213).
 * The ordinary field is read as leniently as its grammar was always used; a targeted one is a
 * dictionary of structured fields (RFC 8941), and one that is malformed does not count at all.
 * Slices point into the fields' own bytes.
 */
#ifndef PROXY_CACHE_CONTROL_H
#define PROXY_CACHE_CONTROL_H

#include "core/slice.h"

#include <stdbool.h>
#include <stdint.h>

#define CACHE_SECONDS_MAX INT64_C(2147483648) /* RFC 9111 section 1.2.2: greater ones are this */
#define CACHE_LISTS_MAX 4                     /* no-cache="…" and private="…" of one answer */

/* X(member, name): directives without an argument that counts */
#define CACHE_CONTROL_FLAGS(X)                                                                     \
	X(no_store, "no-store")                                                                    \
	X(no_cache, "no-cache")                                                                    \
	X(is_private, "private")                                                                   \
	X(is_public, "public")                                                                     \
	X(must_revalidate, "must-revalidate")                                                      \
	X(proxy_revalidate, "proxy-revalidate")                                                    \
	X(must_understand, "must-understand")                                                      \
	X(only_if_cached, "only-if-cached")

/* X(member, name): directives whose argument is a number of seconds */
#define CACHE_CONTROL_SECONDS(X)                                                                   \
	X(max_age, "max-age")                                                                      \
	X(s_maxage, "s-maxage")                                                                    \
	X(stale_while_revalidate, "stale-while-revalidate")                                        \
	X(stale_if_error, "stale-if-error")

struct cache_control {
#define CACHE_CONTROL_FLAG(member, name) bool member;
	CACHE_CONTROL_FLAGS(CACHE_CONTROL_FLAG)
#undef CACHE_CONTROL_FLAG
	/* 0 to CACHE_SECONDS_MAX; -1: not there. What is no number is 0: stale at once. */
#define CACHE_CONTROL_SECOND(member, name) int64_t member;
	CACHE_CONTROL_SECONDS(CACHE_CONTROL_SECOND)
#undef CACHE_CONTROL_SECOND
	/* The fields that no-cache="…" and private="…" name, as comma-separated lists; then the two
	 * flags are not set by them. */
	struct slice lists[CACHE_LISTS_MAX];
	size_t n_lists;
};

void cache_control_init(struct cache_control *c);
/* Takes in one field line's value. Of a number given twice the smaller counts. */
void cache_control_add(struct cache_control *c, struct slice value);
/* The same of a targeted field. 0; -1: it is malformed, and *c is not to be used. */
int cache_control_add_targeted(struct cache_control *c, struct slice value);
/* Whether one of the lists names this field. */
bool cache_control_lists(const struct cache_control *c, struct slice name);

#endif
