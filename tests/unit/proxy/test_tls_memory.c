/* Records that OpenSSL has given back stay as they are until they were sent. */
#include "proxy/tls/tls_memory.h"

#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define BUFFER (16 * 1024 + 300) /* as OpenSSL asks for it */
#define ALIGN 3                  /* what it leaves free in front of a record's head */

static unsigned char *
new_buffer(unsigned char fill)
{
	unsigned char *p = OPENSSL_malloc(BUFFER);

	assert_non_null(p);
	memset(p, fill, BUFFER);
	return p;
}

static void
a_pinned_buffer_is_not_used_again(void **state)
{
	unsigned char *buffers[TLS_MEMORY_PINS];

	(void)state;
	for (unsigned i = 0; i < TLS_MEMORY_PINS; i++) {
		buffers[i] = new_buffer((unsigned char)i);
		tls_memory_pin(buffers[i] + ALIGN);
		OPENSSL_free(buffers[i]);
		assert_int_equal(tls_memory_returned(), i + 1);
	}
	for (unsigned i = 0; i < TLS_MEMORY_PINS; i++) {
		unsigned char *other = new_buffer(0xff);

		for (size_t at = 0; at < BUFFER; at++)
			assert_int_equal(buffers[i][at], i);
		OPENSSL_free(other);
	}
	tls_memory_unpin();
	assert_int_equal(tls_memory_returned(), 0);
}

static void
what_is_not_given_back_is_not_counted(void **state)
{
	unsigned char *kept = new_buffer(1), *other = new_buffer(2);

	(void)state;
	tls_memory_pin(kept + ALIGN);
	OPENSSL_free(other);
	OPENSSL_free(OPENSSL_malloc(40));
	assert_int_equal(tls_memory_returned(), 0);
	tls_memory_unpin();
	OPENSSL_free(kept);
	assert_int_equal(tls_memory_returned(), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pinned_buffer_is_not_used_again),
		cmocka_unit_test(what_is_not_given_back_is_not_counted),
	};

	tls_memory_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
