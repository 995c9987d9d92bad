/*
 * Heads between HTTP/2 and HTTP/1.1, both ways; pure. A request's fields are gathered as they are
 * decoded and become the text of an HTTP/1.1 head, which then goes through the one strict parser
 * that HTTP/1.1 requests go through: whatever an HTTP/2 client sends, no backend sees more than
 * that parser lets through. Before that, everything is refused that could stand for something else
 * in the other form (RFC 9113 sections 8.2, 8.3 and 10.3). An answer's head, which we have written
 * ourselves, is taken apart into fields.
 */
#ifndef PROXY_H2_HEAD_H
#define PROXY_H2_HEAD_H

#include "core/buf.h"
#include "proxy/h2/h2_priority.h"
#include "proxy/http/http_field.h"

#define H2_HEAD_STAGE_MAX 20480 /* bytes staged of one request's head, in each of two halves */
#define H2_HEAD_TEXT_MAX (48 * 1024)
#define H2_ANSWER_FIELDS_MAX 256
#define H2_KEY_LEN 24 /* of Sec-WebSocket-Key: 16 bytes in base64 */

struct h2_part {
	uint16_t at, n;
	bool given;
};

/* A request's head while its fields come in. `stage` has two halves of H2_HEAD_STAGE_MAX bytes:
 * regular fields as lines, and the values of the others. */
struct h2_head {
	char *stage;
	uint32_t lines, values; /* bytes used of the two halves */
	uint32_t size;          /* of all names and values, as RFC 9113 section 6.5.2 counts */
	enum http_reason reason;
	bool malformed;         /* by the rules of HTTP/2 itself: no answer, the stream is reset */
	bool regular;           /* a regular field has come: no pseudo-header may follow */
	bool has_length, empty; /* content-length was given; it is 0 */
	bool has_priority;
	struct h2_priority priority; /* where it has one */
	struct h2_part method, scheme, authority, path, protocol, host, cookie;
};

/* What a complete head is. */
struct h2_request_facts {
	bool ended; /* END_STREAM: no body follows */
	/* H2_KEY_LEN bytes, for an extended CONNECT (RFC 8441), which becomes an Upgrade. */
	const char *websocket_key;
};

/* stage: 2 * H2_HEAD_STAGE_MAX bytes that stay the caller's. */
void h2_head_init(struct h2_head *h, char *stage);
/* One decoded field, in the order in which they came. What is wrong is remembered in h->reason, the
 * first one counts, and further fields are dropped. */
void h2_head_add(struct h2_head *h, struct slice name, struct slice value);
/* Whether such a field may stand behind a request's body (RFC 9113 sections 8.1 and 8.2). */
bool h2_head_may_trail(struct slice name, struct slice value);
/* Whether it is an extended CONNECT for WebSockets. */
bool h2_head_is_websocket(const struct h2_head *h);
/* Whether a complete head breaks the rules of HTTP/2 itself, so that its stream is reset. */
bool h2_head_is_malformed(const struct h2_head *h, bool ended);
/* Whether it says itself that no body follows. */
bool h2_head_is_empty(const struct h2_head *h);
/* The most bytes that h2_head_print writes. */
size_t h2_head_text_max(const struct h2_head *h);
/* Writes the head as HTTP/1.1 text to `to`, which has room for h2_head_text_max bytes, and its
 * length to *ret_n. HTTP_REASON_NONE, or why the request is refused; then nothing was written. */
enum http_reason h2_head_print(
	struct h2_head *h, const struct h2_request_facts *facts, char *to, size_t *ret_n);

struct h2_field {
	struct slice name, value; /* as they stand in the text */
	const char *known; /* the name in lower case, which lives for ever; NULL: not one of ours */
};

/* Room for max fields, and what of it was used. */
struct h2_fields {
	struct h2_field *at;
	size_t max, n;
	size_t used; /* bytes of the text */
};

/* ASCII to lower case, in place. */
void h2_lower_name(uint8_t *name, size_t n);
/* Takes the head of an answer, which ends with an empty line, apart: the first field is ":status",
 * what concerns only HTTP/1.1 connections is left out. Bytes behind the head are not looked at. The
 * fields point into text. 0, or -1 when there are too many, or no head of ours is there. */
int h2_answer_split(struct slice text, struct h2_fields *f, uint16_t *ret_status);
/* The same for trailers: text is lines of ours, no empty one behind them. */
int h2_trailers_split(struct slice text, struct h2_fields *f);

#endif
