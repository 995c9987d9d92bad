/*
 * A hostile process at the other end of a channel: any packet, to any role from any role. What
 * msg_validate accepts must read as the table says, and writing the same fields again must give
 * the same bytes; a reader that asks for the wrong fields must turn bad and never read beyond.
 *
 * Input: peer, self, whether a descriptor came along, how many wrong questions to ask; then the
 * packet.
 */
#include "core/msg.h"
#include "tests/fuzz/require.h"

#define HEAD 4
#define SOME_FD 5 /* never touched: the reader only hands it on */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const fields[MSG_TYPE_COUNT] = {[MSG_NONE] = "",
#define FUZZ_FIELDS(id, senders, receivers, fds, letters, meaning) [MSG_##id] = (letters),
	MSG_TABLE(FUZZ_FIELDS)
#undef FUZZ_FIELDS
};

/* Reads a slice and touches every byte, so that a sanitizer sees one that lies outside. */
static struct slice
get_touched(struct msg_in *in)
{
	struct slice s = msg_get_slice(in);
	volatile unsigned char last;

	for (size_t i = 0; i < s.n; i++)
		last = (unsigned char)s.p[i];
	(void)last;
	return s;
}

static void
copy_field(struct msg_in *in, struct msg_out *out, char letter)
{
	switch (letter) {
	case 'b':
		msg_put_u8(out, msg_get_u8(in));
		break;
	case 'h':
		msg_put_u16(out, msg_get_u16(in));
		break;
	case 'u':
		msg_put_u32(out, msg_get_u32(in));
		break;
	case 'U':
		msg_put_u64(out, msg_get_u64(in));
		break;
	case 'i':
		msg_put_i32(out, msg_get_i32(in));
		break;
	case 's':
		msg_put_slice(out, get_touched(in));
		break;
	}
}

static void
read_and_write_again(struct msg_in in, struct slice packet)
{
	const char *group = strchr(fields[in.type], '(');
	struct msg_out out;
	struct slice again;
	struct err e;

	if (msg_out_init(&out, in.type, in.to) < 0)
		return;
	for (const char *p = fields[in.type]; *p && *p != '('; p++)
		copy_field(&in, &out, *p);
	while (group && msg_more(&in)) {
		for (const char *p = group + 1; *p != ')'; p++)
			copy_field(&in, &out, *p);
	}
	REQUIRE(msg_finish(&in) == 0);
	msg_put_fd(&out, msg_take_fd(&in));
	REQUIRE(msg_out_finish(&out, in.from, &again, &e) == 0);
	REQUIRE(slice_eq(again, packet));
	msg_out_clear(&out);
}

/* The kinds of field in an order that depends on the input, until the reader is bad. */
static void
ask_wrongly(struct msg_in in, unsigned questions)
{
	while (questions && msg_more(&in)) {
		switch (questions % 6) {
		case 0:
			(void)msg_get_u8(&in);
			break;
		case 1:
			(void)msg_get_u16(&in);
			break;
		case 2:
			(void)msg_get_u32(&in);
			break;
		case 3:
			(void)msg_get_u64(&in);
			break;
		case 4:
			(void)msg_get_i32(&in);
			break;
		default:
			(void)get_touched(&in);
			break;
		}
		questions /= 2;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice packet;
	struct msg_in in;
	struct err e;

	if (size < HEAD)
		return 0;
	packet = slice_of(data + HEAD, size - HEAD);
	if (msg_in_init(&in, packet, (enum role)(data[0] % ROLE_COUNT),
		    (enum role)(data[1] % ROLE_COUNT), data[2] & 1 ? SOME_FD : -1, &e) < 0) {
		REQUIRE(e.msg[0] != '\0');
		return 0;
	}
	REQUIRE(msg_permitted(in.from, in.type, in.to));
	REQUIRE((in.fd >= 0) == (msg_fds(in.type) == 1));
	ask_wrongly(in, data[3]);
	if (msg_validate(&in) == 0)
		read_and_write_again(in, packet);
	return 0;
}
