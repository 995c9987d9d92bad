/*
 * One of several targets: which, and what to do when it fails. A container that does not run is
 * passed over; a request waits for one, by the rules of waiting.h, only when no other target can
 * answer it. A failed request goes on to another target at most BACKENDS_EXTRA_TRIES times, and as
 * long as the route's budget lasts.
 */
#include "proxy/exchange/exchange.h"

#include "core/clock.h"
#include "core/own.h"
#include "proxy/upstream/request_key.h"

#include <stdlib.h>

#define POOL_RETRY_AFTER_S 1 /* a place may be free any moment */
#define POOL_LOOK_MS 250 /* who waits for one of several containers looks at all of them again */

static void pool_leave_queue(struct exchange *x);

void
exchange_leave_place(struct exchange *x)
{
	struct backend *place = steal_ptr(&x->place);

	if (place)
		backend_release(place);
	pool_leave_queue(x);
}

static void
pool_leave_container(struct exchange *x)
{
	list_remove(&x->container_node);
	x->container = NULL;
}

/* --- which ----------------------------------------------------------------------------------- */

static bool
pool_can_connect(struct exchange *x, const struct conf_target *t)
{
	const struct container_entry *entry;

	if (t->type != CONF_TARGET_CONTAINER)
		return true;
	entry = exchange_container(x, t);
	return entry && entry->state == CONTAINER_RUNNING &&
	       (entry->address.family || entry->address6.family);
}

static uint64_t
pool_usable(struct exchange *x)
{
	uint64_t usable = 0;

	for (size_t i = 0; i < conf_route_targets(x->route); i++)
		if (!((x->tried >> i) & 1) && pool_can_connect(x, conf_route_target(x->route, i)))
			usable |= UINT64_C(1) << i;
	return usable;
}

/* A further target for a request that failed at one. */
static bool
pool_may_go_on(struct exchange *x, uint64_t now)
{
	if (x->tries == 0)
		return true;
	if (x->tries > BACKENDS_EXTRA_TRIES || !backend_pool_may_retry(x->pool, now))
		return false;
	stats_add(&x->worker->stats, STAT_UPSTREAM_RETRIES, 1);
	return true;
}

static void
pool_fail(struct exchange *x)
{
	const char *why = x->failure;

	if (!why)
		why = waiting_error_text(x->error);
	exchange_fail(x, 502, why);
}

/* Nobody is left to be tried. Waits for a container that may come up, or fails. */
static void
pool_wait(struct exchange *x, uint64_t now)
{
	struct container_entry *awaited = NULL;
	struct waiting last = {.verdict = WAITING_CONNECT};
	uint64_t until = now + POOL_LOOK_MS;

	for (size_t i = 0; i < conf_route_targets(x->route); i++) {
		const struct conf_target *t = conf_route_target(x->route, i);
		struct container_entry *entry;

		if (t->type != CONF_TARGET_CONTAINER)
			continue;
		entry = exchange_container(x, t);
		if (!entry)
			continue;
		last = exchange_decide(x, entry);
		if (last.verdict == WAITING_FAIL)
			continue;
		awaited = entry;
		if (last.verdict == WAITING_CONNECT)
			until = now;
		else if (last.until < until)
			until = last.until;
	}
	if (awaited) {
		x->container = awaited;
		list_append(&awaited->exchanges, &x->container_node);
		exchange_wait(x, until);
	} else if (x->failure || x->error != WAITING_NO_ERROR || last.verdict != WAITING_FAIL) {
		pool_fail(x);
	} else {
		exchange_fail(x, last.status, last.reason);
	}
}

static uint64_t
pool_key(const struct exchange *x)
{
	const struct request_key_input in = {.request = &x->request,
		.balance = x->route->upstream.balance,
		.name = slice_str(x->route->upstream.balance_name),
		.client = &x->client};

	return request_key(&in);
}

/* --- the queue for a place ------------------------------------------------------------------- */

/* Outlives its exchange when that gives up while the news of its place is on the way. */
struct place_ticket {
	struct backend_waiter waiter;
	struct exchange *exchange; /* NULL: it has given up */
	struct worker *worker;
	struct command *command; /* carries the news; NULL once it is on its way */
};

static void
ticket_on_granted(struct backend_waiter *w)
{
	struct place_ticket *t = list_entry(w, struct place_ticket, waiter);

	worker_post(t->worker, steal_ptr(&t->command));
}

void
exchange_ticket_free(struct place_ticket *t)
{
	if (!t)
		return;
	free(t->command);
	free(t);
}

static struct place_ticket *
ticket_new(struct exchange *x, const struct backend_ask *ask)
{
	struct place_ticket *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->command = command_new(COMMAND_PLACE);
	if (!t->command) {
		free(t);
		return NULL;
	}
	t->command->ticket = t;
	t->exchange = x;
	t->worker = x->worker;
	t->waiter.pool = x->pool;
	t->waiter.ask = *ask;
	t->waiter.on_granted = ticket_on_granted;
	return t;
}

static void
pool_refuse(struct exchange *x, const char *why)
{
	exchange_answer_later(x, 503, POOL_RETRY_AFTER_S, why);
}

/* No target had room. Returns the one that has some by now, or BACKENDS_FULL: it waits, or was
 * refused. */
