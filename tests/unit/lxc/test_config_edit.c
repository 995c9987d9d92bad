/* The line-preserving editor: what is ours changes, what is not stays byte for byte. */
#include "lxc/config_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct buf
text_of(const char *s)
{
	struct buf b;

	buf_init(&b, CONFIG_TEXT_MAX);
	assert_int_equal(buf_append_str(&b, s), 0);
	return b;
}

static void
expect_text(struct buf *b, const char *expected)
{
	assert_int_equal(buf_append_byte(b, '\0'), 0);
	assert_string_equal(buf_slice(b).p, expected);
	buf_clear(b);
}

static void
a_value_changes_where_it_stands(void **state)
{
	struct buf b = text_of("# mine\nlxc.a = 1\n  lxc.b=2\nlxc.c = 3\n");
	struct slice v = SLICE_LIT("new");

	(void)state;
	assert_int_equal(config_set(&b, "lxc.b", &v, 1), 0);
	expect_text(&b, "# mine\nlxc.a = 1\nlxc.b = new\nlxc.c = 3\n");
}

static void
an_equal_value_keeps_its_spelling(void **state)
{
	struct buf b = text_of("\tlxc.b=  \"two words\"  \r\n");
	struct slice v = SLICE_LIT("two words");

	(void)state;
	assert_int_equal(config_set(&b, "lxc.b", &v, 1), 0);
	expect_text(&b, "\tlxc.b=  \"two words\"  \r\n");
}

static void
a_missing_key_is_appended_on_a_line_of_its_own(void **state)
{
	struct buf b = text_of("lxc.a = 1");
	struct slice v = SLICE_LIT("2");

	(void)state;
	assert_int_equal(config_set(&b, "lxc.b", &v, 1), 0);
	expect_text(&b, "lxc.a = 1\nlxc.b = 2\n");
}

static void
surplus_values_go_and_missing_ones_stand_with_the_others(void **state)
{
	struct buf b = text_of("k = 1\nx = y\nk = 2\nk = 3\n");
	struct slice two[] = {SLICE_LIT("a"), SLICE_LIT("b")};
	struct slice four[] = {SLICE_LIT("a"), SLICE_LIT("b"), SLICE_LIT("c"), SLICE_LIT("d")};

	(void)state;
	assert_int_equal(config_set(&b, "k", two, 2), 0);
	assert_int_equal(config_set(&b, "x", NULL, 0), 0);
	assert_int_equal(config_set(&b, "k", four, 4), 0);
	expect_text(&b, "k = a\nk = b\nk = c\nk = d\n");
}

static void
a_key_is_matched_whole(void **state)
{
	struct buf b = text_of("lxc.net.0.link = a\nlxc.net.0.links = b\n#lxc.net.0.link = c\n");

	(void)state;
	assert_int_equal(config_set(&b, "lxc.net.0.link", NULL, 0), 0);
	expect_text(&b, "lxc.net.0.links = b\n#lxc.net.0.link = c\n");
}

static void
marked_lines_are_replaced_and_others_of_the_key_stay(void **state)
{
	struct buf b = text_of("m = theirs\n");
	struct slice first[] = {SLICE_LIT("one"), SLICE_LIT("two")};
	struct slice second[] = {SLICE_LIT("three")};

	(void)state;
	assert_int_equal(config_set_marked(&b, "m", first, 2), 0);
	assert_int_equal(config_set_marked(&b, "m", second, 1), 0);
	expect_text(&b, "m = theirs\n" CONFIG_MARK "\nm = three\n");
	b = text_of("m = theirs\n" CONFIG_MARK "\nm = ours\nm = theirs too\n");
	assert_int_equal(config_set_marked(&b, "m", NULL, 0), 0);
	expect_text(&b, "m = theirs\nm = theirs too\n");
}

static void
a_line_is_added_once_behind_its_kind(void **state)
{
	struct buf b = text_of("i = a\nx = 1\n");

	(void)state;
	assert_int_equal(config_add(&b, "i", SLICE_LIT("b")), 0);
	assert_int_equal(config_add(&b, "i", SLICE_LIT("b")), 0);
	expect_text(&b, "i = a\ni = b\nx = 1\n");
}

static void
the_last_value_counts(void **state)
{
	struct slice v;

	(void)state;
	assert_true(config_get(SLICE_LIT("a = 1\na = '2'\nb = 3"), "a", &v));
	assert_true(slice_eq_str(v, "2"));
	assert_false(config_get(SLICE_LIT("# a = 1\nno assignment\n"), "a", &v));
}

static void
a_text_at_its_maximum_stays_as_it_was(void **state)
{
	struct slice v = SLICE_LIT("12345678");
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(buf_append_str(&b, "a = 1\n"), 0);
	assert_int_equal(config_set(&b, "a", &v, 1), -1);
	assert_int_equal(config_set_marked(&b, "a", &v, 1), -1);
	assert_int_equal(config_add(&b, "b", v), -1);
	assert_true(slice_eq_str(buf_slice(&b), "a = 1\n"));
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_changes_where_it_stands),
		cmocka_unit_test(an_equal_value_keeps_its_spelling),
		cmocka_unit_test(a_missing_key_is_appended_on_a_line_of_its_own),
		cmocka_unit_test(surplus_values_go_and_missing_ones_stand_with_the_others),
		cmocka_unit_test(a_key_is_matched_whole),
		cmocka_unit_test(marked_lines_are_replaced_and_others_of_the_key_stay),
		cmocka_unit_test(a_line_is_added_once_behind_its_kind),
		cmocka_unit_test(the_last_value_counts),
		cmocka_unit_test(a_text_at_its_maximum_stays_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
