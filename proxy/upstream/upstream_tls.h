/*
 * The TLS of a connection to a backend; upstream.c calls it where u->ssl is set, nobody else does.
 * What the socket says "not now" to is remembered in u->readable and u->writable.
 */
#ifndef PROXY_UPSTREAM_TLS_H
#define PROXY_UPSTREAM_TLS_H

#include "proxy/upstream/upstream.h"

#include <sys/types.h>

/* Before the first byte; the pool says with whom. 0, or -1 when memory is short. */
int upstream_tls_open(struct upstream *u);
/* 0: done, EAGAIN: call again when the socket has moved, EPROTO: it failed, which is logged. */
int upstream_tls_handshake(struct upstream *u);
/* As recv(2) and send(2). The end of a stream without a close_notify is ECONNRESET. */
ssize_t upstream_tls_recv(struct upstream *u, char *to, size_t n);
ssize_t upstream_tls_send(struct upstream *u, struct slice bytes);
/* Whether the peer has sent something else than the protocol's own, or closed. */
bool upstream_tls_spoke(struct upstream *u);
/* Says goodbye, where that costs nothing, and frees u->ssl, which may be NULL. */
void upstream_tls_close(struct upstream *u);

#endif
