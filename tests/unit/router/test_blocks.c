/* Blocks: sorted, merged, less the exceptions, and who would lock himself out. */
#include "router/blocks.h"

#include "core/own.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* The configuration of a text, with `listen` in front. */
static struct conf *
parse(const char *text)
{
	_free_ struct conf_errors *errors = calloc(1, sizeof(*errors));
	_free_ char *whole = NULL;
	struct conf_input in = {.name = "t"};
	struct conf *c;

	assert_true(asprintf(&whole, "listen 80 plain\nsite a -> status 200\n%s", text) > 0);
	in.text = slice_str(whole);
	if (conf_parse(&in, &c, NULL, errors) < 0)
		fail_msg("%s", errors->errors[0].msg);
	return c;
}

static void
print_ranges(const struct ruleset_shared *s, enum ruleset_set set, struct buf *out)
{
	for (size_t i = 0; s && i < s->elems.n; i++) {
		assert_int_equal(ruleset_elem_print(set, &s->elems.v[i], out), 0);
		assert_int_equal(buf_append_str(out, " "), 0);
	}
}

static void
expect(const char *text, const char *list, const char *wanted)
{
	struct conf *c = parse(text);
	struct slice lists[] = {slice_str(list)};
	struct blocks_input in = {.conf = c, .lists = list ? lists : NULL};
	struct blocks b;
	struct buf out;
	struct err e;

	buf_init(&out, 4096);
	assert_int_equal(blocks_build(&in, &b, &e), 0);
	print_ranges(b.v4, RULESET_BLOCK4, &out);
	print_ranges(b.v6, RULESET_BLOCK6, &out);
	assert_int_equal(buf_append(&out, "", 1), 0);
	assert_string_equal(buf_slice(&out).p, wanted);
	buf_clear(&out);
	blocks_clear(&b);
	conf_unref(&c);
}

static void
ranges_are_sorted_and_merged(void **state)
{
	(void)state;
	expect("block 10.0.2.0/24 10.0.0.0/24\nblock 10.0.1.0/24 10.0.0.7", NULL,
		"10.0.0.0-10.0.2.255 ");
	expect("block 10.0.0.0/8 10.1.0.0/16 9.0.0.0/8", NULL, "9.0.0.0-10.255.255.255 ");
	expect("block 255.255.255.255 255.255.255.0/25", NULL, "255.255.255.0/25 255.255.255.255 ");
	expect("block 0.0.0.0/0 255.255.255.255 0.0.0.0 confirm", NULL, "0.0.0.0/0 ");
	expect("block 2001:db8::/32 10.0.0.1", NULL, "10.0.0.1 2001:db8::/32 ");
	expect("block-list /l\nblock 10.0.0.1", "10.0.0.2\n10.0.0.4-10.0.0.9\n2001:db8::1",
		"10.0.0.1-10.0.0.2 10.0.0.4-10.0.0.9 2001:db8::1 ");
}

static void
exceptions_are_cut_out(void **state)
{
	(void)state;
	expect("block 10.0.0.0/24\nunblock 10.0.0.7", NULL,
		"10.0.0.0-10.0.0.6 10.0.0.8-10.0.0.255 ");
	expect("block 10.0.0.0/24\nunblock 10.0.0.0 10.0.0.255", NULL, "10.0.0.1-10.0.0.254 ");
	expect("block 10.0.0.0/24 10.0.2.0/24\nunblock 10.0.0.128/25 10.0.1.0/24 10.0.2.0/25", NULL,
		"10.0.0.0/25 10.0.2.128/25 ");
	expect("block 10.0.0.0/24 10.0.1.9 10.0.3.0/24\nunblock 10.0.0.0/23", NULL, "10.0.3.0/24 ");
	expect("block 0.0.0.0/0 confirm\nunblock 0.0.0.0/1 192.0.0.0/2", NULL, "128.0.0.0/2 ");
	expect("block 10.0.0.1\nunblock 0.0.0.0/0 ::/0", NULL, "");
}

