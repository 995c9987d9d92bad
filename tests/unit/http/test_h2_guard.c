/* proxy/h2/h2_guard.c: frames on streams that the client has closed, or never begun. */
#include "tests/unit/core/unit.h"

#include "proxy/h2/h2_guard.h"

static enum h2_error
frame(struct h2_guard *g, enum h2_frame_type type, unsigned flags, uint32_t stream)
{
	struct h2_frame f = {.type = (uint8_t)type, .flags = (uint8_t)flags, .stream = stream};

	return h2_guard_judge(g, &f);
}

static void
frames_behind_the_end_of_a_stream(void **state)
{
	struct h2_guard g = {0};

	(void)state;
	assert_int_equal(frame(&g, H2_FRAME_HEADERS, 0, 1), 0);
	assert_int_equal(frame(&g, H2_FRAME_DATA, 0, 1), 0);
	assert_int_equal(frame(&g, H2_FRAME_DATA, H2_FLAG_END_STREAM, 1), 0);
	assert_int_equal(frame(&g, H2_FRAME_RST_STREAM, 0, 1), 0);
	assert_int_equal(frame(&g, H2_FRAME_DATA, 0, 1), H2_STREAM_CLOSED);
	g = (struct h2_guard){0};
	assert_int_equal(frame(&g, H2_FRAME_HEADERS, H2_FLAG_END_STREAM, 3), 0);
	assert_int_equal(frame(&g, H2_FRAME_HEADERS, H2_FLAG_END_STREAM, 3), H2_STREAM_CLOSED);
	g = (struct h2_guard){0};
	assert_int_equal(frame(&g, H2_FRAME_HEADERS, 0, 3), 0);
	assert_int_equal(frame(&g, H2_FRAME_HEADERS, H2_FLAG_END_STREAM, 3), 0);
	assert_int_equal(frame(&g, H2_FRAME_DATA, 0, 3), H2_STREAM_CLOSED);
}

static void
frames_behind_a_reset(void **state)
{
	struct h2_guard g = {0};

	(void)state;
	assert_int_equal(frame(&g, H2_FRAME_HEADERS, 0, 1), 0);
	assert_int_equal(frame(&g, H2_FRAME_RST_STREAM, 0, 1), 0);
	assert_int_equal(frame(&g, H2_FRAME_HEADERS, H2_FLAG_END_STREAM, 1), H2_STREAM_CLOSED);
}

static void
streams_that_were_passed_over_cannot_begin(void **state)
{
	struct h2_guard g = {0};

	(void)state;
	/* Not judged: the session has an error for it. */
	assert_int_equal(frame(&g, H2_FRAME_DATA, 0, 7), 0);
	assert_int_equal(frame(&g, H2_FRAME_HEADERS, 0, 5), 0);
	assert_int_equal(frame(&g, H2_FRAME_HEADERS, 0, 3), H2_PROTOCOL_ERROR);
	g = (struct h2_guard){0};
	assert_int_equal(frame(&g, H2_FRAME_HEADERS, 0, 5), 0);
	assert_int_equal(frame(&g, H2_FRAME_DATA, 0, 1), H2_PROTOCOL_ERROR);
}

static void
the_oldest_streams_are_forgotten(void **state)
{
	struct h2_guard g = {0}, copy;
	uint32_t last = 4 * H2_GUARD_STREAMS + 1;

	(void)state;
	for (uint32_t i = 1; i <= last; i += 4)
		assert_int_equal(frame(&g, H2_FRAME_HEADERS, H2_FLAG_END_STREAM, i), 0);
	assert_int_equal(frame(&g, H2_FRAME_DATA, 0, 1), 0);
	assert_int_equal(frame(&g, H2_FRAME_DATA, 0, 3), 0);
	assert_int_equal(frame(&g, H2_FRAME_RST_STREAM, 0, 1), 0);
	copy = g;
	assert_int_equal(frame(&copy, H2_FRAME_DATA, 0, 5), H2_STREAM_CLOSED);
	copy = g;
	assert_int_equal(frame(&copy, H2_FRAME_DATA, 0, 7), H2_PROTOCOL_ERROR);
	assert_int_equal(frame(&g, H2_FRAME_DATA, 0, last), H2_STREAM_CLOSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_behind_the_end_of_a_stream),
		cmocka_unit_test(frames_behind_a_reset),
		cmocka_unit_test(streams_that_were_passed_over_cannot_begin),
		cmocka_unit_test(the_oldest_streams_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
