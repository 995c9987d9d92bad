/*
 * Heads of stored answers, as text: what of an answer's head is kept, how a validation changes it
 * (RFC 9111 sections 3.1 and 3.2), and where the fields stand that the cache itself reads.
 */
#ifndef PROXY_CACHE_HEAD_H
#define PROXY_CACHE_HEAD_H

#include "core/buf.h"
#include "proxy/cache/cache_control.h"

struct cache_object;

struct cache_line {
	struct slice line; /* with its CRLF */
	struct slice name, value;
};

/* Takes the next field line off the front of *rest. False at the end. */
bool cache_head_next(struct slice *rest, struct cache_line *ret);
/* Takes the status line off. */
void cache_head_skip_status(struct slice *rest);
/* Appends what is kept of a head that goes to a client: no framing, nothing of the connection, no
 * Age, nothing that the lists of control name. 0 or -1. */
int cache_head_keep(struct slice head, const struct cache_control *control, struct buf *out);
/* Appends the stored head with the fields of a validating answer's (304) head in place of its own
 * of the same names; what tells of the content's form stays. coded: the ETag stays too. 0 or -1. */
int cache_head_merge(struct slice stored, struct slice fresh, const struct cache_control *control,
	bool coded, struct buf *out);
/* Appends the tags of Cache-Tag and Surrogate-Key with a blank between, as many as max holds. */
void cache_head_tags(struct slice head, size_t max, struct buf *out);
/* Fills in what the object says of its head. */
void cache_head_index(struct cache_object *o);

#endif
