/*
 * Forward authentication, the part without connections: the head of the request that asks another
 * server, what its answer means, and which of its fields go on to the backend. Pure.
 */
#ifndef PROXY_AUTH_FORWARD_H
#define PROXY_AUTH_FORWARD_H

#include "core/buf.h"
#include "proxy/http/http_head.h"
#include "proxy/http/http_response.h"

/* What the head has more than the request it is about, fields of our own and the path apart. */
#define AUTH_FORWARD_HEAD_MORE 256
#define AUTH_FORWARD_BODY_MAX 8192    /* of its answer to the client; a longer one is left out */
#define AUTH_FORWARD_ANSWER_MAX 65536 /* of all that is kept of an answer */
#define AUTH_FORWARD_COPY_MAX 16384   /* of all copied fields */

enum auth_forward_verdict {
	AUTH_FORWARD_PASS,
	AUTH_FORWARD_ANSWER,  /* its answer is the client's */
	AUTH_FORWARD_TIMEOUT, /* 504 */
	AUTH_FORWARD_FAILED,  /* 502 */
};

enum auth_forward_verdict auth_forward_judge(uint16_t status);
/* Appends "GET PATH", the fields of the request that are about who asks, and what it asks for:
 * asked is its path as a backend gets it, without dot segments, whatever form the request has, or
 * the server would judge another path than the one that is served. No body, no conditions, no
 * ranges: the question is another one. 0, or -1 when out is full. */
int auth_forward_head(
	const struct http_request *r, struct slice path, struct slice asked, struct buf *out);
/* Appends the fields of these names as lines. 0, or -1 when out is full. */
int auth_forward_copy(
	const struct http_response *r, char *const *names, size_t n_names, struct buf *out);

#endif
