/* Handshakes in memory between a server of ours and a client of OpenSSL's, for tests. */
#ifndef TESTS_UNIT_PROXY_HANDSHAKE_H
#define TESTS_UNIT_PROXY_HANDSHAKE_H

#include "proxy/tls/tls.h"

#include <openssl/err.h>
#include <stdlib.h>

#define HANDSHAKE_TURNS 20 /* more than any handshake needs */

struct handshake {
	SSL_CTX *ctx; /* the client's: set it up before handshake_run */
	SSL *client, *server;
	int alert; /* the fatal one that the client got, or 0 */
};

static inline void
handshake_on_info(const SSL *ssl, int where, int value)
{
	struct handshake *h = SSL_get_app_data(ssl);

	if ((where & SSL_CB_READ_ALERT) && value >> 8 == SSL3_AL_FATAL)
		h->alert = value & 0xff;
}

static inline void
handshake_init(struct handshake *h)
{
	*h = (struct handshake){.ctx = SSL_CTX_new(TLS_client_method())};
	if (!h->ctx)
		abort();
}

/* Makes both ends, for another handshake of the same client too. */
static inline void
handshake_begin(struct handshake *h, SSL *server, const char *name)
{
	BIO *near = NULL, *far = NULL;

	if (h->client) /* or its session could not be resumed */
		SSL_set_shutdown(h->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(h->client);
	SSL_free(h->server);
	h->alert = 0;
	h->server = server;
	h->client = SSL_new(h->ctx);
	if (!h->server || !h->client || BIO_new_bio_pair(&near, 0, &far, 0) != 1)
		abort();
	SSL_set_bio(h->client, near, near);
	SSL_set_bio(h->server, far, far);
	SSL_set_app_data(h->client, h);
	SSL_set_info_callback(h->client, handshake_on_info);
	SSL_set_connect_state(h->client);
	if (name)
		SSL_set_tlsext_host_name(h->client, name);
}

/* True when both ends are done; the client has then read what came behind (tickets). */
static inline bool
handshake_run(struct handshake *h)
{
	char byte;
	int client = 0, server = 0;

	for (int i = 0; i < HANDSHAKE_TURNS; i++) {
		client = SSL_do_handshake(h->client);
		server = SSL_do_handshake(h->server);
	}
	if (client == 1)
		(void)SSL_read(h->client, &byte, 1);
	ERR_clear_error();
	return client == 1 && server == 1;
}

static inline void
handshake_clear(struct handshake *h)
{
	SSL_free(h->client);
	SSL_free(h->server);
	SSL_CTX_free(h->ctx);
}

#endif
