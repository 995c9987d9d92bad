/* proxy/cache/cache_control.c: two grammars of the same directives. */
#include "tests/unit/core/unit.h"

#include "proxy/cache/cache_control.h"

static struct cache_control
parse(const char *value)
{
	struct cache_control c;

	cache_control_init(&c);
	cache_control_add(&c, slice_str(value));
	return c;
}

static void
numbers_as_they_are_written(void **state)
{
	static const struct {
		const char *value;
		int64_t max_age;
	} cases[] = {
		{"", -1},
		{"max-age=3600", 3600},
		{"MaX-aGe=3600", 3600},
		{"foobar, max-age=3600", 3600},
		{"max-age=\"3600\"", 3600},
		{"max-age=1800, max-age=1", 1},
		{"max-age=1, max-age=1800", 1},
		{"max-age=-3600", 0},
		{"max-age=3600.0", 0},
		{"max-age=abc", 0},
		{"max-age", 0},
		{"max-age=", 0},
		{"max-age='3600'", 0},
		{"max-age=007", 7},
		{"max-age=2147483648", CACHE_SECONDS_MAX},
		{"max-age=2147483649", CACHE_SECONDS_MAX},
		{"max-age=99999999999999999999999", CACHE_SECONDS_MAX},
		{"max-age =100", -1},
		{"a=\"max-age=5\"", -1},
		{"a=\"b, max-age=5", -1},
		{"a=\"\\\", max-age=5\", max-age=6", 6},
		{"xmax-age=5", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cache_control c = parse(cases[i].value);

		if (c.max_age != cases[i].max_age)
			fail_msg("%s: %lld", cases[i].value, (long long)c.max_age);
	}
}

static void
flags_and_lists(void **state)
{
	struct cache_control c = parse("No-StOrE, public,must-understand , proxy-revalidate");

	(void)state;
	assert_true(c.no_store && c.is_public && c.must_understand && c.proxy_revalidate);
	assert_false(c.no_cache || c.is_private || c.must_revalidate);
	c = parse("no-cache=\"a, Set-Cookie\", private=x");
	assert_false(c.no_cache || c.is_private);
	assert_true(cache_control_lists(&c, SLICE_LIT("A")));
	assert_true(cache_control_lists(&c, SLICE_LIT("set-cookie")));
	assert_true(cache_control_lists(&c, SLICE_LIT("x")));
	assert_false(cache_control_lists(&c, SLICE_LIT("b")));
	/* More lists than there is room for: then the whole answer is meant. */
	c = parse("private=a, private=b, private=c, private=d, private=e");
	assert_true(c.is_private);
	c = parse("no-cache=\"\"");
	assert_true(c.no_cache);
}

static void
targeted_fields_are_dictionaries(void **state)
{
	static const struct {
		const char *value;
		int result;
		int64_t max_age;
	} cases[] = {
		{"max-age=3600", 0, 3600},
		{"", 0, -1},
		{"max-age=1, max-age=7", 0, 7},
		{"max-age=-5", 0, 0},
		{"max-age=99999999999", 0, CACHE_SECONDS_MAX},
		{"max-age=100;foo=bar, no-store", 0, 100},
		{"a=\"x\\\"y\", b=:YQ==:, c=?0, d=(1 a;b \"c\"), e=1.5, max-age=3", 0, 3},
		{"max-age=\"100\"", 0, -1},
		{"max-age=1.5", 0, -1},
		{"max-age =100", -1, 0},
		{"max-age= 100", -1, 0},
		{"Max-Age=100", -1, 0},
		{"max-age=100,", -1, 0},
		{"max-age=1000000000000000", -1, 0},
		{"max-age=", -1, 0},
		{"a=\"b", -1, 0},
		{"a=(1", -1, 0},
		{"a=:b", -1, 0},
		{"a=?2", -1, 0},
		{"a;", -1, 0},
		{"&", -1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cache_control c;
		int result;

		cache_control_init(&c);
		result = cache_control_add_targeted(&c, slice_str(cases[i].value));
		if (result != cases[i].result || (result == 0 && c.max_age != cases[i].max_age))
			fail_msg("%s: %d %lld", cases[i].value, result, (long long)c.max_age);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_as_they_are_written),
		cmocka_unit_test(flags_and_lists),
		cmocka_unit_test(targeted_fields_are_dictionaries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
