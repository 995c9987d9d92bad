/* proxy/http/compressor.c: what comes out is what went in, as soon as it is asked for. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/http/compressor.h"

#include <brotli/decode.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define SIZE 300000
#define PLAIN_MAX (SIZE + 1)

static char text[SIZE], packed[SIZE + 4096], plain[PLAIN_MAX];

static int
write_text(void **state)
{
	size_t n = 0;

	(void)state;
	for (int i = 0; n + 64 < SIZE; i++)
		n += (size_t)snprintf(text + n, SIZE - n, "line %d of %d, %d\n", i, i * 7, i * i);
	while (n < SIZE)
		text[n++] = 'x';
	return 0;
}

/* How much of the n bytes the browser could read. */
static size_t
unpack(enum coding coding, size_t n)
{
	z_stream z = {.next_in = (Bytef *)packed,
		.avail_in = (uInt)n,
		.next_out = (Bytef *)plain,
		.avail_out = PLAIN_MAX};
	BrotliDecoderState *b;
	ZSTD_DCtx *d;
	ZSTD_inBuffer in = {packed, n, 0};
	ZSTD_outBuffer out = {plain, PLAIN_MAX, 0};
	const uint8_t *next = (const uint8_t *)packed;
	uint8_t *to = (uint8_t *)plain;
	size_t room = PLAIN_MAX;

	switch (coding) {
	case CODING_GZIP:
		assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
		(void)inflate(&z, Z_SYNC_FLUSH);
		(void)inflateEnd(&z);
		return PLAIN_MAX - z.avail_out;
	case CODING_BROTLI:
		b = BrotliDecoderCreateInstance(NULL, NULL, NULL);
		assert_int_not_equal(BrotliDecoderDecompressStream(b, &n, &next, &room, &to, NULL),
			BROTLI_DECODER_RESULT_ERROR);
		BrotliDecoderDestroyInstance(b);
		return PLAIN_MAX - room;
	case CODING_ZSTD:
		d = ZSTD_createDCtx();
		assert_false(ZSTD_isError(ZSTD_decompressStream(d, &out, &in)));
		ZSTD_freeDCtx(d);
		return out.pos;
	case CODING_NONE:
		break;
	}
	return 0;
}

/* Runs op with at most `room` bytes of output a call. Returns what came out, behind *at. */
static void
run(struct compressor *c, enum compressor_op op, struct slice in, size_t room, size_t *at)
{
	struct compressor_step s = {.op = op, .in = in};

	while (!s.done) {
		size_t left = sizeof(packed) - *at;
		size_t most = room < left ? room : left;

		s.out = packed + *at;
		s.room = most;
		assert_int_equal(compressor_run(c, &s), 0);
		assert_true(s.room <= most);
		assert_true(s.done || s.room < most);
		*at += most - s.room;
	}
	assert_int_equal(s.in.n, 0);
}

static void
what_goes_in_comes_out(void **state)
{
	struct compressors all = {0};

	(void)state;
	for (size_t coding = 0; coding < CODING_NONE; coding++) {
		for (unsigned level = 0; level <= 9; level++) {
			struct compressor *c = compressor_new(&all, (enum coding)coding, level);
			size_t at = 0, step = 1 + level * 5000;

			assert_non_null(c);
			for (size_t i = 0; i < SIZE; i += step)
				run(c, COMPRESSOR_MORE,
					slice_of(text + i, SIZE - i < step ? SIZE - i : step),
					1 + level * 100, &at);
			run(c, COMPRESSOR_END, SLICE_LIT(""), 1 + level * 100, &at);
			compressor_free(&c);
			assert_true(at < SIZE / 2);
			assert_int_equal(unpack((enum coding)coding, at), SIZE);
			assert_memory_equal(plain, text, SIZE);
		}
	}
	assert_int_equal(all.n_open, 0);
	compressors_clear(&all);
}

static void
nothing_is_held_back_after_a_flush(void **state)
{
	struct compressors all = {0};

	(void)state;
	for (size_t coding = 0; coding < CODING_NONE; coding++) {
		struct compressor *c = compressor_new(&all, (enum coding)coding, 0);
		size_t at = 0;

		for (size_t i = 0; i < 2000; i += 100) {
			run(c, COMPRESSOR_MORE, slice_of(text + i, 100), 4096, &at);
			run(c, COMPRESSOR_FLUSH, SLICE_LIT(""), 7, &at);
			assert_int_equal(unpack((enum coding)coding, at), i + 100);
			assert_memory_equal(plain, text, i + 100);
		}
		compressor_free(&c);
	}
	compressors_clear(&all);
}

static void
a_kept_one_begins_anew(void **state)
{
	struct compressors all = {0};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct compressor *c = compressor_new(&all, CODING_ZSTD, 0);
		size_t at = 0;

		/* Given up in the middle, as when a client leaves. */
		run(c, COMPRESSOR_MORE, slice_of(text, 1000), 4096, &at);
		compressor_free(&c);
		assert_non_null(all.spare[CODING_ZSTD]);
		c = compressor_new(&all, CODING_ZSTD, 0);
		at = 0;
		run(c, COMPRESSOR_END, slice_of(text, 50), 4096, &at);
		assert_int_equal(unpack(CODING_ZSTD, at), 50);
		compressor_free(&c);
	}
	compressors_clear(&all);
}

static void
a_spent_budget_fills_up_with_time(void **state)
{
	struct compressor_budget b = {0};

	(void)state;
	assert_true(compressor_budget_left(&b, 1000));
	compressor_budget_spend(&b, COMPRESSOR_BURST_US);
	assert_false(compressor_budget_left(&b, 1000));
	assert_true(compressor_budget_left(&b, 1001));
	assert_int_equal(b.left_us, 10 * COMPRESSOR_SHARE);
	compressor_budget_spend(&b, UINT64_C(1) << 40);
	assert_false(compressor_budget_left(&b, 1002));
	assert_false(compressor_budget_left(&b, 1900));
	assert_true(
		compressor_budget_left(&b, 1002 + COMPRESSOR_BURST_US / (10 * COMPRESSOR_SHARE)));
	assert_true(compressor_budget_left(&b, UINT64_C(1) << 60));
	assert_int_equal(b.left_us, COMPRESSOR_BURST_US);
}

static void
streams_at_once_are_counted(void **state)
{
	struct compressor *c[COMPRESSOR_STREAMS_MAX];
	struct compressors all = {0};

	(void)state;
	for (size_t i = 0; i < COMPRESSOR_STREAMS_MAX; i++) {
		assert_true(compressors_afford(&all, 1));
		c[i] = compressor_new(&all, CODING_GZIP, 1);
	}
	assert_false(compressors_afford(&all, 1));
	for (size_t i = 0; i < COMPRESSOR_STREAMS_MAX; i++)
		compressor_free(&c[i]);
	assert_true(compressors_afford(&all, 1));
	compressors_clear(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_in_comes_out),
		cmocka_unit_test(nothing_is_held_back_after_a_flush),
		cmocka_unit_test(a_kept_one_begins_anew),
		cmocka_unit_test(a_spent_budget_fills_up_with_time),
		cmocka_unit_test(streams_at_once_are_counted),
	};

	return cmocka_run_group_tests(tests, write_text, NULL);
}