static void
neighbours_are_never_blocked(void **state)
{
	(void)state;
	expect("block-list /l confirm", "::/0",
		"::1-fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		"fec0::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ");
}

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(slice_str(text), &a), 0);
	return a;
}

/* What is said when this peer is connected; "" for nothing. */
static void
expect_lockout(const char *text, const char *list, const char *peer, const char *says)
{
	struct conf *c = parse(text);
	struct slice lists[] = {slice_str(list)};
	struct addr peers[] = {address("192.0.2.1"), address(peer)};
	struct blocks_input in = {.conf = c, .lists = lists, .peers = peers, .n_peers = 2};
	struct ruleset before = {0};
	struct blocks b;
	struct err e = {0};

	assert_int_equal(blocks_build(&in, &b, &e), 0);
	assert_int_equal(blocks_check_peers(&in, &b, NULL, &e), says[0] ? -1 : 0);
	assert_string_equal(e.msg, says);
	/* Who is blocked already is not locked out by it. */
	ruleset_share(&before, RULESET_BLOCK4, b.v4);
	ruleset_share(&before, RULESET_BLOCK6, b.v6);
	assert_int_equal(blocks_check_peers(&in, &b, &before, &e), 0);
	ruleset_clear(&before);
	blocks_clear(&b);
	conf_unref(&c);
}

static void
who_is_connected_to_port_22_is_not_blocked_by_accident(void **state)
{
	(void)state;
	expect_lockout("block 10.0.0.0/8 11.0.0.0/8", "", "10.1.2.3",
		"10.1.2.3 is connected to this host by SSH; if it is to be blocked, write: "
		"block 10.0.0.0/8 confirm");
	expect_lockout("block-list /l", "9.9.9.9\n  10.1.0.0/16\n", "10.1.2.3",
		"/l:2:3 blocks 10.1.2.3, which is connected to this host by SSH; write an "
		"unblock of it, or confirm behind the list");
	expect_lockout("block 10.0.0.0/8 confirm\nblock 10.1.0.0/16", "", "10.1.2.3", "");
	expect_lockout("block 10.0.0.0/8\nblock-list /l confirm", "10.1.2.3\n", "10.1.2.3", "");
	expect_lockout("block 10.0.0.0/8\nunblock 10.1.2.3", "", "10.1.2.3", "");
	expect_lockout("block 10.0.0.0/8", "", "11.1.2.3", "");
	expect_lockout("block 2001:db8::/32", "", "2001:db8::5",
		"2001:db8::5 is connected to this host by SSH; if it is to be blocked, write: "
		"block 2001:db8::/32 confirm");
}

static void
shared_elements_are_no_difference(void **state)
{
	struct conf *c = parse("block 10.0.0.0/8 12.0.0.0/8");
	struct blocks_input in = {.conf = c};
	struct ruleset x = {0}, y = {0};
	struct ruleset_diff d;
	struct blocks one, other;
	struct err e;

	(void)state;
	assert_int_equal(blocks_build(&in, &one, &e), 0);
	assert_int_equal(blocks_build(&in, &other, &e), 0);
	ruleset_share(&x, RULESET_BLOCK4, one.v4);
	ruleset_share(&y, RULESET_BLOCK4, one.v4);
	blocks_clear(&one);
	assert_true(ruleset_equal(&x, &y));
	assert_int_equal(ruleset_diff(&x, &y, &d, &e), 0);
	assert_true(ruleset_diff_empty(&d));
	ruleset_clear(&y);
	ruleset_share(&y, RULESET_BLOCK4, other.v4);
	assert_true(ruleset_equal(&x, &y));
	assert_int_equal(x.sets[RULESET_BLOCK4].n, 2);
	blocks_clear(&other);
	ruleset_clear(&x);
	ruleset_clear(&y);
	conf_unref(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_sorted_and_merged),
		cmocka_unit_test(exceptions_are_cut_out),
		cmocka_unit_test(neighbours_are_never_blocked),
		cmocka_unit_test(who_is_connected_to_port_22_is_not_blocked_by_accident),
		cmocka_unit_test(shared_elements_are_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
