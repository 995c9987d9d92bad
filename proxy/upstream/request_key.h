/*
 * What `balance hash` hashes of a request. Pure.
 */
#ifndef PROXY_REQUEST_KEY_H
#define PROXY_REQUEST_KEY_H

#include "conf/conf.h"
#include "proxy/http/http_head.h"

struct request_key_input {
	const struct http_request *request;
	enum conf_balance balance;
	struct slice name;         /* of the header or cookie */
	const struct addr *client; /* IPv6: its /64 counts */
};

/* The key; a request without that header or cookie has its client's. */
uint64_t request_key(const struct request_key_input *in);
/* The value of a cookie in one Cookie field's value (RFC 6265 section 4.2.1); p NULL: none. */
struct slice request_key_cookie(struct slice field, struct slice name);

#endif
