/*
 * What a backend says about its own place, in the client's words: where a route replaces a prefix,
 * Location, Content-Location, Refresh and the Path and Domain of cookies name paths that only the
 * backend has. Pure.
 *
 * The backend's prefix becomes the route's, on segment borders. An absolute URL is rewritten when
 * its host is the client's Host (then scheme and host stay), or the backend's own address or the
 * Host that a rule has told it (then only the path is left, which is right whatever name and port
 * the client uses). What is under neither is somewhere else, and stays.
 */
#ifndef PROXY_REWRITE_H
#define PROXY_REWRITE_H

#include "core/buf.h"
#include "core/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct rewrite {
	struct slice route;   /* the route's path */
	struct slice target;  /* the target's path, or the route's where it has none */
	bool exact;           /* `route = PATH`: that path alone */
	struct slice host;    /* the Host that the client sent, with its port */
	struct slice name;    /* the target's host: a name or an address, without brackets */
	struct slice address; /* "10.0.3.101:8080": the backend's address in this exchange */
	struct slice sent; /* the Host that the backend was told where it is not host, or empty */
	uint16_t port;     /* the target's */
};

/* Appends the path, query and fragment as the client must see them. 1, or 0 when they stay as they
 * are (nothing was appended), or -1 when out is full. */
int rewrite_path(const struct rewrite *w, struct slice path, struct buf *out);
/* The same for a URI reference: "/a", "http://host/a", "//host/a". */
int rewrite_reference(const struct rewrite *w, struct slice reference, struct buf *out);
/* The same for Refresh: "5; url=/a". */
int rewrite_refresh(const struct rewrite *w, struct slice value, struct buf *out);
/* The same for Set-Cookie. */
int rewrite_cookie(const struct rewrite *w, struct slice value, struct buf *out);
/* Rewrites the head that begins from bytes behind out's start. scratch is overwritten. 0, or -1
 * when out or scratch are full. */
int rewrite_head(const struct rewrite *w, size_t from, struct buf *scratch, struct buf *out);
/* The route's prefix without its last '/', for X-Forwarded-Prefix; empty when nothing is replaced.
 */
struct slice rewrite_prefix(struct slice route, struct slice target);

#endif
