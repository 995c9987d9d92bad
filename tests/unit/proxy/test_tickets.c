/* Session ticket keys: the newest writes, all read, an old one asks for a new ticket. */
#include "proxy/tls/tickets.h"

#include "core/msg.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define BLOCK_LEN 16

struct ticket {
	unsigned char name[TICKET_NAME_SIZE], iv[EVP_MAX_IV_LENGTH];
	unsigned char text[64];
	int n;
};

static EVP_CIPHER *cipher;

static void
fill_key(unsigned char key[TICKET_KEY_SIZE], unsigned char with)
{
	memset(key, with, TICKET_KEY_SIZE);
}

/* Runs the callback and, when it succeeds, the cipher over one block. */
static int
apply(struct tickets *t, struct ticket *ticket, unsigned char *out, int encrypt)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	struct ticket_call call = {.cipher = cipher,
		.name = ticket->name,
		.iv = ticket->iv,
		.cipher_ctx = ctx,
		.mac_ctx = EVP_MAC_CTX_new(mac),
		.encrypt = encrypt};
	int result = tickets_apply(t, &call);
	int n = 0;

	if (result > 0) {
		(void)EVP_CIPHER_CTX_set_padding(ctx, 0);
		assert_int_equal(
			EVP_CipherUpdate(ctx, out, &n, encrypt ? out : ticket->text, BLOCK_LEN), 1);
	}
	EVP_MAC_CTX_free(call.mac_ctx);
	EVP_MAC_free(mac);
	EVP_CIPHER_CTX_free(ctx);
	return result;
}

static int
issue(struct tickets *t, struct ticket *ret)
{
	memcpy(ret->text, "0123456789abcdef", BLOCK_LEN);
	return apply(t, ret, ret->text, 1);
}

static int
resume(struct tickets *t, struct ticket *ticket)
{
	unsigned char out[64] = {0};
	int result = apply(t, ticket, out, 0);

	if (result > 0)
		assert_memory_equal(out, "0123456789abcdef", BLOCK_LEN);
	return result;
}

static void
without_keys_there_is_no_ticket(void **state)
{
	struct tickets *t = tickets_new();
	struct ticket ticket = {0};

	(void)state;
	assert_int_equal(issue(t, &ticket), 0);
	tickets_free(&t);
	assert_null(t);
}

static void
a_ticket_outlives_the_next_key_and_is_renewed(void **state)
{
	unsigned char keys[2][TICKET_KEY_SIZE];
	struct tickets *t = tickets_new();
	struct ticket ticket = {0};

	(void)state;
	fill_key(keys[0], 1);
	assert_int_equal(tickets_set(t, slice_of(keys, TICKET_KEY_SIZE), NULL), 0);
	assert_int_equal(issue(t, &ticket), 1);
	assert_int_equal(ticket.name[0], 1);
	assert_int_equal(resume(t, &ticket), 1);
	fill_key(keys[0], 2);
	fill_key(keys[1], 1);
	assert_int_equal(tickets_set(t, slice_of(keys, sizeof(keys)), NULL), 0);
	assert_int_equal(resume(t, &ticket), 2);
	assert_int_equal(tickets_set(t, slice_of(keys, TICKET_KEY_SIZE), NULL), 0);
	assert_int_equal(resume(t, &ticket), 0);
	tickets_free(&t);
}

static void
a_set_of_a_wrong_size_changes_nothing(void **state)
{
	unsigned char key[TICKET_KEY_SIZE];
	struct tickets *t = tickets_new();
	struct ticket ticket = {0};
	struct err e;

	(void)state;
	fill_key(key, 3);
	assert_int_equal(tickets_set(t, slice_of(key, sizeof(key)), &e), 0);
	assert_int_equal(tickets_set(t, slice_of(key, sizeof(key) - 1), &e), -1);
	assert_int_equal(tickets_set(t, slice_of(key, 0), &e), -1);
	assert_int_equal(issue(t, &ticket), 1);
	tickets_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_keys_there_is_no_ticket),
		cmocka_unit_test(a_ticket_outlives_the_next_key_and_is_renewed),
		cmocka_unit_test(a_set_of_a_wrong_size_changes_nothing),
	};
	int failed;

	cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	EVP_CIPHER_free(cipher);
	return failed;
}
