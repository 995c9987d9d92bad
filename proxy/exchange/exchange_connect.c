/*
 * A connection to the route's backend: the address of a container or of a name, a pooled
 * connection or a new one, waiting where waiting.h says so, and what to do when it fails before
 * the answer has begun.
 */
#include "proxy/exchange/exchange.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"

#include <errno.h>

#define CONNECT_ATTEMPT_MS 5000 /* per address, where a name has several */

static bool
exchange_to_container(const struct exchange *x)
{
	return x->target->type == CONF_TARGET_CONTAINER;
}

static void exchange_leave_gate(struct exchange *x);

static void
exchange_count_waiting(struct exchange *x, bool waiting)
{
	struct stats *s = &x->worker->stats;

	if (waiting == x->counted_waiting)
		return;
	x->counted_waiting = waiting;
	if (waiting)
		stats_add(s, STAT_REQUESTS_WAITING, 1);
	else
		stats_sub(s, STAT_REQUESTS_WAITING, 1);
}

void
exchange_stop_waiting(struct exchange *x)
{
	exchange_count_waiting(x, false);
	exchange_leave_place(x);
	exchange_leave_gate(x);
	resolve_cancel(&x->resolve);
	timer_remove(&x->worker->timers, &x->retry);
	list_remove(&x->container_node);
}

static enum waiting_error
exchange_classify(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
	case ECONNABORTED:
	case ENOENT: /* a unix socket that nobody has made yet */
		return WAITING_REFUSED;
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EHOSTDOWN:
	case ENETDOWN:
	case ETIMEDOUT:
		return WAITING_UNREACHABLE;
	case EPROTO:
		return WAITING_TLS;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
		return WAITING_LOCAL;
	default:
		return WAITING_OTHER;
	}
}

void
exchange_note_error(struct exchange *x, enum waiting_error error)
{
	struct container_entry *entry = x->container;

	exchange_drop_upstream(x);
	x->error = error;
	x->error_at_ms = clock_mono_coarse_ms();
	x->attempts++;
	if (entry && entry->answered && entry->failing_since == 0 && error != WAITING_LOCAL)
		entry->failing_since = x->error_at_ms;
}

void
exchange_answered(struct exchange *x)
{
	struct container_entry *entry = x->container;

	x->answered_ms = clock_mono_coarse_ms();
	upstream_answered(x->upstream);
	if (x->upstream->place && backend_answered(x->upstream->place, x->answered_ms))
		worker_note_target(x->worker, x->upstream->place, NULL);
	if (!entry)
		return;
	entry->failing_since = 0;
	/* The other threads bear its failures better when they know that it has answered. */
	if (!entry->answered)
		worker_note(x->worker, NOTE_ANSWERED, entry->name, "");
	entry->answered = true;
}

/* --- where to -------------------------------------------------------------------------------- */

struct container_entry *
exchange_container(struct exchange *x, const struct conf_target *t)
{
	return containers_get(&x->worker->containers, slice_str(t->host));
}

/* The container's entry; the exchange hangs on it from here on. */
static int
exchange_join_container(struct exchange *x)
{
	struct container_entry *entry = x->container;

	if (!entry)
		entry = exchange_container(x, x->target);
	if (!entry)
		return -1;
	x->container = entry;
	if (list_empty(&x->container_node))
		list_append(&entry->exchanges, &x->container_node);
	x->n_addrs = 0;
	if (entry->address.family)
		x->addrs[x->n_addrs++] = entry->address;
	else if (entry->address6.family)
		x->addrs[x->n_addrs++] = entry->address6;
	x->next_addr = 0;
	return 0;
}

int
exchange_find_addresses(struct exchange *x)
{
	struct slice host = slice_str(x->target->host);

	if (exchange_to_container(x))
		return exchange_join_container(x);
	if (x->target->type == CONF_TARGET_UNIX) {
		x->addrs[0] = (struct addr){.family = AF_UNIX};
		x->n_addrs = 1;
		x->next_addr = 0;
		return 0;
	}
	if (x->n_addrs > 0)
		return 0;
	switch (resolver_get(&x->worker->resolver, host, &x->resolve, x->addrs, &x->n_addrs)) {
	case RESOLVE_DONE:
		return 0;
	case RESOLVE_PENDING:
		exchange_set_state(x, EXCHANGE_RESOLVE);
		front_set_wait(
			x->front, CONN_WAIT_CONNECT, x->limits->timeout_ms[CONF_TIMEOUT_CONNECT]);
		return 1;
	case RESOLVE_FAILED:
		break;
	}
	return -1;
}

