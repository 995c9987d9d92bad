/* Paths: resolving dot segments, the form to match with, and putting a target's path in front. */
#include "proxy/http/http_path.h"

#include "proxy/http/http_scan.h"

#include <assert.h>

/* What decoding one character gave. */
struct unit {
	size_t raw; /* bytes of raw it stands for: 1 or 3 */
	size_t n;   /* bytes of the match form: 1 or 3 */
	char bytes[3];
};

/* The byte that an escape stands for; escapes were checked before. */
static char
decode(const char *escape)
{
	return (char)((unsigned)http_hex(escape[1]) << 4 | (unsigned)http_hex(escape[2]));
}

static struct unit
unit_at(const char *raw)
{
	struct unit u = {.raw = 1, .n = 1, .bytes = {raw[0]}};
	char c;

	if (raw[0] != '%')
		return u;
	c = decode(raw);
	u.raw = 3;
	u.bytes[0] = c;
	/* What would change the meaning of its neighbours stays encoded, in one spelling. */
	if (c == '/' || c == '\\' || c == '%') {
		u.n = 3;
		memcpy(u.bytes, c == '/' ? "%2F" : c == '\\' ? "%5C" : "%25", 3);
	}
	return u;
}

static enum http_reason
check_escapes(struct slice path)
{
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] != '%')
			continue;
		if (path.n - i < 3 || http_hex(path.p[i + 1]) < 0 || http_hex(path.p[i + 2]) < 0)
			return HTTP_REASON_PATH_ESCAPE;
		if (path.p[i + 1] == '0' && path.p[i + 2] == '0')
			return HTTP_REASON_PATH_NUL;
		i += 2;
	}
	return HTTP_REASON_NONE;
}

/* 1 for ".", 2 for "..", each plain or encoded; 0 for any other segment. */
static unsigned
count_dots(struct slice segment)
{
	unsigned dots = 0;

	for (size_t i = 0; i < segment.n; dots++) {
		struct unit u = unit_at(segment.p + i);

		if (u.bytes[0] != '.' || dots == 2)
			return 0;
		i += u.raw;
	}
	return dots;
}

/* The segment that begins behind the '/' at path.p[at]. */
static struct slice
segment_at(struct slice path, size_t at)
{
	struct slice rest = slice_skip(path, at + 1);

	return slice_head(rest, slice_index(rest, '/'));
}

static bool
has_dot_segment(struct slice path)
{
	for (size_t i = 0; i < path.n;) {
		struct slice segment = segment_at(path, i);

		if (count_dots(segment))
			return true;
		i += segment.n + 1;
	}
	return false;
}

/* RFC 3986 section 5.2.4, except that climbing above the root is an error. out has room for
 * path.n bytes. */
static enum http_reason
remove_dot_segments(struct slice path, char *out, size_t *ret_n)
{
	size_t n = 0;

	for (size_t i = 0; i < path.n;) {
		struct slice segment = segment_at(path, i);
		unsigned dots = count_dots(segment);

		i += segment.n + 1;
		if (dots == 0) {
			out[n++] = '/';
			memcpy(out + n, segment.p, segment.n);
			n += segment.n;
			continue;
		}
		if (dots == 2 && n == 0)
			return HTTP_REASON_PATH_CLIMBS;
		if (dots == 2) {
			while (out[--n] != '/')
				continue;
		}
		if (i >= path.n)
			out[n++] = '/';
	}
	*ret_n = n;
	return HTTP_REASON_NONE;
}

static size_t
make_match(struct slice raw, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < raw.n;) {
		struct unit u = unit_at(raw.p + i);

		if (!(raw.p[i] == '/' && n && out[n - 1] == '/')) {
			memcpy(out + n, u.bytes, u.n);
			n += u.n;
		}
		i += u.raw;
	}
	return n;
}

/* Whether both forms are the path as it is: no escape, no "//", and no dot that begins a segment.
 */
static bool
is_plain(struct slice path)
{
	char before = 0;

	for (size_t i = 0; i < path.n; i++) {
		char c = path.p[i];

		if (c == '%' || (before == '/' && (c == '/' || c == '.')))
			return false;
		before = c;
	}
	return true;
}

