/*
 * What a place of the file (the top level, a site, a route) says about the heads that the proxy
 * sends: header rules, and whether answers are brought into the client's words.
 */
#ifndef CONF_HEADS_H
#define CONF_HEADS_H

#include "conf/template.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_HEADER_RULES_MAX 64 /* of one place */

enum conf_header_side { CONF_HEADER_REQUEST, CONF_HEADER_RESPONSE, CONF_HEADER_SIDES };

enum conf_header_verb {
	CONF_HEADER_SET,
	CONF_HEADER_ADD,
	CONF_HEADER_REMOVE,
	CONF_HEADER_PASS, /* a name with '_' or '.' that clients may send */
};

/* `header request X-Real-Host $host`: one field of the heads that the proxy sends. */
struct conf_header_rule {
	uint32_t ordinal;
	enum conf_header_side side;
	enum conf_header_verb verb;
	char *name;                  /* as written */
	char *value;                 /* as written; NULL: REMOVE, PASS */
	struct template_part *parts; /* of the value */
	size_t n_parts;
};

/* Whether Location, Set-Cookie and their kin are brought from the backend's prefix to the route's.
 */
enum conf_rewrite {
	CONF_REWRITE_REPLACED, /* where a prefix is replaced */
	CONF_REWRITE_OFF,
	CONF_REWRITE_ON,
};

/* The rules stand in the order of the text. Those of the top level run first, then the site's, then
 * the route's. */
struct conf_heads {
	struct conf_header_rule *rules;
	size_t n_rules;
	size_t n_side[CONF_HEADER_SIDES]; /* how many change a head of each */
	enum conf_rewrite rewrite;        /* effective */
	uint32_t rewrite_ordinal;         /* where written, else 0 */
	uint64_t print; /* of all that is done to requests here and outside, and of rewrite */
};

/* `hsts 365d`: browsers come back by https only (RFC 6797). */
struct conf_hsts {
	uint32_t ordinal; /* 0: not written */
	uint64_t ms;
	bool subdomains, preload;
	struct conf_heads heads; /* the rule that it amounts to */
};

/* Whether a field of this name, which holds '_' or '.', is let through here. */
bool conf_heads_pass(const struct conf_heads *heads, struct slice name);
bool conf_heads_equal(const struct conf_heads *a, const struct conf_heads *b);
/* Fills in what is effective; outer is NULL for the top level. */
void conf_heads_inherit(struct conf_heads *heads, const struct conf_heads *outer);
/* Whether the block writes anything of it. */
bool conf_heads_written(const struct conf_heads *heads);
bool conf_hsts_equal(const struct conf_hsts *a, const struct conf_hsts *b);
void conf_heads_clear(struct conf_heads *heads);

#endif
