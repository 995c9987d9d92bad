/*
 * Range fields: parts are inside the file, in number and sum bounded, apart from each other, and
 * one range alone is what a second, simple reader makes of it. The first eight bytes are the size
 * of the file.
 */
#include "tests/fuzz/require.h"

#include "proxy/file/file_range.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require_apart(const struct file_part *a, const struct file_part *b)
{
	REQUIRE(a->start > b->start + b->length || b->start > a->start + a->length);
}

static void
require_parts(const struct file_part *parts, size_t n, uint64_t file_size)
{
	uint64_t sum = 0;

	REQUIRE(n > 0 && n <= FILE_RANGES_MAX);
	for (size_t i = 0; i < n; i++) {
		REQUIRE(parts[i].length > 0 && parts[i].start < file_size);
		REQUIRE(parts[i].length <= file_size - parts[i].start);
		sum += parts[i].length;
		for (size_t k = 0; k < i; k++)
			require_apart(&parts[i], &parts[k]);
	}
	REQUIRE(sum <= file_size);
}

/* A field of one range is the same behind an element that is outside of every file. */
static void
require_alone(struct slice value, uint64_t file_size, const struct file_part *part)
{
	static const char prefix[] = "bytes=9223372036854775807-,";
	struct file_part parts[FILE_RANGES_MAX];
	char text[512];
	size_t n = 0, rest = value.n - 6;

	if (slice_index(value, ',') < value.n || rest > sizeof(text) - sizeof(prefix))
		return;
	memcpy(text, prefix, sizeof(prefix) - 1);
	memcpy(text + sizeof(prefix) - 1, value.p + 6, rest);
	REQUIRE(file_range_parse(slice_of(text, sizeof(prefix) - 1 + rest), file_size, parts, &n) ==
		FILE_RANGE_PARTS);
	REQUIRE(n == 1 && parts[0].start == part->start && parts[0].length == part->length);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct file_part parts[FILE_RANGES_MAX];
	uint64_t file_size;
	struct slice value;
	size_t n = 0;

	if (size < sizeof(file_size))
		return 0;
	memcpy(&file_size, data, sizeof(file_size));
	file_size &= INT64_MAX;
	value = slice_of(data + sizeof(file_size), size - sizeof(file_size));
	if (file_range_parse(value, file_size, parts, &n) != FILE_RANGE_PARTS)
		return 0;
	require_parts(parts, n, file_size);
	if (n == 1)
		require_alone(value, file_size, &parts[0]);
	return 0;
}
