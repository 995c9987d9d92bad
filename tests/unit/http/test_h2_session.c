/* proxy/h2/h2_session.c and h2_session_send.c: windows, limits and the frames that are answered. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/h2/h2_memory.h"
#include "proxy/h2/h2_session.h"

#include <string.h>

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
/* :method GET, :scheme https, :path / */
#define HEAD "\x82\x87\x84"

static struct h2_session session;
static struct h2_memory memory;
static nghttp2_mem ops;
static struct h2_leg legs[H2_STREAMS_MAX + 1];
static size_t n_legs;
static char block[BLOCK_SIZE];
static struct iobuf out;
static enum h2_error goaway;
static unsigned n_windows;

/* --- the owner ------------------------------------------------------------------------------- */

struct h2_leg *
h2_on_begin(struct h2_session *s, uint32_t id)
{
	(void)s;
	(void)id;
	assert_true(n_legs < ARRAY_SIZE(legs));
	return &legs[n_legs++];
}

void
h2_on_field(struct h2_session *s, struct slice name, struct slice value)
{
	(void)s;
	(void)name;
	(void)value;
}

void
h2_on_head(struct h2_session *s, struct h2_leg *leg, bool ended)
{
	assert_ptr_equal(h2_session_find(s, leg->id), leg);
	assert_int_equal(leg->client_ended, ended);
}

bool
h2_on_trailer(struct h2_session *s, struct h2_leg *leg, struct slice name, struct slice value)
{
	(void)s;
	(void)leg;
	(void)value;
	return name.p[0] != ':';
}

void
h2_on_data(struct h2_session *s, struct h2_leg *leg, struct slice bytes)
{
	h2_session_take(s, leg, bytes.n);
}

void
h2_on_end(struct h2_session *s, struct h2_leg *leg)
{
	(void)s;
	assert_true(leg->client_ended);
}

void
h2_on_close(struct h2_session *s, struct h2_leg *leg, enum h2_error error)
{
	(void)s;
	(void)error;
	assert_false(leg->open);
}

void
h2_on_fault(struct h2_session *s, struct h2_leg *leg)
{
	(void)s;
	(void)leg;
}

void
h2_on_goaway(struct h2_session *s, enum h2_error error)
{
	(void)s;
	goaway = error;
}

void
h2_on_priority_update(struct h2_session *s, uint32_t stream, struct slice value)
{
	(void)s;
	(void)stream;
	(void)value;
}

void
h2_on_bulky_head(struct h2_session *s, uint64_t size)
{
	(void)s;
	(void)size;
}

void
h2_on_idle_frame(struct h2_session *s, enum h2_frame_type type)
{
	(void)s;
	(void)type;
}

void
h2_on_window(struct h2_session *s, struct h2_leg *leg)
{
	(void)s;
	(void)leg;
	n_windows++;
}

/* --- frames ---------------------------------------------------------------------------------- */

static void
receive(struct slice bytes)
{
	assert_int_equal(h2_session_receive(&session, bytes), bytes.n);
}

static void
frame(enum h2_frame_type type, unsigned flags, uint32_t stream, struct slice payload)
{
	static char bytes[H2_FRAME_HEAD + H2_FRAME_PAYLOAD_MAX];

	h2_frame_write((uint8_t *)bytes, (struct h2_frame){.length = (uint32_t)payload.n,
						 .type = (uint8_t)type,
						 .flags = (uint8_t)flags,
						 .stream = stream});
	if (payload.n)
		memcpy(bytes + H2_FRAME_HEAD, payload.p, payload.n);
	receive(slice_of(bytes, H2_FRAME_HEAD + payload.n));
}

static void
frame_of_number(enum h2_frame_type type, uint32_t stream, uint32_t value)
{
	char payload[4];

	h2_put_number((uint8_t *)payload, value);
	frame(type, 0, stream, slice_of(payload, sizeof(payload)));
}

static void
setting(unsigned which, uint32_t value)
{
	char payload[6] = {(char)(which >> 8), (char)which};

	h2_put_number((uint8_t *)payload + 2, value);
	frame(H2_FRAME_SETTINGS, 0, 0, slice_of(payload, sizeof(payload)));
}

static void
request(uint32_t stream, bool ended)
{
	frame(H2_FRAME_HEADERS, H2_FLAG_END_HEADERS | (ended ? H2_FLAG_END_STREAM : 0), stream,
		SLICE_LIT(HEAD));
}

