/*
 * What an OCSP responder is asked about a certificate, and whether its answer may be believed
 * (RFC 6960). Opens nothing; `now` is an argument. An answer counts when its issuer, or somebody
 * whom the issuer has charged with answering, has signed it, and it is about this certificate, and
 * its time is now.
 */
#ifndef PROXY_OCSP_H
#define PROXY_OCSP_H

#include "core/buf.h"
#include "proxy/tls/ocsp_http.h"
#include "proxy/tls/tls_certificate.h"

/* A certificate's issuer out of its chain, or NULL: the chain does not have it. */
X509 *ocsp_issuer(const struct tls_certificate *of);
/* The responder to ask the nth time, of those that the certificate names and that are reached by
 * http: 0, or -1 when there is none. */
int ocsp_responder(const struct tls_certificate *of, unsigned nth, struct ocsp_url *ret);
/* Whether clients are told to refuse the certificate when no answer comes with it (RFC 7633). */
bool ocsp_is_demanded(X509 *leaf);
/* Appends the question in DER. 0, or -1 when memory is short. */
int ocsp_question(const struct tls_certificate *of, struct buf *out);

enum ocsp_verdict { OCSP_SAYS_GOOD, OCSP_SAYS_REVOKED, OCSP_SAYS_NOTHING };

struct ocsp_answer {
	int64_t this_ms, until_ms; /* of GOOD and REVOKED; wall */
	const char *why;           /* of NOTHING */
};

/* The answer in DER, at now_ms (wall). NOTHING: it is not to be used. */
enum ocsp_verdict ocsp_judge(const struct tls_certificate *of, struct slice der, int64_t now_ms,
	struct ocsp_answer *ret);

#endif
