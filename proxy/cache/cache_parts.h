/*
 * Several parts of a stored body in one answer (RFC 9110 section 14.6), put together in memory. Who
 * asks for more than CACHE_PARTS_MAX in parts gets the whole, which costs no copy. Pure.
 */
#ifndef PROXY_CACHE_PARTS_H
#define PROXY_CACHE_PARTS_H

#include "proxy/cache/cache_answer.h"

#define CACHE_PARTS_MAX (256 * 1024) /* bytes of one answer in parts, their heads included */

/* The parts that the request asks for, where `a` says that there are several: the body of the
 * answer, charged to the store, and `a` is that answer's. NULL, and `a` is as it was: the client
 * gets the whole. boundary: CACHE_BOUNDARY_MAX bytes at most, that no body may hold by chance. */
struct cache_body *cache_parts_make(const struct http_request *request,
	const struct cache_object *o, struct slice boundary, struct cache_answer *a);

#endif
