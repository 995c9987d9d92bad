/* proxy/http/http_field.c: the tables, and the helpers that both parsers stand on. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/http/http_field.h"

static void
every_known_name_is_found_in_any_case(void **state)
{
	static const char *const names[] = {
#define NAME_TEXT(id, first, inner, text, what) text,
		HTTP_NAME_TABLE(NAME_TEXT)
#undef NAME_TEXT
	};
	static const enum http_name ids[] = {
#define NAME_ID(id, first, inner, text, what) HTTP_NAME_##id,
		HTTP_NAME_TABLE(NAME_ID)
#undef NAME_ID
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char upper[64];
		size_t n = strlen(names[i]);

		for (size_t k = 0; k < n; k++) {
			bool letter = names[i][k] >= 'a' && names[i][k] <= 'z';

			upper[k] = letter ? (char)(names[i][k] - 32) : names[i][k];
		}
		assert_int_equal(http_name_find(slice_str(names[i])), ids[i]);
		assert_int_equal(http_name_find(slice_of(upper, n)), ids[i]);
		assert_int_not_equal(http_name_find(slice_of(upper, n - 1)), ids[i]);
	}
}

static void
families_of_names_are_found_by_prefix(void **state)
{
	(void)state;
	assert_int_equal(
		http_name_find(SLICE_LIT("X-Forwarded-Server")), HTTP_NAME_X_FORWARDED_OTHER);
	assert_int_equal(http_name_find(SLICE_LIT("X-Accel-Redirect")), HTTP_NAME_X_ACCEL);
	assert_int_equal(http_name_find(SLICE_LIT("X-Forwarded")), HTTP_NAME_OTHER);
	assert_int_equal(http_name_find(SLICE_LIT("X-Other")), HTTP_NAME_OTHER);
	assert_int_equal(http_name_find(SLICE_LIT("")), HTTP_NAME_OTHER);
	assert_int_equal(http_name_find(SLICE_LIT("hosu")), HTTP_NAME_OTHER);
}

static void
what_becomes_of_a_name_is_in_the_table(void **state)
{
	(void)state;
	assert_int_equal(http_name_what(HTTP_NAME_OTHER), 0);
	assert_int_equal(http_name_what(HTTP_NAME_CONNECTION), HTTP_HOP);
	assert_int_equal(http_name_what(HTTP_NAME_HOST), HTTP_OURS | HTTP_PROTECTED);
	assert_int_equal(http_name_what(HTTP_NAME_X_ACCEL), HTTP_INTERNAL);
	assert_int_equal(http_name_what(HTTP_NAME_X_FORWARDED_OTHER), HTTP_OURS | HTTP_PROTECTED);
}

static void
methods_are_found_exactly(void **state)
{
	(void)state;
	assert_int_equal(http_method_find(SLICE_LIT("GET")), HTTP_METHOD_GET);
	assert_int_equal(http_method_find(SLICE_LIT("PATCH")), HTTP_METHOD_PATCH);
	assert_int_equal(http_method_find(SLICE_LIT("get")), HTTP_METHOD_OTHER);
	assert_int_equal(http_method_find(SLICE_LIT("GETX")), HTTP_METHOD_OTHER);
	assert_int_equal(http_method_find(SLICE_LIT("")), HTTP_METHOD_OTHER);
}

static void
lists_skip_what_is_empty(void **state)
{
	struct slice rest = SLICE_LIT(" , a,b ,\t, c d,"), element;

	(void)state;
	assert_true(http_list_next(&rest, &element));
	assert_true(slice_eq_str(element, "a"));
	assert_true(http_list_next(&rest, &element));
	assert_true(slice_eq_str(element, "b"));
	assert_true(http_list_next(&rest, &element));
	assert_true(slice_eq_str(element, "c d"));
	assert_false(http_list_next(&rest, &element));
}

static void
tokens_are_told_apart(void **state)
{
	(void)state;
	assert_true(http_is_token(SLICE_LIT("a-Z_0.~")));
	assert_false(http_is_token(SLICE_LIT("")));
	assert_false(http_is_token(SLICE_LIT("a b")));
	assert_false(http_is_token(SLICE_LIT("a\"")));
	assert_false(http_is_token(SLICE_LIT("\xc3\xa9")));
}

static void
every_reason_has_a_status_and_words(void **state)
{
	(void)state;
	for (unsigned i = HTTP_REASON_NONE + 1; i < HTTP_REASON_COUNT; i++) {
		assert_in_range(http_reason_status((enum http_reason)i), 400, 505);
		assert_true(strlen(http_reason_text((enum http_reason)i)) > 5);
	}
}

/* What eight-byte steps must not overlook, at each place of a word and behind it. */
static void
control_characters_are_found_at_every_offset(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		bool allowed = (c >= 0x20 && c != 0x7f) || c == '\t';

		for (size_t at = 0; at < 20; at++) {
			char line[] = "x:aaaaaaaaaaaaaaaaaaaaaab";
			struct http_field f;
			enum http_reason reason;

			line[3 + at] = (char)c;
			reason = http_field_parse(line, 0, sizeof(line) - 1, &f);
			assert_int_equal(
				reason, allowed ? HTTP_REASON_NONE : HTTP_REASON_FIELD_VALUE);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_known_name_is_found_in_any_case),
		cmocka_unit_test(families_of_names_are_found_by_prefix),
		cmocka_unit_test(what_becomes_of_a_name_is_in_the_table),
		cmocka_unit_test(methods_are_found_exactly),
		cmocka_unit_test(lists_skip_what_is_empty),
		cmocka_unit_test(tokens_are_told_apart),
		cmocka_unit_test(every_reason_has_a_status_and_words),
		cmocka_unit_test(control_characters_are_found_at_every_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
