/*
 * A client's connection: accepted, perhaps secured, then one request after the other. It owns the
 * socket, the TLS state and the buffers towards the client; what a request means is exchange.c's.
 *
 * Everything is driven by one function, conn_drive, which is called for any event of the client, of
 * the backend, of a timer or of a container, and goes on until nothing can move. An idle
 * connection holds no buffer and no exchange.
 */
#ifndef PROXY_CONN_H
#define PROXY_CONN_H

#include "proxy/exchange/front.h"
#include "proxy/guard/violations.h"
#include "proxy/worker.h"

/* X(id, what the connection does) */
#define CONN_STATE_TABLE(X)                                                                        \
	X(PROXY, "what a proxy in front says of the client (PROXY protocol)")                      \
	X(HANDSHAKE, "TLS handshake")                                                              \
	X(IDLE, "between requests: not a byte of the next one is here")                            \
	X(HEAD, "a request's head is being read")                                                  \
	X(EXCHANGE, "a request is being answered")                                                 \
	X(H2, "HTTP/2: streams come and go")                                                       \
	X(LINGER, "our side is closed; what still comes is dropped, so that the answer arrives")   \
	X(CLOSED, "closed; memory is about to be freed")

enum conn_state {
#define CONN_STATE_ENUM(id, what) CONN_##id,
	CONN_STATE_TABLE(CONN_STATE_ENUM)
#undef CONN_STATE_ENUM
};

_Static_assert(CONN_CLOSE_COUNT <= WORKER_CLOSES_MAX, "every reason is counted");

/* While draining: a client that keeps its connection busy has its next request on the way when we
 * would close it. Whoever stays silent this long has not. */
#define CONN_DRAIN_IDLE_MS 1000
#define CONN_PROXY_MS 5000 /* for the header of the PROXY protocol */
#define CONN_LINGER_MS 3000
#define CONN_HANDSHAKE_MS 10000 /* at the most, whatever the idle time */
#define CONN_QUEUE_MS 60000     /* a kernel that seals has this long to get rid of what it holds */
#define CONN_LINGER_MAX (16 * 1024 * 1024) /* bytes dropped before the connection is cut */
#define CONN_TLS_RECORD_MAX 16384
#define CONN_WIRE_BLOCKS 3 /* for what the kernel did not take of a batch of records */
#define CONN_TURN_MAX 16   /* rounds in one turn of the loop, then others have theirs */
#define CONN_TURN_MS 5     /* the same when rounds are dear: chunks of a byte, compression */

/* What accept knows. */
struct conn_origin {
	int fd;
	struct addr peer;
	uint16_t peer_port;
	uint16_t port; /* the listener's */
	enum conf_listen_mode mode;
	bool http2;          /* the listener offers it by ALPN */
	bool proxy_protocol; /* a PROXY header comes first */
	struct addr via; /* the peer of the socket, where its PROXY header named another; or none */
	struct addr local; /* where the client connected to, by the same header; or none */
	uint16_t local_port;
};

struct h2;

/* The kernel makes the records (conn_kernel.c). */
struct conn_kernel {
	bool on;          /* for good; c->seal has ended */
	bool asked;       /* once a connection */
	uint64_t records; /* at least as many as were made under the key */
	/* LINGER: FIN waits until the kernel holds nothing. */
	bool closing;
	bool empty;  /* it held nothing when last looked at */
	bool looked; /* it has been looked at since then */
	size_t unsent;
	uint64_t wait_ms, until_ms, moved_ms;
};

