/* core/addr.c: text to value and back, prefixes, socket addresses. */
#include "tests/unit/core/unit.h"

#include "core/addr.h"

#include <arpa/inet.h>

static struct addr
addr_of(const char *s)
{
	struct addr a;

	assert_int_equal(addr_parse(slice_str(s), &a), 0);
	return a;
}

static struct prefix
prefix_of(const char *s)
{
	struct prefix p;

	assert_int_equal(prefix_parse(slice_str(s), &p), 0);
	return p;
}

static void
addresses_print_in_their_one_form(void **state)
{
	char text[ADDR_TEXT_MAX];
	struct addr a = addr_of("10.0.3.1"), b = addr_of("2001:DB8:0:0::1"), none = {0};

	(void)state;
	assert_string_equal(addr_print(&a, text), "10.0.3.1");
	assert_int_equal(addr_len(&a), 4);
	assert_string_equal(addr_print(&b, text), "2001:db8::1");
	assert_int_equal(addr_len(&b), 16);
	assert_string_equal(addr_print(&none, text), "none");
	assert_int_equal(addr_len(&none), 0);
	a = addr_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	assert_string_equal(addr_print(&a, text), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

static void
what_is_no_address(void **state)
{
	static const char *const wrong[] = {"", "10.0.3", "10.0.3.256", "10.0.3.1 ", "010.0.3.1",
		"10.0.3.1/24", "[::1]", "::ffff:10.0.3.1", "fe80::1%eth0", "localhost",
		":::", "1:2:3:4:5:6:7:8:9"};
	struct addr a = {.family = 99};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(addr_parse(slice_str(wrong[i]), &a), -1);
	assert_int_equal(addr_parse(SLICE_LIT("10.0.3.1\0"), &a), -1);
	assert_int_equal(a.family, 99);
}

static void
prefixes_keep_their_host_bits(void **state)
{
	char text[ADDR_TEXT_MAX];
	struct prefix p = prefix_of("10.0.3.1/24"), network = prefix_network(&p);
	struct addr last = prefix_last(&p);

	(void)state;
	assert_string_equal(prefix_print(&p, text), "10.0.3.1/24");
	assert_string_equal(prefix_print(&network, text), "10.0.3.0/24");
	assert_string_equal(addr_print(&last, text), "10.0.3.255");
	p = prefix_of("2001:db8::5/61");
	network = prefix_network(&p);
	last = prefix_last(&p);
	assert_string_equal(prefix_print(&network, text), "2001:db8::/61");
	assert_string_equal(addr_print(&last, text), "2001:db8:0:7:ffff:ffff:ffff:ffff");
}

static void
what_is_no_prefix(void **state)
{
	static const char *const wrong[] = {"", "10.0.3.1", "10.0.3.1/", "10.0.3.1/33", "::1/129",
		"/24", "10.0.3.1/-1", "10.0.3.1/24/24"};
	struct prefix p = {.len = 99};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(prefix_parse(slice_str(wrong[i]), &p), -1);
	assert_int_equal(p.len, 99);
}

static void
a_prefix_contains_its_network_only(void **state)
{
	struct prefix p = prefix_of("10.0.3.1/25"), all = prefix_of("0.0.0.0/0");
	struct prefix one = prefix_of("10.0.3.5/32"), six = prefix_of("::/0");
	struct addr in = addr_of("10.0.3.127"), out = addr_of("10.0.3.128"), v6 = addr_of("::1");

	(void)state;
	assert_true(prefix_contains(&p, &in));
	assert_false(prefix_contains(&p, &out));
	assert_true(prefix_contains(&all, &out));
	assert_false(prefix_contains(&all, &v6));
	assert_true(prefix_contains(&six, &v6));
	assert_false(prefix_contains(&one, &in));
	assert_true(prefix_overlaps(&p, &one));
	assert_true(prefix_overlaps(&one, &p));
	assert_true(prefix_overlaps(&all, &p));
	assert_false(prefix_overlaps(&all, &six));
	one = prefix_of("10.0.3.129/32");
	assert_false(prefix_overlaps(&p, &one));
}

static void
order_is_family_then_bytes(void **state)
{
	struct addr a = addr_of("10.0.0.2"), b = addr_of("10.0.0.10"), c = addr_of("::1");

	(void)state;
	assert_true(addr_cmp(&a, &b) < 0);
	assert_true(addr_cmp(&b, &a) > 0);
	assert_true(addr_cmp(&b, &c) < 0);
	assert_true(addr_cmp(&c, &a) > 0);
	assert_true(addr_eq(&a, &a));
	assert_false(addr_eq(&a, &b));
}

static void
address_and_port(void **state)
{
	static const char *const wrong[] = {"", "10.0.3.1", "10.0.3.1:", "10.0.3.1:0",
		"10.0.3.1:65536", "::1:80", "[::1]80", "[::1]", "[10.0.3.1]:80", "[::1:80", ":80",
		"10.0.3.1:80:90"};
	char text[ADDR_PORT_TEXT_MAX];
	struct addr a;
	uint16_t port = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(addr_parse_port(slice_str(wrong[i]), &a, &port), -1);
	assert_int_equal(port, 7);
	assert_int_equal(addr_parse_port(SLICE_LIT("10.0.3.1:80"), &a, &port), 0);
	assert_string_equal(addr_print_port(&a, port, text), "10.0.3.1:80");
	assert_int_equal(addr_parse_port(SLICE_LIT("[::1]:65535"), &a, &port), 0);
	assert_string_equal(addr_print_port(&a, port, text), "[::1]:65535");
}

static void
literals_have_one_spelling(void **state)
{
	static const char *const wrong[] = {
		"", "[", "[]", "::1", "[::1", "::1]", "[1.2.3.4]", "[::ffff:1.2.3.4]", "[[::1]]"};
	char text[ADDR_PORT_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(addr_fold_literal(slice_str(wrong[i]), text), 0);
	assert_int_equal(addr_fold_literal(SLICE_LIT("[2001:DB8:0::7]"), text), 13);
	assert_string_equal(text, "[2001:db8::7]");
}

static void
socket_addresses_and_back(void **state)
{
	static const char *const texts[] = {"192.0.2.7", "2001:db8::7"};
	struct sockaddr_storage ss;
	struct addr back;
	uint16_t port;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct addr a = addr_of(texts[i]);
		socklen_t n = addr_to_sockaddr(&a, 443, &ss);

		assert_int_equal(n, i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
		assert_int_equal(addr_from_sockaddr(&ss, &back, &port), 0);
		assert_true(addr_eq(&a, &back));
		assert_int_equal(port, 443);
	}
	ss.ss_family = AF_UNIX;
	assert_int_equal(addr_from_sockaddr(&ss, &back, &port), -1);
}

static void
a_mapped_socket_address_becomes_ipv4(void **state)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	struct sockaddr_storage ss = {0};
	char text[ADDR_TEXT_MAX];
	struct addr a;
	uint16_t port;

	(void)state;
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr), 1);
	memcpy(&ss, &in6, sizeof(in6));
	assert_int_equal(addr_from_sockaddr(&ss, &a, &port), 0);
	assert_string_equal(addr_print(&a, text), "192.0.2.1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_print_in_their_one_form),
		cmocka_unit_test(what_is_no_address),
		cmocka_unit_test(prefixes_keep_their_host_bits),
		cmocka_unit_test(what_is_no_prefix),
		cmocka_unit_test(a_prefix_contains_its_network_only),
		cmocka_unit_test(order_is_family_then_bytes),
		cmocka_unit_test(address_and_port),
		cmocka_unit_test(literals_have_one_spelling),
		cmocka_unit_test(socket_addresses_and_back),
		cmocka_unit_test(a_mapped_socket_address_becomes_ipv4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
