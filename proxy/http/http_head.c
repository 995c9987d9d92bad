/* The request head's parser: its steps in the order of the bytes, then what the whole must be. */
#include "proxy/http/http_head.h"

#include "core/addr.h"
#include "core/num.h"
#include "proxy/http/http_scan.h"

#include <assert.h>

/* " HTTP/1.1" and CRLF, around method and target. */
#define REQUEST_LINE_MAX (HTTP_METHOD_MAX + 1 + HTTP_TARGET_MAX + 1 + 8 + 2)
#define VERSION_LEN 8

enum step { STEP_START, STEP_REQUEST_LINE, STEP_FIELDS, STEP_OVER };

void
http_request_init(struct http_request *r)
{
	memset(r, 0, offsetof(struct http_request, fields));
}

static enum http_parse
refuse(struct http_request *r, enum http_reason reason)
{
	r->reason = reason;
	r->step = STEP_OVER;
	return HTTP_BAD;
}

int
http_host_split(struct slice s, struct slice *ret_host, uint16_t *ret_port)
{
	uint64_t port = 0;
	struct addr literal;
	size_t n = 0;

	if (s.n && s.p[0] == '[') {
		n = slice_index(s, ']');
		if (n == s.n || addr_parse(slice_of(s.p + 1, n - 1), &literal) < 0 ||
			literal.family != AF_INET6)
			return -1;
		n++;
	}
	while (n < s.n && s.p[n] != ':' && s.p[0] != '[') {
		if (http_in_class(s.p[n], HTTP_CLASS_HOST))
			n++;
		else if (s.p[n] == '%' && n + 2 < s.n && http_hex(s.p[n + 1]) >= 0 &&
			 http_hex(s.p[n + 2]) >= 0)
			n += 3;
		else
			return -1;
	}
	if (n == 0 || n > HTTP_HOST_MAX)
		return -1;
	/* RFC 3986 section 3.2.3 allows the port behind ':' to be empty. */
	if (n < s.n && (s.p[n] != ':' || (n + 1 < s.n && num_parse(slice_skip(s, n + 1), 0,
								 UINT16_MAX, &port) < 0)))
		return -1;
	*ret_host = slice_head(s, n);
	*ret_port = (uint16_t)port;
	return 0;
}

/* An empty line before the request line, as some clients send behind a body, is skipped once
 * (RFC 9112 section 2.2). */
static enum http_parse
skip_empty_line(struct http_request *r, const char *data, size_t n)
{
	if (n == 0)
		return HTTP_NEED_MORE;
	if (data[0] == '\r') {
		if (n < 2)
			return HTTP_NEED_MORE;
		if (data[1] != '\n')
			return refuse(r, HTTP_REASON_BARE_CR);
		http_line_take(&r->lines, 0);
	}
	r->step = STEP_REQUEST_LINE;
	return HTTP_DONE;
}

/* "HTTP/1.1"; the case counts (RFC 9112 section 2.3). */
static enum http_reason
parse_version(struct http_request *r, struct slice s)
{
	if (s.n != VERSION_LEN || memcmp(s.p, "HTTP/", 5) != 0 || s.p[6] != '.' || s.p[5] < '0' ||
		s.p[5] > '9' || s.p[7] < '0' || s.p[7] > '9')
		return HTTP_REASON_VERSION_SYNTAX;
	if (s.p[5] != '1' || s.p[7] > '1')
		return HTTP_REASON_VERSION;
	r->minor = (uint8_t)(s.p[7] - '0');
	return HTTP_REASON_NONE;
}

static enum http_reason
parse_absolute(struct http_request *r, struct slice target)
{
	size_t scheme = slice_istarts(target, SLICE_LIT("http://"))    ? 7
			: slice_istarts(target, SLICE_LIT("https://")) ? 8
								       : 0;
	size_t end = scheme;

	if (!scheme)
		return HTTP_REASON_TARGET_FORM;
	while (end < target.n && target.p[end] != '/' && target.p[end] != '?')
		end++;
	r->form = HTTP_FORM_ABSOLUTE;
	r->authority.at = (uint16_t)(r->target.at + scheme);
	r->authority.n = (uint16_t)(end - scheme);
	if (end < target.n && target.p[end] == '/') {
		r->path.at = (uint16_t)(r->target.at + end);
		return HTTP_REASON_NONE;
	}
	/* No path: it is "/" (RFC 9110 section 4.2.3), and here the second '/' of "://"; for
	 * OPTIONS it is "*" (RFC 9112 section 3.2.4). */
	r->path.at = (uint16_t)(r->target.at + scheme - 1);
	if (r->method == HTTP_METHOD_OPTIONS && end == target.n)
		r->form = HTTP_FORM_ASTERISK;
	return HTTP_REASON_NONE;
}

