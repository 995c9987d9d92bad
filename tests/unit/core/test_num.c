/* core/num.c: every kind of number, its range, and what is none. */
#include "tests/unit/core/unit.h"

#include "core/num.h"

#include <stdbool.h>

static uint64_t
decimal(const char *s)
{
	uint64_t v = 4711;

	return num_parse(slice_str(s), 0, UINT64_MAX, &v) == 0 ? v : 4711;
}

static void
decimal_digits_only(void **state)
{
	static const char *const wrong[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1.0", "a",
		"18446744073709551616", "99999999999999999999999"};

	(void)state;
	assert_int_equal(decimal("0"), 0);
	assert_int_equal(decimal("007"), 7);
	assert_true(decimal("18446744073709551615") == UINT64_MAX);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(decimal(wrong[i]), 4711);
}

static void
a_number_out_of_range_leaves_the_result_alone(void **state)
{
	uint64_t v = 1;

	(void)state;
	assert_int_equal(num_parse(SLICE_LIT("9"), 10, 20, &v), -1);
	assert_int_equal(num_parse(SLICE_LIT("21"), 10, 20, &v), -1);
	assert_int_equal(v, 1);
	assert_int_equal(num_parse(SLICE_LIT("10"), 10, 20, &v), 0);
	assert_int_equal(v, 10);
	assert_int_equal(num_parse(SLICE_LIT("20"), 10, 20, &v), 0);
	assert_int_equal(v, 20);
}

static void
hexadecimal(void **state)
{
	uint64_t v = 1;

	(void)state;
	assert_int_equal(num_parse_hex(SLICE_LIT("fFfFfFfFfFfFfFfF"), &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(num_parse_hex(SLICE_LIT("0a9"), &v), 0);
	assert_int_equal(v, 0xa9);
	assert_int_equal(num_parse_hex(SLICE_LIT("00000000000000001"), &v), -1);
	assert_int_equal(num_parse_hex(SLICE_LIT(""), &v), -1);
	assert_int_equal(num_parse_hex(SLICE_LIT("0x1"), &v), -1);
	assert_int_equal(num_parse_hex(SLICE_LIT("g"), &v), -1);
	assert_int_equal(v, 0xa9);
}

static bool
is_size(const char *s, uint64_t expected)
{
	uint64_t v = 4711;

	return num_parse_size(slice_str(s), 0, UINT64_MAX, &v) == 0 && v == expected;
}

static void
sizes_have_upper_case_units(void **state)
{
	static const char *const wrong[] = {
		"", "K", "1k", "1KB", "1T", "1 K", "-1K", "18014398509481985K", "17179869184G"};
	uint64_t v = 3;

	(void)state;
	assert_true(is_size("0", 0));
	assert_true(is_size("100", 100));
	assert_true(is_size("64K", 65536));
	assert_true(is_size("10M", 10485760));
	assert_true(is_size("2G", 2147483648));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(num_parse_size(slice_str(wrong[i]), 0, UINT64_MAX, &v), -1);
	assert_int_equal(num_parse_size(SLICE_LIT("1K"), 0, 1023, &v), -1);
	assert_int_equal(v, 3);
}

static bool
is_time(const char *s, uint64_t expected)
{
	uint64_t v = 4711;

	return num_parse_time(slice_str(s), 0, UINT64_MAX, &v) == 0 && v == expected;
}

static void
times_have_a_unit(void **state)
{
	static const char *const wrong[] = {
		"", "1", "s", "1S", "1 s", "1sec", "1.5s", "1us", "18446744073709551615s"};
	uint64_t v = 3;

	(void)state;
	assert_true(is_time("250ms", 250));
	assert_true(is_time("30s", 30000));
	assert_true(is_time("5m", 300000));
	assert_true(is_time("2h", 7200000));
	assert_true(is_time("1d", 86400000));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(num_parse_time(slice_str(wrong[i]), 0, UINT64_MAX, &v), -1);
	assert_int_equal(num_parse_time(SLICE_LIT("2s"), 0, 1999, &v), -1);
	assert_int_equal(num_parse_time(SLICE_LIT("2s"), 2001, 9999, &v), -1);
	assert_int_equal(v, 3);
}

static void
rates_are_counts_in_a_period(void **state)
{
	static const char *const wrong[] = {
		"", "20", "/s", "20/", "0/s", "20/d", "20/ms", "-1/s", "20 /s", "1.5/s", "101/s"};
	uint64_t n = 7, ms = 8;
	char text[NUM_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(num_parse_rate(slice_str(wrong[i]), 100, &n, &ms), -1);
	assert_int_equal(n, 7);
	assert_int_equal(num_parse_rate(SLICE_LIT("100/m"), 100, &n, &ms), 0);
	assert_int_equal(n, 100);
	assert_int_equal(ms, 60000);
	assert_string_equal(num_print_rate(20, 1000, text), "20/s");
	assert_string_equal(num_print_rate(3, 3600000, text), "3/h");
}

static void
ports_and_their_ranges(void **state)
{
	static const char *const wrong[] = {
		"", "0", "65536", "80-", "-80", "90-80", "1-65536", "80-90-100", "80 - 90"};
	uint16_t low = 1, high = 2;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(num_parse_ports(slice_str(wrong[i]), &low, &high), -1);
	assert_int_equal(low, 1);
	assert_int_equal(high, 2);
	assert_int_equal(num_parse_ports(SLICE_LIT("6000-6010"), &low, &high), 0);
	assert_int_equal(low, 6000);
	assert_int_equal(high, 6010);
	assert_int_equal(num_parse_ports(SLICE_LIT("65535"), &low, &high), 0);
	assert_int_equal(low, 65535);
	assert_int_equal(high, 65535);
}

static void
printing_takes_the_largest_unit_that_divides(void **state)
{
	char text[NUM_TEXT_MAX];

	(void)state;
	assert_string_equal(num_print_size(0, text), "0");
	assert_string_equal(num_print_size(1023, text), "1023");
	assert_string_equal(num_print_size(1024, text), "1K");
	assert_string_equal(num_print_size(1536 * 1024, text), "1536K");
	assert_string_equal(num_print_size(UINT64_MAX, text), "18446744073709551615");
	assert_string_equal(num_print_time(0, text), "0ms");
	assert_string_equal(num_print_time(1500, text), "1500ms");
	assert_string_equal(num_print_time(90000, text), "90s");
	assert_string_equal(num_print_time(86400000, text), "1d");
}

static void
what_is_printed_parses_back(void **state)
{
	char text[NUM_TEXT_MAX];

	(void)state;
	for (uint64_t v = 1; v < UINT64_MAX / 3; v = v * 3 + v / 7) {
		assert_true(is_size(num_print_size(v, text), v));
		assert_true(is_time(num_print_time(v, text), v));
		assert_true(is_size(
			num_print_size(v * 1024 % UINT64_MAX, text), v * 1024 % UINT64_MAX));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimal_digits_only),
		cmocka_unit_test(a_number_out_of_range_leaves_the_result_alone),
		cmocka_unit_test(hexadecimal),
		cmocka_unit_test(sizes_have_upper_case_units),
		cmocka_unit_test(times_have_a_unit),
		cmocka_unit_test(rates_are_counts_in_a_period),
		cmocka_unit_test(ports_and_their_ranges),
		cmocka_unit_test(printing_takes_the_largest_unit_that_divides),
		cmocka_unit_test(what_is_printed_parses_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
