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

#include "proxy/worker.h"

/* X(id, what the connection does) */
#define CONN_STATE_TABLE(X)                                                                        \
	X(HANDSHAKE, "TLS handshake")                                                              \
	X(IDLE, "between requests: not a byte of the next one is here")                            \
	X(HEAD, "a request's head is being read")                                                  \
	X(EXCHANGE, "a request is being answered")                                                 \
	X(LINGER, "our side is closed; what still comes is dropped, so that the answer arrives")   \
	X(CLOSED, "closed; memory is about to be freed")

enum conn_state {
#define CONN_STATE_ENUM(id, what) CONN_##id,
	CONN_STATE_TABLE(CONN_STATE_ENUM)
#undef CONN_STATE_ENUM
};

/* Why a connection was closed. X(id, text for the log) */
#define CONN_CLOSE_TABLE(X)                                                                        \
	X(DONE, "the last answer said so")                                                         \
	X(CLIENT, "closed by the client")                                                          \
	X(CLIENT_ERROR, "connection to the client failed")                                         \
	X(CLIENT_ABORT, "closed by the client before its answer was complete")                     \
	X(HANDSHAKE, "TLS handshake failed")                                                       \
	X(HANDSHAKE_TIMEOUT, "TLS handshake took too long")                                        \
	X(IDLE_TIMEOUT, "no request for the idle time")                                            \
	X(SEND_TIMEOUT, "the client did not take its answer")                                      \
	X(BODY_CUT, "the backend's answer was cut off")                                            \
	X(FILE_CUT, "the file became shorter while it was sent")                                   \
	X(MEMORY, "out of memory")                                                                 \
	X(STOP, "the process ends")

enum conn_close_reason {
#define CONN_CLOSE_ENUM(id, text) CONN_CLOSE_##id,
	CONN_CLOSE_TABLE(CONN_CLOSE_ENUM)
#undef CONN_CLOSE_ENUM
};

/* What the connection's one timer waits for. X(id, what) */
#define CONN_WAIT_TABLE(X)                                                                         \
	X(NOTHING, "no time-out")                                                                  \
	X(HANDSHAKE, "the handshake's end: close")                                                 \
	X(REQUEST, "the next request: close")                                                      \
	X(HEAD, "the rest of a head: 408")                                                         \
	X(BODY, "more of a body: 408")                                                             \
	X(CONNECT, "a connection to the backend: 504 or another attempt")                          \
	X(SEND, "the backend takes request bytes: 504")                                            \
	X(READ, "the backend answers: 504")                                                        \
	X(CLIENT, "the client takes response bytes: close")                                        \
	X(LINGER, "the client closes: close")

enum conn_wait {
#define CONN_WAIT_ENUM(id, what) CONN_WAIT_##id,
	CONN_WAIT_TABLE(CONN_WAIT_ENUM)
#undef CONN_WAIT_ENUM
};

#define CONN_LINGER_MS 3000
#define CONN_LINGER_MAX (16 * 1024 * 1024) /* bytes dropped before the connection is cut */
#define CONN_TLS_RECORD_MAX 16384
#define CONN_TURN_MAX 16 /* rounds in one turn of the loop, then others have theirs */

/* What accept knows. */
struct conn_origin {
	int fd;
	struct addr peer;
	uint16_t peer_port;
	uint16_t port; /* the listener's */
	enum conf_listen_mode mode;
};

struct exchange;

struct conn {
	struct grave grave;
	struct worker *worker;
	struct list node; /* in worker.conns */
	struct event event;
	struct timer timer;
	enum conn_state state;
	enum conn_wait wait;
	struct conn_origin origin;
	SSL *ssl;                  /* NULL: clear text */
	struct exchange *exchange; /* HEAD and EXCHANGE */
	bool driving;              /* conn_drive is on the stack */
	bool readable, writable;   /* what the kernel last said */
	bool drained;              /* the last read was a short one: the socket was empty */
	bool finished;             /* the kernel told of the client's FIN */
	bool tls_failed;           /* after a fatal error no close_notify is sent */
	char peer[ADDR_TEXT_MAX];  /* the client's address as text */
	uint32_t requests;
	uint32_t in_base; /* in.data up to here is the head of the current request, kept */
	uint64_t lingered;
	struct iobuf in, out;
};

enum conn_io { CONN_IO_OK, CONN_IO_BLOCKED, CONN_IO_CLOSED };

/* Takes the descriptor over; when memory is short it is closed. */
void conn_new(struct worker *w, const struct conn_origin *origin);
/* Goes on until nothing moves. Calls from inside are remembered by the outer one. The connection
 * may be closed afterwards. */
void conn_drive(struct conn *c);
/* Has conn_drive called in the next turn of the loop. */
void conn_kick(struct conn *c);
/* At once, saying goodbye only where it costs nothing. An exchange is ended with it. */
void conn_close(struct conn *c, enum conn_close_reason reason);
/* The worker stops: closes and frees at once. */
void conn_abandon(struct conn *c);
/* The timer from here on: what it waits for and how long. */
void conn_set_wait(struct conn *c, enum conn_wait wait, uint64_t timeout_ms);
const char *conn_close_text(enum conn_close_reason reason);
/* For tls_thread.choose: the certificate of the worker's current generation. */
const struct tls_certificate *conn_choose_certificate(SSL *ssl, struct slice name, void *arg);
/* The TLS name of the connection; empty without TLS or name. */
struct slice conn_tls_name(const struct conn *c);

/* --- conn_io.c: bytes from and to the client ------------------------------------------------- */

/* Gives the connection its TLS state. 0, or -1 when memory is short. */
int conn_start_tls(struct conn *c);
/* Goes on with the handshake. OK: done. */
enum conn_io conn_handshake(struct conn *c);
/* Reads once into c->in, behind what is there. BLOCKED also when it has no room. */
enum conn_io conn_read(struct conn *c);
/* A request is complete, nothing more is expected: the socket counts as empty when the last read
 * was a short one. Not before: a reset that came with the bytes raises no edge of its own, and
 * only another read finds it. */
void conn_settle(struct conn *c);
/* While a request is being answered: whether the client has gone. Asks the kernel only when there
 * was an edge. */
bool conn_is_gone(struct conn *c);
/* Reads once and drops it. */
enum conn_io conn_read_away(struct conn *c, size_t *ret_n);
/* Writes c->out. OK: all of it; its block is given back. */
enum conn_io conn_flush(struct conn *c);
/* Sends n bytes of a file from *offset on, clear text only. BLOCKED, CLOSED, or OK with progress
 * made: *ret_n 0 means that the file ended early. */
enum conn_io conn_send_file(struct conn *c, int file, off_t *offset, size_t n, size_t *ret_n);
/* Bytes that were read but not yet taken. */
static inline struct slice
conn_input(const struct conn *c)
{
	return iobuf_slice(&c->in);
}
/* Takes n of them; the head before them stays in place. */
void conn_take(struct conn *c, size_t n);
/* Says that nothing more will be sent: close_notify, FIN. */
void conn_finish_output(struct conn *c);
/* The method table of the BIO between OpenSSL and a connection; one a worker. NULL: no memory. */
BIO_METHOD *conn_bio_new(void);

#endif
