/*
 * Differences of texts in nft syntax, as ruleset_print writes them: a section is a set, a map or
 * a chain, from its first line to its brace.
 */
#include "router/text_diff.h"

#include <stdlib.h>
#include <string.h>

#define SECTIONS_MAX 128

struct section {
	struct slice head;   /* "set bridges", "chain early" */
	struct slice *lines; /* trimmed, as they are compared; in the text's order */
	size_t n, cap;
	bool shown; /* met its counterpart */
};

struct sections {
	struct section v[SECTIONS_MAX];
	size_t n;
};

static void
sections_free(struct sections *s)
{
	for (size_t i = 0; s && i < s->n; i++)
		free(s->v[i].lines);
	free(s);
}

/* What of a line counts. */
static struct slice
essence(struct slice line)
{
	const char *timeout;

	line = slice_trim(line);
	timeout = line.n ? memmem(line.p, line.n, " timeout ", 9) : NULL;
	if (timeout)
		line = slice_head(line, (size_t)(timeout - line.p));
	if (line.n && line.p[line.n - 1] == ',')
		line.n--;
	return line;
}

static int
section_add(struct section *s, struct slice line)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		struct slice *lines = realloc(s->lines, cap * sizeof(*lines));

		if (!lines)
			return -1;
		s->lines = lines;
		s->cap = cap;
	}
	s->lines[s->n++] = line;
	return 0;
}

/* Frames of elements, and what stands outside of every section. */
static bool
is_frame(struct slice line)
{
	return line.n == 0 || slice_eq_str(line, "}") || slice_eq_str(line, "elements = {");
}

static bool
begins_section(struct slice line)
{
	return slice_starts(line, SLICE_LIT("\tset ")) || slice_starts(line, SLICE_LIT("\tmap ")) ||
	       slice_starts(line, SLICE_LIT("\tchain "));
}

static struct slice
head_of(struct slice line)
{
	line = slice_trim(line);
	return slice_trim(slice_head(line, slice_index(line, '{')));
}

static struct sections *
split(struct slice text)
{
	struct sections *s = calloc(1, sizeof(*s));
	struct section *at = NULL;

	while (s && text.n) {
		struct slice line = slice_head(text, slice_index(text, '\n'));

		text = slice_skip(text, line.n + 1);
		/* What is between the sections of two tables is in none. */
		if (slice_starts(line, SLICE_LIT("table ")))
			at = NULL;
		if (begins_section(line) && s->n < SECTIONS_MAX) {
			at = &s->v[s->n++];
			at->head = head_of(line);
		} else if (at && !is_frame(essence(line)) && section_add(at, essence(line)) < 0) {
			sections_free(s);
			return NULL;
		}
	}
	return s;
}

static struct section *
section_find(struct sections *s, struct slice head)
{
	for (size_t i = 0; i < s->n; i++)
		if (slice_eq(s->v[i].head, head))
			return &s->v[i];
	return NULL;
}

static int
line_cmp(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	size_t n = x->n < y->n ? x->n : y->n;
	int c = n ? memcmp(x->p, y->p, n) : 0;

	if (c == 0)
		c = (x->n > y->n) - (x->n < y->n);
	return c;
}

static struct slice *
sorted(const struct section *s)
{
	struct slice *lines = calloc(s ? s->n + 1 : 1, sizeof(*lines));

	if (lines && s && s->n) {
		memcpy(lines, s->lines, s->n * sizeof(*lines));
		qsort(lines, s->n, sizeof(*lines), line_cmp);
	}
	return lines;
}

static bool
same_lines(const struct section *a, const struct section *b)
{
	if (!a || !b || a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!slice_eq(a->lines[i], b->lines[i]))
			return false;
	return true;
}

/* The lines of s, in its order, that are not among n sorted ones. */
static int
print_missing(const struct section *s, const struct slice *in, size_t n, const char *sign,
	struct buf *out)
{
	for (size_t i = 0; s && i < s->n; i++) {
		const struct slice *line = &s->lines[i];

		if (n && bsearch(line, in, n, sizeof(*line), line_cmp))
			continue;
		if (buf_printf(out, "%s\t\t%.*s\n", sign, SLICE_ARG(*line)) < 0)
			return -1;
	}
	return 0;
}

/* The same lines in another order, or one of them twice: all of both. */
static int
print_both(const struct section *a, const struct section *b, struct buf *out)
{
	if (print_missing(a, NULL, 0, "-", out) < 0)
		return -1;
	return print_missing(b, NULL, 0, "+", out);
}

/* Either may be NULL. */
static int
print_section(const struct section *a, const struct section *b, struct buf *out)
{
	struct slice *of_a = sorted(a), *of_b = sorted(b);
	const struct section *any = a ? a : b;
	const char *sign = a ? "-" : "+";
	size_t before;
	int rc = -1;

	if (a && b)
		sign = " ";
	if (any && of_a && of_b &&
		buf_printf(out, "%s\t%.*s {\n", sign, SLICE_ARG(any->head)) == 0) {
		before = buf_len(out);
		rc = print_missing(a, of_b, b ? b->n : 0, "-", out);
		if (rc == 0)
			rc = print_missing(b, of_a, a ? a->n : 0, "+", out);
		if (rc == 0 && a && b && buf_len(out) == before)
			rc = print_both(a, b, out);
	}
	free(of_a);
	free(of_b);
	return rc;
}

/* Elements are listed in the order of their keys by us, but not by all who print them. */
static bool
same_section(const struct section *a, const struct section *b)
{
	struct slice *of_a, *of_b;
	bool same = false;

	if (same_lines(a, b))
		return true;
	if (!a || !b || a->n != b->n || slice_starts(a->head, SLICE_LIT("chain ")))
		return false;
	of_a = sorted(a);
	of_b = sorted(b);
	if (of_a && of_b) {
		struct section x = {.lines = of_a, .n = a->n}, y = {.lines = of_b, .n = b->n};

		same = same_lines(&x, &y);
	}
	free(of_a);
	free(of_b);
	return same;
}

static int
print_sections(struct sections *wanted, struct sections *found, struct buf *out, bool *ret_same)
{
	*ret_same = true;
	for (size_t i = 0; i < wanted->n; i++) {
		struct section *a = &wanted->v[i], *b = section_find(found, a->head);

		if (b)
			b->shown = true;
		if (same_section(a, b))
			continue;
		*ret_same = false;
		if (print_section(a, b, out) < 0)
			return -1;
	}
	for (size_t i = 0; i < found->n; i++) {
		if (found->v[i].shown)
			continue;
		*ret_same = false;
		if (print_section(NULL, &found->v[i], out) < 0)
			return -1;
	}
	return 0;
}

int
text_diff(struct slice wanted, struct slice found, struct buf *out, bool *ret_same, struct err *e)
{
	struct sections *a = split(wanted), *b = split(found);
	bool same = false;
	int rc = -1;

	if (!a || !b)
		err_set(e, "out of memory");
	else if (print_sections(a, b, out, &same) < 0)
		err_set(e, "the difference exceeds %zu bytes", out->max);
	else
		rc = 0;
	sections_free(a);
	sections_free(b);
	if (rc == 0)
		*ret_same = same;
	return rc;
}