/* 0 with x->addrs; 1: an answer or a state was set, nothing to do now. */
static int
exchange_find_address(struct exchange *x)
{
	int found = exchange_find_addresses(x);

	if (found >= 0)
		return found;
	exchange_fail(x, 502,
		exchange_to_container(x) ? "out of memory" : "the backend's name does not resolve");
	return 1;
}

/* --- whether, and when ----------------------------------------------------------------------- */

struct waiting
exchange_decide(const struct exchange *x, const struct container_entry *entry)
{
	struct waiting_input in = {.now = clock_mono_coarse_ms(),
		.began = x->connect_began_ms,
		.connect_timeout = x->limits->timeout_ms[CONF_TIMEOUT_CONNECT],
		.container = entry != NULL,
		.error = x->error,
		.error_at = x->error_at_ms,
		.attempts = x->attempts};

	if (!entry)
		return waiting_decide(&in);
	in.has_address = entry->address.family || entry->address6.family;
	in.state = entry->state;
	in.changed_at = entry->changed_at;
	in.failing_since = entry->failing_since;
	/* Nobody has told its state yet, because this process has just begun: its first seconds
	 * are like those after a change. */
	if (!entry->known) {
		in.state = CONTAINER_STARTING;
		in.changed_at = x->worker->started_ms;
	}
	return waiting_decide(&in);
}

void
exchange_wait(struct exchange *x, uint64_t until_ms)
{
	exchange_count_waiting(x, true);
	front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	timer_set(&x->worker->timers, &x->retry, until_ms);
	exchange_set_state(x, EXCHANGE_WAIT);
}

static struct endpoint
exchange_endpoint(const struct exchange *x)
{
	struct endpoint to = {.addr = &x->addrs[x->next_addr], .port = x->target->port};

	if (x->target->type == CONF_TARGET_HTTPS) {
		to.tls = generation_client(x->generation, x->worker->index, x->route);
		to.host = x->target->host;
	}
	to.socket = x->target->socket;
	return to;
}

/* A new connection to the next address. */
static bool
exchange_dial(struct exchange *x, const struct endpoint *to, uint64_t until_ms,
	enum waiting_error *ret_error)
{
	uint64_t now = clock_mono_coarse_ms();
	uint64_t wait = until_ms > now ? until_ms - now : 1;
	int error = 0;

	if ((x->pool || x->next_addr + 1 < x->n_addrs) && wait > CONNECT_ATTEMPT_MS)
		wait = CONNECT_ATTEMPT_MS;
	x->upstream = upstream_connect(x->worker, to, x, &error);
	if (!x->upstream) {
		*ret_error = exchange_classify(error);
		return false;
	}
	x->upstream->place = steal_ptr(&x->place);
	front_set_wait(x->front, CONN_WAIT_CONNECT, wait);
	exchange_set_state(x, EXCHANGE_CONNECT);
	return true;
}

/* A pooled connection, if there is one that may be used. What is not safe to send twice goes only
 * to one that is known to be alive (RFC 9110 section 9.2.2). */
static bool
exchange_lease(struct exchange *x, const struct endpoint *to, struct pool *pool)
{
	bool safe = x->request.method == HTTP_METHOD_GET || x->request.method == HTTP_METHOD_HEAD;
	struct upstream *u;

	/* A connection that has said whose it is serves nobody else. */
	if (x->fresh_only || x->route->proxy_protocol)
		return false;
	while ((u = upstream_lease(pool, x)) != NULL && !safe && upstream_is_stale(u)) {
		upstream_close(u);
		/* It may have been the pool's last. */
		pool = pools_find(&x->worker->pools, to);
		if (!pool)
			return false;
	}
	if (!u)
		return false;
	stats_add(&x->worker->stats, STAT_UPSTREAM_REUSED, 1);
	u->place = steal_ptr(&x->place);
	x->upstream = u;
	return true;
}

/* --- at the gate of the endpoint ------------------------------------------------------------- */

static void
exchange_leave_gate(struct exchange *x)
{
	struct pool *pool = steal_ptr(&x->gate_pool);

	gate_waiter_leave(&x->gate);
	if (pool)
		pools_leave(&x->worker->pools, pool);
}

static void
exchange_on_pass(struct gate_waiter *w)
{
	struct exchange *x = list_entry(w, struct exchange, gate);

	exchange_leave_gate(x);
	x->gate_passed = true;
	/* Waiting for those before it is not waiting for a connection. */
	x->connect_began_ms = clock_mono_coarse_ms();
	x->answered_ms = 0;
	exchange_connect(x);
	front_drive(x->front);
}

