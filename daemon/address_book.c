/* The book of addresses; see address_book.h. */
#include "daemon/address_book.h"

#include "conf/value.h"
#include "core/map.h"
#include "core/num.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 16
#define NONE "-"

int
address_book_init(struct address_book *b)
{
	*b = (struct address_book){.names = map_new()};
	return b->names ? 0 : -1;
}

void
address_book_clear(struct address_book *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->v[i]);
	map_free(&b->names);
	free(b->v);
	*b = (struct address_book){0};
}

struct address_entry *
address_book_find(const struct address_book *b, struct slice name)
{
	return map_find(b->names, name);
}

static int
make_room(struct address_book *b)
{
	size_t cap = b->cap ? b->cap * 2 : FIRST_ROOM;
	void *grown;

	if (b->n < b->cap)
		return 0;
	grown = realloc(b->v, cap * sizeof(struct address_entry *));
	if (!grown)
		return -1;
	b->v = grown;
	b->cap = cap;
	return 0;
}

struct address_entry *
address_book_get(struct address_book *b, const char *name)
{
	struct address_entry *entry = address_book_find(b, slice_str(name));

	if (entry)
		return entry;
	entry = calloc(1, sizeof(*entry));
	if (!entry || make_room(b) < 0 || map_set(b->names, slice_str(name), entry, NULL) < 0) {
		free(entry);
		return NULL;
	}
	(void)snprintf(entry->name, sizeof(entry->name), "%s", name);
	b->v[b->n++] = entry;
	return entry;
}

void
address_book_remove(struct address_book *b, struct address_entry *entry)
{
	size_t at = 0;

	while (b->v[at] != entry)
		at++;
	(void)map_remove(b->names, slice_str(entry->name));
	b->v[at] = b->v[--b->n];
	free(entry);
}

/* ---- the text ---- */

static struct slice
take_word(struct slice *line)
{
	struct slice word = slice_head(*line, slice_index(*line, ' '));

	*line = slice_skip(*line, word.n + 1);
	return word;
}

static int
read_addr(struct slice word, uint8_t family, struct addr *ret)
{
	struct addr a = {0};

	if (!slice_eq_str(word, NONE) && (addr_parse(word, &a) < 0 || a.family != family))
		return -1;
	*ret = a;
	return 0;
}

/* 0, 1 for a line that is passed over, -1. */
static int
read_line(struct slice line, struct address_book *b)
{
	struct address_entry read = {0}, *entry;
	struct slice name = take_word(&line), v4 = take_word(&line), v6 = take_word(&line);

	if (value_name(name) || read_addr(v4, AF_INET, &read.v4) < 0 ||
		read_addr(v6, AF_INET6, &read.v6) < 0 ||
		num_parse(line, 0, INT64_MAX, &read.left_s) < 0 || address_book_find(b, name))
		return 1;
	memcpy(read.name, name.p, name.n);
	entry = address_book_get(b, read.name);
	if (!entry)
		return -1;
	*entry = read;
	return 0;
}

int
address_book_parse(struct slice text, struct address_book *b, size_t *ret_bad)
{
	size_t bad = 0;

	while (text.n > 0) {
		struct slice line = slice_head(text, slice_index(text, '\n'));
		int ret = read_line(line, b);

		text = slice_skip(text, line.n + 1);
		if (ret < 0)
			return -1;
		bad += (size_t)ret;
	}
	*ret_bad = bad;
	return 0;
}

static const char *
print_addr(const struct addr *a, char text[static ADDR_TEXT_MAX])
{
	return a->family ? addr_print(a, text) : NONE;
}

int
address_book_print(const struct address_book *b, struct buf *out)
{
	char v4[ADDR_TEXT_MAX], v6[ADDR_TEXT_MAX];

	for (size_t i = 0; i < b->n; i++)
		if (buf_printf(out, "%s %s %s %" PRIu64 "\n", b->v[i]->name,
			    print_addr(&b->v[i]->v4, v4), print_addr(&b->v[i]->v6, v6),
			    b->v[i]->left_s) < 0)
			return -1;
	return 0;
}
