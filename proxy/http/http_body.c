/*
 * Bodies. The chunked decoder is a machine over single bytes, except for payload, which is handed
 * out in runs:
 *
 *	SIZE -> EXT_…? -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE …
 *	SIZE(0) -> EXT_…? -> SIZE_LF -> TRAILER_START -> TRAILER_NAME -> TRAILER_VALUE ->
 *	TRAILER_LF -> TRAILER_START …  -> END_LF -> done
 *
 *	EXT_START -> EXT_NAME -> EXT_NAME_BLANK? -> (next extension, or)
 *	EXT_EQUALS -> EXT_VALUE or EXT_QUOTED (<-> EXT_ESCAPE) -> EXT_QUOTED_END ->
 *	EXT_VALUE_BLANK? -> EXT_START …
 */
#include "proxy/http/http_body.h"

#include "proxy/http/http_scan.h"

#include <assert.h>

enum state {
	STATE_SIZE,
	STATE_EXT_START,
	STATE_EXT_NAME,
	STATE_EXT_NAME_BLANK,
	STATE_EXT_EQUALS,
	STATE_EXT_VALUE,
	STATE_EXT_QUOTED,
	STATE_EXT_ESCAPE,
	STATE_EXT_QUOTED_END,
	STATE_EXT_VALUE_BLANK,
	STATE_SIZE_LF,
	STATE_DATA,
	STATE_DATA_CR,
	STATE_DATA_LF,
	STATE_TRAILER_START,
	STATE_TRAILER_NAME,
	STATE_TRAILER_VALUE,
	STATE_TRAILER_LF,
	STATE_END_LF,
	STATE_BAD,
};

void
http_body_init(struct http_body *b, enum http_body_kind kind, uint64_t length)
{
	*b = (struct http_body){.kind = kind, .state = STATE_SIZE};
	if (kind == HTTP_BODY_LENGTH)
		b->left = length;
	b->done = kind == HTTP_BODY_NONE || (kind == HTTP_BODY_LENGTH && length == 0);
}

static int
refuse(struct http_body *b, enum http_reason reason)
{
	b->state = STATE_BAD;
	b->reason = reason;
	return -1;
}

static int
on_size(struct http_body *b, char c)
{
	int digit = http_hex(c);

	if (digit >= 0) {
		if (++b->digits > HTTP_CHUNK_SIZE_DIGITS_MAX || b->left > INT64_MAX >> 4)
			return refuse(b, HTTP_REASON_CHUNK_SIZE);
		b->left = b->left << 4 | (unsigned)digit;
		return 0;
	}
	if (b->digits == 0 || (c != '\r' && c != ';'))
		return refuse(b, HTTP_REASON_CHUNK_SIZE);
	b->state = c == '\r' ? STATE_SIZE_LF : STATE_EXT_START;
	b->extension = c == ';';
	return 0;
}

/* Behind a name or a value: the next extension or, where no blank came between, the end. */
static enum state
behind_extension(enum state s, char c)
{
	bool name = s == STATE_EXT_NAME || s == STATE_EXT_NAME_BLANK;
	bool after_blank = s == STATE_EXT_NAME_BLANK || s == STATE_EXT_VALUE_BLANK;

	if (c == ' ' || c == '\t')
		return name ? STATE_EXT_NAME_BLANK : STATE_EXT_VALUE_BLANK;
	if (c == '=' && name)
		return STATE_EXT_EQUALS;
	if (c == '\r' && !after_blank)
		return STATE_SIZE_LF;
	return c == ';' ? STATE_EXT_START : STATE_BAD;
}

