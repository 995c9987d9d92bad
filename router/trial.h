/*
 * A policy of `open` that lets less in than the one before is on trial: it holds, and goes again
 * unless somebody confirms it in time. Pure: `now` is passed in; confirm.c acts.
 *
 *	SETTLED      what the file says holds, and is confirmed
 *	RUNNING      what the file says holds until the time is over
 *	ROLLED_BACK  what was confirmed holds; the file says otherwise
 *
 * SETTLED -> RUNNING (a narrower policy) -> SETTLED (confirmed, or the file was taken back)
 *                                        -> ROLLED_BACK (time over) -> RUNNING (a reload)
 */
#ifndef ROUTER_TRIAL_H
#define ROUTER_TRIAL_H

#include "conf/conf.h"
#include "core/trial_state.h"

#define TRIAL_TEXT_MAX ((size_t)4 * 1024 * 1024)

struct trial {
	enum trial_state state;
	struct conf *confirmed; /* a policy; NULL: everything comes in */
	struct conf *tried;     /* the last one that was tried and is not confirmed; NULL: none */
	uint64_t until_ms;      /* RUNNING: when it ends */
};

/* What a policy that is offered becomes. */
enum trial_verdict {
	TRIAL_ADOPT, /* it takes nothing away from what is confirmed: it is that from now on */
	TRIAL_TRY,
	TRIAL_GO_ON, /* it is the one on trial, whose time goes on */
	TRIAL_BACK,  /* it was tried and not confirmed: what is confirmed holds */
};

/* first: the process has begun with it. A start does not try again what a process before it did
 * not bring to an end, and a reload does. */
enum trial_verdict trial_judge(const struct trial *t, const struct conf *offered, bool first);
/* The offered policy, a reference of which is taken over, is committed. True when what has to
 * outlive the process has changed. */
bool trial_take(
	struct trial *t, enum trial_verdict verdict, struct conf *offered, uint64_t until_ms);
/* 0, or -1 when nothing is on trial. */
int trial_confirm(struct trial *t);
/* The time is over. */
void trial_expire(struct trial *t);
void trial_clear(struct trial *t);

/* The part of a configuration that is a policy; a reference of the caller's. 0 or -1. */
int trial_policy(const struct conf *c, struct conf **ret, struct err *e);
/* What outlives the process, as text: both policies. 0 or -1. */
int trial_print(const struct trial *t, struct buf *out, struct err *e);
/* Reads that; an empty text is one where nothing was confirmed. 0, or -1 with e filled and t
 * untouched. */
int trial_parse(struct slice text, struct trial *t, struct err *e);

#endif
