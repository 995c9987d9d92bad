/*
 * Violations of a connection's peer. It is the peer that is banned, whatever address its requests
 * name: a peer in `trusted` speaks for others, so it never is.
 */
#include "proxy/conn/conn.h"

#include "core/clock.h"
#include "proxy/guard/client.h"

void
conn_violation(struct conn *c, enum violation what)
{
	struct worker *w = c->worker;
	const struct conf *conf = w->generation->conf;
	const struct addr *peer = &c->origin.peer;
	struct violation_limit limit = {.count = conf->ban.count, .window_ms = conf->ban.window_ms};
	struct client_key key;

	c->offended = true;
	if (!conf->ban.ordinal)
		return;
	stats_add(&w->stats, STAT_VIOLATIONS, 1);
	/* The peer of the socket was trusted to name this one. */
	if (c->origin.via.family || client_is_trusted(conf, peer) ||
		conf_ban_excused(&conf->ban, peer))
		return;
	key = client_key(peer, 0);
	if (!violations_add(w->guards->violations, &key, what, &limit, clock_mono_coarse_ms()))
		return;
	worker_note_offender(w, c->peer, violation_text(what), conf->ban.for_ms);
}

/* Without a ticket of ours it was a full handshake, with our signature. */
static bool
conn_was_unused(const struct conn *c)
{
	return c->ssl && c->requests == 0 && !c->offended && SSL_is_init_finished(c->ssl) &&
	       !SSL_session_reused(c->ssl);
}

void
conn_close_violation(struct conn *c, enum conn_close_reason reason)
{
	switch (reason) {
	case CONN_CLOSE_HANDSHAKE:
	case CONN_CLOSE_HANDSHAKE_TIMEOUT:
		/* Who connects and leaves without a byte looks whether somebody is there. */
		if (c->ssl && BIO_number_read(SSL_get_rbio(c->ssl)) > 0)
			conn_violation(c, VIOLATION_HANDSHAKE);
		break;
	case CONN_CLOSE_PROXY_HEADER:
		conn_violation(c, VIOLATION_PROTOCOL);
		break;
	case CONN_CLOSE_PROTOCOL:
		conn_log_refused(c, conn_close_text(reason));
		conn_violation(c, VIOLATION_PROTOCOL);
		break;
	case CONN_CLOSE_FLOOD:
		conn_log_refused(c, conn_close_text(reason));
		conn_violation(c, VIOLATION_FLOOD);
		break;
	case CONN_CLOSE_DONE:
	case CONN_CLOSE_CLIENT:
	case CONN_CLOSE_CLIENT_ERROR:
	case CONN_CLOSE_CLIENT_ABORT:
	case CONN_CLOSE_IDLE_TIMEOUT:
		if (conn_was_unused(c))
			conn_violation(c, VIOLATION_UNUSED);
		break;
	case CONN_CLOSE_SEND_TIMEOUT:
	case CONN_CLOSE_BODY_CUT:
	case CONN_CLOSE_FILE_CUT:
	case CONN_CLOSE_SLOW:
	case CONN_CLOSE_EVICTED:
	case CONN_CLOSE_DRAIN:
	case CONN_CLOSE_MEMORY:
	case CONN_CLOSE_STOP:
		break;
	}
}

void
conn_log_refused(struct conn *c, const char *why)
{
	struct worker *w = c->worker;
	const struct conf *conf = w->generation->conf;
	const struct access_line line = {.wall_ms = clock_wall_coarse_ms(),
		.status = 400,
		.tls = c->ssl != NULL,
		.tls_version = slice_str(c->ssl ? SSL_get_version(c->ssl) : ""),
		.client = slice_str(c->peer),
		.reason = why};

	if (w->access_log.file && conf->access_log)
		access_log_add(&w->access_log, &line, conf->access_format);
}