/* Whether it waits until others have their answers. */
static bool
exchange_is_held(struct exchange *x, struct pool *pool)
{
	if (x->gate_passed)
		return false;
	x->gate.on_pass = exchange_on_pass;
	if (!gate_hold(&pool->gate, &x->gate, clock_mono_coarse_ms()))
		return false;
	x->gate_pool = pool;
	pool_join(pool);
	stats_add(&x->worker->stats, STAT_REQUESTS_HELD, 1);
	timer_off(&x->retry);
	front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
	exchange_set_state(x, EXCHANGE_WAIT);
	return true;
}

bool
exchange_reach(struct exchange *x, uint64_t until_ms, enum waiting_error *ret_error)
{
	const struct endpoint to = exchange_endpoint(x);
	struct pool *pool;

	exchange_leave_gate(x);
	pool = pools_find(&x->worker->pools, &to);
	if (pool && exchange_is_held(x, pool))
		return true;
	if (!pool || !exchange_lease(x, &to, pool))
		return exchange_dial(x, &to, until_ms, ret_error);
	exchange_start_relay(x);
	return true;
}

/* Tries what may be tried now. False: an attempt failed at once, decide anew. */
static bool
exchange_try(struct exchange *x)
{
	struct waiting w = exchange_decide(x, x->container);
	enum waiting_error error;

	switch (w.verdict) {
	case WAITING_FAIL:
		exchange_fail(x, w.status, w.reason);
		return true;
	case WAITING_WAIT:
		exchange_wait(x, w.until);
		return true;
	case WAITING_CONNECT:
		break;
	}
	exchange_count_waiting(x, false);
	if (exchange_reach(x, w.until, &error))
		return true;
	exchange_note_error(x, error);
	return false;
}

void
exchange_connect(struct exchange *x)
{
	if (x->connect_began_ms == 0) {
		x->connect_began_ms = clock_mono_coarse_ms();
		x->target = &x->route->target;
		x->pool = generation_pool(x->generation, x->route);
	}
	if (x->pool) {
		exchange_count_waiting(x, false);
		exchange_pool_connect(x);
		return;
	}
	if (exchange_find_address(x) != 0)
		return;
	while (!exchange_try(x))
		;
}

/* A name with several addresses: the next one first, before the failure counts. */
static void
exchange_try_next(struct exchange *x)
{
	if (!exchange_to_container(x) && x->next_addr + 1 < x->n_addrs) {
		x->next_addr++;
		x->error = WAITING_NO_ERROR;
	} else if (!exchange_to_container(x)) {
		resolver_forget(&x->worker->resolver, slice_str(x->target->host));
	}
	exchange_connect(x);
}

static void
exchange_attempt_failed(struct exchange *x, enum waiting_error error)
{
	if (x->pool) {
		exchange_pool_failed(x, error);
		return;
	}
	exchange_note_error(x, error);
	exchange_try_next(x);
}

void
exchange_on_connecting(struct exchange *x)
{
	struct upstream *u = x->upstream;
	int error;

	if (!u->writable && !u->readable)
		return;
	error = upstream_connected(u);
	if (error == 0) {
		exchange_start_relay(x);
		return;
	}
	if (error == EAGAIN)
		return;
	exchange_attempt_failed(x, exchange_classify(error));
}

void
exchange_connect_timeout(struct exchange *x)
{
	resolve_cancel(&x->resolve);
	if (x->state == EXCHANGE_RESOLVE && !x->pool) {
		exchange_fail(x, 504, "the backend's name did not resolve until the timeout");
		return;
	}
	exchange_attempt_failed(x, WAITING_UNREACHABLE);
}

/* RFC 9110 section 9.2.2: what has the same effect when it is done twice. */
static bool
exchange_is_idempotent(const struct exchange *x)
{
	switch (x->request.method) {
	case HTTP_METHOD_GET:
	case HTTP_METHOD_HEAD:
	case HTTP_METHOD_OPTIONS:
	case HTTP_METHOD_PUT:
	case HTTP_METHOD_DELETE:
		return true;
	case HTTP_METHOD_POST:
	case HTTP_METHOD_PATCH:
	case HTTP_METHOD_TRACE:
	case HTTP_METHOD_CONNECT:
	case HTTP_METHOD_OTHER:
		break;
	}
	return false;
}

bool
exchange_is_repeatable(const struct exchange *x)
{
	bool unsent = x->upstream && !x->upstream->wrote;

	return (unsent || exchange_is_idempotent(x)) && !x->got_bytes && !x->body_touched;
}

bool
exchange_owes_body(const struct exchange *x)
{
	return x->state == EXCHANGE_RELAY && x->upstream && x->upstream->wrote &&
	       !http_body_done(&x->request_body);
}

