/*
 * The bounded buffer. One byte more than the capacity is always allocated, for the NUL that
 * vsnprintf insists on.
 */
#include "core/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CAP_MIN 256

void
buf_init(struct buf *b, size_t max)
{
	assert(max > 0 && max < SIZE_MAX / 2);
	*b = (struct buf){.max = max};
}

void
buf_clear(struct buf *b)
{
	free(b->data);
	*b = (struct buf){.max = b->max};
}

void
buf_reset(struct buf *b)
{
	b->start = b->end = 0;
}

size_t
buf_room(const struct buf *b)
{
	return b->max - buf_len(b);
}

static void
slide_to_front(struct buf *b)
{
	size_t n = buf_len(b);

	assert(b->data || n == 0);
	if (n)
		memmove(b->data, b->data + b->start, n);
	b->start = 0;
	b->end = n;
}

static int
grow(struct buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : CAP_MIN;
	char *data;

	while (cap < need && cap < b->max)
		cap *= 2;
	if (cap > b->max)
		cap = b->max;
	data = realloc(b->data, cap + 1);
	if (!data)
		return -1;
	b->data = data;
	b->cap = cap;
	return 0;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	size_t len = buf_len(b);

	if (n > b->max - len)
		return NULL;
	if (b->data && n <= b->cap - b->end)
		return b->data + b->end;
	/* Sliding costs len bytes of copying: worth it when at least as many become free. */
	if (b->start >= len || b->cap == b->max)
		slide_to_front(b);
	if ((!b->data || n > b->cap - b->end) && grow(b, b->end + n) < 0)
		return NULL;
	if (n > b->cap - b->end)
		slide_to_front(b);
	return b->data + b->end;
}

void
buf_commit(struct buf *b, size_t n)
{
	assert(n <= b->cap - b->end);
	b->end += n;
}

void
buf_consume(struct buf *b, size_t n)
{
	assert(n <= buf_len(b));
	b->start += n;
	if (b->start == b->end)
		b->start = b->end = 0;
}

int
buf_append_slowly(struct buf *b, const void *p, size_t n)
{
	char *to;

	if (n == 0)
		return 0;
	to = buf_reserve(b, n);
	if (!to)
		return -1;
	memcpy(to, p, n);
	buf_commit(b, n);
	return 0;
}

int
buf_append_byte(struct buf *b, char c)
{
	return buf_append(b, &c, 1);
}

int
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	char *to;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return -1;
	to = buf_reserve(b, (size_t)n);
	if (!to)
		return -1;
	(void)vsnprintf(to, (size_t)n + 1, fmt, ap);
	buf_commit(b, (size_t)n);
	return 0;
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int ret;

	va_start(ap, fmt);
	ret = buf_vprintf(b, fmt, ap);
	va_end(ap);
	return ret;
}
