/*
 * Watches the frames of an HTTP/2 client for what the library lets pass: it forgets streams as soon
 * as they are closed, and ignores PRIORITY frames. A frame on a stream that the client itself has
 * ended, reset or passed over breaks the protocol (RFC 9113 sections 5.1 and 5.1.1), as does a
 * PRIORITY without a stream (section 6.3; RFC 9218 section 7.1). Frames on a stream that we have
 * reset may be under way: they are no fault. The last H2_GUARD_STREAMS streams are known; older
 * ones are not judged.
 *
 * Pure: bytes in, in any pieces, and a verdict out. What is malformed otherwise is the library's.
 */
#ifndef PROXY_H2_GUARD_H
#define PROXY_H2_GUARD_H

#include <stddef.h>
#include <stdint.h>

#define H2_GUARD_STREAMS 64
#define H2_GUARD_HEAD_MAX                                                                          \
	13 /* a frame's head, and the stream that a PRIORITY or PRIORITY_UPDATE names */

struct h2_guard {
	uint32_t seen[H2_GUARD_STREAMS]; /* a ring, ascending: number << 1 | ended by the client */
	uint32_t n;                      /* of all that were ever begun */
	uint32_t highest;
	uint32_t error;   /* once there is one, nothing is good any more */
	uint32_t ignored; /* frames that the library says nothing of; the caller zeroes it */
	uint32_t skip;    /* bytes of the preface or of a payload that are still to come */
	uint8_t head[H2_GUARD_HEAD_MAX];
	uint8_t have;
};

/* For a connection whose preface is still to come. */
void h2_guard_init(struct h2_guard *g);
/* The next n bytes. 0, or the error of RFC 9113 section 7 that ends the connection; then *ret_good
 * of the bytes stand before the frame that is at fault. */
uint32_t h2_guard_feed(struct h2_guard *g, const char *bytes, size_t n, size_t *ret_good);

#endif
