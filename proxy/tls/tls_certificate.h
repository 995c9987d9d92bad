/*
 * A certificate with its chain and key, in one thread's library context, and what is to be said
 * of it: when it expires, which hosts of its sites it does not name.
 */
#ifndef PROXY_TLS_CERTIFICATE_H
#define PROXY_TLS_CERTIFICATE_H

#include "conf/conf.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"
#include "proxy/tls/staple.h"

#include <openssl/ssl.h>

#define TLS_PEM_MAX (1024 * 1024) /* a chain or a key in PEM */
#define TLS_NOTES_MAX 8192
#define TLS_NOTES_HOSTS_MAX                                                                        \
	16 /* hosts that are told one by one; how many there are, behind them                      \
	    */
#define TLS_EXPIRY_WARN_MS (INT64_C(14) * 24 * 3600 * 1000)

struct tls_thread;

struct tls_certificate {
	X509 *leaf;
	STACK_OF(X509) * chain; /* without the leaf; NULL: none */
	EVP_PKEY *key;
	const struct tls_certificate *second; /* of the same name, with a key of another type */
	unsigned char id[STAPLE_ID_SIZE];     /* which OCSP answer is its own */
	bool must_staple;                     /* clients may refuse it without an OCSP answer */
};

/* Reads both, checks that they fit and that OpenSSL would use them. 0 or -1 with e filled. */
int tls_certificate_load(struct tls_thread *t, struct slice chain_pem, struct slice key_pem,
	struct tls_certificate *ret, struct err *e);
void tls_certificate_clear(struct tls_certificate *c);
/* "ECDSA", "RSA", "ED25519": certificates of one name differ in it. */
const char *tls_certificate_key_type(const struct tls_certificate *c);

enum tls_expiry { TLS_VALID, TLS_NOT_YET, TLS_EXPIRED, TLS_EXPIRES_SOON };
/* Pure. */
enum tls_expiry tls_expiry_judge(int64_t from_ms, int64_t until_ms, int64_t now_ms);
/* Milliseconds since 1970; INT64_MAX for one that says never, or nothing. */
int64_t tls_time_ms(const ASN1_TIME *t);
/* Appends what an operator should know of the certificate with this index, one a line. */
void tls_certificate_notes(const struct conf *c, size_t index, const struct tls_certificate *of,
	int64_t now_ms, struct buf *notes);
/* Logs the notes of the certificate of that name, a warning each. */
void tls_certificate_warn(const char *name, struct slice notes);

/* Reading PEM: NULL for what is empty or larger than TLS_PEM_MAX. */
BIO *tls_pem_bio(struct slice pem);
/* The next certificate, or NULL at the end or at what is none. */
X509 *tls_read_certificate(OSSL_LIB_CTX *libctx, BIO *bio);
/* True when the last error only says that there is no further PEM block. */
bool tls_at_end(void);
/* Fills e with OpenSSL's own words for the oldest error, and empties its queue. -1. */
int tls_err(struct err *e, const char *what);

#endif
