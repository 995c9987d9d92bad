/*
 * The front of an exchange whose client is ourselves. What the exchange writes is kept up to a
 * bound; what it would read is nothing.
 */
#include "proxy/exchange/subrequest.h"

#include "core/clock.h"
#include "core/own.h"
#include "proxy/guard/auth_forward.h"

#include <stdlib.h>

struct subrequest {
	struct front front;
	struct grave grave;
	struct event event; /* drives it, or ends it, from the loop */
	struct kick kick;
	struct exchange *parent; /* NULL: it was cancelled, or has told */
	void (*done)(struct exchange *parent, const struct subrequest_answer *answer);
	struct buf answer;
	struct http_response response;
	uint64_t read_ms;  /* the time-out of the place that names the server */
	uint64_t until_ms; /* an answer whose head is here has so long for its body; 0: none is */
	bool enough;       /* the parent is told, whatever still comes */
	bool driving;
	bool cut;    /* the answer was larger than what is kept, or broke off */
	bool failed; /* it was closed before it ended */
};

extern const struct front_ops subrequest_ops;

static struct subrequest *
subrequest_of(struct front *f)
{
	return list_entry(f, struct subrequest, front);
}

static void
subrequest_bury(struct grave *g)
{
	struct subrequest *s = list_entry(g, struct subrequest, grave);

	buf_clear(&s->answer);
	free(s);
}

/* Its memory stays until the loop comes round. */
static void
subrequest_release(struct subrequest *s)
{
	struct worker *w = s->front.conn->worker;

	s->front.closed = true;
	if (s->front.exchange)
		exchange_cancel(s->front.exchange, CONN_CLOSE_CLIENT_ABORT);
	timer_remove(&w->timers, &s->front.timer);
	iobuf_release(&s->front.in, &w->blocks);
	iobuf_release(&s->front.out, &w->blocks);
	event_del(&s->event);
	kick_cancel(&s->kick);
	worker_bury(w, &s->grave);
}

/* The final head, behind interim ones. */
static bool
subrequest_parse(struct subrequest *s, struct subrequest_answer *a)
{
	struct slice rest = buf_slice(&s->answer);

	do {
		http_response_init(&s->response, HTTP_METHOD_GET);
		if (http_parse_response(&s->response, rest.p, rest.n) != HTTP_DONE)
			return false;
		s->response.base = rest.p;
		rest = slice_skip(rest, s->response.head_len);
	} while (s->response.interim);
	a->response = &s->response;
	a->body = rest;
	a->whole = !s->cut;
	return true;
}

/* Tells the parent, which may be gone afterwards. */
static void
subrequest_tell(struct subrequest *s)
{
	struct exchange *parent = steal_ptr(&s->parent);
	struct subrequest_answer a = {0};

	if (!parent)
		return;
	if (!s->failed)
		(void)subrequest_parse(s, &a);
	parent->subrequest = NULL;
	s->done(parent, &a);
	subrequest_release(s);
}

/* --- the front ------------------------------------------------------------------------------- */

static enum front_io
subrequest_read(struct front *f)
{
	(void)f;
	return FRONT_IO_END;
}

static void
subrequest_take(struct front *f, size_t n)
{
	iobuf_consume(&f->in, n);
}

/* What passes is known by its head; of what is the client's, no more is kept than fits, and its
 * body has the time-out once: no server holds a request for as long as it likes. */
static void
subrequest_judge(struct subrequest *s)
{
	uint64_t now = clock_mono_coarse_ms();
	struct subrequest_answer a = {0};

	if (s->enough)
		return;
	if (s->until_ms == 0 && subrequest_parse(s, &a)) {
		s->until_ms = now + s->read_ms;
		s->enough = auth_forward_judge(s->response.status) == AUTH_FORWARD_PASS;
	}
	if (s->until_ms && now > s->until_ms)
		s->cut = true;
	s->enough = s->enough || s->cut;
	if (s->enough)
		event_active(&s->event, EV_TIMEOUT, 0);
}

