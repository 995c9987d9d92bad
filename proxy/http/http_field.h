/*
 * What request and response heads have in common: field lines, the names that the proxy knows,
 * what it does with each, and why a head is refused. Everything is an offset into the head's
 * bytes, never a pointer: the buffer may grow and move between two reads, and a parsed head costs
 * 12 bytes a field.
 *
 * Strict by design (RFC 9112): lines end in CRLF and nothing else, no folded lines, no blank
 * before the colon, names are tokens, values hold no control character but the tab.
 */
#ifndef PROXY_HTTP_FIELD_H
#define PROXY_HTTP_FIELD_H

#include "core/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_FIELD_MAX 8192          /* one field line, CRLF included */
#define HTTP_CONNECTION_NAMES_MAX 32 /* elements of all Connection fields of one head */

/*
 * Every method that the proxy treats specially; any other token is HTTP_METHOD_OTHER and goes
 * through as sent. X(id, text)
 */
#define HTTP_METHOD_TABLE(X)                                                                       \
	X(GET, "GET")                                                                              \
	X(HEAD, "HEAD")                                                                            \
	X(POST, "POST")                                                                            \
	X(PUT, "PUT")                                                                              \
	X(DELETE, "DELETE")                                                                        \
	X(OPTIONS, "OPTIONS")                                                                      \
	X(PATCH, "PATCH")                                                                          \
	X(TRACE, "TRACE")                                                                          \
	X(CONNECT, "CONNECT")

enum http_method {
	HTTP_METHOD_OTHER,
#define HTTP_METHOD_ENUM(id, text) HTTP_METHOD_##id,
	HTTP_METHOD_TABLE(HTTP_METHOD_ENUM)
#undef HTTP_METHOD_ENUM
};

/* What becomes of a field. */
#define HTTP_HOP 1u       /* concerns one connection: never forwarded (RFC 9110 section 7.6.1) */
#define HTTP_OURS 2u      /* in requests the proxy's own value replaces it */
#define HTTP_PROTECTED 4u /* a Connection field may list it, and it is forwarded all the same */
#define HTTP_INTERNAL 8u  /* in responses it is from the backend to the proxy: never forwarded */

/*
 * Every field name that the proxy knows. X(id, letter, letter, lower-case name, what)
 * The letters are the first and the one at three quarters of the length; with the length they
 * make the hash. Two rows that collide are a compile error.
 */
/* clang-format off */
#define HTTP_NAME_TABLE(X) \
	X(HOST, 'h', 't', "host", HTTP_OURS | HTTP_PROTECTED) \
	X(CONNECTION, 'c', 'i', "connection", HTTP_HOP) \
	X(KEEP_ALIVE, 'k', 'i', "keep-alive", HTTP_HOP) \
	X(PROXY_CONNECTION, 'p', 't', "proxy-connection", HTTP_HOP) \
	X(PROXY, 'p', 'x', "proxy", HTTP_HOP) \
	X(TE, 't', 'e', "te", HTTP_HOP) \
	X(TRAILER, 't', 'e', "trailer", HTTP_HOP) \
	X(TRANSFER_ENCODING, 't', 'o', "transfer-encoding", HTTP_HOP) \
	X(UPGRADE, 'u', 'd', "upgrade", HTTP_HOP) \
	X(HTTP2_SETTINGS, 'h', 'i', "http2-settings", HTTP_HOP) \
	X(EXPECT, 'e', 'c', "expect", HTTP_HOP) \
	X(CONTENT_LENGTH, 'c', 'n', "content-length", HTTP_HOP) \
	X(FORWARDED, 'f', 'd', "forwarded", HTTP_OURS | HTTP_PROTECTED) \
	X(X_REAL_IP, 'x', '-', "x-real-ip", HTTP_OURS | HTTP_PROTECTED) \
	X(X_FORWARDED_FOR, 'x', '-', "x-forwarded-for", HTTP_OURS | HTTP_PROTECTED) \
	X(X_FORWARDED_PROTO, 'x', 'p', "x-forwarded-proto", HTTP_OURS | HTTP_PROTECTED) \
	X(X_FORWARDED_HOST, 'x', 'h', "x-forwarded-host", HTTP_OURS | HTTP_PROTECTED) \
	X(X_FORWARDED_PORT, 'x', 'p', "x-forwarded-port", HTTP_OURS | HTTP_PROTECTED) \
	X(X_FORWARDED_PREFIX, 'x', 'r', "x-forwarded-prefix", HTTP_OURS | HTTP_PROTECTED) \
	X(X_REQUEST_ID, 'x', '-', "x-request-id", HTTP_OURS | HTTP_PROTECTED) \
	X(AUTHORIZATION, 'a', 't', "authorization", HTTP_PROTECTED) \
	X(PROXY_AUTHORIZATION, 'p', 'a', "proxy-authorization", HTTP_HOP) \
	X(PROXY_AUTHENTICATE, 'p', 'i', "proxy-authenticate", HTTP_HOP) \
	X(COOKIE, 'c', 'i', "cookie", HTTP_PROTECTED) \
	X(ORIGIN, 'o', 'i', "origin", HTTP_PROTECTED) \
	X(REFERER, 'r', 'e', "referer", HTTP_PROTECTED) \
	X(USER_AGENT, 'u', 'e', "user-agent", HTTP_PROTECTED) \
	X(CONTENT_TYPE, 'c', 'y', "content-type", HTTP_PROTECTED) \
	X(CONTENT_ENCODING, 'c', 'd', "content-encoding", HTTP_PROTECTED) \
	X(CONTENT_RANGE, 'c', 'a', "content-range", HTTP_PROTECTED) \
	X(RANGE, 'r', 'g', "range", HTTP_PROTECTED) \
	X(IF_RANGE, 'i', 'g', "if-range", HTTP_PROTECTED) \
	X(IF_MATCH, 'i', 'c', "if-match", HTTP_PROTECTED) \
	X(IF_NONE_MATCH, 'i', 'a', "if-none-match", HTTP_PROTECTED) \
	X(IF_MODIFIED_SINCE, 'i', 's', "if-modified-since", HTTP_PROTECTED) \
	X(IF_UNMODIFIED_SINCE, 'i', 's', "if-unmodified-since", HTTP_PROTECTED) \
	X(CACHE_CONTROL, 'c', 't', "cache-control", HTTP_PROTECTED) \
	X(DATE, 'd', 'e', "date", HTTP_PROTECTED) \
	X(LOCATION, 'l', 'o', "location", HTTP_PROTECTED) \
	X(CONTENT_LOCATION, 'c', 't', "content-location", HTTP_PROTECTED) \
	X(REFRESH, 'r', 's', "refresh", HTTP_PROTECTED) \
	X(ACCEPT_ENCODING, 'a', 'd', "accept-encoding", HTTP_PROTECTED) \
	X(ACCEPT_RANGES, 'a', 'n', "accept-ranges", HTTP_PROTECTED) \
	X(ETAG, 'e', 'g', "etag", HTTP_PROTECTED) \
	X(VARY, 'v', 'y', "vary", HTTP_PROTECTED) \
	X(SET_COOKIE, 's', 'k', "set-cookie", HTTP_PROTECTED)