static enum http_reason
parse_form(struct http_request *r, struct slice target)
{
	enum http_reason reason = HTTP_REASON_NONE;

	r->path.at = r->target.at;
	if (target.p[0] == '/') {
		r->form = HTTP_FORM_ORIGIN;
	} else if (target.n == 1 && target.p[0] == '*' && r->method == HTTP_METHOD_OPTIONS) {
		r->form = HTTP_FORM_ASTERISK;
	} else {
		reason = parse_absolute(r, target);
	}
	if (r->form == HTTP_FORM_ASTERISK)
		r->path.n = 0;
	else if (r->form == HTTP_FORM_ABSOLUTE && r->path.at < r->authority.at)
		r->path.n = 1;
	else
		r->path.n = (uint16_t)(slice_index(target, '?') + r->target.at - r->path.at);
	return reason;
}

/* No client sends a bare backslash in a path, and some servers take it for a slash. Queries have
 * them: browsers do not encode it there. */
static enum http_reason
check_path(const struct http_request *r, const char *data, enum http_reason reason)
{
	if (reason == HTTP_REASON_NONE && r->path.n && memchr(data + r->path.at, '\\', r->path.n))
		return HTTP_REASON_TARGET_BYTE;
	return reason;
}

/* Splits target into path and query once its bytes are known to be allowed. */
static enum http_reason
parse_target(struct http_request *r, const char *data, size_t question)
{
	struct slice target = http_span_of(data, r->target);

	if (target.n > HTTP_TARGET_MAX)
		return HTTP_REASON_TARGET_TOO_LONG;
	if (question < target.n) {
		r->has_query = true;
		r->query.at = (uint16_t)(r->target.at + question + 1);
		r->query.n = (uint16_t)(target.n - question - 1);
	}
	return check_path(r, data, parse_form(r, target));
}

/* method SP request-target SP HTTP-version, single blanks only (RFC 9112 section 3). */
static enum http_reason
parse_request_line(struct http_request *r, const char *data, size_t n)
{
	const size_t end = r->lines.line + n;
	size_t i = r->lines.line, question;
	enum http_reason reason;

	while (i < end && http_in_class(data[i], HTTP_CLASS_TOKEN))
		i++;
	r->method_text = (struct http_span){(uint16_t)r->lines.line, (uint16_t)(i - r->lines.line)};
	if (i == end || data[i] != ' ')
		return i == end ? HTTP_REASON_REQUEST_LINE : HTTP_REASON_METHOD_NAME;
	if (r->method_text.n == 0 || r->method_text.n > HTTP_METHOD_MAX)
		return HTTP_REASON_METHOD_NAME;
	r->method = http_method_find(http_span_of(data, r->method_text));
	if (r->method == HTTP_METHOD_TRACE || r->method == HTTP_METHOD_CONNECT)
		return HTTP_REASON_METHOD_REFUSED;
	r->target.at = (uint16_t)++i;
	while (i < end && http_in_class(data[i], HTTP_CLASS_TARGET))
		i++;
	if (i == end || data[i] != ' ')
		return i == end ? HTTP_REASON_REQUEST_LINE : HTTP_REASON_TARGET_BYTE;
	r->target.n = (uint16_t)(i - r->target.at);
	question = slice_index(http_span_of(data, r->target), '?');
	if (r->target.n == 0)
		return HTTP_REASON_REQUEST_LINE;
	reason = parse_version(r, slice_of(data + i + 1, end - i - 1));
	if (reason != HTTP_REASON_NONE)
		return reason;
	return parse_target(r, data, question);
}

static enum http_reason
add_host(struct http_request *r, const char *data, const struct http_field *field)
{
	struct slice host;

	if (r->host_field.n)
		return HTTP_REASON_HOST_TWICE;
	if (http_host_split(http_span_of(data, field->value), &host, &r->port) < 0)
		return HTTP_REASON_HOST_SYNTAX;
	r->host_field = field->value;
	r->host = (struct http_span){field->value.at, (uint16_t)host.n};
	return HTTP_REASON_NONE;
}

static enum http_reason
add_te(struct http_request *r, struct slice value)
{
	struct slice coding;

	while (http_list_next(&value, &coding)) {
		if (slice_ieq(coding, SLICE_LIT("trailers")))
			r->te_trailers = true;
	}
	return HTTP_REASON_NONE;
}

static enum http_reason
add_expect(struct http_request *r, struct slice value)
{
	if (!slice_ieq(value, SLICE_LIT("100-continue")))
		return HTTP_REASON_EXPECT;
	/* RFC 9110 section 10.1.1: ignored in HTTP/1.0. */
	r->expect_continue = r->minor == 1;
	return HTTP_REASON_NONE;
}

/* Which of two a backend believes is its own choice, so what was checked before it may not be what
 * it uses (RFC 9110 section 8.3). */
