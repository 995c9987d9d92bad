/* Errors for people: file:line:col, the line itself, and a caret under the place. */
#include "conf/conf.h"

#include <stdio.h>

#define SHOWN_BEFORE 100 /* bytes of a long line in front of the place */
#define SHOWN_MAX 140    /* and in all */

static struct slice
find_line(struct slice text, uint32_t line)
{
	for (uint32_t n = 1; n < line && text.n; n++)
		text = slice_skip(text, slice_index(text, '\n') + 1);
	text = slice_head(text, slice_index(text, '\n'));
	if (text.n && text.p[text.n - 1] == '\r')
		text.n--;
	return text;
}

/* A byte that continues a UTF-8 character and takes no column of its own. */
static bool
is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static int
put_line(struct slice line, struct buf *out)
{
	if (buf_append_str(out, "  ") < 0)
		return -1;
	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];
		bool control = (c < 0x20 && c != '\t') || c == 0x7f;

		if (buf_append(out, control ? "?" : line.p + i, 1) < 0)
			return -1;
	}
	return buf_append_byte(out, '\n');
}

/* Blanks as wide as the bytes in front of the place, tabs kept. */
static int
put_caret(struct slice before, struct buf *out)
{
	if (buf_append_str(out, "  ") < 0)
		return -1;
	for (size_t i = 0; i < before.n; i++) {
		if (is_continuation(before.p[i]))
			continue;
		if (buf_append_str(out, before.p[i] == '\t' ? "\t" : " ") < 0)
			return -1;
	}
	return buf_append_str(out, "^\n");
}

static int
put_place(const struct err *e, struct slice text, struct buf *out)
{
	struct slice line = find_line(text, e->line);
	size_t col = e->col ? e->col - 1 : 0;
	size_t skip = 0;

	if (col > line.n)
		col = line.n;
	if (line.n > SHOWN_MAX && col > SHOWN_BEFORE) {
		skip = col - SHOWN_BEFORE;
		while (skip < col && is_continuation(line.p[skip]))
			skip++;
	}
	line = slice_head(slice_skip(line, skip), SHOWN_MAX);
	if (put_line(line, out) < 0)
		return -1;
	return put_caret(slice_head(line, col - skip), out);
}

int
conf_errors_print(const struct conf_errors *errs,
	struct slice (*text_of)(void *ctx, const char *file), void *ctx, struct buf *out)
{
	for (size_t i = 0; i < errs->n; i++) {
		const struct err *e = &errs->errors[i];
		char head[ERR_FILE_MAX + ERR_MSG_MAX + 32];
		struct slice text = {0};

		err_print(e, head, sizeof(head));
		if (buf_append_str(out, head) < 0 || buf_append_byte(out, '\n') < 0)
			return -1;
		if (e->file[0] && e->line)
			text = text_of(ctx, e->file);
		if (text.n && put_place(e, text, out) < 0)
			return -1;
	}
	if (errs->too_many)
		return buf_printf(
			out, "more than %d errors; the rest is not shown\n", CONF_ERRORS_MAX);
	return 0;
}
