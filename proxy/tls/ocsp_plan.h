/*
 * When to ask an OCSP responder about one certificate, and how long its answer may be stapled.
 * Pure; times are wall clock, milliseconds since 1970, since those of the answers are. A clock that
 * was set back makes everything due.
 */
#ifndef PROXY_OCSP_PLAN_H
#define PROXY_OCSP_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#define OCSP_SKEW_MS (INT64_C(5) * 60 * 1000)         /* how far a responder's clock may be ahead */
#define OCSP_REFRESH_MIN_MS (INT64_C(5) * 1000)       /* between an answer and the next question */
#define OCSP_RETRY_MIN_MS (INT64_C(10) * 1000)        /* after the first failure; then twice that */
#define OCSP_RETRY_MAX_MS (INT64_C(3600) * 1000)      /* also after an answer that says revoked */
#define OCSP_LOOK_MS (INT64_C(3600) * 1000)           /* the longest sleep: clocks are set */
#define OCSP_UNLIMITED_LIFE_MS (INT64_C(3600) * 1000) /* of an answer without nextUpdate */

struct ocsp_plan {
	int64_t until_ms;  /* nextUpdate of the answer that is stapled; 0: there is none */
	int64_t newest_ms; /* thisUpdate of the newest answer, also of one that said revoked */
	int64_t set_ms;    /* when due_ms was decided */
	int64_t due_ms;    /* when to ask */
	unsigned failures; /* one after the other */
};

/* Nothing is known: it is due. */
void ocsp_plan_start(struct ocsp_plan *p, int64_t now_ms);
bool ocsp_plan_is_due(const struct ocsp_plan *p, int64_t now_ms);
/* Milliseconds until to look again; 0: it is due. */
uint64_t ocsp_plan_wait(const struct ocsp_plan *p, int64_t now_ms);
/* Whether an answer is there that may be stapled now. */
bool ocsp_plan_has(const struct ocsp_plan *p, int64_t now_ms);
/* An answer must not be older than what is known: a good one of yesterday, replayed, would undo a
 * revocation. */
bool ocsp_plan_is_older(const struct ocsp_plan *p, int64_t this_ms);
/* A good answer came: the next question is due at half of its life, or of what is left of it. */
void ocsp_plan_good(struct ocsp_plan *p, int64_t this_ms, int64_t until_ms, int64_t now_ms);
/* The certificate is revoked: nothing is stapled any more. */
void ocsp_plan_revoked(struct ocsp_plan *p, int64_t this_ms, int64_t now_ms);
/* No answer that can be used: what is stapled stays until its time is over. */
void ocsp_plan_failed(struct ocsp_plan *p, int64_t now_ms);

#endif