static enum http_reason
add_content_type(const struct http_request *r, struct slice value)
{
	struct slice first = http_request_value(r, HTTP_NAME_CONTENT_TYPE);

	return slice_eq(first, value) ? HTTP_REASON_NONE : HTTP_REASON_TYPE_DIFFERS;
}

/* The two fields that decide where a body ends are taken only as every client writes them, though
 * the grammar allows more: one blank at most before the value and none behind it, and a length
 * without leading zeros. */
static enum http_reason
check_plain(const struct http_field *field, struct slice line, struct slice value)
{
	bool length = field->id == HTTP_NAME_CONTENT_LENGTH;
	size_t before = (size_t)field->name.n + 1;

	if (line.n - value.n > before + 1 || (line.n - value.n > before && line.p[before] != ' ') ||
		(length && value.n > 1 && value.p[0] == '0'))
		return length ? HTTP_REASON_LENGTH_SYNTAX : HTTP_REASON_ENCODING;
	return HTTP_REASON_NONE;
}

/* What a field means to us, beyond being forwarded. */
static enum http_reason
note_field(struct http_request *r, const char *data, const struct http_field *field)
{
	struct slice value = http_span_of(data, field->value);

	if (field->id == HTTP_NAME_HOST)
		return add_host(r, data, field);
	if (field->id == HTTP_NAME_TE)
		return add_te(r, value);
	if (field->id == HTTP_NAME_EXPECT)
		return add_expect(r, value);
	if (field->id == HTTP_NAME_CONTENT_TYPE)
		return add_content_type(r, value);
	return http_framing_add(&r->framing, field, value);
}

static enum http_reason
parse_field(struct http_request *r, const char *data, size_t n)
{
	struct http_field *field = &r->fields[r->n_fields];
	enum http_reason reason;

	if (r->n_fields == HTTP_REQUEST_FIELDS_MAX)
		return HTTP_REASON_TOO_MANY_FIELDS;
	reason = http_field_parse(data, r->lines.line, n, field);
	if (reason != HTTP_REASON_NONE)
		return reason;
	r->n_fields++;
	if (field->flags & HTTP_FIELD_ODD)
		r->n_odd++;
	if (field->id == HTTP_NAME_OTHER)
		return HTTP_REASON_NONE;
	if (field->id == HTTP_NAME_CONTENT_LENGTH || field->id == HTTP_NAME_TRANSFER_ENCODING)
		reason = check_plain(
			field, slice_of(data + r->lines.line, n), http_span_of(data, field->value));
	return reason == HTTP_REASON_NONE ? note_field(r, data, field) : reason;
}

/* The absolute form's authority must be what Host says, a default port apart; a client of
 * HTTP/1.0 may leave Host out (RFC 9112 section 3.2). */
static enum http_reason
check_host(struct http_request *r, const char *data)
{
	struct slice host;
	uint16_t port, standard;

	if (!r->host_field.n && r->minor == 1)
		return HTTP_REASON_HOST_MISSING;
	if (!r->authority.at)
		return HTTP_REASON_NONE;
	if (http_host_split(http_span_of(data, r->authority), &host, &port) < 0)
		return HTTP_REASON_TARGET_FORM;
	if (!r->host_field.n) {
		r->host_field = r->authority;
		r->host = (struct http_span){r->authority.at, (uint16_t)host.n};
		r->port = port;
		return HTTP_REASON_NONE;
	}
	/* "https://" puts the authority one byte further than "http://" does. */
	standard = r->authority.at - r->target.at == 8 ? 443 : 80;
	if (!slice_ieq(host, http_span_of(data, r->host)) ||
		(port ? port : standard) != (r->port ? r->port : standard))
		return HTTP_REASON_HOST_MISMATCH;
	return HTTP_REASON_NONE;
}

/* RFC 9112 section 6.1: both together, or an encoding in HTTP/1.0, is how requests are smuggled. */
static enum http_reason
decide_body(struct http_request *r)
{
	const struct http_framing *f = &r->framing;

	if (f->has_encoding && r->minor == 0)
		return HTTP_REASON_ENCODING_IN_1_0;
	if (f->has_encoding && f->has_length)
		return HTTP_REASON_LENGTH_AND_ENCODING;
	r->body = f->has_encoding ? HTTP_BODY_CHUNKED
		  : f->has_length ? HTTP_BODY_LENGTH
				  : HTTP_BODY_NONE;
	r->content_length = f->content_length;
	return HTTP_REASON_NONE;
}

/* RFC 6455 section 4.1: a GET without a body, or with one of no bytes, that lists this protocol.
 * Whatever else is asked for is its route's to know (RFC 9110 section 7.8 lets a server ignore it).
 */
