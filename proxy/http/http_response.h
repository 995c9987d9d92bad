/*
 * The parser of the heads that backends answer with. Containers are not trusted: the same
 * strictness as for clients, and what is ambiguous is refused (the client gets 502, the
 * connection to the backend is dropped). Used as http_parse_request is; see http_head.h.
 *
 * The body's kind follows RFC 9112 section 6.3 from the request's method, the status and the
 * fields. An interim response (1xx) is .interim: drop it, http_response_init, go on parsing
 * behind its head_len.
 */
#ifndef PROXY_HTTP_RESPONSE_H
#define PROXY_HTTP_RESPONSE_H

#include "proxy/http/http_field.h"

#define HTTP_RESPONSE_HEAD_MAX 32768
#define HTTP_RESPONSE_FIELDS_MAX 200
#define HTTP_STATUS_LINE_MAX 1024
#define HTTP_INTERIM_MAX 8 /* 1xx answers to one request that a caller should bear */

struct http_response {
	const char *base;
	/* The parser's own. */
	struct http_lines lines;
	uint8_t step;
	enum http_method request_method;

	enum http_reason reason; /* when HTTP_BAD; whatever it is, the client gets 502 */
	uint32_t head_len;

	uint8_t minor;
	uint16_t status;       /* 100 to 999 */
	bool interim;          /* 100 to 199: the real answer follows */
	struct slice protocol; /* set by the caller: what was asked for in Upgrade; n 0: nothing */
	bool switched;         /* 101: what follows the head is no HTTP any more */
	struct http_span status_text;

	struct http_framing framing;
	enum http_body_kind body;
	bool has_content_length; /* also where there is no body: HEAD, 304 */
	uint64_t content_length;
	bool keep_alive; /* the connection may be used again once the body was read exactly */
	uint32_t idle_s; /* and is closed after so long without a request; 0: it does not say */
	uint16_t n_fields;
	struct http_field fields[HTTP_RESPONSE_FIELDS_MAX];
};

/* method: of the request that is answered. Cheap: does not touch the fields. */
void http_response_init(struct http_response *r, enum http_method method);
enum http_parse http_parse_response(struct http_response *r, const char *data, size_t n);

static inline struct slice
http_response_slice(const struct http_response *r, struct http_span s)
{
	return http_span_of(r->base, s);
}

const struct http_field *http_response_find(const struct http_response *r, enum http_name id);

#endif
