/*
 * Remembers which streams an HTTP/2 client has ended, after they were closed. A frame on a stream
 * that the client itself has ended, reset or passed over breaks the protocol (RFC 9113 sections 5.1
 * and 5.1.1). Frames on a stream that we have reset may be under way: they are no fault. The last
 * H2_GUARD_STREAMS streams are known; older ones are not judged. Pure.
 */
#ifndef PROXY_H2_GUARD_H
#define PROXY_H2_GUARD_H

#include "proxy/h2/h2_frame.h"

#define H2_GUARD_STREAMS 64

/* Begins zeroed. */
struct h2_guard {
	uint32_t seen[H2_GUARD_STREAMS]; /* a ring, ascending: number << 1 | ended by the client */
	uint32_t n;                      /* of all that were ever begun */
	uint32_t highest;
};

/* The next frame of type DATA, HEADERS or RST_STREAM. H2_NO_ERROR, or what ends the connection. */
enum h2_error h2_guard_judge(struct h2_guard *g, const struct h2_frame *f);

#endif
