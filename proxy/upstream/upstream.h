/*
 * A connection to a backend. It is either leased to one exchange, which reads and writes it, or
 * idle in its pool. Its event is registered once, edge triggered: readable and writable remember
 * what the kernel last said, so that nothing is tried that would only say "not now".
 */
#ifndef PROXY_UPSTREAM_H
#define PROXY_UPSTREAM_H

#include "proxy/worker.h"

struct exchange;

struct upstream {
	struct grave grave;
	struct worker *worker;
	struct pool *pool;
	struct exchange *exchange; /* the lessee; NULL: idle or closed */
	struct backend *place;     /* counted as under way there until the lease ends; or NULL */
	struct list node;          /* in the pool's idle list */
	struct event event;
	struct timer timer; /* of an idle one */
	int fd;             /* -1: closed, or a unix socket not connected to yet */
	struct dial dial;   /* of a unix socket that is being connected to */
	int dial_error;     /* what came of it: an errno */
	SSL *ssl;           /* NULL: clear text */
	struct tls_user tls_user;
	bool connecting;
	bool readable, writable;
	bool drained;  /* the last read was a short one: the socket was empty */
	bool finished; /* the kernel told of the peer's FIN: read on until it is reached */
	bool reused;   /* it has carried a request before */
	bool wrote;    /* bytes of the lessee's request went out */
	bool asked;    /* the lessee has no answer yet: it counts at the pool's gate */
	bool broken;   /* its stream ended by an error, or with TLS without a goodbye */
	bool lost; /* its container is another one now: no more bytes than those here will come */
	struct iobuf in, out;
};

enum upstream_io { UPSTREAM_OK, UPSTREAM_BLOCKED, UPSTREAM_CLOSED };

/* Leases an idle connection of that pool, or NULL: there is none. */
struct upstream *upstream_lease(struct pool *pool, struct exchange *x);
/* The backend has answered the lessee: the next one may ask. */
void upstream_answered(struct upstream *u);
/* Begins to connect; what comes of it is told by exchange_on_upstream, never from inside. NULL
 * with *ret_errno. */
struct upstream *upstream_connect(
	struct worker *w, const struct endpoint *to, struct exchange *x, int *ret_errno);
/* The outcome of a connect that has become writable: 0, EAGAIN (a TLS handshake goes on), or an
 * errno, EPROTO for a handshake that failed. */
int upstream_connected(struct upstream *u);
/* Whether the peer has closed or said something: asks the kernel. For what must not be lost. */
bool upstream_is_stale(struct upstream *u);
/* Reads once into u->in. CLOSED: end of the stream or an error (*ret_errno, 0 for the end). */
enum upstream_io upstream_read(struct upstream *u, int *ret_errno);
/* Reads once into another buffer, which holds a block and has room. */
enum upstream_io upstream_read_into(struct upstream *u, struct iobuf *in, int *ret_errno);
/* The answer is complete: the socket counts as empty when the last read was a short one. Not
 * before: a reset that came with the bytes raises no edge of its own. */
void upstream_settle(struct upstream *u);
/* Writes what is in u->out, as far as it goes. OK: all of it. */
enum upstream_io upstream_write(struct upstream *u);
/* The target has one request less; the lease itself goes on. */
void upstream_leave_place(struct upstream *u);
/* Says that nothing more will be written. */
void upstream_finish(struct upstream *u);
/* Ends the lease: the connection is idle and may be leased again. idle_s: for how long the backend
 * has said that it keeps it; 0: it has not. */
void upstream_return(struct upstream *u, uint32_t idle_s);
/* Ends the lease and the connection. */
void upstream_close(struct upstream *u);
/* Closes the idle connections to an address, whatever the port. */
void upstream_close_idle(struct worker *w, const struct addr *addr);
/* Closes every idle connection of the thread. */
void upstream_close_all_idle(struct worker *w);

#endif
