/*
 * Text into directives, directives into the configuration. This file reads tokens, finds each
 * directive's row in the schema, checks its shape (how many words, a target, a block) and calls
 * the row's setter; the setters and check.c know what the words mean. After an error it goes on
 * at the next line, or behind the block that the directive at fault opens, so that one run shows
 * every mistake of the file up to CONF_ERRORS_MAX.
 */
#include "conf/parse.h"

#include "conf/braces.h"
#include "conf/setters.h"
#include "conf/suggest.h"
#include "core/own.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define WORDS_ARENA_BLOCK 8192
#define WORDS_FIRST 32
#define WORDS_ARENA_MAX ((size_t)WORDS_ANY * ((size_t)LEX_WORD_MAX + 32))

static int parse_file(struct parse *p, const char *name, struct slice text);

/* ---- tokens ---- */

const struct token *
parse_peek(struct parse *p)
{
	if (!p->file->held)
		lex_next(&p->file->lex);
	p->file->held = true;
	return &p->file->lex.token;
}

void
parse_take(struct parse *p)
{
	p->file->held = false;
}

/* Reads on behind the } that closes a block whose { was taken, saying nothing about what is
 * inside. */
static void
skip_block(struct parse *p, const struct word *opened)
{
	unsigned depth = 1;

	while (depth > 0) {
		const struct token *t = parse_peek(p);

		if (t->kind == TOKEN_EOF) {
			parse_error(p, opened, "this block is never closed; a \"}\" is missing");
			return;
		}
		if (t->kind == TOKEN_OPEN || (t->kind == TOKEN_BAD && t->opens))
			depth++;
		else if (t->kind == TOKEN_CLOSE)
			depth--;
		parse_take(p);
	}
}

/* Skips what is left of a directive, its block included. */
static void
skip_directive(struct parse *p)
{
	for (;;) {
		const struct token *t = parse_peek(p);
		struct word at = t->word;

		if (t->kind == TOKEN_EOF || t->kind == TOKEN_CLOSE)
			return;
		if (t->kind == TOKEN_END) {
			parse_take(p);
			return;
		}
		parse_take(p);
		if (t->kind == TOKEN_OPEN || (t->kind == TOKEN_BAD && t->opens)) {
			skip_block(p, &at);
			return;
		}
	}
}

/* Starts the record of a directive. 0 or -1. */
static int
add_ordinal(struct parse *p, const struct word *name, uint32_t *ret)
{
	struct conf_places *places = p->places;
	struct trace *trace = parse_add(p, &p->traces, &p->n_traces, sizeof(*trace));
	struct conf_place *place =
		trace ? parse_add(p, &places->places, &places->n_places, sizeof(*place)) : NULL;

	if (!place)
		return -1;
	*place = (struct conf_place){.file = p->file->index, .line = name->line, .col = name->col};
	*trace = (struct trace){.line = name->line, .col = name->col};
	*ret = (uint32_t)p->n_traces;
	return 0;
}

static int
add_word(struct parse *p, const struct word *w)
{
	struct word *grown;

	if (p->n_words == p->words_cap) {
		grown = reallocarray(p->words, p->words_cap * 2, sizeof(*grown));
		if (!grown)
			return parse_no_memory(p);
		p->words = grown;
		p->words_cap = p->words_cap * 2;
	}
	p->words[p->n_words++] = *w;
	return 0;
}

/* Collects the words of one directive; its { is taken, its end is. 0, or -1 with the error
 * reported and the directive skipped. */