static enum front_io
subrequest_flush(struct front *f)
{
	struct subrequest *s = subrequest_of(f);

	if (!s->cut && buf_append_slice(&s->answer, iobuf_slice(&f->out)) < 0)
		s->cut = true;
	iobuf_release(&f->out, &f->conn->worker->blocks);
	subrequest_judge(s);
	return FRONT_IO_OK;
}

static void
subrequest_close(struct front *f, enum conn_close_reason reason)
{
	struct subrequest *s = subrequest_of(f);

	if (f->closed)
		return;
	f->closed = true;
	s->failed = true;
	if (f->exchange)
		exchange_cancel(f->exchange, reason);
	event_active(&s->event, EV_TIMEOUT, 0);
}

static void
subrequest_drive(struct front *f)
{
	struct subrequest *s = subrequest_of(f);
	enum exchange_end end;

	if (s->driving || f->closed || !f->exchange)
		return;
	s->driving = true;
	end = exchange_run(f->exchange);
	s->driving = false;
	if (f->closed || end == EXCHANGE_GOES_ON)
		return;
	timer_off(&f->timer);
	event_active(&s->event, EV_TIMEOUT, 0);
}

static void
subrequest_kick(struct front *f)
{
	worker_kick(f->conn->worker, &subrequest_of(f)->kick);
}

static enum front_presence
subrequest_presence(struct front *f)
{
	(void)f;
	return FRONT_HERE;
}

static void
subrequest_settle(struct front *f)
{
	(void)f;
}

const struct front_ops subrequest_ops = {.read = subrequest_read,
	.take = subrequest_take,
	.flush = subrequest_flush,
	.close = subrequest_close,
	.drive = subrequest_drive,
	.kick = subrequest_kick,
	.presence = subrequest_presence,
	.settle = subrequest_settle};

static void
subrequest_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct subrequest *s = arg;

	(void)fd;
	(void)what;
	if (s->front.exchange && !s->front.closed && !s->enough)
		subrequest_drive(&s->front);
	else
		subrequest_tell(s);
}

static void
subrequest_on_timeout(struct timer *t)
{
	struct front *f = list_entry(t, struct front, timer);

	if (!f->exchange || f->closed || f->wait == CONN_WAIT_NOTHING)
		return;
	exchange_on_timeout(f->exchange, f->wait);
	front_drive(f);
}

/* --- life ------------------------------------------------------------------------------------ */

static int
subrequest_begin(struct subrequest *s, const struct conf_route *to, struct slice head)
{
	struct exchange *x = exchange_new(&s->front);
	char *text = x ? arena_alloc(x->arena, head.n) : NULL;

	s->front.exchange = x;
	if (!text)
		return -1;
	memcpy(text, head.p, head.n);
	x->request_id = exchange_request_id(s->parent);
	x->match = (struct route_match){.verdict = ROUTE_FOUND, .route = to};
	exchange_take_head(x, slice_of(text, head.n));
	return 0;
}

struct subrequest *
subrequest_new(struct exchange *parent, const struct conf_route *to, struct slice head,
	void (*done)(struct exchange *parent, const struct subrequest_answer *answer))
{
	struct subrequest *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->done = done;
	s->grave.bury = subrequest_bury;
	list_init(&s->grave.node);
	buf_init(&s->answer, AUTH_FORWARD_ANSWER_MAX);
	s->front.ops = &subrequest_ops;
	s->front.conn = parent->conn;
	s->front.framed = true;
	s->front.internal = true;
	timer_init(&s->front.timer, subrequest_on_timeout);
	event_assign(&s->event, parent->worker->base, -1, 0, subrequest_on_event, s);
	kick_init(&s->kick, &s->event);
	s->parent = parent;
	s->read_ms = to->limits.timeout_ms[CONF_TIMEOUT_READ];
	if (subrequest_begin(s, to, head) < 0) {
		s->parent = NULL;
		subrequest_release(s);
		return NULL;
	}
	event_active(&s->event, EV_TIMEOUT, 0);
	return s;
}

void
subrequest_cancel(struct subrequest **s)
{
	struct subrequest *gone = steal_ptr(s);

	if (!gone)
		return;
	gone->parent = NULL;
	subrequest_release(gone);
}