/* The next frame that went out; its payload stays valid until another is asked for. */
static struct h2_frame
next(struct slice *ret_payload)
{
	struct h2_frame f;

	assert_true(h2_session_flush(&session, &out));
	assert_true(iobuf_len(&out) >= H2_FRAME_HEAD);
	f = h2_frame_read((const uint8_t *)out.data + out.start);
	assert_true(iobuf_len(&out) >= H2_FRAME_HEAD + f.length);
	*ret_payload = slice_of(out.data + out.start + H2_FRAME_HEAD, f.length);
	iobuf_consume(&out, H2_FRAME_HEAD + f.length);
	return f;
}

static void
expect_number(enum h2_frame_type type, uint32_t stream, uint32_t value)
{
	struct slice payload;
	struct h2_frame f = next(&payload);

	assert_int_equal(f.type, type);
	assert_int_equal(f.stream, stream);
	assert_int_equal(h2_number((const uint8_t *)payload.p), value);
}

static int
begin(void **state)
{
	struct slice payload;

	(void)state;
	memset(legs, 0, sizeof(legs));
	n_legs = n_windows = 0;
	goaway = H2_NO_ERROR;
	out = (struct iobuf){.data = block};
	ops = h2_memory_ops(&memory);
	assert_int_equal(h2_session_init(&session, &ops), 0);
	receive(SLICE_LIT(PREFACE));
	frame(H2_FRAME_SETTINGS, 0, 0, (struct slice){.p = ""});
	assert_int_equal(next(&payload).type, H2_FRAME_SETTINGS);
	expect_number(H2_FRAME_WINDOW_UPDATE, 0, H2_CONNECTION_WINDOW - H2_STREAM_WINDOW);
	assert_int_equal(next(&payload).flags, H2_FLAG_ACK);
	frame(H2_FRAME_SETTINGS, H2_FLAG_ACK, 0, (struct slice){.p = ""});
	return 0;
}

static int
end(void **state)
{
	(void)state;
	h2_session_clear(&session);
	h2_memory_clear(&memory);
	return 0;
}

/* --- the tests ------------------------------------------------------------------------------- */

static void
windows_open_by_halves(void **state)
{
	static char bytes[H2_FRAME_PAYLOAD_MAX];

	(void)state;
	request(1, false);
	frame(H2_FRAME_DATA, 0, 1, slice_of(bytes, sizeof(bytes)));
	assert_int_equal(legs[0].credit, H2_STREAM_WINDOW - sizeof(bytes));
	frame(H2_FRAME_DATA, 0, 1, slice_of(bytes, sizeof(bytes)));
	expect_number(H2_FRAME_WINDOW_UPDATE, 1, 2 * sizeof(bytes));
	assert_int_equal(legs[0].credit, H2_STREAM_WINDOW);
	assert_int_equal(session.credit, H2_CONNECTION_WINDOW - 2 * sizeof(bytes));
	for (int i = 0; i < 30; i++)
		frame(H2_FRAME_DATA, 0, 1, slice_of(bytes, sizeof(bytes)));
	assert_int_equal(session.credit, H2_CONNECTION_WINDOW);
}

/* RFC 9113 section 6.9.2: a smaller first window makes one negative. */
static void
first_windows_change_those_of_open_streams(void **state)
{
	(void)state;
	request(1, true);
	legs[0].window -= 1000;
	setting(H2_SETTING_INITIAL_WINDOW_SIZE, 100);
	assert_int_equal(legs[0].window, -900);
	assert_int_equal(n_windows, 0);
	frame_of_number(H2_FRAME_WINDOW_UPDATE, 1, 901);
	assert_int_equal(legs[0].window, 1);
	assert_int_equal(n_windows, 1);
	setting(H2_SETTING_INITIAL_WINDOW_SIZE, 200);
	assert_int_equal(legs[0].window, 101);
	setting(H2_SETTING_INITIAL_WINDOW_SIZE, INT32_MAX);
	assert_int_equal(goaway, H2_NO_ERROR);
	frame_of_number(H2_FRAME_WINDOW_UPDATE, 0, INT32_MAX);
	assert_int_equal(goaway, H2_FLOW_CONTROL_ERROR);
}

static void
a_window_of_a_stream_that_grows_too_large_resets_it(void **state)
{
	struct slice payload;

	(void)state;
	request(1, true);
	frame_of_number(H2_FRAME_WINDOW_UPDATE, 1, INT32_MAX);
	assert_int_equal(goaway, H2_NO_ERROR);
	expect_number(H2_FRAME_RST_STREAM, 1, H2_FLOW_CONTROL_ERROR);
	assert_null(h2_session_find(&session, 1));
	/* What is under way still is no fault. */
	frame_of_number(H2_FRAME_WINDOW_UPDATE, 1, 1);
	assert_int_equal(goaway, H2_NO_ERROR);
	frame_of_number(H2_FRAME_WINDOW_UPDATE, 3, 1);
	assert_int_equal(goaway, H2_PROTOCOL_ERROR);
	assert_int_equal(next(&payload).type, H2_FRAME_GOAWAY);
}