void
exchange_blame(struct exchange *x, const char *why)
{
	struct upstream *u = x->upstream;

	if (u && u->place && backend_failed(u->place, x->pool, why, clock_mono_coarse_ms()))
		worker_note_target(x->worker, u->place, why);
}

/* A container that dies takes its last connections in and closes them, before anyone is told: for
 * a moment the request waits for that news, and goes to the next one. Without news it has failed.
 */
static bool
exchange_await_news(struct exchange *x)
{
	if (!x->container || !x->container->answered || x->awaits_news)
		return false;
	exchange_drop_upstream(x);
	x->awaits_news = true;
	exchange_wait(x, clock_mono_coarse_ms() + EXCHANGE_NEWS_MS);
	return true;
}

/* In the time after a container's change, a server that takes a connection and closes it is one
 * that comes up or goes down: it counts as one that refuses, some times. */
static bool
exchange_is_unsettled(const struct exchange *x)
{
	const struct container_entry *entry = x->container;

	return entry && entry->changed_at != 0 && x->closes < EXCHANGE_CLOSES_MAX &&
	       clock_mono_coarse_ms() <
		       entry->changed_at + x->limits->timeout_ms[CONF_TIMEOUT_CONNECT];
}

/* What may be sent again is, as often as the three rules above allow. False: it has failed. */
static bool
exchange_send_again(struct exchange *x)
{
	if (x->sends < EXCHANGE_SENDS_MAX) {
		exchange_drop_upstream(x);
		stats_add(&x->worker->stats, STAT_UPSTREAM_RETRIES, 1);
		exchange_connect(x);
		return true;
	}
	if (exchange_is_unsettled(x)) {
		exchange_note_error(x, WAITING_REFUSED);
		exchange_connect(x);
		return true;
	}
	return exchange_await_news(x);
}

void
exchange_lost(struct exchange *x, const char *why)
{
	x->closes++;
	x->fresh_only = true;
	if (x->pool)
		exchange_pool_lost(x, why);
	else if (!exchange_is_repeatable(x) || !exchange_send_again(x))
		exchange_fail(x, 502, why);
}

void
exchange_on_wait_over(struct exchange *x)
{
	x->tried = 0;
	x->tries = 0;
	if (x->ticket)
		exchange_pool_full(x);
	else if (x->awaits_news)
		exchange_fail(x, 502, "backend closed without an answer");
	else
		exchange_connect(x);
}

/* --- the container changes ------------------------------------------------------------------- */

/* What waits or connects decides anew: an attempt on its way may be to a host that is gone. */
void
exchange_reconsider(struct exchange *x)
{
	x->got_bytes = false;
	x->error = WAITING_NO_ERROR;
	x->attempts = 0;
	x->sends = 0;
	x->awaits_news = false;
	x->tried = 0;
	x->tries = 0;
	/* One that waits at the gate has its place already: another target may be the better one.
	 */
	exchange_leave_place(x);
	exchange_leave_gate(x);
	exchange_drop_upstream(x);
	exchange_connect(x);
}

static void
exchange_on_container_change(struct exchange *x, enum container_change change)
{
	switch (x->state) {
	case EXCHANGE_WAIT:
	case EXCHANGE_CONNECT:
		exchange_reconsider(x);
		break;
	case EXCHANGE_RELAY:
	case EXCHANGE_TUNNEL:
		if (change != CONTAINER_LOST || !x->upstream)
			return;
		/* It died under the request and has not refused it. Bytes that the dead one had
		 * sent are still worth reading. */
		x->upstream->readable = true;
		x->upstream->lost = true;
		x->sends = 0;
		break;
	case EXCHANGE_HEAD:
	case EXCHANGE_GUARD:
	case EXCHANGE_BUFFER:
	case EXCHANGE_RESOLVE:
	case EXCHANGE_DELIVER:
	case EXCHANGE_DISK:
	case EXCHANGE_COLLAPSE:
	case EXCHANGE_STORED:
	case EXCHANGE_FILE:
	case EXCHANGE_ANSWER:
	case EXCHANGE_END:
		return;
	}
	front_drive(x->front);
}

void
exchange_on_container(struct container_entry *entry, enum container_change change)
{
	struct list waiting;

	/* A list of its own: those that decide to wait again append themselves to the entry's. */
	list_init(&waiting);
	while (!list_empty(&entry->exchanges)) {
		struct list *node = list_first(&entry->exchanges);

		list_remove(node);
		list_append(&waiting, node);
	}
	while (!list_empty(&waiting)) {
		struct list *node = list_first(&waiting);

		list_remove(node);
		list_append(&entry->exchanges, node);
		exchange_on_container_change(
			list_entry(node, struct exchange, container_node), change);
	}
}
