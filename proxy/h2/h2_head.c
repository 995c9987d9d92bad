/* Heads from HTTP/2 to HTTP/1.1 text, and back. */
#include "proxy/h2/h2_head.h"

#include "proxy/h2/h2_session.h"
#include "proxy/http/http_head.h"
#include "proxy/http/http_scan.h"

#include <assert.h>
#include <string.h>

#define FIXED_LINES_MAX 256 /* of our own: version, framing, Upgrade */

void
/* NOLINTNEXTLINE(readability-non-const-parameter): it is written to later. */
h2_head_init(struct h2_head *h, char *stage)
{
	*h = (struct h2_head){.stage = stage};
}

static void
refuse(struct h2_head *h, enum http_reason reason)
{
	if (h->reason == HTTP_REASON_NONE)
		h->reason = reason;
}

/* RFC 9113 section 8.1.1. */
static void
malform(struct h2_head *h, enum http_reason reason)
{
	h->malformed = true;
	refuse(h, reason);
}

static struct slice
part(const struct h2_head *h, struct h2_part p)
{
	return slice_of(h->stage + H2_HEAD_STAGE_MAX + p.at, p.n);
}

static bool
stage_value(struct h2_head *h, struct slice value)
{
	if (value.n > H2_HEAD_STAGE_MAX - h->values) {
		refuse(h, HTTP_REASON_HEAD_TOO_LARGE);
		return false;
	}
	if (value.n)
		memcpy(h->stage + H2_HEAD_STAGE_MAX + h->values, value.p, value.n);
	h->values += (uint32_t)value.n;
	return true;
}

static void
take_part(struct h2_head *h, struct h2_part *p, struct slice value, enum http_reason twice)
{
	uint32_t at = h->values;

	if (p->given) {
		malform(h, twice);
		return;
	}
	if (stage_value(h, value))
		*p = (struct h2_part){.at = (uint16_t)at, .n = (uint16_t)value.n, .given = true};
}

/* The place of a pseudo-header; NULL: there is none of this name. */
static struct h2_part *
find_pseudo(struct h2_head *h, struct slice name)
{
	switch (name.n) {
	case sizeof(":path") - 1:
		return memcmp(name.p, ":path", 5) == 0 ? &h->path : NULL;
	case sizeof(":method") - 1:
		if (memcmp(name.p, ":method", 7) == 0)
			return &h->method;
		return memcmp(name.p, ":scheme", 7) == 0 ? &h->scheme : NULL;
	case sizeof(":protocol") - 1:
		return memcmp(name.p, ":protocol", 9) == 0 ? &h->protocol : NULL;
	case sizeof(":authority") - 1:
		return memcmp(name.p, ":authority", 10) == 0 ? &h->authority : NULL;
	default:
		return NULL;
	}
}

/* RFC 9113 section 8.3: each once, before the regular fields, and only those that there are. */
static void
take_pseudo(struct h2_head *h, struct slice name, struct slice value)
{
	struct h2_part *p = find_pseudo(h, name);

	if (!p || h->regular)
		malform(h, HTTP_REASON_REQUEST_LINE);
	else if (!http_is_visible(value.p, value.n))
		malform(h, HTTP_REASON_TARGET_BYTE);
	else
		take_part(h, p, value, HTTP_REASON_REQUEST_LINE);
}

/* RFC 9113 section 8.2.3: crumbs are one field again in HTTP/1.1. They are staged behind each
 * other; other values are only staged before the first of them, or refused. */
static void
take_cookie(struct h2_head *h, struct slice value)
{
	struct h2_part *c = &h->cookie;

	if (!c->given) {
		take_part(h, c, value, HTTP_REASON_FIELD_VALUE);
	} else if (stage_value(h, SLICE_LIT("; ")) && stage_value(h, value)) {
		c->n = (uint16_t)((size_t)c->n + 2 + value.n);
	}
}

/* RFC 9113 section 8.2.1; no pseudo-header's. */
static bool
is_field_name(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!http_in_class(s.p[i], HTTP_CLASS_LOWER))
			return false;
	}
	return s.n > 0;
}

