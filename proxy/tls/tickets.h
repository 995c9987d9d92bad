/*
 * The keys of session tickets: one set for all threads, so that a client resumes whichever thread
 * it meets. The newest key writes; older ones still read, and their tickets are renewed.
 */
#ifndef PROXY_TICKETS_H
#define PROXY_TICKETS_H

#include "core/err.h"
#include "core/slice.h"

#include <openssl/ssl.h>

#define TICKET_KEYS_MAX 8
#define TICKET_NAME_SIZE 16
#define TICKET_SECRET_SIZE 32

struct tickets;

/* Holds no key: until tickets_set, no ticket is issued. NULL when memory is short. */
struct tickets *tickets_new(void);
/* Wipes the keys; leaves NULL behind; *t may be NULL. */
void tickets_free(struct tickets **t);
/* Replaces the set at once for all threads: n keys of TICKET_KEY_SIZE bytes, the newest first.
 * 0, or -1 with e filled and the old set kept. */
int tickets_set(struct tickets *t, struct slice keys, struct err *e);

struct ticket_call {
	OSSL_LIB_CTX *libctx;     /* the thread's */
	const EVP_CIPHER *cipher; /* AES-256-CBC of that context */
	unsigned char *name;      /* TICKET_NAME_SIZE */
	unsigned char *iv;
	EVP_CIPHER_CTX *cipher_ctx;
	EVP_MAC_CTX *mac_ctx;
	int encrypt;
};
/* What OpenSSL's ticket callback has to do and to return. */
int tickets_apply(struct tickets *t, const struct ticket_call *call);

#endif
