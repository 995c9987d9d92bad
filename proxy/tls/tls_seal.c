#include "proxy/tls/tls_seal.h"

#include <linux/tls.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#define SEAL_TAG 16
/* Shorter ones are put together before they are encrypted: one call less. */
#define SEAL_COPY_MAX 2048

static const struct {
	const char *name;
	size_t key;
} seal_ciphers[TLS_SEAL_CIPHER_COUNT] = {
#define SEAL_CIPHER(id, type, name, key) [TLS_SEAL_##id] = {name, key},
	TLS_SEAL_CIPHER_TABLE(SEAL_CIPHER)
#undef SEAL_CIPHER
};

bool
tls_seal_is_known(void)
{
	return OPENSSL_version_major() == 3 && OPENSSL_version_minor() == 0;
}

int
tls_sealer_init(struct tls_sealer *s, OSSL_LIB_CTX *libctx, struct err *e)
{
	*s = (struct tls_sealer){0};
	for (size_t i = 0; i < TLS_SEAL_CIPHER_COUNT; i++) {
		s->ciphers[i] = EVP_CIPHER_fetch(libctx, seal_ciphers[i].name, NULL);
		if (!s->ciphers[i]) {
			tls_sealer_clear(s);
			ERR_clear_error();
			return err_set(e, "OpenSSL has no %s", seal_ciphers[i].name);
		}
	}
	return 0;
}

void
tls_sealer_clear(struct tls_sealer *s)
{
	for (unsigned i = 0; i < s->n_slots; i++)
		EVP_CIPHER_CTX_free(s->slots[i].ctx);
	for (size_t i = 0; i < TLS_SEAL_CIPHER_COUNT; i++)
		EVP_CIPHER_free(s->ciphers[i]);
	*s = (struct tls_sealer){0};
}

/* --- keys ------------------------------------------------------------------------------------ */

/* The kernel's structures have the first four bytes of the nonce apart, or not (ChaCha20). */
static void
seal_set(struct tls_seal *seal, enum tls_seal_cipher cipher, const uint8_t *key,
	const uint8_t sequence[8])
{
	seal->cipher = cipher;
	memcpy(seal->key, key, seal_ciphers[cipher].key);
	seal->sequence = 0;
	for (int i = 0; i < 8; i++)
		seal->sequence = seal->sequence << 8 | sequence[i];
	seal->on = true;
}

bool
tls_seal_take(struct tls_seal *seal, const void *info)
{
	const struct tls_crypto_info *head = info;
	const struct tls12_crypto_info_aes_gcm_128 *aes_128 = info;
	const struct tls12_crypto_info_aes_gcm_256 *aes_256 = info;
	const struct tls12_crypto_info_chacha20_poly1305 *chacha20 = info;

	if (head->version != TLS_1_3_VERSION || seal->on)
		return false;
	switch (head->cipher_type) {
	case TLS_CIPHER_AES_GCM_128:
		memcpy(seal->iv, aes_128->salt, sizeof(aes_128->salt));
		memcpy(seal->iv + sizeof(aes_128->salt), aes_128->iv, sizeof(aes_128->iv));
		seal_set(seal, TLS_SEAL_AES_128, aes_128->key, aes_128->rec_seq);
		return true;
	case TLS_CIPHER_AES_GCM_256:
		memcpy(seal->iv, aes_256->salt, sizeof(aes_256->salt));
		memcpy(seal->iv + sizeof(aes_256->salt), aes_256->iv, sizeof(aes_256->iv));
		seal_set(seal, TLS_SEAL_AES_256, aes_256->key, aes_256->rec_seq);
		return true;
	case TLS_CIPHER_CHACHA20_POLY1305:
		memcpy(seal->iv, chacha20->iv, sizeof(chacha20->iv));
		seal_set(seal, TLS_SEAL_CHACHA20, chacha20->key, chacha20->rec_seq);
		return true;
	default:
		return false;
	}
}

bool
tls_seal_is_key_update(uint8_t type, struct slice message)
{
	static const char head[] = {SSL3_MT_KEY_UPDATE, 0, 0, 1};

	return type == SSL3_RT_HANDSHAKE && message.n == sizeof(head) + 1 &&
	       memcmp(message.p, head, sizeof(head)) == 0;
}

bool
tls_seal_is_spent(const struct tls_seal *seal)
{
	return seal->sequence >= TLS_SEAL_RECORDS_MAX;
}

/* --- slots ----------------------------------------------------------------------------------- */

/* One that nobody has, or whose owner has not needed it for a round of the hand. NULL: no memory.
 */