static int
pool_queue(struct exchange *x, const struct backend_ask *ask)
{
	struct place_ticket *t = ticket_new(x, ask);
	int index = t ? backend_pool_queue(&t->waiter) : BACKENDS_NONE;

	if (index != BACKENDS_FULL) {
		if (index >= 0)
			x->place = steal_ptr(&t->waiter.granted);
		else
			pool_refuse(x, "no target has room, and the queue is full");
		exchange_ticket_free(t);
		return index >= 0 ? index : BACKENDS_FULL;
	}
	x->ticket = t;
	stats_add(&x->worker->stats, STAT_REQUESTS_QUEUED, 1);
	front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	timer_set(&x->worker->timers, &x->retry, ask->now + x->route->upstream.queue_timeout_ms);
	exchange_set_state(x, EXCHANGE_WAIT);
	return BACKENDS_FULL;
}

static void
pool_leave_queue(struct exchange *x)
{
	struct place_ticket *t = steal_ptr(&x->ticket);

	if (!t)
		return;
	stats_sub(&x->worker->stats, STAT_REQUESTS_QUEUED, 1);
	t->exchange = NULL;
	if (!backend_waiter_leave(&t->waiter))
		exchange_ticket_free(t);
}

void
exchange_pool_full(struct exchange *x)
{
	pool_leave_queue(x);
	pool_refuse(x, "no target had room in time");
}

/* A place was taken for the request: its target, of which no address is known yet. */
static void
pool_settle(struct exchange *x, size_t index)
{
	x->target_index = index;
	x->target = conf_route_target(x->route, index);
	x->n_addrs = 0;
	x->next_addr = 0;
}

void
exchange_on_place(struct place_ticket *t)
{
	struct exchange *x = t->exchange;

	if (!x)
		return;
	x->ticket = NULL;
	stats_sub(&x->worker->stats, STAT_REQUESTS_QUEUED, 1);
	timer_off(&x->retry);
	x->place = t->waiter.granted;
	/* Waiting for a place is not waiting for a connection. */
	x->connect_began_ms = clock_mono_coarse_ms();
	x->answered_ms = 0;
	pool_settle(x, (size_t)t->waiter.index);
	exchange_pool_connect(x);
	front_drive(x->front);
}

/* Takes a place at a target. False: it waits, or has failed. */
static bool
pool_choose(struct exchange *x)
{
	struct backend_ask ask = {.now = clock_mono_coarse_ms(), .usable = pool_usable(x)};
	int index;

	pool_leave_container(x);
	if (ask.now >= x->connect_began_ms + x->limits->timeout_ms[CONF_TIMEOUT_CONNECT]) {
		exchange_fail(x, 504, "no connection to a backend until the timeout");
		return false;
	}
	if (ask.usable && !pool_may_go_on(x, ask.now)) {
		pool_fail(x);
		return false;
	}
	if (x->route->upstream.balance >= CONF_BALANCE_HASH_CLIENT)
		ask.key = pool_key(x);
	index = backend_pool_take(x->pool, &ask, &x->place);
	if (index == BACKENDS_FULL)
		index = pool_queue(x, &ask);
	else if (index == BACKENDS_NONE)
		pool_wait(x, ask.now);
	if (index >= 0)
		pool_settle(x, (size_t)index);
	return index >= 0;
}

/* --- connecting ------------------------------------------------------------------------------ */

/* The target that the request has a place at failed. */
static void
pool_note(struct exchange *x, enum waiting_error error)
{
	struct backend *b = x->upstream ? x->upstream->place : x->place;

	if (b && error != WAITING_LOCAL &&
		backend_failed(b, x->pool, waiting_error_text(error), clock_mono_coarse_ms()))
		worker_note_target(x->worker, b, waiting_error_text(error));
	x->tried |= UINT64_C(1) << x->target_index;
	x->tries++;
	exchange_note_error(x, error);
	exchange_leave_place(x);
}

/* To any of the target's addresses. False: none of them can be had. */
static bool
pool_reach(struct exchange *x, enum waiting_error *ret_error)
{
	uint64_t until = x->connect_began_ms + x->limits->timeout_ms[CONF_TIMEOUT_CONNECT];

	for (; x->next_addr < x->n_addrs; x->next_addr++)
		if (exchange_reach(x, until, ret_error))
			return true;
	return false;
}

void
exchange_pool_connect(struct exchange *x)
{
	while (x->place || pool_choose(x)) {
		enum waiting_error error = WAITING_UNREACHABLE;
		int found = exchange_find_addresses(x);

		if (found > 0 || (found == 0 && pool_reach(x, &error)))
			return;
		pool_note(x, error);
	}
}

void
exchange_pool_failed(struct exchange *x, enum waiting_error error)
{
	struct upstream *u = x->upstream;

	if (u && x->next_addr + 1 < x->n_addrs) {
		x->place = steal_ptr(&u->place);
		exchange_drop_upstream(x);
		x->next_addr++;
	} else {
		if (!x->container)
			resolver_forget(&x->worker->resolver, slice_str(x->target->host));
		pool_note(x, error);
	}
	exchange_pool_connect(x);
}

/* --- after connecting ------------------------------------------------------------------------ */

void
exchange_pool_lost(struct exchange *x, const char *why)
{
	if (!exchange_is_repeatable(x)) {
		exchange_fail(x, 502, why);
		return;
	}
	x->failure = why;
	/* One that was kept and is closed by its server at that very moment is nobody's fault. */
	if (!x->upstream->reused) {
		if (!exchange_owes_body(x))
			exchange_blame(x, why);
		x->tried |= UINT64_C(1) << x->target_index;
	}
	x->tries++;
	exchange_drop_upstream(x);
	exchange_pool_connect(x);
}
