/* Keys and self-signed certificates for tests, in PEM, made on the spot. */
#ifndef TESTS_UNIT_PROXY_MAKE_PEM_H
#define TESTS_UNIT_PROXY_MAKE_PEM_H

#include "core/slice.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
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

/* rsa_bits 0: a P-256 key. */
static inline void
pem_make(struct pem_pair *ret, const char *name, int rsa_bits)
{
	EVP_PKEY *key = rsa_bits ? EVP_RSA_gen((size_t)rsa_bits) : EVP_EC_gen("P-256");
	X509 *x = X509_new();
	BIO *chain_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
	X509_NAME *subject = X509_get_subject_name(x);

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, subject);
	X509_set_pubkey(x, key);
	if (X509_sign(x, key, EVP_sha256()) == 0 || PEM_write_bio_X509(chain_bio, x) != 1 ||
		PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		abort();
	pem_from_bio(chain_bio, ret->chain);
	pem_from_bio(key_bio, ret->key);
	X509_free(x);
	EVP_PKEY_free(key);
}

#endif