static struct tls_seal_slot *
slot_find(struct tls_sealer *s)
{
	struct tls_seal_slot *slot = s->spare;

	if (slot) {
		s->spare = slot->next;
		return slot;
	}
	if (s->n_slots < TLS_SEAL_SLOTS) {
		slot = &s->slots[s->n_slots];
		slot->ctx = EVP_CIPHER_CTX_new();
		if (!slot->ctx)
			return NULL;
		slot->cipher = TLS_SEAL_CIPHER_COUNT;
		s->n_slots++;
		return slot;
	}
	do {
		slot = &s->slots[s->hand++ % TLS_SEAL_SLOTS];
		if (!slot->used)
			break;
		slot->used = false;
	} while (true);
	slot->owner->slot = NULL;
	slot->owner = NULL;
	return slot;
}

static void
slot_spare(struct tls_sealer *s, struct tls_seal_slot *slot)
{
	slot->owner = NULL;
	slot->next = s->spare;
	s->spare = slot;
}

/* The context that has this key. NULL: no memory. */
static EVP_CIPHER_CTX *
seal_context(struct tls_sealer *s, struct tls_seal *seal)
{
	struct tls_seal_slot *slot = seal->slot;
	const EVP_CIPHER *cipher;

	if (!slot) {
		slot = slot_find(s);
		if (!slot)
			return NULL;
		cipher = slot->cipher == seal->cipher ? NULL : s->ciphers[seal->cipher];
		if (EVP_EncryptInit_ex(slot->ctx, cipher, NULL, seal->key, NULL) != 1) {
			slot->cipher = TLS_SEAL_CIPHER_COUNT;
			slot_spare(s, slot);
			return NULL;
		}
		slot->cipher = seal->cipher;
		slot->owner = seal;
		seal->slot = slot;
	}
	slot->used = true;
	return slot->ctx;
}

void
tls_seal_end(struct tls_sealer *s, struct tls_seal *seal)
{
	static const uint8_t nothing[TLS_SEAL_KEY_MAX];

	if (seal->slot) {
		/* What the context makes of the key goes with it. */
		(void)EVP_EncryptInit_ex(seal->slot->ctx, NULL, NULL, nothing, NULL);
		slot_spare(s, seal->slot);
	}
	OPENSSL_cleanse(seal, sizeof(*seal));
}

/* --- records --------------------------------------------------------------------------------- */

/* RFC 8446 section 5.3. */
static void
seal_nonce(const struct tls_seal *seal, uint8_t nonce[TLS_SEAL_NONCE])
{
	memcpy(nonce, seal->iv, TLS_SEAL_NONCE);
	for (int i = 0; i < 8; i++)
		nonce[TLS_SEAL_NONCE - 1 - i] ^= (uint8_t)(seal->sequence >> 8 * i);
}

/* The texts and the type, encrypted. */
static bool
seal_text(EVP_CIPHER_CTX *ctx, uint8_t type, const struct slice text[2], uint8_t *to)
{
	size_t n = text[0].n + text[1].n;
	int done;

	if (n <= SEAL_COPY_MAX) {
		if (text[0].n > 0)
			memcpy(to, text[0].p, text[0].n);
		if (text[1].n > 0)
			memcpy(to + text[0].n, text[1].p, text[1].n);
		to[n] = type;
		return EVP_EncryptUpdate(ctx, to, &done, to, (int)n + 1) == 1;
	}
	for (int i = 0; i < 2; i++) {
		if (text[i].n > 0 && EVP_EncryptUpdate(ctx, to, &done, (const uint8_t *)text[i].p,
					     (int)text[i].n) != 1)
			return false;
		to += text[i].n;
	}
	return EVP_EncryptUpdate(ctx, to, &done, &type, 1) == 1;
}

size_t
tls_seal_record(struct tls_sealer *s, struct tls_seal *seal, uint8_t type,
	const struct slice text[2], uint8_t *to)
{
	size_t n = text[0].n + text[1].n;
	size_t inside = n + 1 + SEAL_TAG;
	uint8_t *tag = to + TLS_SEAL_HEAD + n + 1;
	uint8_t nonce[TLS_SEAL_NONCE];
	EVP_CIPHER_CTX *ctx = seal_context(s, seal);
	int done;

	if (!ctx)
		return 0;
	to[0] = SSL3_RT_APPLICATION_DATA;
	to[1] = TLS1_2_VERSION_MAJOR;
	to[2] = TLS1_2_VERSION_MINOR;
	to[3] = (uint8_t)(inside >> 8);
	to[4] = (uint8_t)inside;
	seal_nonce(seal, nonce);
	seal->sequence++; /* whatever becomes of this one */
	if (EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, nonce) != 1 ||
		EVP_EncryptUpdate(ctx, NULL, &done, to, TLS_SEAL_HEAD) != 1 ||
		!seal_text(ctx, type, text, to + TLS_SEAL_HEAD) ||
		EVP_EncryptFinal_ex(ctx, tag, &done) != 1 ||
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, tag) != 1)
		return 0;
	return TLS_SEAL_HEAD + inside;
}
