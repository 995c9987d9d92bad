/*
 * A growing byte buffer with a mandatory maximum. Bytes are appended at the end and consumed at
 * the front; capacity doubles up to the maximum and an append beyond it fails, leaving the
 * contents as they were.
 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include "core/slice.h"

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data;   /* NULL until the first append */
	size_t start; /* first byte not yet consumed */
	size_t end;   /* one past the last byte */
	size_t cap;
	size_t max; /* the most that (end - start) may become */
};

/* No allocation happens before the first append. max must not be 0. */
void buf_init(struct buf *b, size_t max);
/* Frees the memory; b may be used again with the same maximum. */
void buf_clear(struct buf *b);
/* Forgets the contents and keeps the memory. */
void buf_reset(struct buf *b);

static inline size_t
buf_len(const struct buf *b)
{
	return b->end - b->start;
}

static inline struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){.p = b->data ? b->data + b->start : "", .n = b->end - b->start};
}

/* Makes room for n more bytes and returns where they go, or NULL (maximum or memory). */
char *buf_reserve(struct buf *b, size_t n) __attribute__((warn_unused_result));
/* Says that n bytes of what buf_reserve returned were written. */
void buf_commit(struct buf *b, size_t n);
/* Bytes that can be appended without exceeding the maximum. */
size_t buf_room(const struct buf *b);
/* Drops the first n bytes (n <= buf_len). */
void buf_consume(struct buf *b, size_t n);
/* Return 0, or -1 when the maximum or memory is exceeded; then nothing was appended. */
int buf_append_slowly(struct buf *b, const void *p, size_t n) __attribute__((warn_unused_result));

__attribute__((warn_unused_result)) static inline int
buf_append(struct buf *b, const void *p, size_t n)
{
	if (n == 0 || !b->data || n > b->cap - b->end || n > b->max - buf_len(b))
		return buf_append_slowly(b, p, n);
	memcpy(b->data + b->end, p, n);
	b->end += n;
	return 0;
}

__attribute__((warn_unused_result)) static inline int
buf_append_slice(struct buf *b, struct slice s)
{
	return buf_append(b, s.p, s.n);
}

__attribute__((warn_unused_result)) static inline int
buf_append_str(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

int buf_append_byte(struct buf *b, char c) __attribute__((warn_unused_result));
int buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), warn_unused_result));
int buf_vprintf(struct buf *b, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0), warn_unused_result));

#endif
