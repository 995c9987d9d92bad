/* Records that we make, as others read them. */
#include "proxy/tls/tls_seal.h"

#include "core/own.h"
#include "tests/unit/proxy/sealer.h"

#include <linux/tls.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static uint8_t record[ROOM], clear[ROOM];

/* What OpenSSL hands over of a cipher, with a key and an iv made of this byte. */
struct handed {
	union {
		struct tls_crypto_info head;
		struct tls12_crypto_info_aes_gcm_128 aes_128;
		struct tls12_crypto_info_aes_gcm_256 aes_256;
		struct tls12_crypto_info_chacha20_poly1305 chacha20;
	};
};

static struct handed
hand_over(uint16_t cipher, uint8_t fill)
{
	struct handed h;

	memset(&h, fill, sizeof(h));
	h.head.version = TLS_1_3_VERSION;
	h.head.cipher_type = cipher;
	memset(h.aes_128.rec_seq, 0, cipher == TLS_CIPHER_AES_GCM_128 ? 8 : 0);
	memset(h.aes_256.rec_seq, 0, cipher == TLS_CIPHER_AES_GCM_256 ? 8 : 0);
	memset(h.chacha20.rec_seq, 0, cipher == TLS_CIPHER_CHACHA20_POLY1305 ? 8 : 0);
	return h;
}

static size_t
seal(struct tls_seal *s, uint8_t type, struct slice first, struct slice second)
{
	struct slice text[2] = {first, second};

	return tls_seal_record(&sealer, s, type, text, record);
}

/* The record's bytes and the type behind them, as RFC 8446 section 5.2 has a reader take them; -1:
 * it is not genuine. */
static int
unseal(const char *cipher, uint8_t fill, uint64_t sequence, size_t n)
{
	EVP_CIPHER *how = EVP_CIPHER_fetch(NULL, cipher, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t key[32], nonce[12];
	int inside = (int)n - 5 - 16, done = 0;
	bool good;

	memset(key, fill, sizeof(key));
	memset(nonce, fill, sizeof(nonce));
	for (int i = 0; i < 8; i++)
		nonce[11 - i] ^= (uint8_t)(sequence >> 8 * i);
	assert_int_equal(record[3] << 8 | record[4], n - 5);
	good = EVP_DecryptInit_ex(ctx, how, NULL, key, nonce) == 1 &&
	       EVP_DecryptUpdate(ctx, NULL, &done, record, 5) == 1 &&
	       EVP_DecryptUpdate(ctx, clear, &done, record + 5, inside) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, record + n - 16) == 1 &&
	       EVP_DecryptFinal_ex(ctx, clear, &done) == 1;
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(how);
	return good ? inside : -1;
}

/* The server's first records under its key for application data in the handshake that RFC 8448
 * section 3 prints: behind the ticket, fifty bytes. */
