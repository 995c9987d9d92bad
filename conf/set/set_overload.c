/* connections, buffer-memory, min-rate. */
#include "conf/overload.h"
#include "conf/setters.h"

#include "conf/parse.h"

#define CONNECTIONS_MIN 16
#define CONNECTIONS_MAX 1000000
#define BUFFER_MEMORY_MIN (UINT64_C(4) * 1024 * 1024)
#define MIN_RATE_MAX (UINT64_C(1024) * 1024)

static const uint64_t after_range_ms[2] = {1000, UINT64_C(3600) * 1000};

int
set_connections(struct parse *p, const struct directive *d)
{
	static const uint64_t range[2] = {CONNECTIONS_MIN, CONNECTIONS_MAX};
	struct conf_overload *o = &p->conf->overload;

	o->connections_ordinal = d->ordinal;
	if (slice_eq_str(d->words[1].text, "auto"))
		return 0;
	return word_read_number(p, &d->words[1], range, &o->connections);
}

int
set_buffer_memory(struct parse *p, const struct directive *d)
{
	struct conf_overload *o = &p->conf->overload;

	o->buffer_memory_ordinal = d->ordinal;
	if (slice_eq_str(d->words[1].text, "auto"))
		return 0;
	return word_read_size(p, &d->words[1], BUFFER_MEMORY_MIN, &o->buffer_memory);
}

int
set_min_rate(struct parse *p, const struct directive *d)
{
	struct conf_overload *o = &p->conf->overload;
	int after;

	o->min_rate_ordinal = d->ordinal;
	o->min_rate = 0;
	if (slice_eq_str(d->words[1].text, "off") && d->n == 2)
		return 0;
	if (word_read_size(p, &d->words[1], 1, &o->min_rate) < 0)
		return -1;
	if (o->min_rate > MIN_RATE_MAX)
		return parse_error(p, &d->words[1], "at most 1M: a slow line is no attack");
	if (d->n == 2)
		return 0;
	if (word_read_word(p, "min-rate", &d->words[2], &after) < 0)
		return -1;
	if (d->n == 3)
		return parse_error(p, &d->words[2], "the time is missing; write: after 30s");
	return word_read_time(p, &d->words[3], after_range_ms, &o->min_rate_after_ms);
}
