/*
 * The states of a client connection and what moves it from one to the next. One function changes
 * the state, one closes; reading and writing are conn_io.c's, requests are exchange.c's.
 */
#include "proxy/conn/conn.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "proxy/exchange/exchange.h"
#include "proxy/h2/h2.h"
#include "proxy/http/answer.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const conn_state_names[] = {
#define CONN_STATE_NAME(id, what) #id,
	CONN_STATE_TABLE(CONN_STATE_NAME)
#undef CONN_STATE_NAME
};

static enum conn_room
conn_state_room(enum conn_state state)
{
	switch (state) {
	case CONN_IDLE:
		return CONN_ROOM_IDLE;
	case CONN_PROXY:
	case CONN_HANDSHAKE:
	case CONN_LINGER:
		return CONN_ROOM_UNFINISHED;
	case CONN_HEAD: /* nearly always here as a whole: conn_step_head says when it is not */
	case CONN_EXCHANGE:
	case CONN_H2: /* h2.c says what it is */
	case CONN_CLOSED:
		break;
	}
	return CONN_ROOM_KEEP;
}

static void
conn_set_state(struct conn *c, enum conn_state state)
{
	log_debug("connection", kv_i("fd", c->origin.fd), kv_s("from", conn_state_names[c->state]),
		kv_s("to", conn_state_names[state]));
	c->state = state;
	conn_set_room(c, conn_state_room(state));
}

void
conn_set_room(struct conn *c, enum conn_room room)
{
	struct overload *o = &c->worker->overload;

	list_remove(&c->idle_node);
	if (room != CONN_ROOM_KEEP)
		list_append(room == CONN_ROOM_IDLE ? &o->idle : &o->unfinished, &c->idle_node);
}

static uint64_t
conn_idle_ms(const struct conn *c)
{
	return c->worker->generation->conf->limits.timeout_ms[CONF_TIMEOUT_IDLE];
}

uint64_t
conn_request_ms(const struct conn *c)
{
	uint64_t idle = c->idle_ms ? c->idle_ms : conn_idle_ms(c);

	return c->worker->draining && idle > CONN_DRAIN_IDLE_MS ? CONN_DRAIN_IDLE_MS : idle;
}

static void
conn_bury(struct grave *g)
{
	struct conn *c = (struct conn *)(void *)g;

	h2_free(&c->h2);
	SSL_free(c->ssl);
	free(c);
}

/* The socket, the buffers and the timer go now, the memory when the loop comes round. */
static void
conn_release(struct conn *c)
{
	struct worker *w = c->worker;

	timer_remove(&w->timers, &c->front.timer);
	event_del(&c->event);
	c->origin.fd = close_fd(c->origin.fd);
	iobuf_release(&c->front.in, &w->blocks);
	iobuf_release(&c->front.out, &w->blocks);
	conn_wire_clear(c);
	tls_seal_end(&w->sealer, &c->seal);
	list_remove(&c->node);
	list_remove(&c->idle_node);
	kick_cancel(&c->kick);
	w->n_conns--;
	stats_sub(&w->stats, STAT_CONNECTIONS_OPEN, 1);
	worker_bury(w, &c->grave);
}

/* A client that takes nothing, or next to nothing: what the kernel still holds for it, megabytes
 * perhaps, would stay for as long as it pleases. A reset frees it, and tells the client at once. */
