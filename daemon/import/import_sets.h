/*
 * Sets and maps of `nft list ruleset`, followed: a rule that asks one is written out, with the
 * set's elements in braces, or as one rule for each element of a map. Pure: lines in, lines out.
 */
#ifndef DAEMON_IMPORT_SETS_H
#define DAEMON_IMPORT_SETS_H

#include "core/buf.h"
#include "core/slice.h"

#include <stdbool.h>

#define IMPORT_SETS_MAX 1024
#define IMPORT_SETS_BYTES_MAX ((size_t)8 * 1024 * 1024) /* of what they are written out to */

struct import_set {
	struct slice table; /* the line of its table */
	struct slice head;  /* "set blocked {" */
	struct slice name;
	struct buf elements; /* "192.0.2.1, 192.0.2.2" */
	bool used;
};

struct import_sets {
	struct import_set *v;
	size_t n;
	size_t left; /* bytes that may yet be written out */
};

/* Where in a set's lines one stands. */
struct import_set_place {
	bool inside, elements;
};

/* Finds all sets and maps of the text, which has to outlive *ret. 0 or -1 (memory). */
int import_sets_read(struct slice text, struct import_sets *ret);
void import_sets_clear(struct import_sets *s);
/* Whether a line belongs to a set or map: its head, what is in it, or its end. */
bool import_sets_owns(struct import_set_place *p, struct slice line);
/* Calls emit for every rule that this one of this table (its line) says. A set that is not known,
 * or empty, stays as it is written. 0 or -1 (memory). */
int import_sets_expand(struct import_sets *s, struct slice table, struct slice rule,
	void (*emit_rule)(void *ctx, struct slice rule), void *ctx);

#endif
