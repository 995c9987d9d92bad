/*
 * The innermost loops of the parsers, inline: classes of bytes, and eight bytes at a time for
 * what may stand in a field value. Only the HTTP parsers include this.
 */
#ifndef PROXY_HTTP_SCAN_H
#define PROXY_HTTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HTTP_CLASS_TOKEN 1u  /* tchar, RFC 9110 section 5.6.2 */
#define HTTP_CLASS_TARGET 2u /* printable ASCII but blank and '#' */
#define HTTP_CLASS_HOST 4u   /* reg-name without percent encodings, RFC 3986 section 3.2.2 */
#define HTTP_CLASS_ODD 8u    /* '_' and '.': backends disagree about names that have them */
#define HTTP_CLASS_LOWER 16u /* tchar, but no capital letter */

extern const uint8_t http_class[256];

static inline bool
http_in_class(char c, unsigned classes)
{
	return (http_class[(uint8_t)c] & classes) != 0;
}

/* ASCII letters in lower case, all else as it is. */
static inline char
http_lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c | 0x20);
	return c;
}

/* The value of a hexadecimal digit, or -1. */
static inline int
http_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#define HTTP_BYTES(b) (UINT64_C(0x0101010101010101) * (b))

/* Not zero when one of the eight bytes is below 0x20 or is 0x7f. */
static inline uint64_t
http_word_controls(uint64_t word)
{
	uint64_t del = word ^ HTTP_BYTES(0x7f);

	return (((word - HTTP_BYTES(0x20)) & ~word) | ((del - HTTP_BYTES(1)) & ~del)) &
	       HTTP_BYTES(0x80);
}

static inline bool
http_is_value_byte(char c)
{
	uint8_t u = (uint8_t)c;

	return (u >= 0x20 && u != 0x7f) || u == '\t';
}

static inline uint64_t
http_word_at(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* Whether all n bytes may stand in a field value: no control character but the tab. */
static inline bool
http_is_value(const char *p, size_t n)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		if (http_word_controls(http_word_at(p + i)))
			break;
	}
	/* The last eight bytes overlap with those before. */
	if (n >= 8 && i + 8 > n && !http_word_controls(http_word_at(p + n - 8)))
		return true;
	for (; i < n; i++) {
		if (!http_is_value_byte(p[i]))
			return false;
	}
	return true;
}

/* Not zero when one of the eight bytes is a blank, a control character or beyond ASCII. */
static inline uint64_t
http_word_invisibles(uint64_t word)
{
	uint64_t del = word ^ HTTP_BYTES(0x7f);

	return ((word - HTTP_BYTES(0x21)) | word | (del - HTTP_BYTES(1))) & HTTP_BYTES(0x80);
}

/* Visible ASCII only: what a request line or a Host can hold. */
static inline bool
http_is_visible(const char *p, size_t n)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		if (http_word_invisibles(http_word_at(p + i)))
			return false;
	}
	if (n >= 8)
		return i == n || !http_word_invisibles(http_word_at(p + n - 8));
	for (; i < n; i++) {
		if (p[i] <= ' ' || p[i] >= 0x7f)
			return false;
	}
	return true;
}

#endif
