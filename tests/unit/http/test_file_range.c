/* proxy/file/file_range.c: which parts of a file a Range field means, and which of them become one.
 */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/file/file_range.h"

#include <stdio.h>

#define SIZE 10000

/* Writes the parts as "start+length start+length". */
static const char *
parts_of(const char *value, char out[static 512])
{
	struct file_part parts[FILE_RANGES_MAX];
	size_t n = 0, at = 0;

	switch (file_range_parse(slice_str(value), SIZE, parts, &n)) {
	case FILE_RANGE_NONE:
		return "none";
	case FILE_RANGE_OUTSIDE:
		return "outside";
	case FILE_RANGE_PARTS:
		break;
	}
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, 512 - at, "%s%u+%u", i ? " " : "",
			(unsigned)parts[i].start, (unsigned)parts[i].length);
	return out;
}

static const struct {
	const char *value, *parts;
} cases[] = {
	{"bytes=0-0", "0+1"}, {"bytes=0-0,9999-", "0+1 9999+1"}, {"bytes=9999-,0-0", "9999+1 0+1"},
	{"bytes= 0-0 ,\t1000-1001 ,, -1 ", "0+1 1000+2 9999+1"}, {"bytes=0-99,100-199", "0+200"},
	{"bytes=100-199,0-99", "0+200"}, {"bytes=0-99,101-300", "0+100 101+200"},
	{"bytes=101-300,0-99", "101+200 0+100"},
	{"bytes=5000-5999,0-99,5500-6999", "5000+2000 0+100"},
	{"bytes=0-99,5000-5099,9000-9099,50-9050", "0+9100"},
	{"bytes=5000-5099,0-99,9000-9099,50-9050", "0+9100"},
	{"bytes=0-,0-,0-,0-,0-,0-,0-,0-", "0+10000"}, {"bytes=10000-,0-1", "0+2"},
	{"bytes=-0,5-6", "5+2"}, {"bytes=10000-,20000-", "outside"}, {"bytes=-0", "outside"},
	{"bytes=", "none"}, {"bytes=,,", "none"}, {"bytes=-", "none"}, {"bytes=--1", "none"},
	{"bytes=1-2-3", "none"}, {"bytes=2-1", "none"}, {"bytes=0-1,2-1", "none"},
	{"bytes=0-1;5-6", "none"}, {"bytes 0-1", "none"}, {"bytes", "none"}, {"", "none"},
	{"items=0-1", "none"}, {"bytes=9223372036854775808-", "none"},
	{"bytes=9223372036854775807-", "outside"}, {"bytes=0-9223372036854775807", "0+10000"},
	{"bytes=-9223372036854775807", "0+10000"},
	{"bytes=0-0,200-200,400-400,600-600,800-800,1000-1000,1200-1200,1400-1400,1600-1600,1800-"
	 "1800,2000-2000,2200-2200,2400-2400,2600-2600,2800-2800,3000-3000",
		"0+1 200+1 400+1 600+1 800+1 1000+1 1200+1 1400+1 1600+1 1800+1 2000+1 2200+1 "
		"2400+1 2600+1 2800+1 3000+1"},
	{"bytes=0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-,0-", "none"}, /* 17 of them */
};

static void
ranges_become_parts(void **state)
{
	char text[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *got = parts_of(cases[i].value, text);

		if (strcmp(got, cases[i].parts) != 0)
			fail_msg("\"%s\": %s, not %s", cases[i].value, got, cases[i].parts);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(ranges_become_parts)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
