/* Client certificates: loading a demand, asking, and telling what was shown. */
#include "proxy/tls/tls_client.h"

#include "core/own.h"
#include "proxy/proxy.h"
#include "proxy/tls/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <string.h>

/* --- a demand -------------------------------------------------------------------------------- */

static int
demand_add(struct tls_demand *d, X509 *x, struct err *e)
{
	X509_NAME *name = X509_NAME_dup(X509_get_subject_name(x));

	if (X509_check_ca(x) == 0) {
		X509_NAME_free(name);
		return err_set(e,
			"certificate %d of the file is none of an authority, so it can't "
			"have issued others",
			sk_X509_NAME_num(d->names) + 1);
	}
	if (!name || sk_X509_NAME_push(d->names, name) <= 0) {
		X509_NAME_free(name);
		return err_set(e, "out of memory");
	}
	return X509_STORE_add_cert(d->store, x) == 1 ? 0 : tls_err(e, "client certificates");
}

static int
demand_read(OSSL_LIB_CTX *libctx, BIO *bio, struct tls_demand *d, struct err *e)
{
	X509 *x;

	while ((x = tls_read_certificate(libctx, bio)) != NULL) {
		int result = sk_X509_NAME_num(d->names) < TLS_CLIENT_CA_MAX
				     ? demand_add(d, x, e)
				     : err_set(e, "the file holds more than %d certificates",
					       TLS_CLIENT_CA_MAX);

		X509_free(x);
		if (result < 0)
			return -1;
	}
	if (!tls_at_end())
		return tls_err(e, "the file of client-certificates cannot be read");
	if (sk_X509_NAME_num(d->names) == 0)
		return err_set(e, "the file holds no certificate in PEM");
	return 0;
}

/* Whoever is named in the file is trusted, an authority in the middle of a chain, too. */
static int
demand_make(struct tls_demand *d, struct slice pem, struct err *e)
{
	d->store = X509_STORE_new();
	d->names = sk_X509_NAME_new_null();
	if (!d->store || !d->names ||
		X509_STORE_set_flags(d->store, X509_V_FLAG_PARTIAL_CHAIN) != 1)
		return err_set(e, "out of memory");
	if (!SHA256((const unsigned char *)pem.p, pem.n, d->context))
		return tls_err(e, "client certificates");
	d->context[0] = d->required ? 'r' : 'o';
	return 0;
}

int
tls_demand_load(OSSL_LIB_CTX *libctx, struct slice ca_pem, bool required, struct tls_demand *ret,
	struct err *e)
{
	struct tls_demand d = {.required = required};
	BIO *bio = tls_pem_bio(ca_pem);
	int result;

	ERR_clear_error();
	if (!bio)
		return err_set(e, "the file of client-certificates is empty or too large");
	result = demand_make(&d, ca_pem, e) < 0 ? -1 : demand_read(libctx, bio, &d, e);
	BIO_free(bio);
	if (result < 0)
		tls_demand_clear(&d);
	else
		*ret = d;
	return result;
}

void
tls_demand_clear(struct tls_demand *d)
{
	X509_STORE_free(d->store);
	sk_X509_NAME_pop_free(d->names, X509_NAME_free);
	*d = (struct tls_demand){0};
}

int
proxy_check_client_ca(struct slice pem, struct err *e)
{
	struct tls_demand d = {0};
	int result;

	if (tls_process_init(e) < 0)
		return -1;
	result = tls_demand_load(NULL, pem, true, &d, e);
	tls_demand_clear(&d);
	return result;
}

/* --- in a handshake -------------------------------------------------------------------------- */

static struct slice
demand_context(const struct tls_demand *d)
{
	return d ? slice_of(d->context, sizeof(d->context)) : SLICE_LIT(TLS_NO_DEMAND);
}

int
tls_demand_bind(SSL *ssl, const struct tls_demand *d)
{
	struct slice context = demand_context(d);

	return SSL_set_session_id_context(
		       ssl, (const unsigned char *)context.p, (unsigned)context.n) == 1
		       ? 0
		       : -1;
}

int
tls_demand_ask(SSL *ssl, const struct tls_demand *d)
{
	STACK_OF(X509_NAME) *names = SSL_dup_CA_list(d->names);

	if (!names)
		return -1;
	SSL_SESSION_set_timeout(SSL_get_session(ssl), TLS_CLIENT_LIFE_S);
	SSL_set_client_CA_list(ssl, names);
	SSL_set_verify(
		ssl, SSL_VERIFY_PEER | (d->required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
	return SSL_set1_verify_cert_store(ssl, d->store) == 1 ? 0 : -1;
}

bool
tls_demand_is_met(const SSL *ssl, const struct tls_demand *d)
{
	const SSL_SESSION *session = SSL_get_session(ssl);
	unsigned n = 0;
	const unsigned char *context = session ? SSL_SESSION_get0_id_context(session, &n) : NULL;

	if (!context || !slice_eq(slice_of(context, n), demand_context(d)))
		return false;
	return !d || !d->required || SSL_get0_peer_certificate(ssl) != NULL;
}

/* RFC 6066 section 3: a list with, today, one kind of entry, of which there may be one. OpenSSL
 * refuses what is malformed when it parses the extension itself, a moment later. */
struct slice
tls_hello_name(SSL *ssl)
{
	const unsigned char *p = NULL;
	size_t n = 0, name;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) != 1 || n < 5 ||
		p[2] != TLSEXT_NAMETYPE_host_name)
		return slice_of("", 0);
	name = (size_t)p[3] << 8 | p[4];
	return name <= n - 5 ? slice_of(p + 5, name) : slice_of("", 0);
}

/* --- facts ----------------------------------------------------------------------------------- */

const char *
tls_client_verify(const SSL *ssl)
{
	return SSL_get0_peer_certificate(ssl) ? "SUCCESS" : "NONE";
}

int
tls_client_subject(const SSL *ssl, struct buf *out)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	BIO *bio = x ? BIO_new(BIO_s_mem()) : NULL;
	char *text = NULL;
	int result = -1;
	long n;

	if (!x)
		return 0;
	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) >= 0) {
		n = BIO_get_mem_data(bio, &text);
		result = n > 0 ? buf_append(out, text, (size_t)n) : 0;
	}
	BIO_free(bio);
	return result;
}

void
tls_client_fingerprint(const SSL *ssl, char out[static TLS_FINGERPRINT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	X509 *x = SSL_get0_peer_certificate(ssl);
	unsigned char hash[SHA256_DIGEST_LENGTH];
	unsigned n = 0;

	out[0] = '\0';
	if (!x || X509_digest(x, EVP_sha256(), hash, &n) != 1 || n != sizeof(hash))
		return;
	for (size_t i = 0; i < sizeof(hash); i++) {
		out[2 * i] = digits[hash[i] >> 4];
		out[2 * i + 1] = digits[hash[i] & 15];
	}
	out[2 * sizeof(hash)] = '\0';
}
