/* daemon/load.c: the file and its includes, read from a real folder. */
#include "tests/unit/daemon/unit.h"

#include "core/own.h"
#include "daemon/load.h"

#include <sys/stat.h>

#define SITE "site * -> status 204\n"

struct loaded {
	struct load load;
	struct conf_errors errs;
	int rc;
	char text[16 * 1024];
};

static void
load(const struct unit_folder *folder, struct loaded *l)
{
	char path[UNIT_PATH_MAX];
	struct buf out;

	l->rc = load_file(unit_path(folder, "main.conf", path), &l->load, &l->errs);
	buf_init(&out, sizeof(l->text) - 1);
	assert_int_equal(load_print_errors(&l->load, &l->errs, &out), 0);
	unit_text(&out, l->text, sizeof(l->text));
	buf_clear(&out);
}

static void
expect_error(const struct unit_folder *folder, const char *part)
{
	static struct loaded l;

	load(folder, &l);
	assert_int_equal(l.rc, -1);
	if (!strstr(l.text, part))
		fail_msg("\"%s\" is not in:\n%s", part, l.text);
	load_clear(&l.load);
}

static void
a_file_with_an_include(void **state)
{
	static struct loaded l;

	unit_write(*state, "main.conf", "include sites.conf\nlisten 8080 plain\n");
	unit_write(*state, "sites.conf", SITE);
	load(*state, &l);
	assert_int_equal(l.rc, 0);
	assert_int_equal(l.load.conf->n_sites, 1);
	assert_int_equal(l.load.n_texts, 2);
	load_clear(&l.load);
}

static void
wildcards_match_in_name_order(void **state)
{
	static struct loaded l;

	unit_write(*state, "main.conf", "listen 8080 plain\ninclude site-*.conf\n");
	unit_write(*state, "site-b.conf", "site b.example -> status 204\n");
	unit_write(*state, "site-a.conf", "site a.example -> status 204\n");
	load(*state, &l);
	assert_int_equal(l.rc, 0);
	assert_int_equal(l.load.conf->n_sites, 2);
	assert_string_equal(l.load.conf->sites[0].hosts[0], "a.example");
	load_clear(&l.load);
}

static void
wildcards_may_match_nothing(void **state)
{
	static struct loaded l;

	unit_write(*state, "main.conf", "listen 8080 plain\n" SITE "include none-*.conf\n");
	load(*state, &l);
	assert_int_equal(l.rc, 0);
	load_clear(&l.load);
}

static void
a_plain_name_must_exist(void **state)
{
	unit_write(*state, "main.conf", "listen 8080 plain\n" SITE "include gone.conf\n");
	expect_error(*state, "main.conf:3:");
	expect_error(*state, "gone.conf: No such file or directory");
	expect_error(*state, "  include gone.conf\n");
}

static void
a_loop_is_an_error_at_the_include(void **state)
{
	unit_write(*state, "main.conf", "listen 8080 plain\n" SITE "include a.conf\n");
	unit_write(*state, "a.conf", "\ninclude b.conf\n");
	unit_write(*state, "b.conf", "include a.conf\n");
	expect_error(*state, "b.conf:1:");
	expect_error(*state, "include loop");
}

static void
a_loop_through_a_link_is_found(void **state)
{
	char target[UNIT_PATH_MAX], link[UNIT_PATH_MAX];

	unit_write(*state, "main.conf", "listen 8080 plain\n" SITE "include link.conf\n");
	assert_int_equal(symlink(unit_path(*state, "main.conf", target),
				 unit_path(*state, "link.conf", link)),
		0);
	expect_error(*state, "include loop");
}

static void
the_same_file_twice_is_no_loop(void **state)
{
	static struct loaded l;

	unit_write(*state, "main.conf",
		"listen 8080 plain\nsite a { include r.conf }\nsite b { include r.conf }\n");
	unit_write(*state, "r.conf", "route / -> status 204\n");
	load(*state, &l);
	/* Includes may be allowed at top level only; a loop it is not in either case. */
	assert_null(strstr(l.text, "loop"));
	load_clear(&l.load);
}

static void
a_folder_and_a_pipe_are_no_configuration(void **state)
{
	char path[UNIT_PATH_MAX];

	unit_write(*state, "main.conf", "listen 8080 plain\n" SITE "include pipe\n");
	assert_int_equal(mkfifo(unit_path(*state, "pipe", path), 0600), 0);
	expect_error(*state, "is not a regular file");
	unit_write(*state, "main.conf", "listen 8080 plain\n" SITE "include .\n");
	expect_error(*state, "is not a regular file");
}

static void
a_file_that_is_missing(void **state)
{
	expect_error(*state, "cannot open");
}

static void
errors_show_their_line_and_a_caret(void **state)
{
	unit_write(*state, "main.conf", "listen 8080 plain\n" SITE "include a.conf\n");
	unit_write(*state, "a.conf", "  body-limt 1M\n");
	expect_error(*state, "a.conf:1:3: ");
	expect_error(*state, "\n    body-limt 1M\n    ^");
}

static void
errors_as_lines_for_programs(void **state)
{
	static struct loaded l;
	struct buf out;

	unit_write(*state, "main.conf", "x 1\ny 2\n");
	load(*state, &l);
	buf_init(&out, 4096);
	assert_int_equal(load_print_lines(&l.errs, &out), 0);
	assert_non_null(memmem(buf_slice(&out).p, buf_len(&out), "main.conf:2:1: ", 15));
	assert_int_equal(buf_slice(&out).p[buf_len(&out) - 1], '\n');
	buf_clear(&out);
	load_clear(&l.load);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, unit_folder_new, unit_folder_clear)
	const struct CMUnitTest tests[] = {
		TEST(a_file_with_an_include),
		TEST(wildcards_match_in_name_order),
		TEST(wildcards_may_match_nothing),
		TEST(a_plain_name_must_exist),
		TEST(a_loop_is_an_error_at_the_include),
		TEST(a_loop_through_a_link_is_found),
		TEST(the_same_file_twice_is_no_loop),
		TEST(a_folder_and_a_pipe_are_no_configuration),
		TEST(a_file_that_is_missing),
		TEST(errors_show_their_line_and_a_caret),
		TEST(errors_as_lines_for_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