static void
conn_forget_unsent(struct conn *c)
{
	static const struct linger none = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(c->origin.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

void
conn_close(struct conn *c, enum conn_close_reason reason)
{
	if (c->state == CONN_CLOSED)
		return;
	log_debug("connection closed", kv_i("fd", c->origin.fd),
		kv_s("why", conn_close_text(reason)));
	atomic_fetch_add_explicit(&c->worker->closes[reason], 1, memory_order_relaxed);
	conn_close_violation(c, reason);
	if (c->front.exchange)
		exchange_cancel(c->front.exchange, reason);
	if (c->h2)
		h2_close(c->h2, reason);
	if (reason == CONN_CLOSE_SLOW || reason == CONN_CLOSE_SEND_TIMEOUT)
		conn_forget_unsent(c);
	conn_set_state(c, CONN_CLOSED);
	c->front.closed = true;
	conn_release(c);
}

void
conn_abandon(struct conn *c)
{
	conn_close(c, CONN_CLOSE_STOP);
}

void
conn_drain(struct conn *c)
{
	if (c->state == CONN_IDLE)
		front_set_wait(&c->front, CONN_WAIT_REQUEST, conn_request_ms(c));
	else if (c->state == CONN_H2)
		h2_drain(c->h2);
	else if (c->front.exchange)
		exchange_drain_connection(c->front.exchange);
}

/* Closes a connection on which nothing is under way, with close_notify. What a kernel that seals
 * still holds would be lost: such a connection lingers, unless it has to make room. */
static void
conn_close_idle(struct conn *c, enum conn_close_reason reason)
{
	if (c->kernel.on && reason != CONN_CLOSE_EVICTED) {
		conn_start_linger(c);
		return;
	}
	conn_finish_output(c);
	conn_close(c, reason);
}

static struct conn *
conn_first(const struct list *all)
{
	struct list *node = list_first(all);

	return node ? list_entry(node, struct conn, idle_node) : NULL;
}

/* NULL: nobody is idle, and who is not finished may still be about to. */
static struct conn *
conn_longest_waiting(struct worker *w)
{
	struct conn *idle = conn_first(&w->overload.idle);
	struct conn *unfinished = conn_first(&w->overload.unfinished);

	if (!unfinished || (idle && idle->front.since_ms <= unfinished->front.since_ms))
		return idle;
	if (!idle && clock_mono_coarse_ms() - unfinished->front.since_ms < OVERLOAD_PATIENCE_MS)
		return NULL;
	return unfinished;
}

bool
conn_close_longest_idle(struct worker *w)
{
	struct conn *c = conn_longest_waiting(w);

	if (!c)
		return false;
	if (c->state == CONN_H2)
		h2_end(c->h2, CONN_CLOSE_EVICTED);
	else if (c->state == CONN_IDLE)
		conn_close_idle(c, CONN_CLOSE_EVICTED);
	else
		conn_close(c, CONN_CLOSE_EVICTED);
	return true;
}

const struct tls_certificate *
conn_choose_certificate(SSL *ssl, struct slice name, void *arg)
{
	struct worker *w = arg;

	(void)ssl;
	return generation_certificate(w->generation, w->index, name);
}

const struct tls_demand *
conn_find_demand(SSL *ssl, struct slice name, void *arg)
{
	struct worker *w = arg;

	(void)ssl;
	return generation_demand(
		w->generation, w->index, route_find_site(w->generation->routes, name));
}

struct slice
conn_tls_name(const struct conn *c)
{
	return slice_str(c->ssl ? SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name) : NULL);
}

/* --- the steps: each returns true when there may be more to do ------------------------------- */

/* A request in clear on a port for TLS: who wrote http:// for https:// is told so, in clear. True:
 * the connection lingers, so that the answer is read. */
static bool
conn_answer_http(struct conn *c)
{
	const struct answer answer = {.status = 400,
		.text = "This port speaks HTTPS. Write https:// instead of http:// and try again.",
		.date = worker_date(c->worker),
		.minor = 1};
	struct buf *text = &c->worker->text;
	struct iobuf *out = &c->front.out;

	buf_reset(text);
	if (!c->spoke_http || answer_build(&answer, text) < 0 ||
		iobuf_hold(out, &c->worker->blocks) < 0 || iobuf_append(out, buf_slice(text)) < 0)
		return false;
	SSL_free(steal_ptr(&c->ssl));
	conn_violation(c, VIOLATION_HANDSHAKE);
	if (conn_flush(c) != FRONT_IO_OK)
		return false;
	conn_start_linger(c);
	return true;
}

static bool
conn_step_handshake(struct conn *c)
{
	struct stats *stats = &c->worker->stats;

	switch (conn_handshake(c)) {
	case FRONT_IO_BLOCKED:
		return false;
	case FRONT_IO_CLOSED:
	case FRONT_IO_END:
		stats_add(stats, STAT_TLS_FAILED, 1);
		if (conn_answer_http(c))
			return true;
		conn_close(c, CONN_CLOSE_HANDSHAKE);
		return false;
	case FRONT_IO_OK:
		break;
	}
	stats_add(stats, STAT_TLS_HANDSHAKES, 1);
	if (SSL_session_reused(c->ssl))
		stats_add(stats, STAT_TLS_RESUMED, 1);
	if (tls_drop_staple(c->ssl))
		stats_add(stats, STAT_TLS_STAPLED, 1);
	front_set_wait(&c->front, CONN_WAIT_REQUEST, conn_request_ms(c));
	if (!tls_is_h2(c->ssl)) {
		conn_set_state(c, CONN_IDLE);
		return true;
	}
	conn_set_state(c, CONN_H2);
	c->h2 = h2_new(c);
	if (!c->h2)
		conn_close(c, CONN_CLOSE_MEMORY);
	else if (c->worker->draining)
		h2_drain(c->h2);
	return c->h2 != NULL;
}

/* Waits for the first byte of the next request, or finds it read already (pipelining). */
static bool
conn_step_idle(struct conn *c)
{
	enum front_io result = FRONT_IO_OK;

	if (front_input(&c->front).n == 0)
		result = conn_read(c);
	if (result == FRONT_IO_BLOCKED && conn_kernel_is_over(c)) {
		conn_start_linger(c);
		return true;
	}
	if (result == FRONT_IO_BLOCKED)
		return false;
	if (result == FRONT_IO_CLOSED) {
		/* Who has closed both ways, as nearly all do, would answer a goodbye with RST. What
		 * a kernel that seals still holds may be read yet. */
		if (c->finished && !c->kernel.on)
			conn_close(c, CONN_CLOSE_CLIENT);
		else
			conn_close_idle(c, CONN_CLOSE_CLIENT);
		return c->state == CONN_LINGER;
	}
	c->front.exchange = exchange_new(&c->front);
	if (!c->front.exchange) {
		conn_close(c, CONN_CLOSE_MEMORY);
		return false;
	}
	/* The whole head has this long: a byte now and then does not extend it. */
	front_set_wait(&c->front, CONN_WAIT_HEAD, conn_idle_ms(c));
	conn_set_state(c, CONN_HEAD);
	return true;
}

static bool
conn_step_head(struct conn *c)
{
	enum front_io result;

	if (exchange_read_head(c->front.exchange)) {
		c->requests++;
		conn_set_state(c, CONN_EXCHANGE);
		return true;
	}
	result = conn_read(c);
	if (result == FRONT_IO_CLOSED && c->kernel.on)
		conn_start_linger(c);
	else if (result == FRONT_IO_CLOSED)
		conn_close(c, CONN_CLOSE_CLIENT);
	else if (result == FRONT_IO_BLOCKED && list_empty(&c->idle_node))
		conn_set_room(c, CONN_ROOM_UNFINISHED);
	return result == FRONT_IO_OK;
}

void
conn_start_linger(struct conn *c)
{
	conn_set_state(c, CONN_LINGER);
	if (c->kernel.on) {
		conn_kernel_close(c);
		return;
	}
	conn_finish_output(c);
	front_set_wait(&c->front, CONN_WAIT_LINGER, CONN_LINGER_MS);
}

/* The exchange is over: the next one, or the end. */
static bool
conn_after_exchange(struct conn *c, enum exchange_end end)
{
	c->front.exchange = NULL;
	c->front.in_base = 0;
	if (iobuf_len(&c->front.in) == 0)
		iobuf_release(&c->front.in, &c->worker->blocks);
	else
		iobuf_compact(&c->front.in);
	if (end == EXCHANGE_END_KEEP && conn_kernel_is_over(c))
		end = EXCHANGE_END_CLOSE;
	switch (end) {
	case EXCHANGE_END_KEEP:
		front_set_wait(&c->front, CONN_WAIT_REQUEST, conn_request_ms(c));
		conn_set_state(c, CONN_IDLE);
		return true;
	case EXCHANGE_END_CLOSE:
		/* Without unread bytes a close is clean; with some the kernel would reset the
		 * connection, and the client might lose the answer (RFC 9112 section 9.6). None
		 * come from a client that has itself said "close". */
		if (c->front.last && iobuf_len(&c->front.in) == 0 && !c->kernel.on) {
			conn_notify_close(c);
			conn_close(c, CONN_CLOSE_DONE);
			return false;
		}
		conn_start_linger(c);
		return true;
	case EXCHANGE_GOES_ON:
		break;
	}
	return false;
}

static bool
conn_step_exchange(struct conn *c)
{
	enum exchange_end end = exchange_run(c->front.exchange);

	if (c->state == CONN_CLOSED || end == EXCHANGE_GOES_ON)
		return false;
	return conn_after_exchange(c, end);
}

static bool
conn_step_linger(struct conn *c)
{
	size_t n = 0;
	enum front_io result = conn_read_away(c, &n);

	c->lingered += n;
	/* Who has ended its requests may read on. */
	if (result == FRONT_IO_CLOSED && c->kernel.closing)
		return false;
	if (result == FRONT_IO_CLOSED || c->lingered > CONN_LINGER_MAX) {
		conn_close(c, CONN_CLOSE_DONE);
		return false;
	}
	return result == FRONT_IO_OK;
}

static bool
conn_step(struct conn *c)
{
	switch (c->state) {
	case CONN_PROXY:
		return conn_step_proxy(c);
	case CONN_HANDSHAKE:
		return conn_step_handshake(c);
	case CONN_IDLE:
		return conn_step_idle(c);
	case CONN_HEAD:
		return conn_step_head(c);
	case CONN_EXCHANGE:
		return conn_step_exchange(c);
	case CONN_H2:
		return h2_run(c->h2);
	case CONN_LINGER:
		return conn_step_linger(c);
	case CONN_CLOSED:
		return false;
	}
	return false;
}

void
conn_drive(struct conn *c)
{
	if (c->driving)
		return;
	c->driving = true;
	for (int turn = 0; conn_step(c); turn++) {
		if (turn >= CONN_TURN_MAX) {
			conn_kick(c);
			break;
		}
	}
	c->driving = false;
}

void
conn_kick(struct conn *c)
{
	/* What it then reads may have come at any time: no read of that turn is its first. */
	c->turn = c->worker->turn + 1;
	worker_kick(c->worker, &c->kick);
}

static void
conn_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	if (what & (EV_READ | EV_CLOSED)) {
		c->readable = true;
		c->drained = false;
	}
	if (what & EV_CLOSED)
		c->finished = true;
	if (what & EV_WRITE)
		c->writable = true;
	conn_drive(c);
}

