/*
 * The proxy process: TLS, HTTP/1.1, routing, upstreams, static files. What daemon/ may see of it.
 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "conf/conf.h"
#include "core/err.h"
#include "core/slice.h"

/* The process's main function: takes its channel at PROC_FD_CHANNEL, enters its sandbox, runs
 * until the channel closes. Returns the exit status. */
int proxy_main(void);

#define PROXY_KEY_TYPE_MAX 16

/* Checks the certificate with this index as the proxy will at an offer: that pem[0] holds its
 * chain and that pem[1] is the key of the first one. What is no error but will not do (it expires,
 * it does not name a host of its site) is logged. 0 with the key's type ("ECDSA", "RSA"), or -1
 * with e->msg filled. */
int proxy_check_certificate(const struct conf *c, size_t index, const struct slice pem[2],
	char ret_type[PROXY_KEY_TYPE_MAX], struct err *e);
/* Checks that the PEM holds certificates that may issue others. 0, or -1 with e->msg filled. */
int proxy_check_client_ca(struct slice pem, struct err *e);
/* Checks that the PEM holds authorities of https:// targets. 0, or -1 with e->msg filled. */
int proxy_check_authorities(struct slice pem, struct err *e);

#endif