/* *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), RFC 9112 section 7.1.1. */
static enum state
next_in_extension(enum state s, char c)
{
	bool token = http_in_class(c, HTTP_CLASS_TOKEN), blank = c == ' ' || c == '\t';

	if (s == STATE_EXT_START || s == STATE_EXT_EQUALS) {
		if (c == '"' && s == STATE_EXT_EQUALS)
			return STATE_EXT_QUOTED;
		if (token)
			return s == STATE_EXT_START ? STATE_EXT_NAME : STATE_EXT_VALUE;
		return blank ? s : STATE_BAD;
	}
	if (s == STATE_EXT_QUOTED && c == '"')
		return STATE_EXT_QUOTED_END;
	if (s == STATE_EXT_QUOTED && c == '\\')
		return STATE_EXT_ESCAPE;
	if (s == STATE_EXT_QUOTED || s == STATE_EXT_ESCAPE)
		return http_is_value_byte(c) ? STATE_EXT_QUOTED : STATE_BAD;
	if (token && (s == STATE_EXT_NAME || s == STATE_EXT_VALUE))
		return s;
	return behind_extension(s, c);
}

/* Nobody needs them, and they cost their sender nothing: a chunk of one byte with a long
 * extension is a cheap way to keep a proxy busy. */
static int
on_extension(struct http_body *b, char c)
{
	enum state next = next_in_extension((enum state)b->state, c);

	if (next == STATE_SIZE_LF)
		b->extensions += b->extension;
	else
		b->extension++;
	if (next == STATE_BAD || b->extension > HTTP_CHUNK_EXTENSION_MAX ||
		b->extensions > HTTP_CHUNK_EXTENSIONS_MAX)
		return refuse(b, HTTP_REASON_CHUNK_EXTENSION);
	b->state = (uint8_t)next;
	return 0;
}

static int
on_size_lf(struct http_body *b, char c)
{
	if (c != '\n')
		return refuse(b, HTTP_REASON_CHUNK_SIZE);
	b->digits = 0;
	b->state = b->left ? STATE_DATA : STATE_TRAILER_START;
	return 0;
}

static int
on_chunk_end(struct http_body *b, char c)
{
	if (c != (b->state == STATE_DATA_CR ? '\r' : '\n'))
		return refuse(b, HTTP_REASON_CHUNK_END);
	b->state = b->state == STATE_DATA_CR ? STATE_DATA_LF : STATE_SIZE;
	return 0;
}

/* One byte more of a trailer's line, its CRLF excepted. */
static int
keep_trailer(struct http_body *b, char c)
{
	char *line;

	if (!b->keep || !b->keep->arena)
		return 0;
	line = http_trailers_line(b->keep);
	if (!line)
		return refuse(b, HTTP_REASON_TRAILERS_TOO_LARGE);
	line[b->line++] = c;
	return 0;
}

static int
end_trailer(struct http_body *b)
{
	enum http_reason reason = HTTP_REASON_NONE;

	if (b->keep && b->keep->arena)
		reason = http_trailers_take(b->keep, b->line);
	b->line = 0;
	return reason == HTTP_REASON_NONE ? 0 : refuse(b, reason);
}

/* Trailers must be field lines. */
static enum state
next_in_trailer(enum state s, char c)
{
	if (s == STATE_TRAILER_LF)
		return c == '\n' ? STATE_TRAILER_START : STATE_BAD;
	if (s == STATE_TRAILER_START && c == '\r')
		return STATE_END_LF;
	if (s == STATE_TRAILER_VALUE) {
		if (c == '\r')
			return STATE_TRAILER_LF;
		return http_is_value_byte(c) ? s : STATE_BAD;
	}
	if (s == STATE_TRAILER_NAME && c == ':')
		return STATE_TRAILER_VALUE;
	return http_in_class(c, HTTP_CLASS_TOKEN) ? STATE_TRAILER_NAME : STATE_BAD;
}

static int
on_trailer(struct http_body *b, char c)
{
	enum state next = next_in_trailer((enum state)b->state, c);

	if (++b->trailers > HTTP_TRAILERS_MAX)
		return refuse(b, HTTP_REASON_TRAILERS_TOO_LARGE);
	if (next == STATE_BAD)
		return refuse(b, HTTP_REASON_TRAILER);
	b->state = (uint8_t)next;
	if (next == STATE_TRAILER_START)
		return end_trailer(b);
	return next == STATE_END_LF || next == STATE_TRAILER_LF ? 0 : keep_trailer(b, c);
}

