/*
 * The line-preserving editor of config_edit.h. Every edit writes a new text beside the old one and
 * swaps them at the end, so that a failure leaves the old one.
 */
#include "lxc/config_edit.h"

#include <string.h>

struct line {
	struct slice whole; /* with its newline */
	struct slice key;   /* empty: a comment, a blank line, or no assignment */
	struct slice value;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static struct slice
trim(struct slice s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = slice_skip(s, 1);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

static struct slice
unquote(struct slice s)
{
	if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
		return slice_head(slice_skip(s, 1), s.n - 2);
	return s;
}

/* Reads the line at *at, which moves behind it; false at the end of the text. */
static bool
line_next(struct slice text, size_t *at, struct line *ret)
{
	struct slice rest = slice_skip(text, *at), body;
	size_t length = slice_index(rest, '\n'), equals;

	if (rest.n == 0)
		return false;
	body = trim(slice_head(rest, length));
	*ret = (struct line){.whole = slice_head(rest, length + 1)};
	*at += ret->whole.n;
	equals = slice_index(body, '=');
	if (body.n > 0 && body.p[0] != '#' && equals < body.n) {
		ret->key = trim(slice_head(body, equals));
		ret->value = unquote(trim(slice_skip(body, equals + 1)));
	}
	return true;
}

bool
config_next(struct slice text, size_t *at, struct slice *ret_key, struct slice *ret_value)
{
	struct line line;

	while (line_next(text, at, &line)) {
		if (line.key.n == 0)
			continue;
		*ret_key = line.key;
		*ret_value = line.value;
		return true;
	}
	return false;
}

bool
config_get(struct slice text, const char *key, struct slice *ret_value)
{
	struct slice k, v;
	bool found = false;

	for (size_t at = 0; config_next(text, &at, &k, &v);) {
		if (!slice_eq_str(k, key))
			continue;
		*ret_value = v;
		found = true;
	}
	return found;
}

/* Begins a new line, also behind a last line without newline. */
static int
end_line(struct buf *out)
{
	struct slice s = buf_slice(out);

	return s.n == 0 || s.p[s.n - 1] == '\n' ? 0 : buf_append_byte(out, '\n');
}

static int
put_line(struct buf *out, const char *key, struct slice value)
{
	if (end_line(out) < 0)
		return -1;
	return buf_printf(out, "%s = %.*s\n", key, SLICE_ARG(value));
}

static int
finish(struct buf *text, struct buf *out, int ret)
{
	if (ret == 0) {
		struct buf old = *text;

		*text = *out;
		*out = old;
	}
	buf_clear(out);
	return ret;
}

/* Where the last line with this key ends; 0 when there is none. */
static size_t
end_of_last(struct slice text, const char *key)
{
	struct line line;
	size_t end = 0;

	for (size_t at = 0; line_next(text, &at, &line);) {
		if (slice_eq_str(line.key, key))
			end = at;
	}
	return end;
}

static int
set_values(
	struct slice text, struct buf *out, const char *key, const struct slice *values, size_t n)
{
	size_t last = end_of_last(text, key), used = 0;
	struct line line;

	for (size_t at = 0; line_next(text, &at, &line);) {
		bool ours = slice_eq_str(line.key, key);

		if (!ours && buf_append_slice(out, line.whole) < 0)
			return -1;
		if (ours && used < n) {
			bool same = slice_eq(line.value, values[used]);
			int ret = same ? buf_append_slice(out, line.whole)
				       : put_line(out, key, values[used]);

			if (ret < 0)
				return -1;
			used++;
		}
		for (; at == last && used < n; used++) {
			if (put_line(out, key, values[used]) < 0)
				return -1;
		}
	}
	for (; used < n; used++) {
		if (put_line(out, key, values[used]) < 0)
			return -1;
	}
	return 0;
}

int
config_set(struct buf *text, const char *key, const struct slice *values, size_t n)
{
	struct buf out;

	buf_init(&out, text->max);
	return finish(text, &out, set_values(buf_slice(text), &out, key, values, n));
}

static int
set_marked(
	struct slice text, struct buf *out, const char *key, const struct slice *values, size_t n)
{
	bool marked = false;
	struct line line;

	for (size_t at = 0; line_next(text, &at, &line);) {
		bool mark = slice_starts(trim(line.whole), slice_str(CONFIG_MARK));
		bool ours = mark || (marked && slice_eq_str(line.key, key));

		marked = mark;
		if (!ours && buf_append_slice(out, line.whole) < 0)
			return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (end_line(out) < 0 || buf_append_str(out, CONFIG_MARK "\n") < 0 ||
			put_line(out, key, values[i]) < 0)
			return -1;
	}
	return 0;
}

int
config_set_marked(struct buf *text, const char *key, const struct slice *values, size_t n)
{
	struct buf out;

	buf_init(&out, text->max);
	return finish(text, &out, set_marked(buf_slice(text), &out, key, values, n));
}

static bool
has_value(struct slice text, const char *key, struct slice value)
{
	struct slice k, v;

	for (size_t at = 0; config_next(text, &at, &k, &v);) {
		if (slice_eq_str(k, key) && slice_eq(v, value))
			return true;
	}
	return false;
}

int
config_add(struct buf *text, const char *key, struct slice value)
{
	struct slice old = buf_slice(text);
	size_t split = end_of_last(old, key);
	struct buf out;
	int ret;

	if (has_value(old, key, value))
		return 0;
	buf_init(&out, text->max);
	ret = buf_append_slice(&out, slice_head(old, split));
	if (ret == 0)
		ret = put_line(&out, key, value);
	if (ret == 0)
		ret = buf_append_slice(&out, slice_skip(old, split));
	return finish(text, &out, ret);
}
