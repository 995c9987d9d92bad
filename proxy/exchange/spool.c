/*
 * The order of bytes: blocks first, then the file. As long as the file holds bytes that are wanted,
 * what comes goes behind them; when it is empty, memory is used again. The file is read through a
 * window of one block, whose bytes count as the file's until they are consumed.
 */
#include "proxy/exchange/spool.h"

#include "core/own.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void
spool_init(struct spool *s, struct block_pool *pool, int folder, const struct spool_limits *limits)
{
	*s = (struct spool){.pool = pool,
		.folder = folder,
		.memory_max = limits->memory,
		.file_max = limits->file,
		.file = -1};
}

static void
spool_drop_window(struct spool *s)
{
	block_put(s->pool, s->window);
	s->window = NULL;
	s->window_start = s->window_end = 0;
}

static void
spool_drop_first(struct spool *s)
{
	struct spool_block *b = s->first;

	s->first = b->next;
	if (!s->first)
		s->last = NULL;
	s->in_memory -= b->end;
	block_put(s->pool, (char *)b);
}

void
spool_clear(struct spool *s)
{
	while (s->first)
		spool_drop_first(s);
	spool_drop_window(s);
	s->at = NULL;
	s->file = close_fd(s->file);
	s->file_at = s->file_end = 0;
}

/* --- how much -------------------------------------------------------------------------------- */

/* The place of the file's oldest byte that is still wanted. */
static uint64_t
spool_file_start(const struct spool *s)
{
	return s->keep ? 0 : s->file_at;
}

/* Bytes that go into memory before the file takes the rest. */
static uint64_t
spool_memory_room(const struct spool *s)
{
	if (s->file_end > spool_file_start(s) || s->in_memory >= s->memory_max)
		return 0;
	return s->memory_max - s->in_memory;
}

uint64_t
spool_room(const struct spool *s)
{
	uint64_t memory = spool_memory_room(s);

	if (s->failed)
		return memory;
	return memory + s->file_max - (s->file_end - spool_file_start(s));
}

uint64_t
spool_unread(const struct spool *s)
{
	uint64_t n = s->file_end - s->file_at;

	for (const struct spool_block *b = s->at; b; b = b->next)
		n += b->end - b->start;
	return n;
}

/* --- the file -------------------------------------------------------------------------------- */

/* O_EXCL: nobody can ever give it a name. */
static int
spool_open(struct spool *s)
{
	if (s->file >= 0)
		return 0;
	errno = ENOENT;
	if (s->folder >= 0)
		s->file = openat(s->folder, ".", O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	s->error = s->file < 0 ? errno : 0;
	return s->file < 0 ? -1 : 0;
}

/* Up to the ring's end. */
static size_t
spool_straight(const struct spool *s, uint64_t place, size_t n)
{
	uint64_t left = s->file_max - place % s->file_max;

	return n < left ? n : (size_t)left;
}

static int
spool_write(struct spool *s, struct slice bytes)
{
	uint64_t place = s->file_end;

	if (spool_open(s) < 0)
		return -1;
	while (bytes.n) {
		ssize_t n = pwrite(s->file, bytes.p, spool_straight(s, place, bytes.n),
			(off_t)(place % s->file_max));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			s->error = n < 0 ? errno : ENOSPC;
			return -1;
		}
		place += (uint64_t)n;
		bytes = slice_skip(bytes, (size_t)n);
	}
	s->file_end = place;
	return 0;
}

static enum spool_result
spool_fill_window(struct spool *s)
{
	uint64_t left = s->file_end - s->file_at;
	size_t n = spool_straight(s, s->file_at, left < BLOCK_SIZE ? (size_t)left : BLOCK_SIZE);
	ssize_t got;

	if (!s->window)
		s->window = block_get(s->pool);
	if (!s->window)
		return SPOOL_MEMORY;
	do {
		got = pread(s->file, s->window, n, (off_t)(s->file_at % s->file_max));
	} while (got < 0 && errno == EINTR);
	if (got <= 0) {
		s->error = got < 0 ? errno : EIO;
		return SPOOL_FILE;
	}
	s->window_start = 0;
	s->window_end = (uint32_t)got;
	return SPOOL_OK;
}

