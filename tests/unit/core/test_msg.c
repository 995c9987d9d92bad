/* core/msg.c: the table is the law, for writers, readers and receivers. */
#include "tests/unit/core/unit.h"

#include "core/log.h"
#include "core/msg.h"
#include "tests/unit/core/wire.h"

#include <stdlib.h>
#include <unistd.h>

static struct msg_in
read_back(struct msg_out *out, enum role from)
{
	struct msg_in in;
	struct slice packet;
	struct err e;

	assert_int_equal(msg_out_finish(out, from, &packet, &e), 0);
	assert_int_equal(msg_in_init(&in, packet, from, out->to, out->fd, &e), 0);
	return in;
}

static void
every_kind_of_field_comes_back(void **state)
{
	struct msg_out out;
	struct msg_in in;

	(void)state;
	assert_int_equal(msg_out_init(&out, MSG_CONTAINER, ROLE_PROXY), 0);
	msg_put_str(&out, "web");
	msg_put_u8(&out, 3);
	msg_put_u8(&out, 255);
	msg_put_u64(&out, UINT64_MAX - 1);
	msg_put_u32(&out, 0xfffefdfc);
	msg_put_u32(&out, 1);
	for (int i = 0; i < 6; i++)
		msg_put_slice(&out, slice_head(SLICE_LIT("abcdef"), (size_t)i));
	in = read_back(&out, ROLE_LXC);
	assert_true(slice_eq_str(msg_get_slice(&in), "web"));
	assert_int_equal(msg_get_u8(&in), 3);
	assert_int_equal(msg_get_u8(&in), 255);
	assert_true(msg_get_u64(&in) == UINT64_MAX - 1);
	assert_int_equal(msg_get_u32(&in), 0xfffefdfc);
	assert_int_equal(msg_get_u32(&in), 1);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(msg_get_slice(&in).n, i);
	assert_int_equal(msg_finish(&in), 0);
	msg_out_clear(&out);
}

static void
signed_and_short_numbers_come_back(void **state)
{
	struct msg_out out;
	struct msg_in in;

	(void)state;
	assert_int_equal(msg_out_init(&out, MSG_HELPER_DONE, ROLE_LXC), 0);
	msg_put_i32(&out, -7);
	msg_put_str(&out, "");
	in = read_back(&out, ROLE_HELPER);
	assert_int_equal(msg_get_i32(&in), -7);
	assert_int_equal(msg_get_slice(&in).n, 0);
	assert_int_equal(msg_finish(&in), 0);
	msg_out_clear(&out);
}

static void
a_group_repeats_to_the_end(void **state)
{
	struct msg_out out;
	struct msg_in in;
	unsigned n = 0;

	(void)state;
	assert_int_equal(msg_out_init(&out, MSG_STATS, ROLE_CONTROL), 0);
	msg_put_u64(&out, 1);
	for (uint16_t i = 0; i < 100; i++) {
		msg_put_u16(&out, i);
		msg_put_u64(&out, i * 1000u);
	}
	in = read_back(&out, ROLE_PROXY);
	assert_int_equal(msg_validate(&in), 0);
	assert_int_equal(msg_get_u64(&in), 1);
	for (; msg_more(&in); n++) {
		assert_int_equal(msg_get_u16(&in), n);
		assert_int_equal(msg_get_u64(&in), n * 1000);
	}
	assert_int_equal(n, 100);
	assert_int_equal(msg_finish(&in), 0);
	msg_out_clear(&out);
}

