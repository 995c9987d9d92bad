/* Which OCSP answers are believed: made here, by authorities of all kinds. */
#include "proxy/tls/ocsp.h"

#include "proxy/tls/ocsp_plan.h"
#include "proxy/tls/staple_book.h"
#include "proxy/tls/tls.h"
#include "tests/unit/proxy/make_pem.h"

#include <openssl/ocsp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static struct pem_pair ca, other_ca, leaf, delegate, pretender;
static struct tls_thread thread;
static struct tls_certificate certificate;

struct wish {
	const struct pem_pair *signer;
	int status;             /* V_OCSP_CERTSTATUS_… */
	long from_s, until_s;   /* from now; until_s 0: no nextUpdate */
	bool other_certificate; /* about one that nobody asked about */
	bool with_signer;       /* the signer's certificate goes along */
};

static OCSP_CERTID *
make_id(const struct wish *w, X509 *x, X509 *issuer)
{
	return OCSP_cert_to_id(EVP_sha1(), w->other_certificate ? issuer : x, issuer);
}

static void
make_answer(const struct wish *w, struct buf *out)
{
	X509 *x = pem_read_certificate(&leaf), *issuer = pem_read_certificate(&ca);
	X509 *signer = pem_read_certificate(w->signer);
	EVP_PKEY *key = pem_read_key(w->signer);
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id = make_id(w, x, issuer);
	ASN1_TIME *from = X509_gmtime_adj(NULL, w->from_s);
	ASN1_TIME *until = w->until_s ? X509_gmtime_adj(NULL, w->until_s) : NULL;
	ASN1_TIME *revoked =
		w->status == V_OCSP_CERTSTATUS_REVOKED ? X509_gmtime_adj(NULL, -60) : NULL;
	OCSP_RESPONSE *response;
	unsigned char *der = NULL;
	int n;

	assert_non_null(OCSP_basic_add1_status(basic, id, w->status, 0, revoked, from, until));
	assert_int_equal(OCSP_basic_sign(basic, signer, key, EVP_sha256(), NULL,
				 w->with_signer ? 0 : OCSP_NOCERTS),
		1);
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	n = i2d_OCSP_RESPONSE(response, &der);
	assert_true(n > 0);
	assert_int_equal(buf_append(out, der, (size_t)n), 0);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	ASN1_TIME_free(revoked);
	X509_free(x);
	X509_free(issuer);
	X509_free(signer);
	EVP_PKEY_free(key);
}

static enum ocsp_verdict
judge(struct wish w, struct ocsp_answer *ret)
{
	enum ocsp_verdict verdict;
	struct buf der;

	buf_init(&der, OCSP_ANSWER_MAX);
	make_answer(&w, &der);
	verdict = ocsp_judge(&certificate, buf_slice(&der), (int64_t)time(NULL) * 1000, ret);
	buf_clear(&der);
	return verdict;
}

static void
expect_nothing(struct wish w, const char *why)
{
	struct ocsp_answer a;

	assert_int_equal(judge(w, &a), OCSP_SAYS_NOTHING);
	if (!strstr(a.why, why))
		fail_msg("\"%s\" does not say \"%s\"", a.why, why);
}

static void
the_issuers_word_counts(void **state)
{
	struct ocsp_answer a;
	int64_t now_ms = (int64_t)time(NULL) * 1000;

	(void)state;
	assert_int_equal(judge((struct wish){.signer = &ca, .from_s = -60, .until_s = 600}, &a),
		OCSP_SAYS_GOOD);
	assert_in_range(a.until_ms, now_ms + 590000, now_ms + 610000);
	assert_in_range(a.this_ms, now_ms - 70000, now_ms - 50000);
	assert_int_equal(judge((struct wish){.signer = &ca,
				       .status = V_OCSP_CERTSTATUS_REVOKED,
				       .from_s = -60,
				       .until_s = 600},
				 &a),
		OCSP_SAYS_REVOKED);
}