struct conn {
	struct grave grave;
	struct worker *worker;
	struct list node;      /* in worker.conns */
	struct list idle_node; /* in worker.overload.idle or .unfinished: may make room */
	struct kick kick;
	struct event event;
	enum conn_state state;
	struct conn_origin origin;
	SSL *ssl;                /* NULL: clear text */
	struct h2 *h2;           /* NULL: HTTP/1.1 */
	struct front front;      /* of HTTP/1.1; its timer is the connection's */
	bool driving;            /* conn_drive is on the stack */
	bool readable, writable; /* what the kernel last said */
	bool drained;            /* the last read was a short one: the socket was empty */
	bool finished;           /* the kernel told of the client's FIN */
	bool more;               /* what is being sent is not the last of it */
	bool tls_failed;         /* after a fatal error no close_notify is sent */
	bool offended;           /* something of it counts towards a ban */
	bool spoke_http;         /* and this was the error: a request in clear */
	struct iobuf wire[CONN_WIRE_BLOCKS]; /* records that are still to be sent, in this order */
	uint32_t owed;     /* bytes of front.out that are among them, and go from there with them */
	uint8_t seal_type; /* content type of OpenSSL's next message; 0: application data */
	struct tls_seal seal; /* on: the records are made by us */
	struct conn_kernel kernel;
	char peer[ADDR_TEXT_MAX]; /* the client's address as text */
	uint32_t requests;
	uint32_t far_streams; /* of its requests, that are answered from the cache's disk */
	uint64_t idle_ms; /* how long the place that answered last lets it be idle; 0: none has yet
			   */
	uint64_t lingered;
	uint64_t turn; /* of the worker's loop in which it was, or will be, read last */
};

/* Takes the descriptor over; when memory is short it is closed. */
void conn_new(struct worker *w, const struct conn_origin *origin);
/* Goes on until nothing moves. Calls from inside are remembered by the outer one. The connection
 * may be closed afterwards. */
void conn_drive(struct conn *c);
/* Why a connection may have to make room for others: who has waited longest goes first. */
enum conn_room {
	CONN_ROOM_KEEP, /* a request is under way: it stays */
	CONN_ROOM_IDLE,
	CONN_ROOM_UNFINISHED, /* the client has not finished what it began */
};

void conn_set_room(struct conn *c, enum conn_room room);
/* Closes the connection whose client has been waited for longest. False: there is none. */
bool conn_close_longest_idle(struct worker *w);
/* Our side is closed when all is written; what still comes is dropped. */
void conn_start_linger(struct conn *c);
/* How long the client may take until it sends its next request. */
uint64_t conn_request_ms(const struct conn *c);
/* Has conn_drive called in the next turn of the loop. */
void conn_kick(struct conn *c);
/* At once, saying goodbye only where it costs nothing. An exchange is ended with it. */
void conn_close(struct conn *c, enum conn_close_reason reason);
/* The worker drains: one that is idle is closed unless its next request comes soon, and what is
 * being answered is the last. */
void conn_drain(struct conn *c);
/* The worker stops: closes and frees at once. */
void conn_abandon(struct conn *c);
/* For tls_thread.choose: the certificate of the worker's current generation. */
const struct tls_certificate *conn_choose_certificate(SSL *ssl, struct slice name, void *arg);
/* For tls_thread.demand: what the site of this name demands in the same generation. */
const struct tls_demand *conn_find_demand(SSL *ssl, struct slice name, void *arg);
/* The TLS name of the connection; empty without TLS or name. */
struct slice conn_tls_name(const struct conn *c);

/* The first byte of the client is next: its handshake or its request. */
void conn_begin(struct conn *c);

/* --- conn_proxy.c ---------------------------------------------------------------------------- */

/* Whether the peer may speak for others. */
bool conn_may_say_proxy(const struct conn *c);
/* Closes and notes it. */
void conn_refuse_proxy(struct conn *c, const char *why);
/* Reads the header. True: it is there, the connection goes on. */
bool conn_step_proxy(struct conn *c);

/* --- conn_violation.c ------------------------------------------------------------------------ */

/* The peer did what it should not: counted, and told of when the file's `ban after` says so. */
void conn_violation(struct conn *c, enum violation what);
/* The same for reasons to close that are one. */
void conn_close_violation(struct conn *c, enum conn_close_reason reason);
/* A line of the access log for what was refused before it became a request. */
void conn_log_refused(struct conn *c, const char *why);

/* --- conn_io.c: bytes from and to the client ------------------------------------------------- */