static int
on_end_lf(struct http_body *b, char c)
{
	if (c != '\n')
		return refuse(b, HTTP_REASON_TRAILER);
	b->done = true;
	return 0;
}

static int
on_byte(struct http_body *b, char c)
{
	switch ((enum state)b->state) {
	case STATE_SIZE:
		return on_size(b, c);
	case STATE_EXT_START:
	case STATE_EXT_NAME:
	case STATE_EXT_NAME_BLANK:
	case STATE_EXT_EQUALS:
	case STATE_EXT_VALUE:
	case STATE_EXT_QUOTED:
	case STATE_EXT_ESCAPE:
	case STATE_EXT_QUOTED_END:
	case STATE_EXT_VALUE_BLANK:
		return on_extension(b, c);
	case STATE_SIZE_LF:
		return on_size_lf(b, c);
	case STATE_DATA_CR:
	case STATE_DATA_LF:
		return on_chunk_end(b, c);
	case STATE_TRAILER_START:
	case STATE_TRAILER_NAME:
	case STATE_TRAILER_VALUE:
	case STATE_TRAILER_LF:
		return on_trailer(b, c);
	case STATE_END_LF:
		return on_end_lf(b, c);
	case STATE_DATA:
	case STATE_BAD:
		break;
	}
	return -1;
}

/* Hands out at most `left` bytes of data[0, n). */
static size_t
take_payload(struct http_body *b, const char *data, size_t n, struct slice *ret_payload)
{
	if (b->kind != HTTP_BODY_UNTIL_CLOSE) {
		if (n > b->left)
			n = (size_t)b->left;
		b->left -= n;
	}
	b->payload += n;
	*ret_payload = slice_of(data, n);
	return n;
}

static enum http_body_result
feed_chunked(struct http_body *b, const char *data, size_t n, size_t *ret_used,
	struct slice *ret_payload)
{
	size_t i = 0;

	while (i < n && !b->done && b->state != STATE_DATA) {
		if (on_byte(b, data[i]) < 0)
			return HTTP_BODY_BAD;
		i++;
	}
	if (i < n && b->state == STATE_DATA) {
		i += take_payload(b, data + i, n - i, ret_payload);
		if (b->left == 0)
			b->state = STATE_DATA_CR;
	}
	*ret_used = i;
	return b->done ? HTTP_BODY_END : HTTP_BODY_MORE;
}

enum http_body_result
http_body_feed(struct http_body *b, const char *data, size_t n, size_t *ret_used,
	struct slice *ret_payload)
{
	*ret_used = 0;
	*ret_payload = slice_of(data, 0);
	if (b->done)
		return HTTP_BODY_END;
	if (b->kind == HTTP_BODY_CHUNKED)
		return feed_chunked(b, data, n, ret_used, ret_payload);
	*ret_used = take_payload(b, data, n, ret_payload);
	b->done = b->kind == HTTP_BODY_LENGTH && b->left == 0;
	return b->done ? HTTP_BODY_END : HTTP_BODY_MORE;
}

int
http_body_close(struct http_body *b)
{
	if (b->kind == HTTP_BODY_UNTIL_CLOSE)
		b->done = true;
	return b->done ? 0 : -1;
}

uint64_t
http_body_expected(const struct http_body *b)
{
	if (b->kind == HTTP_BODY_LENGTH || b->state == STATE_DATA)
		return b->left;
	return 0;
}

size_t
http_chunk_head(char out[static HTTP_CHUNK_HEAD_MAX], size_t n)
{
	unsigned shift = 60;
	size_t i = 0;

	assert(n > 0);
	while (n >> shift == 0)
		shift -= 4;
	for (;; shift -= 4) {
		out[i++] = "0123456789abcdef"[n >> shift & 15];
		if (shift == 0)
			break;
	}
	out[i++] = '\r';
	out[i++] = '\n';
	return i;
}
