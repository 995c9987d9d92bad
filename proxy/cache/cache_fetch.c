/* Requests in the background: a front that is nobody. */
#include "proxy/cache/cache_fetch.h"

#include "core/clock.h"
#include "proxy/exchange/exchange_cache.h"

#include <stdlib.h>

struct cache_fetch {
	struct front front;
	struct conn conn; /* what is known of the client it is made for; it has no socket */
	struct list node; /* in worker.fetches */
	struct grave grave;
	struct event event; /* drives it, or ends it, from the loop */
	struct kick kick;
	struct cache_object *object;
	bool driving;
};

static const struct front_ops fetch_ops;

static struct cache_fetch *
fetch_of(struct front *f)
{
	return list_entry(f, struct cache_fetch, front);
}

static void
fetch_bury(struct grave *g)
{
	free(list_entry(g, struct cache_fetch, grave));
}

/* Its memory stays until the loop comes round. */
static void
fetch_release(struct cache_fetch *t)
{
	struct worker *w = t->conn.worker;

	t->front.closed = true;
	if (t->front.exchange)
		exchange_cancel(t->front.exchange, CONN_CLOSE_DONE);
	if (t->object)
		atomic_store(&t->object->refresh_ms, clock_mono_coarse_ms() + CACHE_FETCH_AGAIN_MS);
	cache_object_unref(&t->object);
	timer_remove(&w->timers, &t->front.timer);
	iobuf_release(&t->front.in, &w->blocks);
	iobuf_release(&t->front.out, &w->blocks);
	event_del(&t->event);
	kick_cancel(&t->kick);
	list_remove(&t->node);
	w->n_fetches--;
	worker_bury(w, &t->grave);
}

void
cache_fetch_abandon(struct worker *w)
{
	list_each(node, &w->fetches) fetch_release(list_entry(node, struct cache_fetch, node));
}

/* --- the front ------------------------------------------------------------------------------- */

static enum front_io
fetch_read(struct front *f)
{
	(void)f;
	return FRONT_IO_END;
}

static void
fetch_take(struct front *f, size_t n)
{
	iobuf_consume(&f->in, n);
}

static enum front_io
fetch_flush(struct front *f)
{
	iobuf_release(&f->out, &f->conn->worker->blocks);
	return FRONT_IO_OK;
}

static void
fetch_close(struct front *f, enum conn_close_reason reason)
{
	if (f->closed)
		return;
	f->closed = true;
	if (f->exchange)
		exchange_cancel(f->exchange, reason);
	event_active(&fetch_of(f)->event, EV_TIMEOUT, 0);
}

static void
fetch_drive(struct front *f)
{
	struct cache_fetch *t = fetch_of(f);
	enum exchange_end end;

	if (t->driving || f->closed || !f->exchange)
		return;
	t->driving = true;
	end = exchange_run(f->exchange);
	t->driving = false;
	if (f->closed || end == EXCHANGE_GOES_ON)
		return;
	timer_off(&f->timer);
	event_active(&t->event, EV_TIMEOUT, 0);
}

static void
fetch_kick(struct front *f)
{
	worker_kick(f->conn->worker, &fetch_of(f)->kick);
}

static enum front_presence
fetch_presence(struct front *f)
{
	(void)f;
	return FRONT_HERE;
}

static void
fetch_settle(struct front *f)
{
	(void)f;
}

static const struct front_ops fetch_ops = {.read = fetch_read,
	.take = fetch_take,
	.flush = fetch_flush,
	.close = fetch_close,
	.drive = fetch_drive,
	.kick = fetch_kick,
	.presence = fetch_presence,
	.settle = fetch_settle};

static void
fetch_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct cache_fetch *t = arg;

	(void)fd;
	(void)what;
	if (t->front.exchange && !t->front.closed)
		fetch_drive(&t->front);
	else
		fetch_release(t);
}

static void
fetch_on_timeout(struct timer *timer)
{
	struct front *f = list_entry(timer, struct front, timer);

	if (!f->exchange || f->closed || f->wait == CONN_WAIT_NOTHING)
		return;
	exchange_on_timeout(f->exchange, f->wait);
	front_drive(f);
}

/* --- life ------------------------------------------------------------------------------------ */

static struct slice
arena_copy(struct arena *a, struct slice s)
{
	char *copy = arena_alloc(a, s.n + 1);

	if (copy && s.n)
		memcpy(copy, s.p, s.n);
	return copy ? slice_of(copy, s.n) : (struct slice){0};
}

