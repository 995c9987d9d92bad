/* conf/block.c: which lists are taken, and what is said of the others. */
#include "tests/unit/conf/unit.h"

#include "conf/block.h"

static char list_path[] = "/f";

struct seen {
	char text[512];
	size_t n;
};

static int
note(void *ctx, const struct block_entry *entry, struct err *e)
{
	struct seen *seen = ctx;
	char low[ADDR_TEXT_MAX], high[ADDR_TEXT_MAX];

	(void)e;
	seen->n += (size_t)snprintf(seen->text + seen->n, sizeof(seen->text) - seen->n,
		"%u:%u %s-%s\n", entry->line, entry->col, addr_print(&entry->low, low),
		addr_print(&entry->high, high));
	return 0;
}

static void
the_usual_lists_are_understood(void **state)
{
	const char *text = "# a comment\n"
			   "; another\n"
			   "\r\n"
			   "198.51.100.7\r\n"
			   "  203.0.113.0/24 ; SBL1\n"
			   "203.0.113.9-203.0.113.12 # a range\n"
			   "10.1.2.3/8\n"
			   "2001:db8::/126\n"
			   "2001:db8::5 - 2001:db8::9";
	struct seen seen = {.n = 0};
	struct err e = {0};

	(void)state;
	assert_int_equal(block_list_parse(slice_str(text), "f", note, &seen, &e), 0);
	assert_string_equal(seen.text, "4:1 198.51.100.7-198.51.100.7\n"
				       "5:3 203.0.113.0-203.0.113.255\n"
				       "6:1 203.0.113.9-203.0.113.12\n"
				       "7:1 10.0.0.0-10.255.255.255\n"
				       "8:1 2001:db8::-2001:db8::3\n"
				       "9:1 2001:db8::5-2001:db8::9\n");
}

static void
what_is_wrong_is_said_with_line_and_column(void **state)
{
	static const struct {
		const char *text, *says;
		bool confirm;
	} cases[] = {
		{"1.2.3.4\n  nobody\n",
			"/f:2:3: \"nobody\" is not an address, CIDR or range; write 198.51.100.7, "
			"198.51.100.0/24, 198.51.100.7-198.51.100.9 or 2001:db8::/32",
			true},
		{"1.2.3.9-1.2.3.4", "/f:1:1: \"1.2.3.9-1.2.3.4\" is not an address, CIDR or", true},
		{"1.2.3.4-::1", "/f:1:1: \"1.2.3.4-::1\" is not an address, CIDR or range;", true},
		{"1.2.3.4/33", "/f:1:1: \"1.2.3.4/33\" is not an address, CIDR or range; w", true},
		{"1.2.3.4 5", "/f:1:1: \"1.2.3.4 5\" is not an address, CIDR or range; wri", true},
		{"1.2.3.4\n0.0.0.0/0\n",
			"/f:2:1: this blocks more than an eighth of all addresses; if that is "
			"meant, write: block-list /f confirm",
			false},
		{"::/2\n", "/f:1:1: this blocks more than an eighth of all addresses", false},
		{"# nothing\n", "/f has no address in it; if that is meant, write: block-list /f",
			false},
		{"", "/f has no address in it; if that is meant, write: block-list /f", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct conf_block_list list = {.path = list_path, .confirm = cases[i].confirm};
		struct err e = {0};
		char said[ERR_MSG_MAX];

		assert_int_equal(block_list_check(slice_str(cases[i].text), &list, &e), -1);
		err_print(&e, said, sizeof(said));
		if (strncmp(said, cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("%s\nand not\n%s", said, cases[i].says);
	}
}

static void
confirm_lets_wide_and_empty_ones_through(void **state)
{
	struct conf_block_list list = {.path = list_path, .confirm = true};

	(void)state;
	assert_int_equal(block_list_check(SLICE_LIT("0.0.0.0/0\n::/0"), &list, NULL), 0);
	assert_int_equal(block_list_check(SLICE_LIT(""), &list, NULL), 0);
	list.confirm = false;
	assert_int_equal(block_list_check(SLICE_LIT("224.0.0.0/3\n"), &list, NULL), 0);
}

static void
a_list_has_an_end(void **state)
{
	struct conf_block_list list = {.path = list_path};
	struct err e = {0};
	struct buf b;

	(void)state;
	buf_init(&b, CONF_BLOCK_LIST_SIZE);
	for (int i = 0; i < CONF_BLOCKS_MAX; i++)
		assert_int_equal(buf_append_str(&b, "1.2.3.4\n"), 0);
	assert_int_equal(block_list_check(buf_slice(&b), &list, &e), 0);
	assert_int_equal(buf_append_str(&b, "1.2.3.5\n"), 0);
	assert_int_equal(block_list_check(buf_slice(&b), &list, &e), -1);
	assert_int_equal(e.line, CONF_BLOCKS_MAX + 1);
	assert_string_equal(e.msg, "more than 262144 entries");
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_lists_are_understood),
		cmocka_unit_test(what_is_wrong_is_said_with_line_and_column),
		cmocka_unit_test(confirm_lets_wide_and_empty_ones_through),
		cmocka_unit_test(a_list_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
