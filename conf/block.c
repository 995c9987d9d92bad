/*
 * Lists of blocked addresses: read line by line, nothing is kept. The comments of the usual lists
 * are understood: from '#' or ';' to the end of the line.
 */
#include "conf/block.h"

#include <stdlib.h>

#define SHOWN_MAX 64 /* of what is not an address, in a message */

static bool
same_nets(const struct conf_block *a, const struct conf_block *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].net.len != b[i].net.len || !addr_eq(&a[i].net.addr, &b[i].net.addr) ||
			a[i].confirm != b[i].confirm)
			return false;
	return true;
}

bool
conf_blocks_equal(const struct conf_blocks *a, const struct conf_blocks *b)
{
	if (a->n_nets != b->n_nets || a->n_except != b->n_except || a->n_lists != b->n_lists ||
		!same_nets(a->nets, b->nets, a->n_nets) ||
		!same_nets(a->except, b->except, a->n_except))
		return false;
	for (size_t i = 0; i < a->n_lists; i++)
		if (strcmp(a->lists[i].path, b->lists[i].path) != 0 ||
			a->lists[i].confirm != b->lists[i].confirm)
			return false;
	return true;
}

void
conf_blocks_clear(struct conf_blocks *b)
{
	for (size_t i = 0; i < b->n_lists; i++)
		free(b->lists[i].path);
	free(b->nets);
	free(b->except);
	free(b->lists);
	*b = (struct conf_blocks){0};
}

bool
conf_blocks_written(const struct conf_blocks *b)
{
	return b->n_nets > 0 || b->n_lists > 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* What of the line is neither blank at its ends nor a comment. */
static struct slice
line_word(struct slice line)
{
	size_t n = slice_index(line, '#'), other = slice_index(line, ';');

	line = slice_head(line, n < other ? n : other);
	while (line.n > 0 && is_blank(line.p[0]))
		line = slice_skip(line, 1);
	while (line.n > 0 && is_blank(line.p[line.n - 1]))
		line = slice_head(line, line.n - 1);
	return line;
}

/* "ADDRESS-ADDRESS" */
static int
parse_range(struct slice word, size_t dash, struct block_entry *ret)
{
	struct slice low = line_word(slice_head(word, dash));
	struct slice high = line_word(slice_skip(word, dash + 1));

	if (addr_parse(low, &ret->low) < 0 || addr_parse(high, &ret->high) < 0)
		return -1;
	return ret->low.family == ret->high.family && addr_cmp(&ret->low, &ret->high) <= 0 ? 0 : -1;
}

static int
parse_entry(struct slice word, struct block_entry *ret)
{
	size_t dash = slice_index(word, '-');
	struct prefix p;

	if (dash < word.n)
		return parse_range(word, dash, ret);
	if (addr_parse(word, &ret->low) == 0) {
		ret->high = ret->low;
		return 0;
	}
	if (prefix_parse(word, &p) < 0)
		return -1;
	ret->low = prefix_network(&p).addr;
	ret->high = prefix_last(&p);
	return 0;
}

int
block_list_parse(struct slice text, const char *name,
	int (*on_entry)(void *ctx, const struct block_entry *entry, struct err *e), void *ctx,
	struct err *e)
{
	struct block_entry entry = {.line = 0};

	while (text.n > 0) {
		struct slice line = slice_head(text, slice_index(text, '\n'));
		struct slice word = line_word(line);

		text = slice_skip(text, line.n + 1);
		entry.line++;
		if (word.n == 0)
			continue;
		entry.col = (uint32_t)(word.p - line.p) + 1;
		if (parse_entry(word, &entry) < 0)
			return err_at(e, name, entry.line, entry.col,
				"\"%.*s\" is not an address, CIDR or range; write 198.51.100.7, "
				"198.51.100.0/24, 198.51.100.7-198.51.100.9 or 2001:db8::/32",
				SLICE_ARG(slice_head(word, SHOWN_MAX)));
		if (on_entry(ctx, &entry, e) < 0)
			return -1;
	}
	return 0;
}

struct checking {
	const struct conf_block_list *list;
	size_t n;
};

/* Whether the first CONF_BLOCK_WIDE bits are not the same in all of it. */
static bool
is_wide(const struct block_entry *entry)
{
	return (entry->low.bytes[0] ^ entry->high.bytes[0]) >> (8 - CONF_BLOCK_WIDE) != 0;
}

static int
check_entry(void *ctx, const struct block_entry *entry, struct err *e)
{
	struct checking *checking = ctx;

	if (++checking->n > CONF_BLOCKS_MAX)
		return err_at(e, checking->list->path, entry->line, entry->col,
			"more than %d entries", CONF_BLOCKS_MAX);
	if (!is_wide(entry) || checking->list->confirm)
		return 0;
	return err_at(e, checking->list->path, entry->line, entry->col,
		"this blocks more than an eighth of all addresses; if that is meant, write: "
		"block-list %s confirm",
		checking->list->path);
}

int
block_list_check(struct slice text, const struct conf_block_list *list, struct err *e)
{
	struct checking checking = {.list = list};

	if (block_list_parse(text, list->path, check_entry, &checking, e) < 0)
		return -1;
	if (checking.n == 0 && !list->confirm)
		return err_ordinal(e, list->ordinal,
			"%s has no address in it; if that is meant, write: block-list %s confirm",
			list->path, list->path);
	return 0;
}