static void
no_more_streams_than_were_allowed(void **state)
{
	uint32_t id = 1;

	(void)state;
	for (; id < 2 * H2_STREAMS_MAX; id += 2)
		request(id, false);
	assert_int_equal(session.n_legs, H2_STREAMS_MAX);
	request(id, false);
	expect_number(H2_FRAME_RST_STREAM, id, H2_REFUSED_STREAM);
	frame_of_number(H2_FRAME_RST_STREAM, 1, H2_CANCEL);
	n_legs = 0;
	request(id + 2, false);
	assert_int_equal(session.n_legs, H2_STREAMS_MAX);
	assert_int_equal(goaway, H2_NO_ERROR);
}

static void
a_goaway_names_no_more_than_the_one_before(void **state)
{
	struct slice payload;

	(void)state;
	h2_session_goaway(&session, H2_STREAM_NUMBER_MAX, H2_NO_ERROR);
	assert_int_equal(next(&payload).type, H2_FRAME_GOAWAY);
	assert_false(h2_session_is_over(&session));
	request(5, true);
	h2_session_goaway(&session, session.last_processed, H2_NO_ERROR);
	expect_number(H2_FRAME_GOAWAY, 0, 5);
	request(7, true);
	assert_int_equal(n_legs, 1);
	assert_false(h2_session_is_over(&session));
	h2_session_terminate(&session, H2_ENHANCE_YOUR_CALM);
	expect_number(H2_FRAME_GOAWAY, 0, 5);
	assert_true(h2_session_is_over(&session));
}

static void
a_head_that_is_too_large_for_a_frame_goes_on(void **state)
{
	static uint8_t value[30000];
	nghttp2_nv nv = {(uint8_t *)(uintptr_t) "x", value, 1, sizeof(value), 0};
	struct h2_frame like = {.stream = 1, .flags = H2_FLAG_END_STREAM}, f;
	struct slice payload;
	size_t all;

	(void)state;
	memset(value, 0x80, sizeof(value)); /* not made shorter by Huffman's code */
	request(1, true);
	assert_int_equal(h2_session_head(&session, &out, &like, &nv, 1), 0);
	f = next(&payload);
	assert_int_equal(f.type, H2_FRAME_HEADERS);
	assert_int_equal(f.flags, H2_FLAG_END_STREAM);
	all = f.length;
	f = next(&payload);
	assert_int_equal(f.type, H2_FRAME_CONTINUATION);
	assert_int_equal(f.flags, H2_FLAG_END_HEADERS);
	assert_in_range(all + f.length, sizeof(value), sizeof(value) + 16);
}

static void
what_waits_goes_out_in_pieces(void **state)
{
	struct slice payload;

	(void)state;
	out.end = BLOCK_SIZE - 5;
	frame(H2_FRAME_PING, 0, 0, SLICE_LIT("12345678"));
	assert_false(h2_session_flush(&session, &out));
	assert_int_equal(out.end, BLOCK_SIZE);
	iobuf_consume(&out, BLOCK_SIZE - 5);
	iobuf_compact(&out);
	assert_int_equal(next(&payload).type, H2_FRAME_PING);
	assert_memory_equal(payload.p, "12345678", 8);
}

static void
too_many_acknowledgements_are_a_flood(void **state)
{
	(void)state;
	for (int i = 0; i < H2_ACKS_MAX; i++)
		frame(H2_FRAME_PING, 0, 0, SLICE_LIT("12345678"));
	assert_false(session.flooded);
	frame(H2_FRAME_PING, 0, 0, SLICE_LIT("12345678"));
	assert_true(session.flooded);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(windows_open_by_halves, begin, end),
		cmocka_unit_test_setup_teardown(
			first_windows_change_those_of_open_streams, begin, end),
		cmocka_unit_test_setup_teardown(
			a_window_of_a_stream_that_grows_too_large_resets_it, begin, end),
		cmocka_unit_test_setup_teardown(no_more_streams_than_were_allowed, begin, end),
		cmocka_unit_test_setup_teardown(
			a_goaway_names_no_more_than_the_one_before, begin, end),
		cmocka_unit_test_setup_teardown(
			a_head_that_is_too_large_for_a_frame_goes_on, begin, end),
		cmocka_unit_test_setup_teardown(what_waits_goes_out_in_pieces, begin, end),
		cmocka_unit_test_setup_teardown(too_many_acknowledgements_are_a_flood, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
