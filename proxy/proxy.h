/*
 * The proxy process: TLS, HTTP/1.1, routing, upstreams, static files. What daemon/ may see of it.
 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "core/err.h"
#include "core/slice.h"

/* The process's main function: takes its channel at PROC_FD_CHANNEL, enters its sandbox, runs
 * until the channel closes. Returns the exit status. */
int proxy_main(void);

/* Checks that chain_pem holds certificates and that key_pem is the key of the first one, as the
 * proxy will at an offer. 0, or -1 with e->msg filled. */
int proxy_check_certificate(struct slice chain_pem, struct slice key_pem, struct err *e);

#endif