static void
so_does_that_of_whom_it_has_charged(void **state)
{
	struct ocsp_answer a;

	(void)state;
	assert_int_equal(judge((struct wish){.signer = &delegate,
				       .from_s = -60,
				       .until_s = 600,
				       .with_signer = true},
				 &a),
		OCSP_SAYS_GOOD);
}

static void
nobody_elses_does(void **state)
{
	(void)state;
	expect_nothing((struct wish){.signer = &other_ca, .from_s = -60, .until_s = 600},
		"not signed by the issuer");
	expect_nothing(
		(struct wish){
			.signer = &other_ca, .from_s = -60, .until_s = 600, .with_signer = true},
		"not signed by the issuer");
	/* Its issuer is ours, but has not charged it with answering. */
	expect_nothing(
		(struct wish){.signer = &leaf, .from_s = -60, .until_s = 600, .with_signer = true},
		"not signed by the issuer");
	/* It is charged, but by another authority. */
	expect_nothing(
		(struct wish){
			.signer = &pretender, .from_s = -60, .until_s = 600, .with_signer = true},
		"not signed by the issuer");
}

static void
another_certificate_or_another_time_does_not_count(void **state)
{
	(void)state;
	expect_nothing(
		(struct wish){
			.signer = &ca, .from_s = -60, .until_s = 600, .other_certificate = true},
		"another certificate");
	expect_nothing((struct wish){.signer = &ca, .from_s = -600, .until_s = -5}, "expired");
	expect_nothing((struct wish){.signer = &ca, .from_s = 900, .until_s = 1800}, "future");
	expect_nothing((struct wish){.signer = &ca, .from_s = -60, .until_s = -90}, "ends before");
	expect_nothing((struct wish){.signer = &ca,
			       .status = V_OCSP_CERTSTATUS_UNKNOWN,
			       .from_s = -60,
			       .until_s = 600},
		"does not know");
}

static void
without_an_end_it_lives_for_an_hour(void **state)
{
	struct ocsp_answer a;

	(void)state;
	assert_int_equal(judge((struct wish){.signer = &ca, .from_s = -60}, &a), OCSP_SAYS_GOOD);
	assert_int_equal(a.until_ms - a.this_ms, OCSP_UNLIMITED_LIFE_MS);
	expect_nothing((struct wish){.signer = &ca, .from_s = -3700}, "expired");
}

static void
a_changed_or_longer_answer_is_none(void **state)
{
	int64_t now_ms = (int64_t)time(NULL) * 1000;
	struct ocsp_answer a;
	struct buf der;

	(void)state;
	buf_init(&der, OCSP_ANSWER_MAX);
	make_answer(&(struct wish){.signer = &ca, .from_s = -60, .until_s = 600}, &der);
	for (size_t i = 0; i < buf_len(&der); i++) {
		der.data[i] ^= 0x01;
		assert_int_equal(
			ocsp_judge(&certificate, buf_slice(&der), now_ms, &a) == OCSP_SAYS_GOOD,
			false);
		der.data[i] ^= 0x01;
		assert_int_equal(
			ocsp_judge(&certificate, slice_head(buf_slice(&der), i), now_ms, &a),
			OCSP_SAYS_NOTHING);
	}
	assert_int_equal(ocsp_judge(&certificate, buf_slice(&der), now_ms, &a), OCSP_SAYS_GOOD);
	assert_int_equal(buf_append_byte(&der, 0), 0);
	assert_int_equal(ocsp_judge(&certificate, buf_slice(&der), now_ms, &a), OCSP_SAYS_NOTHING);
	buf_clear(&der);
}