static void
a_writer_that_leaves_the_table_is_refused(void **state)
{
	struct msg_out out;
	struct slice packet;
	struct err e;

	(void)state;
	assert_int_equal(msg_out_init(&out, MSG_READY, ROLE_PARENT), 0);
	assert_int_equal(msg_out_finish(&out, ROLE_PROXY, &packet, &e), -1); /* nothing put */
	msg_put_u64(&out, 1);
	assert_int_equal(msg_out_finish(&out, ROLE_PROXY, &packet, &e), 0);
	assert_int_equal(msg_out_finish(&out, ROLE_HELPER, &packet, &e), -1); /* not its message */
	msg_put_u32(&out, 1);
	assert_int_equal(msg_out_finish(&out, ROLE_PROXY, &packet, &e), -1); /* one too many */
	msg_out_clear(&out);
	assert_int_equal(msg_out_init(&out, MSG_READY, ROLE_PARENT), 0);
	msg_put_u32(&out, 1);
	assert_int_equal(msg_out_finish(&out, ROLE_PROXY, &packet, &e), -1); /* another kind */
	msg_out_clear(&out);
	assert_int_equal(msg_out_init(&out, MSG_STATS, ROLE_CONTROL), 0);
	msg_put_u64(&out, 1);
	msg_put_u16(&out, 1);
	assert_int_equal(msg_out_finish(&out, ROLE_PROXY, &packet, &e), -1); /* half a group */
	msg_out_clear(&out);
}

static void
descriptors_are_as_many_as_the_table_says(void **state)
{
	struct msg_out out;
	struct slice packet;
	struct err e;

	(void)state;
	assert_int_equal(msg_out_init(&out, MSG_OFFER, ROLE_PROXY), 0);
	msg_put_u64(&out, 1);
	assert_int_equal(msg_out_finish(&out, ROLE_PARENT, &packet, &e), -1);
	msg_put_fd(&out, STDERR_FILENO);
	assert_int_equal(msg_out_finish(&out, ROLE_PARENT, &packet, &e), 0);
	msg_out_clear(&out);
	assert_int_equal(msg_out_init(&out, MSG_ABORT, ROLE_PROXY), 0);
	msg_put_u64(&out, 1);
	msg_put_fd(&out, STDERR_FILENO);
	assert_int_equal(msg_out_finish(&out, ROLE_PARENT, &packet, &e), -1);
	msg_out_clear(&out);
}

static void
long_strings_are_cut_and_a_full_packet_is_refused(void **state)
{
	char *text = calloc(1, MSG_SIZE_MAX);
	struct msg_out out;
	struct slice packet;
	struct msg_in in;
	struct err e;

	(void)state;
	assert_int_equal(msg_out_init(&out, MSG_EVENT, ROLE_CONTROL), 0);
	msg_put_slice(&out, slice_of(text, MSG_SIZE_MAX));
	in = read_back(&out, ROLE_PROXY);
	assert_int_equal(msg_get_slice(&in).n, MSG_STRING_MAX);
	msg_put_slice(&out, slice_of(text, MSG_STRING_MAX));
	assert_true(out.bad);
	assert_int_equal(msg_out_finish(&out, ROLE_PROXY, &packet, &e), -1);
	msg_out_clear(&out);
	free(text);
}

static void
a_reader_that_leaves_the_table_turns_bad(void **state)
{
	unsigned char packet[64];
	size_t n = wire_packet(packet, ROLE_PROXY, MSG_REFUSED, ROLE_PARENT);
	struct msg_in in, other;
	struct err e;

	(void)state;
	assert_int_equal(msg_in_init(&in, slice_of(packet, n), ROLE_PROXY, ROLE_PARENT, -1, &e), 0);
	other = in;
	assert_int_equal(msg_get_u32(&other), 0); /* the table has a U first */
	assert_true(other.bad);
	assert_int_equal(msg_finish(&other), -1);
	assert_false(msg_more(&other));
	assert_int_equal(msg_get_u64(&in), 0);
	assert_int_equal(msg_finish(&in), -1); /* fields are left */
	assert_int_equal(msg_get_u32(&in), 0);
	assert_int_equal(msg_get_slice(&in).n, 0);
	assert_int_equal(msg_finish(&in), 0);
	assert_int_equal(msg_get_u8(&in), 0); /* no field is left */
	assert_int_equal(msg_finish(&in), -1);
}

