/*
 * TLS of one thread: its own library context (OpenSSL 3.0 contends on a shared one), one SSL_CTX
 * for the thread's life, and the certificates of each generation. Which certificate a connection
 * gets is asked when its ClientHello is there; keys never leave the thread's context.
 */
#ifndef PROXY_TLS_H
#define PROXY_TLS_H

#include "core/err.h"
#include "core/slice.h"
#include "proxy/tickets.h"

#include <openssl/ssl.h>

#define TLS_PEM_MAX (1024 * 1024) /* a chain or a key in PEM */

/* A certificate, its chain and its key, in one thread's library context. */
struct tls_certificate {
	X509 *leaf;
	STACK_OF(X509) * chain; /* without the leaf; NULL: none */
	EVP_PKEY *key;
};

struct tls_thread {
	OSSL_LIB_CTX *libctx;
	SSL_CTX *ctx;
	EVP_CIPHER *ticket_cipher;
	struct tickets *tickets; /* not owned */
	/* The certificate for this name (empty: none was sent), or NULL: refuse. */
	const struct tls_certificate *(*choose)(SSL *ssl, struct slice name, void *arg);
	void *choose_arg;
};

/* Once a process, before any other use of OpenSSL: no configuration file is read. 0 or -1. */
int tls_process_init(struct err *e);
/* choose and choose_arg are filled by the caller. 0 or -1 with e filled. */
int tls_thread_init(struct tls_thread *t, struct tickets *tickets, struct err *e);
void tls_thread_clear(struct tls_thread *t);
/* A server's SSL without a BIO, in accept state; NULL when memory is short. http2: HTTP/2 is
 * offered beside HTTP/1.1, and taken when the client offers both. */
SSL *tls_thread_accept(struct tls_thread *t, bool http2);
/* After the handshake: whether HTTP/2 was agreed on. */
bool tls_is_h2(const SSL *ssl);

/* Reads both, checks that they fit and that OpenSSL would use them. 0 or -1 with e filled. */
int tls_certificate_load(struct tls_thread *t, struct slice chain_pem, struct slice key_pem,
	struct tls_certificate *ret, struct err *e);
void tls_certificate_clear(struct tls_certificate *c);

#endif
