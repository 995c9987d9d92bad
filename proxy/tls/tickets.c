/*
 * Session ticket keys behind a lock of their own. The lock is held for the copy of one key only.
 */
#include "proxy/tls/tickets.h"

#include "core/msg.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct ticket_key {
	unsigned char name[TICKET_NAME_SIZE];
	unsigned char mac[TICKET_SECRET_SIZE];
	unsigned char cipher[TICKET_SECRET_SIZE];
};

struct tickets {
	pthread_mutex_t lock;
	size_t n;
	struct ticket_key keys[TICKET_KEYS_MAX]; /* the newest first */
};

_Static_assert(sizeof(struct ticket_key) == TICKET_KEY_SIZE, "a key is name, HMAC key, AES key");

/* What the callback of SSL_CTX_set_tlsext_ticket_key_evp_cb says to OpenSSL. */
enum { TICKET_ERROR = -1, TICKET_NONE = 0, TICKET_GOOD = 1, TICKET_RENEW = 2 };

struct tickets *
tickets_new(void)
{
	struct tickets *t = calloc(1, sizeof(*t));

	if (t)
		pthread_mutex_init(&t->lock, NULL);
	return t;
}

void
tickets_free(struct tickets **t)
{
	if (!*t)
		return;
	pthread_mutex_destroy(&(*t)->lock);
	explicit_bzero(*t, sizeof(**t));
	free(*t);
	*t = NULL;
}

int
tickets_set(struct tickets *t, struct slice keys, struct err *e)
{
	size_t n = keys.n / TICKET_KEY_SIZE;

	if (n == 0 || keys.n % TICKET_KEY_SIZE != 0)
		return err_set(e, "ticket keys have a wrong size");
	if (n > TICKET_KEYS_MAX)
		n = TICKET_KEYS_MAX;
	pthread_mutex_lock(&t->lock);
	explicit_bzero(t->keys, sizeof(t->keys));
	memcpy(t->keys, keys.p, n * TICKET_KEY_SIZE);
	t->n = n;
	pthread_mutex_unlock(&t->lock);
	return 0;
}

/* Copies the newest key, or the one of that name. Its index, or -1. */
static int
tickets_pick(struct tickets *t, const unsigned char *name, struct ticket_key *ret)
{
	int found = -1;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->n && found < 0; i++) {
		if (!name || memcmp(t->keys[i].name, name, TICKET_NAME_SIZE) == 0) {
			*ret = t->keys[i];
			found = (int)i;
		}
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

static int
ticket_set_mac(EVP_MAC_CTX *ctx, struct ticket_key *key)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(ctx, params) == 1 ? 0 : -1;
}

static int
ticket_encrypt(struct ticket_key *key, const struct ticket_call *call)
{
	if (RAND_bytes_ex(
		    call->libctx, call->iv, (size_t)EVP_CIPHER_get_iv_length(call->cipher), 0) != 1)
		return TICKET_ERROR;
	memcpy(call->name, key->name, TICKET_NAME_SIZE);
	if (EVP_EncryptInit_ex2(call->cipher_ctx, call->cipher, key->cipher, call->iv, NULL) != 1 ||
		ticket_set_mac(call->mac_ctx, key) < 0)
		return TICKET_ERROR;
	return TICKET_GOOD;
}

static int
ticket_decrypt(struct ticket_key *key, const struct ticket_call *call)
{
	if (EVP_DecryptInit_ex2(call->cipher_ctx, call->cipher, key->cipher, call->iv, NULL) != 1 ||
		ticket_set_mac(call->mac_ctx, key) < 0)
		return TICKET_ERROR;
	return TICKET_GOOD;
}

int
tickets_apply(struct tickets *t, const struct ticket_call *call)
{
	struct ticket_key key;
	int index = tickets_pick(t, call->encrypt ? NULL : call->name, &key);
	int result;

	if (index < 0)
		return TICKET_NONE;
	if (call->encrypt)
		result = ticket_encrypt(&key, call);
	else
		result = ticket_decrypt(&key, call);
	if (result == TICKET_GOOD && !call->encrypt && index > 0)
		result = TICKET_RENEW;
	explicit_bzero(&key, sizeof(key));
	return result;
}
