/*
 * The one place that configures OpenSSL. All objects come from _ex functions with the thread's
 * library context; a handshake looks its certificate up in the current generation by callback.
 */
#include "proxy/tls.h"

#include "core/own.h"
#include "proxy/proxy.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

/* Cipher suites of TLS 1.2: forward secret and authenticated only; those of 1.3 all are. */
#define TLS_CIPHERS_1_2                                                                            \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                               \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                               \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define TLS_CIPHERS_1_3 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define TLS_CHAIN_MAX 16 /* certificates behind the leaf */

/* Protocol names as they stand in a ClientHello: length, name (RFC 7301). */
static const unsigned char tls_alpn_http1[] = "\x08http/1.1";
static const unsigned char tls_alpn_http2[] = "\x02h2\x08http/1.1"; /* in our order */
static const unsigned char tls_session_context[] = "sluice";

/* Fills e with OpenSSL's own words for the oldest error, and empties its queue. -1. */
static int
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

	if (t->choose(ssl, tls_name(ssl), t->choose_arg))
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_UNRECOGNIZED_NAME;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Called for full handshakes only: a resumed one needs no certificate. */
static int
tls_on_certificate(SSL *ssl, void *arg)
{
	struct tls_thread *t = arg;
	const struct tls_certificate *c = t->choose(ssl, tls_name(ssl), t->choose_arg);

	return c && SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) == 1;
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

static int
tls_thread_set(struct tls_thread *t, struct err *e)
{
	SSL_CTX *ctx = t->ctx;

	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
	/* Buffers go when they are empty: an idle connection keeps none (see conn.h). */
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
				      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_early_data(ctx, 0);
	SSL_CTX_set_app_data(ctx, t);
	SSL_CTX_set_alpn_select_cb(ctx, tls_on_alpn, NULL);
	SSL_CTX_set_tlsext_servername_callback(ctx, tls_on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, t);
	SSL_CTX_set_cert_cb(ctx, tls_on_certificate, t);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_cipher_list(ctx, TLS_CIPHERS_1_2) != 1 ||
		SSL_CTX_set_ciphersuites(ctx, TLS_CIPHERS_1_3) != 1 ||
		SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
		SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, tls_on_ticket) != 1 ||
		SSL_CTX_set_session_id_context(
			ctx, tls_session_context, sizeof(tls_session_context) - 1) != 1)
		return tls_err(e, "TLS cannot be set up");
	return 0;
}

int
tls_thread_init(struct tls_thread *t, struct tickets *tickets, struct err *e)
{
	t->tickets = tickets;
	t->libctx = OSSL_LIB_CTX_new();
	if (!t->libctx)
		return tls_err(e, "OpenSSL library context");
	t->ctx = SSL_CTX_new_ex(t->libctx, NULL, TLS_server_method());
	t->ticket_cipher = EVP_CIPHER_fetch(t->libctx, "AES-256-CBC", NULL);
	if (!t->ctx || !t->ticket_cipher) {
		tls_thread_clear(t);
		return tls_err(e, "TLS context");
	}
	if (tls_thread_set(t, e) < 0) {
		tls_thread_clear(t);
		return -1;
	}
	return 0;
}

void
tls_thread_clear(struct tls_thread *t)
{
	SSL_CTX_free(t->ctx);
	EVP_CIPHER_free(t->ticket_cipher);
	OSSL_LIB_CTX_free(t->libctx);
	t->ctx = NULL;
	t->ticket_cipher = NULL;
	t->libctx = NULL;
}

