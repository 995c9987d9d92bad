/*
 * Field lines and what they say about framing. The table of names is in the header; here it
 * becomes a hash of 128 places without collisions, so that a name costs one comparison.
 */
#include "proxy/http/http_field.h"

#include "core/num.h"
#include "proxy/http/http_scan.h"

#include <assert.h>
#include <stdint.h>

#define NAME_PLACES 256
#define NAME_PLACE(n, first, inner)                                                                \
	(((n)*3u + (unsigned)(first)*9u + (unsigned)(inner)*2u) % NAME_PLACES)

struct known_name {
	uint8_t id;
	uint8_t n;
	const char *text;
};

static const struct known_name known_names[NAME_PLACES] = {
#define KNOWN_NAME(id, first, inner, text, what)                                                   \
	[NAME_PLACE(sizeof(text) - 1, first, inner)] = {HTTP_NAME_##id, sizeof(text) - 1, text},
	HTTP_NAME_TABLE(KNOWN_NAME)
#undef KNOWN_NAME
};

static const uint8_t name_what[HTTP_NAME_COUNT] = {
	[HTTP_NAME_X_FORWARDED_OTHER] = HTTP_OURS | HTTP_PROTECTED,
	[HTTP_NAME_X_ACCEL] = HTTP_INTERNAL,
#define NAME_WHAT(id, first, inner, text, what) [HTTP_NAME_##id] = (what),
	HTTP_NAME_TABLE(NAME_WHAT)
#undef NAME_WHAT
};

static const char *const name_texts[HTTP_NAME_COUNT] = {
#define NAME_TEXT(id, first, inner, text, what) [HTTP_NAME_##id] = (text),
	HTTP_NAME_TABLE(NAME_TEXT)
#undef NAME_TEXT
};

static const struct {
	uint16_t status;
	const char *text;
} reasons[HTTP_REASON_COUNT] = {
#define REASON(id, status, text) [HTTP_REASON_##id] = {status, text},
	HTTP_REASON_TABLE(REASON)
#undef REASON
};

/* clang-format off */
const uint8_t http_class[256] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 23, 2, 17, 23, 19, 23, 23, 6, 6, 23, 23, 6, 23, 31, 2,
	23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 2, 6, 2, 6, 2, 2,
	2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
	7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 2, 2, 2, 19, 31,
	19, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23,
	23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 2, 19, 2, 23, 0,
};
/* clang-format on */

enum http_method
http_method_find(struct slice name)
{
#define METHOD_FIND(id, text)                                                                      \
	if (name.n == sizeof(text) - 1 && memcmp(name.p, text, sizeof(text) - 1) == 0)             \
		return HTTP_METHOD_##id;
	HTTP_METHOD_TABLE(METHOD_FIND)
#undef METHOD_FIND
	return HTTP_METHOD_OTHER;
}

/* Eight bytes of two names, equal but for bit 5. */
static bool
word_matches(const char *known, const char *name)
{
	uint64_t a, b;

	memcpy(&a, known, sizeof(a));
	memcpy(&b, name, sizeof(b));
	return ((a ^ b) & ~HTTP_BYTES(0x20)) == 0;
}

/* Equal but for case, where known is lower case and name is a token: no letter, digit or '-'
 * becomes another byte of a token when bit 5 is left out. */
static bool
name_matches(const char *known, const char *name, size_t n)
{
	unsigned differs = 0;
	size_t i = 0;

	if (n >= 8) {
		for (; i + 8 < n; i += 8) {
			if (!word_matches(known + i, name + i))
				return false;
		}
		return word_matches(known + n - 8, name + n - 8);
	}
	for (; i < n; i++)
		differs |= (unsigned)((uint8_t)known[i] ^ (uint8_t)name[i]) & ~0x20u;
	return differs == 0;
}

enum http_name
http_name_find(struct slice name)
{
	const struct known_name *known;

	if (name.n == 0)
		return HTTP_NAME_OTHER;
	known = &known_names[NAME_PLACE(
		name.n, (uint8_t)name.p[0] | 0x20, (uint8_t)name.p[name.n * 3 / 4] | 0x20)];
	if (known->n == name.n && name_matches(known->text, name.p, name.n))
		return (enum http_name)known->id;
	if ((name.p[0] | 0x20) != 'x')
		return HTTP_NAME_OTHER;
	if (slice_istarts(name, SLICE_LIT("x-forwarded-")))
		return HTTP_NAME_X_FORWARDED_OTHER;
	return slice_istarts(name, SLICE_LIT("x-accel-")) ? HTTP_NAME_X_ACCEL : HTTP_NAME_OTHER;
}

const char *
http_name_text(enum http_name id)
{
	assert(id < HTTP_NAME_COUNT);
	return name_texts[id];
}

unsigned
http_name_what(enum http_name id)
{
	assert(id < HTTP_NAME_COUNT);
	return name_what[id];
}

const char *
http_reason_text(enum http_reason reason)
{
	assert(reason < HTTP_REASON_COUNT);
	return reasons[reason].text;
}

uint16_t
http_reason_status(enum http_reason reason)
{
	assert(reason < HTTP_REASON_COUNT);
	return reasons[reason].status;
}

bool
http_is_token(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!http_in_class(s.p[i], HTTP_CLASS_TOKEN))
			return false;
	}
	return s.n > 0;
}

bool
http_list_next(struct slice *rest, struct slice *ret)
{
	while (rest->n) {
		size_t n = slice_index(*rest, ',');
		struct slice element = slice_trim(slice_head(*rest, n));

		*rest = slice_skip(*rest, n + 1);
		if (element.n) {
			*ret = element;
			return true;
		}
	}
	return false;
}

