/*
 * Which content coding an answer gets: from what the client accepts (RFC 9110 section 12.5.3) and
 * from what the answer is. Nothing here compresses (see compressor.h).
 */
#ifndef PROXY_CODING_H
#define PROXY_CODING_H

#include "core/buf.h"
#include "core/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* X(id, name on the wire) in the order of our preference, where the client has none. */
#define CODING_TABLE(X)                                                                            \
	X(ZSTD, "zstd")                                                                            \
	X(BROTLI, "br")                                                                            \
	X(GZIP, "gzip")

enum coding {
#define CODING_ENUM(id, name) CODING_##id,
	CODING_TABLE(CODING_ENUM)
#undef CODING_ENUM
		CODING_NONE,
};

#define CODING_BYTES_MIN 1024 /* a smaller answer fits into one packet as it is */

/* Weights of one request, in thousandths: those of Accept-Encoding fields so far. */
struct coding_accept {
	uint16_t q[CODING_NONE];
	bool named[CODING_NONE];
	uint16_t q_any; /* of "*" */
	bool any;
	uint16_t q_identity; /* where it is written; else 0 */
};

/* Takes in one Accept-Encoding field. An element that is malformed is as if it were not there. */
void coding_accept_add(struct coding_accept *a, struct slice value);
/* In thousandths; 0: it is not accepted, or the client says that it likes identity better. */
uint16_t coding_weight(const struct coding_accept *a, enum coding coding);
/* The coding with the greatest weight, of equal ones the first of the table and identity the last;
 * CODING_NONE: none is accepted. identity is what a client gets, too, that accepts nothing. */
enum coding coding_choose(const struct coding_accept *a);
/* "br"; NULL for CODING_NONE. */
const char *coding_name(enum coding coding);

/* What an answer says of itself; empty slices where it says nothing. */
struct coding_facts {
	uint16_t status;
	bool has_length;
	uint64_t length;
	struct slice type;     /* Content-Type */
	struct slice encoding; /* Content-Encoding */
	struct slice range;    /* Content-Range */
	struct slice etag;
	bool no_transform; /* Cache-Control says so */
	bool varies;       /* Vary names Accept-Encoding, or everything */
	bool digest;       /* of these very bytes, which others would not have */
};

/* Reads them from a head of an answer, as it goes to the client. */
void coding_read_head(struct slice head, struct coding_facts *ret);

/* What becomes of such a head. */
struct coding_change {
	enum coding coding; /* says so, without the length of what it was */
	bool chunked;       /* with our own framing */
	bool weak;          /* the ETag is one for the content, not for its bytes */
	bool vary;          /* another client may get another answer */
};

/* Appends the head with the change to out. 0, or -1 when out is full. */
int coding_write_head(struct slice head, const struct coding_change *change, struct buf *out);

/* Whether a compressed answer would be worth it and allowed. */
bool coding_is_worth(const struct coding_facts *facts);
/* Whether an answer of this content type goes on and on, and each part of it is for now. */
bool coding_type_is_stream(struct slice type);
/* Whether the content type is one that compresses well. Parameters are ignored. */
bool coding_type_is_worth(struct slice type);

#endif
