/*
 * Three libraries behind one face. What op means is the same for all of them; each has a function
 * that makes one step.
 */
#include "proxy/http/compressor.h"

#include "core/own.h"

#include <brotli/encode.h>
#include <stdlib.h>
#include <time.h>
#include <zlib.h>
#include <zstd.h>

#define GZIP_HEADER 16 /* added to the window's size: gzip, not zlib */
#define GZIP_MEM_LEVEL 7
#define GZIP_LEVEL 5
#define BROTLI_LEVEL 4
#define ZSTD_LEVEL 3

struct compressor {
	struct compressors *all;
	enum coding coding;
	unsigned level;
	z_stream gzip;
	BrotliEncoderState *brotli;
	ZSTD_CCtx *zstd;
};

/* --- the budget ------------------------------------------------------------------------------ */

bool
compressor_budget_left(struct compressor_budget *b, uint64_t now_ms)
{
	uint64_t most = COMPRESSOR_BURST_US * UINT64_C(100) / COMPRESSOR_SHARE / 1000;
	uint64_t gone = now_ms - b->at_ms;

	if (b->at_ms == 0 || gone > 2 * most)
		b->left_us = COMPRESSOR_BURST_US;
	else
		b->left_us += (int64_t)(gone * 1000 * COMPRESSOR_SHARE / 100);
	if (b->left_us > COMPRESSOR_BURST_US)
		b->left_us = COMPRESSOR_BURST_US;
	b->at_ms = now_ms;
	return b->left_us > 0;
}

void
compressor_budget_spend(struct compressor_budget *b, uint64_t us)
{
	b->left_us -= (int64_t)us;
	/* However long one step took: after two full bursts' time compressing goes on. */
	if (b->left_us < -COMPRESSOR_BURST_US)
		b->left_us = -COMPRESSOR_BURST_US;
}

bool
compressors_afford(struct compressors *all, uint64_t now_ms)
{
	return compressor_budget_left(&all->budget, now_ms) && all->n_open < COMPRESSOR_STREAMS_MAX;
}

/* Of this thread: what others take from it meanwhile is not spent. */
static uint64_t
clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* --- life ------------------------------------------------------------------------------------ */

static int
gzip_begin(struct compressor *c)
{
	return deflateInit2(&c->gzip, c->level ? (int)c->level : GZIP_LEVEL, Z_DEFLATED,
		       COMPRESSOR_GZIP_LOG + GZIP_HEADER, GZIP_MEM_LEVEL,
		       Z_DEFAULT_STRATEGY) == Z_OK
		       ? 0
		       : -1;
}

static int
brotli_begin(struct compressor *c)
{
	c->brotli = BrotliEncoderCreateInstance(NULL, NULL, NULL);
	if (!c->brotli)
		return -1;
	return BrotliEncoderSetParameter(
		       c->brotli, BROTLI_PARAM_QUALITY, c->level ? c->level : BROTLI_LEVEL) &&
			       BrotliEncoderSetParameter(
				       c->brotli, BROTLI_PARAM_LGWIN, COMPRESSOR_BROTLI_LOG)
		       ? 0
		       : -1;
}

static int
zstd_begin(struct compressor *c)
{
	c->zstd = ZSTD_createCCtx();
	if (!c->zstd)
		return -1;
	return ZSTD_isError(ZSTD_CCtx_setParameter(
		       c->zstd, ZSTD_c_compressionLevel, c->level ? (int)c->level : ZSTD_LEVEL)) ||
			       ZSTD_isError(ZSTD_CCtx_setParameter(
				       c->zstd, ZSTD_c_windowLog, COMPRESSOR_WINDOW_LOG))
		       ? -1
		       : 0;
}

static int
compressor_begin(struct compressor *c)
{
	switch (c->coding) {
	case CODING_GZIP:
		return gzip_begin(c);
	case CODING_BROTLI:
		return brotli_begin(c);
	case CODING_ZSTD:
		return zstd_begin(c);
	case CODING_NONE:
		break;
	}
	return -1;
}

static void
compressor_destroy(struct compressor *c)
{
	if (c->coding == CODING_GZIP)
		(void)deflateEnd(&c->gzip);
	if (c->brotli)
		BrotliEncoderDestroyInstance(c->brotli);
	ZSTD_freeCCtx(c->zstd);
	free(c);
}

/* A kept one begins anew; brotli has no call for that. */
static bool
compressor_reset(struct compressor *c)
{
	switch (c->coding) {
	case CODING_GZIP:
		return deflateReset(&c->gzip) == Z_OK;
	case CODING_ZSTD:
		return !ZSTD_isError(ZSTD_CCtx_reset(c->zstd, ZSTD_reset_session_only));
	case CODING_BROTLI:
	case CODING_NONE:
		break;
	}
	return false;
}

