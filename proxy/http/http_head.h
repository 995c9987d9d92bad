/*
 * The parser of request heads: one pass over contiguous bytes, no copy, no allocation. It owns
 * nothing: struct http_request holds offsets into the caller's bytes. What it lets through is
 * what RFC 9112 allows and no other reader of the same bytes can take for something else.
 *
 *	struct http_request r;
 *
 *	http_request_init(&r);
 *	switch (http_parse_request(&r, buf.data + buf.start, buf_len(&buf))) {
 *	case HTTP_NEED_MORE: read more, call again with the same first byte (its address may
 *change); case HTTP_BAD:       answer http_reason_status(r.reason), close; case HTTP_DONE:      the
 *head is the first r.head_len bytes.
 *	}
 *
 * Work is proportional to the bytes, however they arrive: a finished line is never looked at
 * again, and the search for a line's end goes on where it stopped.
 */
#ifndef PROXY_HTTP_HEAD_H
#define PROXY_HTTP_HEAD_H

#include "proxy/http/http_field.h"

#define HTTP_REQUEST_HEAD_MAX 16384 /* -> 431 */
#define HTTP_TARGET_MAX 8192        /* -> 414 */
#define HTTP_REQUEST_FIELDS_MAX 100 /* -> 431 */
#define HTTP_METHOD_MAX 32
#define HTTP_HOST_MAX 255 /* of Host without its port */

enum http_form {
	HTTP_FORM_ORIGIN,   /* "/path?query" */
	HTTP_FORM_ABSOLUTE, /* "http://host/path" */
	HTTP_FORM_ASTERISK, /* "*", OPTIONS only: path is empty, answer it without a route */
};

struct http_request {
	const char *base; /* the head's first byte, as last given; set it when the bytes moved */
	/* The parser's own. */
	struct http_lines lines;
	uint8_t step;

	enum http_reason reason; /* when HTTP_BAD */
	uint32_t head_len;       /* when HTTP_DONE: bytes up to and with the empty line */

	enum http_method method;
	enum http_form form;
	uint8_t minor; /* of HTTP/1.minor: 0 or 1 */
	bool has_query;
	struct http_span method_text;
	struct http_span target;     /* as sent */
	struct http_span path;       /* begins with '/', as sent, without the query */
	struct http_span query;      /* without the '?' */
	struct http_span host_field; /* "host:port", valid, as sent; empty only in HTTP/1.0 */
	struct http_span authority;  /* of the absolute form */
	struct http_span host;       /* without the port; IPv6 literals with their brackets */
	uint16_t port;               /* of Host, 0 when there is none */

	struct http_framing framing;
	enum http_body_kind body; /* NONE, LENGTH or CHUNKED; LENGTH may be 0 bytes */
	uint64_t content_length;  /* when LENGTH */
	bool keep_alive;          /* the client wants the connection kept */
	bool expect_continue;     /* send "100 Continue" before reading the body */
	bool upgrade;             /* Upgrade asked for; a server may ignore that */
	bool websocket;           /* it lists the protocol that all may switch to (RFC 6455) */
	bool te_trailers;         /* TE names trailers */
	uint16_t n_odd;           /* fields with '_' or '.' in the name: to be logged */
	uint16_t n_fields;
	struct http_field fields[HTTP_REQUEST_FIELDS_MAX];
};

/* Cheap: does not touch the fields. */
void http_request_init(struct http_request *r);
/* data: the head's bytes so far, n of them, always from the first one. After DONE or BAD call
 * http_request_init before the next head. */
enum http_parse http_parse_request(struct http_request *r, const char *data, size_t n);

static inline struct slice
http_request_slice(const struct http_request *r, struct http_span s)
{
	return http_span_of(r->base, s);
}

/* The first field of that id, or NULL. */
const struct http_field *http_request_find(const struct http_request *r, enum http_name id);
/* Its value, or an empty slice with p NULL. */
struct slice http_request_value(const struct http_request *r, enum http_name id);
/* Splits "host[:port]" as in Host or an authority (RFC 3986 section 3.2 without userinfo). The
 * brackets of an IPv6 literal stay. 0, or -1 when malformed. */
int http_host_split(struct slice s, struct slice *ret_host, uint16_t *ret_port);

#endif
