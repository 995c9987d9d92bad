/*
 * Lays a JSON array of objects out as a table. Widths are counted in characters, not bytes.
 */
#include "daemon/ctl/ctl_table.h"

#include "core/own.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 12
#define CELL_MAX (16 * 1024)
#define GAP 2

static int
append_text(const char *text, struct buf *out)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (buf_append_slice(
			    out, c < 0x20 || c == 0x7f ? SLICE_LIT("?") : slice_of(text, 1)) < 0)
			return -1;
	}
	return 0;
}

static int
append_array(const json_t *array, struct buf *out)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));

		if (i > 0 && buf_append_byte(out, ',') < 0)
			return -1;
		if (append_text(text ? text : "?", out) < 0)
			return -1;
	}
	return 0;
}

int
ctl_value_print(const json_t *value, struct buf *out)
{
	size_t before = buf_len(out);
	int rc = 0;

	if (json_is_string(value))
		rc = append_text(json_string_value(value), out);
	else if (json_is_integer(value))
		rc = buf_printf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		rc = buf_append_str(out, json_is_true(value) ? "yes" : "no");
	else if (json_is_array(value))
		rc = append_array(value, out);
	if (rc == 0 && buf_len(out) == before)
		rc = buf_append_byte(out, '-');
	return rc;
}

static size_t
width_of(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

/* One cell, padded to its column unless it is the last one. */
static int
append_cell(struct slice text, size_t width, bool last, struct buf *out)
{
	if (buf_append_slice(out, text) < 0)
		return -1;
	if (last)
		return buf_append_byte(out, '\n');
	for (size_t i = width_of(text); i < width + GAP; i++)
		if (buf_append_byte(out, ' ') < 0)
			return -1;
	return 0;
}

static int
measure(const struct ctl_column *column, const json_t *array, size_t *ret)
{
	_cleanup_(buf_clear) struct buf cell = {0};
	size_t widest = strlen(column->title);

	buf_init(&cell, CELL_MAX);
	for (size_t i = 0; i < json_array_size(array); i++) {
		size_t width;

		buf_reset(&cell);
		if (ctl_value_print(json_object_get(json_array_get(array, i), column->key), &cell) <
			0)
			return -1;
		width = width_of(buf_slice(&cell));
		widest = width > widest ? width : widest;
	}
	*ret = widest;
	return 0;
}

static int
append_row(const struct ctl_column *columns, size_t n, const size_t *widths, const json_t *object,
	struct buf *out)
{
	_cleanup_(buf_clear) struct buf cell = {0};

	buf_init(&cell, CELL_MAX);
	for (size_t i = 0; i < n; i++) {
		buf_reset(&cell);
		if (ctl_value_print(json_object_get(object, columns[i].key), &cell) < 0 ||
			append_cell(buf_slice(&cell), widths[i], i + 1 == n, out) < 0)
			return -1;
	}
	return 0;
}

int
ctl_table_print(const struct ctl_column *columns, size_t n, const json_t *array, struct buf *out)
{
	size_t widths[COLUMNS_MAX];

	if (n > COLUMNS_MAX)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (measure(&columns[i], array, &widths[i]) < 0)
			return -1;
	for (size_t i = 0; i < n; i++)
		if (append_cell(slice_str(columns[i].title), widths[i], i + 1 == n, out) < 0)
			return -1;
	for (size_t i = 0; i < json_array_size(array); i++)
		if (append_row(columns, n, widths, json_array_get(array, i), out) < 0)
			return -1;
	return 0;
}

const char *
ctl_bytes_print(json_int_t bytes, char out[static CTL_BYTES_MAX])
{
	static const char units[] = "KMGT";
	double value = (double)bytes;
	size_t unit = 0;

	if (bytes < 1024) {
		(void)snprintf(out, CTL_BYTES_MAX, "%lld", (long long)bytes);
		return out;
	}
	for (value /= 1024; value >= 1024 && unit + 2 < sizeof(units); value /= 1024)
		unit++;
	(void)snprintf(out, CTL_BYTES_MAX, value < 10 ? "%.1f%c" : "%.0f%c", value, units[unit]);
	return out;
}
