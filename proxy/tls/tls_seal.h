/*
 * Records of TLS 1.3 that are written by us (RFC 8446 section 5.2). OpenSSL 3.0 makes each record
 * out of a copy, in a buffer of its own, and asks for its cipher's parameters by their names; that
 * costs as much as the encryption of an answer of a few kilobytes. What it offers to a kernel that
 * encrypts, the keys of the application data and every message in clear, it offers to any BIO that
 * takes them, and so to us. The handshake, what comes from the client, alerts, tickets and new keys
 * stay OpenSSL's; the encryption is its EVP.
 *
 * A connection keeps its key. The context that encrypts with it, a kilobyte, it has only while
 * others do not need it more: a thread has TLS_SEAL_SLOTS of them.
 */
#ifndef PROXY_TLS_SEAL_H
#define PROXY_TLS_SEAL_H

#include "core/err.h"
#include "core/slice.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

#define TLS_SEAL_HEAD 5     /* type, version, length */
#define TLS_SEAL_EXTRA 22   /* of a record: its head, the type inside, the tag */
#define TLS_SEAL_MAX 16384  /* bytes in one record */
#define TLS_SEAL_SLOTS 256  /* of a thread */
#define TLS_SEAL_KEY_MAX 32 /* bytes */
#define TLS_SEAL_NONCE 12
/* Under one key: RFC 8446 section 5.5 has 2^24.5 full records for AES-GCM. With sanitizers few, so
 * that tests get there. */
#ifdef SLUICE_SANITIZED
#define TLS_SEAL_RECORDS_MAX 1000
#else
#define TLS_SEAL_RECORDS_MAX (UINT64_C(1) << 24)
#endif

/* X(id, cipher type of linux/tls.h, OpenSSL's name, bytes of a key) */
#define TLS_SEAL_CIPHER_TABLE(X)                                                                   \
	X(AES_128, TLS_CIPHER_AES_GCM_128, "AES-128-GCM", 16)                                      \
	X(AES_256, TLS_CIPHER_AES_GCM_256, "AES-256-GCM", 32)                                      \
	X(CHACHA20, TLS_CIPHER_CHACHA20_POLY1305, "ChaCha20-Poly1305", 32)

enum tls_seal_cipher {
#define TLS_SEAL_ENUM(id, type, name, key) TLS_SEAL_##id,
	TLS_SEAL_CIPHER_TABLE(TLS_SEAL_ENUM)
#undef TLS_SEAL_ENUM
		TLS_SEAL_CIPHER_COUNT
};

struct tls_seal;

struct tls_seal_slot {
	EVP_CIPHER_CTX *ctx;
	struct tls_seal *owner;     /* NULL: spare */
	struct tls_seal_slot *next; /* of the spares */
	enum tls_seal_cipher cipher;
	bool used; /* since the hand came by */
};

/* Of a thread. */
struct tls_sealer {
	EVP_CIPHER *ciphers[TLS_SEAL_CIPHER_COUNT];
	struct tls_seal_slot slots[TLS_SEAL_SLOTS];
	struct tls_seal_slot *spare;
	unsigned n_slots; /* that were ever used */
	unsigned hand;    /* the slot that is asked next to make room */
};

/* Of a connection; all zero: OpenSSL writes its records. Stays where it is while it has a slot. */
struct tls_seal {
	bool on;
	enum tls_seal_cipher cipher;
	struct tls_seal_slot *slot; /* NULL: another has it now */
	uint64_t sequence;          /* of the next record; none is used twice */
	uint8_t key[TLS_SEAL_KEY_MAX];
	uint8_t iv[TLS_SEAL_NONCE];
};

/* Whether the OpenSSL of this process is one that hands its keys over in the way that is known
 * here: 3.0. With any other SSL_OP_ENABLE_KTLS must not be set. */
bool tls_seal_is_known(void);
/* 0, or -1 with e filled; then tls_sealer_clear is not needed. */
int tls_sealer_init(struct tls_sealer *s, OSSL_LIB_CTX *libctx, struct err *e);
void tls_sealer_clear(struct tls_sealer *s);

/* info: what OpenSSL gives with BIO_CTRL_SET_KTLS, one of the structures of linux/tls.h for one
 * direction. False: not for us, OpenSSL goes on to write. */
bool tls_seal_take(struct tls_seal *seal, const void *info);
/* Whether this message of OpenSSL's is a whole KeyUpdate (RFC 8446 section 4.6.3): the next record
 * has another key. Only behind the handshake: a part of a large message may look like one. */
bool tls_seal_is_key_update(uint8_t type, struct slice message);
/* Whether it has made TLS_SEAL_RECORDS_MAX records: OpenSSL has to say that its key is new. */
bool tls_seal_is_spent(const struct tls_seal *seal);
/* OpenSSL writes the next record, with another key; or the connection ends. The key is forgotten.
 */
void tls_seal_end(struct tls_sealer *s, struct tls_seal *seal);
/* One record of that content type with the bytes of first and then second, TLS_SEAL_MAX at most in
 * all, into to, which has room for TLS_SEAL_EXTRA more. Its length, or 0: no memory; then nothing
 * more can be written. */
size_t tls_seal_record(struct tls_sealer *s, struct tls_seal *seal, uint8_t type,
	const struct slice text[2], uint8_t *to);

#endif