/* clang-format on */

enum http_name {
	HTTP_NAME_OTHER,
	HTTP_NAME_X_FORWARDED_OTHER, /* any other name that begins with "x-forwarded-" */
	HTTP_NAME_X_ACCEL,           /* any name that begins with "x-accel-" */
#define HTTP_NAME_ENUM(id, first, inner, text, what) HTTP_NAME_##id,
	HTTP_NAME_TABLE(HTTP_NAME_ENUM)
#undef HTTP_NAME_ENUM
		HTTP_NAME_COUNT
};

/* Why a head or a body is refused. X(id, status towards the client, for the log) */
/* clang-format off */
#define HTTP_REASON_TABLE(X) \
	X(NONE, 0, "") \
	X(REQUEST_LINE, 400, "malformed request line") \
	X(METHOD_NAME, 400, "method is not a token") \
	X(METHOD_REFUSED, 405, "method not allowed here") \
	X(PROTOCOL, 501, "unknown :protocol of an extended CONNECT") \
	X(LENGTH_OF_TUNNEL, 400, "Content-Length in a request for a tunnel") \
	X(TARGET_TOO_LONG, 414, "request target too long") \
	X(TARGET_BYTE, 400, "byte not allowed in the request target") \
	X(TARGET_FORM, 400, "request target is of no form that fits the method") \
	X(VERSION_SYNTAX, 400, "malformed protocol version") \
	X(VERSION, 505, "protocol version not supported") \
	X(BARE_LF, 400, "line feed without carriage return") \
	X(BARE_CR, 400, "carriage return without line feed") \
	X(HEAD_TOO_LARGE, 431, "head too large") \
	X(TOO_MANY_FIELDS, 431, "too many fields") \
	X(FIELD_TOO_LONG, 431, "field line too long") \
	X(FIELD_FOLDED, 400, "line begins with a blank") \
	X(FIELD_NAME, 400, "field name is not a token") \
	X(FIELD_VALUE, 400, "control character in a field value") \
	X(HOST_MISSING, 400, "no Host field") \
	X(HOST_TWICE, 400, "more than one Host field") \
	X(HOST_SYNTAX, 400, "malformed Host") \
	X(HOST_MISMATCH, 400, "Host differs from the request target") \
	X(LENGTH_AND_ENCODING, 400, "Content-Length and Transfer-Encoding together") \
	X(LENGTH_SYNTAX, 400, "malformed Content-Length") \
	X(LENGTH_DIFFERS, 400, "Content-Length fields differ") \
	X(ENCODING_IN_1_0, 400, "Transfer-Encoding in HTTP/1.0") \
	X(ENCODING, 400, "Transfer-Encoding is not chunked") \
	X(TYPE_DIFFERS, 400, "Content-Type fields differ") \
	X(CONNECTION_SYNTAX, 400, "malformed Connection field") \
	X(EXPECT, 417, "unknown expectation") \
	X(STATUS_LINE, 502, "malformed status line") \
	X(UPGRADE, 502, "backend switches to a protocol that was not asked for") \
	X(CHUNK_SIZE, 400, "malformed chunk size") \
	X(CHUNK_EXTENSION, 400, "chunk extension malformed or too long") \
	X(CHUNK_END, 400, "chunk does not end in CRLF") \
	X(TRAILER, 400, "malformed trailer") \
	X(TRAILERS_TOO_LARGE, 431, "trailers too large") \
	X(PATH_ESCAPE, 400, "malformed percent encoding in the path") \
	X(PATH_NUL, 400, "encoded NUL in the path") \
	X(PATH_ENCODED, 400, "encoded character that this path may not have") \
	X(PATH_CLIMBS, 400, "path climbs above the root")
