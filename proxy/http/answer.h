/*
 * The proxy's own answers: error pages, redirects, `status` targets. Small, complete (head and
 * body in one run of bytes), in words that help a visitor and say nothing about the inside.
 */
#ifndef PROXY_ANSWER_H
#define PROXY_ANSWER_H

#include "core/buf.h"
#include "proxy/http/http_field.h"

/* Sent before the body of a request that expects it is read. */
#define ANSWER_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define ANSWER_MAX 32768 /* the most that one answer takes: a long Location, mostly */

struct answer {
	uint16_t status;
	const char *text; /* what happened, one sentence, no markup; NULL: the status's own */
	struct slice
		location;  /* p NULL: none; a reference, safe bytes only (see answer_redirect) */
	struct slice date; /* IMF-fixdate */
	struct slice challenge; /* of WWW-Authenticate; empty: none */
	const char *allow;      /* for 405; NULL: every method that is forwarded */
	uint32_t retry_after_s; /* 0: that of the status, if it has one */
	const char
		*page_type; /* NULL: our own words; else the head alone is built, for this page */
	uint64_t page_size;
	enum http_method method; /* HEAD: no body */
	bool keep_alive;
	uint8_t minor; /* the client's HTTP/1.minor, for Connection */
};

/* "Not Found"; "" for a status without a registered phrase. */
const char *answer_phrase(uint16_t status);
/* Appends the whole response. 405 carries Allow, 503 and 504 and what else has
 * one Retry-After, 204 and 304 no body.
 * 0, or -1 when out is full. */
int answer_build(const struct answer *a, struct buf *out);
/* 301 for GET and HEAD, 308 for all others: a redirect that keeps the method. */
uint16_t answer_redirect_status(enum http_method method);
/* Appends "https://HOST[:port]TARGET" for a listener that redirects: host without port as in the
 * request, port left out when 443, path and query as sent. 0 or -1. */
int answer_https_location(struct slice host, uint16_t port, struct slice path, bool has_query,
	struct slice query, struct buf *out);

#endif