/* --- in -------------------------------------------------------------------------------------- */

/* The last block, with room in it. NULL when memory is short. */
static struct spool_block *
spool_tail(struct spool *s)
{
	struct spool_block *b = s->last;

	if (b && b->end < SPOOL_BLOCK_BYTES)
		return b;
	b = (struct spool_block *)(void *)block_get(s->pool);
	if (!b)
		return NULL;
	*b = (struct spool_block){0};
	if (s->last)
		s->last->next = b;
	else
		s->first = b;
	s->last = b;
	return b;
}

static int
spool_append_memory(struct spool *s, struct slice bytes)
{
	while (bytes.n) {
		struct spool_block *b = spool_tail(s);
		size_t n;

		if (!b)
			return -1;
		n = SPOOL_BLOCK_BYTES - b->end;
		if (n > bytes.n)
			n = bytes.n;
		memcpy(b->data + b->end, bytes.p, n);
		b->end += (uint32_t)n;
		s->in_memory += n;
		if (!s->at)
			s->at = b;
		bytes = slice_skip(bytes, n);
	}
	return 0;
}

enum spool_result
spool_append(struct spool *s, struct slice bytes)
{
	uint64_t memory = spool_memory_room(s);
	size_t n = bytes.n < memory ? bytes.n : (size_t)memory;

	if (bytes.n > spool_room(s))
		return SPOOL_FULL;
	/* The file first: when it fails, nothing has happened yet. */
	if (n < bytes.n && spool_write(s, slice_skip(bytes, n)) < 0) {
		s->failed = true;
		return SPOOL_FILE;
	}
	return spool_append_memory(s, slice_head(bytes, n)) < 0 ? SPOOL_MEMORY : SPOOL_OK;
}

/* --- out ------------------------------------------------------------------------------------- */

enum spool_result
spool_peek(struct spool *s, struct slice *ret)
{
	*ret = (struct slice){0};
	if (s->at) {
		*ret = slice_of(s->at->data + s->at->start, s->at->end - s->at->start);
		return SPOOL_OK;
	}
	if (s->file_at == s->file_end)
		return SPOOL_OK;
	if (s->window_start == s->window_end) {
		enum spool_result result = spool_fill_window(s);

		if (result != SPOOL_OK)
			return result;
	}
	*ret = slice_of(s->window + s->window_start, s->window_end - s->window_start);
	return SPOOL_OK;
}

static void
spool_consume_memory(struct spool *s, size_t n)
{
	struct spool_block *b = s->at;

	assert(n <= b->end - b->start);
	b->start += (uint32_t)n;
	if (b->start < b->end)
		return;
	s->at = b->next;
	if (!s->keep)
		spool_drop_first(s);
}

void
spool_consume(struct spool *s, size_t n)
{
	if (n == 0)
		return;
	if (s->at) {
		spool_consume_memory(s, n);
		return;
	}
	assert(n <= s->window_end - s->window_start);
	s->window_start += (uint32_t)n;
	s->file_at += n;
	if (s->window_start == s->window_end)
		spool_drop_window(s);
	/* Empty: the next bytes begin at the ring's beginning, and go into memory first. */
	if (s->file_at == s->file_end && !s->keep)
		s->file_at = s->file_end = 0;
}

void
spool_rewind(struct spool *s)
{
	assert(s->keep);
	for (struct spool_block *b = s->first; b; b = b->next)
		b->start = 0;
	s->at = s->first;
	spool_drop_window(s);
	s->file_at = 0;
}

void
spool_stop_keeping(struct spool *s)
{
	s->keep = false;
	while (s->first && s->first != s->at)
		spool_drop_first(s);
	if (s->file_at == s->file_end)
		s->file_at = s->file_end = 0;
}
