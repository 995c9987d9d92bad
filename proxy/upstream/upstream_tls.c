/* Between an upstream and OpenSSL. */
#include "proxy/upstream/upstream_tls.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>

#define TLS_TURNS_MAX 8  /* records in a row without a byte for us, read one by one */
#define TLS_NOTE_MS 1000 /* at most one line about handshakes in this time, a thread */
#define PEER_TEXT_MAX (CONF_HOST_MAX + 1 + ADDR_PORT_TEXT_MAX)

/* "HOST ADDRESS:PORT" */
static struct slice
tls_peer(const struct upstream *u, char out[static PEER_TEXT_MAX])
{
	int n = snprintf(out, PEER_TEXT_MAX, "%s %s", u->pool->host, u->pool->text);

	return slice_of(out, n > 0 && n < PEER_TEXT_MAX ? (size_t)n : 0);
}

static void
tls_on_session(struct tls_user *user, SSL_SESSION *session)
{
	struct upstream *u = list_entry(user, struct upstream, tls_user);
	char text[PEER_TEXT_MAX];

	tls_sessions_keep(&u->worker->sessions, u->pool->tls, tls_peer(u, text), session);
}

int
upstream_tls_open(struct upstream *u)
{
	char text[PEER_TEXT_MAX];
	SSL_SESSION *session =
		tls_sessions_find(&u->worker->sessions, u->pool->tls, tls_peer(u, text));

	u->tls_user.on_session = tls_on_session;
	u->ssl = tls_backend_connect(u->pool->tls, u->pool->host, session, &u->tls_user);
	if (u->ssl && SSL_set_fd(u->ssl, u->fd) == 1)
		return 0;
	ERR_clear_error();
	return -1;
}

/* What a call that did not succeed means: an errno. */
static int
tls_errno(struct upstream *u, int result)
{
	switch (SSL_get_error(u->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		u->readable = false;
		return EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		u->writable = false;
		return EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		break;
	}
	return ECONNRESET;
}

static void
tls_note_failure(struct upstream *u)
{
	const char *why = tls_backend_why(u->ssl);
	uint64_t now = clock_mono_coarse_ms();

	if (now < u->worker->handshake_noted_ms + TLS_NOTE_MS)
		return;
	u->worker->handshake_noted_ms = now;
	log_warn("TLS handshake with a backend failed", kv_s("host", u->pool->host),
		kv_s("address", u->pool->text), kv_s("why", why));
}

int
upstream_tls_handshake(struct upstream *u)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(u->ssl);
	if (result == 1) {
		stats_add(&u->worker->stats, STAT_UPSTREAM_TLS, 1);
		if (SSL_session_reused(u->ssl))
			stats_add(&u->worker->stats, STAT_UPSTREAM_TLS_RESUMED, 1);
		return 0;
	}
	if (tls_errno(u, result) == EAGAIN)
		return EAGAIN;
	tls_note_failure(u);
	return EPROTO;
}

/* OpenSSL says that it wants to read as well when it has read all of a record that has no bytes for
 * us (a ticket, a new key), and what is behind that stands in the socket, of which no edge will
 * tell again. 1, 0 for the end, or -errno. */
static int
tls_take(struct upstream *u, int (*take)(SSL *ssl, void *to, size_t n, size_t *ret), char *to,
	size_t n, size_t *ret)
{
	for (int turn = 0; turn < TLS_TURNS_MAX; turn++) {
		bool empty;
		int result, error;

		ERR_clear_error();
		errno = 0;
		result = take(u->ssl, to, n, ret);
		if (result == 1)
			return 1;
		/* What the socket said last. */
		empty = errno == EAGAIN;
		error = tls_errno(u, result);
		if (error != EAGAIN)
			return error == 0 ? 0 : -error;
		if (u->readable || empty)
			return -EAGAIN;
		u->readable = true;
	}
	return -EPROTO;
}

ssize_t
upstream_tls_recv(struct upstream *u, char *to, size_t n)
{
	size_t got;
	int result = tls_take(u, SSL_read_ex, to, n, &got);

	if (result == 1)
		return (ssize_t)got;
	errno = -result;
	return result == 0 ? 0 : -1;
}

ssize_t
upstream_tls_send(struct upstream *u, struct slice bytes)
{
	size_t sent;
	int result;

	ERR_clear_error();
	result = SSL_write_ex(u->ssl, bytes.p, bytes.n, &sent);
	if (result == 1)
		return (ssize_t)sent;
	errno = tls_errno(u, result);
	if (errno == 0)
		errno = EPIPE;
	return -1;
}

bool
upstream_tls_spoke(struct upstream *u)
{
	char byte;
	size_t got;

	return tls_take(u, SSL_peek_ex, &byte, 1, &got) != -EAGAIN;
}

void
upstream_tls_close(struct upstream *u)
{
	SSL *ssl = steal_ptr(&u->ssl);

	if (!ssl)
		return;
	if (SSL_is_init_finished(ssl) && u->writable)
		(void)SSL_shutdown(ssl);
	/* Without this the session would count as spoilt (SSL_shutdown(3)). */
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(ssl);
	ERR_clear_error();
}
