/* How a route treats its targets: balance, passive, upstream-ca, upstream-verify. What they say of
 * each other is checked when the route is whole, in check_upstream.c. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/value.h"

#define FAILURES_MAX 1000

static const uint64_t window_range_ms[2] = {1000, UINT64_C(3600) * 1000};

static struct conf_upstream *
open_upstream(struct parse *p)
{
	return &p->conf->sites[p->site].routes[p->route].upstream;
}

/* ---- balance ---- */

/* What follows `hash`, and the name of the header or cookie. */
static int
read_hash(struct parse *p, const struct directive *d, struct conf_upstream *u)
{
	const struct word *what = &d->words[2];
	bool named;
	int value;

	if (d->n < 3)
		return parse_error(p, &d->after,
			"say what is hashed: client, uri, header NAME or cookie NAME");
	if (word_read_word(p, "balance hash", what, &value) < 0)
		return -1;
	u->balance = (enum conf_balance)value;
	named = value == CONF_BALANCE_HASH_HEADER || value == CONF_BALANCE_HASH_COOKIE;
	if (named && d->n < 4)
		return parse_error(p, &d->after, "the name of the %.*s is missing", WORD_ARG(what));
	if (!named && d->n > 3)
		return parse_error(
			p, &d->words[3], "\"%.*s\" is one word too many", WORD_ARG(&d->words[3]));
	if (!named)
		return 0;
	return word_read_checked(p, &d->words[3], value_token(d->words[3].text), &u->balance_name);
}

int
set_balance(struct parse *p, const struct directive *d)
{
	struct conf_upstream *u = open_upstream(p);
	int value;

	u->balance_ordinal = d->ordinal;
	if (word_read_word(p, "balance", &d->words[1], &value) < 0)
		return -1;
	u->balance = (enum conf_balance)value;
	if (value == CONF_BALANCE_HASH_CLIENT)
		return read_hash(p, d, u);
	if (d->n > 2)
		return parse_error(
			p, &d->words[2], "\"%.*s\" is one word too many", WORD_ARG(&d->words[2]));
	return 0;
}

/* ---- passive ---- */

enum { PASSIVE_OFF, PASSIVE_FAIL, PASSIVE_IN, PASSIVE_FOR, PASSIVE_COUNT };

static int
read_passive(struct parse *p, const struct directive *d, size_t i, struct conf_upstream *u)
{
	static const uint64_t failures[2] = {1, FAILURES_MAX};
	const struct word *value = &d->words[i + 1];
	uint64_t fail;
	int which;

	if (word_read_word(p, "passive", &d->words[i], &which) < 0)
		return -1;
	if (which == PASSIVE_OFF)
		return parse_error(p, &d->words[i], "\"off\" stands alone");
	if (i + 1 == d->n)
		return parse_error(p, &d->words[i], "the value of \"%.*s\" is missing",
			WORD_ARG(&d->words[i]));
	if (which == PASSIVE_IN)
		return word_read_time(p, value, window_range_ms, &u->passive_in_ms);
	if (which == PASSIVE_FOR)
		return word_read_time(p, value, window_range_ms, &u->passive_for_ms);
	if (word_read_number(p, value, failures, &fail) < 0)
		return -1;
	u->passive_fail = (uint32_t)fail;
	return 0;
}

int
set_passive(struct parse *p, const struct directive *d)
{
	struct conf_upstream *u = open_upstream(p);

	u->passive_ordinal = d->ordinal;
	u->passive_fail = CONF_PASSIVE_FAIL;
	u->passive_in_ms = CONF_PASSIVE_IN_MS;
	u->passive_for_ms = CONF_PASSIVE_FOR_MS;
	if (d->n == 2 && slice_eq_str(d->words[1].text, "off")) {
		u->passive_fail = 0;
		return 0;
	}
	for (size_t i = 1; i < d->n; i += 2)
		if (read_passive(p, d, i, u) < 0)
			return -1;
	return 0;
}

/* ---- certificates of targets ---- */

static struct conf_trust *
open_trust(struct parse *p)
{
	switch (p->scopes[p->depth].context) {
	case CONTEXT_SITE:
		return &p->conf->sites[p->site].trust;
	case CONTEXT_ROUTE:
		return &p->conf->sites[p->site].routes[p->route].trust;
	case CONTEXT_TOP:
	case CONTEXT_CONTAINER:
	case CONTEXT_COUNT:
		break;
	}
	return &p->conf->trust;
}

int
set_upstream_ca(struct parse *p, const struct directive *d)
{
	struct conf_trust *trust = open_trust(p);

	trust->ca_ordinal = d->ordinal;
	if (slice_eq_str(d->words[1].text, "system"))
		return 0;
	return word_read_file(p, &d->words[1], &trust->ca_file);
}

int
set_upstream_verify(struct parse *p, const struct directive *d)
{
	struct conf_trust *trust = open_trust(p);
	int value;

	trust->verify_ordinal = d->ordinal;
	if (word_read_word(p, "upstream-verify", &d->words[1], &value) < 0)
		return -1;
	trust->verify = value != 0;
	return 0;
}
