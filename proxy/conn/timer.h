/*
 * Time-outs of one thread: a wheel of lists behind a single timerfd. Moving a deadline later, which
 * every request does, writes one field: an entry that the wheel reaches too early is put where it
 * then belongs. No timer of libevent's: with one, each epoll_wait computes when it would have to
 * end, by two looks at the clock.
 */
#ifndef PROXY_TIMER_H
#define PROXY_TIMER_H

#include "core/list.h"

#include <event2/event.h>
#include <stdint.h>

#define TIMER_TICK_MS                                                                              \
	32 /* how late a time-out may fire, beside the loop's own delay and the clock's */
#define TIMER_SLOTS 256 /* one turn of the wheel is TIMER_TICK_MS times this; a power of two */

struct timer {
	struct list node;
	uint64_t deadline_ms; /* monotonic; 0: off */
	uint64_t due_tick;    /* where it is linked */
	void (*on_fire)(struct timer *t);
};

struct timers {
	int fd; /* of the timer; no descriptor without an event */
	struct event *event;
	uint64_t tick;       /* the last tick that was looked at */
	uint64_t armed_tick; /* when the event fires; UINT64_MAX: it is not pending */
	size_t linked;
	struct list slots[TIMER_SLOTS];
};

/* 0, or -1 when memory is short. */
int timers_init(struct timers *w, struct event_base *base);
void timers_clear(struct timers *w);
void timer_init(struct timer *t, void (*on_fire)(struct timer *t));
/* Fires at deadline_ms (monotonic) or up to a tick later. Replaces the deadline it had. */
void timer_set(struct timers *w, struct timer *t, uint64_t deadline_ms);
/* Off, without touching the wheel. t must not be freed before timer_remove. */
void timer_off(struct timer *t);
/* Off and out of the wheel. */
void timer_remove(struct timers *w, struct timer *t);
/* Fires all that is due. Called by the loop's timer; tests call it with a time of their own. */
void timers_run(struct timers *w, uint64_t now_ms);

#endif
