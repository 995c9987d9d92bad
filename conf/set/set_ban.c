/* Bans: after how much, for how long, and never whom. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "core/num.h"

#define AFTER_WORDS 8 /* ban after N violations in TIME for TIME */
#define AFTER_USAGE "write: ban after 20 violations in 1m for 1h"

static const uint64_t window_range_ms[2] = {UINT64_C(1000), UINT64_C(24) * 3600 * 1000};
static const uint64_t for_range_ms[2] = {UINT64_C(1000), UINT64_C(30) * 24 * 3600 * 1000};

static int
set_ban_after(struct parse *p, const struct directive *d)
{
	static const uint64_t count_range[2] = {1, CONF_BAN_COUNT_MAX};
	static const char *const fixed[AFTER_WORDS] = {[3] = "violations", [4] = "in", [6] = "for"};
	struct conf_ban *ban = &p->conf->ban;
	char where[PARSE_WHERE_MAX];
	uint64_t count = 0;

	if (ban->ordinal)
		return parse_error(p, &d->words[1], "\"ban after\" stands here already, %s",
			parse_where(p, ban->ordinal, d->ordinal, where));
	ban->ordinal = d->ordinal;
	for (size_t i = 0; i < AFTER_WORDS; i++) {
		if (i >= d->n)
			return parse_error(p, &d->after, "the rest is missing; " AFTER_USAGE);
		if (fixed[i] && !slice_eq_str(d->words[i].text, fixed[i]))
			return parse_error(
				p, &d->words[i], "here stands \"%s\"; " AFTER_USAGE, fixed[i]);
	}
	if (d->n > AFTER_WORDS)
		return parse_error(p, &d->words[AFTER_WORDS], "nothing may follow; " AFTER_USAGE);
	if (word_read_number(p, &d->words[2], count_range, &count) < 0 ||
		word_read_time(p, &d->words[5], window_range_ms, &ban->window_ms) < 0)
		return -1;
	ban->count = (uint32_t)count;
	return word_read_time(p, &d->words[7], for_range_ms, &ban->for_ms);
}

static int
set_ban_never(struct parse *p, const struct directive *d)
{
	struct conf_ban *ban = &p->conf->ban;

	if (d->n < 3)
		return parse_error(p, &d->after,
			"the addresses are missing; write: ban never 198.51.100.0/24");
	for (size_t i = 2; i < d->n; i++) {
		struct conf_ban_never *never;

		if (ban->n_never == CONF_BAN_NEVER_MAX)
			return parse_error(p, &d->words[i],
				"more than %d addresses that are "
				"never banned",
				CONF_BAN_NEVER_MAX);
		never = parse_add(p, &ban->never, &ban->n_never, sizeof(*never));
		if (!never)
			return -1;
		never->ordinal = d->ordinal;
		if (word_read_network(p, &d->words[i], &never->net) < 0)
			return -1;
	}
	return 0;
}

enum ban_word { BAN_AFTER, BAN_NEVER };

int
set_ban(struct parse *p, const struct directive *d)
{
	int word;

	if (word_read_word(p, "ban", &d->words[1], &word) < 0)
		return -1;
	return word == BAN_AFTER ? set_ban_after(p, d) : set_ban_never(p, d);
}
