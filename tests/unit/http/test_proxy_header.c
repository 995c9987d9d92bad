/* proxy/conn/proxy_header.c: headers of the PROXY protocol, right and nearly right. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/conn/proxy_header.h"

#include <stdio.h>
#include <stdlib.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define TCP4                                                                                       \
	"\xc6\x33\x64\x01\xc0\x00\x02\x01\x12\x67\x01\xbb" /* 198.51.100.1:4711 192.0.2.1:443 */
#define LONG                                                                                       \
	"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:"        \
	"ffff:ffff 65535 65535\r\n"

struct header_case {
	const char *bytes;
	size_t n;
	const char *source; /* NULL: refused; "": nothing is said */
	size_t length;      /* 0: all */
};

#define CASE(bytes, source)                                                                        \
	{                                                                                          \
		bytes, sizeof(bytes) - 1, source, 0                                                \
	}

static const struct header_case cases[] = {
	CASE("PROXY TCP4 198.51.100.1 192.0.2.1 4711 443\r\n", "198.51.100.1:4711"),
	CASE("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n", "[2001:db8::1]:1"),
	CASE("PROXY TCP6 ::ffff:198.51.100.1 ::ffff:192.0.2.1 0 443\r\n", "198.51.100.1:0"),
	CASE("PROXY TCP6 ::ffff:c633:6401 ::ffff:c000:201 0 443\r\n", "198.51.100.1:0"),
	{"PROXY TCP4 198.51.100.1 192.0.2.1 4711 443\r\nGET /", 49, "198.51.100.1:4711", 44},
	CASE("PROXY UNKNOWN\r\n", ""),
	CASE("PROXY UNKNOWN ffff::1 x y z\r\n", ""),
	CASE(LONG, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
	CASE("PROXY TCP4 198.51.100.1 192.0.2.1 4711 443\n", NULL),
	CASE("PROXY TCP4 198.51.100.1 192.0.2.1 4711 443 \r\n", NULL),
	CASE("PROXY TCP4 198.51.100.1 192.0.2.1 4711\r\n", NULL),
	CASE("PROXY TCP4  198.51.100.1 192.0.2.1 4711 443\r\n", NULL),
	CASE("PROXY TCP4 198.51.100.1 192.0.2.1 04711 443\r\n", NULL),
	CASE("PROXY TCP4 198.51.100.1 192.0.2.1 65536 443\r\n", NULL),
	CASE("PROXY TCP4 198.51.100.1 192.0.2.1 -1 443\r\n", NULL),
	CASE("PROXY TCP4 198.51.100.01 192.0.2.1 1 443\r\n", NULL),
	CASE("PROXY TCP4 2001:db8::1 2001:db8::2 1 443\r\n", NULL),
	CASE("PROXY TCP6 198.51.100.1 192.0.2.1 1 443\r\n", NULL),
	CASE("PROXY TCP6 [2001:db8::1] 2001:db8::2 1 443\r\n", NULL),
	CASE("PROXY UDP4 198.51.100.1 192.0.2.1 4711 443\r\n", NULL),
	CASE("PROXY\r\n", NULL),
	CASE("PROXY \r\n", NULL),
	CASE("proxy TCP4 198.51.100.1 192.0.2.1 4711 443\r\n", NULL),
	CASE("PROXY TCP4 198.51.100.1\r192.0.2.1 4711 443\r\n", NULL),
	CASE("PROXY TCP4 198.51.100.1 192.0.2.1\0 4711 443\r\n", NULL),
	CASE("GET / HTTP/1.1\r\n", NULL),
	CASE("\x16\x03\x01", NULL),
	CASE(SIGNATURE "\x21\x11\0\x0c" TCP4, "198.51.100.1:4711"),
	{SIGNATURE "\x21\x11\0\x0c" TCP4 "GET", 31, "198.51.100.1:4711", 28},
	CASE(SIGNATURE "\x21\x11\0\x10" TCP4 "\x04\0\x01x", "198.51.100.1:4711"),
	CASE(SIGNATURE "\x21\x21\0\x24"
		       "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
		       "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\0\x05\x01\xbb",
		"[2001:db8::1]:5"),
	CASE(SIGNATURE "\x21\x21\0\x24"
		       "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x01"
		       "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x02\0\x05\x01\xbb",
		"198.51.100.1:5"),
	CASE(SIGNATURE "\x20\0\0\0", ""),
	CASE(SIGNATURE "\x20\x11\0\x0c" TCP4, ""),
	CASE(SIGNATURE "\x21\0\0\x02xx", ""),
	/* The additional fields: one too long, one cut, a checksum that is wrong and one of the
	 * wrong size. */
	CASE(SIGNATURE "\x21\x11\0\x10" TCP4 "\x04\0\x02x", NULL),
	CASE(SIGNATURE "\x21\x11\0\x0e" TCP4 "\x04\0", NULL),
	CASE(SIGNATURE "\x21\x11\0\x13" TCP4 "\x03\0\x04\0\0\0\0", NULL),
	CASE(SIGNATURE "\x21\x11\0\x0f" TCP4 "\x03\0\0", NULL),
	CASE(SIGNATURE "\x21\x11\0\x0b\xc6\x33\x64\x01\xc0\x00\x02\x01\x12\x67\x01", NULL),
	CASE(SIGNATURE "\x31\x11\0\x0c" TCP4, NULL),
	CASE(SIGNATURE "\x22\x11\0\x0c" TCP4, NULL),
	CASE(SIGNATURE "\x21\x12\0\x0c" TCP4, NULL),
	CASE(SIGNATURE "\x21\x41\0\x0c" TCP4, NULL),
	CASE(SIGNATURE "\x21\x11\x10\0", NULL),
};

static void
expect(const struct header_case *c, size_t number, size_t n)
{
	struct proxy_header h;
	size_t length = 0;
	enum proxy_header_result result = proxy_header_parse(c->bytes, n, &h, &length);
	char text[ADDR_PORT_TEXT_MAX] = "";

	if (!c->source) {
		/* Refused at once or later, never taken. */
		if (result == PROXY_HEADER_DONE || (n == c->n && result != PROXY_HEADER_BAD))
			fail_msg("%zu: %d after %zu", number, result, n);
		return;
	}
	if (n < (c->length ? c->length : c->n)) {
		assert_int_equal(result, PROXY_HEADER_MORE);
		return;
	}
	if (result != PROXY_HEADER_DONE)
		fail_msg("%zu: %d after %zu", number, result, n);
	assert_int_equal(length, c->length ? c->length : c->n);
	if (h.source.family)
		addr_print_port(&h.source, h.source_port, text);
	assert_string_equal(text, c->source);
}

static void
headers_are_read_however_their_bytes_arrive(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t n = 0; n <= cases[i].n; n++)
			expect(&cases[i], i, n);
}

