/* proxy/h2/h2_guard.c: frames on streams that the client has closed, or never begun. */
#include "tests/unit/core/unit.h"

#include "proxy/h2/h2_guard.h"

enum { DATA, HEADERS, PRIORITY, RST_STREAM, WINDOW_UPDATE = 8, PRIORITY_UPDATE = 16 };
enum { PROTOCOL_ERROR = 1, STREAM_CLOSED = 5 };
enum { END = 1 };

/* A guard behind the preface. */
static struct h2_guard
started(void)
{
	struct h2_guard g;
	size_t good;

	h2_guard_init(&g);
	assert_int_equal(h2_guard_feed(&g, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24, &good), 0);
	assert_int_equal(good, 24);
	return g;
}

/* One frame of n bytes of payload, the first four of them a number; fed byte by byte, it must be
 * told as when it is fed whole. */
static uint32_t
frame(struct h2_guard *g, int type, int flags, uint32_t stream, uint32_t n, uint32_t first)
{
	char bytes[9 + 64] = {0, (char)(n >> 8), (char)n, (char)type, (char)flags,
		(char)(stream >> 24), (char)(stream >> 16), (char)(stream >> 8), (char)stream,
		(char)(first >> 24), (char)(first >> 16), (char)(first >> 8), (char)first};
	struct h2_guard slow = *g;
	uint32_t error, told = 0;
	size_t good;

	error = h2_guard_feed(g, bytes, 9 + n, &good);
	assert_int_equal(good, error ? 0 : 9 + n);
	for (size_t i = 0; i < 9 + n && !told; i++)
		told = h2_guard_feed(&slow, bytes + i, 1, &good);
	assert_int_equal(told, error);
	return error;
}

static void
frames_behind_the_end_of_a_stream(void **state)
{
	struct h2_guard g = started();

	(void)state;
	assert_int_equal(frame(&g, HEADERS, 0, 1, 10, 0), 0);
	assert_int_equal(frame(&g, DATA, 0, 1, 10, 0), 0);
	assert_int_equal(frame(&g, DATA, END, 1, 0, 0), 0);
	assert_int_equal(frame(&g, RST_STREAM, 0, 1, 4, 0), 0);
	assert_int_equal(frame(&g, WINDOW_UPDATE, 0, 1, 4, 9), 0);
	assert_int_equal(frame(&g, PRIORITY, 0, 1, 5, 0), 0);
	assert_int_equal(frame(&g, DATA, 0, 1, 1, 0), STREAM_CLOSED);
	g = started();
	assert_int_equal(frame(&g, HEADERS, END, 3, 10, 0), 0);
	assert_int_equal(frame(&g, HEADERS, END, 3, 10, 0), STREAM_CLOSED);
	g = started();
	assert_int_equal(frame(&g, HEADERS, 0, 3, 10, 0), 0);
	assert_int_equal(frame(&g, HEADERS, END, 3, 10, 0), 0);
	assert_int_equal(frame(&g, DATA, 0, 3, 10, 0), STREAM_CLOSED);
}

static void
frames_behind_a_reset(void **state)
{
	struct h2_guard g = started();

	(void)state;
	assert_int_equal(frame(&g, HEADERS, 0, 1, 10, 0), 0);
	assert_int_equal(frame(&g, RST_STREAM, 0, 1, 4, 0), 0);
	assert_int_equal(frame(&g, HEADERS, END, 1, 10, 0), STREAM_CLOSED);
}

static void
streams_that_were_passed_over_cannot_begin(void **state)
{
	struct h2_guard g = started();

	(void)state;
	/* Not judged: the library has an error for each. */
	assert_int_equal(frame(&g, HEADERS, END, 0, 10, 0), 0);
	assert_int_equal(frame(&g, HEADERS, END, 2, 10, 0), 0);
	assert_int_equal(frame(&g, DATA, 0, 7, 10, 0), 0);
	assert_int_equal(frame(&g, HEADERS, 0, 5, 10, 0), 0);
	assert_int_equal(frame(&g, HEADERS, 0, 3, 10, 0), PROTOCOL_ERROR);
	g = started();
	assert_int_equal(frame(&g, HEADERS, 0, 5, 10, 0), 0);
	assert_int_equal(frame(&g, DATA, 0, 1, 10, 0), PROTOCOL_ERROR);
}

static void
what_the_library_ignores_is_counted(void **state)
{
	struct h2_guard g = started();

	(void)state;
	(void)frame(&g, PRIORITY, 0, 3, 5, 0);
	(void)frame(&g, 0x16, 0, 0, 5, 0);
	(void)frame(&g, PRIORITY_UPDATE, 0, 0, 5, 3);
	(void)frame(&g, WINDOW_UPDATE, 0, 0, 4, 1);
	assert_int_equal(g.ignored, 2);
}

static void
the_oldest_streams_are_forgotten(void **state)
{
	struct h2_guard g = started(), copy;
	uint32_t last = 4 * H2_GUARD_STREAMS + 1;

	(void)state;
	for (uint32_t i = 1; i <= last; i += 4)
		assert_int_equal(frame(&g, HEADERS, END, i, 10, 0), 0);
	assert_int_equal(frame(&g, DATA, 0, 1, 1, 0), 0);
	assert_int_equal(frame(&g, DATA, 0, 3, 1, 0), 0);
	assert_int_equal(frame(&g, RST_STREAM, 0, 1, 4, 0), 0);
	copy = g;
	assert_int_equal(frame(&copy, DATA, 0, 5, 1, 0), STREAM_CLOSED);
	copy = g;
	assert_int_equal(frame(&copy, DATA, 0, 7, 1, 0), PROTOCOL_ERROR);
	assert_int_equal(frame(&g, DATA, 0, last, 1, 0), STREAM_CLOSED);
}

static void
priorities_name_a_stream_that_is_not_their_own(void **state)
{
	struct h2_guard g = started();

	(void)state;
	assert_int_equal(frame(&g, PRIORITY, 0, 3, 5, 0), 0);
	assert_int_equal(frame(&g, PRIORITY, 0, 3, 5, 1), 0);
	assert_int_equal(frame(&g, PRIORITY, 0, 3, 6, 3), 0); /* its length is at fault */
	assert_int_equal(frame(&g, PRIORITY, 0, 3, 5, 3 | 1u << 31), PROTOCOL_ERROR);
	g = started();
	assert_int_equal(frame(&g, PRIORITY, 0, 0, 5, 1), PROTOCOL_ERROR);
	g = started();
	assert_int_equal(frame(&g, PRIORITY_UPDATE, 0, 0, 7, 3), 0);
	assert_int_equal(frame(&g, PRIORITY_UPDATE, 0, 0, 4, 3), 0);
	assert_int_equal(frame(&g, PRIORITY_UPDATE, 0, 0, 3, 0), 0); /* the library's to refuse */
	assert_int_equal(frame(&g, PRIORITY_UPDATE, 0, 0, 7, 0), PROTOCOL_ERROR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_behind_the_end_of_a_stream),
		cmocka_unit_test(frames_behind_a_reset),
		cmocka_unit_test(streams_that_were_passed_over_cannot_begin),
		cmocka_unit_test(what_the_library_ignores_is_counted),
		cmocka_unit_test(the_oldest_streams_are_forgotten),
		cmocka_unit_test(priorities_name_a_stream_that_is_not_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