static bool
is_field_value(struct slice s)
{
	return http_is_value(s.p, s.n) && slice_trim(s).n == s.n;
}

/* Fields of HTTP/1.1's connections (RFC 9113 section 8.2.2). */
static bool
is_of_http1(enum http_name id)
{
	return id == HTTP_NAME_CONNECTION || id == HTTP_NAME_KEEP_ALIVE ||
	       id == HTTP_NAME_PROXY_CONNECTION || id == HTTP_NAME_TRANSFER_ENCODING ||
	       id == HTTP_NAME_UPGRADE;
}

bool
h2_head_may_trail(struct slice name, struct slice value)
{
	enum http_name id = http_name_find(name);

	if (!is_field_name(name) || !is_field_value(value) || is_of_http1(id))
		return false;
	return id != HTTP_NAME_TE || slice_ieq(value, SLICE_LIT("trailers"));
}

static void
stage_line(struct h2_head *h, struct slice name, struct slice value)
{
	size_t n = name.n + 2 + value.n + 2;
	char *to = h->stage + h->lines;

	if (n > H2_HEAD_STAGE_MAX - h->lines) {
		refuse(h, HTTP_REASON_HEAD_TOO_LARGE);
		return;
	}
	memcpy(to, name.p, name.n);
	to += name.n;
	*to++ = ':';
	*to++ = ' ';
	if (value.n)
		memcpy(to, value.p, value.n);
	to += value.n;
	*to++ = '\r';
	*to = '\n';
	h->lines += (uint32_t)n;
}

/* Staged once there are crumbs, it would part them. */
static void
take_host(struct h2_head *h, struct slice name, struct slice value)
{
	if (!http_is_visible(value.p, value.n))
		malform(h, HTTP_REASON_HOST_SYNTAX);
	else if (!h->cookie.given)
		take_part(h, &h->host, value, HTTP_REASON_HOST_TWICE);
	else if (h->host.given)
		malform(h, HTTP_REASON_HOST_TWICE);
	else if (h->authority.n == 0)
		stage_line(h, name, value);
	else if (slice_ieq(part(h, h->authority), value))
		h->host = h->authority;
	else
		refuse(h, HTTP_REASON_HOST_MISMATCH);
}

static void
take_regular(struct h2_head *h, struct slice name, struct slice value)
{
	enum http_name id = http_name_find(name);

	h->regular = true;
	if (!is_field_name(name)) {
		malform(h, HTTP_REASON_FIELD_NAME);
	} else if (!is_field_value(value)) {
		malform(h, HTTP_REASON_FIELD_VALUE);
	} else if (id == HTTP_NAME_HOST) {
		take_host(h, name, value);
	} else if (id == HTTP_NAME_COOKIE) {
		take_cookie(h, value);
	} else if (id == HTTP_NAME_TE) {
		/* RFC 9113 section 8.2.2: only this value. */
		if (!slice_ieq(value, SLICE_LIT("trailers")))
			malform(h, HTTP_REASON_CONNECTION_SYNTAX);
		else
			stage_line(h, name, value);
	} else if (id == HTTP_NAME_CONNECTION || id == HTTP_NAME_KEEP_ALIVE ||
		   id == HTTP_NAME_PROXY_CONNECTION || id == HTTP_NAME_UPGRADE) {
		malform(h, HTTP_REASON_CONNECTION_SYNTAX);
	} else if (id == HTTP_NAME_TRANSFER_ENCODING) {
		malform(h, HTTP_REASON_ENCODING);
	} else if (h->protocol.given && slice_eq(name, SLICE_LIT("sec-websocket-key"))) {
		/* RFC 8441 section 5: not used there, and the backend is to see ours alone. */
		return;
	} else if (id == HTTP_NAME_CONTENT_LENGTH) {
		h->has_length = true;
		h->empty = slice_eq(value, SLICE_LIT("0"));
		stage_line(h, name, value);
	} else {
		if (id == HTTP_NAME_OTHER && slice_eq(name, SLICE_LIT("priority"))) {
			h->has_priority = true;
			h->priority = h2_priority_parse(value);
		}
		stage_line(h, name, value);
	}
}