static void
a_right_checksum_is_taken(void **state)
{
	char bytes[] = SIGNATURE "\x21\x11\0\x13" TCP4 "\x03\0\x04\0\0\0\0";
	struct proxy_header h;
	unsigned taken = 0;
	size_t length;
	uint32_t crc = UINT32_MAX;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
		crc ^= (uint8_t)bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ UINT32_C(0x82f63b78) : crc >> 1;
	}
	crc = ~crc;
	for (int i = 0; i < 4; i++)
		bytes[sizeof(bytes) - 2 - (size_t)i] = (char)(crc >> (8 * i));
	taken = proxy_header_parse(bytes, sizeof(bytes) - 1, &h, &length) == PROXY_HEADER_DONE;
	assert_int_equal(taken, 1);
	bytes[20] ^= 1;
	assert_int_equal(
		proxy_header_parse(bytes, sizeof(bytes) - 1, &h, &length), PROXY_HEADER_BAD);
}

static void
what_is_written_is_read_again(void **state)
{
	static const char *const addresses[] = {"198.51.100.1", "2001:db8::1",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "0.0.0.0"};

	(void)state;
	for (unsigned i = 0; i < 32; i++) {
		struct proxy_header h = {
			.source_port = (uint16_t)(i * 2000), .destination_port = 443};
		struct proxy_header again;
		char out[PROXY_HEADER_OUT_MAX];
		size_t n, length;

		assert_int_equal(addr_parse(slice_str(addresses[i % 4]), &h.source), 0);
		assert_int_equal(addr_parse(slice_str(addresses[i / 4 % 4]), &h.destination), 0);
		n = proxy_header_write(1 + i / 16, &h, out);
		assert_true(n < sizeof(out));
		assert_int_equal(proxy_header_parse(out, n, &again, &length), PROXY_HEADER_DONE);
		assert_int_equal(length, n);
		assert_true(addr_eq(&h.source, &again.source));
		assert_true(addr_eq(&h.destination, &again.destination));
		assert_int_equal(h.source_port, again.source_port);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read_however_their_bytes_arrive),
		cmocka_unit_test(a_right_checksum_is_taken),
		cmocka_unit_test(what_is_written_is_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
