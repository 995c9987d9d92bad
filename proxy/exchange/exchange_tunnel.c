/*
 * A tunnel: a WebSocket, or another protocol that the route allows. After the backend's 101 the
 * exchange passes bytes both ways as they come, each direction through one bounded buffer, until
 * one side ends or both are silent for `timeout tunnel`. Its life has no other limit. A reload
 * leaves it alone while its route exists and allows its protocol, and hands it to the new
 * generation; the others have some time to come to an end, and a WebSocket gets a Close frame
 * between two frames, to both sides. Of other protocols nothing is known, and nothing is said in
 * them.
 */
#include "proxy/exchange/relay.h"

#include "core/clock.h"
#include "core/own.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/socket.h>

/* RFC 6455 section 1.3. */
#define WS_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define WS_ACCEPT_LEN 28
#define WS_KEY_MAX 64

/* --- which protocol -------------------------------------------------------------------------- */

/* The protocol of that name, where this request may ask for it; or NULL. WebSocket stands in no
 * list, and is for a GET without a body alone. */
static const char *
upgrade_find(const struct exchange *x, struct slice protocol)
{
	if (slice_ieq(protocol, SLICE_LIT(CONF_WEBSOCKET)))
		return x->request.websocket ? CONF_WEBSOCKET : NULL;
	/* A front that frames bodies itself has no connection that could switch. */
	if (x->front->framed || x->front->internal)
		return NULL;
	return conf_upgrade_find(&x->route->upgrade, protocol);
}

static bool
is_websocket(const struct exchange *x)
{
	return strcmp(x->upgrade, CONF_WEBSOCKET) == 0;
}

/* The client's order is that of its preference. Only what the file or we spell goes on. */
void
exchange_choose_upgrade(struct exchange *x)
{
	const struct http_request *r = &x->request;

	for (size_t i = 0; i < r->n_fields; i++) {
		struct slice rest = http_request_slice(r, r->fields[i].value), protocol;

		if (r->fields[i].id != HTTP_NAME_UPGRADE)
			continue;
		while (!x->upgrade && http_list_next(&rest, &protocol))
			x->upgrade = upgrade_find(x, protocol);
	}
}

/* --- the switch ------------------------------------------------------------------------------ */

/* The value of the first field of that name, or nothing. */
static struct slice
tunnel_field(const char *base, const struct http_field *fields, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (slice_ieq(http_span_of(base, fields[i].name), slice_str(name)))
			return http_span_of(base, fields[i].value);
	}
	return SLICE_LIT("");
}

/* Who asks in the name of an HTTP/2 client checks the answer as a client does (RFC 6455 section
 * 4.2.2); one of HTTP/1.1 checks it itself. */
static bool
tunnel_is_accepted(const struct exchange *x)
{
	const struct http_request *q = &x->request;
	const struct http_response *r = &x->response;
	struct slice key = tunnel_field(q->base, q->fields, q->n_fields, "sec-websocket-key");
	struct slice said = tunnel_field(r->base, r->fields, r->n_fields, "sec-websocket-accept");
	unsigned char text[WS_KEY_MAX + sizeof(WS_GUID)], digest[SHA_DIGEST_LENGTH];
	unsigned char accept[WS_ACCEPT_LEN + 1];

	if (!x->front->framed)
		return true;
	if (key.n > WS_KEY_MAX)
		return false;
	memcpy(text, key.p, key.n);
	memcpy(text + key.n, WS_GUID, sizeof(WS_GUID) - 1);
	if (!SHA1(text, key.n + sizeof(WS_GUID) - 1, digest))
		return false;
	(void)EVP_EncodeBlock(accept, digest, sizeof(digest));
	return slice_eq(said, slice_of((const char *)accept, WS_ACCEPT_LEN));
}

/* RFC 9110 section 7.8: the old protocol ends behind the whole request. What is still to come of
 * that would else be read as the new one's. Returns what is wrong, or NULL. */
static const char *
tunnel_misfit(const struct exchange *x)
{
	if (!x->request_sent || x->upload_broken || iobuf_len(&x->upstream->out) > 0)
		return "backend switches before it has all of the request";
	return tunnel_is_accepted(x) ? NULL : "backend's answer does not fit the WebSocket's key";
}

bool
exchange_start_tunnel(struct exchange *x)
{
	const char *why = tunnel_misfit(x);

	if (why) {
		exchange_fail(x, 502, why);
		return false;
	}
	x->tunnel = arena_zalloc(x->arena, sizeof(*x->tunnel));
	if (!x->tunnel) {
		exchange_fail(x, 502, "out of memory");
		return false;
	}
	x->tunnel->frames = is_websocket(x);
	if (x->stored)
		relay_forget_stored(x);
	/* What an HTTP/2 client sends is the tunnel's from the beginning. */
	x->keep_alive = false;
	list_append(&x->worker->tunnels, &x->tunnel_node);
	stats_add(&x->worker->stats, STAT_TUNNELS_OPEN, 1);
	exchange_set_state(x, EXCHANGE_TUNNEL);
	return true;
}