static void
conn_on_timeout(struct timer *t)
{
	struct conn *c = list_entry(t, struct conn, front.timer);

	if (c->state == CONN_H2) {
		h2_on_timeout(c->h2, c->front.wait);
		return;
	}
	switch (c->front.wait) {
	case CONN_WAIT_NOTHING:
		return;
	case CONN_WAIT_HANDSHAKE:
		if (c->state == CONN_PROXY)
			conn_refuse_proxy(c, "its header took too long");
		else
			conn_close(c, CONN_CLOSE_HANDSHAKE_TIMEOUT);
		return;
	case CONN_WAIT_REQUEST:
		conn_close_idle(
			c, c->worker->draining ? CONN_CLOSE_DRAIN : CONN_CLOSE_IDLE_TIMEOUT);
		return;
	case CONN_WAIT_LINGER:
		if (conn_kernel_on_timeout(c))
			conn_drive(c);
		else
			conn_close(c, CONN_CLOSE_DONE);
		return;
	case CONN_WAIT_CLIENT:
	case CONN_WAIT_HEAD:
	case CONN_WAIT_BODY:
	case CONN_WAIT_CONNECT:
	case CONN_WAIT_SEND:
	case CONN_WAIT_READ:
	case CONN_WAIT_TUNNEL:
		if (c->state == CONN_HEAD)
			conn_set_state(c, CONN_EXCHANGE);
		exchange_on_timeout(c->front.exchange, c->front.wait);
		conn_drive(c);
		return;
	}
}