SSL *
tls_thread_accept(struct tls_thread *t, bool http2)
{
	SSL *ssl = SSL_new(t->ctx);

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

static BIO *
tls_pem_bio(struct slice pem)
{
	return pem.n > 0 && pem.n <= TLS_PEM_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

/* A file that is read by nobody: an encrypted key has no one to ask for its password. */
static int
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL says how its callbacks look. */
tls_on_password(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return 0;
}

/* The next certificate of the file, or NULL at its end or at what is none. */
static X509 *
tls_read_certificate(struct tls_thread *t, BIO *bio)
{
	X509 *x = X509_new_ex(t->libctx, NULL);

	if (!x || !PEM_read_bio_X509(bio, &x, tls_on_password, NULL)) {
		X509_free(x);
		return NULL;
	}
	return x;
}

/* True when the last error only says that the file has no further PEM block. */
static bool
tls_at_end(void)
{
	unsigned long code = ERR_peek_last_error();
	bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

	if (end)
		ERR_clear_error();
	return end;
}

static int
tls_read_chain(struct tls_thread *t, BIO *bio, struct tls_certificate *ret, struct err *e)
{
	X509 *x;

	ret->leaf = tls_read_certificate(t, bio);
	if (!ret->leaf)
		return tls_at_end() ? err_set(e, "the chain file holds no certificate in PEM")
				    : tls_err(e, "the chain file cannot be read");
	while ((x = tls_read_certificate(t, bio)) != NULL) {
		if (!ret->chain)
			ret->chain = sk_X509_new_null();
		if (!ret->chain || sk_X509_num(ret->chain) >= TLS_CHAIN_MAX ||
			sk_X509_push(ret->chain, x) <= 0) {
			X509_free(x);
			return err_set(e, "the chain file holds more than %d certificates",
				TLS_CHAIN_MAX + 1);
		}
	}
	return tls_at_end() ? 0 : tls_err(e, "the chain file cannot be read");
}

/* What a handshake would do with them, done now, so that the refusal reaches the user. */
static int
tls_try(struct tls_thread *t, const struct tls_certificate *c, struct err *e)
{
	SSL *ssl = SSL_new(t->ctx);
	int ok = ssl && SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) == 1;

	SSL_free(ssl);
	return ok ? 0 : tls_err(e, "OpenSSL refuses the certificate");
}

/* The decoder's own errors do not tell a file without a key from a broken key. */
static bool
tls_has_key(BIO *bio)
{
	static const char mark[] = "PRIVATE KEY-----";
	char *text = NULL;
	long n = BIO_get_mem_data(bio, &text);

	return n > 0 && memmem(text, (size_t)n, mark, sizeof(mark) - 1) != NULL;
}

static int
tls_read_pair(
	struct tls_thread *t, BIO *chain, BIO *key, struct tls_certificate *ret, struct err *e)
{
	if (!chain || !key)
		return err_set(e, "the chain or key is missing or too large");
	if (tls_read_chain(t, chain, ret, e) < 0)
		return -1;
	if (!tls_has_key(key))
		return err_set(e, "the key file holds no private key in PEM");
	ret->key = PEM_read_bio_PrivateKey_ex(key, NULL, tls_on_password, NULL, t->libctx, NULL);
	if (!ret->key)
		return tls_err(e, "the key file cannot be read");
	if (X509_check_private_key(ret->leaf, ret->key) != 1) {
		ERR_clear_error();
		return err_set(e, "the key does not match the certificate");
	}
	return tls_try(t, ret, e);
}

int
tls_certificate_load(struct tls_thread *t, struct slice chain_pem, struct slice key_pem,
	struct tls_certificate *ret, struct err *e)
{
	BIO *chain = tls_pem_bio(chain_pem);
	BIO *key = tls_pem_bio(key_pem);
	struct tls_certificate loaded = {0};
	int result;

	ERR_clear_error();
	result = tls_read_pair(t, chain, key, &loaded, e);
	BIO_free(chain);
	BIO_free(key);
	if (result < 0)
		tls_certificate_clear(&loaded);
	else
		*ret = loaded;
	return result;
}

void
tls_certificate_clear(struct tls_certificate *c)
{
	X509_free(c->leaf);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	*c = (struct tls_certificate){0};
}

int
proxy_check_certificate(struct slice chain_pem, struct slice key_pem, struct err *e)
{
	struct tls_thread thread = {0};
	struct tls_certificate certificate = {0};
	int result;

	if (tls_process_init(e) < 0 || tls_thread_init(&thread, NULL, e) < 0)
		return -1;
	result = tls_certificate_load(&thread, chain_pem, key_pem, &certificate, e);
	tls_certificate_clear(&certificate);
	tls_thread_clear(&thread);
	return result;
}
