/*
 * Braces that do not pair. How many are missing is known by counting them once, when a first
 * directive has no place; where, by the directive that fits an outer block only, and by a } that
 * stands further left than the line that began its block.
 */
#include "conf/braces.h"

#include <stdio.h>

#define SCRATCH_BLOCK 4096
#define SCRATCH_MAX ((size_t)2 * LEX_WORD_MAX)
#define LINES_TEXT_MAX 64

/* How many more { than } the text has. */
static long
count_excess(struct slice text)
{
	struct arena *scratch = arena_new(SCRATCH_BLOCK, SCRATCH_MAX);
	struct lex lex;
	long excess = 0;

	if (!scratch)
		return 0;
	for (lex_init(&lex, text, scratch), lex_next(&lex); lex.token.kind != TOKEN_EOF;
		lex_next(&lex)) {
		excess += lex.token.kind == TOKEN_OPEN ||
			  (lex.token.kind == TOKEN_BAD && lex.token.opens);
		excess -= lex.token.kind == TOKEN_CLOSE;
		arena_reset(scratch);
	}
	arena_free(&scratch);
	return excess;
}

/* What is left of it, when those that were reported are taken off. */
static long
excess_of(struct source_file *file)
{
	if (!file->counted)
		file->excess = count_excess(file->text);
	file->counted = true;
	return file->excess;
}

static uint32_t
line_of(const struct parse *p, uint32_t ordinal)
{
	return p->places->places[ordinal - 1].line;
}

/* "the block of line 16", or of the lines of all scopes from the index on. */
static const char *
name_blocks(const struct parse *p, size_t from, char out[static LINES_TEXT_MAX])
{
	const struct source_file *file = p->file;

	if (file->suspect.ordinal && from == p->depth)
		(void)snprintf(out, LINES_TEXT_MAX, "the block of line %u",
			line_of(p, file->suspect.ordinal));
	else if (from == p->depth)
		(void)snprintf(out, LINES_TEXT_MAX, "the block of line %u",
			line_of(p, p->scopes[from].ordinal));
	else
		(void)snprintf(out, LINES_TEXT_MAX, "the blocks of lines %u and %u",
			line_of(p, p->scopes[from].ordinal),
			line_of(p, p->scopes[p->depth].ordinal));
	return out;
}

/* A } is missing: the directive fits a block around the one that is open. */
static bool
close_missing(struct parse *p, const struct word *name)
{
	struct source_file *file = p->file;
	char blocks[LINES_TEXT_MAX];

	for (size_t to = p->depth; to-- > file->base;) {
		long missing = (long)(p->depth - to);

		if (missing > file->excess)
			return false;
		if (!schema_find(p->scopes[to].context, name->text))
			continue;
		parse_error(p, name, "\"%.*s\" can't stand %s; a \"}\" is missing above, for %s",
			WORD_ARG(name), schema_context_name(p->scopes[p->depth].context),
			name_blocks(p, to + 1, blocks));
		file->excess -= missing;
		file->suspect = (struct braces_suspect){0};
		p->depth = to;
		return true;
	}
	return false;
}

/* A { is missing, or there is a } too many: the directive fits the block that was closed last. */
static bool
reopen(struct parse *p, const struct word *name)
{
	struct source_file *file = p->file;

	if (!file->has_closed || !schema_find(file->closed.context, name->text))
		return false;
	parse_error(p, name,
		"\"%.*s\" can't stand %s; the block of line %u was closed on line %u already: a "
		"\"}\" is too many there, or a \"{\" is missing above it",
		WORD_ARG(name), schema_context_name(p->scopes[p->depth].context),
		line_of(p, file->closed.ordinal), file->closed_line);
	file->excess++;
	file->has_closed = false;
	p->scopes[++p->depth] = file->closed;
	return true;
}

bool
braces_find_place(struct parse *p, const struct word *name)
{
	long excess = excess_of(p->file);

	if (excess > 0)
		return close_missing(p, name);
	return excess < 0 && reopen(p, name);
}

void
braces_find_block(struct parse *p, struct directive *d)
{
	enum context context = p->scopes[p->depth].context;
	const struct schema_row *row = d->n ? schema_find(context, d->words[0].text) : NULL;
	const struct token *t;

	if (!row || row->block == PART_NO || d->has_block)
		return;
	while ((t = parse_peek(p))->kind == TOKEN_END)
		parse_take(p);
	if (t->kind == TOKEN_OPEN) {
		parse_error(p, &t->word,
			"the \"{\" stands at the end of the line whose block it opens, here line "
			"%u",
			d->words[0].line);
		d->after = t->word;
		d->has_block = true;
		parse_take(p);
	} else if (t->kind == TOKEN_WORD && !schema_find(context, t->word.text) &&
		   schema_find(row->opens, t->word.text) && excess_of(p->file) < 0) {
		parse_error(p, &d->after,
			"a \"{\" is missing at the end of this line: \"%.*s\" belongs into the "
			"block of \"%s\"",
			WORD_ARG(&t->word), row->name);
		p->file->excess++;
		d->has_block = true;
	}
}

void
braces_on_close(struct parse *p, const struct word *at)
{
	struct source_file *file = p->file;
	const struct scope *scope = &p->scopes[p->depth];
	const struct conf_place *begin = &p->places->places[scope->ordinal - 1];

	if (!file->suspect.ordinal && scope->first && lex_first_on_line(&file->lex, at) &&
		at->line != begin->line && at->col < begin->col)
		file->suspect = (struct braces_suspect){
			.ordinal = scope->ordinal,
			.line = scope->opened.line,
			.col = scope->opened.col,
		};
	file->closed = *scope;
	file->closed_line = at->line;
	file->has_closed = true;
}

void
braces_on_fit(struct parse *p)
{
	p->file->has_closed = false;
}

void
braces_on_end(struct parse *p)
{
	struct source_file *file = p->file;

	for (; p->depth > file->base && !p->stopped; p->depth--) {
		const struct scope *scope = &p->scopes[p->depth];
		struct reference opened = {
			.ordinal = scope->ordinal,
			.line = scope->opened.line,
			.col = scope->opened.col,
		};

		if (file->suspect.ordinal)
			opened = (struct reference){
				.ordinal = file->suspect.ordinal,
				.line = file->suspect.line,
				.col = file->suspect.col,
			};
		file->suspect = (struct braces_suspect){0};
		parse_error_reference(p, &opened, "this block is never closed; a \"}\" is missing");
	}
}