static int
read_words(struct parse *p, struct directive *d)
{
	size_t arrow = 0;

	for (;;) {
		const struct token *t = parse_peek(p);

		d->after = t->word;
		if (t->kind == TOKEN_BAD) {
			parse_error(p, &t->word, "%s", t->why);
			skip_directive(p);
			return -1;
		}
		if (t->kind == TOKEN_ARROW && d->has_arrow) {
			parse_error(p, &t->word, "a second \"->\" in one directive");
			skip_directive(p);
			return -1;
		}
		if (t->kind == TOKEN_ARROW) {
			d->has_arrow = true;
			arrow = p->n_words;
		} else if (t->kind != TOKEN_WORD) {
			break;
		} else if (p->n_words == WORDS_ANY) {
			parse_error(p, &t->word, "more than %d words in one directive", WORDS_ANY);
			skip_directive(p);
			return -1;
		} else if (add_word(p, &t->word) < 0) {
			return -1;
		}
		parse_take(p);
	}
	d->has_block = p->file->lex.token.kind == TOKEN_OPEN;
	if (d->has_block || p->file->lex.token.kind == TOKEN_END)
		parse_take(p);
	d->words = p->words;
	d->n = d->has_arrow ? arrow : p->n_words;
	d->target = p->words + d->n;
	d->n_target = p->n_words - d->n;
	return 0;
}

/* ---- one directive ---- */

/* A word that no directive has, and nothing near it. */
static int
strange_directive(struct parse *p, const struct directive *d)
{
	const struct word *name = &d->words[0];

	if (suggest_has_odd_blank(name->text))
		return parse_error(p, name,
			"\"%.*s\" has a no-break space in it; type an ordinary one",
			WORD_ARG(name));
	if (d->has_block && suggest_is_host(name->text))
		return parse_error(p, name, "unknown directive \"%.*s\"; write: site %.*s { ... }",
			WORD_ARG(name), WORD_ARG(name));
	return parse_error(p, name, "unknown directive \"%.*s\" %s", WORD_ARG(name),
		schema_context_name(p->scopes[p->depth].context));
}

/* A word that no directive has: what was meant. */
static int
no_such_directive(struct parse *p, const struct directive *d)
{
	const struct word *name = &d->words[0];
	const char *hint = suggest_foreign(name->text);
	const char *near;

	if (hint)
		return parse_error(p, name, "unknown directive \"%.*s\"; %s", WORD_ARG(name), hint);
	near = suggest_directive(p->scopes[p->depth].context, name->text);
	if (near)
		return parse_error(p, name, "unknown directive \"%.*s\"; did you mean \"%s\"?",
			WORD_ARG(name), near);
	return strange_directive(p, d);
}

static int
unknown_directive(struct parse *p, const struct directive *d)
{
	const struct word *name = &d->words[0];
	char contexts[96];

	if (!schema_contexts(name->text, contexts, sizeof(contexts)))
		return no_such_directive(p, d);
	return parse_error(p, name, "\"%.*s\" can't stand %s; it belongs %s", WORD_ARG(name),
		schema_context_name(p->scopes[p->depth].context), contexts);
}

static int
wrong_shape(struct parse *p, const struct directive *d, const struct word *at, const char *what)
{
	return parse_error(p, at, "%s; write: %s %s", what, d->row->name, d->row->arguments);
}

int
parse_surplus(struct parse *p, const struct directive *d, const struct word *w)
{
	const struct schema_row *row = d->row;

	if (schema_find(row->context, w->text))
		return parse_error(p, w,
			"\"%.*s\" begins another directive; the one before it ends with \";\" when "
			"both stand in one line",
			WORD_ARG(w));
	for (const struct word *word = &d->words[1]; word <= w; word++)
		if (suggest_is_odd_quote(word->text))
			return parse_error(p, word,
				"%.*s begins with a mark that is no quote; words with blanks stand "
				"in \"...\"",
				WORD_ARG(word));
	return parse_error(p, w, "\"%.*s\" is one word too many; write: %s%s%s", WORD_ARG(w),
		row->name, row->arguments[0] ? " " : "", row->arguments);
}

/* What people write where the language wants "->" as a word of its own. 0 when w is nothing of the
 * kind. */
