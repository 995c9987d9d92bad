/* proxy/http/ws_border.c: where frames end, however their bytes are cut. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/http/ws_border.h"

static const char frames[] = "\x82\x05hello"            /* short, unmasked */
			     "\x81\x83mkey\x01\x02\x03" /* masked */
			     "\x02\x7e\x00\x04"
			     "abcd"                                      /* 16 bit length */
			     "\x80\x7f\x00\x00\x00\x00\x00\x00\x00\x01x" /* 64 bit length */
			     "\x89\x00";                                 /* ping without payload */
static const size_t ends[] = {7, 16, 24, 35, 37};

static void
frames_end_where_they_end(void **state)
{
	struct ws_border b = {0};
	size_t next = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(frames) - 1; i++) {
		ws_border_feed(&b, slice_of(frames + i, 1));
		if (i + 1 == ends[next]) {
			assert_true(ws_border_between(&b));
			next++;
		} else {
			assert_false(ws_border_between(&b));
		}
	}
	assert_int_equal(next, ARRAY_SIZE(ends));
	assert_false(b.closing);
}

static void
all_at_once_is_the_same(void **state)
{
	struct ws_border b = {0};

	(void)state;
	ws_border_feed(&b, slice_of(frames, sizeof(frames) - 1));
	assert_true(ws_border_between(&b));
	ws_border_feed(&b, SLICE_LIT("\x88\x82"));
	assert_true(b.closing);
	assert_false(ws_border_between(&b));
	ws_border_feed(&b, SLICE_LIT("mask\x03\xe8"));
	assert_true(ws_border_between(&b));
}

static void
a_length_that_cannot_be_does_not_wrap(void **state)
{
	struct ws_border b = {0};

	(void)state;
	ws_border_feed(&b, SLICE_LIT("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff"));
	assert_false(ws_border_between(&b));
	ws_border_feed(&b, SLICE_LIT("0123456789"));
	assert_false(ws_border_between(&b));
}

static void
goodbyes_are_whole_frames(void **state)
{
	uint8_t frame[WS_CLOSE_MAX];
	struct ws_border b = {0};

	(void)state;
	assert_int_equal(ws_close_frame(frame, false), 4);
	assert_memory_equal(frame, "\x88\x02\x03\xe9", 4);
	assert_int_equal(ws_close_frame(frame, true), 8);
	assert_memory_equal(frame, "\x88\x82\0\0\0\0\x03\xe9", 8);
	ws_border_feed(&b, slice_of((const char *)frame, 8));
	assert_true(ws_border_between(&b) && b.closing);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_end_where_they_end),
		cmocka_unit_test(all_at_once_is_the_same),
		cmocka_unit_test(a_length_that_cannot_be_does_not_wrap),
		cmocka_unit_test(goodbyes_are_whole_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
