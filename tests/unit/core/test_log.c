/* core/log.c: lines as text and as JSON, levels, and what may not forge a line. */
#include "tests/unit/core/unit.h"

#include "core/log.h"
#include "core/own.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int sink;
static char line[2 * LOG_LINE_MAX];

/* What was logged since the last call. */
static const char *
logged(void)
{
	ssize_t n = pread(sink, line, sizeof(line) - 1, 0);

	assert_true(n >= 0);
	line[n] = '\0';
	assert_int_equal(ftruncate(sink, 0), 0);
	assert_int_equal(lseek(sink, 0, SEEK_SET), 0);
	return line;
}

/* Behind the time, which is 24 characters and a blank. */
static const char *
logged_text(void)
{
	const char *text = logged();

	assert_true(strlen(text) > 25);
	assert_int_equal(text[10], 'T');
	assert_int_equal(text[23], 'Z');
	return text + 25;
}

static int
fresh(void **state)
{
	(void)state;
	sink = memfd_create("log", MFD_CLOEXEC);
	log_init("proxy", sink);
	log_set_level(LOG_LEVEL_INFO);
	log_set_format(LOG_FORMAT_TEXT);
	return sink < 0 ? -1 : 0;
}

static int
done(void **state)
{
	(void)state;
	close_fd(sink);
	return 0;
}

static void
an_event_with_fields(void **state)
{
	(void)state;
	log_info("listener opened", kv_s("address", "0.0.0.0"), kv_u("port", 443), kv_i("d", -1));
	assert_string_equal(
		logged_text(), "info proxy \"listener opened\" address=0.0.0.0 port=443 d=-1\n");
	log_warn("x");
	assert_string_equal(logged_text(), "warn proxy \"x\"\n");
}

static void
an_event_as_json(void **state)
{
	(void)state;
	log_set_format(LOG_FORMAT_JSON);
	log_error("went \"wrong\"", kv_s("path", "C:\\x"), kv_u("n", 7));
	assert_string_equal(strchr(logged(), ','),
		",\"level\":\"error\",\"process\":\"proxy\",\"event\":\"went \\\"wrong\\\"\","
		"\"path\":\"C:\\\\x\",\"n\":7}\n");
	assert_memory_equal(line, "{\"time\":\"2", 10);
}

static void
levels_below_the_chosen_one_are_silent(void **state)
{
	(void)state;
	log_debug("d");
	assert_string_equal(logged(), "");
	log_set_level(LOG_LEVEL_DEBUG);
	assert_int_equal(log_get_level(), LOG_LEVEL_DEBUG);
	log_debug("d", kv_u("n", 1));
	assert_string_equal(logged_text(), "debug proxy \"d\" n=1\n");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("w");
	log_info("i");
	assert_string_equal(logged(), "");
	log_error("e");
	assert_string_equal(logged_text(), "error proxy \"e\"\n");
}

static void
values_that_are_no_word_are_quoted(void **state)
{
	(void)state;
	log_info("x", kv_s("a", ""), kv_s("b", "two words"), kv_s("c", "k=v"), kv_s("d", NULL),
		kv_s("e", "\"q\""));
	assert_string_equal(logged_text(),
		"info proxy \"x\" a=\"\" b=\"two words\" c=\"k=v\" d=\"\" e=\"\\\"q\\\"\"\n");
}

static void
nobody_outside_forges_a_line(void **state)
{
	(void)state;
	log_info("x", kv_slice("a", SLICE_LIT("1\n2 b=3\r\x1b[2J\0\x7f")));
	assert_string_equal(
		logged_text(), "info proxy \"x\" a=\"1\\n2 b=3\\x0d\\x1b[2J\\x00\\x7f\"\n");
	log_set_format(LOG_FORMAT_JSON);
	log_info("x", kv_slice("a", SLICE_LIT("1\n\",\"b\":1\x01")));
	assert_non_null(strstr(logged(), "\"a\":\"1\\n\\\",\\\"b\\\":1\\u0001\"}\n"));
}

static void
utf8_stays_and_broken_utf8_is_escaped(void **state)
{
	static const char good[] = "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80";
	static const char *const bad[] = {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf",
		"\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80",
		"\xe2\x82", "\xff"};

	(void)state;
	log_info("x", kv_s("a", good));
	assert_non_null(strstr(logged(), good));
	log_set_format(LOG_FORMAT_JSON);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		log_info("x", kv_s("a", bad[i]));
		assert_non_null(strstr(logged(), "\"a\":\"\\ufffd"));
	}
}

static void
a_long_value_is_cut_and_the_line_stays_whole(void **state)
{
	char value[2 * LOG_LINE_MAX];

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_info("x", kv_s("a", value), kv_u("b", 1));
	assert_in_range(strlen(logged()), LOG_LINE_MAX - 64, LOG_LINE_MAX);
	assert_string_equal(line + strlen(line) - 6, "v...\"\n");
	log_set_format(LOG_FORMAT_JSON);
	memset(value, '\1', sizeof(value) - 1);
	log_info("x", kv_u("b", 1), kv_s("a", value), kv_u("c", 1));
	assert_in_range(strlen(logged()), LOG_LINE_MAX - 64, LOG_LINE_MAX);
	assert_string_equal(line + strlen(line) - 12, "\\u0001...\"}\n");
}

static void
more_fields_than_a_line_holds_are_left_out(void **state)
{
	char value[300];

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_set_format(LOG_FORMAT_JSON);
	log_info("x", kv_s("a", value), kv_s("a", value), kv_s("a", value), kv_s("a", value),
		kv_s("a", value), kv_s("a", value), kv_s("a", value), kv_s("a", value),
		kv_s("a", value), kv_s("a", value), kv_s("a", value), kv_s("a", value),
		kv_s("a", value), kv_s("a", value), kv_s("last", value));
	assert_null(strstr(logged(), "last"));
	assert_string_equal(line + strlen(line) - 3, "\"}\n");
}

static void
an_error_brings_its_place(void **state)
{
	struct err e;

	(void)state;
	(void)err_at(&e, "sluice.conf", 3, 9, "unknown word");
	log_err("configuration refused", &e);
	assert_string_equal(logged_text(),
		"error proxy \"configuration refused\" "
		"error=\"unknown word\" file=sluice.conf line=3 col=9\n");
	(void)err_ordinal(&e, 17, "no");
	log_err("refused", &e);
	assert_string_equal(logged_text(), "error proxy \"refused\" error=no ordinal=17\n");
}

int
main(void)
{
#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, fresh, done)
	const struct CMUnitTest tests[] = {
		LOG_TEST(an_event_with_fields),
		LOG_TEST(an_event_as_json),
		LOG_TEST(levels_below_the_chosen_one_are_silent),
		LOG_TEST(values_that_are_no_word_are_quoted),
		LOG_TEST(nobody_outside_forges_a_line),
		LOG_TEST(utf8_stays_and_broken_utf8_is_escaped),
		LOG_TEST(a_long_value_is_cut_and_the_line_stays_whole),
		LOG_TEST(more_fields_than_a_line_holds_are_left_out),
		LOG_TEST(an_error_brings_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
