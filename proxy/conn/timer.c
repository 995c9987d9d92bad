/*
 * The wheel. A slot holds entries of any turn; an entry that is not due yet stays or moves.
 */
#include "proxy/conn/timer.h"

#include "core/clock.h"
#include "core/own.h"

#include <sys/timerfd.h>

/* The coarse clock is behind by a tick of the kernel, 10 ms at most (HZ=100). */
#define TIMER_SLACK_MS 10

static void
timers_on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	timers_run(arg, clock_mono_coarse_ms());
}

int
timers_init(struct timers *w, struct event_base *base)
{
	w->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (w->fd < 0)
		return -1;
	w->event = event_new(base, w->fd, EV_READ | EV_ET | EV_PERSIST, timers_on_event, w);
	w->tick = clock_mono_coarse_ms() / TIMER_TICK_MS;
	w->armed_tick = UINT64_MAX;
	w->linked = 0;
	for (size_t i = 0; i < TIMER_SLOTS; i++)
		list_init(&w->slots[i]);
	if (w->event && event_add(w->event, NULL) == 0)
		return 0;
	if (w->event)
		event_free(w->event);
	w->event = NULL;
	w->fd = close_fd(w->fd);
	return -1;
}

void
timers_clear(struct timers *w)
{
	if (!w->event)
		return;
	event_free(w->event);
	w->event = NULL;
	w->fd = close_fd(w->fd);
}

void
timer_init(struct timer *t, void (*on_fire)(struct timer *t))
{
	list_init(&t->node);
	t->deadline_ms = 0;
	t->due_tick = 0;
	t->on_fire = on_fire;
}

/* Makes the loop wake at the given tick, unless it wakes earlier anyway. */
static void
timers_arm(struct timers *w, uint64_t tick)
{
	uint64_t at = tick * TIMER_TICK_MS, now, wait;

	if (tick >= w->armed_tick)
		return;
	w->armed_tick = tick;
	now = clock_mono_coarse_ms();
	wait = (at > now ? at - now : 0) + TIMER_SLACK_MS;
	(void)timerfd_settime(w->fd, 0,
		&(struct itimerspec){.it_value = {.tv_sec = (time_t)(wait / 1000),
					     .tv_nsec = (long)(wait % 1000 * 1000000)}},
		NULL);
}

static void
timers_link(struct timers *w, struct timer *t)
{
	uint64_t tick = t->deadline_ms / TIMER_TICK_MS + 1;

	if (tick <= w->tick)
		tick = w->tick + 1;
	t->due_tick = tick;
	list_append(&w->slots[tick % TIMER_SLOTS], &t->node);
	w->linked++;
}

static void
timers_unlink(struct timers *w, struct timer *t)
{
	if (list_empty(&t->node))
		return;
	list_remove(&t->node);
	w->linked--;
}

void
timer_set(struct timers *w, struct timer *t, uint64_t deadline_ms)
{
	t->deadline_ms = deadline_ms ? deadline_ms : 1;
	if (!list_empty(&t->node) && t->due_tick <= t->deadline_ms / TIMER_TICK_MS + 1)
		return;
	timers_unlink(w, t);
	timers_link(w, t);
	timers_arm(w, t->due_tick);
}

void
timer_off(struct timer *t)
{
	t->deadline_ms = 0;
}

void
timer_remove(struct timers *w, struct timer *t)
{
	t->deadline_ms = 0;
	timers_unlink(w, t);
}

/* Fires, moves or drops the entries of one slot that are due at this tick. A callback may remove
 * any entry, so the due ones move to a list of their own first. */
static void
timers_run_slot(struct timers *w, uint64_t tick, uint64_t now_ms)
{
	struct list due;

	list_init(&due);
	list_each(node, &w->slots[tick % TIMER_SLOTS])
	{
		if (list_entry(node, struct timer, node)->due_tick <= tick) {
			list_remove(node);
			list_append(&due, node);
		}
	}
	while (!list_empty(&due)) {
		struct timer *t = list_entry(list_first(&due), struct timer, node);

		timers_unlink(w, t);
		if (t->deadline_ms == 0)
			continue;
		if (t->deadline_ms > now_ms) {
			timers_link(w, t);
			continue;
		}
		t->deadline_ms = 0;
		t->on_fire(t);
	}
}

/* The earliest tick at which any entry is due, looking one turn ahead. */
static uint64_t
timers_next(const struct timers *w)
{
	for (uint64_t tick = w->tick + 1; tick <= w->tick + TIMER_SLOTS; tick++) {
		if (!list_empty(&w->slots[tick % TIMER_SLOTS]))
			return tick;
	}
	return UINT64_MAX;
}

void
timers_run(struct timers *w, uint64_t now_ms)
{
	uint64_t now_tick = now_ms / TIMER_TICK_MS;
	uint64_t first = w->tick + 1;

	w->armed_tick = UINT64_MAX;
	if (now_tick > w->tick + TIMER_SLOTS)
		first = now_tick - TIMER_SLOTS + 1;
	for (uint64_t tick = first; tick <= now_tick; tick++) {
		w->tick = tick;
		timers_run_slot(w, tick, now_ms);
	}
	if (w->linked > 0)
		timers_arm(w, timers_next(w));
}