void
h2_head_add(struct h2_head *h, struct slice name, struct slice value)
{
	if (h->reason != HTTP_REASON_NONE)
		return;
	h->size += (uint32_t)(name.n + value.n + H2_FIELD_OVERHEAD);
	if (h->size > HTTP_REQUEST_HEAD_MAX)
		refuse(h, HTTP_REASON_HEAD_TOO_LARGE);
	else if (name.n && name.p[0] == ':')
		take_pseudo(h, name, value);
	else
		take_regular(h, name, value);
}

bool
h2_head_is_websocket(const struct h2_head *h)
{
	return slice_eq_str(part(h, h->method), "CONNECT") && h->protocol.given &&
	       slice_ieq(part(h, h->protocol), SLICE_LIT("websocket"));
}

bool
h2_head_is_malformed(const struct h2_head *h, bool ended)
{
	bool connect = slice_eq_str(part(h, h->method), "CONNECT");

	if (h->malformed || (ended && h->has_length && !h->empty))
		return true;
	if (h->reason != HTTP_REASON_NONE)
		return false; /* not all of it was looked at */
	if (!h->method.given || (h->protocol.given && !connect))
		return true;
	if (connect && !h->protocol.given)
		return false;
	return !h->scheme.given || h->path.n == 0;
}

bool
h2_head_is_empty(const struct h2_head *h)
{
	return h->empty;
}

size_t
h2_head_text_max(const struct h2_head *h)
{
	return (size_t)h->lines + h->values + FIXED_LINES_MAX;
}

static char *
put(char *to, struct slice s)
{
	if (s.n)
		memcpy(to, s.p, s.n);
	return to + s.n;
}

#define PUT(to, literal) put(to, SLICE_LIT(literal))

/* A tunnel to anywhere is not what we are for; RFC 8441's form is an Upgrade. What the bytes of a
 * tunnel are is none of the head's business: a length would make the backend take them for a body
 * (RFC 9110 section 9.3.6). */
static enum http_reason
check_connect(const struct h2_head *h)
{
	if (!slice_eq_str(part(h, h->method), "CONNECT"))
		return h->protocol.given ? HTTP_REASON_REQUEST_LINE : HTTP_REASON_NONE;
	if (!h->protocol.given)
		return HTTP_REASON_METHOD_REFUSED;
	if (!h2_head_is_websocket(h))
		return HTTP_REASON_PROTOCOL;
	return h->has_length ? HTTP_REASON_LENGTH_OF_TUNNEL : HTTP_REASON_NONE;
}

/* RFC 9113 section 8.3.1. */
static enum http_reason
check_pseudo(const struct h2_head *h)
{
	struct slice path = part(h, h->path), scheme = part(h, h->scheme);
	enum http_reason reason;

	if (!h->method.given || !http_is_token(part(h, h->method)))
		return HTTP_REASON_METHOD_NAME;
	reason = check_connect(h);
	if (reason != HTTP_REASON_NONE)
		return reason;
	if (!slice_ieq(scheme, SLICE_LIT("https")) && !slice_ieq(scheme, SLICE_LIT("http")))
		return HTTP_REASON_TARGET_FORM;
	if (path.n == 0 || (path.p[0] != '/' && !slice_eq_str(path, "*")))
		return HTTP_REASON_TARGET_FORM;
	/* Two names for one thing must agree (RFC 9113 section 8.3.1). */
	if (h->authority.given && h->authority.n && h->host.given &&
		!slice_ieq(part(h, h->authority), part(h, h->host)))
		return HTTP_REASON_HOST_MISMATCH;
	return HTTP_REASON_NONE;
}