static void
the_record_that_rfc_8448_prints(void **state)
{
	static const uint8_t printed[] = {0x17, 0x03, 0x03, 0x00, 0x43, 0x2e, 0x93, 0x7e, 0x11,
		0xef, 0x4a, 0xc7, 0x40, 0xe5, 0x38, 0xad, 0x36, 0x00, 0x5f, 0xc4, 0xa4, 0x69, 0x32,
		0xfc, 0x32, 0x25, 0xd0, 0x5f, 0x82, 0xaa, 0x1b, 0x36, 0xe3, 0x0e, 0xfa, 0xf9, 0x7d,
		0x90, 0xe6, 0xdf, 0xfc, 0x60, 0x2d, 0xcb, 0x50, 0x1a, 0x59, 0xa8, 0xfc, 0xc4, 0x9c,
		0x4b, 0xf2, 0xe5, 0xf0, 0xa2, 0x1c, 0x00, 0x47, 0xc2, 0xab, 0xf3, 0x32, 0x54, 0x0d,
		0xd0, 0x32, 0xe1, 0x67, 0xc2, 0x95, 0x5d};
	struct tls12_crypto_info_aes_gcm_128 info = {
		.info = {.version = TLS_1_3_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128},
		.key = {0x9f, 0x02, 0x28, 0x3b, 0x6c, 0x9c, 0x07, 0xef, 0xc2, 0x6b, 0xb9, 0xf2,
			0xac, 0x92, 0xe3, 0x56},
		.salt = {0xcf, 0x78, 0x2b, 0x88},
		.iv = {0xdd, 0x83, 0x54, 0x9a, 0xad, 0xf1, 0xe9, 0x84},
		.rec_seq = {0, 0, 0, 0, 0, 0, 0, 1}};
	struct tls_seal s = {0};
	char text[50];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	assert_true(tls_seal_take(&s, &info));
	assert_int_equal(
		seal(&s, SSL3_RT_APPLICATION_DATA, slice_of(text, 20), slice_of(text + 20, 30)),
		sizeof(printed));
	assert_memory_equal(record, printed, sizeof(printed));
	assert_int_equal(s.sequence, 2);
	tls_seal_end(&sealer, &s);
}

static void
every_cipher_and_length_is_read_by_openssl(void **state)
{
	static const struct {
		uint16_t type;
		const char *name;
	} ciphers[] = {{TLS_CIPHER_AES_GCM_128, "AES-128-GCM"},
		{TLS_CIPHER_AES_GCM_256, "AES-256-GCM"},
		{TLS_CIPHER_CHACHA20_POLY1305, "ChaCha20-Poly1305"}};
	/* In one piece, in two, and both with and without a copy. */
	static const size_t lengths[][2] = {{0, 0}, {1, 0}, {0, 1}, {15, 1}, {300, 1024}, {2047, 1},
		{2048, 1}, {3, 5000}, {16384, 0}, {250, 16134}};
	static char text[TLS_SEAL_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7);
	for (size_t i = 0; i < ARRAY_SIZE(ciphers); i++) {
		struct handed h = hand_over(ciphers[i].type, (uint8_t)(i + 1));
		struct tls_seal s = {0};

		assert_true(tls_seal_take(&s, &h));
		for (size_t k = 0; k < ARRAY_SIZE(lengths); k++) {
			size_t all = lengths[k][0] + lengths[k][1];
			size_t n = seal(&s, SSL3_RT_ALERT, slice_of(text, lengths[k][0]),
				slice_of(text + lengths[k][0], lengths[k][1]));

			assert_int_equal(n, all + TLS_SEAL_EXTRA);
			assert_int_equal(
				unseal(ciphers[i].name, (uint8_t)(i + 1), k, n), (int)all + 1);
			assert_memory_equal(clear, text, all);
			assert_int_equal(clear[all], SSL3_RT_ALERT);
			assert_int_equal(unseal(ciphers[i].name, (uint8_t)(i + 1), k + 1, n), -1);
		}
		tls_seal_end(&sealer, &s);
		assert_false(s.on);
	}
}

/* More connections than there are contexts, of all ciphers, in turns: each has its own key. */
static void
connections_that_share_contexts_keep_their_keys(void **state)
{
	static struct tls_seal all[TLS_SEAL_SLOTS + 44];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
		uint16_t type = i % 2 ? TLS_CIPHER_AES_GCM_128 : TLS_CIPHER_AES_GCM_256;
		struct handed h = hand_over(type, (uint8_t)i);

		all[i] = (struct tls_seal){0};
		assert_true(tls_seal_take(&all[i], &h));
	}
	for (unsigned turn = 0; turn < 3; turn++)
		for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
			const char *name = i % 2 ? "AES-128-GCM" : "AES-256-GCM";
			size_t n = seal(&all[i], SSL3_RT_APPLICATION_DATA, SLICE_LIT("hello"),
				SLICE_LIT(""));

			assert_int_equal(unseal(name, (uint8_t)i, turn, n), 6);
			assert_memory_equal(clear, "hello", 5);
		}
	assert_int_equal(sealer.n_slots, TLS_SEAL_SLOTS);
	for (unsigned i = 0; i < ARRAY_SIZE(all); i++)
		tls_seal_end(&sealer, &all[i]);
}

