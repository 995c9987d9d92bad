/* Certificates and keys as an offer brings them: which are taken, and what is said of the rest. */
#include "proxy/tls/tls.h"

#include "proxy/proxy.h"
#include "proxy/tls/tls_certificate.h"
#include "tests/unit/proxy/make_pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#define CHAIN_ROOM (3 * PEM_ROOM)

static struct pem_pair one, two, rsa, weak, leaf;

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

static int
check(const char *chain, const char *key, char type[PROXY_KEY_TYPE_MAX], struct err *e)
{
	struct conf_certificate certificate = {.name = (char[]){"c"}, .second = -1};
	struct conf conf = {.certificates = &certificate, .n_certificates = 1};

	return proxy_check_certificate(
		&conf, 0, (struct slice[]){slice_str(chain), slice_str(key)}, type, e);
}

static void
expect_refused(const char *chain, const char *key, const char *why)
{
	char type[PROXY_KEY_TYPE_MAX];
	struct err e = {0};

	assert_int_equal(check(chain, key, type, &e), -1);
	if (!strstr(e.msg, why))
		fail_msg("\"%s\" does not say \"%s\"", e.msg, why);
}

static void
a_pair_is_taken(void **state)
{
	char type[PROXY_KEY_TYPE_MAX];
	struct err e = {0};

	(void)state;
	assert_int_equal(check(one.chain, one.key, type, &e), 0);
	assert_string_equal(type, "ECDSA");
	assert_int_equal(check(rsa.chain, rsa.key, type, &e), 0);
	assert_string_equal(type, "RSA");
}

static void
a_chain_of_several_is_taken_whole(void **state)
{
	char chain[CHAIN_ROOM];
	struct tls_thread t = {0};
	struct tls_certificate c = {0};
	struct err e = {0};

	(void)state;
	join(chain, (const char *[]){"leaf:\n", leaf.chain, "issuer:\n", two.chain, NULL});
	assert_int_equal(tls_thread_init(&t, NULL, &e), 0);
	assert_int_equal(
		tls_certificate_load(&t, slice_str(chain), slice_str(leaf.key), &c, &e), 0);
	assert_int_equal(sk_X509_num(c.chain), 1);
	tls_certificate_clear(&c);
	assert_null(c.leaf);
	tls_thread_clear(&t);
}

static void
a_chain_out_of_order_is_refused(void **state)
{
	char chain[CHAIN_ROOM];

	(void)state;
	join(chain, (const char *[]){leaf.chain, one.chain, NULL});
	expect_refused(chain, leaf.key, "certificate 2 has not issued number 1");
	join(chain, (const char *[]){leaf.chain, one.chain, two.chain, NULL});
	expect_refused(chain, leaf.key, "certificate 2 has not issued number 1");
	join(chain, (const char *[]){leaf.chain, two.chain, one.chain, NULL});
	expect_refused(chain, leaf.key, "certificate 3 has not issued number 2");
	join(chain, (const char *[]){two.chain, leaf.chain, NULL});
	expect_refused(chain, leaf.key, "certificate 2 has not issued number 1");
}

/* --- what will not do ------------------------------------------------------------------------ */

#define DAY INT64_C(86400000)

static void
expiry_is_judged_by_what_is_left(void **state)
{
	(void)state;
	assert_int_equal(tls_expiry_judge(0, 90 * DAY, 75 * DAY), TLS_VALID);
	assert_int_equal(tls_expiry_judge(0, 90 * DAY, 77 * DAY), TLS_EXPIRES_SOON);
	assert_int_equal(tls_expiry_judge(0, 90 * DAY, 90 * DAY), TLS_EXPIRED);
	assert_int_equal(tls_expiry_judge(0, 90 * DAY, 91 * DAY), TLS_EXPIRED);
	assert_int_equal(tls_expiry_judge(DAY, 90 * DAY, DAY - 1), TLS_NOT_YET);
	assert_int_equal(tls_expiry_judge(0, INT64_MAX, DAY), TLS_VALID);
}

static void
a_short_life_is_not_always_about_to_end(void **state)
{
	(void)state;
	assert_int_equal(tls_expiry_judge(0, 6 * DAY, 4 * DAY), TLS_VALID);
	assert_int_equal(tls_expiry_judge(0, 6 * DAY, 5 * DAY), TLS_EXPIRES_SOON);
}

