/* Words with their quotes, lines with their indent, and where each line comes from. */
#include "conf/write.h"

#include "core/num.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- words ---- */

static bool
must_quote(struct slice s)
{
	if (s.n == 0 || s.p[0] == '#' || s.p[s.n - 1] == '\\' || slice_eq_str(s, "->"))
		return true;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] && strchr(" \t;{}\"", s.p[i]))
			return true;
	return false;
}

static int
append_quoted(struct buf *out, struct slice s)
{
	if (buf_append_byte(out, '"') < 0)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		if ((s.p[i] == '"' || s.p[i] == '\\') && buf_append_byte(out, '\\') < 0)
			return -1;
		if (buf_append_byte(out, s.p[i]) < 0)
			return -1;
	}
	return buf_append_byte(out, '"');
}

int
writer_append_word(struct buf *out, struct slice s)
{
	return must_quote(s) ? append_quoted(out, s) : buf_append_slice(out, s);
}

void
writer_raw(struct writer *w, const char *text)
{
	if (!w->failed && buf_append_str(w->out, text) < 0)
		w->failed = true;
}

void
writer_word(struct writer *w, const char *text)
{
	writer_raw(w, " ");
	if (!w->failed && writer_append_word(w->out, slice_str(text)) < 0)
		w->failed = true;
}

void
writer_number(struct writer *w, uint64_t n)
{
	if (!w->failed && buf_printf(w->out, " %" PRIu64, n) < 0)
		w->failed = true;
}

void
writer_size(struct writer *w, uint64_t bytes)
{
	char text[NUM_TEXT_MAX];

	writer_word(w, num_print_size(bytes, text));
}

void
writer_time(struct writer *w, uint64_t ms)
{
	char text[NUM_TEXT_MAX];

	writer_word(w, num_print_time(ms, text));
}

void
writer_ports(struct writer *w, uint16_t low, uint16_t high)
{
	if (!w->failed && (low == high ? buf_printf(w->out, "%u", low)
				       : buf_printf(w->out, "%u-%u", low, high)) < 0)
		w->failed = true;
}

/* ---- lines and blocks ---- */

static void
note_source(struct writer *w, uint32_t ordinal)
{
	if ((w->n & (w->n - 1)) == 0) {
		uint32_t *grown = reallocarray(w->source, w->n ? w->n * 2 : 1, sizeof(*grown));

		if (!grown) {
			w->failed = true;
			return;
		}
		w->source = grown;
	}
	w->source[w->n++] = ordinal;
}

void
writer_begin(struct writer *w, uint32_t ordinal, const char *name)
{
	if (w->failed)
		return;
	note_source(w, ordinal);
	for (unsigned i = 0; i < w->depth; i++)
		writer_raw(w, "\t");
	writer_raw(w, name);
}

void
writer_end(struct writer *w)
{
	writer_raw(w, "\n");
}

void
writer_open(struct writer *w)
{
	writer_raw(w, " {\n");
	w->depth++;
}

void
writer_close(struct writer *w)
{
	w->depth--;
	for (unsigned i = 0; i < w->depth; i++)
		writer_raw(w, "\t");
	writer_raw(w, "}\n");
}
