/*
 * TLS towards backends, of one thread: contexts that verify with given authorities or not at all,
 * and a memory of sessions, so that a new connection to a known backend need not begin from
 * nothing. A session is used again only under the context, the name and the address that it was
 * made with: what was verified once stays verified, and nothing else becomes so.
 */
#ifndef PROXY_TLS_BACKEND_H
#define PROXY_TLS_BACKEND_H

#include "core/map.h"
#include "proxy/tls/tls.h"

#define TLS_SESSIONS_MAX 256 /* kept by a thread; a full memory is emptied */

/* Who uses a client's SSL, as a member: told of sessions that may be used again. */
struct tls_user {
	/* A reference is the callee's. */
	void (*on_session)(struct tls_user *user, SSL_SESSION *session);
};

/* A context that trusts the authorities in this PEM; p NULL: it believes everybody. NULL with e
 * filled. The caller's reference. */
SSL_CTX *tls_backend_new(struct tls_thread *t, struct slice authorities, struct err *e);
/* An SSL in connect state over this socket, without having moved a byte. The certificate must be
 * valid for host, a name or an address, which is also sent as SNI when it is a name. session may be
 * NULL. NULL when memory is short. */
SSL *tls_backend_connect(
	SSL_CTX *ctx, const char *host, SSL_SESSION *session, struct tls_user *user);
/* Why the handshake failed, for the log; empties OpenSSL's error queue. */
const char *tls_backend_why(const SSL *ssl);

struct tls_sessions {
	struct map *by_peer; /* of struct tls_session */
};

/* 0, or -1 when memory is short. */
int tls_sessions_init(struct tls_sessions *s);
/* Forgets all of them. */
void tls_sessions_forget(struct tls_sessions *s);
void tls_sessions_clear(struct tls_sessions *s);
/* peer: host and address as text. The memory's reference, or NULL. */
SSL_SESSION *tls_sessions_find(const struct tls_sessions *s, const SSL_CTX *ctx, struct slice peer);
/* Takes the reference over. */
void tls_sessions_keep(
	struct tls_sessions *s, SSL_CTX *ctx, struct slice peer, SSL_SESSION *session);

#endif