/* The client's own request as a GET, whatever it was. */
static struct slice
fetch_head(const struct exchange *x, struct arena *a)
{
	static const char get[] = "GET";
	const struct http_request *r = &x->request;
	size_t method = (size_t)r->method_text.at + r->method_text.n;
	struct slice rest = slice_skip(slice_of(r->base, r->head_len), method);
	char *text = arena_alloc(a, rest.n + sizeof(get) - 1);

	if (!text)
		return (struct slice){0};
	memcpy(text, get, sizeof(get) - 1);
	memcpy(text + sizeof(get) - 1, rest.p, rest.n);
	return slice_of(text, rest.n + sizeof(get) - 1);
}

/* What the cache is to do for it: to ask whether the object is still right. */
static struct exchange_cache *
fetch_cache(const struct exchange *from, struct exchange *x)
{
	const struct exchange_cache *c = from->cached;
	struct exchange_cache *ret = arena_zalloc(x->arena, sizeof(*ret));
	struct buf *text = &x->worker->text;

	if (!ret)
		return NULL;
	buf_reset(text);
	if (cache_answer_conditions(c->object, text) < 0)
		return NULL;
	ret->request = c->request;
	ret->request.is_get = true;
	ret->request.is_head = false;
	ret->key.url = arena_copy(x->arena, c->key.url);
	ret->key.scope = arena_copy(x->arena, c->key.scope);
	ret->key.hash = c->key.hash;
	ret->conditions = arena_copy(x->arena, buf_slice(text));
	if (!ret->key.url.p || !ret->key.scope.p || !ret->conditions.p)
		return NULL;
	ret->mark = cache_store_mark(x->worker->cache, &ret->key);
	ret->forward = CACHE_FORWARD_STALE;
	ret->background = true;
	return ret;
}

static int
fetch_begin(struct cache_fetch *t, const struct exchange *from)
{
	struct exchange *x = exchange_new(&t->front);
	struct slice head = x ? fetch_head(from, x->arena) : (struct slice){0};
	struct exchange_cache *c = head.p ? fetch_cache(from, x) : NULL;

	t->front.exchange = x;
	if (!c)
		return -1;
	c->object = cache_object_ref(from->cached->object);
	x->cached = c;
	/* What was decided about the client holds for the request that it caused. */
	x->guard = from->guard;
	x->copied = arena_copy(x->arena, from->copied);
	x->match = (struct route_match){.verdict = ROUTE_FOUND,
		.site = from->site,
		.route = from->route,
		.matched = from->matched};
	exchange_take_head(x, head);
	return 0;
}

/* A route may have gone with its generation; and a backend that is to be told of the client's
 * connection cannot be asked without one. */
static bool
may_fetch(const struct exchange *x)
{
	const struct worker *w = x->worker;

	return w->n_fetches < CACHE_FETCHES_MAX && !w->stopping && x->generation == w->generation &&
	       !x->route->proxy_protocol;
}

/* For one of the threads. It gives the claim back when it is through. */
static bool
fetch_claim(struct cache_object *o)
{
	uint64_t until = atomic_load(&o->refresh_ms);

	return clock_mono_coarse_ms() >= until &&
	       atomic_compare_exchange_strong(&o->refresh_ms, &until, UINT64_MAX);
}

bool
cache_fetch(struct exchange *x)
{
	struct cache_object *o = x->cached->object;
	struct cache_fetch *t;

	if (!may_fetch(x))
		return false;
	if (!fetch_claim(o))
		return true;
	t = calloc(1, sizeof(*t));
	if (!t) {
		atomic_store(&o->refresh_ms, 0);
		return false;
	}
	t->object = cache_object_ref(o);
	t->grave.bury = fetch_bury;
	list_init(&t->grave.node);
	list_init(&t->node);
	t->conn.worker = x->worker;
	t->conn.origin = x->conn->origin;
	t->conn.origin.fd = -1;
	memcpy(t->conn.peer, x->conn->peer, sizeof(t->conn.peer));
	t->front.ops = &fetch_ops;
	t->front.conn = &t->conn;
	t->front.framed = true;
	t->front.internal = true;
	t->front.secure = exchange_is_secure(x);
	timer_init(&t->front.timer, fetch_on_timeout);
	event_assign(&t->event, x->worker->base, -1, 0, fetch_on_event, t);
	kick_init(&t->kick, &t->event);
	list_append(&x->worker->fetches, &t->node);
	x->worker->n_fetches++;
	if (fetch_begin(t, x) < 0) {
		fetch_release(t);
		return false;
	}
	event_active(&t->event, EV_TIMEOUT, 0);
	return true;
}
