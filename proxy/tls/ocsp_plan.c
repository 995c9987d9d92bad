/* The arithmetic of refreshing OCSP answers (RFC 6960 section 2.4: thisUpdate, nextUpdate). */
#include "proxy/tls/ocsp_plan.h"

static int64_t
larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void
plan_set(struct ocsp_plan *p, int64_t due_ms, int64_t now_ms)
{
	p->set_ms = now_ms;
	p->due_ms = due_ms;
}

void
ocsp_plan_start(struct ocsp_plan *p, int64_t now_ms)
{
	*p = (struct ocsp_plan){0};
	plan_set(p, now_ms, now_ms);
}

bool
ocsp_plan_is_due(const struct ocsp_plan *p, int64_t now_ms)
{
	return now_ms >= p->due_ms || now_ms < p->set_ms;
}

uint64_t
ocsp_plan_wait(const struct ocsp_plan *p, int64_t now_ms)
{
	int64_t wait_ms = p->due_ms - now_ms;

	if (ocsp_plan_is_due(p, now_ms))
		return 0;
	return (uint64_t)(wait_ms < OCSP_LOOK_MS ? wait_ms : OCSP_LOOK_MS);
}

bool
ocsp_plan_has(const struct ocsp_plan *p, int64_t now_ms)
{
	return p->until_ms > now_ms;
}

bool
ocsp_plan_is_older(const struct ocsp_plan *p, int64_t this_ms)
{
	return this_ms < p->newest_ms;
}

/* Responders sign ahead of time: an answer may be past half of its life when it comes. */
void
ocsp_plan_good(struct ocsp_plan *p, int64_t this_ms, int64_t until_ms, int64_t now_ms)
{
	int64_t half_ms = this_ms + (until_ms - this_ms) / 2;

	if (half_ms <= now_ms)
		half_ms = now_ms + (until_ms - now_ms) / 2;
	p->until_ms = until_ms;
	p->newest_ms = this_ms;
	p->failures = 0;
	plan_set(p, larger(half_ms, now_ms + OCSP_REFRESH_MIN_MS), now_ms);
}

/* A certificate on hold may come back (RFC 5280 section 5.3.1), so it is asked again. */
void
ocsp_plan_revoked(struct ocsp_plan *p, int64_t this_ms, int64_t now_ms)
{
	p->until_ms = 0;
	p->newest_ms = this_ms;
	p->failures = 0;
	plan_set(p, now_ms + OCSP_RETRY_MAX_MS, now_ms);
}

void
ocsp_plan_failed(struct ocsp_plan *p, int64_t now_ms)
{
	int64_t delay_ms = OCSP_RETRY_MIN_MS;

	for (unsigned i = 0; i < p->failures && delay_ms < OCSP_RETRY_MAX_MS; i++)
		delay_ms *= 2;
	p->failures++;
	plan_set(p, now_ms + (delay_ms < OCSP_RETRY_MAX_MS ? delay_ms : OCSP_RETRY_MAX_MS), now_ms);
}
