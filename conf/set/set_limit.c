/* limit connections N per source [to PORT...], limit rate|syn RATE [burst N] per source [to
 * PORT...] */
#include "conf/setters.h"

#include "conf/parse.h"
#include "core/num.h"

#define MS_PER_S 1000

/* The words of a limit, read from left to right. */
struct reader {
	struct parse *p;
	const struct directive *d;
	size_t at; /* of the next word */
};

static const struct word *
next_word(const struct reader *r)
{
	return r->at < r->d->n ? &r->d->words[r->at] : &r->d->after;
}

static bool
take(struct reader *r, const char *word)
{
	if (r->at >= r->d->n || !slice_eq_str(r->d->words[r->at].text, word))
		return false;
	r->at++;
	return true;
}

static int
read_rate(struct reader *r, struct conf_source_limit *limit)
{
	const struct word *w = next_word(r);

	if (word_read_rate(r->p, w, CONF_LIMIT_COUNT_MAX, &limit->count, &limit->period_ms) < 0)
		return -1;
	r->at++;
	limit->burst = limit->period_ms == MS_PER_S && limit->count > CONF_LIMIT_BURST_MIN
			       ? limit->count
			       : CONF_LIMIT_BURST_MIN;
	return 0;
}

static int
read_burst(struct reader *r, struct conf_source_limit *limit)
{
	static const uint64_t range[2] = {1, CONF_LIMIT_COUNT_MAX};
	uint64_t burst = 0;

	if (!take(r, "burst"))
		return 0;
	if (r->at >= r->d->n)
		return parse_error(r->p, next_word(r), "the number of \"burst\" is missing");
	if (word_read_number(r->p, next_word(r), range, &burst) < 0)
		return -1;
	r->at++;
	limit->burst = (uint32_t)burst;
	limit->burst_written = true;
	return 0;
}

static int
read_count(struct reader *r, struct conf_source_limit *limit)
{
	static const uint64_t range[2] = {1, CONF_LIMIT_COUNT_MAX};
	uint64_t count = 0;

	if (word_read_number(r->p, next_word(r), range, &count) < 0)
		return -1;
	r->at++;
	limit->count = (uint32_t)count;
	return 0;
}

static int
read_port(struct reader *r, struct conf_source_limit *limit)
{
	const struct word *w = next_word(r);
	struct conf_port_range *range;

	if (limit->n_ports == CONF_LIMIT_PORTS_MAX)
		return parse_error(
			r->p, w, "more than %d ports of one limit", CONF_LIMIT_PORTS_MAX);
	range = parse_add(r->p, &limit->ports, &limit->n_ports, sizeof(*range));
	if (!range)
		return -1;
	if (num_parse_ports(w->text, &range->low, &range->high) < 0)
		return parse_error(r->p, w,
			"\"%.*s\" is not a port or a range of ports; write 2222 or 6000-6010",
			WORD_ARG(w));
	for (size_t i = 0; i + 1 < limit->n_ports; i++)
		if (limit->ports[i].low <= range->high && range->low <= limit->ports[i].high)
			return parse_error(r->p, w, "\"%.*s\" overlaps %u, which stands before it",
				WORD_ARG(w), limit->ports[i].low);
	r->at++;
	return 0;
}

static int
read_ports(struct reader *r, struct conf_source_limit *limit)
{
	if (r->at >= r->d->n)
		return 0;
	if (!take(r, "to"))
		return parse_error(r->p, next_word(r),
			"\"%.*s\" is one word too many; \"to\" and ports may follow",
			WORD_ARG(next_word(r)));
	if (r->at >= r->d->n)
		return parse_error(r->p, next_word(r), "the ports behind \"to\" are missing");
	while (r->at < r->d->n)
		if (read_port(r, limit) < 0)
			return -1;
	return 0;
}

/* There are so many of a kind as the kernel's table has places for. */
static int
check_number(struct parse *p, const struct directive *d, enum conf_source_limit_kind kind)
{
	const struct conf_source_limits *all = &p->conf->source_limits;
	size_t of_kind = 0, max;

	for (size_t i = 0; i < all->n; i++)
		of_kind += (all->v[i].kind == CONF_LIMIT_SYN) == (kind == CONF_LIMIT_SYN);
	max = kind == CONF_LIMIT_SYN ? CONF_SYN_LIMITS_MAX : CONF_SOURCE_LIMITS_MAX;
	if (of_kind < max)
		return 0;
	return parse_error(p, &d->words[1], "more than %zu %s", max,
		kind == CONF_LIMIT_SYN ? "limits of SYNs" : "limits of rates and connections");
}

int
set_limit(struct parse *p, const struct directive *d)
{
	struct conf_source_limits *all = &p->conf->source_limits;
	struct reader r = {.p = p, .d = d, .at = 2};
	struct conf_source_limit *limit;
	int kind;

	if (word_read_word(p, "limit", &d->words[1], &kind) < 0 ||
		check_number(p, d, (enum conf_source_limit_kind)kind) < 0)
		return -1;
	limit = parse_add(p, &all->v, &all->n, sizeof(*limit));
	if (!limit)
		return -1;
	limit->ordinal = d->ordinal;
	limit->kind = (enum conf_source_limit_kind)kind;
	if (limit->kind == CONF_LIMIT_CONNECTIONS) {
		if (read_count(&r, limit) < 0)
			return -1;
	} else if (read_rate(&r, limit) < 0 || read_burst(&r, limit) < 0) {
		return -1;
	}
	if (!take(&r, "per") || !take(&r, "source"))
		return parse_error(p, next_word(&r), "here stands \"per source\"; write: limit %s",
			limit->kind == CONF_LIMIT_CONNECTIONS ? "connections 50 per source"
			: limit->kind == CONF_LIMIT_SYN       ? "syn 100/s burst 200 per source"
							      : "rate 20/s burst 40 per source");
	return read_ports(&r, limit);
}
