/* Certificates and keys as an offer brings them: which are taken, and what is said of the rest. */
#include "proxy/tls.h"

#include "proxy/proxy.h"
#include "tests/unit/proxy/make_pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define CHAIN_ROOM (3 * PEM_ROOM)

static struct pem_pair one, two, rsa, weak;

static void
join(char out[static CHAIN_ROOM], const char *const parts[])
{
	size_t at = 0;

	for (; *parts; parts++) {
		memcpy(out + at, *parts, strlen(*parts));
		at += strlen(*parts);
	}
	out[at] = '\0';
}

static void
expect_refused(const char *chain, const char *key, const char *why)
{
	struct err e = {0};

	assert_int_equal(proxy_check_certificate(slice_str(chain), slice_str(key), &e), -1);
	if (!strstr(e.msg, why))
		fail_msg("\"%s\" does not say \"%s\"", e.msg, why);
}

static void
a_pair_is_taken(void **state)
{
	struct err e = {0};

	(void)state;
	assert_int_equal(proxy_check_certificate(slice_str(one.chain), slice_str(one.key), &e), 0);
	assert_int_equal(proxy_check_certificate(slice_str(rsa.chain), slice_str(rsa.key), &e), 0);
}

static void
a_chain_of_several_is_taken_whole(void **state)
{
	char chain[CHAIN_ROOM];
	struct tls_thread t = {0};
	struct tls_certificate c = {0};
	struct err e = {0};

	(void)state;
	join(chain, (const char *[]){"leaf:\n", one.chain, "issuer:\n", two.chain, NULL});
	assert_int_equal(tls_thread_init(&t, NULL, &e), 0);
	assert_int_equal(tls_certificate_load(&t, slice_str(chain), slice_str(one.key), &c, &e), 0);
	assert_int_equal(sk_X509_num(c.chain), 1);
	tls_certificate_clear(&c);
	assert_null(c.leaf);
	tls_thread_clear(&t);
}

static void
a_key_of_another_certificate_is_refused(void **state)
{
	(void)state;
	expect_refused(one.chain, two.key, "does not match");
	expect_refused(one.chain, rsa.key, "does not match");
}

static void
what_is_no_pem_is_named(void **state)
{
	(void)state;
	expect_refused("", one.key, "chain");
	expect_refused("hello", one.key, "no certificate");
	expect_refused(one.key, one.key, "no certificate");
	expect_refused(one.chain, "hello", "no private key");
	expect_refused(one.chain, one.chain, "no private key");
}

static void
a_broken_chain_is_refused(void **state)
{
	static const char broken[] =
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	char chain[CHAIN_ROOM];

	(void)state;
	join(chain, (const char *[]){one.chain, broken, NULL});
	expect_refused(chain, one.key, "chain");
}

static void
a_key_that_is_too_short_is_refused(void **state)
{
	(void)state;
	expect_refused(weak.chain, weak.key, "too small");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_is_taken),
		cmocka_unit_test(a_chain_of_several_is_taken_whole),
		cmocka_unit_test(a_key_of_another_certificate_is_refused),
		cmocka_unit_test(what_is_no_pem_is_named),
		cmocka_unit_test(a_broken_chain_is_refused),
		cmocka_unit_test(a_key_that_is_too_short_is_refused),
	};

	pem_make(&one, "one.example", 0);
	pem_make(&two, "two.example", 0);
	pem_make(&rsa, "rsa.example", 2048);
	pem_make(&weak, "weak.example", 1024);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
