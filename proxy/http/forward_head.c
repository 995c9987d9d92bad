/*
 * The heads that the proxy sends. Room for the whole head is reserved at once, from an upper bound
 * of its length, and then filled from left to right without a further check.
 */
#include "proxy/http/forward_head.h"

#include "proxy/http/http_trailers.h"

#include <assert.h>

/* Our own fields' names and fixed values, both directions, generously. */
#define OWN_FIELDS_MAX 512
#define DECIMAL_MAX 20

struct pen {
	char *at, *end;
};

static void
put(struct pen *p, struct slice s)
{
	assert(s.n <= (size_t)(p->end - p->at));
	if (s.n)
		memcpy(p->at, s.p, s.n);
	p->at += s.n;
}

#define PUT(p, literal) put((p), SLICE_LIT(literal))

static void
put_number(struct pen *p, uint64_t number)
{
	char digits[DECIMAL_MAX];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put(p, slice_of(digits + i, sizeof(digits) - i));
}

static void
put_field(struct pen *p, struct slice name, struct slice value)
{
	put(p, name);
	PUT(p, ": ");
	put(p, value);
	PUT(p, "\r\n");
}

/* Our own framing, whatever the sender's bytes were (RFC 9112 section 6). */
static void
put_framing(struct pen *p, enum http_body_kind kind, uint64_t length)
{
	switch (kind) {
	case HTTP_BODY_LENGTH:
		PUT(p, "Content-Length: ");
		put_number(p, length);
		PUT(p, "\r\n");
		break;
	case HTTP_BODY_CHUNKED:
		PUT(p, "Transfer-Encoding: chunked\r\n");
		break;
	case HTTP_BODY_NONE:
	case HTTP_BODY_UNTIL_CLOSE:
		break;
	}
}

/* Both or none: Upgrade concerns this connection, and Connection must say so (RFC 9110
 * section 7.8).
 */
static void
put_upgrade(struct pen *p, struct slice protocol)
{
	PUT(p, "Connection: Upgrade\r\n");
	put_field(p, SLICE_LIT("Upgrade"), protocol);
}

/* The value that a trusted peer sent, or an empty slice. */
static struct slice
claimed(const struct forward_request *f, enum http_name id)
{
	return f->trusted ? http_request_value(f->request, id) : (struct slice){0};
}

/* What came, when it is to be believed, and the peer behind it. */
static void
put_forwarded_for(struct pen *p, const struct forward_request *f)
{
	const struct http_request *r = f->request;

	PUT(p, "X-Forwarded-For: ");
	for (size_t i = 0; f->trusted && i < r->n_fields; i++) {
		struct slice value = http_span_of(r->base, r->fields[i].value);

		if (r->fields[i].id != HTTP_NAME_X_FORWARDED_FOR || value.n == 0)
			continue;
		put(p, value);
		PUT(p, ", ");
	}
	put(p, f->peer);
	PUT(p, "\r\n");
}

static void
put_forwarded_port(struct pen *p, const struct forward_request *f)
{
	struct slice sent = claimed(f, HTTP_NAME_X_FORWARDED_PORT);

	PUT(p, "X-Forwarded-Port: ");
	if (sent.n)
		put(p, sent);
	else
		put_number(p, f->port);
	PUT(p, "\r\n");
}

/* The prefix that a trusted proxy took away stands in front of ours. */
static void
put_forwarded_prefix(struct pen *p, const struct forward_request *f)
{
	struct slice sent = claimed(f, HTTP_NAME_X_FORWARDED_PREFIX);

	if (slice_ends(sent, SLICE_LIT("/")))
		sent = slice_head(sent, sent.n - 1);
	if (sent.n + f->prefix.n == 0)
		return;
	PUT(p, "X-Forwarded-Prefix: ");
	put(p, sent);
	put(p, f->prefix);
	PUT(p, "\r\n");
}

/* What the backend is told about the client: what is known here, or what a trusted peer says. */
static void
put_client(struct pen *p, const struct forward_request *f, struct slice host)
{
	struct slice proto = claimed(f, HTTP_NAME_X_FORWARDED_PROTO);
	struct slice forwarded_host = claimed(f, HTTP_NAME_X_FORWARDED_HOST);

	put_field(p, SLICE_LIT("X-Real-IP"), f->client);
	put_forwarded_for(p, f);
	if (proto.n)
		put_field(p, SLICE_LIT("X-Forwarded-Proto"), proto);
	else if (f->tls)
		PUT(p, "X-Forwarded-Proto: https\r\n");
	else
		PUT(p, "X-Forwarded-Proto: http\r\n");
	if (forwarded_host.n)
		put_field(p, SLICE_LIT("X-Forwarded-Host"), forwarded_host);
	else if (host.n)
		put_field(p, SLICE_LIT("X-Forwarded-Host"), host);
	put_forwarded_port(p, f);
	put_forwarded_prefix(p, f);
	if (f->request_id.n)
		put_field(p, SLICE_LIT("X-Request-Id"), f->request_id);
}

