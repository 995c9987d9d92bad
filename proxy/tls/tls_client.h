/*
 * Client certificates: what a site demands, and what is known of a client that has met it.
 *
 * A session that is resumed brings its client's certificate along, so it must not be resumed where
 * another one is demanded. The session's context says which demand it has met: a hash of the
 * demand, set before OpenSSL looks at a ticket, and compared by it.
 */
#ifndef PROXY_TLS_CLIENT_H
#define PROXY_TLS_CLIENT_H

#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"

#include <openssl/ssl.h>

#define TLS_NO_DEMAND "sluice"  /* the context of a session that has met none */
#define TLS_CONTEXT_SIZE 32     /* SSL_MAX_SID_CTX_LENGTH */
#define TLS_CLIENT_LIFE_S 3600  /* a certificate that has expired opens no door for longer */
#define TLS_CLIENT_CA_MAX 256   /* certificates in one file */
#define TLS_FINGERPRINT_SIZE 65 /* SHA-256 in hex */

struct tls_demand {
	bool required;
	unsigned char context[TLS_CONTEXT_SIZE];
	X509_STORE *store;           /* who may have issued the certificate */
	STACK_OF(X509_NAME) * names; /* the same, for the client's choice among its own */
};

/* 0 or -1 with e filled. */
int tls_demand_load(OSSL_LIB_CTX *libctx, struct slice ca_pem, bool required,
	struct tls_demand *ret, struct err *e);
void tls_demand_clear(struct tls_demand *d);
/* Before OpenSSL looks at tickets: only sessions that have met the demand (NULL: none) are
 * resumed. 0 or -1. */
int tls_demand_bind(SSL *ssl, const struct tls_demand *d);
/* In a full handshake: asks for the certificate. 0 or -1. */
int tls_demand_ask(SSL *ssl, const struct tls_demand *d);
/* After the handshake: whether it has met exactly this demand (NULL: none). */
bool tls_demand_is_met(const SSL *ssl, const struct tls_demand *d);
/* The server name in a ClientHello that is not parsed yet; empty: none. */
struct slice tls_hello_name(SSL *ssl);

/* Facts on the client. "SUCCESS", or "NONE": it has shown no certificate; a failed check ends the
 * handshake. */
const char *tls_client_verify(const SSL *ssl);
/* Appends the subject's name (RFC 2253); nothing without a certificate. 0 or -1. */
int tls_client_subject(const SSL *ssl, struct buf *out);
/* SHA-256 of the certificate in hex; "" without one. */
void tls_client_fingerprint(const SSL *ssl, char out[static TLS_FINGERPRINT_SIZE]);

#endif