struct compressor *
compressor_new(struct compressors *all, enum coding coding, unsigned level)
{
	struct compressor *c = steal_ptr(&all->spare[coding]);

	if (c && c->level != level) {
		compressor_destroy(c);
		c = NULL;
	}
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return NULL;
		*c = (struct compressor){.all = all, .coding = coding, .level = level};
		if (compressor_begin(c) < 0) {
			compressor_destroy(c);
			return NULL;
		}
	}
	all->n_open++;
	return c;
}

enum coding
compressor_coding(const struct compressor *c)
{
	return c->coding;
}

void
compressor_free(struct compressor **c)
{
	struct compressor *gone = steal_ptr(c);
	struct compressors *all;

	if (!gone)
		return;
	all = gone->all;
	all->n_open--;
	if (all->spare[gone->coding] || !compressor_reset(gone))
		compressor_destroy(gone);
	else
		all->spare[gone->coding] = gone;
}

void
compressors_clear(struct compressors *all)
{
	for (size_t i = 0; i < CODING_NONE; i++) {
		if (all->spare[i])
			compressor_destroy(all->spare[i]);
		all->spare[i] = NULL;
	}
}

/* --- steps ----------------------------------------------------------------------------------- */

static int
gzip_step(struct compressor *c, struct compressor_step *s)
{
	static const int flush[] = {
		[COMPRESSOR_MORE] = Z_NO_FLUSH,
		[COMPRESSOR_FLUSH] = Z_SYNC_FLUSH,
		[COMPRESSOR_END] = Z_FINISH,
	};
	z_stream *z = &c->gzip;
	int result;

	z->next_in = (z_const Bytef *)(uintptr_t)s->in.p;
	z->avail_in = (uInt)s->in.n;
	z->next_out = (Bytef *)s->out;
	z->avail_out = (uInt)s->room;
	result = deflate(z, flush[s->op]);
	if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
		return -1;
	s->in = slice_skip(s->in, s->in.n - z->avail_in);
	s->out += s->room - z->avail_out;
	s->room = z->avail_out;
	s->done = s->op == COMPRESSOR_END ? result == Z_STREAM_END : z->avail_out > 0;
	return 0;
}

static int
brotli_step(struct compressor *c, struct compressor_step *s)
{
	static const BrotliEncoderOperation operation[] = {
		[COMPRESSOR_MORE] = BROTLI_OPERATION_PROCESS,
		[COMPRESSOR_FLUSH] = BROTLI_OPERATION_FLUSH,
		[COMPRESSOR_END] = BROTLI_OPERATION_FINISH,
	};
	const uint8_t *in = (const uint8_t *)s->in.p;
	size_t n = s->in.n;

	if (!BrotliEncoderCompressStream(c->brotli, operation[s->op], &n, &in, &s->room,
		    (uint8_t **)(void *)&s->out, NULL))
		return -1;
	s->in = slice_skip(s->in, s->in.n - n);
	s->done = n == 0 && !BrotliEncoderHasMoreOutput(c->brotli) &&
		  (s->op != COMPRESSOR_END || BrotliEncoderIsFinished(c->brotli));
	return 0;
}

static int
zstd_step(struct compressor *c, struct compressor_step *s)
{
	static const ZSTD_EndDirective directive[] = {
		[COMPRESSOR_MORE] = ZSTD_e_continue,
		[COMPRESSOR_FLUSH] = ZSTD_e_flush,
		[COMPRESSOR_END] = ZSTD_e_end,
	};
	ZSTD_inBuffer in = {.src = s->in.p, .size = s->in.n};
	ZSTD_outBuffer out = {.dst = s->out, .size = s->room};
	size_t left = ZSTD_compressStream2(c->zstd, &out, &in, directive[s->op]);

	if (ZSTD_isError(left))
		return -1;
	s->in = slice_skip(s->in, in.pos);
	s->out += out.pos;
	s->room -= out.pos;
	s->done = s->in.n == 0 && (s->op == COMPRESSOR_MORE || left == 0);
	return 0;
}

static int
compressor_step(struct compressor *c, struct compressor_step *s)
{
	switch (c->coding) {
	case CODING_GZIP:
		return gzip_step(c, s);
	case CODING_BROTLI:
		return brotli_step(c, s);
	case CODING_ZSTD:
		return zstd_step(c, s);
	case CODING_NONE:
		break;
	}
	return -1;
}

int
compressor_run(struct compressor *c, struct compressor_step *s)
{
	uint64_t began = clock_us();
	size_t before;
	int result;

	s->done = false;
	do {
		before = s->in.n + s->room;
		result = s->room ? compressor_step(c, s) : 0;
	} while (result == 0 && !s->done && s->in.n + s->room < before);
	compressor_budget_spend(&c->all->budget, clock_us() - began);
	return result;
}
