/*
 * Errors as values: filling, prefixing and printing them. The text is formatted aside first, so
 * that an error may be built out of its own former message.
 */
#include "core/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CUT "..."

/* Copies with a final NUL, and with "..." at the end when it does not fit. */
static void
copy_cut(char *out, size_t size, const char *text)
{
	size_t n = strlen(text);

	if (n < size) {
		memcpy(out, text, n + 1);
		return;
	}
	if (size < sizeof(CUT)) {
		memset(out, 0, size);
		return;
	}
	memcpy(out, text, size - sizeof(CUT));
	memcpy(out + size - sizeof(CUT), CUT, sizeof(CUT));
}

__attribute__((format(printf, 2, 0))) static void
set_message(struct err *e, const char *fmt, va_list ap)
{
	char text[ERR_MSG_MAX + 1]; /* one more than fits, so that copy_cut sees the overflow */

	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		copy_cut(text, sizeof(text), fmt);
	copy_cut(e->msg, sizeof(e->msg), text);
}

static void
set_place(struct err *e, const char *file, uint32_t line, uint32_t col)
{
	char text[ERR_FILE_MAX + 1];

	/* Aside, because file may be e's own. */
	(void)snprintf(text, sizeof(text), "%s", file ? file : "");
	copy_cut(e->file, sizeof(e->file), text);
	e->line = line;
	e->col = col;
	e->ordinal = 0;
}

int
err_set(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	set_message(e, fmt, ap);
	va_end(ap);
	set_place(e, NULL, 0, 0);
	return -1;
}

int
err_errno(struct err *e, int errnum, const char *fmt, ...)
{
	char reason[128];
	struct err context = {0};
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	set_message(&context, fmt, ap);
	va_end(ap);
	/* The GNU strerror_r: it may return a constant instead of filling reason. */
	return err_set(e, "%s: %s", context.msg, strerror_r(errnum, reason, sizeof(reason)));
}

int
err_at(struct err *e, const char *file, uint32_t line, uint32_t col, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	set_message(e, fmt, ap);
	va_end(ap);
	set_place(e, file, line, col);
	return -1;
}

int
err_ordinal(struct err *e, uint32_t ordinal, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	set_message(e, fmt, ap);
	va_end(ap);
	set_place(e, NULL, 0, 0);
	e->ordinal = ordinal;
	return -1;
}

int
err_prefix(struct err *e, const char *fmt, ...)
{
	struct err context = {0};
	char text[2 * ERR_MSG_MAX + 3];
	va_list ap;

	if (!e)
		return -1;
	va_start(ap, fmt);
	set_message(&context, fmt, ap);
	va_end(ap);
	(void)snprintf(text, sizeof(text), "%s: %s", context.msg, e->msg);
	copy_cut(e->msg, sizeof(e->msg), text);
	return -1;
}

void
err_print(const struct err *e, char *out, size_t out_size)
{
	char text[ERR_FILE_MAX + ERR_MSG_MAX + 32];

	if (out_size == 0)
		return;
	if (!e->file[0])
		(void)snprintf(text, sizeof(text), "%s", e->msg);
	else if (e->line && e->col)
		(void)snprintf(
			text, sizeof(text), "%s:%u:%u: %s", e->file, e->line, e->col, e->msg);
	else if (e->line)
		(void)snprintf(text, sizeof(text), "%s:%u: %s", e->file, e->line, e->msg);
	else
		(void)snprintf(text, sizeof(text), "%s: %s", e->file, e->msg);
	copy_cut(out, out_size, text);
}
