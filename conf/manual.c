/*
 * Prints the manual page sluice.conf(5): the frame, a file in mdoc, with the lines that begin with
 * @ replaced by what the schema knows:
 *
 *	@directives CONTEXT    every directive of top, site, route or container
 *	@words DIRECTIVE       every word that the directive knows
 *
 * A program of the build only; it is no part of the daemon.
 */
#include "conf/schema/schema.h"
#include "core/file.h"
#include "core/own.h"

#include <stdio.h>
#include <string.h>

#define FRAME_MAX ((size_t)1024 * 1024)

static const struct {
	const char *name;
	enum context context;
} contexts[] = {
	{"top", CONTEXT_TOP},
	{"site", CONTEXT_SITE},
	{"route", CONTEXT_ROUTE},
	{"container", CONTEXT_CONTAINER},
};

/* ---- text into mdoc ---- */

/* Text with what roff would read as its own made plain. */
static void
put_text(struct slice s)
{
	if (s.n && (s.p[0] == '.' || s.p[0] == '\''))
		(void)fputs("\\&", stdout);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			(void)fputs("\\e", stdout);
		else if (s.p[i] == '"')
			(void)fputs("\\(dq", stdout);
		else
			(void)putchar(s.p[i]);
	}
}

/* A sentence or several, each on a line of its own as mdoc wants it. */
static void
put_sentences(const char *text)
{
	struct slice left = slice_str(text);

	while (left.n) {
		size_t n = 0;

		while (n < left.n &&
			!(left.p[n] == '.' &&
				(n + 1 == left.n || (left.p[n + 1] == ' ' && left.p[n + 2] >= 'A' &&
							    left.p[n + 2] <= 'Z'))))
			n++;
		put_text(slice_head(left, n + 1));
		(void)putchar('\n');
		left = slice_skip(left, n + 2);
	}
}

static bool
is_upper(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

/* "[ADDRESS:]PORT [plain|tls]" with the words in capitals set as arguments. */
static void
put_arguments(const char *text)
{
	(void)fputs(" No \"", stdout);
	while (*text) {
		size_t n = 0;

		while (is_upper(text[n]))
			n++;
		if (n && text[0] >= 'A' && text[0] <= 'Z') {
			(void)printf("\\fI%.*s\\fP", (int)n, text);
			text += n;
		} else {
			put_text(slice_of(text, 1));
			text++;
		}
	}
	(void)fputs("\"\n", stdout);
}

static void
put_example(const char *example)
{
	struct slice left = slice_str(example);

	(void)fputs(".Bd -literal -offset indent\n", stdout);
	while (left.n) {
		struct slice line = slice_head(left, slice_index(left, '\n'));

		put_text(line);
		(void)putchar('\n');
		left = slice_skip(left, line.n + 1);
	}
	(void)fputs(".Ed\n", stdout);
}

/* ---- words ---- */

/* What stands in front of a word of this directive when NAME's words are listed: "" for NAME
 * itself, "level" for "log level"; NULL when it is another directive's. */
static const char *
word_prefix(const char *directive, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(directive, name, n) != 0)
		return NULL;
	if (directive[n] == '\0' || strcmp(directive + n, " target") == 0)
		return "";
	return directive[n] == ' ' ? directive + n + 1 : NULL;
}

static size_t
count_words(const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < schema_n_words(); i++)
		n += word_prefix(schema_word(i)->directive, name) != NULL;
	return n;
}

static void
put_words(const char *name)
{
	if (!count_words(name))
		return;
	(void)fputs(".Bl -tag -width Ds -compact\n", stdout);
	for (size_t i = 0; i < schema_n_words(); i++) {
		const struct schema_word *w = schema_word(i);
		const char *prefix = word_prefix(w->directive, name);

		if (!prefix)
			continue;
		(void)printf(".It Ic %s%s%s", prefix, prefix[0] ? " " : "", w->word);
		put_arguments(w->arguments);
		put_text(slice_str(w->doc));
		(void)fputs(".\n", stdout);
	}
	(void)fputs(".El\n", stdout);
}

/* ---- directives ---- */

static bool
is_first_of_name(const struct schema_row *row)
{
	for (size_t i = 0; i < schema_index(row); i++)
		if (strcmp(schema_row(i)->name, row->name) == 0)
			return false;
	return true;
}

static void
put_row(const struct schema_row *row)
{
	(void)printf(".It Ic %s", row->name);
	put_arguments(row->arguments);
	put_sentences(row->doc);
	if (row->more)
		put_sentences(row->more);
	if (is_first_of_name(row))
		put_words(row->name);
	if (row->default_value) {
		(void)fputs(".Pp\nDefault:\n", stdout);
		put_text(slice_str(row->default_value));
		(void)fputs(".\n", stdout);
	}
	if (row->repeats)
		(void)fputs(".Pp\nMay stand more than once.\n", stdout);
	if (row->example)
		put_example(row->example);
}

static int
put_directives(struct slice name)
{
	for (size_t k = 0; k < ARRAY_SIZE(contexts); k++) {
		if (!slice_eq_str(name, contexts[k].name))
			continue;
		(void)fputs(".Bl -tag -width Ds\n", stdout);
		for (size_t i = 0; i < schema_n_rows(); i++)
			if (schema_row(i)->context == contexts[k].context)
				put_row(schema_row(i));
		(void)fputs(".El\n", stdout);
		return 0;
	}
	return -1;
}

/* ---- the frame ---- */

static int
put_command(struct slice line)
{
	char name[64];

	if (slice_starts(line, SLICE_LIT("@directives ")))
		return put_directives(slice_skip(line, sizeof("@directives ") - 1));
	if (!slice_starts(line, SLICE_LIT("@words ")))
		return -1;
	(void)snprintf(name, sizeof(name), "%.40s", line.p + sizeof("@words ") - 1);
	name[slice_index(slice_str(name), '\n')] = '\0';
	put_words(name);
	return count_words(name) ? 0 : -1;
}

static int
put_frame(struct slice frame)
{
	while (frame.n) {
		struct slice line = slice_head(frame, slice_index(frame, '\n'));

		frame = slice_skip(frame, line.n + 1);
		if (line.n && line.p[0] == '@') {
			if (put_command(line) < 0) {
				(void)fprintf(stderr, "unknown: %.*s\n", SLICE_ARG(line));
				return -1;
			}
			continue;
		}
		(void)printf("%.*s\n", SLICE_ARG(line));
	}
	return 0;
}

int
main(int argc, char **argv)
{
	_cleanup_(buf_clear) struct buf frame;
	struct err e;

	buf_init(&frame, FRAME_MAX);
	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s FRAME\n", argv[0]);
		return 2;
	}
	if (file_read(argv[1], &frame, &e) < 0 || buf_append_byte(&frame, '\0') < 0) {
		(void)fprintf(stderr, "%s: %s\n", argv[1], e.msg);
		return 1;
	}
	return put_frame(slice_head(buf_slice(&frame), buf_len(&frame) - 1)) < 0 ? 1 : 0;
}