static int
check_arrow_word(struct parse *p, const struct word *w)
{
	struct slice text = w->text;

	if (slice_eq_str(text, "=>") || slice_eq_str(text, "-->") ||
		slice_eq_str(text, "\xe2\x86\x92"))
		return parse_error(p, w, "\"%.*s\" is no arrow; write \"->\"", WORD_ARG(w));
	if (slice_starts(text, SLICE_LIT("->")))
		return parse_error(p, w,
			"\"->\" is a word of its own, with a blank behind it: -> %.*s",
			SLICE_ARG(slice_head(slice_skip(text, 2), WORD_SHOWN)));
	if (text.n > 2 && slice_eq_str(slice_skip(text, text.n - 2), "->"))
		return parse_error(p, w,
			"\"->\" is a word of its own, with a blank in front of it: %.*s ->",
			SLICE_ARG(slice_head(slice_head(text, text.n - 2), WORD_SHOWN)));
	return 0;
}

static int
check_arrow(struct parse *p, const struct directive *d)
{
	int ret = 0;

	for (size_t i = 1; ret == 0 && i < d->n; i++)
		ret = check_arrow_word(p, &d->words[i]);
	return ret;
}

/* No target: one without its arrow is shown. Always -1. */
static int
no_target(struct parse *p, const struct directive *d)
{
	const struct word *last = &d->words[d->n - 1];

	if (d->n > 2 && slice_index(last->text, ':') < last->text.n && last->text.p[0] != '/')
		return parse_error(p, last, "\"->\" is missing in front of \"%.*s\"; write: %s %s",
			WORD_ARG(last), d->row->name, d->row->arguments);
	return wrong_shape(p, d, &d->words[0], "the target is missing");
}

/* A word that the directive has elsewhere, or will have, but does not know. 0 when there is none.
 */
static int
check_foreign_words(struct parse *p, const struct directive *d)
{
	for (size_t i = 1; i < d->n; i++) {
		const char *hint = suggest_foreign_word(d->row->name, d->words[i].text);

		if (hint)
			return parse_error(p, &d->words[i], "unknown word \"%.*s\"; %s",
				WORD_ARG(&d->words[i]), hint);
	}
	return 0;
}

/* Compares the directive with its row. 0 or -1. */
static int
check_shape(struct parse *p, const struct directive *d)
{
	const struct schema_row *row = d->row;
	char what[96];

	if (row->target != PART_NO && !d->has_arrow && check_arrow(p, d) < 0)
		return -1;
	if (check_foreign_words(p, d) < 0)
		return -1;
	if (d->n - 1 < row->min) {
		(void)snprintf(what, sizeof(what), "\"%s\" needs %s", row->name,
			d->n == 1 ? "an argument" : "more arguments");
		return wrong_shape(p, d, d->n == 1 ? &d->words[0] : &d->after, what);
	}
	if (d->n - 1 > row->max)
		return parse_surplus(p, d, &d->words[row->max + 1]);
	if (row->target == PART_MUST && !d->has_arrow)
		return no_target(p, d);
	if (d->has_arrow && row->target == PART_NO) {
		(void)snprintf(what, sizeof(what), "\"%s\" has no target", row->name);
		return wrong_shape(p, d, d->n_target ? &d->target[0] : &d->after, what);
	}
	if (d->has_arrow && !d->n_target)
		return wrong_shape(p, d, &d->after, "the target behind \"->\" is missing");
	if (d->has_block && row->block == PART_NO) {
		(void)snprintf(what, sizeof(what), "\"%s\" takes no block", row->name);
		return wrong_shape(p, d, &d->after, what);
	}
	return 0;
}

static int
check_once(struct parse *p, const struct directive *d)
{
	struct scope *scope = &p->scopes[p->depth];
	size_t index = schema_index(d->row);
	char where[PARSE_WHERE_MAX];

	assert(index < SCHEMA_ROWS_MAX);
	if (d->row->repeats)
		return 0;
	if (scope->seen[index])
		return parse_error(p, &d->words[0], "\"%s\" stands here already, %s", d->row->name,
			parse_where(p, scope->seen[index], d->ordinal, where));
	scope->seen[index] = d->ordinal;
	return 0;
}

