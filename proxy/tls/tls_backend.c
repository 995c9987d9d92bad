/*
 * The client's side of OpenSSL: verification by the name of the target, ALPN http/1.1, sessions.
 */
#include "proxy/tls/tls_backend.h"

#include "core/addr.h"
#include "core/own.h"
#include "proxy/proxy.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define PEER_MAX 512 /* a context's address, a host's name, an address and a port */

static const unsigned char alpn_http1[] = "\x08http/1.1";

/* --- contexts -------------------------------------------------------------------------------- */

static int
backend_err(struct err *e, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return err_set(e, "%s: %s", what, why ? why : "failed");
}

static int
backend_on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls_user *user = SSL_get_app_data(ssl);

	if (!user)
		return 0;
	user->on_session(user, session);
	return 1;
}

/* True when the last error only says that the file has no further PEM block. */
static bool
backend_at_end(void)
{
	unsigned long code = ERR_peek_last_error();
	bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

	if (end)
		ERR_clear_error();
	return end;
}

/* Every certificate of the file becomes one that chains may end at. */
static int
backend_trust(struct tls_thread *t, SSL_CTX *ctx, BIO *pem, struct err *e)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ctx);
	size_t n = 0;

	for (;; n++) {
		X509 *x = X509_new_ex(t->libctx, NULL);
		bool added;

		if (!x || !PEM_read_bio_X509(pem, &x, NULL, NULL)) {
			X509_free(x);
			break;
		}
		added = X509_STORE_add_cert(store, x) == 1;
		X509_free(x);
		if (!added)
			return backend_err(e, "OpenSSL refuses an authority");
	}
	if (!backend_at_end())
		return backend_err(e, "the file of authorities cannot be read");
	return n > 0 ? 0 : err_set(e, "the file of authorities holds no certificate in PEM");
}

static int
backend_verify(struct tls_thread *t, SSL_CTX *ctx, struct slice authorities, struct err *e)
{
	BIO *pem = NULL;
	int rc;

	if (!authorities.p) {
		SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
		return 0;
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	/* An authority that is no root, or a server's own certificate, may be what is trusted. */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_PARTIAL_CHAIN);
	if (authorities.n > 0 && authorities.n <= TLS_PEM_MAX)
		pem = BIO_new_mem_buf(authorities.p, (int)authorities.n);
	if (!pem)
		return err_set(e, "the file of authorities is empty or too large");
	rc = backend_trust(t, ctx, pem, e);
	BIO_free(pem);
	return rc;
}

static int
backend_set(SSL_CTX *ctx, struct err *e)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, backend_on_session);
	/* RFC 7301: what is spoken on this connection is HTTP/1.1 and nothing else. (0: done) */
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_alpn_protos(ctx, alpn_http1, sizeof(alpn_http1) - 1) != 0)
		return backend_err(e, "TLS towards backends cannot be set up");
	return 0;
}

SSL_CTX *
tls_backend_new(struct tls_thread *t, struct slice authorities, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new_ex(t->libctx, NULL, TLS_client_method());

	ERR_clear_error();
	if (!ctx) {
		backend_err(e, "TLS context");
		return NULL;
	}
	if (backend_set(ctx, e) < 0 || backend_verify(t, ctx, authorities, e) < 0) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

int
proxy_check_authorities(struct slice pem, struct err *e)
{
	struct tls_thread thread = {0};
	SSL_CTX *ctx;

	if (tls_process_init(e) < 0 || tls_thread_init(&thread, NULL, e) < 0)
		return -1;
	ctx = tls_backend_new(&thread, pem, e);
	SSL_CTX_free(ctx);
	tls_thread_clear(&thread);
	return ctx ? 0 : -1;
}

/* --- connections ----------------------------------------------------------------------------- */

/* RFC 9110 section 4.3.4; RFC 6066 section 3: addresses are not sent as SNI. */
static int
backend_name(SSL *ssl, const char *host)
{
	struct addr addr;

	if (addr_parse(slice_str(host), &addr) == 0)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (SSL_set1_host(ssl, host) != 1)
		return 0;
	return (int)SSL_set_tlsext_host_name(ssl, host);
}

SSL *
tls_backend_connect(SSL_CTX *ctx, const char *host, SSL_SESSION *session, struct tls_user *user)
{
	SSL *ssl = SSL_new(ctx);

	if (!ssl || backend_name(ssl, host) != 1) {
		ERR_clear_error();
		SSL_free(ssl);
		return NULL;
	}
	if (session)
		(void)SSL_set_session(ssl, session);
	SSL_set_app_data(ssl, user);
	SSL_set_connect_state(ssl);
	return ssl;
}

const char *
tls_backend_why(const SSL *ssl)
{
	long verdict = SSL_get_verify_result(ssl);
	unsigned long code = ERR_peek_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	if (verdict != X509_V_OK)
		return X509_verify_cert_error_string(verdict);
	return why ? why : "closed inside the TLS handshake";
}

/* --- sessions -------------------------------------------------------------------------------- */

struct tls_session {
	SSL_CTX *ctx; /* as long as it is here, no other context can have its address */
	SSL_SESSION *session;
};

static void
session_free(struct tls_session *s)
{
	if (!s)
		return;
	SSL_SESSION_free(s->session);
	SSL_CTX_free(s->ctx);
	free(s);
}

/* "CONTEXT HOST ADDRESS"; an empty slice when it is too long. */
static struct slice
session_key(const SSL_CTX *ctx, struct slice peer, char out[static PEER_MAX])
{
	if (sizeof(const SSL_CTX *) + peer.n > PEER_MAX)
		return (struct slice){0};
	memcpy(out, &ctx, sizeof(const SSL_CTX *));
	memcpy(out + sizeof(const SSL_CTX *), peer.p, peer.n);
	return slice_of(out, sizeof(const SSL_CTX *) + peer.n);
}

int
tls_sessions_init(struct tls_sessions *s)
{
	s->by_peer = map_new();
	return s->by_peer ? 0 : -1;
}

void
tls_sessions_forget(struct tls_sessions *s)
{
	size_t cursor = 0;
	struct slice key;
	struct tls_session *session;

	while ((session = map_next(s->by_peer, &cursor, &key)) != NULL) {
		map_remove(s->by_peer, key);
		session_free(session);
	}
}

void
tls_sessions_clear(struct tls_sessions *s)
{
	if (!s->by_peer)
		return;
	tls_sessions_forget(s);
	map_free(&s->by_peer);
}

SSL_SESSION *
tls_sessions_find(const struct tls_sessions *s, const SSL_CTX *ctx, struct slice peer)
{
	char text[PEER_MAX];
	struct slice key = session_key(ctx, peer, text);
	const struct tls_session *session = key.n ? map_find(s->by_peer, key) : NULL;

	return session ? session->session : NULL;
}

void
tls_sessions_keep(struct tls_sessions *s, SSL_CTX *ctx, struct slice peer, SSL_SESSION *session)
{
	struct tls_session *kept = calloc(1, sizeof(*kept));
	char text[PEER_MAX];
	struct slice key = session_key(ctx, peer, text);
	void *old = NULL;

	if (map_count(s->by_peer) >= TLS_SESSIONS_MAX)
		tls_sessions_forget(s);
	if (!kept || !key.n || SSL_CTX_up_ref(ctx) != 1) {
		SSL_SESSION_free(session);
		free(kept);
		return;
	}
	kept->ctx = ctx;
	kept->session = session;
	if (map_set(s->by_peer, key, kept, &old) < 0)
		old = kept;
	session_free(old);
}