static void
what_a_certificate_says_of_itself(void **state)
{
	struct ocsp_url url;
	struct conf c = {0};

	(void)state;
	assert_true(certificate.must_staple);
	/* The first is not by http, of the other two each has its turn. */
	assert_int_equal(ocsp_responder(&certificate, 0, &url), 0);
	assert_string_equal(url.host, "one.example");
	assert_int_equal(ocsp_responder(&certificate, 2, &url), 0);
	assert_string_equal(url.host, "two.example");
	assert_int_equal(staple_state_of(&c, &certificate), STAPLE_WAITING);
	c.tls.no_ocsp = true;
	assert_int_equal(staple_state_of(&c, &certificate), STAPLE_OFF);
}

static void
kept_answers_are_found_by_their_id(void **state)
{
	unsigned char one[STAPLE_ID_SIZE] = {1}, two[STAPLE_ID_SIZE] = {2},
		      none[STAPLE_ID_SIZE] = {3};
	struct buf packed;

	(void)state;
	buf_init(&packed, 2 * (STAPLE_ID_SIZE + 4) + 7);
	assert_int_equal(staple_pack(one, SLICE_LIT("abc"), &packed), 0);
	assert_int_equal(staple_pack(two, SLICE_LIT("defg"), &packed), 0);
	assert_int_equal(staple_pack(none, SLICE_LIT("h"), &packed), -1);
	assert_true(slice_eq_str(staple_find(buf_slice(&packed), one), "abc"));
	assert_true(slice_eq_str(staple_find(buf_slice(&packed), two), "defg"));
	assert_int_equal(staple_find(buf_slice(&packed), none).n, 0);
	/* Cut anywhere, it is only shorter. */
	for (size_t i = 0; i < buf_len(&packed); i++)
		assert_int_equal(staple_find(slice_head(buf_slice(&packed), i), two).n, 0);
	buf_clear(&packed);
}

static int
make_all(void **state)
{
	static char chain[2 * PEM_ROOM];
	struct err e = {0};

	(void)state;
	pem_make_with(&ca, &(struct pem_wish){.name = "ca",
				   .extra_name = "basicConstraints",
				   .extra = "critical,CA:TRUE"});
	pem_make_with(&other_ca, &(struct pem_wish){.name = "other",
					 .extra_name = "basicConstraints",
					 .extra = "critical,CA:TRUE"});
	pem_make_with(&delegate, &(struct pem_wish){.name = "signer",
					 .issuer = &ca,
					 .extra_name = "extendedKeyUsage",
					 .extra = "OCSPSigning"});
	pem_make_with(&pretender, &(struct pem_wish){.name = "signer",
					  .issuer = &other_ca,
					  .extra_name = "extendedKeyUsage",
					  .extra = "OCSPSigning"});
	pem_make_with(&leaf, &(struct pem_wish){.name = "leaf",
				     .issuer = &ca,
				     .extra_name = "authorityInfoAccess",
				     .extra = "OCSP;URI:https://zero.example/,OCSP;URI:http://"
					      "one.example/,OCSP;URI:http://two.example/",
				     .must_staple = true});
	memcpy(chain, leaf.chain, strlen(leaf.chain));
	memcpy(chain + strlen(leaf.chain), ca.chain, strlen(ca.chain) + 1);
	return tls_process_init(&e) < 0 || tls_thread_init(&thread, NULL, &e) < 0 ||
			       tls_certificate_load(&thread, slice_str(chain), slice_str(leaf.key),
				       &certificate, &e) < 0
		       ? -1
		       : 0;
}

static int
free_all(void **state)
{
	(void)state;
	tls_certificate_clear(&certificate);
	tls_thread_clear(&thread);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_issuers_word_counts),
		cmocka_unit_test(so_does_that_of_whom_it_has_charged),
		cmocka_unit_test(nobody_elses_does),
		cmocka_unit_test(another_certificate_or_another_time_does_not_count),
		cmocka_unit_test(without_an_end_it_lives_for_an_hour),
		cmocka_unit_test(a_changed_or_longer_answer_is_none),
		cmocka_unit_test(what_a_certificate_says_of_itself),
		cmocka_unit_test(kept_answers_are_found_by_their_id),
	};

	return cmocka_run_group_tests(tests, make_all, free_all);
}
