/* Ranges of ids; see idmap.h. */
#include "lxc/idmap.h"

#include "core/num.h"
#include "lxc/config_edit.h"

#include <stdlib.h>

void
idmap_clear(struct id_ranges *r)
{
	free(r->items);
	*r = (struct id_ranges){0};
}

int
idmap_add(struct id_ranges *r, uint32_t start, uint32_t count)
{
	if (count == 0)
		return 0;
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 16;
		struct id_range *items;

		if (cap > IDMAP_RANGES_MAX)
			return -1;
		items = reallocarray(r->items, cap, sizeof(*items));
		if (!items)
			return -1;
		r->items = items;
		r->cap = cap;
	}
	r->items[r->n++] = (struct id_range){.start = start, .count = count};
	return 0;
}

/* The next line of text, without its newline; false at the end. */
static bool
next_line(struct slice *text, struct slice *ret)
{
	size_t n = slice_index(*text, '\n');

	if (text->n == 0)
		return false;
	*ret = slice_head(*text, n);
	*text = slice_skip(*text, n + 1);
	return true;
}

/* Reads `name:start:count`. 0 or -1. */
static int
parse_subid(struct slice line, struct slice *ret_name, struct id_range *ret)
{
	size_t colon = slice_index(line, ':');
	struct slice rest = slice_skip(line, colon + 1);
	uint64_t start, count;

	if (colon == line.n)
		return -1;
	*ret_name = slice_head(line, colon);
	colon = slice_index(rest, ':');
	if (colon == rest.n || num_parse(slice_head(rest, colon), 0, UINT32_MAX, &start) < 0 ||
		num_parse(slice_trim(slice_skip(rest, colon + 1)), 0, UINT32_MAX, &count) < 0)
		return -1;
	*ret = (struct id_range){.start = (uint32_t)start, .count = (uint32_t)count};
	return 0;
}

int
idmap_add_subids(struct id_ranges *r, struct slice text)
{
	struct slice line, name;
	struct id_range range;

	while (next_line(&text, &line)) {
		if (parse_subid(line, &name, &range) == 0 &&
			idmap_add(r, range.start, range.count) < 0)
			return -1;
	}
	return 0;
}

/* Takes the next word off s. */
static struct slice
next_word(struct slice *s)
{
	struct slice word;
	size_t n = 0;

	*s = slice_trim(*s);
	while (n < s->n && s->p[n] != ' ' && s->p[n] != '\t')
		n++;
	word = slice_head(*s, n);
	*s = slice_skip(*s, n);
	return word;
}

int
idmap_add_config(struct id_ranges *r, struct slice text)
{
	struct slice key, value;

	for (size_t at = 0; config_next(text, &at, &key, &value);) {
		uint64_t start, count;

		if (!slice_eq_str(key, "lxc.idmap"))
			continue;
		next_word(&value); /* u or g */
		next_word(&value); /* the first id inside */
		if (num_parse(next_word(&value), 0, UINT32_MAX, &start) < 0 ||
			num_parse(next_word(&value), 0, UINT32_MAX, &count) < 0)
			continue;
		if (idmap_add(r, (uint32_t)start, (uint32_t)count) < 0)
			return -1;
	}
	return 0;
}

bool
idmap_overlaps(const struct id_ranges *r, uint32_t start, uint32_t count)
{
	uint64_t end = (uint64_t)start + count;

	for (size_t i = 0; i < r->n; i++) {
		uint64_t other = (uint64_t)r->items[i].start + r->items[i].count;

		if (r->items[i].start < end && start < other)
			return true;
	}
	return false;
}

int
idmap_choose(const struct id_ranges *taken, uint32_t *ret_start, struct err *e)
{
	for (uint32_t start = IDMAP_FIRST; start <= IDMAP_LAST; start += IDMAP_SIZE) {
		if (idmap_overlaps(taken, start, IDMAP_SIZE))
			continue;
		*ret_start = start;
		return 0;
	}
	return err_set(e, "no range of %u ids is free between %u and %u", IDMAP_SIZE, IDMAP_FIRST,
		IDMAP_LAST + IDMAP_SIZE - 1);
}

bool
idmap_root_has(struct slice subids, uint32_t start, uint32_t count)
{
	struct slice line, name;
	struct id_range range;

	while (next_line(&subids, &line)) {
		if (parse_subid(line, &name, &range) < 0 ||
			(!slice_eq_str(name, "root") && !slice_eq_str(name, "0")))
			continue;
		if (range.start <= start &&
			(uint64_t)range.start + range.count >= (uint64_t)start + count)
			return true;
	}
	return false;
}

int
idmap_print(char kind, uint32_t start, struct buf *out)
{
	return buf_printf(out, "%c 0 %u %u", kind, start, IDMAP_SIZE);
}
