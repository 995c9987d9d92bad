/* OCSP questions and answers, by OpenSSL. */
#include "proxy/tls/ocsp.h"

#include "proxy/tls/ocsp_plan.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#define TLS_FEATURE_STATUS_REQUEST 5 /* RFC 7633 names features by their TLS extension */

X509 *
ocsp_issuer(const struct tls_certificate *of)
{
	return sk_X509_num(of->chain) > 0 ? sk_X509_value(of->chain, 0) : NULL;
}

int
ocsp_responder(const struct tls_certificate *of, unsigned nth, struct ocsp_url *ret)
{
	STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(of->leaf);
	int n = sk_OPENSSL_STRING_num(urls);
	int result = -1;

	for (int i = 0; i < n && result < 0; i++) {
		int at = (int)((nth + (unsigned)i) % (unsigned)n);

		result = ocsp_url_parse(slice_str(sk_OPENSSL_STRING_value(urls, at)), ret);
	}
	X509_email_free(urls);
	ERR_clear_error();
	return result;
}

bool
ocsp_is_demanded(X509 *leaf)
{
	TLS_FEATURE *features = X509_get_ext_d2i(leaf, NID_tlsfeature, NULL, NULL);
	bool demanded = false;

	for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
		demanded = demanded || ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) ==
					       TLS_FEATURE_STATUS_REQUEST;
	TLS_FEATURE_free(features);
	ERR_clear_error();
	return demanded;
}

/* By SHA-1, which every responder knows (RFC 5019 section 2.1.1); nothing depends on its strength:
 * a certificate's issuer chooses what is hashed. */
static OCSP_CERTID *
ocsp_id(const struct tls_certificate *of)
{
	return OCSP_cert_to_id(EVP_sha1(), of->leaf, ocsp_issuer(of));
}

int
ocsp_question(const struct tls_certificate *of, struct buf *out)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	OCSP_CERTID *id = ocsp_id(of);
	unsigned char *der = NULL;
	int n = -1, result = -1;

	/* Without a nonce: responders sign ahead, and most ignore it (RFC 5019 section 2.1.1). */
	if (request && id && OCSP_request_add0_id(request, id)) {
		id = NULL; /* the request's */
		n = i2d_OCSP_REQUEST(request, &der);
	}
	if (n > 0)
		result = buf_append(out, der, (size_t)n);
	OPENSSL_free(der);
	OCSP_CERTID_free(id);
	OCSP_REQUEST_free(request);
	ERR_clear_error();
	return result;
}

/* --- answers --------------------------------------------------------------------------------- */

/* Only the issuer is trusted, and only it can have charged a signer (RFC 6960 section 4.2.2.2). */
static X509_STORE *
ocsp_store(X509 *issuer, int64_t now_ms)
{
	X509_STORE *store = X509_STORE_new();
	X509_VERIFY_PARAM *param;

	if (!store || X509_STORE_add_cert(store, issuer) != 1) {
		X509_STORE_free(store);
		return NULL;
	}
	param = X509_STORE_get0_param(store);
	X509_VERIFY_PARAM_set_time(param, (time_t)(now_ms / 1000));
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	return store;
}

static bool
ocsp_is_signed(OCSP_BASICRESP *basic, const struct tls_certificate *of, int64_t now_ms)
{
	X509_STORE *store = ocsp_store(ocsp_issuer(of), now_ms);
	STACK_OF(X509) *signers = sk_X509_new_null();
	bool good = store && signers && sk_X509_push(signers, ocsp_issuer(of)) > 0 &&
		    OCSP_basic_verify(basic, signers, store, 0) == 1;

	sk_X509_free(signers);
	X509_STORE_free(store);
	return good;
}

static const char *
ocsp_judge_times(struct ocsp_answer *a, const ASN1_GENERALIZEDTIME *from,
	const ASN1_GENERALIZEDTIME *until, int64_t now_ms)
{
	a->this_ms = tls_time_ms(from);
	if (a->this_ms > now_ms + OCSP_SKEW_MS)
		return "the responder's answer is of the future";
	a->until_ms = until ? tls_time_ms(until) : a->this_ms + OCSP_UNLIMITED_LIFE_MS;
	if (a->until_ms == INT64_MAX || a->until_ms <= a->this_ms)
		return "the responder's answer ends before it begins";
	if (a->until_ms <= now_ms)
		return "the responder's answer has expired";
	return NULL;
}

static enum ocsp_verdict
ocsp_judge_basic(OCSP_BASICRESP *basic, const struct tls_certificate *of, int64_t now_ms,
	struct ocsp_answer *ret)
{
	ASN1_GENERALIZEDTIME *revoked = NULL, *from = NULL, *until = NULL;
	OCSP_CERTID *id = ocsp_id(of);
	int status = -1, reason = -1;
	int found = id ? OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &from, &until)
		       : 0;

	OCSP_CERTID_free(id);
	if (found != 1)
		ret->why = "the responder's answer is about another certificate";
	else if (!ocsp_is_signed(basic, of, now_ms))
		ret->why = "the responder's answer is not signed by the issuer";
	else
		ret->why = ocsp_judge_times(ret, from, until, now_ms);
	if (ret->why)
		return OCSP_SAYS_NOTHING;
	if (status == V_OCSP_CERTSTATUS_GOOD)
		return OCSP_SAYS_GOOD;
	if (status == V_OCSP_CERTSTATUS_REVOKED)
		return OCSP_SAYS_REVOKED;
	ret->why = "the responder does not know the certificate";
	return OCSP_SAYS_NOTHING;
}

static enum ocsp_verdict
ocsp_judge_response(OCSP_RESPONSE *response, const struct tls_certificate *of, int64_t now_ms,
	struct ocsp_answer *ret)
{
	enum ocsp_verdict verdict;
	OCSP_BASICRESP *basic;

	if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
		ret->why = OCSP_response_status_str(OCSP_response_status(response));
		return OCSP_SAYS_NOTHING;
	}
	basic = OCSP_response_get1_basic(response);
	if (!basic) {
		ret->why = "the responder's answer is of an unknown kind";
		return OCSP_SAYS_NOTHING;
	}
	verdict = ocsp_judge_basic(basic, of, now_ms, ret);
	OCSP_BASICRESP_free(basic);
	return verdict;
}

enum ocsp_verdict
ocsp_judge(
	const struct tls_certificate *of, struct slice der, int64_t now_ms, struct ocsp_answer *ret)
{
	const unsigned char *p = (const unsigned char *)der.p;
	enum ocsp_verdict verdict = OCSP_SAYS_NOTHING;
	OCSP_RESPONSE *response = NULL;

	*ret = (struct ocsp_answer){.why = "the responder's answer is no OCSP"};
	if (der.n > 0 && der.n <= OCSP_ANSWER_MAX)
		response = d2i_OCSP_RESPONSE(NULL, &p, (long)der.n);
	if (response && p == (const unsigned char *)der.p + der.n)
		verdict = ocsp_judge_response(response, of, now_ms, ret);
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
	return verdict;
}
