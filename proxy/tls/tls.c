/*
 * The one place that configures OpenSSL. All objects come from _ex functions with the thread's
 * library context; a handshake looks its certificate up in the current generation by callback.
 */
#include "proxy/tls/tls.h"

#include "core/clock.h"
#include "core/own.h"
#include "proxy/proxy.h"
#include "proxy/tls/tls_memory.h"
#include "proxy/tls/tls_seal.h"

#include <openssl/err.h>
#include <string.h>

/* Cipher suites of TLS 1.2: forward secret and authenticated only; those of 1.3 all are. */
#define TLS_CIPHERS_AEAD                                                                           \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                               \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                               \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
/* MAC-then-encrypt, which OpenSSL decrypts in constant time; the last resort of old clients. */
#define TLS_CIPHERS_CBC                                                                            \
	"ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:"                                       \
	"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:"                                             \
	"ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
#define TLS_CIPHERS_1_3 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
/* No SHA-1. ECDSA first: of two certificates it is the one that costs less. */
#define TLS_SIGNATURES                                                                             \
	"ecdsa_secp256r1_sha256:ed25519:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512:"            \
	"rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"                             \
	"rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512"

/* P-384 takes OpenSSL a millisecond, which a client could ask for again and again; nobody who
 * speaks TLS 1.3 needs it. */
static const struct {
	const char *ciphers, *groups;
} tls_profiles[CONF_TLS_PROFILE_COUNT] = {
	[CONF_TLS_MODERN] = {TLS_CIPHERS_AEAD, "X25519:P-256"},
	[CONF_TLS_COMPAT] = {TLS_CIPHERS_AEAD ":" TLS_CIPHERS_CBC, "X25519:P-256:P-384"},
};

/* Protocol names as they stand in a ClientHello: length, name (RFC 7301). */
static const unsigned char tls_alpn_http1[] = "\x08http/1.1";
static const unsigned char tls_alpn_http2[] = "\x02h2\x08http/1.1"; /* in our order */

int
tls_err(struct err *e, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return err_set(e, "%s: %s", what, why ? why : "failed");
}

int
tls_process_init(struct err *e)
{
	tls_memory_init();
	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
		return tls_err(e, "OpenSSL does not start");
	return 0;
}

/* RFC 7301 section 3.2: the first of our protocols that the client offers, and the alert
 * no_application_protocol when it offers none of them. A client without ALPN is not asked; it
 * speaks HTTP/1.1 (RFC 9113 section 3.2). */