/* The notes on a certificate of these names for a site of these hosts. */
static void
expect_notes(const struct pem_wish *wish, char *hosts[], size_t n_hosts, const char *notes)
{
	struct conf_certificate certificate = {.name = (char[]){"c"}, .second = -1};
	struct conf_site site = {.hosts = hosts, .n_hosts = n_hosts};
	struct conf conf = {
		.certificates = &certificate, .n_certificates = 1, .sites = &site, .n_sites = 1};
	struct tls_thread t = {0};
	struct tls_certificate c = {0};
	struct pem_pair pair;
	struct err e = {0};
	struct buf text;

	pem_make_with(&pair, wish);
	assert_int_equal(tls_thread_init(&t, NULL, &e), 0);
	assert_int_equal(
		tls_certificate_load(&t, slice_str(pair.chain), slice_str(pair.key), &c, &e), 0);
	buf_init(&text, TLS_NOTES_MAX);
	tls_certificate_notes(&conf, 0, &c, (int64_t)time(NULL) * 1000, &text);
	if (!slice_eq_str(buf_slice(&text), notes))
		fail_msg("\"%.*s\" is not \"%s\"", SLICE_ARG(buf_slice(&text)), notes);
	buf_clear(&text);
	tls_certificate_clear(&c);
	tls_thread_clear(&t);
}

#define MANY "does not name n\ndoes not name n\ndoes not name n\ndoes not name n\n"

static void
hosts_that_the_certificate_does_not_name_are_noted(void **state)
{
	struct pem_wish wish = {.name = "a.example", .san = "DNS:a.example,DNS:*.b.example"};
	char *covered[] = {(char[]){"a.example"}, (char[]){"x.b.example"}, (char[]){"*.b.example"},
		(char[]){"*"}};
	char *others[] = {(char[]){"b.example"}, (char[]){"a.example"}, (char[]){"*.x.b.example"},
		(char[]){"*.a.example"}};
	char many_host[] = "n", *many[TLS_NOTES_HOSTS_MAX + 3];

	(void)state;
	expect_notes(&wish, covered, 4, "");
	expect_notes(&wish, others, 4,
		"does not name b.example\ndoes not name *.x.b.example\ndoes not name *.a.example");
	for (size_t i = 0; i < TLS_NOTES_HOSTS_MAX + 3; i++)
		many[i] = many_host;
	expect_notes(&wish, many, TLS_NOTES_HOSTS_MAX + 3,
		MANY MANY MANY MANY "does not name 3 further hosts");
	/* No client looks at the subject any more. */
	wish.san = NULL;
	expect_notes(&wish, covered, 1, "does not name a.example");
}

static void
expiry_is_noted(void **state)
{
	struct pem_wish wish = {.name = "a", .from_s = -1000, .until_s = 300};

	(void)state;
	expect_notes(&wish, NULL, 0, "expires soon");
	wish.until_s = -10;
	expect_notes(&wish, NULL, 0, "has expired");
	wish.until_s = 1000;
	wish.from_s = 100;
	expect_notes(&wish, NULL, 0, "is not valid yet");
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
		cmocka_unit_test(a_chain_out_of_order_is_refused),
		cmocka_unit_test(expiry_is_judged_by_what_is_left),
		cmocka_unit_test(a_short_life_is_not_always_about_to_end),
		cmocka_unit_test(hosts_that_the_certificate_does_not_name_are_noted),
		cmocka_unit_test(expiry_is_noted),
		cmocka_unit_test(a_key_of_another_certificate_is_refused),
		cmocka_unit_test(what_is_no_pem_is_named),
		cmocka_unit_test(a_broken_chain_is_refused),
		cmocka_unit_test(a_key_that_is_too_short_is_refused),
	};

	pem_make(&one, "one.example", 0);
	pem_make(&two, "two.example", 0);
	pem_make_with(&leaf, &(struct pem_wish){.name = "leaf.example", .issuer = &two});
	pem_make(&rsa, "rsa.example", 2048);
	pem_make(&weak, "weak.example", 1024);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
