/* Ranges of bytes: parsed, and joined where that saves something. */
#include "proxy/file/file_range.h"

#include "core/num.h"
#include "proxy/http/http_field.h"

#include <string.h>

enum spec { SPEC_BAD, SPEC_PART, SPEC_OUTSIDE };

/* "-suffix": the last bytes. */
static enum spec
parse_suffix(struct slice s, uint64_t size, struct file_part *ret)
{
	uint64_t n;

	if (num_parse(s, 0, INT64_MAX, &n) < 0)
		return SPEC_BAD;
	if (n == 0 || size == 0)
		return SPEC_OUTSIDE;
	n = n < size ? n : size;
	*ret = (struct file_part){.start = size - n, .length = n};
	return SPEC_PART;
}

/* "first-last", "first-" or "-suffix" (RFC 9110 section 14.1.2). */
static enum spec
parse_spec(struct slice s, uint64_t size, struct file_part *ret)
{
	size_t dash = slice_index(s, '-');
	uint64_t first, last = INT64_MAX;

	if (dash == s.n)
		return SPEC_BAD;
	if (dash == 0)
		return parse_suffix(slice_skip(s, 1), size, ret);
	if (num_parse(slice_head(s, dash), 0, INT64_MAX, &first) < 0)
		return SPEC_BAD;
	if (dash + 1 < s.n && num_parse(slice_skip(s, dash + 1), 0, INT64_MAX, &last) < 0)
		return SPEC_BAD;
	if (last < first)
		return SPEC_BAD;
	if (first >= size)
		return SPEC_OUTSIDE;
	if (last > size - 1)
		last = size - 1;
	*ret = (struct file_part){.start = first, .length = last - first + 1};
	return SPEC_PART;
}

/* Whether they overlap, or leave nothing between them. */
static bool
parts_touch(const struct file_part *a, const struct file_part *b)
{
	uint64_t end_a = a->start + a->length, end_b = b->start + b->length;

	return a->start <= end_b && b->start <= end_a;
}

static struct file_part
parts_join(const struct file_part *a, const struct file_part *b)
{
	uint64_t start = a->start < b->start ? a->start : b->start;
	uint64_t end_a = a->start + a->length, end_b = b->start + b->length;

	return (struct file_part){
		.start = start, .length = (end_a > end_b ? end_a : end_b) - start};
}

/* Adds a part: to one that it touches, and then what has grown to the others that it does. It
 * stands where the first of them stood. */
static void
parts_add(struct file_part *parts, size_t *n, struct file_part fresh)
{
	size_t at = *n, i = 0;

	while (i < *n) {
		if (i == at || !parts_touch(&parts[i], &fresh)) {
			i++;
			continue;
		}
		fresh = parts_join(&parts[i], &fresh);
		if (at == *n) {
			at = i;
		} else {
			size_t gone = at > i ? at : i;

			at = at < i ? at : i;
			memmove(parts + gone, parts + gone + 1, (*n - gone - 1) * sizeof(*parts));
			(*n)--;
		}
		parts[at] = fresh;
		i = 0;
	}
	if (at == *n)
		(*n)++;
	parts[at] = fresh;
}

enum file_range
file_range_parse(struct slice value, uint64_t size, struct file_part ret[static FILE_RANGES_MAX],
	size_t *ret_n)
{
	size_t n = 0, asked = 0;
	struct slice element;

	if (!slice_istarts(value, SLICE_LIT("bytes=")))
		return FILE_RANGE_NONE;
	value = slice_skip(value, sizeof("bytes=") - 1);
	while (http_list_next(&value, &element)) {
		struct file_part part;

		if (++asked > FILE_RANGES_MAX)
			return FILE_RANGE_NONE;
		switch (parse_spec(element, size, &part)) {
		case SPEC_BAD:
			return FILE_RANGE_NONE;
		case SPEC_PART:
			parts_add(ret, &n, part);
			break;
		case SPEC_OUTSIDE:
			break;
		}
	}
	*ret_n = n;
	if (asked == 0)
		return FILE_RANGE_NONE;
	return n > 0 ? FILE_RANGE_PARTS : FILE_RANGE_OUTSIDE;
}
