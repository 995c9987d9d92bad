/* router/bans.c: the list, and whom no ban may meet. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "router/bans.h"

#include <string.h>

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(slice_str(text), &a), 0);
	return a;
}

static struct ban
ban_of(const char *text, uint64_t until)
{
	struct addr a = address(text);

	return (struct ban){.addr = bans_subject(&a), .until_ms = until};
}

static void
bans_come_and_go(void **state)
{
	static const char *const texts[] = {
		"198.51.100.9", "192.0.2.1", "2001:db8::1", "192.0.2.0"};
	struct bans b = {0};
	struct addr same64 = address("2001:db8::ffff:1"), other64 = address("2001:db8:0:1::1");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct ban ban = ban_of(texts[i], 100 + i);

		assert_int_equal(bans_add(&b, &ban, NULL), BANS_NEW);
		assert_int_equal(bans_add(&b, &ban, NULL), BANS_KNOWN);
		ban.until_ms += 100;
		assert_int_equal(bans_add(&b, &ban, NULL), BANS_LONGER);
	}
	assert_int_equal(b.n, 4);
	for (size_t i = 1; i < b.n; i++)
		assert_true(addr_cmp(&b.v[i - 1].addr, &b.v[i].addr) < 0);
	same64 = bans_subject(&same64);
	other64 = bans_subject(&other64);
	assert_non_null(bans_find(&b, &same64));
	assert_null(bans_find(&b, &other64));
	assert_true(bans_remove(&b, &same64));
	assert_false(bans_remove(&b, &same64));
	assert_int_equal(bans_sweep(&b, 201), 2);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.v[0].until_ms, 203);
	bans_clear(&b);
}

static void
no_more_than_the_kernels_set_holds(void **state)
{
	struct bans b = {0};
	struct ban ban = {.addr = {.family = AF_INET}, .until_ms = 1};
	struct err e = {0};

	(void)state;
	for (unsigned i = 0; i < RULESET_BANS_MAX; i++) {
		memcpy(ban.addr.bytes,
			(uint8_t[]){10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, 4);
		assert_int_equal(bans_add(&b, &ban, &e), BANS_NEW);
	}
	ban.addr.bytes[0] = 11;
	assert_int_equal(bans_add(&b, &ban, &e), BANS_REFUSED);
	assert_non_null(strstr(e.msg, "65536"));
	bans_clear(&b);
}

static void
whom_no_ban_may_meet(void **state)
{
	struct conf_bridge bridge = {.name = "br0",
		.v4 = {.addr = address("10.0.3.1"), .len = 24},
		.v6 = {.addr = address("fd00:3::1"), .len = 64}};
	struct conf_ban_never never[] = {{.net = {.addr = address("198.51.100.0"), .len = 24}},
		{.net = {.addr = address("2001:db8:1::7"), .len = 128}}};
	struct prefix trusted = {.addr = address("203.0.113.9"), .len = 32};
	struct conf c = {.bridge = &bridge,
		.ban = {.never = never, .n_never = 2},
		.trusted = &trusted,
		.n_trusted = 1};
	struct addr own[] = {address("192.0.2.1"), address("2001:db8::1")},
		    peer = address("192.0.2.200");
	struct bans_guarded g = {.conf = &c, .own = own, .n_own = 2, .peers = &peer, .n_peers = 1};
	static const struct {
		const char *address, *says;
	} cases[] = {
		{"127.0.0.1", "no client's"},
		{"::1", "no client's"},
		{"0.0.0.0", "no client's"},
		{"::", "no client's"},
		{"224.0.0.1", "no client's"},
		{"255.255.255.255", "no client's"},
		{"fe80::1", "no client's"},
		{"ff02::1", "no client's"},
		{"192.0.2.1", "this host"},
		{"2001:db8::5", "this host"},
		{"10.0.3.77", "containers' network"},
		{"fd00:3::9", "containers' network"},
		{"198.51.100.200", "ban never"},
		{"2001:db8:1::1", "ban never"},
		{"203.0.113.9", "trusted"},
		{"192.0.2.200", "by SSH"},
		{"192.0.2.2", NULL},
		{"2001:db8:0:1::1", NULL},
		{"203.0.113.8", NULL},
		{"10.0.4.1", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct addr a = address(cases[i].address);
		struct err e = {0};
		int ret;

		a = bans_subject(&a);
		ret = bans_check(&a, &g, &e);
		if (ret != (cases[i].says ? -1 : 0) ||
			(cases[i].says && !strstr(e.msg, cases[i].says)))
			fail_msg("%s: %s", cases[i].address, e.msg);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bans_come_and_go),
		cmocka_unit_test(no_more_than_the_kernels_set_holds),
		cmocka_unit_test(whom_no_ban_may_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
