/*
 * Who waits, and when they go on. Nobody is let through from inside of a call: what an exchange
 * does then must not happen deep inside of what another one does.
 */
#include "proxy/upstream/gate.h"

#include "core/clock.h"

#include <assert.h>

static bool
gate_has_room(const struct gate *g, uint64_t now_ms)
{
	return g->unanswered < GATE_ROOM || now_ms < g->open_until_ms;
}

/* When the patience of those who wait ends. */
static uint64_t
gate_patience(const struct gate *g)
{
	uint64_t since = list_entry(list_first(&g->waiting), struct gate_waiter, node)->since_ms;
	uint64_t moved = since > g->answered_ms ? since : g->answered_ms;
	uint64_t stall = moved + GATE_STALL_MS, wait = since + GATE_WAIT_MS;

	return stall < wait ? stall : wait;
}

/* Nobody waits without a timer. */
static void
gate_arm(struct gate *g)
{
	if (!list_empty(&g->waiting) && g->timer.deadline_ms == 0)
		timer_set(g->gates->timers, &g->timer, gate_patience(g));
}

static void
gates_on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct gates *all = arg;
	uint64_t now = clock_mono_coarse_ms();
	struct list *node;

	(void)fd;
	(void)what;
	/* Who goes on may end the gate: it is looked up anew each time. */
	while ((node = list_first(&all->due)) != NULL) {
		struct gate *g = list_entry(node, struct gate, node);
		struct gate_waiter *w;

		if (list_empty(&g->waiting) || !gate_has_room(g, now)) {
			list_remove(node);
			gate_arm(g);
			continue;
		}
		w = list_entry(list_first(&g->waiting), struct gate_waiter, node);
		list_remove(&w->node);
		w->on_pass(w);
	}
}

int
gates_init(struct gates *g, struct event_base *base, struct timers *timers)
{
	list_init(&g->due);
	g->timers = timers;
	g->event = event_new(base, -1, 0, gates_on_turn, g);
	return g->event ? 0 : -1;
}

void
gates_clear(struct gates *g)
{
	if (!g->event)
		return;
	assert(list_empty(&g->due));
	event_free(g->event);
	g->event = NULL;
}

static void
gate_wake(struct gate *g)
{
	if (list_empty(&g->gates->due))
		event_active(g->gates->event, EV_TIMEOUT, 0);
	if (list_empty(&g->node))
		list_append(&g->gates->due, &g->node);
}

static void
gate_open(struct gate *g, uint64_t now_ms)
{
	bool again = now_ms < g->open_until_ms + g->open_ms;

	g->open_ms = again ? g->open_ms * 2 : GATE_OPEN_MS;
	if (g->open_ms > GATE_OPEN_MAX_MS)
		g->open_ms = GATE_OPEN_MAX_MS;
	g->open_until_ms = now_ms + g->open_ms;
	gate_wake(g);
}

static void
gate_on_timer(struct timer *t)
{
	struct gate *g = list_entry(t, struct gate, timer);
	uint64_t now = clock_mono_coarse_ms();

	if (list_empty(&g->waiting))
		return;
	if (gate_patience(g) > now)
		timer_set(g->gates->timers, t, gate_patience(g));
	else
		gate_open(g, now);
}

void
gate_init(struct gate *g, struct gates *all)
{
	g->gates = all;
	list_init(&g->node);
	list_init(&g->waiting);
	timer_init(&g->timer, gate_on_timer);
	g->answered_ms = 0;
	g->open_until_ms = 0;
	g->open_ms = 0;
	g->unanswered = 0;
}

void
gate_clear(struct gate *g)
{
	assert(list_empty(&g->waiting));
	list_remove(&g->node);
	timer_remove(g->gates->timers, &g->timer);
}

bool
gate_hold(struct gate *g, struct gate_waiter *w, uint64_t now_ms)
{
	if (list_empty(&g->waiting) && gate_has_room(g, now_ms))
		return false;
	w->since_ms = now_ms;
	list_append(&g->waiting, &w->node);
	gate_arm(g);
	return true;
}

void
gate_waiter_leave(struct gate_waiter *w)
{
	list_remove(&w->node);
}

void
gate_enter(struct gate *g)
{
	g->unanswered++;
}

void
gate_leave(struct gate *g, uint64_t now_ms)
{
	assert(g->unanswered > 0);
	g->unanswered--;
	if (list_empty(&g->waiting))
		return;
	g->answered_ms = now_ms;
	gate_wake(g);
}