/* What the client says first is waited for: its handshake, or its request. */
static void
conn_wait_first(struct conn *c)
{
	uint64_t wait_ms = conn_idle_ms(c);

	if (c->ssl && wait_ms > CONN_HANDSHAKE_MS)
		wait_ms = CONN_HANDSHAKE_MS;
	front_set_wait(&c->front, c->ssl ? CONN_WAIT_HANDSHAKE : CONN_WAIT_REQUEST, wait_ms);
}

void
conn_begin(struct conn *c)
{
	conn_set_state(c, c->ssl ? CONN_HANDSHAKE : CONN_IDLE);
	conn_wait_first(c);
}

static int
conn_open(struct conn *c)
{
	struct worker *w = c->worker;
	bool tls = c->origin.mode == CONF_LISTEN_TLS;

	if (tls && conn_start_tls(c) < 0)
		return -1;
	event_assign(&c->event, w->base, c->origin.fd,
		EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, conn_on_event, c);
	if (event_add(&c->event, NULL) < 0)
		return -1;
	c->state = c->origin.proxy_protocol ? CONN_PROXY : tls ? CONN_HANDSHAKE : CONN_IDLE;
	if (c->origin.proxy_protocol)
		front_set_wait(&c->front, CONN_WAIT_HANDSHAKE, CONN_PROXY_MS);
	else
		conn_wait_first(c);
	return 0;
}

void
conn_new(struct worker *w, const struct conn_origin *origin)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c) {
		close(origin->fd);
		return;
	}
	c->worker = w;
	c->front.conn = c;
	c->front.ops = origin->mode == CONF_LISTEN_TLS ? &conn_front_ops_tls : &conn_front_ops;
	c->origin = *origin;
	addr_print(&origin->peer, c->peer);
	c->grave.bury = conn_bury;
	list_init(&c->grave.node);
	timer_init(&c->front.timer, conn_on_timeout);
	list_init(&c->node);
	list_init(&c->idle_node);
	kick_init(&c->kick, &c->event);
	if (conn_open(c) < 0) {
		close(origin->fd);
		SSL_free(c->ssl);
		free(c);
		return;
	}
	list_append(&w->conns, &c->node);
	w->n_conns++;
	conn_set_room(c, conn_state_room(c->state));
	stats_add(&w->stats, STAT_CONNECTIONS_ACCEPTED, 1);
	stats_add(&w->stats, STAT_CONNECTIONS_OPEN, 1);
	if (c->state == CONN_PROXY && !conn_may_say_proxy(c))
		conn_refuse_proxy(c, "the peer is not trusted");
}
