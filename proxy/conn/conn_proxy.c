/*
 * What a proxy in front of us says before the client's first byte, on listeners with
 * proxy-protocol: whose connection it is. Only a peer in `trusted` may say that, and it must. The
 * header is looked at in the kernel's buffer and taken out whole, so that what follows it is as if
 * it had never been there.
 */
#include "proxy/conn/conn.h"

#include "core/clock.h"
#include "core/log.h"
#include "proxy/guard/client.h"
#include "proxy/conn/proxy_header.h"

#include <errno.h>
#include <sys/socket.h>

#define PROXY_NOTE_MS 1000 /* one line in this time, a thread */

bool
conn_may_say_proxy(const struct conn *c)
{
	return client_is_trusted(c->worker->generation->conf, &c->origin.peer);
}

void
conn_refuse_proxy(struct conn *c, const char *why)
{
	uint64_t now = clock_mono_coarse_ms();

	if (now >= c->worker->proxy_noted_ms + PROXY_NOTE_MS) {
		c->worker->proxy_noted_ms = now;
		log_warn("connection without a PROXY header closed", kv_s("peer", c->peer),
			kv_u("port", c->origin.port), kv_s("why", why));
	}
	conn_close(c, CONN_CLOSE_PROXY_HEADER);
}

/* LOCAL, UNKNOWN: the proxy speaks for itself, and is the peer as before. */
static void
proxy_take(struct conn *c, const struct proxy_header *h)
{
	if (h->source.family == 0)
		return;
	c->origin.via = c->origin.peer;
	c->origin.peer = h->source;
	c->origin.peer_port = h->source_port;
	c->origin.local = h->destination;
	c->origin.local_port = h->destination_port;
	addr_print(&c->origin.peer, c->peer);
}

/* Takes the header out of the kernel's buffer; it is all there. */
static bool
proxy_consume(struct conn *c, size_t length)
{
	char away[PROXY_HEADER_MAX];

	return recv(c->origin.fd, away, length, 0) == (ssize_t)length;
}

bool
conn_step_proxy(struct conn *c)
{
	char data[PROXY_HEADER_MAX];
	struct proxy_header h;
	size_t length = 0;
	ssize_t n;

	if (!c->readable)
		return false;
	n = recv(c->origin.fd, data, sizeof(data), MSG_PEEK);
	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0 && !(n < 0 && errno == EAGAIN)) {
		conn_close(c, CONN_CLOSE_CLIENT);
		return false;
	}
	switch (proxy_header_parse(data, n > 0 ? (size_t)n : 0, &h, &length)) {
	case PROXY_HEADER_MORE:
		/* The rest raises an edge of its own; after a FIN there is none. */
		c->readable = false;
		if (c->finished)
			conn_refuse_proxy(c, "it ends inside its header");
		return false;
	case PROXY_HEADER_BAD:
		conn_refuse_proxy(c, "malformed header");
		return false;
	case PROXY_HEADER_DONE:
		break;
	}
	if (!proxy_consume(c, length)) {
		conn_close(c, CONN_CLOSE_CLIENT_ERROR);
		return false;
	}
	proxy_take(c, &h);
	conn_begin(c);
	return true;
}
