/* Keys and self-signed certificates for tests, in PEM, made on the spot. */
#ifndef TESTS_UNIT_PROXY_MAKE_PEM_H
#define TESTS_UNIT_PROXY_MAKE_PEM_H

#include "core/slice.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>

#define PEM_ROOM 8192

struct pem_pair {
	char chain[PEM_ROOM], key[PEM_ROOM];
};

static inline void
pem_from_bio(BIO *bio, char out[static PEM_ROOM])
{
	int n = BIO_read(bio, out, PEM_ROOM - 1);

	if (n < 0)
		abort();
	out[n] = '\0';
	BIO_free(bio);
}

struct pem_wish {
	const char *name;               /* the subject's CN */
	const char *san;                /* "DNS:a.example,DNS:*.b.example", NULL: none */
	const struct pem_pair *issuer;  /* NULL: itself */
	const char *extra_name, *extra; /* one more extension, as OpenSSL writes it */
	bool must_staple;
	int rsa_bits;         /* 0: a P-256 key */
	long from_s, until_s; /* from now; until_s 0: an hour */
};

static inline void
pem_add_extension(X509 *x, X509 *issuer, const char *name, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf(NULL, &ctx, name, value);
	if (!extension || X509_add_ext(x, extension, -1) != 1)
		abort();
	X509_EXTENSION_free(extension);
}

static inline void
pem_fill(X509 *x, X509 *issuer, EVP_PKEY *key, const struct pem_wish *wish)
{
	X509_NAME *subject = X509_get_subject_name(x);

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), wish->issuer ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(x), wish->from_s);
	X509_gmtime_adj(X509_getm_notAfter(x), wish->until_s ? wish->until_s : 3600);
	X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_ASC, (const unsigned char *)wish->name, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	X509_set_pubkey(x, key);
	if (wish->san)
		pem_add_extension(x, issuer, "subjectAltName", wish->san);
	if (wish->extra)
		pem_add_extension(x, issuer, wish->extra_name, wish->extra);
	if (wish->must_staple)
		pem_add_extension(x, issuer, "tlsfeature", "status_request");
}

static inline void
pem_write(struct pem_pair *ret, X509 *x, EVP_PKEY *key)
{
	BIO *chain_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());

	if (PEM_write_bio_X509(chain_bio, x) != 1 ||
		PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		abort();
	pem_from_bio(chain_bio, ret->chain);
	pem_from_bio(key_bio, ret->key);
}

static inline X509 *
pem_read_certificate(const struct pem_pair *pair)
{
	BIO *bio = BIO_new_mem_buf(pair->chain, -1);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return x;
}

static inline EVP_PKEY *
pem_read_key(const struct pem_pair *pair)
{
	BIO *bio = BIO_new_mem_buf(pair->key, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return key;
}

static inline void
pem_make_with(struct pem_pair *ret, const struct pem_wish *wish)
{
	EVP_PKEY *key = wish->rsa_bits ? EVP_RSA_gen((size_t)wish->rsa_bits) : EVP_EC_gen("P-256");
	EVP_PKEY *issuer_key = wish->issuer ? pem_read_key(wish->issuer) : NULL;
	X509 *issuer = wish->issuer ? pem_read_certificate(wish->issuer) : NULL;
	X509 *x = X509_new();

	pem_fill(x, issuer ? issuer : x, key, wish);
	if (X509_sign(x, issuer_key ? issuer_key : key, EVP_sha256()) == 0)
		abort();
	pem_write(ret, x, key);
	X509_free(x);
	X509_free(issuer);
	EVP_PKEY_free(key);
	EVP_PKEY_free(issuer_key);
}

/* rsa_bits 0: a P-256 key. */
static inline void
pem_make(struct pem_pair *ret, const char *name, int rsa_bits)
{
	pem_make_with(ret, &(struct pem_wish){.name = name, .rsa_bits = rsa_bits});
}

#endif