/* Gives the connection its TLS state. 0, or -1 when memory is short. */
int conn_start_tls(struct conn *c);
/* Goes on with the handshake. OK: done. */
enum front_io conn_handshake(struct conn *c);
/* Bytes that the kernel holds because the client has not acknowledged them. */
size_t conn_unsent(const struct conn *c);
/* Reads once into c->front.in, behind what is there. BLOCKED also when it has no room. */
enum front_io conn_read(struct conn *c);
/* Reads once and drops it. */
enum front_io conn_read_away(struct conn *c, size_t *ret_n);
/* Writes c->front.out. OK: all of it; its block is given back. */
enum front_io conn_flush(struct conn *c);
/* send(2) by the edges; c->more: with MSG_MORE, unless the kernel seals. -1 with errno. */
ssize_t conn_send(struct conn *c, const char *from, size_t n);
/* One write, over TLS of one record at most; *ret_n bytes were taken. */
enum front_io conn_write_bytes(struct conn *c, struct slice s, size_t *ret_n);
/* What an exchange does on an HTTP/1.1 connection. The first can send files in clear text. */
extern const struct front_ops conn_front_ops, conn_front_ops_tls;
/* Says over TLS that nothing more will be sent; FIN has to be next. */
void conn_notify_close(struct conn *c);
/* Says that nothing more will be sent: close_notify, FIN. */
void conn_finish_output(struct conn *c);
/* The method table of the BIO between OpenSSL and a connection; one a worker. NULL: no memory. */
BIO_METHOD *conn_bio_new(void);

/* --- conn_wire.c: several records at once ---------------------------------------------------- */

/* What waits in out and up to CONN_BATCH_MAX records over TLS in all, in one call; *ret_n bytes of
 * s were taken. BLOCKED also when all were, but not by the kernel: then conn_flush goes on. */
enum front_io conn_wire_send(struct conn *c, struct slice s, size_t *ret_n);
/* For the BIO: a record of n bytes becomes part of the batch. False: there is none, or not for it.
 */
bool conn_wire_add(struct conn *c, const char *record, size_t n);
/* What stands before the record that comes next: what is left of older batches, and the batch. */
enum front_io conn_wire_settle(struct conn *c);
/* The same without a batch. */
enum front_io conn_wire_push(struct conn *c);
bool conn_wire_is_empty(const struct conn *c);
/* Bytes that are left of older batches. */
size_t conn_wire_len(const struct conn *c);
/* Keeps s behind what is left. 0, or -1 when memory is short. */
int conn_wire_keep(struct conn *c, struct slice s);
/* While half of buffer-memory is in use, nobody is to need blocks for what is left of batches. */
bool conn_wire_may_batch(const struct conn *c);
/* The connection ends: what is left is not sent. */
void conn_wire_clear(struct conn *c);

/* --- conn_seal.c: records that we encrypt ourselves ------------------------------------------ */

/* Whether OpenSSL has handed its writing over. */
bool conn_is_sealed(const struct conn *c);
/* conn_flush and the front's send of such a connection. */
enum front_io conn_seal_flush(struct conn *c);
enum front_io conn_seal_front(struct conn *c, struct slice s, size_t *ret_n);
/* For the BIO: a message of OpenSSL's, as one record. n, or -1 with errno. */
int conn_seal_write(struct conn *c, const char *from, int n);
/* For the BIO: what OpenSSL asks of a kernel that encrypts. */
long conn_seal_ctrl(struct conn *c, int command, long number, const void *pointer);

/* --- conn_kernel.c: records that the kernel makes -------------------------------------------- */

/* The front's offload: hands the writing over where that is possible at this moment. */
void conn_kernel_offload(struct front *f, uint64_t n);
/* For the BIO: an alert of OpenSSL's; nothing else is sent. n, or -1 with errno. */
int conn_kernel_write(struct conn *c, const char *from, int n);
/* Before bytes are given to a kernel that seals. False: its key may take no more of them, or
 * nothing may follow an alert. */
bool conn_kernel_may_write(const struct conn *c);
/* And behind that. */
void conn_kernel_count(struct conn *c, size_t n);
/* Whether no request may follow: the key is nearly spent, or the client wants another one, which
 * cannot be had. */
bool conn_kernel_is_over(const struct conn *c);
/* LINGER, of a kernel that seals: close_notify and FIN when it holds nothing, else looks again. */
void conn_kernel_close(struct conn *c);
/* The linger timer is over. True: that was for the next look. */
bool conn_kernel_on_timeout(struct conn *c);

#endif