/* What some backends take for the method, the host, the path or the scheme, although no key of a
 * cache has it. */
static bool
is_override(struct slice name)
{
	static const char *const all[] = {"x-original-url", "x-original-uri", "x-rewrite-url",
		"x-http-method-override", "x-http-method", "x-method-override", "x-host",
		"x-http-host-override", "x-original-host", "x-url-scheme", "front-end-https"};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (slice_ieq(name, slice_str(all[i])))
			return true;
	return false;
}

static bool
is_condition(uint8_t id)
{
	return id == HTTP_NAME_IF_NONE_MATCH || id == HTTP_NAME_IF_MODIFIED_SINCE ||
	       id == HTTP_NAME_RANGE || id == HTTP_NAME_IF_RANGE;
}

/* Whether the client's field is for the backend too. */
static bool
is_forwarded(const struct forward_request *f, const struct http_field *field)
{
	if ((field->flags && field->flags != (HTTP_FIELD_ODD | HTTP_FIELD_PASS)) ||
		(http_name_what(field->id) & HTTP_HOP))
		return false;
	if (f->hides_login && field->id == HTTP_NAME_AUTHORIZATION)
		return false;
	if (f->cached && is_override(http_span_of(f->request->base, field->name)))
		return false;
	if (f->conditions.p && is_condition(field->id))
		return false;
	for (size_t i = 0; i < f->n_replaced; i++)
		if (slice_ieq(
			    http_span_of(f->request->base, field->name), slice_str(f->replaced[i])))
			return false;
	if (!(http_name_what(field->id) & HTTP_OURS))
		return true;
	/* X-Forwarded-Server and its kin; what is stored must not depend on them. */
	return f->trusted && !f->cached && field->id == HTTP_NAME_X_FORWARDED_OTHER;
}

/* What Trailer fields announce and may come (RFC 9110 section 6.6.2), as one field. Never longer
 * than they are together. */
static void
put_announced(struct pen *p, const char *base, const struct http_field *fields, size_t n)
{
	bool first = true;

	for (size_t i = 0; i < n; i++) {
		struct slice rest = http_span_of(base, fields[i].value), name;

		if (fields[i].id != HTTP_NAME_TRAILER)
			continue;
		while (http_list_next(&rest, &name)) {
			if (!http_is_token(name) || !http_trailer_is_allowed(name))
				continue;
			put(p, first ? SLICE_LIT("Trailer: ") : SLICE_LIT(","));
			put(p, name);
			first = false;
		}
	}
	if (!first)
		PUT(p, "\r\n");
}

static void
put_request_fields(struct pen *p, const struct forward_request *f)
{
	const struct http_request *r = f->request;

	for (size_t i = 0; i < r->n_fields; i++) {
		const struct http_field *field = &r->fields[i];

		if (!is_forwarded(f, field))
			continue;
		put_field(
			p, http_span_of(r->base, field->name), http_span_of(r->base, field->value));
	}
}

/* Room for the target, whichever of its parts will be used. */
static size_t
target_max(const struct forward_request *f)
{
	return f->path->raw.n + f->replacement.n + 1 + 1 + f->request->query.n;
}

static int
put_target(const struct forward_request *f, struct buf *out)
{
	const struct http_request *r = f->request;

	if (http_path_forward(f->path, f->matched, f->replacement, out) < 0)
		return -1;
	if (!r->has_query)
		return 0;
	if (buf_append_byte(out, '?') < 0)
		return -1;
	return buf_append_slice(out, http_span_of(r->base, r->query));
}