static bool
wants_websocket(const struct http_request *r, const char *data)
{
	if (!r->upgrade || r->method != HTTP_METHOD_GET ||
		(r->body != HTTP_BODY_NONE &&
			(r->body != HTTP_BODY_LENGTH || r->content_length > 0)))
		return false;
	for (size_t i = 0; i < r->n_fields; i++) {
		struct slice rest = http_span_of(data, r->fields[i].value), protocol;

		if (r->fields[i].id != HTTP_NAME_UPGRADE)
			continue;
		while (http_list_next(&rest, &protocol)) {
			if (slice_ieq(protocol, SLICE_LIT("websocket")))
				return true;
		}
	}
	return false;
}

static enum http_parse
finish(struct http_request *r, const char *data)
{
	enum http_reason reason = check_host(r, data);

	if (reason == HTTP_REASON_NONE)
		reason = decide_body(r);
	if (reason != HTTP_REASON_NONE)
		return refuse(r, reason);
	r->keep_alive = !r->framing.close && (r->minor == 1 || r->framing.keep_alive);
	r->upgrade = r->framing.upgrade && r->minor == 1 &&
		     http_request_find(r, HTTP_NAME_UPGRADE) != NULL;
	r->websocket = wants_websocket(r, data);
	if (r->websocket)
		r->body = HTTP_BODY_NONE;
	if (r->framing.lists_names)
		http_fields_mark_listed(data, r->fields, r->n_fields);
	r->head_len = r->lines.line;
	r->step = STEP_OVER;
	return HTTP_DONE;
}

/* Where the line's line feed must be below, and the reason when it is not. */
static size_t
line_limit(const struct http_request *r, enum http_reason *ret_reason)
{
	bool first = r->step == STEP_REQUEST_LINE;
	size_t limit = r->lines.line + (size_t)(first ? REQUEST_LINE_MAX : HTTP_FIELD_MAX);

	*ret_reason = first ? HTTP_REASON_TARGET_TOO_LONG : HTTP_REASON_FIELD_TOO_LONG;
	if (limit <= HTTP_REQUEST_HEAD_MAX)
		return limit;
	*ret_reason = HTTP_REASON_HEAD_TOO_LARGE;
	return HTTP_REQUEST_HEAD_MAX;
}

static enum http_parse
parse_line(struct http_request *r, const char *data, size_t n)
{
	enum http_reason reason;
	bool first = r->step == STEP_REQUEST_LINE;
	bool last = !first && n == 0;

	reason = HTTP_REASON_NONE;
	if (first)
		reason = parse_request_line(r, data, n);
	else if (!last)
		reason = parse_field(r, data, n);
	if (reason != HTTP_REASON_NONE)
		return refuse(r, reason);
	http_line_take(&r->lines, n);
	r->step = STEP_FIELDS;
	return last ? finish(r, data) : HTTP_NEED_MORE;
}

/* What cannot become a request, a TLS handshake or an endless method, need not be waited for. */
static bool
may_begin(const char *line, size_t n)
{
	size_t i = 0;

	while (i < n && i <= HTTP_METHOD_MAX && http_in_class(line[i], HTTP_CLASS_TOKEN))
		i++;
	return n == 0 || (i > 0 && i <= HTTP_METHOD_MAX);
}

enum http_parse
http_parse_request(struct http_request *r, const char *data, size_t n)
{
	enum http_parse result;

	assert(r->step != STEP_OVER);
	r->base = data;
	if (r->step == STEP_START && skip_empty_line(r, data, n) != HTTP_DONE)
		return r->step == STEP_OVER ? HTTP_BAD : HTTP_NEED_MORE;
	if (r->step == STEP_REQUEST_LINE && !may_begin(data + r->lines.line, n - r->lines.line))
		return refuse(r, HTTP_REASON_METHOD_NAME);
	for (;;) {
		enum http_reason too_long;
		size_t limit = line_limit(r, &too_long), line_n = 0;

		switch (http_line_find(&r->lines, data, n, limit, &line_n)) {
		case HTTP_LINE_MORE:
			return HTTP_NEED_MORE;
		case HTTP_LINE_TOO_LONG:
			return refuse(r, too_long);
		case HTTP_LINE_BARE_LF:
			return refuse(r, HTTP_REASON_BARE_LF);
		case HTTP_LINE_FOUND:
			break;
		}
		result = parse_line(r, data, line_n);
		if (result != HTTP_NEED_MORE)
			return result;
	}
}

const struct http_field *
http_request_find(const struct http_request *r, enum http_name id)
{
	for (size_t i = 0; i < r->n_fields; i++) {
		if (r->fields[i].id == id)
			return &r->fields[i];
	}
	return NULL;
}

struct slice
http_request_value(const struct http_request *r, enum http_name id)
{
	const struct http_field *field = http_request_find(r, id);

	return field ? http_span_of(r->base, field->value) : (struct slice){.p = NULL, .n = 0};
}