/* clang-format on */

enum http_reason {
#define HTTP_REASON_ENUM(id, status, text) HTTP_REASON_##id,
	HTTP_REASON_TABLE(HTTP_REASON_ENUM)
#undef HTTP_REASON_ENUM
		HTTP_REASON_COUNT
};

enum http_parse {
	HTTP_NEED_MORE, /* call again with more bytes behind the same ones */
	HTTP_DONE,
	HTTP_BAD, /* .reason says why; answer and close */
};

/* How a body ends. */
enum http_body_kind {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_UNTIL_CLOSE, /* responses only */
};

/* n bytes at an offset into the head. */
struct http_span {
	uint16_t at, n;
};

#define HTTP_FIELD_LISTED 1u /* a Connection field names it: not forwarded */
#define HTTP_FIELD_ODD 2u    /* '_' or '.' in the name: not forwarded to a backend */
#define HTTP_FIELD_PASS 4u   /* but this one is: the file says so */

struct http_field {
	struct http_span name, value; /* the value without blanks around it */
	uint8_t id;                   /* enum http_name */
	uint8_t flags;
};

/* What the fields of one head say about framing and the connection; for the two parsers. */
struct http_framing {
	uint64_t content_length;
	bool has_length, has_encoding;
	bool close, keep_alive, upgrade; /* what Connection lists */
	bool lists_names;                /* Connection lists something else besides */
	uint8_t n_connection;            /* elements of Connection so far */
};

static inline struct slice
http_span_of(const char *base, struct http_span s)
{
	return (struct slice){.p = base + s.at, .n = s.n};
}

/* HTTP_METHOD_OTHER for a name that the table does not have. */
enum http_method http_method_find(struct slice name);
/* HTTP_NAME_OTHER (or a prefix's id) for a name that the table does not have. */
enum http_name http_name_find(struct slice name);
/* A known name in lower case, or NULL for HTTP_NAME_OTHER and names known by their beginning. */
const char *http_name_text(enum http_name id);
/* HTTP_HOP, HTTP_OURS … or'ed. */
unsigned http_name_what(enum http_name id);
/* "malformed Host", for the log and the answer; 400. */
const char *http_reason_text(enum http_reason reason);
uint16_t http_reason_status(enum http_reason reason);
/* Whether s is a token (RFC 9110 section 5.6.2). The empty text is none. */
bool http_is_token(struct slice s);
/* The next element of a comma-separated list, trimmed, empty ones skipped. False at the end. */
bool http_list_next(struct slice *rest, struct slice *ret);

/* Where a parser of heads stands: a line is looked at once, however its bytes arrive. */
struct http_lines {
	uint32_t line;    /* the first byte of the line that is not finished */
	uint32_t scanned; /* no line feed from there to here */
};

enum http_line {
	HTTP_LINE_MORE,
	HTTP_LINE_FOUND,
	HTTP_LINE_TOO_LONG, /* its line feed is not below limit */
	HTTP_LINE_BARE_LF,
};

/* Looks for the end of the line at l->line in data[0, n), below limit. FOUND: *ret_n is its length
 * without CRLF; the caller takes l->line bytes before advancing with http_line_take. */
enum http_line http_line_find(
	struct http_lines *l, const char *data, size_t n, size_t limit, size_t *ret_n);
static inline void
http_line_take(struct http_lines *l, size_t n)
{
	l->line += (uint32_t)n + 2;
	l->scanned = l->line;
}

/* Parses base[at, at + n), one line without its CRLF, into *ret. HTTP_REASON_NONE or why not. */
enum http_reason http_field_parse(const char *base, size_t at, size_t n, struct http_field *ret);
/* Notes what the field says about framing, if anything. HTTP_REASON_NONE or why not. */
enum http_reason http_framing_add(
	struct http_framing *f, const struct http_field *field, struct slice value);
/* Marks the fields that Connection lists and that it may list. */
void http_fields_mark_listed(const char *base, struct http_field *fields, size_t n);

#endif
