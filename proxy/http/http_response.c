/* The response head's parser: the status line, the fields, and how long the body is. */
#include "proxy/http/http_response.h"

#include "core/num.h"
#include "proxy/http/http_scan.h"

#include <assert.h>

#define STATUS_LINE_MIN 12 /* "HTTP/1.1 200" */

enum step { STEP_STATUS_LINE, STEP_FIELDS, STEP_OVER };

void
http_response_init(struct http_response *r, enum http_method method)
{
	memset(r, 0, offsetof(struct http_response, fields));
	r->request_method = method;
}

static enum http_parse
refuse(struct http_response *r, enum http_reason reason)
{
	r->reason = reason;
	r->step = STEP_OVER;
	return HTTP_BAD;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* HTTP-version SP status-code [ SP reason-phrase ]; the last blank is missing so often that its
 * absence is borne (RFC 9112 section 4). */
static enum http_reason
parse_status_line(struct http_response *r, const char *data, size_t n)
{
	const char *p = data + r->lines.line;

	if (n < STATUS_LINE_MIN || memcmp(p, "HTTP/1.", 7) != 0 || (p[7] != '0' && p[7] != '1') ||
		p[8] != ' ' || !is_digit(p[9]) || !is_digit(p[10]) || !is_digit(p[11]) ||
		p[9] == '0' || (n > STATUS_LINE_MIN && p[12] != ' '))
		return HTTP_REASON_STATUS_LINE;
	r->minor = (uint8_t)(p[7] - '0');
	r->status = (uint16_t)((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0'));
	if (n > STATUS_LINE_MIN + 1) {
		r->status_text.at = (uint16_t)(r->lines.line + STATUS_LINE_MIN + 1);
		r->status_text.n = (uint16_t)(n - STATUS_LINE_MIN - 1);
	}
	if (!http_is_value(data + r->status_text.at, r->status_text.n))
		return HTTP_REASON_STATUS_LINE;
	return HTTP_REASON_NONE;
}

/* "timeout=5, max=100" (RFC 2068 section 19.7.1.1, and Node and Apache to this day). */
static uint32_t
parse_keep_alive(struct slice value)
{
	const struct slice name = SLICE_LIT("timeout=");
	struct slice one;
	uint64_t n;

	while (http_list_next(&value, &one))
		if (slice_istarts(one, name) &&
			num_parse(slice_skip(one, name.n), 0, UINT32_MAX, &n) == 0)
			return (uint32_t)n;
	return 0;
}

static enum http_reason
parse_field(struct http_response *r, const char *data, size_t n)
{
	struct http_field *field = &r->fields[r->n_fields];
	enum http_reason reason;

	if (r->n_fields == HTTP_RESPONSE_FIELDS_MAX)
		return HTTP_REASON_TOO_MANY_FIELDS;
	reason = http_field_parse(data, r->lines.line, n, field);
	if (reason != HTTP_REASON_NONE)
		return reason;
	r->n_fields++;
	if (field->id == HTTP_NAME_KEEP_ALIVE)
		r->idle_s = parse_keep_alive(http_span_of(data, field->value));
	return http_framing_add(&r->framing, field, http_span_of(data, field->value));
}

/* Whether it names the one protocol that was asked for, and no second one on top of that (RFC 9110
 * section 7.8). */
static bool
switches_as_asked(const struct http_response *r)
{
	size_t n = 0;

	for (size_t i = 0; r->protocol.n && i < r->n_fields; i++) {
		struct slice rest = http_response_slice(r, r->fields[i].value), protocol;

		if (r->fields[i].id != HTTP_NAME_UPGRADE)
			continue;
		for (; http_list_next(&rest, &protocol); n++)
			if (!slice_ieq(protocol, r->protocol))
				return false;
	}
	return n == 1 && r->framing.upgrade;
}

/* An interim answer has no body; one that announces a body is not to be trusted with where the
 * next answer begins. 101 ends HTTP on this connection, if it was asked for, and to no other
 * protocol than was asked for (RFC 9110 section 15.2.2). */
static enum http_reason
decide_interim(struct http_response *r)
{
	r->body = HTTP_BODY_NONE;
	r->interim = r->status != 101;
	if (r->status == 101) {
		r->switched = switches_as_asked(r);
		if (!r->switched)
			return HTTP_REASON_UPGRADE;
	}
	if (r->framing.has_encoding || r->framing.content_length)
		return HTTP_REASON_STATUS_LINE;
	return HTTP_REASON_NONE;
}

/* RFC 9112 section 6.3, in its order. */
static enum http_reason
decide_body(struct http_response *r)
{
	const struct http_framing *f = &r->framing;

	if (f->has_encoding && r->minor == 0)
		return HTTP_REASON_ENCODING_IN_1_0;
	if (f->has_encoding && f->has_length)
		return HTTP_REASON_LENGTH_AND_ENCODING;
	if (r->status < 200)
		return decide_interim(r);
	r->has_content_length = f->has_length;
	r->content_length = f->content_length;
	r->keep_alive = !f->close && (r->minor == 1 || f->keep_alive);
	if (r->status == 204) {
		/* RFC 9110 section 8.6 forbids both; who announces a body may send it. */
		r->keep_alive = r->keep_alive && !f->has_encoding && !f->content_length;
		r->has_content_length = false;
		r->content_length = 0;
	} else if (r->request_method == HTTP_METHOD_HEAD || r->status == 304) {
		r->body = HTTP_BODY_NONE;
	} else if (f->has_encoding) {
		r->body = HTTP_BODY_CHUNKED;
	} else if (f->has_length) {
		r->body = HTTP_BODY_LENGTH;
	} else {
		r->body = HTTP_BODY_UNTIL_CLOSE;
		r->keep_alive = false;
	}
	return HTTP_REASON_NONE;
}

static enum http_parse
parse_line(struct http_response *r, const char *data, size_t n)
{
	enum http_reason reason;
	bool last = r->step == STEP_FIELDS && n == 0;

	if (last)
		reason = decide_body(r);
	else if (r->step == STEP_STATUS_LINE)
		reason = parse_status_line(r, data, n);
	else
		reason = parse_field(r, data, n);
	if (reason != HTTP_REASON_NONE)
		return refuse(r, reason);
	http_line_take(&r->lines, n);
	r->step = STEP_FIELDS;
	if (!last)
		return HTTP_NEED_MORE;
	if (r->framing.lists_names)
		http_fields_mark_listed(data, r->fields, r->n_fields);
	r->head_len = r->lines.line;
	r->step = STEP_OVER;
	return HTTP_DONE;
}

/* Where the line's line feed must be below, and the reason when it is not. */
static size_t
line_limit(const struct http_response *r, enum http_reason *ret_reason)
{
	bool first = r->step == STEP_STATUS_LINE;
	size_t limit = r->lines.line + (size_t)(first ? HTTP_STATUS_LINE_MAX : HTTP_FIELD_MAX);

	*ret_reason = first ? HTTP_REASON_STATUS_LINE : HTTP_REASON_FIELD_TOO_LONG;
	if (limit <= HTTP_RESPONSE_HEAD_MAX)
		return limit;
	*ret_reason = HTTP_REASON_HEAD_TOO_LARGE;
	return HTTP_RESPONSE_HEAD_MAX;
}

enum http_parse
http_parse_response(struct http_response *r, const char *data, size_t n)
{
	enum http_parse result;

	assert(r->step != STEP_OVER);
	r->base = data;
	if (r->step == STEP_STATUS_LINE && n && data[0] != 'H')
		return refuse(r, HTTP_REASON_STATUS_LINE);
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
http_response_find(const struct http_response *r, enum http_name id)
{
	for (size_t i = 0; i < r->n_fields; i++) {
		if (r->fields[i].id == id)
			return &r->fields[i];
	}
	return NULL;
}