static void
open_block(struct parse *p, const struct directive *d)
{
	assert(p->depth + 1 < SCOPES_MAX);
	p->scopes[++p->depth] = (struct scope){
		.context = d->row->opens,
		.ordinal = d->ordinal,
		.first = d->first,
		.opened = d->after,
	};
}

/* Finds the row, checks the shape, sets. False when there is nothing that a block could belong to:
 * a setter of a block makes its object even from bad words, so that the errors inside the block
 * are found in the same run. */
static bool
set_directive(struct parse *p, struct directive *d)
{
	d->row = schema_find(p->scopes[p->depth].context, d->words[0].text);
	if (!d->row && braces_find_place(p, &d->words[0]))
		d->row = schema_find(p->scopes[p->depth].context, d->words[0].text);
	if (!d->row) {
		unknown_directive(p, d);
		return false;
	}
	braces_on_fit(p);
	if (check_shape(p, d) < 0 || check_once(p, d) < 0)
		return false;
	d->row->set(p, d);
	return true;
}

/* The words are read: does what they say, and opens or skips the block. */
static void
run_directive(struct parse *p, struct directive *d)
{
	struct word after = d->after;
	bool fits;

	if (d->n == 0) {
		parse_error(p, d->n_target ? &d->target[0] : &d->after,
			"a directive must begin with its name");
		if (d->has_block)
			skip_block(p, &after);
		return;
	}
	if (d->n > 1) {
		p->traces[d->ordinal - 1].line = d->words[1].line;
		p->traces[d->ordinal - 1].col = d->words[1].col;
	}
	fits = set_directive(p, d);
	if (p->stopped || !d->has_block)
		return;
	after = d->after;
	if (fits)
		open_block(p, d);
	else
		skip_block(p, &after);
}

static void
close_block(struct parse *p, const struct word *at)
{
	if (p->depth == p->file->base) {
		parse_error(p, at, "a \"}\" without a \"{\"");
		return;
	}
	braces_on_close(p, at);
	p->depth--;
}

static void
parse_directive(struct parse *p)
{
	struct directive d = {0};
	struct word at = parse_peek(p)->word;

	p->n_words = 0;
	if (add_ordinal(p, &at, &d.ordinal) < 0)
		return;
	d.first = lex_first_on_line(&p->file->lex, &at);
	if (read_words(p, &d) == 0) {
		braces_find_block(p, &d);
		run_directive(p, &d);
	}
	/* Its words are done with, but for one that was looked at beyond them. */
	if (!p->file->held || p->file->lex.token.kind != TOKEN_WORD)
		arena_reset(p->arena);
}

static void
parse_directives(struct parse *p)
{
	while (!p->stopped) {
		const struct token *t = parse_peek(p);

		switch (t->kind) {
		case TOKEN_END:
			parse_take(p);
			break;
		case TOKEN_CLOSE:
			close_block(p, &t->word);
			parse_take(p);
			break;
		case TOKEN_EOF:
			braces_on_end(p);
			return;
		case TOKEN_NONE:
		case TOKEN_WORD:
		case TOKEN_ARROW:
		case TOKEN_OPEN:
		case TOKEN_BAD:
			parse_directive(p);
			break;
		}
	}
}

/* ---- files ---- */

static int
add_file(struct parse *p, const char *name, uint32_t *ret_index)
{
	char **slot = parse_add(p, &p->places->files, &p->places->n_files, sizeof(*slot));

	if (!slot)
		return -1;
	*slot = parse_dup(p, slice_str(name));
	*ret_index = (uint32_t)p->places->n_files - 1;
	return *slot ? 0 : -1;
}

