/*
 * What the parser and the setters report and store: errors with their places, in the order of the
 * text, at most CONF_ERRORS_MAX of them; and the arrays that a configuration is made of.
 */
#include "conf/parse.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- errors ---- */

static int
compare_errors(const struct parse *p, size_t i, size_t j)
{
	const struct err *a = &p->errs->errors[i], *b = &p->errs->errors[j];

	if (p->error_keys[i] != p->error_keys[j])
		return p->error_keys[i] < p->error_keys[j] ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->col == b->col ? 0 : a->col < b->col ? -1 : 1;
}

/* Insertion sort of at most CONF_ERRORS_MAX errors into the order of the text. */
void
parse_sort_errors(struct parse *p)
{
	for (size_t i = 1; i < p->errs->n; i++) {
		for (size_t j = i; j > 0 && compare_errors(p, j - 1, j) > 0; j--) {
			struct err e = p->errs->errors[j];
			uint32_t key = p->error_keys[j];

			p->errs->errors[j] = p->errs->errors[j - 1];
			p->errs->errors[j - 1] = e;
			p->error_keys[j] = p->error_keys[j - 1];
			p->error_keys[j - 1] = key;
		}
	}
}

/* Stores an error; the one beyond the maximum ends the parse. */
static void
add_error(struct parse *p, uint32_t ordinal, const struct err *e)
{
	if (ordinal)
		p->traces[ordinal - 1].failed = true;
	if (p->errs->n == CONF_ERRORS_MAX) {
		p->errs->too_many = true;
		p->stopped = true;
		return;
	}
	p->error_keys[p->errs->n] = ordinal;
	p->errs->errors[p->errs->n++] = *e;
}

const char *
parse_file_name(const struct parse *p, uint32_t index)
{
	return p->places->files[index];
}

/* Where an error is found, and the directive that it belongs to. */
struct spot {
	uint32_t ordinal, file, line, col;
};

static int __attribute__((format(printf, 3, 0)))
report(struct parse *p, const struct spot *spot, const char *fmt, va_list ap)
{
	char msg[ERR_MSG_MAX];
	struct err e;

	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	err_at(&e, parse_file_name(p, spot->file), spot->line, spot->col, "%s", msg);
	add_error(p, spot->ordinal, &e);
	return -1;
}

int
parse_error(struct parse *p, const struct word *at, const char *fmt, ...)
{
	const struct spot spot = {
		.ordinal = (uint32_t)p->n_traces,
		.file = p->file->index,
		.line = at->line,
		.col = at->col,
	};
	va_list ap;

	va_start(ap, fmt);
	report(p, &spot, fmt, ap);
	va_end(ap);
	return -1;
}

int
parse_error_ordinal(struct parse *p, uint32_t ordinal, const char *fmt, ...)
{
	const struct spot spot = {
		.ordinal = ordinal,
		.file = p->places->places[ordinal - 1].file,
		.line = p->traces[ordinal - 1].line,
		.col = p->traces[ordinal - 1].col,
	};
	va_list ap;

	va_start(ap, fmt);
	report(p, &spot, fmt, ap);
	va_end(ap);
	return -1;
}

int
parse_error_reference(struct parse *p, const struct reference *r, const char *fmt, ...)
{
	const struct spot spot = {
		.ordinal = r->ordinal,
		.file = p->places->places[r->ordinal - 1].file,
		.line = r->line,
		.col = r->col,
	};
	va_list ap;

	va_start(ap, fmt);
	report(p, &spot, fmt, ap);
	va_end(ap);
	return -1;
}

int
parse_error_file(struct parse *p, const char *msg)
{
	struct err e;

	err_at(&e, parse_file_name(p, 0), 1, 1, "%s", msg);
	add_error(p, 0, &e);
	return -1;
}

int
parse_no_memory(struct parse *p)
{
	struct err e;

	if (!p->stopped) {
		err_set(&e, "out of memory while reading the configuration");
		p->stopped = true;
		p->errs->n = 0;
		add_error(p, 0, &e);
	}
	return -1;
}

const char *
parse_where(const struct parse *p, uint32_t ordinal, uint32_t from_ordinal,
	char out[static PARSE_WHERE_MAX])
{
	const struct conf_place *place = &p->places->places[ordinal - 1];

	if (place->file == p->places->places[from_ordinal - 1].file)
		(void)snprintf(out, PARSE_WHERE_MAX, "line %u", place->line);
	else
		(void)snprintf(out, PARSE_WHERE_MAX, "%.250s:%u", parse_file_name(p, place->file),
			place->line);
	return out;
}

bool
parse_failed(const struct parse *p, uint32_t ordinal)
{
	return ordinal && p->traces[ordinal - 1].failed;
}

/* ---- memory ---- */

void *
parse_add(struct parse *p, void *array, size_t *n, size_t size)
{
	void **base = array;

	/* Full exactly when the number of elements is 0 or a power of two. */
	if ((*n & (*n - 1)) == 0) {
		void *grown = reallocarray(*base, *n ? *n * 2 : 1, size);

		if (!grown) {
			parse_no_memory(p);
			return NULL;
		}
		*base = grown;
	}
	memset((char *)*base + *n * size, 0, size);
	return (char *)*base + (*n)++ * size;
}

char *
parse_dup(struct parse *p, struct slice s)
{
	char *copy = slice_dup(s);

	if (!copy)
		parse_no_memory(p);
	return copy;
}

int
parse_refer(
	struct parse *p, enum reference_kind kind, const struct directive *d, const struct word *at)
{
	struct reference *r = parse_add(p, &p->references, &p->n_references, sizeof(*r));

	if (!r)
		return -1;
	*r = (struct reference){
		.kind = kind,
		.site = p->site,
		.route = p->route,
		.target = p->target,
		.forward = p->conf->n_forwards ? p->conf->n_forwards - 1 : 0,
		.ordinal = d->ordinal,
		.line = at->line,
		.col = at->col,
	};
	return 0;
}
