/*
 * Whom the host does not talk to: `block`, `unblock`, and the files that `block-list` names, one
 * address, CIDR or range a line. Pure: a list's bytes in, ranges of addresses out.
 */
#ifndef CONF_BLOCK_H
#define CONF_BLOCK_H

#include "core/addr.h"
#include "core/err.h"
#include "core/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_BLOCK_LISTS_MAX 64
#define CONF_BLOCK_LIST_SIZE ((size_t)8 * 1024 * 1024) /* bytes of one file */
#define CONF_BLOCKS_MAX 262144                         /* entries, those of all lists together */
/* Networks with a shorter prefix than this need the word `confirm`: an eighth of all addresses. */
#define CONF_BLOCK_WIDE 3

/* One network of a `block` or `unblock`; those of one line have the same ordinal. */
struct conf_block {
	uint32_t ordinal;
	struct prefix net;
	bool confirm;
};

struct conf_block_list {
	uint32_t ordinal;
	char *path;
	bool confirm;
};

struct conf_blocks {
	struct conf_block *nets, *except;
	size_t n_nets, n_except;
	struct conf_block_list *lists;
	size_t n_lists;
};

bool conf_blocks_equal(const struct conf_blocks *a, const struct conf_blocks *b);
void conf_blocks_clear(struct conf_blocks *b);
/* Whether the file blocks anybody. */
bool conf_blocks_written(const struct conf_blocks *b);

/* A line of a list. */
struct block_entry {
	struct addr low, high; /* of one family */
	uint32_t line, col;
};

/* Calls on_entry for every entry; one that returns -1 ends it. Bits beyond a length are ignored.
 * 0, or -1 with e filled (file, line and column of name). */
int block_list_parse(struct slice text, const char *name,
	int (*on_entry)(void *ctx, const struct block_entry *entry, struct err *e), void *ctx,
	struct err *e);
/* What is to be said against a whole list before it is used: malformed lines, none at all, entries
 * that block too much (the last two not with `confirm`), too many. 0, or -1 with e filled. */
int block_list_check(struct slice text, const struct conf_block_list *list, struct err *e);

#endif