static int
tls_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
	unsigned in_len, void *arg)
{
	bool http2 = SSL_get_app_data(ssl) == tls_alpn_http2;
	const unsigned char *ours = http2 ? tls_alpn_http2 : tls_alpn_http1;
	unsigned n = http2 ? sizeof(tls_alpn_http2) - 1 : sizeof(tls_alpn_http1) - 1;
	unsigned char *picked = NULL;

	(void)arg;
	if (SSL_select_next_proto(&picked, out_len, ours, n, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = picked;
	return SSL_TLSEXT_ERR_OK;
}

bool
tls_is_h2(const SSL *ssl)
{
	const unsigned char *name = NULL;
	unsigned n = 0;

	SSL_get0_alpn_selected(ssl, &name, &n);
	return slice_eq(slice_of(name, n), SLICE_LIT("h2"));
}

static struct slice
tls_name(const SSL *ssl)
{
	return slice_str(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
}

/* RFC 6066 section 3: a name that no certificate serves ends the handshake with
 * unrecognized_name. Called with and without the extension, before a session is resumed. */
static int
tls_on_server_name(SSL *ssl, int *alert, void *arg)
{
	struct tls_thread *t = arg;

	/* We make no records of TLS 1.2, and to offer them to us costs a segment of its own. */
	if (SSL_version(ssl) != TLS1_3_VERSION)
		SSL_clear_options(ssl, SSL_OP_ENABLE_KTLS);
	if (t->choose(ssl, tls_name(ssl), t->choose_arg))
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Before anything of the ClientHello is acted upon. A second one, behind a HelloRetryRequest, may
 * have another name, so that the context is set in any case. */
static int
tls_on_hello(SSL *ssl, int *alert, void *arg)
{
	struct tls_thread *t = arg;

	if (!t->demand ||
		tls_demand_bind(ssl, t->demand(ssl, tls_hello_name(ssl), t->choose_arg)) == 0)
		return SSL_CLIENT_HELLO_SUCCESS;
	*alert = SSL_AD_INTERNAL_ERROR;
	return SSL_CLIENT_HELLO_ERROR;
}

/* Called for full handshakes only: a resumed one needs no certificate. Of two, OpenSSL takes the
 * one whose signature the client can verify. */
static int
tls_on_certificate(SSL *ssl, void *arg)
{
	struct tls_thread *t = arg;
	const struct tls_certificate *c = t->choose(ssl, tls_name(ssl), t->choose_arg);
	const struct tls_certificate *second = c ? c->second : NULL;

	const struct tls_demand *demand =
		t->demand ? t->demand(ssl, tls_name(ssl), t->choose_arg) : NULL;

	if (!c || SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) != 1 ||
		(demand && tls_demand_ask(ssl, demand) < 0))
		return 0;
	return !second ||
	       SSL_use_cert_and_key(ssl, second->leaf, second->key, second->chain, 1) == 1;
}

/* Called when the client has asked for the status (RFC 6066 section 8) of the certificate that
 * OpenSSL has chosen by then. */
static int
tls_on_status(SSL *ssl, void *arg)
{
	struct tls_thread *t = arg;
	const X509 *leaf = SSL_get_certificate(ssl);
	const struct tls_certificate *c = t->choose(ssl, tls_name(ssl), t->choose_arg);
	const struct staple *staple;
	void *copy;

	if (c && c->leaf != leaf)
		c = c->second;
	if (!c || c->leaf != leaf || !t->staples)
		return SSL_TLSEXT_ERR_NOACK;
	staple = map_find(t->staples, slice_of(c->id, STAPLE_ID_SIZE));
	if (!staple || staple->until_ms <= (int64_t)clock_wall_coarse_ms())
		return SSL_TLSEXT_ERR_NOACK;
	copy = OPENSSL_memdup(staple->der, staple->n);
	if (!copy)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)staple->n);
	return SSL_TLSEXT_ERR_OK;
}

/* A connection lives longer than its handshake: an idle one need not hold the answer. */
bool
tls_drop_staple(SSL *ssl)
{
	const unsigned char *der = NULL;
	bool had = SSL_get_tlsext_status_ocsp_resp(ssl, &der) > 0;

	if (had)
		SSL_set_tlsext_status_ocsp_resp(ssl, NULL, 0);
	return had;
}

/* NOLINTBEGIN(readability-non-const-parameter): OpenSSL says how its callbacks look. */
static int
tls_on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher_ctx,
	EVP_MAC_CTX *mac_ctx, int encrypt)
{
	struct tls_thread *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct ticket_call call = {.libctx = t->libctx,
		.cipher = t->ticket_cipher,
		.name = name,
		.iv = iv,
		.cipher_ctx = cipher_ctx,
		.mac_ctx = mac_ctx,
		.encrypt = encrypt};

	return tickets_apply(t->tickets, &call);
}
/* NOLINTEND(readability-non-const-parameter) */

/* RFC 6066 section 3: a session of another name is not resumed in TLS 1.2, whose connection would
 * count as one of that name. In TLS 1.3 the name of the handshake counts. */
static SSL_TICKET_RETURN
tls_on_old_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *key, size_t n_key,
	SSL_TICKET_STATUS status, void *arg)
{
	const char *name;

	(void)key;
	(void)n_key;
	(void)arg;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	name = SSL_SESSION_get0_hostname(session);
	if (SSL_SESSION_get_protocol_version(session) == TLS1_2_VERSION &&
		!slice_ieq(slice_str(name), tls_hello_name(ssl)))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

static void
tls_context_set_modes(SSL_CTX *ctx)
{
	/* Our order holds where it matters: AEAD before CBC, and AES-128, which costs least; a
	 * client without AES in hardware says so by putting ChaCha20 first. */
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
	if (tls_seal_is_known())
		SSL_CTX_set_options(ctx, SSL_OP_ENABLE_KTLS);
	/* Buffers go when they are empty: an idle connection keeps none (see conn.h). */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ctx, TLS_TICKET_LIFE_S);
	SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_recv_max_early_data(ctx, 0);
}

