/*
 * Whom the kernel drops at once: what `block` and `block-list` say, less `unblock`, sorted and
 * merged into ranges that do not touch. The kernel's interval sets want that: it neither merges
 * nor takes what overlaps. Pure. What comes out is shared and never changed, so that every plan of
 * a generation has it without a copy.
 */
#ifndef ROUTER_BLOCKS_H
#define ROUTER_BLOCKS_H

#include "conf/conf.h"
#include "router/ruleset.h"

struct blocks {
	struct ruleset_shared *v4, *v6; /* NULL: none of that family */
};

/* The bytes of a list that the configuration names; the same order as conf.blocks.lists. */
struct blocks_input {
	const struct conf *conf;
	const struct slice *lists; /* NULL: none is at hand, and none is looked into */
	/* Addresses that are not to be blocked by accident: administrators'. */
	const struct addr *peers;
	size_t n_peers;
};

/* 0 with *ret the caller's to clear; or -1 with e filled. */
int blocks_build(const struct blocks_input *in, struct blocks *ret, struct err *e);
void blocks_clear(struct blocks *b);
bool blocks_contain(const struct blocks *b, const struct addr *a);
/* Says of the first of in's peers that b blocks, by an entry without `confirm`, and that `before`
 * (may be NULL) lets in. 0 when there is none; -1 with e filled. */
int blocks_check_peers(const struct blocks_input *in, const struct blocks *b,
	const struct ruleset *before, struct err *e);

#endif
