/* Kinds of words that several setters read: sizes, times, numbers, ports, networks, paths, known
 * words. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/suggest.h"
#include "conf/value.h"
#include "core/num.h"

#include <inttypes.h>
#include <stdio.h>

#define SIZE_LIMIT ((uint64_t)1 << 40)

/* The word is none of its kind: what was meant, or how such a one is written. Always -1. */
static int
bad_value(struct parse *p, const struct word *w, enum suggest_kind kind)
{
	static const struct {
		const char *name, *how;
	} kinds[] = {
		[SUGGEST_SIZE] = {"size", "write bytes or, upper case, 64K, 10M or 1G"},
		[SUGGEST_TIME] = {"time", "write it with its unit, lower case: 500ms, 90s, 15m, "
					  "24h or 7d"},
		[SUGGEST_RATE] = {"rate", ""},
	};
	char text[SUGGEST_VALUE_MAX];
	const char *meant = suggest_value(kind, w->text, text);

	/* Written as it should be: it does not fit in any number. */
	if (meant && slice_eq_str(w->text, meant))
		return parse_error(
			p, w, "%.*s is out of range of any %s", WORD_ARG(w), kinds[kind].name);
	if (meant)
		return parse_error(p, w, "\"%.*s\" is not a %s; did you mean \"%s\"?", WORD_ARG(w),
			kinds[kind].name, meant);
	return parse_error(
		p, w, "\"%.*s\" is not a %s; %s", WORD_ARG(w), kinds[kind].name, kinds[kind].how);
}

int
word_read_size(struct parse *p, const struct word *w, uint64_t min, uint64_t *ret)
{
	return word_read_size_up_to(p, w, (const uint64_t[]){min, SIZE_LIMIT}, ret);
}

int
word_read_size_up_to(
	struct parse *p, const struct word *w, const uint64_t range[static 2], uint64_t *ret)
{
	char low[NUM_TEXT_MAX], high[NUM_TEXT_MAX];
	uint64_t size;

	if (num_parse_size(w->text, range[0], range[1], ret) == 0)
		return 0;
	if (num_parse_size(w->text, 0, UINT64_MAX, &size) < 0)
		return bad_value(p, w, SUGGEST_SIZE);
	return parse_error(p, w, "%.*s is out of range; it must be %s to %s", WORD_ARG(w),
		num_print_size(range[0], low), num_print_size(range[1], high));
}

int
word_read_time(
	struct parse *p, const struct word *w, const uint64_t range_ms[static 2], uint64_t *ret_ms)
{
	char low[NUM_TEXT_MAX], high[NUM_TEXT_MAX];
	uint64_t ms;

	if (num_parse_time(w->text, range_ms[0], range_ms[1], ret_ms) == 0)
		return 0;
	if (num_parse_time(w->text, 0, UINT64_MAX, &ms) < 0)
		return bad_value(p, w, SUGGEST_TIME);
	return parse_error(p, w, "%.*s is out of range; it must be %s to %s", WORD_ARG(w),
		num_print_time(range_ms[0], low), num_print_time(range_ms[1], high));
}

int
word_read_rate(struct parse *p, const struct word *w, uint32_t max, uint32_t *ret_count,
	uint64_t *ret_period_ms)
{
	char text[SUGGEST_VALUE_MAX];
	uint64_t count;

	if (num_parse_rate(w->text, max, &count, ret_period_ms) == 0) {
		*ret_count = (uint32_t)count;
		return 0;
	}
	if (suggest_value(SUGGEST_RATE, w->text, text))
		return bad_value(p, w, SUGGEST_RATE);
	return parse_error(p, w,
		"\"%.*s\" is not a rate; write how many in a second, minute or hour, from "
		"1 to %" PRIu32 ": 20/s, 600/m or 5/h",
		WORD_ARG(w), max);
}

int
word_read_number(
	struct parse *p, const struct word *w, const uint64_t range[static 2], uint64_t *ret)
{
	if (num_parse(w->text, range[0], range[1], ret) == 0)
		return 0;
	return parse_error(p, w, "\"%.*s\" is not a number from %" PRIu64 " to %" PRIu64,
		WORD_ARG(w), range[0], range[1]);
}

int
word_read_port(struct parse *p, const struct word *w, struct slice text, uint16_t *ret)
{
	uint64_t port;

	if (num_parse(text, 1, UINT16_MAX, &port) < 0)
		return parse_error(p, w,
			"\"%.*s\" is not a port; a port is a number from 1 to 65535",
			SLICE_ARG(slice_head(text, WORD_SHOWN)));
	*ret = (uint16_t)port;
	return 0;
}

int
word_read_network(struct parse *p, const struct word *w, struct prefix *ret)
{
	struct prefix network;
	char text[ADDR_TEXT_MAX];

	if (addr_parse(w->text, &ret->addr) == 0) {
		ret->len = (uint8_t)(addr_len(&ret->addr) * 8);
		return 0;
	}
	if (prefix_parse(w->text, ret) < 0)
		return parse_error(p, w,
			"\"%.*s\" is not an address or CIDR; write 198.51.100.7, 198.51.100.0/24 "
			"or 2001:db8::/32",
			WORD_ARG(w));
	network = prefix_network(ret);
	if (!addr_eq(&network.addr, &ret->addr))
		return parse_error(p, w, "\"%.*s\" has bits beyond its length; write %s",
			WORD_ARG(w), prefix_print(&network, text));
	return 0;
}

/* "plain or tls", "connect, read, send or idle": the words that the directive knows. */
static const char *
known_words(const char *directive, char *out, size_t out_size)
{
	size_t n = 0, left = 0;

	for (size_t i = 0; i < schema_n_words(); i++)
		left += strcmp(schema_word(i)->directive, directive) == 0;
	for (size_t i = 0; i < schema_n_words() && n < out_size; i++) {
		if (strcmp(schema_word(i)->directive, directive) != 0)
			continue;
		left--;
		n += (size_t)snprintf(out + n, out_size - n, "\"%s\"%s", schema_word(i)->word,
			left > 1    ? ", "
			: left == 1 ? " or "
				    : "");
	}
	return out;
}

int
word_read_word(struct parse *p, const char *directive, const struct word *w, int *ret)
{
	int value = schema_word_value(directive, w->text);
	const char *near;
	char known[128];

	if (value >= 0) {
		*ret = value;
		return 0;
	}
	near = suggest_word(directive, w->text);
	if (near)
		return parse_error(
			p, w, "unknown word \"%.*s\"; did you mean \"%s\"?", WORD_ARG(w), near);
	return parse_error(p, w, "unknown word \"%.*s\"; here may stand %s", WORD_ARG(w),
		known_words(directive, known, sizeof(known)));
}

int
word_read_checked(struct parse *p, const struct word *w, const char *why, char **ret)
{
	char *copy;

	if (why)
		return parse_error(p, w, "\"%.*s\" %s", WORD_ARG(w), why);
	copy = parse_dup(p, w->text);
	if (!copy)
		return -1;
	*ret = copy;
	return 0;
}

int
word_read_file(struct parse *p, const struct word *w, char **ret)
{
	return word_read_checked(p, w, value_file(w->text), ret);
}
