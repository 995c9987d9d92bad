/* proxy/guard/access.c: the first rule that matches, and what no rule matches. */
#include "tests/unit/core/unit.h"

#include "proxy/guard/access.h"

#define RULE(permit, text)                                                                         \
	{                                                                                          \
		.allow = (permit), .net = net(text)                                                \
	}

static struct prefix
net(const char *text)
{
	struct prefix p = {0};

	if (strcmp(text, "all") != 0)
		assert_int_equal(prefix_parse(slice_str(text), &p), 0);
	return p;
}

static bool
allowed(struct conf_access_rule *rules, size_t n, const char *client)
{
	struct conf_guard g = {.access = rules, .n_access = n};
	struct addr a;

	assert_int_equal(addr_parse(slice_str(client), &a), 0);
	conf_guard_inherit(&g, NULL);
	return access_allowed(&g, &a);
}

static void
without_rules_everyone_comes_in(void **state)
{
	(void)state;
	assert_true(allowed(NULL, 0, "192.0.2.1"));
}

static void
the_first_rule_that_matches_decides(void **state)
{
	struct conf_access_rule rules[] = {RULE(true, "10.1.0.0/16"), RULE(false, "10.0.0.0/8"),
		RULE(true, "2001:db8::/32"), RULE(false, "all")};

	(void)state;
	assert_true(allowed(rules, 4, "10.1.2.3"));
	assert_false(allowed(rules, 4, "10.2.0.1"));
	assert_true(allowed(rules, 4, "2001:db8::1"));
	assert_false(allowed(rules, 4, "2001:db9::1"));
	assert_false(allowed(rules, 4, "192.0.2.1"));
}

static void
a_list_of_allows_keeps_the_others_out(void **state)
{
	struct conf_access_rule rules[] = {RULE(true, "10.0.0.0/8")};

	(void)state;
	assert_true(allowed(rules, 1, "10.255.255.255"));
	assert_false(allowed(rules, 1, "11.0.0.0"));
	assert_false(allowed(rules, 1, "::1"));
}

static void
a_list_of_denies_lets_the_others_in(void **state)
{
	struct conf_access_rule rules[] = {RULE(false, "10.0.0.0/8"), RULE(false, "::1/128")};

	(void)state;
	assert_false(allowed(rules, 2, "10.0.0.0"));
	assert_false(allowed(rules, 2, "::1"));
	assert_true(allowed(rules, 2, "9.255.255.255"));
	assert_true(allowed(rules, 2, "::2"));
}

static void
inner_rules_replace_the_outer_ones(void **state)
{
	struct conf_access_rule deny[] = {RULE(false, "all")}, allow[] = {RULE(true, "all")};
	struct conf_guard top = {.access = deny, .n_access = 1}, site = {0};
	struct conf_guard route = {.access = allow, .n_access = 1};
	struct addr a = {.family = AF_INET};

	(void)state;
	conf_guard_inherit(&top, NULL);
	conf_guard_inherit(&site, &top);
	conf_guard_inherit(&route, &site);
	assert_false(access_allowed(&site, &a));
	assert_true(access_allowed(&route, &a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_rules_everyone_comes_in),
		cmocka_unit_test(the_first_rule_that_matches_decides),
		cmocka_unit_test(a_list_of_allows_keeps_the_others_out),
		cmocka_unit_test(a_list_of_denies_lets_the_others_in),
		cmocka_unit_test(inner_rules_replace_the_outer_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
