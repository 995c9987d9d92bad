/*
 * Reading certificates and keys from PEM and judging them: whether they fit is an error, whether
 * they will do is a warning. Nothing is opened here.
 */
#include "proxy/tls/tls_certificate.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "proxy/tls/ocsp.h"
#include "proxy/proxy.h"
#include "proxy/tls/staple_book.h"
#include "proxy/tls/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define TLS_CHAIN_MAX 16 /* certificates behind the leaf */

BIO *
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

X509 *
tls_read_certificate(OSSL_LIB_CTX *libctx, BIO *bio)
{
	X509 *x = X509_new_ex(libctx, NULL);

	if (!x || !PEM_read_bio_X509(bio, &x, tls_on_password, NULL)) {
		X509_free(x);
		return NULL;
	}
	return x;
}

bool
tls_at_end(void)
{
	unsigned long code = ERR_peek_last_error();
	bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

	if (end)
		ERR_clear_error();
	return end;
}

/* RFC 5246 section 7.4.2: each certificate certifies the one before it. Clients that build chains
 * themselves forgive another order, the others fail far from whoever wrote the file. */
static int
tls_check_order(const struct tls_certificate *c, struct err *e)
{
	X509 *before = c->leaf;

	for (int i = 0; i < sk_X509_num(c->chain); i++) {
		X509 *x = sk_X509_value(c->chain, i);

		if (X509_check_issued(x, before) != X509_V_OK) {
			ERR_clear_error();
			return err_set(e,
				"the chain file is out of order: certificate %d has not issued "
				"number %d; the server's own comes first, then its issuer, then "
				"that one's",
				i + 2, i + 1);
		}
		before = x;
	}
	return 0;
}

static int
tls_read_chain(OSSL_LIB_CTX *libctx, BIO *bio, struct tls_certificate *ret, struct err *e)
{
	X509 *x;

	ret->leaf = tls_read_certificate(libctx, bio);
	if (!ret->leaf)
		return tls_at_end() ? err_set(e, "the chain file holds no certificate in PEM")
				    : tls_err(e, "the chain file cannot be read");
	while ((x = tls_read_certificate(libctx, bio)) != NULL) {
		if (!ret->chain)
			ret->chain = sk_X509_new_null();
		if (!ret->chain || sk_X509_num(ret->chain) >= TLS_CHAIN_MAX ||
			sk_X509_push(ret->chain, x) <= 0) {
			X509_free(x);
			return err_set(e, "the chain file holds more than %d certificates",
				TLS_CHAIN_MAX + 1);
		}
	}
	if (!tls_at_end())
		return tls_err(e, "the chain file cannot be read");
	return tls_check_order(ret, e);
}

