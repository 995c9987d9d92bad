/*
 * Exchanges that wait for another's answer (cache_flight.h). Who waits has a ticket; when it is
 * woken, on whatever thread the leader lives, its own worker gets a command with it.
 */
#include "proxy/exchange/exchange_cache.h"

#include "core/clock.h"
#include "core/own.h"
#include "proxy/cache/cache_flight.h"

#include <stdlib.h>

#define COLLAPSE_SLOW_MS 3000 /* from when the leader first waits for its client */

/* Outlives its exchange when that leaves while it is being woken. */
struct flight_ticket {
	struct flight_waiter waiter;
	struct exchange *exchange; /* NULL: it has left */
	struct worker *worker;
	struct command *command; /* carries the news; NULL once it is on its way */
};

static void
ticket_on_woken(struct flight_waiter *w)
{
	struct flight_ticket *t = list_entry(w, struct flight_ticket, waiter);

	worker_post(t->worker, steal_ptr(&t->command));
}

void
exchange_flight_free(struct flight_ticket *t)
{
	if (!t)
		return;
	/* Nobody is there to lead it: the next one does. */
	if (!t->waiter.waiting)
		flight_end(t->worker->flights, &t->waiter.flight, FLIGHT_END_LOST,
			clock_mono_coarse_ms());
	free(t->command);
	free(t);
}

static struct flight_ticket *
ticket_new(struct exchange *x)
{
	struct flight_ticket *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->command = command_new(COMMAND_FLIGHT);
	if (!t->command) {
		free(t);
		return NULL;
	}
	t->command->flight = t;
	t->exchange = x;
	t->worker = x->worker;
	t->waiter.on_woken = ticket_on_woken;
	return t;
}

/* What a part, a condition or a user's name is in is not for others, but theirs may be for it. */
static bool
may_lead(const struct exchange_cache *c)
{
	return !c->request.conditional || c->object;
}

static void
wait_for_leader(struct exchange *x, struct flight_ticket *t)
{
	x->cached->ticket = t;
	stats_add(&x->worker->stats, STAT_CACHE_COLLAPSED, 1);
	front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	/* As long as a backend may take; then it asks itself. */
	timer_set(&x->worker->timers, &x->retry,
		clock_mono_coarse_ms() + x->limits->timeout_ms[CONF_TIMEOUT_READ]);
	exchange_set_state(x, EXCHANGE_COLLAPSE);
}

bool
exchange_collapse(struct exchange *x)
{
	struct exchange_cache *c = x->cached;
	struct flight_ticket *t;

	if (c->joined || !c->request.is_get || c->request.authorized || c->request.no_store ||
		(c->request.ranged && !c->object))
		return false;
	c->joined = true;
	t = ticket_new(x);
	if (!t)
		return false;
	switch (flight_join(x->worker->flights, &c->key, may_lead(c), clock_mono_coarse_ms(),
		&t->waiter, &c->flight)) {
	case FLIGHT_WAITS:
		wait_for_leader(x, t);
		return true;
	case FLIGHT_LEADS:
	case FLIGHT_PASSES_BY:
		break;
	}
	exchange_flight_free(t);
	return false;
}

void
exchange_collapse_end(struct exchange *x, enum flight_end end)
{
	flight_end(x->worker->flights, &x->cached->flight, end, clock_mono_coarse_ms());
}

void
exchange_collapse_pass_on(struct exchange *x)
{
	exchange_collapse_end(x, x->cached->heir ? FLIGHT_END_SLOW : FLIGHT_END_LOST);
}

static void
exchange_on_slow(struct timer *t)
{
	struct exchange_cache *c = list_entry(t, struct exchange_cache, slow);

	exchange_collapse_end(c->exchange, FLIGHT_END_SLOW);
}

void
exchange_collapse_bound(struct exchange *x)
{
	struct exchange_cache *c = x->cached;

	if (!c->flight || c->slow.on_fire)
		return;
	c->exchange = x;
	timer_init(&c->slow, exchange_on_slow);
	timer_set(&x->worker->timers, &c->slow, clock_mono_coarse_ms() + COLLAPSE_SLOW_MS);
}

void
exchange_collapse_leave(struct exchange *x)
{
	struct flight_ticket *t = steal_ptr(&x->cached->ticket);

	if (!t)
		return;
	t->exchange = NULL;
	if (flight_leave(x->worker->flights, &t->waiter))
		exchange_flight_free(t);
}

/* Goes on, with what has come of the wait. */
static void
go_on(struct exchange *x, enum flight_end end)
{
	struct exchange_cache *c = x->cached;

	c->collapsed = end == FLIGHT_END_STORED;
	if (c->collapsed && exchange_cache_look_again(x))
		return;
	c->collapsed = false;
	if (end == FLIGHT_END_ERROR && exchange_cache_rescue(x))
		return;
	exchange_start_buffer(x);
}

void
exchange_on_flight(struct flight_ticket *t)
{
	struct exchange *x = t->exchange;

	if (!x)
		return;
	timer_off(&x->retry);
	x->cached->ticket = NULL;
	x->cached->flight = steal_ptr(&t->waiter.flight);
	x->cached->heir = x->cached->flight != NULL;
	go_on(x, t->waiter.end);
	front_drive(x->front);
}

void
exchange_collapse_timeout(struct exchange *x)
{
	exchange_collapse_leave(x);
	exchange_start_buffer(x);
}
