/* Records that the kernel makes are those that we would have made; without it nothing changes. */
#include "proxy/tls/tls_kernel.h"

#include "core/own.h"
#include "tests/unit/proxy/sealer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const uint16_t types[TLS_SEAL_CIPHER_COUNT] = {
#define TEST_TYPE(id, type, name, key) [TLS_SEAL_##id] = (type),
	TLS_SEAL_CIPHER_TABLE(TEST_TYPE)
#undef TEST_TYPE
};

static const struct tls_kernel all = {{true, true, true}};
/* A key of which every byte, those of the number included, is another one. */
static struct tls_seal
take(enum tls_seal_cipher cipher)
{
	union tls_kernel_info info;
	struct tls_seal seal = {0};

	for (size_t i = 0; i < sizeof(info); i++)
		((uint8_t *)&info)[i] = (uint8_t)i;
	info.head.version = TLS_1_3_VERSION;
	info.head.cipher_type = types[cipher];
	assert_true(tls_seal_take(&seal, &info));
	return seal;
}

static void
test_what_openssl_says_is_what_the_kernel_hears(void **state)
{
	static const socklen_t sizes[TLS_SEAL_CIPHER_COUNT] = {
		[TLS_SEAL_AES_128] = sizeof(struct tls12_crypto_info_aes_gcm_128),
		[TLS_SEAL_AES_256] = sizeof(struct tls12_crypto_info_aes_gcm_256),
		[TLS_SEAL_CHACHA20] = sizeof(struct tls12_crypto_info_chacha20_poly1305),
	};

	(void)state;
	for (enum tls_seal_cipher i = 0; i < TLS_SEAL_CIPHER_COUNT; i++) {
		struct tls_seal seal = take(i);
		union tls_kernel_info info;

		assert_int_equal(tls_kernel_describe(&seal, &info), sizes[i]);
		assert_int_equal(info.head.version, TLS_1_3_VERSION);
		assert_int_equal(info.head.cipher_type, types[i]);
		for (size_t at = sizeof(info.head); at < sizes[i]; at++)
			assert_int_equal(((uint8_t *)&info)[at], (uint8_t)at);
	}
}

static void
test_the_number_of_the_next_record_is_handed_over(void **state)
{
	struct tls_seal seal = take(TLS_SEAL_AES_128);
	static const uint8_t expected[] = {0, 0, 0, 1, 2, 3, 4, 5};
	union tls_kernel_info info;

	(void)state;
	seal.sequence = UINT64_C(0x102030405);
	(void)tls_kernel_describe(&seal, &info);
	assert_memory_equal(info.aes_128.rec_seq, expected, sizeof(expected));
}

static void
test_a_socket_that_cannot_leaves_all_as_it_was(void **state)
{
	struct tls_seal seal = take(TLS_SEAL_AES_256), before = seal;
	struct tls_kernel kernel = all;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_true(tls_kernel_takes(&kernel, &seal));
	assert_int_equal(tls_kernel_start(&kernel, pair[0], &sealer, &seal), -1);
	assert_int_not_equal(errno, 0);
	assert_memory_equal(&seal, &before, sizeof(seal));
	/* This cipher is not asked for again, others are. */
	assert_false(tls_kernel_takes(&kernel, &seal));
	seal = take(TLS_SEAL_AES_128);
	assert_true(tls_kernel_takes(&kernel, &seal));
	close(pair[0]);
	close(pair[1]);
}

static void
test_without_a_kernel_or_a_key_nothing_is_asked(void **state)
{
	struct tls_kernel none = {0};
	struct tls_seal seal = take(TLS_SEAL_CHACHA20), empty = {0};

	(void)state;
	assert_false(tls_kernel_takes(&none, &seal));
	assert_false(tls_kernel_takes(&all, &empty));
}

static void
connect_pair(int pair[2])
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(to);
	_fd_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&to, n), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&to, &n), 0);
	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(pair[0], (struct sockaddr *)&to, n), 0);
	pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(pair[1] >= 0);
}

/* Whether the next bytes of the socket are the record that we would have made. */
static void
expect_record(int fd, struct tls_seal *ours, uint8_t type, struct slice text)
{
	static uint8_t expected[ROOM], got[ROOM];
	const struct slice both[2] = {text, {0}};
	size_t n = tls_seal_record(&sealer, ours, type, both, expected);

	assert_true(n > 0);
	assert_int_equal(recv(fd, got, n, MSG_WAITALL), n);
	assert_memory_equal(got, expected, n);
}

/* Either way: there is such a kernel and its records are right, or there is none, and what was
 * written in clear before is written in clear yet. */
static void
test_a_connection(void **state)
{
	static const char alert[] = {1, 0};
	static char text[TLS_SEAL_MAX];
	struct err e = {0};
	bool there = tls_kernel_probe(&e);

	(void)state;
	assert_true(there || e.msg[0]);
	memset(text, 'x', sizeof(text));
	for (enum tls_seal_cipher i = 0; i < TLS_SEAL_CIPHER_COUNT; i++) {
		struct tls_seal seal = take(i), ours = seal;
		struct tls_kernel kernel = all;
		int pair[2];
		char byte;

		connect_pair(pair);
		if (tls_kernel_start(&kernel, pair[0], &sealer, &seal) == 0) {
			assert_true(there);
			assert_false(seal.on);
			assert_int_equal(send(pair[0], text, sizeof(text), 0), sizeof(text));
			assert_int_equal(tls_kernel_send(pair[0], SSL3_RT_ALERT, alert, 2), 2);
			expect_record(pair[1], &ours, SSL3_RT_APPLICATION_DATA,
				slice_of(text, sizeof(text)));
			expect_record(pair[1], &ours, SSL3_RT_ALERT, slice_of(alert, 2));
			tls_seal_end(&sealer, &ours);
		} else {
			assert_memory_equal(&seal, &ours, sizeof(seal));
			assert_int_equal(send(pair[0], "y", 1, 0), 1);
			assert_int_equal(recv(pair[1], &byte, 1, 0), 1);
			assert_int_equal(byte, 'y');
		}
		close(pair[0]);
		close(pair[1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_openssl_says_is_what_the_kernel_hears),
		cmocka_unit_test(test_the_number_of_the_next_record_is_handed_over),
		cmocka_unit_test(test_a_socket_that_cannot_leaves_all_as_it_was),
		cmocka_unit_test(test_without_a_kernel_or_a_key_nothing_is_asked),
		cmocka_unit_test(test_a_connection),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
