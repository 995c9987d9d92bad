/*
 * The path of a request, resolved once: one form to match routes and files with, and one to
 * forward. Both come from the same resolution, so that what was matched is what the backend sees.
 *
 * - raw: as sent, but without dot segments (plain or encoded, RFC 3986 section 5.2.4).
 * - match: raw with percent encodings decoded and runs of '/' made one. %2F and %5C never become
 *   segment borders: they stay encoded, in upper case, and so does %25, so that two different
 *   paths never share a match form.
 */
#ifndef PROXY_HTTP_PATH_H
#define PROXY_HTTP_PATH_H

#include "core/arena.h"
#include "core/buf.h"
#include "proxy/http/http_field.h"

struct http_path {
	struct slice raw;
	struct slice match;
};

/* path: begins with '/', no query. The result points into path or into memory from a.
 * HTTP_REASON_NONE; PATH_ESCAPE, PATH_NUL, PATH_CLIMBS (400); HEAD_TOO_LARGE when a has no
 * memory left. */
enum http_reason http_path_resolve(struct slice path, struct arena *a, struct http_path *ret);
/* Whether c stands in p->raw percent-encoded. */
bool http_path_has_encoded(const struct http_path *p, char c);
/* The offset into p->raw that the first n bytes of p->match end at. */
size_t http_path_raw_offset(const struct http_path *p, size_t n);
/* Appends the path to forward: p->raw when replacement.p is NULL; else the replacement in place
 * of the first `matched` bytes of p->match, and the rest as sent. Joining neither makes nor
 * swallows a '/' that would stand between segments: "/a" + "x" is "/a/x", "/a/" + "/x" is
 * "/a/x" where the second '/' is the border that was matched. 0 or -1. */
int http_path_forward(
	const struct http_path *p, size_t matched, struct slice replacement, struct buf *out);
/* Appends p->raw with '/' behind it and ?query (when has_query) as a relative reference that no
 * browser takes for another host. For redirects to a folder. 0 or -1. */
int http_path_folder_location(
	const struct http_path *p, bool has_query, struct slice query, struct buf *out);
/* Appends the file name that match[from…] means, decoded and NUL-free, without leading '/'.
 * 0, or -1 for a name that no file can have (an encoded '/') or when out is full. */
int http_path_file(const struct http_path *p, size_t from, struct buf *out);

#endif
