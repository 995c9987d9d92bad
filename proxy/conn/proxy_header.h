/*
 * The PROXY protocol: what a proxy in front of us says about the client before the first byte of
 * the client, in its text form (version 1) and its binary form (version 2), read and written. Pure.
 * Strict: whoever sends it is a program, and what is nearly right is wrong.
 */
#ifndef PROXY_PROXY_HEADER_H
#define PROXY_PROXY_HEADER_H

#include "core/addr.h"

#define PROXY_HEADER_V1_MAX 107 /* CRLF included */
#define PROXY_HEADER_MAX 4096   /* of version 2, which could have 65,551 */

enum proxy_header_result {
	PROXY_HEADER_MORE, /* so far so good: call again with more bytes behind the same ones */
	PROXY_HEADER_DONE,
	PROXY_HEADER_BAD,
};

struct proxy_header {
	struct addr source, destination; /* family 0: nothing is said (UNKNOWN, LOCAL, unix) */
	uint16_t source_port, destination_port;
};

/* data[0, n): the connection's first bytes. DONE: *ret is filled, and the header was *ret_length
 * bytes long. */
enum proxy_header_result proxy_header_parse(
	const char *data, size_t n, struct proxy_header *ret, size_t *ret_length);

#define PROXY_HEADER_OUT_MAX 108 /* with room for a NUL */

/* Writes a header of version 1 or 2 and returns its length. Where the families differ, the IPv4
 * address is written as a mapped one. */
size_t proxy_header_write(
	unsigned version, const struct proxy_header *h, char out[static PROXY_HEADER_OUT_MAX]);

#endif
