/*
 * The facts of the language: one row for each directive in each context, and one for each word
 * that a directive knows. The parser, the suggestions and the manual page sluice.conf(5) all come
 * from these two tables; a directive that has no row is an unknown word.
 */
#ifndef CONF_SCHEMA_H
#define CONF_SCHEMA_H

#include "core/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum context { CONTEXT_TOP, CONTEXT_SITE, CONTEXT_ROUTE, CONTEXT_CONTAINER, CONTEXT_COUNT };

/* Whether a directive has a part: the target behind ->, the block, the right to be repeated. */
enum schema_part { PART_NO, PART_MAY, PART_MUST };

#define SCHEMA_ROWS_MAX 384
#define WORDS_ANY 4096 /* the most words of one directive */

struct parse;
struct directive;

struct schema_row {
	const char *name;
	enum context context;
	uint16_t min, max; /* words between the name and the arrow or block */
	enum schema_part target;
	enum schema_part block;
	enum context opens; /* the context inside the block */
	bool repeats;       /* may stand more than once in one context */
	int (*set)(struct parse *p, const struct directive *d);
	const char *arguments;     /* what follows the name, for people */
	const char *default_value; /* NULL: none to speak of */
	const char *doc;           /* one sentence */
	const char *more;          /* further sentences, or NULL */
	const char *example;
};

/* A word that a directive knows, and the value that it stands for. */
struct schema_word {
	const char *directive;
	const char *word;
	int value;
	const char *arguments; /* "" when none follow */
	const char *doc;
};

/* The rows and words of one part of the language; a file each, schema_PART.c. */
struct schema_table {
	const struct schema_row *rows;
	size_t n_rows;
	const struct schema_word *words;
	size_t n_words;
};

extern const struct schema_table schema_block;
extern const struct schema_table schema_bodies;
extern const struct schema_table schema_cache;
extern const struct schema_table schema_compress;
extern const struct schema_table schema_container;
extern const struct schema_table schema_policy;
extern const struct schema_table schema_files;
extern const struct schema_table schema_daemon;
extern const struct schema_table schema_guard;
extern const struct schema_table schema_heads;
extern const struct schema_table schema_network;
extern const struct schema_table schema_open;
extern const struct schema_table schema_overload;
extern const struct schema_table schema_proxy;
extern const struct schema_table schema_tls;
extern const struct schema_table schema_upgrade;
extern const struct schema_table schema_upstream;

/* All rows of all parts, numbered from 0, below SCHEMA_ROWS_MAX. */
size_t schema_n_rows(void);
const struct schema_row *schema_row(size_t index);
size_t schema_index(const struct schema_row *row);
/* All words, likewise. */
size_t schema_n_words(void);
const struct schema_word *schema_word(size_t index);

/* The row, or NULL. */
const struct schema_row *schema_find(enum context context, struct slice name);
/* "at top level or in a site": where a directive of that name may stand, or NULL when none has it.
 */
const char *schema_contexts(struct slice name, char *out, size_t out_size);
/* The value of a directive's word, or -1. */
int schema_word_value(const char *directive, struct slice word);
/* The word of a directive that stands for the value, or "?". */
const char *schema_word_name(const char *directive, int value);
/* "at top level", "in a site", … */
const char *schema_context_name(enum context context);

#endif
