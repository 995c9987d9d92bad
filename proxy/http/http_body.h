/*
 * Bodies: where they end, and what of the bytes read is payload. Works on any split of the bytes,
 * copies nothing. The framing of the sender is never passed on: the
 * encoder below writes ours.
 *
 * Chunked bodies are decoded strictly (RFC 9112 section 7.1): hexadecimal size, CRLF and nothing
 * else, extensions bounded and dropped, trailers checked and bounded; they are dropped, too, where
 * nobody asks for them.
 */
#ifndef PROXY_HTTP_BODY_H
#define PROXY_HTTP_BODY_H

#include "proxy/http/http_field.h"
#include "proxy/http/http_trailers.h"

#define HTTP_CHUNK_EXTENSION_MAX 256    /* bytes behind one chunk's size */
#define HTTP_CHUNK_EXTENSIONS_MAX 16384 /* of one body together */
#define HTTP_CHUNK_SIZE_DIGITS_MAX 16

enum http_body_result {
	HTTP_BODY_MORE, /* everything useful was taken; more is to come */
	HTTP_BODY_END,  /* the body is complete; bytes behind ret_used belong to the next message */
	HTTP_BODY_BAD,  /* .reason says why; close */
};

struct http_body {
	enum http_body_kind kind;
	uint8_t state;
	bool done;
	enum http_reason reason;
	uint16_t digits;    /* of the chunk size */
	uint32_t extension; /* bytes of this chunk's extension */
	uint32_t extensions, trailers;
	uint32_t line;    /* bytes of this trailer's line that are kept */
	uint64_t left;    /* of the length or of this chunk */
	uint64_t payload; /* bytes handed out so far */
	/* Where trailers are kept, set behind http_body_init; NULL: they are dropped. A call that
	 * hands out payload adds nothing to it. */
	struct http_trailers *keep;
};

/* length counts for HTTP_BODY_LENGTH only. A body of NONE or length 0 is done at once. */
void http_body_init(struct http_body *b, enum http_body_kind kind, uint64_t length);

static inline bool
http_body_done(const struct http_body *b)
{
	return b->done;
}

/* Takes bytes from data[0, n). *ret_used: how many were taken, *ret_payload: the payload among
 * them (inside data, may be empty). One call yields at most one run of payload: call again with
 * what is behind ret_used until it is empty or the result is not MORE. With n > 0 and MORE at
 * least one byte is taken. END is returned as soon as the last byte was taken, and again by
 * further calls, which take nothing. */
enum http_body_result http_body_feed(struct http_body *b, const char *data, size_t n,
	size_t *ret_used, struct slice *ret_payload);
/* The sender closed. 0 when that is where the body ends (UNTIL_CLOSE, or done already), or -1:
 * the body is cut off. */
int http_body_close(struct http_body *b);
/* How many more payload bytes are certain to come (LENGTH: the rest; chunked: of this chunk). */
uint64_t http_body_expected(const struct http_body *b);

#define HTTP_CHUNK_HEAD_MAX 18 /* 16 digits and CRLF */
#define HTTP_CHUNK_TAIL "\r\n"
#define HTTP_CHUNK_LAST_HEAD "0\r\n" /* trailers come behind it, and HTTP_CHUNK_TAIL */
#define HTTP_CHUNK_LAST HTTP_CHUNK_LAST_HEAD HTTP_CHUNK_TAIL

/* Writes what stands before n payload bytes (n > 0) and returns its length; behind them
 * HTTP_CHUNK_TAIL, and HTTP_CHUNK_LAST at the end. */
size_t http_chunk_head(char out[static HTTP_CHUNK_HEAD_MAX], size_t n);

#endif
