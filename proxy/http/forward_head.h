/*
 * The heads that the proxy sends: a request's towards the backend, a response's towards the
 * client. Every field of the received head is copied, dropped or replaced by the table in
 * http_field.h; framing is always our own.
 *
 * Towards the backend: exactly one Host (as the client sent it), X-Real-IP,
 * X-Forwarded-For/-Proto/-Host/-Port/-Prefix and X-Request-Id from what we know; whatever the
 * client claimed is dropped, unless it is trusted: then X-Forwarded-For goes on with the peer
 * behind it, and the others are kept. Nothing that concerns the client's connection, nothing that
 * Connection lists, no name with '_' or '.' that the file does not name, no Expect, and no Upgrade
 * but to the one protocol that the caller says.
 *
 * Trailer goes on where trailers do, with the names that may (http_trailers.h).
 */
#ifndef PROXY_FORWARD_HEAD_H
#define PROXY_FORWARD_HEAD_H

#include "core/buf.h"
#include "proxy/http/http_head.h"
#include "proxy/http/http_path.h"
#include "proxy/http/http_response.h"

struct forward_request {
	const struct http_request *request;
	const struct http_path *path;
	size_t matched;      /* route_match.matched */
	struct slice prefix; /* what replacing took away, for X-Forwarded-Prefix; may be empty */
	struct slice replacement; /* the target's path; p NULL: forward the path as it is */
	struct slice client;      /* the client's address as text, without brackets or port */
	struct slice peer;        /* the address that the connection comes from: mostly the same */
	bool trusted;             /* the peer is, and so is what it says about the client */
	bool hides_login;         /* Authorization was for us alone */
	char *const *replaced;    /* names of fields that are not the client's to send */
	size_t n_replaced;
	struct slice added;   /* lines in their place */
	struct slice upgrade; /* the protocol to switch to (RFC 9110 section 7.8); n 0: none */
	bool cached;          /* the answer may be stored: nothing that overrides method or path */
	struct slice
		conditions; /* lines in place of the client's conditions and range; p NULL: none */
	struct slice request_id;
	struct slice host; /* sent when the request has none (HTTP/1.0): the backend's */
	bool tls;
	uint16_t port; /* the listener's */
};

/* Appends the whole head, empty line included. HTTP/1.1, keep-alive. 0, or -1 when out is full. */
int forward_request_head(const struct forward_request *f, struct buf *out);

struct forward_response {
	const struct http_response *response;
	enum http_body_kind body; /* from forward_response_body */
	bool keep_alive;          /* of the client's connection */
	uint8_t minor;            /* the client's HTTP/1.minor */
	struct slice date;        /* IMF-fixdate, added when the backend sent no Date */
	struct slice upgrade;     /* 101 to this protocol; n 0: it is no 101 */
	bool framed;              /* to HTTP/2, where a switch is said by 200 (RFC 8441) */
	bool trailers;            /* those of the body go on */
};

/* How the body goes to a client that speaks HTTP/1.minor and used this method. */
enum http_body_kind forward_response_body(
	const struct http_response *response, uint8_t minor, enum http_method method);
/* Appends the whole head, empty line included: our own Content-Length or Transfer-Encoding, and
 * Connection. 0, or -1 when out is full. */
int forward_response_head(const struct forward_response *f, struct buf *out);

/* Appends a 103 with what it hints at (RFC 8297), empty line included. 0, or -1 when out is full.
 */
int forward_early_hints(const struct http_response *response, struct buf *out);

/* Room for one head: what a buffer for heads must at least be allowed to hold. */
#define FORWARD_REQUEST_HEAD_MAX (HTTP_REQUEST_HEAD_MAX + 8192)
#define FORWARD_RESPONSE_HEAD_MAX (HTTP_RESPONSE_HEAD_MAX + 1024)

#endif
