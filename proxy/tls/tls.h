/*
 * TLS of one thread: its own library context (OpenSSL 3.0 contends on a shared one), one SSL_CTX
 * a profile for the thread's life, and the certificates of each generation. Which certificate a
 * connection gets is asked when its ClientHello is there; keys never leave the thread's context.
 */
#ifndef PROXY_TLS_H
#define PROXY_TLS_H

#include "conf/tls.h"
#include "core/err.h"
#include "core/map.h"
#include "core/slice.h"
#include "proxy/tls/tickets.h"
#include "proxy/tls/tls_certificate.h"
#include "proxy/tls/tls_client.h"

#include <openssl/ssl.h>

/* A ticket written at the end of its key's first quarter is readable for the other three. */
#define TLS_TICKET_LIFE_S (18 * 3600)

struct tls_thread {
	OSSL_LIB_CTX *libctx;
	SSL_CTX *contexts[CONF_TLS_PROFILE_COUNT]; /* NULL: not prepared */
	enum conf_tls_profile profile;             /* of the current generation */
	EVP_CIPHER *ticket_cipher;
	struct tickets *tickets; /* not owned */
	struct map *staples;     /* id of the certificate -> struct staple; not owned; NULL: none */
	/* The certificate for this name (empty: none was sent), or NULL: refuse. */
	const struct tls_certificate *(*choose)(SSL *ssl, struct slice name, void *arg);
	/* What the site of this name demands of its clients, or NULL: nothing. NULL itself while
	 * no site demands anything. */
	const struct tls_demand *(*demand)(SSL *ssl, struct slice name, void *arg);
	void *choose_arg; /* of both */
};

/* Once a process, before any other use of OpenSSL: no configuration file is read. 0 or -1. */
int tls_process_init(struct err *e);
/* choose and choose_arg are filled by the caller. 0 or -1 with e filled. */
int tls_thread_init(struct tls_thread *t, struct tickets *tickets, struct err *e);
void tls_thread_clear(struct tls_thread *t);
/* Makes what this profile needs, unless it is there. By the main thread, before the generation
 * that has it is adopted. 0 or -1 with e filled. */
int tls_thread_prepare(struct tls_thread *t, enum conf_tls_profile profile, struct err *e);
/* A server's SSL without a BIO, in accept state; NULL when memory is short. http2: HTTP/2 is
 * offered beside HTTP/1.1, and taken when the client offers both. */
SSL *tls_thread_accept(struct tls_thread *t, bool http2);
/* After the handshake: whether it carried an OCSP answer, whose copy is given back. */
bool tls_drop_staple(SSL *ssl);
/* After the handshake: whether HTTP/2 was agreed on. */
bool tls_is_h2(const SSL *ssl);

#endif