void
exchange_end_tunnel(struct exchange *x)
{
	if (list_empty(&x->tunnel_node))
		return;
	list_remove(&x->tunnel_node);
	stats_sub(&x->worker->stats, STAT_TUNNELS_OPEN, 1);
}

/* --- bytes ----------------------------------------------------------------------------------- */

/* Whether a word of ours is to be said before the end. */
static bool
tunnel_parts(const struct tunnel *t)
{
	return t->draining && t->frames;
}

/* Puts a Close frame behind a whole frame, once. */
static void
tunnel_say_goodbye(struct ws_border *border, bool *said, bool masked, struct iobuf *out)
{
	uint8_t frame[WS_CLOSE_MAX];
	size_t n = ws_close_frame(frame, masked);

	if (*said || border->closing || !ws_border_between(border))
		return;
	if (iobuf_append(out, slice_of((const char *)frame, n)) == 0)
		*said = true;
}

/* From the client into the backend's buffer. True when something moved. */
static bool
tunnel_read_client(struct exchange *x)
{
	struct tunnel *t = x->tunnel;
	struct iobuf *out = &x->upstream->out;
	struct front *f = x->front;
	bool moved = false;

	while (!t->client_done) {
		struct slice in = front_input(f);

		if (in.n == 0) {
			enum front_io result = front_read(f);

			if (result == FRONT_IO_BLOCKED)
				break;
			t->client_done = result != FRONT_IO_OK;
			continue;
		}
		if (iobuf_hold(out, &x->worker->blocks) < 0) {
			front_close(f, CONN_CLOSE_MEMORY);
			return true;
		}
		in = slice_head(in, BLOCK_SIZE - iobuf_len(out));
		if (in.n == 0)
			break;
		if (t->frames)
			ws_border_feed(&t->up, in);
		(void)iobuf_append(out, in);
		x->request_body.payload += in.n;
		front_take(f, in.n);
		moved = true;
	}
	return moved;
}

static bool
tunnel_up(struct exchange *x)
{
	struct tunnel *t = x->tunnel;
	struct upstream *u = x->upstream;
	bool moved = tunnel_read_client(x);
	size_t queued;

	if (x->front->closed)
		return true;
	if (tunnel_parts(t) && iobuf_hold(&u->out, &x->worker->blocks) == 0)
		tunnel_say_goodbye(&t->up, &t->said_up, true, &u->out);
	queued = iobuf_len(&u->out);
	if (queued > 0 && upstream_write(u) == UPSTREAM_CLOSED) {
		iobuf_release(&u->out, &x->worker->blocks);
		t->client_done = true;
	}
	moved = moved || iobuf_len(&u->out) < queued;
	if (iobuf_len(&u->out) == 0)
		iobuf_release(&u->out, &x->worker->blocks);
	if (t->client_done && !t->told_backend && iobuf_len(&u->out) == 0) {
		t->told_backend = true;
		upstream_finish(u);
		moved = true;
	}
	return moved;
}

/* From the backend into the client's buffer. True when something moved. */
static bool
tunnel_read_backend(struct exchange *x)
{
	struct tunnel *t = x->tunnel;
	struct upstream *u = x->upstream;
	struct iobuf *out = &x->front->out;
	enum upstream_io result = UPSTREAM_OK;
	uint32_t before;
	int error;

	if (t->backend_done)
		return false;
	if (iobuf_hold(out, &x->worker->blocks) < 0) {
		front_close(x->front, CONN_CLOSE_MEMORY);
		return true;
	}
	if (iobuf_room(out) == 0)
		iobuf_compact(out);
	before = out->end;
	if (iobuf_room(out) == 0)
		return false;
	/* What came with the head of the answer is first. */
	if (iobuf_len(&u->in) > 0) {
		struct slice in = slice_head(iobuf_slice(&u->in), iobuf_room(out));

		(void)iobuf_append(out, in);
		iobuf_consume(&u->in, in.n);
	} else {
		result = upstream_read_into(u, out, &error);
	}
	if (result == UPSTREAM_CLOSED)
		t->backend_done = true;
	if (out->end > before) {
		if (t->frames)
			ws_border_feed(&t->down, slice_of(out->data + before, out->end - before));
		x->body_sent += out->end - before;
	}
	return result != UPSTREAM_BLOCKED;
}

static bool
tunnel_down(struct exchange *x)
{
	struct tunnel *t = x->tunnel;
	struct front *f = x->front;
	bool moved = tunnel_read_backend(x);
	size_t queued;

	if (f->closed)
		return true;
	if (tunnel_parts(t) && iobuf_hold(&f->out, &x->worker->blocks) == 0)
		tunnel_say_goodbye(&t->down, &t->said_down, false, &f->out);
	queued = iobuf_len(&f->out);
	if (queued == 0) {
		iobuf_release(&f->out, &x->worker->blocks);
		return moved;
	}
	if (front_flush(f) == FRONT_IO_CLOSED) {
		front_close(f, CONN_CLOSE_CLIENT_ABORT);
		return true;
	}
	return front_has_moved(f) || moved || iobuf_len(&f->out) < queued;
}

