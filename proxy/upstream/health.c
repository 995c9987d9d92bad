/* The changes of a target's state. */
#include "proxy/upstream/health.h"

#define SLOW_START_FLOOR 5 /* percent of its share that it begins with */

enum health_state
health_state(const struct health *h, uint64_t now)
{
	if (h->check_down)
		return HEALTH_DOWN;
	if (h->out_until_ms == 0)
		return HEALTH_UP;
	return now < h->out_until_ms ? HEALTH_DOWN : HEALTH_TRYING;
}

uint32_t
health_weight(
	const struct health *h, const struct health_rules *rules, uint32_t weight, uint64_t now)
{
	uint32_t full = weight * HEALTH_WEIGHT_SCALE;
	uint64_t since = now > h->up_ms ? now - h->up_ms : 0;
	uint64_t part;

	if (h->up_ms == 0 || since >= rules->slow_start_ms)
		return full;
	part = full * since / rules->slow_start_ms;
	if (part < (uint64_t)full * SLOW_START_FLOOR / 100)
		part = (uint64_t)full * SLOW_START_FLOOR / 100;
	return (uint32_t)part;
}

void
health_take(struct health *h, uint64_t now)
{
	if (health_state(h, now) == HEALTH_TRYING)
		h->out_until_ms = now + HEALTH_TRY_MS;
}

bool
health_failed(struct health *h, const struct health_rules *rules, uint64_t now)
{
	bool was_out = h->out_until_ms != 0;

	h->failed_ms = now;
	if (rules->passive_fail == 0)
		return false;
	if (h->failed_in_row == 0 || now > h->first_failed_ms + rules->passive_in_ms) {
		h->first_failed_ms = now;
		h->failed_in_row = 0;
	}
	h->failed_in_row++;
	if (!was_out && h->failed_in_row < rules->passive_fail)
		return false;
	h->out_until_ms = now + rules->passive_for_ms;
	return !was_out;
}

bool
health_answered(struct health *h, uint64_t now)
{
	h->failed_in_row = 0;
	if (h->out_until_ms == 0)
		return false;
	h->out_until_ms = 0;
	h->up_ms = now;
	return !h->check_down;
}

bool
health_checked(struct health *h, const struct health_rules *rules, bool good, uint64_t now)
{
	bool was_down = h->check_down || h->out_until_ms != 0;

	if (!good) {
		h->checks_good = 0;
		h->failed_ms = now;
		if (h->check_down || ++h->checks_bad < rules->fall)
			return false;
		h->check_down = true;
		return !was_down;
	}
	h->checks_bad = 0;
	if (!was_down || ++h->checks_good < rules->rise)
		return false;
	health_unchecked(h);
	h->out_until_ms = 0;
	h->failed_in_row = 0;
	h->up_ms = now;
	return true;
}

void
health_unchecked(struct health *h)
{
	h->check_down = false;
	h->checks_bad = 0;
	h->checks_good = 0;
}

const char *
health_state_name(enum health_state state)
{
	switch (state) {
	case HEALTH_UP:
		return "up";
	case HEALTH_DOWN:
		return "down";
	case HEALTH_TRYING:
		return "trying";
	}
	return "?";
}