/* Reads one file into the open scope. 0, or -1 when the parse has stopped. */
static int
parse_file(struct parse *p, const char *name, struct slice text)
{
	struct source_file file = {.outer = p->file};
	static const struct word whole = {.line = 1, .col = 1};

	if (add_file(p, name, &file.index) < 0)
		return -1;
	file.depth = file.outer ? file.outer->depth + 1 : 0;
	file.base = p->depth;
	file.text = text;
	p->file = &file;
	if (text.n > CONF_TEXT_MAX - p->bytes) {
		parse_error(
			p, &whole, "the configuration is larger than %zu MiB", CONF_TEXT_MAX >> 20);
		p->stopped = true;
	}
	p->bytes += text.n;
	lex_init(&file.lex, text, p->arena);
	if (!p->stopped)
		parse_directives(p);
	p->file = file.outer;
	return p->stopped ? -1 : 0;
}

static int
include_file(struct parse *p, const struct word *at, const struct conf_included *f)
{
	for (const struct source_file *open = p->file; open; open = open->outer)
		if (strcmp(parse_file_name(p, open->index), f->name) == 0)
			return parse_error(p, at, "\"%.200s\" includes itself", f->name);
	if (p->files_included == CONF_INCLUDE_FILES_MAX)
		return parse_error(
			p, at, "more than %d files are included", CONF_INCLUDE_FILES_MAX);
	p->files_included++;
	return parse_file(p, f->name, slice_of(f->text, f->size));
}

int
set_include(struct parse *p, const struct directive *d)
{
	struct word at = d->words[1]; /* d's words are gone after the first file */
	struct conf_included *files = NULL;
	_free_ char *pattern = parse_dup(p, at.text);
	size_t n = 0;
	int ret = 0;
	struct err e;

	if (!pattern)
		return -1;
	if (!p->in->include)
		return parse_error(p, &at, "\"include\" can't be used here");
	if (p->file->depth + 1 > CONF_INCLUDE_DEPTH_MAX)
		return parse_error(
			p, &at, "files are included more than %d deep", CONF_INCLUDE_DEPTH_MAX);
	if (p->in->include(
		    p->in->ctx, parse_file_name(p, p->file->index), pattern, &files, &n, &e) < 0)
		return parse_error(p, &at, "%s", e.msg);
	for (size_t i = 0; i < n; i++) {
		if (ret == 0)
			ret = include_file(p, &at, &files[i]);
		free(files[i].name);
		free(files[i].text);
	}
	free(files);
	return ret;
}

/* ---- the whole ---- */

static int
parse_begin(struct parse *p)
{
	p->conf = calloc(1, sizeof(*p->conf));
	if (!p->conf)
		return parse_no_memory(p);
	atomic_init(&p->conf->refs, 1);
	p->conf->log_level = LOG_LEVEL_INFO;
	p->scopes[0] = (struct scope){.context = CONTEXT_TOP};
	p->places = calloc(1, sizeof(*p->places));
	p->arena = arena_new(WORDS_ARENA_BLOCK, WORDS_ARENA_MAX);
	p->words_cap = WORDS_FIRST;
	p->words = calloc(p->words_cap, sizeof(*p->words));
	if (!p->places || !p->arena || !p->words || names_init(&p->names) < 0)
		return parse_no_memory(p);
	return 0;
}

static void
parse_end(struct parse *p)
{
	conf_unref(&p->conf);
	conf_places_free(&p->places);
	arena_free(&p->arena);
	names_clear(&p->names);
	free(p->traces);
	free(p->references);
	free(p->words);
}

int
conf_parse(const struct conf_input *in, struct conf **ret, struct conf_places **ret_places,
	struct conf_errors *errs)
{
	struct parse p = {.in = in, .errs = errs};

	errs->n = 0;
	errs->too_many = false;
	if (parse_begin(&p) == 0 && parse_file(&p, in->name, in->text) == 0)
		parse_check(&p);
	parse_sort_errors(&p);
	if (errs->n == 0) {
		p.conf->n_ordinals = (uint32_t)p.n_traces;
		*ret = steal_ptr(&p.conf);
		if (ret_places)
			*ret_places = steal_ptr(&p.places);
	}
	parse_end(&p);
	return errs->n ? -1 : 0;
}
