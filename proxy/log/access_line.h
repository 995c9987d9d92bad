/*
 * One line of the access log, combined (as the web servers before us wrote it) or JSON. Bytes
 * from outside are escaped: no line can be forged, and a JSON line is always valid UTF-8.
 */
#ifndef PROXY_ACCESS_LINE_H
#define PROXY_ACCESS_LINE_H

#include "conf/conf.h"
#include "core/buf.h"
#include "core/slice.h"

#define ACCESS_LINE_MAX 8192 /* longer ones are cut in their texts */
#define ACCESS_TEXT_MAX 1024 /* bytes of one text from outside, before escaping */

struct access_line {
	uint64_t wall_ms;     /* when the request began, since 1970 */
	uint64_t duration_ms; /* until the last byte was handed to the kernel */
	uint64_t upstream_ms; /* until the backend's first byte, from when one was wanted */
	uint64_t bytes;       /* of the body, sent to the client */
	uint64_t received;    /* of the request's body */
	uint16_t status;      /* 0: the client went before there was one; shown as 499 */
	uint8_t minor;
	bool http2;
	bool tls;
	struct slice client; /* its address */
	struct slice user;   /* who it says it is; empty: nobody asked */
	struct slice request_id;
	struct slice method, target; /* as sent; empty: no request line was understood */
	struct slice host;           /* as sent */
	struct slice referer, user_agent;
	struct slice tls_version; /* "TLSv1.3"; empty: clear text */
	struct slice site;        /* its first name; empty: none */
	struct slice route;       /* the route's path; empty: none */
	struct slice upstream;    /* "10.0.3.101:8080", empty: none */
	const char *cache;        /* what the cache did for it; NULL: the route has none */
	const char *reason;       /* why it ended unusually, NULL: it did not */
};

/* Appends the line with its newline. 0, or -1 when out is full: then nothing was appended. */
int access_line_print(const struct access_line *l, enum conf_access_format format, struct buf *out);

#endif
