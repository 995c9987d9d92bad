/* Trailer fields: what is let through, and the lines that are kept. */
#include "proxy/http/http_trailers.h"

#include "core/own.h"

#include <assert.h>

/* What may not stand behind a body, beside every name that the proxy itself acts on
 * (HTTP_NAME_TABLE): RFC 9110 section 6.5.1, and what is used for the same ends. */
static const char *const forbidden[] = {"accept", "age", "allow", "alt-svc", "clear-site-data",
	"cookie2", "early-data", "expires", "from", "last-modified", "max-forwards", "pragma",
	"priority", "retry-after", "server", "set-cookie2", "strict-transport-security",
	"upgrade-insecure-requests", "via", "warning", "www-authenticate", "x-content-type-options",
	"x-frame-options"};
static const char *const forbidden_families[] = {"accept-", "access-control-", "content-", "if-",
	"proxy-", "sec-", "x-http-method", "x-original-", "x-rewrite-"};

bool
http_trailer_is_allowed(struct slice name)
{
	if (http_name_find(name) != HTTP_NAME_OTHER)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
		if (slice_ieq(name, slice_str(forbidden[i])))
			return false;
	for (size_t i = 0; i < ARRAY_SIZE(forbidden_families); i++)
		if (slice_istarts(name, slice_str(forbidden_families[i])))
			return false;
	return true;
}

/* --- opening --------------------------------------------------------------------------------- */

static size_t
listed_len(const struct http_field *fields, size_t n)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++)
		if (fields[i].id == HTTP_NAME_CONNECTION)
			len += fields[i].value.n + 1u;
	return len;
}

static void
copy_listed(char *to, const char *base, const struct http_field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct slice value = http_span_of(base, fields[i].value);

		if (fields[i].id != HTTP_NAME_CONNECTION)
			continue;
		if (value.n)
			memcpy(to, value.p, value.n);
		to[value.n] = ',';
		to += value.n + 1;
	}
}

void
http_trailers_open(struct http_trailers *t, struct arena *arena, const char *base,
	const struct http_field *fields, size_t n)
{
	size_t len = listed_len(fields, n);

	*t = (struct http_trailers){.to_backend = t->to_backend, .text = t->text};
	if (len > 0) {
		char *listed = arena_alloc(arena, len);

		/* Without knowing what is listed, none of them may go on. */
		if (!listed)
			return;
		copy_listed(listed, base, fields, n);
		t->listed = slice_of(listed, len);
	}
	t->arena = arena;
}

/* --- taking fields in ------------------------------------------------------------------------ */

static bool
is_listed(const struct http_trailers *t, struct slice name)
{
	struct slice rest = t->listed, option;

	while (http_list_next(&rest, &option))
		if (slice_ieq(option, name))
			return true;
	return false;
}

/* The line becomes one of ours where it stands. Returns its length. */
static size_t
rewrite_line(char *line, const struct http_field *f)
{
	size_t at = f->name.n + 2u;

	memmove(line + at, line + f->value.at, f->value.n);
	line[f->name.n] = ':';
	line[f->name.n + 1] = ' ';
	line[at + f->value.n] = '\r';
	line[at + f->value.n + 1] = '\n';
	return at + f->value.n + 2;
}

char *
http_trailers_line(struct http_trailers *t)
{
	if (!t->text)
		t->text = arena_alloc(t->arena, HTTP_TRAILERS_TEXT_MAX);
	return t->text ? t->text + t->n : NULL;
}

enum http_reason
http_trailers_take(struct http_trailers *t, size_t n)
{
	char *line = t->text + t->n;
	struct http_field f;
	struct slice name;

	assert(t->n + n <= HTTP_TRAILERS_TEXT_MAX);
	if (http_field_parse(line, 0, n, &f) != HTTP_REASON_NONE)
		return HTTP_REASON_TRAILER;
	if (++t->n_fields > HTTP_TRAILER_FIELDS_MAX)
		return HTTP_REASON_TRAILERS_TOO_LARGE;
	name = http_span_of(line, f.name);
	if (!http_trailer_is_allowed(name) || is_listed(t, name) ||
		(t->to_backend && (f.flags & HTTP_FIELD_ODD)))
		return HTTP_REASON_NONE;
	t->n += (uint32_t)rewrite_line(line, &f);
	return HTTP_REASON_NONE;
}

static enum http_reason
add_field(struct http_trailers *t, struct slice name, struct slice value)
{
	char *line;

	/* As a line it is this long, its colon and CRLF counted. */
	t->size += (uint32_t)(name.n + value.n + 3);
	if (name.n > HTTP_TRAILERS_MAX || value.n > HTTP_TRAILERS_MAX ||
		t->size > HTTP_TRAILERS_MAX)
		return HTTP_REASON_TRAILERS_TOO_LARGE;
	/* RFC 9113 section 8.2.1: no upper case; a colon or a control character in a name is found
	 * by the line's parser. */
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == ':' || (name.p[i] >= 'A' && name.p[i] <= 'Z'))
			return HTTP_REASON_TRAILER;
	line = http_trailers_line(t);
	if (!line)
		return HTTP_REASON_TRAILERS_TOO_LARGE;
	if (name.n)
		memcpy(line, name.p, name.n);
	line[name.n] = ':';
	if (value.n)
		memcpy(line + name.n + 1, value.p, value.n);
	return http_trailers_take(t, name.n + 1 + value.n);
}

void
http_trailers_add(struct http_trailers *t, struct slice name, struct slice value)
{
	if (t->arena && t->reason == HTTP_REASON_NONE)
		t->reason = add_field(t, name, value);
}

/* --- taking fields out ----------------------------------------------------------------------- */

void
http_trailers_remove(struct http_trailers *t, struct slice name)
{
	struct slice rest = http_trailers_text(t);
	uint32_t kept = 0;

	while (rest.n) {
		size_t n = slice_index(rest, '\n') + 1;

		if (!slice_ieq(slice_head(rest, slice_index(rest, ':')), name)) {
			memmove(t->text + kept, rest.p, n);
			kept += (uint32_t)n;
		}
		rest = slice_skip(rest, n);
	}
	t->n = kept;
}
