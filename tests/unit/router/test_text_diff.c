/* Differences of two texts of a table. */
#include "router/text_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define TEXT_MAX 4096

#define SET(elements) "\tset ban4 {\n\t\ttype ipv4_addr\n" elements "\t}\n"
#define CHAIN(rules) "\tchain early {\n" rules "\t}\n"

/* What differs, or "same". */
static char *
differ(const char *wanted, const char *found)
{
	struct buf out;
	struct err e = {0};
	bool same = false;
	char *text;

	buf_init(&out, TEXT_MAX);
	assert_int_equal(text_diff(slice_str(wanted), slice_str(found), &out, &same, &e), 0);
	assert_int_equal(same, buf_len(&out) == 0);
	text = same ? slice_dup(SLICE_LIT("same")) : slice_dup(buf_slice(&out));
	buf_clear(&out);
	assert_non_null(text);
	return text;
}

static void
expect(const char *wanted, const char *found, const char *difference)
{
	char *text = differ(wanted, found);

	assert_string_equal(text, difference);
	free(text);
}

static void
the_time_that_is_left_and_commas_do_not_count(void **state)
{
	(void)state;
	expect(SET("\t\telements = {\n\t\t\t1.2.3.4 timeout 9s,\n\t\t\t1.2.3.5\n\t\t}\n"),
		SET("\t\telements = {\n\t\t\t1.2.3.5 timeout 3s,\n\t\t\t1.2.3.4 timeout "
		    "8s\n\t\t}\n"),
		"same");
	expect(SET(""), SET("\t\telements = {\n\t\t\t1.2.3.4\n\t\t}\n"),
		" \tset ban4 {\n+\t\t1.2.3.4\n");
}

static void
elements_have_no_order_and_rules_have_one(void **state)
{
	(void)state;
	expect(SET("\t\t\t1.2.3.4,\n\t\t\t1.2.3.5\n"), SET("\t\t\t1.2.3.5,\n\t\t\t1.2.3.4\n"),
		"same");
	expect(CHAIN("\t\ta\n\t\tb\n"), CHAIN("\t\tb\n\t\ta\n"),
		" \tchain early {\n-\t\ta\n-\t\tb\n+\t\tb\n+\t\ta\n");
}

static void
a_line_that_is_there_twice_is_a_difference(void **state)
{
	(void)state;
	expect(CHAIN("\t\ta\n"), CHAIN("\t\ta\n\t\ta\n"),
		" \tchain early {\n-\t\ta\n+\t\ta\n+\t\ta\n");
}

static void
sections_that_one_side_lacks_are_shown_whole(void **state)
{
	(void)state;
	expect(CHAIN("\t\ta\n"), SET("\t\t\t1.2.3.4\n"),
		"-\tchain early {\n-\t\ta\n+\tset ban4 {\n+\t\ttype ipv4_addr\n+\t\t1.2.3.4\n");
	expect("", "", "same");
}

static void
a_difference_that_is_too_long_is_an_error(void **state)
{
	struct buf out;
	struct err e = {0};
	bool same;

	(void)state;
	buf_init(&out, 4);
	assert_int_equal(
		text_diff(slice_str(CHAIN("\t\taaaaaaaa\n")), slice_str(""), &out, &same, &e), -1);
	assert_string_equal(e.msg, "the difference exceeds 4 bytes");
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_time_that_is_left_and_commas_do_not_count),
		cmocka_unit_test(elements_have_no_order_and_rules_have_one),
		cmocka_unit_test(a_line_that_is_there_twice_is_a_difference),
		cmocka_unit_test(sections_that_one_side_lacks_are_shown_whole),
		cmocka_unit_test(a_difference_that_is_too_long_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