int
forward_request_head(const struct forward_request *f, struct buf *out)
{
	const struct http_request *r = f->request;
	struct slice sent = http_span_of(r->base, r->host_field);
	/* Every copied field keeps its length or loses blanks, but one without a blank behind
	 * the colon gains one. The target is counted apart. */
	size_t rest_max = OWN_FIELDS_MAX + r->head_len - r->target.n + r->n_fields + f->client.n +
			  f->peer.n + f->request_id.n + f->prefix.n + sent.n + f->host.n +
			  f->added.n + f->conditions.n + f->upgrade.n;
	struct pen p;
	char *start;

	if (!buf_reserve(out, r->method_text.n + target_max(f) + rest_max))
		return -1;
	if (buf_append_slice(out, http_span_of(r->base, r->method_text)) < 0 ||
		buf_append_byte(out, ' ') < 0 || put_target(f, out) < 0)
		return -1;
	start = buf_reserve(out, rest_max);
	if (!start)
		return -1;
	p = (struct pen){.at = start, .end = start + rest_max};
	PUT(&p, " HTTP/1.1\r\n");
	/* Exactly one Host, always, and first (RFC 9112 section 3.2). */
	put_field(&p, SLICE_LIT("Host"), sent.n ? sent : f->host);
	put_client(&p, f, sent);
	put_request_fields(&p, f);
	put(&p, f->added);
	put(&p, f->conditions);
	if (r->body == HTTP_BODY_CHUNKED)
		put_announced(&p, r->base, r->fields, r->n_fields);
	/* RFC 9110 section 10.1.4: TE concerns this connection, and Connection must say so. */
	if (f->upgrade.n)
		put_upgrade(&p, f->upgrade);
	else if (r->te_trailers)
		PUT(&p, "Connection: TE\r\nTE: trailers\r\n");
	put_framing(&p, r->body, r->content_length);
	PUT(&p, "\r\n");
	buf_commit(out, (size_t)(p.at - start));
	return 0;
}

enum http_body_kind
forward_response_body(const struct http_response *response, uint8_t minor, enum http_method method)
{
	if (response->body == HTTP_BODY_NONE || method == HTTP_METHOD_HEAD)
		return HTTP_BODY_NONE;
	if (response->body == HTTP_BODY_LENGTH)
		return HTTP_BODY_LENGTH;
	/* HTTP/1.0 knows no chunks: the end of the connection ends the body. */
	return minor == 0 ? HTTP_BODY_UNTIL_CLOSE : HTTP_BODY_CHUNKED;
}

/* accepted: a WebSocket of HTTP/2, whose client has sent no key that this could belong to (RFC 8441
 * section 5). */
static bool
put_response_fields(struct pen *p, const struct http_response *r, bool accepted)
{
	bool dated = false;

	for (size_t i = 0; i < r->n_fields; i++) {
		const struct http_field *field = &r->fields[i];

		if ((field->flags & HTTP_FIELD_LISTED) ||
			(http_name_what(field->id) & (HTTP_HOP | HTTP_INTERNAL)))
			continue;
		if (accepted && slice_ieq(http_span_of(r->base, field->name),
					SLICE_LIT("Sec-WebSocket-Accept")))
			continue;
		dated = dated || field->id == HTTP_NAME_DATE;
		put_field(
			p, http_span_of(r->base, field->name), http_span_of(r->base, field->value));
	}
	return dated;
}

int
forward_response_head(const struct forward_response *f, struct buf *out)
{
	const struct http_response *r = f->response;
	size_t max = OWN_FIELDS_MAX + r->head_len + r->n_fields + f->date.n + f->upgrade.n;
	char *start = buf_reserve(out, max);
	bool accepted = f->upgrade.n && f->framed;
	struct pen p;

	if (!start)
		return -1;
	p = (struct pen){.at = start, .end = start + max};
	if (accepted) {
		PUT(&p, "HTTP/1.1 200 OK\r\n");
	} else {
		PUT(&p, "HTTP/1.1 ");
		put_number(&p, r->status);
		PUT(&p, " ");
		put(&p, http_span_of(r->base, r->status_text));
		PUT(&p, "\r\n");
	}
	if (!put_response_fields(&p, r, accepted))
		put_field(&p, SLICE_LIT("Date"), f->date);
	if (f->trailers)
		put_announced(&p, r->base, r->fields, r->n_fields);
	/* HEAD and 304 say how long the body would be (RFC 9110 section 8.6). */
	if (f->body == HTTP_BODY_NONE && r->has_content_length)
		put_framing(&p, HTTP_BODY_LENGTH, r->content_length);
	else
		put_framing(&p, f->body, r->content_length);
	if (f->upgrade.n)
		put_upgrade(&p, f->upgrade);
	else if (!f->keep_alive)
		PUT(&p, "Connection: close\r\n");
	else if (f->minor == 0)
		PUT(&p, "Connection: keep-alive\r\n");
	PUT(&p, "\r\n");
	buf_commit(out, (size_t)(p.at - start));
	return 0;
}

int
forward_early_hints(const struct http_response *response, struct buf *out)
{
	size_t max = OWN_FIELDS_MAX + response->head_len + response->n_fields;
	char *start = buf_reserve(out, max);
	struct pen p;

	if (!start)
		return -1;
	p = (struct pen){.at = start, .end = start + max};
	PUT(&p, "HTTP/1.1 103 Early Hints\r\n");
	(void)put_response_fields(&p, response, false);
	PUT(&p, "\r\n");
	buf_commit(out, (size_t)(p.at - start));
	return 0;
}