enum http_line
http_line_find(struct http_lines *l, const char *data, size_t n, size_t limit, size_t *ret_n)
{
	size_t end = n < limit ? n : limit;
	const char *lf = NULL;

	if (end > l->scanned)
		lf = memchr(data + l->scanned, '\n', end - l->scanned);
	if (!lf) {
		if (n >= limit)
			return HTTP_LINE_TOO_LONG;
		l->scanned = (uint32_t)n;
		return HTTP_LINE_MORE;
	}
	if (lf == data + l->line || lf[-1] != '\r')
		return HTTP_LINE_BARE_LF;
	*ret_n = (size_t)(lf - data) - l->line - 1;
	return HTTP_LINE_FOUND;
}

/* Blanks that RFC 9110 allows around a value, but not where parsers are known to disagree. */
static bool
has_tab_around(const char *line, size_t from, size_t to, const struct http_field *field)
{
	size_t behind = (size_t)field->value.at + field->value.n;

	return memchr(line + from, '\t', field->value.at - from) != NULL ||
	       memchr(line + behind, '\t', to - behind) != NULL;
}

enum http_reason
http_field_parse(const char *base, size_t at, size_t n, struct http_field *ret)
{
	size_t end = at + n, i = at, from, to;
	unsigned seen = 0;

	assert(end <= UINT16_MAX);
	if (n && (base[at] == ' ' || base[at] == '\t'))
		return HTTP_REASON_FIELD_FOLDED;
	for (; i < end; i++) {
		unsigned classes = http_class[(uint8_t)base[i]];

		if (!(classes & HTTP_CLASS_TOKEN))
			break;
		seen |= classes;
	}
	if (i == at || i == end || base[i] != ':')
		return HTTP_REASON_FIELD_NAME;
	ret->name = (struct http_span){(uint16_t)at, (uint16_t)(i - at)};
	from = i + 1;
	to = end;
	while (from < to && (base[from] == ' ' || base[from] == '\t'))
		from++;
	while (to > from && (base[to - 1] == ' ' || base[to - 1] == '\t'))
		to--;
	if (!http_is_value(base + from, to - from))
		return HTTP_REASON_FIELD_VALUE;
	ret->value = (struct http_span){(uint16_t)from, (uint16_t)(to - from)};
	ret->flags = seen & HTTP_CLASS_ODD ? HTTP_FIELD_ODD : 0;
	ret->id = (uint8_t)http_name_find(slice_of(base + at, i - at));
	if (ret->id == HTTP_NAME_TRANSFER_ENCODING && has_tab_around(base, i + 1, end, ret))
		return HTTP_REASON_ENCODING;
	if (ret->id == HTTP_NAME_CONTENT_LENGTH && has_tab_around(base, i + 1, end, ret))
		return HTTP_REASON_LENGTH_SYNTAX;
	return HTTP_REASON_NONE;
}

/* RFC 9112 section 6.3: equal ones count once, different ones are an attack or a fault. */
static enum http_reason
add_length(struct http_framing *f, struct slice value)
{
	uint64_t length;

	if (num_parse(value, 0, INT64_MAX, &length) < 0)
		return HTTP_REASON_LENGTH_SYNTAX;
	if (f->has_length && f->content_length != length)
		return HTTP_REASON_LENGTH_DIFFERS;
	f->has_length = true;
	f->content_length = length;
	return HTTP_REASON_NONE;
}

/* Only the one coding that every HTTP/1.1 recipient must know, once (RFC 9112 section 7). */
static enum http_reason
add_encoding(struct http_framing *f, struct slice value)
{
	if (f->has_encoding || !slice_ieq(value, SLICE_LIT("chunked")))
		return HTTP_REASON_ENCODING;
	f->has_encoding = true;
	return HTTP_REASON_NONE;
}

static enum http_reason
add_connection(struct http_framing *f, struct slice value)
{
	struct slice option;

	while (http_list_next(&value, &option)) {
		if (++f->n_connection > HTTP_CONNECTION_NAMES_MAX || !http_is_token(option))
			return HTTP_REASON_CONNECTION_SYNTAX;
		if (slice_ieq(option, SLICE_LIT("keep-alive")))
			f->keep_alive = true;
		else if (slice_ieq(option, SLICE_LIT("close")))
			f->close = true;
		else if (slice_ieq(option, SLICE_LIT("upgrade")))
			f->upgrade = true;
		else
			f->lists_names = true;
	}
	return HTTP_REASON_NONE;
}

enum http_reason
http_framing_add(struct http_framing *f, const struct http_field *field, struct slice value)
{
	if (field->id == HTTP_NAME_CONTENT_LENGTH)
		return add_length(f, value);
	if (field->id == HTTP_NAME_TRANSFER_ENCODING)
		return add_encoding(f, value);
	if (field->id == HTTP_NAME_CONNECTION)
		return add_connection(f, value);
	return HTTP_REASON_NONE;
}

static void
mark_option(const char *base, struct http_field *fields, size_t n, struct slice option)
{
	/* What the table knows is dropped already or may not be taken out by a list. */
	if (http_name_find(option) != HTTP_NAME_OTHER)
		return;
	for (size_t i = 0; i < n; i++) {
		if (slice_ieq(http_span_of(base, fields[i].name), option))
			fields[i].flags |= HTTP_FIELD_LISTED;
	}
}

void
http_fields_mark_listed(const char *base, struct http_field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct slice rest = http_span_of(base, fields[i].value), option;

		if (fields[i].id != HTTP_NAME_CONNECTION)
			continue;
		while (http_list_next(&rest, &option))
			mark_option(base, fields, n, option);
	}
}