static char *
put_framing(const struct h2_head *h, const struct h2_request_facts *facts, char *to)
{
	struct slice method = part(h, h->method);

	if (h2_head_is_websocket(h)) {
		to = PUT(to, "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ");
		to = put(to, slice_of(facts->websocket_key, H2_KEY_LEN));
		return PUT(to, "\r\n");
	}
	if (h->has_length)
		return to;
	if (!facts->ended)
		return PUT(to, "transfer-encoding: chunked\r\n");
	/* RFC 9110 section 8.6: for these the absence of a body is said. */
	if (slice_eq_str(method, "POST") || slice_eq_str(method, "PUT") ||
		slice_eq_str(method, "PATCH"))
		return PUT(to, "content-length: 0\r\n");
	return to;
}

enum http_reason
h2_head_print(struct h2_head *h, const struct h2_request_facts *facts, char *to, size_t *ret_n)
{
	enum http_reason reason = h->reason ? h->reason : check_pseudo(h);
	struct slice host = part(h, h->authority.n ? h->authority : h->host);
	char *start = to;

	if (reason != HTTP_REASON_NONE)
		return reason;
	to = put(to, h2_head_is_websocket(h) ? SLICE_LIT("GET") : part(h, h->method));
	to = PUT(to, " ");
	to = put(to, part(h, h->path));
	to = PUT(to, " HTTP/1.1\r\n");
	if (host.n) {
		to = PUT(to, "host: ");
		to = put(to, host);
		to = PUT(to, "\r\n");
	}
	to = put(to, slice_of(h->stage, h->lines));
	if (h->cookie.given) {
		to = PUT(to, "cookie: ");
		to = put(to, part(h, h->cookie));
		to = PUT(to, "\r\n");
	}
	to = put_framing(h, facts, to);
	to = PUT(to, "\r\n");
	*ret_n = (size_t)(to - start);
	assert(*ret_n <= h2_head_text_max(h));
	return HTTP_REASON_NONE;
}

void
h2_lower_name(uint8_t *name, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] |= 0x20;
	}
}

/* --- answers --------------------------------------------------------------------------------- */

/* The line at[0, n) without its line feed. 0, or -1: it is none of ours. */
static int
split_line(const char *at, size_t n, enum http_name *ret_id, struct h2_field *ret)
{
	const char *colon = memchr(at, ':', n);
	size_t n_name = colon ? (size_t)(colon - at) : 0;
	struct slice name = slice_of(at, n_name);

	if (!colon || n_name + 2 > n || at[n - 1] != '\r')
		return -1;
	*ret_id = http_name_find(name);
	ret->known = http_name_text(*ret_id);
	ret->name = name;
	ret->value = slice_trim(slice_of(colon + 1, n - n_name - 2));
	return 0;
}

/* Lines from *used on, up to an empty one or the end, behind the fields that there are. */
static int
split_lines(struct slice text, struct h2_fields *f)
{
	const char *at = text.p + f->used, *end = text.p + text.n;

	while (at < end && *at != '\r') {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		struct h2_field field;
		enum http_name id;

		if (!eol || split_line(at, (size_t)(eol - at), &id, &field) < 0)
			return -1;
		at = eol + 1;
		if (is_of_http1(id))
			continue;
		if (f->n == f->max)
			return -1;
		f->at[f->n++] = field;
	}
	f->used = (size_t)(at - text.p);
	return 0;
}

int
h2_answer_split(struct slice text, struct h2_fields *f, uint16_t *ret_status)
{
	static const size_t status_at = sizeof("HTTP/1.1 ") - 1;
	const char *line = memchr(text.p, '\n', text.n), *status = text.p + status_at;

	if (!line || (size_t)(line - text.p) < status_at + 3 || f->max == 0)
		return -1;
	f->at[0] = (struct h2_field){SLICE_LIT(":status"), slice_of(status, 3), ":status"};
	f->n = 1;
	f->used = (size_t)(line + 1 - text.p);
	if (split_lines(text, f) < 0 || text.n - f->used < 2 || text.p[f->used + 1] != '\n')
		return -1;
	f->used += 2;
	*ret_status =
		(uint16_t)((status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0'));
	return 0;
}

int
h2_trailers_split(struct slice text, struct h2_fields *f)
{
	f->n = f->used = 0;
	return split_lines(text, f);
}
