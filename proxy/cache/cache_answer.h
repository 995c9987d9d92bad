/*
 * What a client gets of a stored answer: all of it, a part, or that it has it already, from the
 * request's conditions (RFC 9110 sections 13.2.2 and 14, RFC 9111 section 4.3.2). Pure.
 */
#ifndef PROXY_CACHE_ANSWER_H
#define PROXY_CACHE_ANSWER_H

#include "core/buf.h"
#include "proxy/cache/cache_object.h"

#define CACHE_BOUNDARY_MAX 32

struct cache_answer {
	uint16_t status;        /* the stored one, 206, 304 or 416 */
	uint64_t start, length; /* of the body; length also for HEAD */
	bool body;              /* false for HEAD and for what has none */
	bool several;           /* this is the whole, and parts of it may be sent: cache_parts.h */
	char boundary[CACHE_BOUNDARY_MAX + 1]; /* between these; "" when they are not sent */
};

/* How it goes to the client. */
struct cache_manner {
	int64_t age;
	bool keep_alive;
	uint8_t minor; /* the client's HTTP/1.minor */
};

void cache_answer_decide(
	const struct http_request *request, const struct cache_object *o, struct cache_answer *ret);
/* Appends the whole head, empty line included. 0 or -1. */
int cache_answer_head(const struct cache_answer *a, const struct cache_object *o,
	const struct cache_manner *manner, struct buf *out);
/* Whether a 304 is about the object: it names no other ETag. */
bool cache_answer_confirms(const struct http_response *r, const struct cache_object *o);
/* Appends the lines that ask the backend whether the object is still what it has. 0 or -1. */
int cache_answer_conditions(const struct cache_object *o, struct buf *out);

#endif
