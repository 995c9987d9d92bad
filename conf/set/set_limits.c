/* What may stand at top level, in a site and in a route: body-limit, encoded and timeout. */
#include "conf/setters.h"

#include "conf/parse.h"

static const uint64_t timeout_range_ms[2] = {1, UINT64_C(7) * 24 * 3600 * 1000};

/* The limits of the block that is open. */
static struct conf_limits *
open_limits(struct parse *p)
{
	switch (p->scopes[p->depth].context) {
	case CONTEXT_SITE:
		return &p->conf->sites[p->site].limits;
	case CONTEXT_ROUTE:
		return &p->conf->sites[p->site].routes[p->route].limits;
	case CONTEXT_TOP:
	case CONTEXT_CONTAINER:
	case CONTEXT_COUNT:
		break;
	}
	return &p->conf->limits;
}

int
set_body_limit(struct parse *p, const struct directive *d)
{
	struct conf_limits *limits = open_limits(p);

	if (slice_eq_str(d->words[1].text, "0"))
		return parse_error(p, &d->words[1], "write \"off\" for no limit");
	if (slice_eq_str(d->words[1].text, "off"))
		limits->body_limit = 0;
	else if (word_read_size(p, &d->words[1], 1, &limits->body_limit) < 0)
		return -1;
	limits->body_limit_written = true;
	limits->body_limit_ordinal = d->ordinal;
	return 0;
}

int
set_encoded(struct parse *p, const struct directive *d)
{
	struct conf_limits *limits = open_limits(p);
	int refuse, which;

	limits->encoded_written = true;
	limits->encoded_ordinal = d->ordinal;
	limits->encoded_refused = 0;
	if (word_read_word(p, "encoded", &d->words[1], &refuse) < 0)
		return -1;
	if (refuse && d->n == 2)
		return parse_error(p, &d->after,
			"what is refused is missing; write: encoded refuse slash backslash");
	if (!refuse && d->n > 2)
		return parse_surplus(p, d, &d->words[2]);
	for (size_t i = 2; i < d->n; i++) {
		if (word_read_word(p, "encoded refuse", &d->words[i], &which) < 0)
			return -1;
		if (limits->encoded_refused >> which & 1)
			return parse_error(p, &d->words[i], "\"%.*s\" stands here twice",
				WORD_ARG(&d->words[i]));
		limits->encoded_refused |= 1U << which;
	}
	return 0;
}

static int
set_one_timeout(struct parse *p, const struct directive *d, size_t i)
{
	struct conf_limits *limits = open_limits(p);
	char where[PARSE_WHERE_MAX];
	int which;

	if (word_read_word(p, "timeout", &d->words[i], &which) < 0)
		return -1;
	if (i + 1 == d->n)
		return parse_error(
			p, &d->words[i], "the time of \"%.*s\" is missing", WORD_ARG(&d->words[i]));
	if (limits->timeout_written[which])
		return parse_error(p, &d->words[i], "\"timeout %.*s\" stands here already, %s",
			WORD_ARG(&d->words[i]),
			parse_where(p, limits->timeout_ordinal[which], d->ordinal, where));
	if (word_read_time(p, &d->words[i + 1], timeout_range_ms, &limits->timeout_ms[which]) < 0)
		return -1;
	limits->timeout_written[which] = true;
	limits->timeout_ordinal[which] = d->ordinal;
	return 0;
}

int
set_timeout(struct parse *p, const struct directive *d)
{
	int ret = 0;

	for (size_t i = 1; i < d->n; i += 2)
		if (set_one_timeout(p, d, i) < 0)
			ret = -1;
	return ret;
}
