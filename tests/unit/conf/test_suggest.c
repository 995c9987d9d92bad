/* conf/suggest.c: edit distance, and which word is near enough. */
#include "tests/unit/conf/unit.h"

#include "conf/suggest.h"

static unsigned
distance(const char *a, const char *b)
{
	return suggest_distance(slice_str(a), slice_str(b), 9);
}

static void
one_mistake_is_one(void **state)
{
	(void)state;
	assert_int_equal(distance("route", "route"), 0);
	assert_int_equal(distance("rout", "route"), 1);
	assert_int_equal(distance("routee", "route"), 1);
	assert_int_equal(distance("rxute", "route"), 1);
	assert_int_equal(distance("rotue", "route"), 1);
	assert_int_equal(distance("", "abc"), 3);
	assert_int_equal(distance("kitten", "sitting"), 3);
}

static void
beyond_the_limit_is_limit_and_one(void **state)
{
	static const char word[100] = "x";

	(void)state;
	assert_int_equal(suggest_distance(SLICE_LIT("abc"), SLICE_LIT("xyz"), 1), 2);
	assert_int_equal(suggest_distance(SLICE_LIT("a"), SLICE_LIT("abcdef"), 2), 3);
	assert_int_equal(suggest_distance(slice_of(word, 100), slice_of(word, 100), 2), 3);
}

static void
nearest_directive_of_the_context(void **state)
{
	(void)state;
	assert_string_equal(suggest_directive(CONTEXT_TOP, SLICE_LIT("body-limt")), "body-limit");
	assert_string_equal(suggest_directive(CONTEXT_TOP, SLICE_LIT("lisen")), "listen");
	assert_string_equal(suggest_directive(CONTEXT_CONTAINER, SLICE_LIT("adress")), "address");
	assert_null(suggest_directive(CONTEXT_SITE, SLICE_LIT("memry")));
	assert_null(suggest_directive(CONTEXT_TOP, SLICE_LIT("frobnicate")));
	assert_null(suggest_directive(CONTEXT_TOP, SLICE_LIT("")));
	assert_string_equal(suggest_word("timeout", SLICE_LIT("conect")), "connect");
	assert_null(suggest_word("timeout", SLICE_LIT("xx")));
}

static void
words_of_other_programs_are_translated(void **state)
{
	(void)state;
	assert_non_null(strstr(suggest_foreign(SLICE_LIT("proxy_pass")), "route PATH"));
	assert_null(suggest_foreign(SLICE_LIT("proxy_pas")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_mistake_is_one),
		cmocka_unit_test(beyond_the_limit_is_limit_and_one),
		cmocka_unit_test(nearest_directive_of_the_context),
		cmocka_unit_test(words_of_other_programs_are_translated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
