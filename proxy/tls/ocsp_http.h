/*
 * OCSP over HTTP (RFC 6960 appendix A): the question as a POST, the answer out of the bytes of a
 * connection. Pure. A responder is trusted with nothing: sizes are bounded here, what the answer
 * says is judged elsewhere (ocsp.h).
 */
#ifndef PROXY_OCSP_HTTP_H
#define PROXY_OCSP_HTTP_H

#include "core/buf.h"
#include "proxy/http/http_field.h"

#define OCSP_HOST_MAX 256
#define OCSP_PATH_MAX 1024
#define OCSP_REQUEST_MAX 4096     /* head and body */
#define OCSP_ANSWER_MAX 16384     /* one answer in DER */
#define OCSP_HTTP_MAX (24 * 1024) /* the same with its head and framing */

struct ocsp_url {
	char host[OCSP_HOST_MAX]; /* a name or an address, IPv6 without brackets */
	uint16_t port;
	char path[OCSP_PATH_MAX]; /* with the query */
};

/* Reads http://HOST[:PORT][/PATH]. 0, or -1: not by http, or nothing that could be sent. */
int ocsp_url_parse(struct slice text, struct ocsp_url *ret);
/* Appends the whole request. 0, or -1 when it is too long. */
int ocsp_http_ask(const struct ocsp_url *to, struct slice question, struct buf *out);
/* What has come so far, and whether the responder has closed. DONE: the answer is in der, which
 * was empty. BAD: *ret_why. */
enum http_parse ocsp_http_answer(
	struct slice in, bool closed, struct buf *der, const char **ret_why);

#endif