static void
tunnel_set_wait(struct exchange *x)
{
	const uint64_t *timeout = x->limits->timeout_ms;
	bool stuck = iobuf_len(&x->front->out) > 0 || iobuf_len(&x->upstream->out) > 0;
	enum conn_wait wait = stuck ? CONN_WAIT_CLIENT : CONN_WAIT_TUNNEL;
	uint64_t ms = timeout[stuck ? CONF_TIMEOUT_SEND : CONF_TIMEOUT_TUNNEL];

	if (!x->tunnel->draining && (x->progress || wait != x->front->wait))
		front_set_wait(x->front, wait, ms);
	x->progress = false;
}

bool
exchange_tunnel(struct exchange *x)
{
	bool up = tunnel_up(x);
	bool down = !x->front->closed && tunnel_down(x);

	if (x->front->closed)
		return true;
	if (x->tunnel->backend_done && iobuf_len(&x->front->out) == 0) {
		front_set_wait(x->front, CONN_WAIT_NOTHING, 0);
		exchange_set_state(x, EXCHANGE_END);
		return true;
	}
	if (!up && !down) {
		tunnel_set_wait(x);
		return false;
	}
	x->progress = true;
	return true;
}

/* --- reload ---------------------------------------------------------------------------------- */

/* The target of the route that the tunnel leads to, or NULL: it has none such. */
static const struct conf_target *
tunnel_find_target(const struct exchange *x, const struct conf_route *route)
{
	for (size_t i = 0; i < conf_route_targets(route); i++) {
		if (conf_target_is_same_server(conf_route_target(route, i), x->target))
			return conf_route_target(route, i);
	}
	return NULL;
}

/* The tunnel's protocol as the new generation spells it; NULL: its route does not allow it. */
static const char *
tunnel_find_protocol(const struct exchange *x, const struct conf_route *route)
{
	if (is_websocket(x))
		return CONF_WEBSOCKET;
	return conf_upgrade_find(&route->upgrade, slice_str(x->upgrade));
}

/* The route of the new generation that the request of the tunnel would take, and its target there,
 * if it still leads to the same one and allows the protocol. */
static const struct conf_target *
tunnel_find_again(const struct exchange *x, const struct generation *g, struct route_match *ret)
{
	if (x->conn->origin.mode == CONF_LISTEN_REDIRECT)
		return NULL;
	*ret = route_find(g->routes, exchange_host(x), x->path.match);
	if (ret->verdict != ROUTE_FOUND || !tunnel_find_protocol(x, ret->route))
		return NULL;
	return tunnel_find_target(x, ret->route);
}

/* Its time runs from here on, however much passes: one that is never silent ends as well. */
static void
tunnel_start_draining(struct exchange *x)
{
	x->tunnel->draining = true;
	front_set_wait(x->front, CONN_WAIT_TUNNEL, TUNNEL_DRAIN_MS);
}

void
exchange_drain_tunnel(struct exchange *x)
{
	tunnel_start_draining(x);
	front_drive(x->front);
}

/* The place that the tunnel takes at its target counts in the new generation, too, if that has the
 * same pool; else it counts no more. */
static void
tunnel_keep_place(struct exchange *x, const struct conf_route *route)
{
	const struct backend *place = x->upstream->place;

	for (size_t i = 0; x->pool && place && i < conf_route_targets(route); i++) {
		if (backend_pool_get(x->pool, i) == place)
			return;
	}
	upstream_leave_place(x->upstream);
}

/* False: it is not there any more. Nothing of the old generation may be looked at afterwards: it
 * may be gone. */
static bool
tunnel_adopt(struct exchange *x, struct generation *g)
{
	const struct conf_target *target;
	struct route_match m;

	target = tunnel_find_again(x, g, &m);
	if (!target)
		return false;
	x->site = m.site;
	x->route = m.route;
	x->limits = &m.route->limits;
	x->upgrade = tunnel_find_protocol(x, m.route);
	x->target = target;
	x->pool = generation_pool(g, m.route);
	tunnel_keep_place(x, m.route);
	generation_unref(&x->generation);
	x->generation = generation_ref(g);
	return true;
}

void
exchange_adopt_tunnels(struct worker *w)
{
	list_each(node, &w->tunnels)
	{
		struct exchange *x = list_entry(node, struct exchange, tunnel_node);

		if (!x->tunnel->draining && !tunnel_adopt(x, w->generation))
			exchange_drain_tunnel(x);
	}
}

void
exchange_settle_tunnel(struct exchange *x)
{
	struct worker *w = x->worker;

	if (w->parted || (x->generation != w->generation && !tunnel_adopt(x, w->generation)))
		tunnel_start_draining(x);
}

void
exchange_drain_tunnels(struct worker *w)
{
	list_each(node, &w->tunnels)
	{
		struct exchange *x = list_entry(node, struct exchange, tunnel_node);

		if (!x->tunnel->draining)
			exchange_drain_tunnel(x);
	}
}