static void
tls_context_set_callbacks(SSL_CTX *ctx, struct tls_thread *t)
{
	SSL_CTX_set_app_data(ctx, t);
	SSL_CTX_set_alpn_select_cb(ctx, tls_on_alpn, NULL);
	SSL_CTX_set_tlsext_servername_callback(ctx, tls_on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, t);
	SSL_CTX_set_client_hello_cb(ctx, tls_on_hello, t);
	SSL_CTX_set_cert_cb(ctx, tls_on_certificate, t);
	SSL_CTX_set_tlsext_status_cb(ctx, tls_on_status);
	SSL_CTX_set_tlsext_status_arg(ctx, t);
}

static int
tls_context_set(struct tls_thread *t, enum conf_tls_profile profile)
{
	SSL_CTX *ctx = t->contexts[profile];

	tls_context_set_modes(ctx);
	tls_context_set_callbacks(ctx, t);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_cipher_list(ctx, tls_profiles[profile].ciphers) != 1 ||
		SSL_CTX_set_ciphersuites(ctx, TLS_CIPHERS_1_3) != 1 ||
		SSL_CTX_set1_groups_list(ctx, tls_profiles[profile].groups) != 1 ||
		SSL_CTX_set1_sigalgs_list(ctx, TLS_SIGNATURES) != 1 ||
		SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
		SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, tls_on_ticket) != 1 ||
		SSL_CTX_set_session_ticket_cb(ctx, NULL, tls_on_old_ticket, NULL) != 1)
		return -1;
	return SSL_CTX_set_session_id_context(
		       ctx, (const unsigned char *)TLS_NO_DEMAND, sizeof(TLS_NO_DEMAND) - 1) == 1
		       ? 0
		       : -1;
}

int
tls_thread_prepare(struct tls_thread *t, enum conf_tls_profile profile, struct err *e)
{
	if (t->contexts[profile])
		return 0;
	t->contexts[profile] = SSL_CTX_new_ex(t->libctx, NULL, TLS_server_method());
	if (t->contexts[profile] && tls_context_set(t, profile) == 0)
		return 0;
	SSL_CTX_free(t->contexts[profile]);
	t->contexts[profile] = NULL;
	return tls_err(e, "TLS cannot be set up");
}

int
tls_thread_init(struct tls_thread *t, struct tickets *tickets, struct err *e)
{
	t->tickets = tickets;
	t->profile = CONF_TLS_MODERN;
	t->libctx = OSSL_LIB_CTX_new();
	if (!t->libctx)
		return tls_err(e, "OpenSSL library context");
	t->ticket_cipher = EVP_CIPHER_fetch(t->libctx, "AES-256-CBC", NULL);
	if (!t->ticket_cipher) {
		tls_thread_clear(t);
		return tls_err(e, "TLS context");
	}
	if (tls_thread_prepare(t, CONF_TLS_MODERN, e) < 0) {
		tls_thread_clear(t);
		return -1;
	}
	return 0;
}

void
tls_thread_clear(struct tls_thread *t)
{
	for (size_t i = 0; i < CONF_TLS_PROFILE_COUNT; i++) {
		SSL_CTX_free(t->contexts[i]);
		t->contexts[i] = NULL;
	}
	EVP_CIPHER_free(t->ticket_cipher);
	OSSL_LIB_CTX_free(t->libctx);
	t->ticket_cipher = NULL;
	t->libctx = NULL;
}

SSL *
tls_thread_accept(struct tls_thread *t, bool http2)
{
	SSL *ssl = SSL_new(t->contexts[t->profile]);

	if (!ssl) {
		ERR_clear_error();
		return NULL;
	}
	SSL_set_accept_state(ssl);
	if (http2 && SSL_set_app_data(ssl, (void *)(uintptr_t)tls_alpn_http2) != 1) {
		ERR_clear_error();
		SSL_free(ssl);
		return NULL;
	}
	return ssl;
}
