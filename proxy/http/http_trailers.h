/*
 * The trailer fields of one message on their way through the proxy (RFC 9110 section 6.5): kept
 * until the body has ended, as lines of ours. They are parsed as strictly as a head's fields, and
 * they are bounded.
 *
 * A trailer arrives when everything has been decided, so nothing that would have decided anything
 * may hide in one: whatever frames, routes, authenticates, changes a request or says how content is
 * to be read or stored is dropped (RFC 9110 section 6.5.1), and so is what Connection lists.
 */
#ifndef PROXY_HTTP_TRAILERS_H
#define PROXY_HTTP_TRAILERS_H

#include "core/arena.h"
#include "proxy/http/http_field.h"

#define HTTP_TRAILERS_MAX 8192     /* bytes of all trailers of a message, as they arrive */
#define HTTP_TRAILER_FIELDS_MAX 64 /* of a message */
/* What is kept: a field that comes without a blank behind its colon gets one. */
#define HTTP_TRAILERS_TEXT_MAX (HTTP_TRAILERS_MAX + HTTP_TRAILER_FIELDS_MAX)

struct http_trailers {
	struct arena *arena; /* NULL: they are not wanted */
	struct slice listed; /* what the head's Connection fields hold, joined by commas */
	bool to_backend;     /* of a request: names with '_' or '.' are dropped, as in its head */
	char *text;          /* HTTP_TRAILERS_TEXT_MAX bytes of the arena; NULL: none came yet */
	uint32_t n;          /* of text: "name: value" CRLF, one line behind the other */
	uint32_t size;       /* as they came, for http_trailers_add */
	uint16_t n_fields;   /* as they came */
	enum http_reason reason; /* why http_trailers_add refused them */
};

/* They are wanted from here on; t is zeroed or was open before. fields[0, n): of the message's
 * head, for what Connection lists in them; n may be 0 when it lists no names. Memory is taken from
 * the arena, and only when there is something to keep. */
void http_trailers_open(struct http_trailers *t, struct arena *arena, const char *base,
	const struct http_field *fields, size_t n);

/* One field that a decoder of HTTP/2 hands over. What is wrong stays in t->reason, and what comes
 * behind it is dropped. */
void http_trailers_add(struct http_trailers *t, struct slice name, struct slice value);

/* For lines that arrive in pieces: where the next one is to be written; HTTP_TRAILERS_MAX bytes in
 * all may be. NULL when memory is short. */
char *http_trailers_line(struct http_trailers *t);
/* The n bytes there are one line without its CRLF. HTTP_REASON_NONE or why not. */
enum http_reason http_trailers_take(struct http_trailers *t, size_t n);

/* Drops every field of this name, whatever its case. */
void http_trailers_remove(struct http_trailers *t, struct slice name);

static inline struct slice
http_trailers_text(const struct http_trailers *t)
{
	return slice_of(t->n ? t->text : "", t->n);
}

/* Whether a field of this name may stand behind a body. */
bool http_trailer_is_allowed(struct slice name);

#endif
