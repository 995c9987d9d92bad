/*
 * Whether a target may get requests: by what real requests say of it (passive), and by what checks
 * say (active). Pure: the caller brings the clock, and locks where several threads look.
 *
 *	UP      gets its share
 *	DOWN    gets none: a check says so, or too many requests failed in a row
 *	TRYING  its time out is over: one request in HEALTH_TRY_MS tries it; an answer brings it up,
 *	        a failure down again
 *
 * One that comes up again begins with a small part of its share and has all of it after
 * `slow-start`.
 */
#ifndef PROXY_HEALTH_H
#define PROXY_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#define HEALTH_TRY_MS 2000
#define HEALTH_WEIGHT_SCALE 100 /* of health_weight: a whole share of weight 1 */

/* What the configuration says. Times in milliseconds. */
struct health_rules {
	uint32_t passive_fail; /* failures in a row; 0: requests do not count */
	uint64_t passive_in_ms, passive_for_ms;
	uint64_t slow_start_ms; /* 0: none */
	uint32_t fall, rise;    /* results of checks in a row; above 0 where there are checks */
};

struct health {
	uint32_t failed_in_row;
	uint64_t first_failed_ms; /* of those in a row */
	uint64_t out_until_ms;    /* passive: DOWN until then, TRYING afterwards; 0: not out */
	uint64_t up_ms;           /* when it came up again; 0: it never was down */
	uint64_t failed_ms;       /* the last failure of any kind; 0: none */
	bool check_down;          /* checks have taken it out, and only they bring it back */
	uint32_t checks_bad, checks_good; /* in a row */
};

enum health_state { HEALTH_UP, HEALTH_DOWN, HEALTH_TRYING };

enum health_state health_state(const struct health *h, uint64_t now);
/* Its weight now, times HEALTH_WEIGHT_SCALE; above 0. */
uint32_t health_weight(
	const struct health *h, const struct health_rules *rules, uint32_t weight, uint64_t now);
/* A request goes to it: one that is being tried gets no other for a while. */
void health_take(struct health *h, uint64_t now);
/* A request failed, or was answered. True: the target went down, or came up. */
bool health_failed(struct health *h, const struct health_rules *rules, uint64_t now);
bool health_answered(struct health *h, uint64_t now);
/* A check has its result. True as above. */
bool health_checked(struct health *h, const struct health_rules *rules, bool good, uint64_t now);
/* There are no checks any more: what they said does not count. */
void health_unchecked(struct health *h);
/* "up", "down", "trying" */
const char *health_state_name(enum health_state state);

#endif