enum http_reason
http_path_resolve(struct slice path, struct arena *a, struct http_path *ret)
{
	enum http_reason reason;
	struct slice raw = path;
	char *copy, *match;
	size_t n;

	assert(path.n && path.p[0] == '/');
	if (is_plain(path)) {
		*ret = (struct http_path){.raw = path, .match = path};
		return HTTP_REASON_NONE;
	}
	reason = check_escapes(path);
	if (reason != HTTP_REASON_NONE)
		return reason;
	if (has_dot_segment(path)) {
		copy = arena_alloc(a, path.n);
		if (!copy)
			return HTTP_REASON_HEAD_TOO_LARGE;
		reason = remove_dot_segments(path, copy, &n);
		if (reason != HTTP_REASON_NONE)
			return reason;
		raw = slice_of(copy, n);
	}
	match = arena_alloc(a, raw.n);
	if (!match)
		return HTTP_REASON_HEAD_TOO_LARGE;
	*ret = (struct http_path){.raw = raw, .match = slice_of(match, make_match(raw, match))};
	return HTTP_REASON_NONE;
}

bool
http_path_has_encoded(const struct http_path *p, char c)
{
	/* Plain ones are one slice (http_path_resolve). */
	if (p->raw.p == p->match.p)
		return false;
	for (size_t i = 0; i < p->raw.n; i++) {
		if (p->raw.p[i] != '%')
			continue;
		if (decode(p->raw.p + i) == c)
			return true;
		i += 2;
	}
	return false;
}

size_t
http_path_raw_offset(const struct http_path *p, size_t n)
{
	const char *raw = p->raw.p;
	size_t i = 0, done = 0;

	assert(n <= p->match.n);
	if (raw == p->match.p)
		return n;
	while (done < n) {
		struct unit u = unit_at(raw + i);

		if (!(raw[i] == '/' && i && raw[i - 1] == '/'))
			done += u.n;
		i += u.raw;
	}
	return i;
}

int
http_path_forward(
	const struct http_path *p, size_t matched, struct slice replacement, struct buf *out)
{
	struct slice rest = slice_skip(p->raw, http_path_raw_offset(p, matched));
	bool border_matched = matched && p->match.p[matched - 1] == '/';
	bool border_written = replacement.n && replacement.p[replacement.n - 1] == '/';

	if (!replacement.p)
		return buf_append_slice(out, p->raw);
	if (buf_append_slice(out, replacement) < 0)
		return -1;
	if (rest.n && border_matched && !border_written && buf_append_byte(out, '/') < 0)
		return -1;
	/* The rest begins with the border itself when the matched prefix ends before it. */
	if (rest.n && !border_matched && border_written)
		rest = slice_skip(rest, 1);
	return buf_append_slice(out, rest);
}

int
http_path_folder_location(
	const struct http_path *p, bool has_query, struct slice query, struct buf *out)
{
	size_t i = 0;

	/* "//name" and "/\name" are other hosts to a browser: one '/', and no plain backslash. */
	while (i < p->raw.n && p->raw.p[i] == '/')
		i++;
	if (buf_append_byte(out, '/') < 0)
		return -1;
	for (; i < p->raw.n; i++) {
		bool backslash = p->raw.p[i] == '\\';

		if (backslash ? buf_append_str(out, "%5C") < 0
			      : buf_append_byte(out, p->raw.p[i]) < 0)
			return -1;
	}
	if (p->raw.p[p->raw.n - 1] != '/' && buf_append_byte(out, '/') < 0)
		return -1;
	if (!has_query)
		return 0;
	return buf_append_byte(out, '?') < 0 ? -1 : buf_append_slice(out, query);
}

int
http_path_file(const struct http_path *p, size_t from, struct buf *out)
{
	struct slice rest = slice_skip(p->match, from);

	if (rest.n && rest.p[0] == '/')
		rest = slice_skip(rest, 1);
	if (!memchr(rest.p, '%', rest.n))
		return buf_append_slice(out, rest);
	for (size_t i = 0; i < rest.n; i++) {
		char c = rest.p[i];

		/* In the match form '%' begins one of three escapes and nothing else. */
		if (c == '%') {
			c = decode(rest.p + i);
			i += 2;
		}
		if (c == '/' && rest.p[i] != '/')
			return -1;
		if (buf_append_byte(out, c) < 0)
			return -1;
	}
	return 0;
}
