/* The line-preserving editor: lines of others survive in order, edits do what they say, and doing
 * one twice changes nothing. */
#include "lxc/config_edit.h"

#include "tests/fuzz/require.h"

#include <stdint.h>

#define KEY "lxc.idmap"

static int
append(struct buf *b, struct slice s)
{
	buf_init(b, CONFIG_TEXT_MAX);
	return buf_append_slice(b, s);
}

static size_t
count(struct slice text, const char *key, bool same)
{
	struct slice k, v;
	size_t n = 0;

	for (size_t at = 0; config_next(text, &at, &k, &v);)
		n += slice_eq_str(k, key) == same;
	return n;
}

static void
check_set(struct slice input, const struct slice *values, size_t n)
{
	struct buf once, twice;
	struct slice last;

	REQUIRE(append(&once, input) == 0);
	REQUIRE(config_set(&once, KEY, values, n) == 0);
	REQUIRE(count(buf_slice(&once), KEY, true) == n);
	REQUIRE(count(buf_slice(&once), KEY, false) == count(input, KEY, false));
	REQUIRE(config_get(buf_slice(&once), KEY, &last) == (n > 0));
	REQUIRE(n == 0 || slice_eq(last, values[n - 1]));
	REQUIRE(append(&twice, buf_slice(&once)) == 0);
	REQUIRE(config_set(&twice, KEY, values, n) == 0);
	REQUIRE(slice_eq(buf_slice(&once), buf_slice(&twice)));
	buf_clear(&once);
	buf_clear(&twice);
}

static void
check_marked(struct slice input, const struct slice *values, size_t n)
{
	struct buf text, again;

	REQUIRE(append(&text, input) == 0);
	REQUIRE(config_set_marked(&text, KEY, values, n) == 0);
	REQUIRE(append(&again, buf_slice(&text)) == 0);
	REQUIRE(config_set_marked(&again, KEY, values, n) == 0);
	REQUIRE(n == 0 || slice_eq(buf_slice(&text), buf_slice(&again)));
	REQUIRE(config_add(&again, KEY, values[0]) == 0);
	REQUIRE(config_add(&again, KEY, values[0]) == 0);
	buf_clear(&text);
	buf_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice values[] = {SLICE_LIT("u 0 1 2"), SLICE_LIT("g 0 1 2"), SLICE_LIT("x")};
	struct slice input = slice_of(data, size);

	if (size > CONFIG_TEXT_MAX / 2)
		return 0;
	for (size_t n = 0; n <= 3; n++) {
		check_set(input, values, n);
		check_marked(input, values, n);
	}
	return 0;
}