/* What a context was last used for is not what the next connection gets. */
static void
a_context_that_was_given_back_has_another_key(void **state)
{
	struct handed h = hand_over(TLS_CIPHER_AES_GCM_128, 1);
	struct tls_seal s = {0}, next = {0};
	struct tls_seal_slot *slot;
	size_t n;

	(void)state;
	assert_true(tls_seal_take(&s, &h));
	assert_false(tls_seal_take(&s, &h)); /* once */
	assert_true(seal(&s, SSL3_RT_APPLICATION_DATA, SLICE_LIT("a"), SLICE_LIT("b")) > 0);
	slot = s.slot;
	tls_seal_end(&sealer, &s);
	h = hand_over(TLS_CIPHER_AES_GCM_128, 2);
	assert_true(tls_seal_take(&next, &h));
	n = seal(&next, SSL3_RT_APPLICATION_DATA, SLICE_LIT("a"), SLICE_LIT("b"));
	assert_ptr_equal(next.slot, slot);
	assert_int_equal(unseal("AES-128-GCM", 2, 0, n), 3);
	tls_seal_end(&sealer, &next);
}

static void
what_is_not_for_us(void **state)
{
	struct handed h = hand_over(TLS_CIPHER_AES_GCM_128, 1);
	struct tls_seal s = {0};

	(void)state;
	h.head.version = TLS_1_2_VERSION;
	assert_false(tls_seal_take(&s, &h));
	h = hand_over(TLS_CIPHER_AES_CCM_128, 1);
	assert_false(tls_seal_take(&s, &h));
	assert_false(s.on);
	tls_seal_end(&sealer, &s); /* of one that was never on */
}

static void
a_key_is_spent_some_time(void **state)
{
	struct handed h = hand_over(TLS_CIPHER_AES_GCM_128, 1);
	struct tls_seal s = {0};

	(void)state;
	assert_true(tls_seal_take(&s, &h));
	s.sequence = TLS_SEAL_RECORDS_MAX - 1;
	assert_false(tls_seal_is_spent(&s));
	assert_true(seal(&s, SSL3_RT_APPLICATION_DATA, SLICE_LIT("a"), SLICE_LIT("")) > 0);
	assert_true(tls_seal_is_spent(&s));
	tls_seal_end(&sealer, &s);
}

static void
what_is_a_new_key(void **state)
{
	static const char message[1289] = {SSL3_MT_KEY_UPDATE, 0, 0, 1, 0};

	(void)state;
	assert_true(tls_seal_is_key_update(SSL3_RT_HANDSHAKE, slice_of(message, 5)));
	assert_false(tls_seal_is_key_update(SSL3_RT_APPLICATION_DATA, slice_of(message, 5)));
	/* The second part of a ticket may begin like one. */
	assert_false(tls_seal_is_key_update(SSL3_RT_HANDSHAKE, slice_of(message, sizeof(message))));
	assert_false(tls_seal_is_key_update(SSL3_RT_HANDSHAKE, slice_of(message, 4)));
	assert_false(tls_seal_is_key_update(SSL3_RT_HANDSHAKE, slice_of(message + 1, 5)));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_record_that_rfc_8448_prints),
		cmocka_unit_test(every_cipher_and_length_is_read_by_openssl),
		cmocka_unit_test(connections_that_share_contexts_keep_their_keys),
		cmocka_unit_test(a_context_that_was_given_back_has_another_key),
		cmocka_unit_test(what_is_not_for_us),
		cmocka_unit_test(a_key_is_spent_some_time),
		cmocka_unit_test(what_is_a_new_key),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
