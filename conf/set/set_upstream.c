/* How a route treats its targets: balance, passive, check, slow-start, max-connections,
 * upstream-ca, upstream-verify. What they say of each other is checked when the route is whole, in
 * check_upstream.c. */
#include "conf/setters.h"

#include "conf/parse.h"
#include "conf/value.h"

#include "core/num.h"

#define FAILURES_MAX 1000
#define RESULTS_MAX 100 /* of checks in a row */
#define CONNECTIONS_MAX 100000
#define QUEUE_MAX 10000

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

/* ---- check ---- */

/* The words behind tcp or http PATH; their values stand in the schema. */
enum {
	CHECK_EVERY = CONF_CHECK_HTTP + 1,
	CHECK_TIMEOUT,
	CHECK_FALL,
	CHECK_RISE,
	CHECK_STATUS,
};

/* "204", or "2xx" for all of them. */
static int
read_status(struct parse *p, const struct word *w, struct conf_upstream *u)
{
	uint64_t code;

	if (w->text.n == 3 && w->text.p[0] >= '1' && w->text.p[0] <= '5' &&
		memcmp(w->text.p + 1, "xx", 2) == 0) {
		u->check_status_low = (uint16_t)((w->text.p[0] - '0') * 100);
		u->check_status_high = (uint16_t)(u->check_status_low + 99);
		return 0;
	}
	if (num_parse(w->text, 100, 599, &code) < 0)
		return parse_error(p, w,
			"\"%.*s\" is no status; write a number from 100 to 599, or 2xx for all "
			"that "
			"begin with 2",
			WORD_ARG(w));
	u->check_status_low = u->check_status_high = (uint16_t)code;
	return 0;
}

static int
read_results(struct parse *p, const struct word *w, uint32_t *ret)
{
	static const uint64_t range[2] = {1, RESULTS_MAX};
	uint64_t n;

	if (word_read_number(p, w, range, &n) < 0)
		return -1;
	*ret = (uint32_t)n;
	return 0;
}

static int
read_check_option(struct parse *p, const struct directive *d, size_t i, struct conf_upstream *u)
{
	static const uint64_t every_ms[2] = {100, UINT64_C(3600) * 1000};
	static const uint64_t timeout_ms[2] = {10, 60000};
	const struct word *value = &d->words[i + 1];
	int which;

	if (word_read_word(p, "check", &d->words[i], &which) < 0)
		return -1;
	if (which <= CONF_CHECK_HTTP)
		return parse_error(p, &d->words[i], "a check is either tcp or http, once");
	if (i + 1 == d->n)
		return parse_error(p, &d->words[i], "the value of \"%.*s\" is missing",
			WORD_ARG(&d->words[i]));
	switch (which) {
	case CHECK_EVERY:
		return word_read_time(p, value, every_ms, &u->check_every_ms);
	case CHECK_TIMEOUT:
		return word_read_time(p, value, timeout_ms, &u->check_timeout_ms);
	case CHECK_FALL:
		return read_results(p, value, &u->check_fall);
	case CHECK_RISE:
		return read_results(p, value, &u->check_rise);
	default:
		break;
	}
	if (u->check != CONF_CHECK_HTTP)
		return parse_error(p, &d->words[i], "a check by tcp knows no status");
	return read_status(p, value, u);
}

int
set_check(struct parse *p, const struct directive *d)
{
	struct conf_upstream *u = open_upstream(p);
	size_t i = 2;
	int kind;

	u->check_ordinal = d->ordinal;
	u->check_every_ms = CONF_CHECK_EVERY_MS;
	u->check_timeout_ms = CONF_CHECK_TIMEOUT_MS;
	u->check_fall = CONF_CHECK_FALL;
	u->check_rise = CONF_CHECK_RISE;
	u->check_status_low = 200;
	u->check_status_high = 299;
	if (word_read_word(p, "check", &d->words[1], &kind) < 0)
		return -1;
	if (kind > CONF_CHECK_HTTP)
		return parse_error(p, &d->words[1], "first comes tcp, or http and a path");
	u->check = (enum conf_check)kind;
	if (kind == CONF_CHECK_HTTP) {
		if (d->n < 3)
			return parse_error(p, &d->after, "the path of the check is missing");
		if (word_read_checked(p, &d->words[2], value_target_path(d->words[2].text),
			    &u->check_path) < 0)
			return -1;
		i = 3;
	}
	for (; i < d->n; i += 2)
		if (read_check_option(p, d, i, u) < 0)
			return -1;
	return 0;
}

/* ---- slow-start, max-connections ---- */

int
set_slow_start(struct parse *p, const struct directive *d)
{
	struct conf_upstream *u = open_upstream(p);

	u->slow_start_ordinal = d->ordinal;
	return word_read_time(p, &d->words[1], window_range_ms, &u->slow_start_ms);
}

/* `queue N [timeout TIME]` from word i on. */
static int
read_queue(struct parse *p, const struct directive *d, struct conf_upstream *u)
{
	static const uint64_t timeout_ms[2] = {1, 600000};
	static const uint64_t range[2] = {1, QUEUE_MAX};
	uint64_t n;

	if (d->n == 2)
		return 0;
	if (!slice_eq_str(d->words[2].text, "queue") || d->n == 3)
		return parse_error(
			p, &d->words[2], "write: max-connections N queue N [timeout TIME]");
	if (word_read_number(p, &d->words[3], range, &n) < 0)
		return -1;
	u->queue = (uint32_t)n;
	if (d->n == 4)
		return 0;
	if (!slice_eq_str(d->words[4].text, "timeout") || d->n == 5)
		return parse_error(
			p, &d->words[4], "write: max-connections N queue N [timeout TIME]");
	return word_read_time(p, &d->words[5], timeout_ms, &u->queue_timeout_ms);
}

int
set_max_connections(struct parse *p, const struct directive *d)
{
	static const uint64_t range[2] = {1, CONNECTIONS_MAX};
	struct conf_upstream *u = open_upstream(p);
	uint64_t n;

	u->connections_ordinal = d->ordinal;
	u->queue_timeout_ms = CONF_QUEUE_TIMEOUT_MS;
	if (word_read_number(p, &d->words[1], range, &n) < 0)
		return -1;
	u->connections = (uint32_t)n;
	return read_queue(p, d, u);
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