/* What a handshake would do with them, done now, so that the refusal reaches the user. */
static int
tls_try(struct tls_thread *t, const struct tls_certificate *c, struct err *e)
{
	SSL *ssl = SSL_new(t->contexts[CONF_TLS_MODERN]);
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
	if (tls_read_chain(t->libctx, chain, ret, e) < 0)
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
	ret->must_staple = ocsp_is_demanded(ret->leaf);
	if (X509_digest(ret->leaf, EVP_sha256(), ret->id, NULL) != 1)
		return tls_err(e, "SHA-256");
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

/* --- what is right but will not do ----------------------------------------------------------- */

int64_t
tls_time_ms(const ASN1_TIME *t)
{
	struct tm tm;
	time_t seconds;

	if (!t || ASN1_TIME_to_tm(t, &tm) != 1 || (seconds = timegm(&tm)) == (time_t)-1)
		return INT64_MAX;
	return (int64_t)seconds * 1000;
}

const char *
tls_certificate_key_type(const struct tls_certificate *c)
{
	const char *name = EVP_PKEY_get0_type_name(c->key);

	return name && strcmp(name, "EC") == 0 ? "ECDSA" : name ? name : "?";
}

/* A certificate that lives for less than two months is renewed late by design. */
enum tls_expiry
tls_expiry_judge(int64_t from_ms, int64_t until_ms, int64_t now_ms)
{
	int64_t left_ms = until_ms - now_ms;

	if (from_ms > now_ms)
		return TLS_NOT_YET;
	if (left_ms <= 0)
		return TLS_EXPIRED;
	if (left_ms < TLS_EXPIRY_WARN_MS && left_ms < (until_ms - from_ms) / 4)
		return TLS_EXPIRES_SOON;
	return TLS_VALID;
}

static const char *const tls_expiry_texts[] = {
	[TLS_VALID] = "",
	[TLS_NOT_YET] = "is not valid yet",
	[TLS_EXPIRED] = "has expired",
	[TLS_EXPIRES_SOON] = "expires soon",
};

/* A "*." host stands for every name below it, of which certificates can cover one level only. */
static bool
tls_covers(X509 *leaf, const char *host)
{
	char below[CONF_HOST_MAX + sizeof("any")];
	struct slice address = slice_str(host);
	struct addr addr;

	if (strcmp(host, "*") == 0)
		return true;
	if (host[0] == '*') {
		(void)snprintf(below, sizeof(below), "any%s", host + 1);
		host = below;
	}
	if (host[0] == '[') /* and ends in "]" */
		address = slice_of(host + 1, address.n - 2);
	if (addr_parse(address, &addr) == 0)
		return X509_check_ip(leaf, addr.bytes, addr_len(&addr), 0) == 1;
	return X509_check_host(leaf, host, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL) == 1;
}

/* The certificate that a name's first or only one stands for. */
static bool
tls_belongs(const struct conf *c, const struct conf_site *site, size_t index)
{
	return site->certificate >= 0 &&
	       ((size_t)site->certificate == index ||
		       c->certificates[site->certificate].second == (int32_t)index);
}

/* A full buffer ends the list: more lines would help nobody. */
static void
tls_note(struct buf *notes, const char *text, const char *host)
{
	if (buf_printf(notes, "%s%s%s", buf_len(notes) ? "\n" : "", text, host) < 0)
		log_debug("no room for a note", kv_s("host", host));
}

static void
tls_note_hosts(const struct conf *c, size_t index, X509 *leaf, struct buf *notes)
{
	size_t n = 0;
	char more[64];

	for (size_t i = 0; i < c->n_sites; i++) {
		const struct conf_site *site = &c->sites[i];

		for (size_t k = 0; tls_belongs(c, site, index) && k < site->n_hosts; k++)
			if (!tls_covers(leaf, site->hosts[k]) && ++n <= TLS_NOTES_HOSTS_MAX)
				tls_note(notes, "does not name ", site->hosts[k]);
	}
	if (n <= TLS_NOTES_HOSTS_MAX)
		return;
	(void)snprintf(
		more, sizeof(more), "does not name %zu further hosts", n - TLS_NOTES_HOSTS_MAX);
	tls_note(notes, more, "");
}

void
tls_certificate_notes(const struct conf *c, size_t index, const struct tls_certificate *of,
	int64_t now_ms, struct buf *notes)
{
	enum tls_expiry expiry = tls_expiry_judge(tls_time_ms(X509_get0_notBefore(of->leaf)),
		tls_time_ms(X509_get0_notAfter(of->leaf)), now_ms);

	if (expiry != TLS_VALID)
		tls_note(notes, tls_expiry_texts[expiry], "");
	tls_note_hosts(c, index, of->leaf, notes);
	ERR_clear_error();
}

void
tls_certificate_warn(const char *name, struct slice notes)
{
	while (notes.n > 0) {
		struct slice line = slice_head(notes, slice_index(notes, '\n'));

		log_warn("certificate needs attention", kv_s("name", name), kv_slice("why", line));
		notes = slice_skip(notes, line.n + 1);
	}
}

int
proxy_check_certificate(const struct conf *c, size_t index, const struct slice pem[2],
	char ret_type[PROXY_KEY_TYPE_MAX], struct err *e)
{
	struct tls_thread thread = {0};
	struct tls_certificate certificate = {0};
	struct buf notes;
	int result;

	if (tls_process_init(e) < 0 || tls_thread_init(&thread, NULL, e) < 0)
		return -1;
	buf_init(&notes, TLS_NOTES_MAX);
	result = tls_certificate_load(&thread, pem[0], pem[1], &certificate, e);
	if (result == 0) {
		tls_certificate_notes(c, index, &certificate, (int64_t)clock_wall_ms(), &notes);
		staple_notes(staple_state_of(c, &certificate), false, &certificate, &notes);
		tls_certificate_warn(c->certificates[index].name, buf_slice(&notes));
		(void)snprintf(
			ret_type, PROXY_KEY_TYPE_MAX, "%s", tls_certificate_key_type(&certificate));
	}
	buf_clear(&notes);
	tls_certificate_clear(&certificate);
	tls_thread_clear(&thread);
	return result;
}
