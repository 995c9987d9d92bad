/*
 * Vary (RFC 9110 section 12.5.5): which fields of the request chose the answer, and their values in
 * a form in which equal requests are equal: lists without blanks, several lines as one, languages
 * in lower case, content codings as the sorted set of those that are accepted at all.
 */
#ifndef PROXY_CACHE_VARY_H
#define PROXY_CACHE_VARY_H

#include "core/buf.h"
#include "proxy/http/http_head.h"
#include "proxy/http/http_response.h"

#define CACHE_VARY_NAMES_MAX 512 /* bytes of the names; an answer with more is not stored */
#define CACHE_VARY_KEY_MAX 2048  /* bytes of the values */
#define CACHE_VARY_FIELDS_MAX 16
#define CACHE_VARY_CODINGS_MAX 16 /* elements of Accept-Encoding that are told apart */

/* Whose word the backend has for a field. */
enum cache_vary_source {
	CACHE_VARY_CLIENT, /* the client's */
	CACHE_VARY_KEY, /* the proxy's, and the key of a stored answer has it, or it is nobody's */
	CACHE_VARY_PROXY, /* the proxy's, and it may be another one for each request */
};

enum cache_vary_source cache_vary_source(struct slice name);
/* Appends the names that the answer's Vary fields list, in lower case, with a comma between. 0 or
 * -1: too many. */
int cache_vary_names(const struct http_response *r, struct buf *out);
/* Adds one name to such a list, unless it is there. 0 or -1. */
int cache_vary_add(struct slice name, struct buf *names);
/* Appends the request's values for the names. 0, or -1 when they are too long. */
int cache_vary_key(struct slice names, const struct http_request *r, struct buf *out);

#endif
