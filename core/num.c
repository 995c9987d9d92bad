/* Numbers from outside, each kind with its one parser. Pure. */
#include "core/num.h"

#include <inttypes.h>
#include <stdio.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* The largest first, as the printer wants them. */
static const struct unit sizes[] = {
	{"G", UINT64_C(1) << 30},
	{"M", UINT64_C(1) << 20},
	{"K", UINT64_C(1) << 10},
	{"", 1},
};

static const struct unit times[] = {
	{"d", UINT64_C(24) * 60 * 60 * 1000},
	{"h", UINT64_C(60) * 60 * 1000},
	{"m", UINT64_C(60) * 1000},
	{"s", 1000},
	{"ms", 1},
};

static const struct unit periods[] = {{"s", 1000}, {"m", 60000}, {"h", 3600000}};

int
num_parse(struct slice s, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t value = 0;

	if (s.n == 0)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t digit = (uint64_t)(unsigned char)s.p[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(value, UINT64_C(10), &value) ||
			__builtin_add_overflow(value, digit, &value))
			return -1;
	}
	if (value < min || value > max)
		return -1;
	*ret = value;
	return 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
num_parse_hex(struct slice s, uint64_t *ret)
{
	uint64_t value = 0;

	if (s.n == 0 || s.n > 16)
		return -1;
	for (size_t i = 0; i < s.n; i++) {
		int digit = hex_digit(s.p[i]);

		if (digit < 0)
			return -1;
		value = value << 4 | (uint64_t)digit;
	}
	*ret = value;
	return 0;
}

/* Digits, then exactly one of the units' names. */
static int
parse_with_unit(struct slice s, const struct unit *units, size_t n_units, uint64_t *ret)
{
	size_t digits = 0;
	uint64_t value;

	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	if (num_parse(slice_head(s, digits), 0, UINT64_MAX, &value) < 0)
		return -1;
	for (size_t i = 0; i < n_units; i++) {
		if (!slice_eq_str(slice_skip(s, digits), units[i].name))
			continue;
		return __builtin_mul_overflow(value, units[i].factor, ret) ? -1 : 0;
	}
	return -1;
}

int
num_parse_size(struct slice s, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t value;

	if (parse_with_unit(s, sizes, sizeof(sizes) / sizeof(sizes[0]), &value) < 0)
		return -1;
	if (value < min || value > max)
		return -1;
	*ret = value;
	return 0;
}

int
num_parse_time(struct slice s, uint64_t min_ms, uint64_t max_ms, uint64_t *ret_ms)
{
	uint64_t value;

	if (parse_with_unit(s, times, sizeof(times) / sizeof(times[0]), &value) < 0)
		return -1;
	if (value < min_ms || value > max_ms)
		return -1;
	*ret_ms = value;
	return 0;
}

int
num_parse_rate(struct slice s, uint64_t max, uint64_t *ret_count, uint64_t *ret_period_ms)
{
	size_t slash = slice_index(s, '/');
	uint64_t count;

	if (num_parse(slice_head(s, slash), 1, max, &count) < 0 || slash == s.n)
		return -1;
	for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
		if (!slice_eq_str(slice_skip(s, slash + 1), periods[i].name))
			continue;
		*ret_count = count;
		*ret_period_ms = periods[i].factor;
		return 0;
	}
	return -1;
}

int
num_parse_ports(struct slice s, uint16_t *ret_low, uint16_t *ret_high)
{
	size_t dash = slice_index(s, '-');
	uint64_t low, high;

	if (num_parse(slice_head(s, dash), 1, UINT16_MAX, &low) < 0)
		return -1;
	high = low;
	if (dash < s.n && num_parse(slice_skip(s, dash + 1), low, UINT16_MAX, &high) < 0)
		return -1;
	*ret_low = (uint16_t)low;
	*ret_high = (uint16_t)high;
	return 0;
}

static const char *
print_with_unit(uint64_t value, const struct unit *u, char out[static NUM_TEXT_MAX])
{
	/* The last unit of each table has the factor 1, so this ends. 0 takes it, too. */
	while (u->factor > 1 && (value == 0 || value % u->factor != 0))
		u++;
	(void)snprintf(out, NUM_TEXT_MAX, "%" PRIu64 "%s", value / u->factor, u->name);
	return out;
}

const char *
num_print_size(uint64_t bytes, char out[static NUM_TEXT_MAX])
{
	return print_with_unit(bytes, sizes, out);
}

const char *
num_print_time(uint64_t ms, char out[static NUM_TEXT_MAX])
{
	return print_with_unit(ms, times, out);
}

const char *
num_print_rate(uint64_t count, uint64_t period_ms, char out[static NUM_TEXT_MAX])
{
	const char *name = "?";

	for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++)
		if (periods[i].factor == period_ms)
			name = periods[i].name;
	(void)snprintf(out, NUM_TEXT_MAX, "%" PRIu64 "/%s", count, name);
	return out;
}
