/* Look-ups in the tables of the language. */
#include "conf/schema/schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct schema_table *const tables[] = {
	&schema_network,
	&schema_proxy,
	&schema_tls,
	&schema_heads,
	&schema_upstream,
	&schema_guard,
	&schema_block,
	&schema_open,
	&schema_bodies,
	&schema_compress,
	&schema_cache,
	&schema_upgrade,
	&schema_files,
	&schema_overload,
	&schema_container,
	&schema_policy,
	&schema_daemon,
};

#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

size_t
schema_n_rows(void)
{
	size_t n = 0;

	for (size_t i = 0; i < N_TABLES; i++)
		n += tables[i]->n_rows;
	return n;
}

const struct schema_row *
schema_row(size_t index)
{
	size_t i = 0;

	for (; i + 1 < N_TABLES && index >= tables[i]->n_rows; i++)
		index -= tables[i]->n_rows;
	assert(index < tables[i]->n_rows);
	return &tables[i]->rows[index];
}

size_t
schema_index(const struct schema_row *row)
{
	size_t before = 0;

	for (size_t i = 0; i < N_TABLES; i++) {
		if (row >= tables[i]->rows && row < tables[i]->rows + tables[i]->n_rows)
			return before + (size_t)(row - tables[i]->rows);
		before += tables[i]->n_rows;
	}
	assert(false);
	return 0;
}

size_t
schema_n_words(void)
{
	size_t n = 0;

	for (size_t i = 0; i < N_TABLES; i++)
		n += tables[i]->n_words;
	return n;
}

const struct schema_word *
schema_word(size_t index)
{
	size_t i = 0;

	for (; i + 1 < N_TABLES && index >= tables[i]->n_words; i++)
		index -= tables[i]->n_words;
	assert(index < tables[i]->n_words);
	return &tables[i]->words[index];
}

/* The row of that name in one table, or NULL. */
static const struct schema_row *
find_row(const struct schema_table *t, enum context context, struct slice name)
{
	for (size_t i = 0; i < t->n_rows; i++)
		if (t->rows[i].context == context && name.n && t->rows[i].name[0] == name.p[0] &&
			slice_eq_str(name, t->rows[i].name))
			return &t->rows[i];
	return NULL;
}

const struct schema_row *
schema_find(enum context context, struct slice name)
{
	const struct schema_row *row = NULL;

	for (size_t i = 0; i < N_TABLES && !row; i++)
		row = find_row(tables[i], context, name);
	return row;
}

const char *
schema_context_name(enum context context)
{
	switch (context) {
	case CONTEXT_TOP:
		return "at top level";
	case CONTEXT_SITE:
		return "in a site";
	case CONTEXT_ROUTE:
		return "in a route";
	case CONTEXT_CONTAINER:
		return "in a container";
	case CONTEXT_COUNT:
		break;
	}
	return "?";
}

const char *
schema_contexts(struct slice name, char *out, size_t out_size)
{
	size_t n = 0;

	for (size_t i = 0; i < schema_n_rows() && n < out_size; i++)
		if (slice_eq_str(name, schema_row(i)->name))
			n += (size_t)snprintf(out + n, out_size - n, "%s%s", n ? " or " : "",
				schema_context_name(schema_row(i)->context));
	return n ? out : NULL;
}

/* A file of ten thousand routes asks for words a hundred thousand times. */
static bool
is_of(const struct schema_word *w, const char *directive)
{
	return w->directive[0] == directive[0] && strcmp(w->directive, directive) == 0;
}

int
schema_word_value(const char *directive, struct slice word)
{
	for (size_t i = 0; i < N_TABLES; i++) {
		const struct schema_word *words = tables[i]->words;

		for (size_t k = 0; k < tables[i]->n_words; k++)
			if (is_of(&words[k], directive) && slice_eq_str(word, words[k].word))
				return words[k].value;
	}
	return -1;
}

const char *
schema_word_name(const char *directive, int value)
{
	for (size_t i = 0; i < N_TABLES; i++) {
		const struct schema_word *words = tables[i]->words;

		for (size_t k = 0; k < tables[i]->n_words; k++)
			if (words[k].value == value && is_of(&words[k], directive))
				return words[k].word;
	}
	return "?";
}
