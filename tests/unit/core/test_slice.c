/* core/slice.c: comparing and cutting. */
#include "tests/unit/core/unit.h"

#include "core/slice.h"

#include <stdlib.h>

static void
equal_means_every_byte(void **state)
{
	(void)state;
	assert_true(slice_eq(SLICE_LIT("abc"), slice_str("abc")));
	assert_false(slice_eq(SLICE_LIT("abc"), SLICE_LIT("abC")));
	assert_false(slice_eq(SLICE_LIT("abc"), SLICE_LIT("ab")));
	assert_true(slice_eq(SLICE_LIT("a\0b"), slice_of("a\0b", 3)));
	assert_false(slice_eq(SLICE_LIT("a\0b"), SLICE_LIT("a\0c")));
	assert_true(slice_eq_str(SLICE_LIT("x"), "x"));
}

static void
equal_but_for_case_concerns_ascii_letters_only(void **state)
{
	(void)state;
	assert_true(slice_ieq(SLICE_LIT("HoSt"), SLICE_LIT("hOsT")));
	assert_false(slice_ieq(SLICE_LIT("@"), SLICE_LIT("`")));
	assert_false(slice_ieq(SLICE_LIT("["), SLICE_LIT("{")));
	assert_false(slice_ieq(SLICE_LIT("\xc4"), SLICE_LIT("\xe4")));
	assert_false(slice_ieq(SLICE_LIT("a"), SLICE_LIT("ab")));
}

static void
null_is_the_empty_slice(void **state)
{
	struct slice none = slice_str(NULL);

	(void)state;
	assert_int_equal(none.n, 0);
	assert_true(slice_eq(none, SLICE_LIT("")));
	assert_true(slice_ieq(none, SLICE_LIT("")));
	assert_true(slice_starts(none, none));
	assert_int_equal(slice_index(none, 'x'), 0);
	assert_int_equal(slice_skip(none, 5).n, 0);
	assert_int_equal(slice_trim(none).n, 0);
}

static void
starts_and_ends(void **state)
{
	struct slice s = SLICE_LIT("/jenkins/");

	(void)state;
	assert_true(slice_starts(s, SLICE_LIT("/jen")));
	assert_false(slice_starts(s, SLICE_LIT("/jenkins/x")));
	assert_false(slice_starts(s, SLICE_LIT("/JEN")));
	assert_true(slice_istarts(s, SLICE_LIT("/JEN")));
	assert_false(slice_istarts(SLICE_LIT("/"), SLICE_LIT("/JEN")));
	assert_true(slice_ends(s, SLICE_LIT("s/")));
	assert_false(slice_ends(s, SLICE_LIT("s")));
	assert_true(slice_ends(s, SLICE_LIT("")));
}

static void
cutting_beyond_the_end_gives_what_is_there(void **state)
{
	struct slice s = SLICE_LIT("abc");

	(void)state;
	assert_true(slice_eq_str(slice_skip(s, 1), "bc"));
	assert_int_equal(slice_skip(s, 9).n, 0);
	assert_ptr_equal(slice_skip(s, 9).p, s.p + 3);
	assert_true(slice_eq_str(slice_head(s, 2), "ab"));
	assert_true(slice_eq_str(slice_head(s, 9), "abc"));
}

static void
index_of_an_absent_byte_is_the_length(void **state)
{
	(void)state;
	assert_int_equal(slice_index(SLICE_LIT("a:b:c"), ':'), 1);
	assert_int_equal(slice_index(SLICE_LIT("abc"), ':'), 3);
}

static void
trim_takes_blanks_and_tabs_only(void **state)
{
	(void)state;
	assert_true(slice_eq_str(slice_trim(SLICE_LIT(" \t a b\t ")), "a b"));
	assert_true(slice_eq_str(slice_trim(SLICE_LIT("\r\n")), "\r\n"));
	assert_int_equal(slice_trim(SLICE_LIT(" \t ")).n, 0);
}

static void
dup_ends_with_nul(void **state)
{
	char *copy = slice_dup(slice_head(SLICE_LIT("abcdef"), 3));
	char *empty = slice_dup(slice_str(NULL));

	(void)state;
	assert_string_equal(copy, "abc");
	assert_string_equal(empty, "");
	free(copy);
	free(empty);
	assert_null(slice_dup(slice_of("x", SIZE_MAX)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_means_every_byte),
		cmocka_unit_test(equal_but_for_case_concerns_ascii_letters_only),
		cmocka_unit_test(null_is_the_empty_slice),
		cmocka_unit_test(starts_and_ends),
		cmocka_unit_test(cutting_beyond_the_end_gives_what_is_there),
		cmocka_unit_test(index_of_an_absent_byte_is_the_length),
		cmocka_unit_test(trim_takes_blanks_and_tabs_only),
		cmocka_unit_test(dup_ends_with_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
