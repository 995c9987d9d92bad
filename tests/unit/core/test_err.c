/* core/err.c: filling, cutting, prefixing, printing. */
#include "tests/unit/core/unit.h"

#include "core/err.h"

#include <errno.h>
#include <string.h>

static void
every_kind_fills_its_place(void **state)
{
	struct err e;
	char text[256];

	(void)state;
	assert_int_equal(err_at(&e, "sluice.conf", 12, 7, "unknown backend \"%s\"", "api"), -1);
	err_print(&e, text, sizeof(text));
	assert_string_equal(text, "sluice.conf:12:7: unknown backend \"api\"");
	assert_int_equal(err_at(&e, "sluice.conf", 12, 0, "x"), -1);
	err_print(&e, text, sizeof(text));
	assert_string_equal(text, "sluice.conf:12: x");
	assert_int_equal(err_at(&e, "sluice.conf", 0, 0, "x"), -1);
	err_print(&e, text, sizeof(text));
	assert_string_equal(text, "sluice.conf: x");
	assert_int_equal(err_ordinal(&e, 5, "%d", 42), -1);
	assert_int_equal(e.ordinal, 5);
	assert_int_equal(err_set(&e, "plain"), -1);
	assert_int_equal(e.ordinal, 0);
	err_print(&e, text, sizeof(text));
	assert_string_equal(text, "plain");
}

static void
errno_becomes_words(void **state)
{
	struct err e;

	(void)state;
	assert_int_equal(err_errno(&e, ENOENT, "open %s", "x"), -1);
	assert_string_equal(e.msg, "open x: No such file or directory");
}

static void
nobody_wants_to_know(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, "x"), -1);
	assert_int_equal(err_errno(NULL, EIO, "x"), -1);
	assert_int_equal(err_at(NULL, "f", 1, 1, "x"), -1);
	assert_int_equal(err_ordinal(NULL, 1, "x"), -1);
	assert_int_equal(err_prefix(NULL, "x"), -1);
}

static void
a_prefix_keeps_the_place(void **state)
{
	struct err e;

	(void)state;
	(void)err_at(&e, "a.conf", 3, 4, "inner");
	assert_int_equal(err_prefix(&e, "site %s", "x"), -1);
	assert_string_equal(e.msg, "site x: inner");
	assert_string_equal(e.file, "a.conf");
	assert_int_equal(e.line, 3);
	assert_int_equal(e.col, 4);
}

static void
an_error_may_be_built_out_of_itself(void **state)
{
	struct err e;

	(void)state;
	(void)err_at(&e, "a.conf", 3, 4, "inner");
	(void)err_at(&e, e.file, 5, 6, "outer: %s", e.msg);
	assert_string_equal(e.msg, "outer: inner");
	assert_string_equal(e.file, "a.conf");
	assert_int_equal(e.line, 5);
}

static void
what_is_too_long_ends_with_dots(void **state)
{
	struct err e;
	char longer[2 * ERR_MSG_MAX], small[8], tiny[2];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	(void)err_at(&e, longer, 1, 1, "%s", longer);
	assert_int_equal(strlen(e.msg), ERR_MSG_MAX - 1);
	assert_string_equal(e.msg + ERR_MSG_MAX - 4, "...");
	assert_int_equal(strlen(e.file), ERR_FILE_MAX - 1);
	assert_string_equal(e.file + ERR_FILE_MAX - 4, "...");
	(void)err_prefix(&e, "%s", longer);
	assert_string_equal(e.msg + ERR_MSG_MAX - 4, "...");
	(void)err_errno(&e, EIO, "%s", longer);
	assert_string_equal(e.msg + ERR_MSG_MAX - 4, "...");
	err_print(&e, small, sizeof(small));
	assert_string_equal(small, "xxxx...");
	err_print(&e, tiny, sizeof(tiny));
	assert_string_equal(tiny, "");
}

static void
what_just_fits_is_whole(void **state)
{
	struct err e;
	char text[ERR_MSG_MAX];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)err_set(&e, "%s", text);
	assert_string_equal(e.msg, text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_fills_its_place),
		cmocka_unit_test(errno_becomes_words),
		cmocka_unit_test(nobody_wants_to_know),
		cmocka_unit_test(a_prefix_keeps_the_place),
		cmocka_unit_test(an_error_may_be_built_out_of_itself),
		cmocka_unit_test(what_is_too_long_ends_with_dots),
		cmocka_unit_test(what_just_fits_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