/* Every shorter and every longer packet of every type is malformed. */
static void
a_packet_is_consumed_exactly(void **state)
{
	unsigned char packet[128] = {0};
	struct err e;

	(void)state;
	for (unsigned t = 1; t < MSG_TYPE_COUNT; t++) {
		enum role from = wire_first(wire_rows[t].senders);
		enum role to = wire_first(wire_rows[t].receivers);
		size_t n = wire_packet(packet, from, t, to);
		int fd = wire_rows[t].fds ? 0 : -1;
		struct msg_in in;

		for (size_t cut = MSG_HEADER_SIZE; cut <= n + 1; cut++) {
			bool whole = cut == n ||
				     (strchr(wire_rows[t].fields, '(') && cut == n - wire_group(t));

			packet[n] = 0;
			assert_int_equal(
				msg_in_init(&in, slice_of(packet, cut), from, to, fd, &e), 0);
			assert_int_equal(msg_validate(&in), whole ? 0 : -1);
		}
	}
}

static void
headers_that_make_no_sense(void **state)
{
	unsigned char packet[64];
	size_t n = wire_packet(packet, ROLE_PROXY, MSG_READY, ROLE_PARENT);
	struct msg_in in;
	struct err e;

	(void)state;
	assert_int_equal(
		msg_in_init(&in, slice_of(packet, 3), ROLE_PROXY, ROLE_PARENT, -1, &e), -1);
	assert_int_equal(msg_in_init(&in, slice_of(packet, MSG_SIZE_MAX + 1), ROLE_PROXY,
				 ROLE_PARENT, -1, &e),
		-1);
	for (unsigned t = MSG_TYPE_COUNT; t < 65536; t += 251) {
		packet[0] = (unsigned char)t;
		packet[1] = (unsigned char)(t >> 8);
		assert_int_equal(
			msg_in_init(&in, slice_of(packet, n), ROLE_PROXY, ROLE_PARENT, -1, &e), -1);
	}
	packet[0] = packet[1] = 0;
	assert_int_equal(
		msg_in_init(&in, slice_of(packet, n), ROLE_PROXY, ROLE_PARENT, -1, &e), -1);
	n = wire_packet(packet, ROLE_PROXY, MSG_READY, ROLE_PARENT);
	packet[2] = ROLE_COUNT;
	assert_int_equal(
		msg_in_init(&in, slice_of(packet, n), ROLE_PARENT, ROLE_PARENT, -1, &e), -1);
	packet[2] = ROLE_PROXY;
	packet[3] = 255;
	assert_int_equal(
		msg_in_init(&in, slice_of(packet, n), ROLE_PROXY, ROLE_PARENT, -1, &e), -1);
}

static void
names_and_descriptors_of_the_table(void **state)
{
	(void)state;
	assert_string_equal(msg_name(MSG_OFFER), "OFFER");
	assert_string_equal(msg_name(MSG_NONE), "?");
	assert_string_equal(msg_name((enum msg_type)9999), "?");
	assert_int_equal(msg_fds(MSG_OFFER), 1);
	assert_int_equal(msg_fds(MSG_COMMIT), 0);
	assert_int_equal(msg_fds((enum msg_type)9999), 0);
	assert_false(msg_permitted(ROLE_PARENT, MSG_NONE, ROLE_PROXY));
	assert_false(msg_permitted(ROLE_PARENT, (enum msg_type)9999, ROLE_PROXY));
	assert_false(msg_permitted((enum role)40, MSG_OFFER, ROLE_PROXY));
	assert_false(msg_permitted(ROLE_PARENT, MSG_OFFER, (enum role)40));
}

static void
a_taken_descriptor_is_the_callers(void **state)
{
	struct msg_in in = {.fd = 5};

	(void)state;
	assert_int_equal(msg_take_fd(&in), 5);
	assert_int_equal(msg_take_fd(&in), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_field_comes_back),
		cmocka_unit_test(signed_and_short_numbers_come_back),
		cmocka_unit_test(a_group_repeats_to_the_end),
		cmocka_unit_test(a_writer_that_leaves_the_table_is_refused),
		cmocka_unit_test(descriptors_are_as_many_as_the_table_says),
		cmocka_unit_test(long_strings_are_cut_and_a_full_packet_is_refused),
		cmocka_unit_test(a_reader_that_leaves_the_table_turns_bad),
		cmocka_unit_test(a_packet_is_consumed_exactly),
		cmocka_unit_test(headers_that_make_no_sense),
		cmocka_unit_test(names_and_descriptors_of_the_table),
		cmocka_unit_test(a_taken_descriptor_is_the_callers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
