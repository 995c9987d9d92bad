/*
 * What stands between an exchange and its client: the bytes of one request and of its answer. A
 * connection that speaks HTTP/1.1 has one front (struct conn), which serves one exchange after the
 * other; one that speaks HTTP/2 has a front for each stream (struct h2_stream). An exchange does
 * not know which of them it has.
 *
 * Both sides speak HTTP/1.1 on it: the request's head arrives as such text, the answer's head is
 * queued as such text, and who has other words on the wire translates. Bodies are framed by the
 * exchange only where the front is not `framed` itself.
 */
#ifndef PROXY_FRONT_H
#define PROXY_FRONT_H

#include "proxy/conn/block.h"
#include "proxy/conn/timer.h"

#include <stdbool.h>
#include <sys/types.h>

/* Why a client's connection, or its stream, was closed. X(id, text for the log) */
#define CONN_CLOSE_TABLE(X)                                                                        \
	X(DONE, "the last answer said so")                                                         \
	X(CLIENT, "closed by the client")                                                          \
	X(CLIENT_ERROR, "connection to the client failed")                                         \
	X(CLIENT_ABORT, "closed by the client before its answer was complete")                     \
	X(PROXY_HEADER, "no valid PROXY header of a trusted peer")                                 \
	X(HANDSHAKE, "TLS handshake failed")                                                       \
	X(HANDSHAKE_TIMEOUT, "TLS handshake took too long")                                        \
	X(IDLE_TIMEOUT, "no request for the idle time")                                            \
	X(SEND_TIMEOUT, "the client did not take its answer")                                      \
	X(BODY_CUT, "the backend's answer was cut off")                                            \
	X(FILE_CUT, "the file became shorter while it was sent")                                   \
	X(PROTOCOL, "the client broke the protocol")                                               \
	X(SLOW, "the client was slower than min-rate")                                             \
	X(EVICTED, "the longest idle, when a connection more came than there may be")              \
	X(FLOOD, "the client kept us busy with nothing")                                           \
	X(DRAIN, "the process ends soon")                                                          \
	X(MEMORY, "out of memory")                                                                 \
	X(STOP, "the process ends")

enum conn_close_reason {
#define CONN_CLOSE_ENUM(id, text) CONN_CLOSE_##id,
	CONN_CLOSE_TABLE(CONN_CLOSE_ENUM)
#undef CONN_CLOSE_ENUM
};

/* How many there are; no reason itself, so that no switch has to name it. */
enum {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a sum of ones. */
#define CONN_CLOSE_ONE(id, text) +1
	CONN_CLOSE_COUNT = 0 CONN_CLOSE_TABLE(CONN_CLOSE_ONE)
#undef CONN_CLOSE_ONE
};

/* What a front's one timer waits for. X(id, what) */
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
	X(TUNNEL, "a byte of either side of a tunnel: close")                                      \
	X(LINGER, "the client closes: close")

enum conn_wait {
#define CONN_WAIT_ENUM(id, what) CONN_WAIT_##id,
	CONN_WAIT_TABLE(CONN_WAIT_ENUM)
#undef CONN_WAIT_ENUM
};

enum front_io {
	FRONT_IO_OK,
	FRONT_IO_BLOCKED,
	FRONT_IO_CLOSED, /* the client is gone, or the connection failed */
	FRONT_IO_END,    /* read only: the client has said that its body ends here */
};

/* What is known of the client while its request is being answered. */
enum front_presence {
	FRONT_HERE,
	FRONT_HALF_CLOSED, /* it sends no more; whether it reads still, only writing tells */
	FRONT_GONE,
};

struct conn;
struct exchange;
struct front;

/* What each kind of front does; the functions below say what for. */
struct front_ops {
	enum front_io (*read)(struct front *f);
	void (*take)(struct front *f, size_t n);
	enum front_io (*flush)(struct front *f);
	/* NULL: all bytes go through out. What is in out goes before them. */
	enum front_io (*send)(struct front *f, struct slice s, size_t *ret_n);
	/* NULL: never */
	bool (*gathers)(const struct front *f);
	/* NULL: bytes of files go through out. */
	enum front_io (*send_file)(
		struct front *f, int file, off_t *offset, size_t n, size_t *ret_n);
	/* NULL: it is as it is. */
	void (*offload)(struct front *f, uint64_t n);
	void (*close)(struct front *f, enum conn_close_reason reason);
	void (*drive)(struct front *f);
	void (*kick)(struct front *f);
	enum front_presence (*presence)(struct front *f);
	void (*settle)(struct front *f);
	/* NULL: nothing is ever held back. */
	bool (*held)(struct front *f);
	size_t (*backlog)(struct front *f);
};

struct front {
	const struct front_ops *ops;
	struct conn *conn;         /* the facts: address, TLS state, worker */
	struct exchange *exchange; /* NULL: none is under way */
	struct timer timer;
	uint64_t since_ms; /* monotonic, coarse: when this wait began, if it has a time-out */
	enum conn_wait wait;
	bool internal; /* the client is ourselves: nothing guards, edits, logs or counts it */
	bool secure;   /* internal: whom it is for has TLS */
	bool framed;   /* the wire frames bodies: no chunks, no Connection, no end by closing */
	bool closed; /* nothing more goes in or out; its memory stays until the loop comes round */
	bool complete;         /* all of the answer stands in out or beyond; set by the exchange */
	bool ends;             /* and the connection ends behind it: FIN goes with the last bytes */
	bool wasted;           /* what a backend has begun came to nothing by the client's doing */
	bool last;             /* the client has said that no request of its follows this one */
	struct slice trailers; /* behind the answer, as lines, where framed; valid with complete */
	bool moved;            /* bytes of out went on between two calls of flush */
	uint32_t in_base;      /* in.data up to here is the head of the current request, kept */
	struct iobuf in, out;
};

/* f->timer from here on: what it waits for and how long. */
void front_set_wait(struct front *f, enum conn_wait wait, uint64_t timeout_ms);
const char *conn_close_text(enum conn_close_reason reason);

/* More of the request's body into f->in. BLOCKED also when it has no room. */
static inline enum front_io
front_read(struct front *f)
{
	return f->ops->read(f);
}

/* Bytes that were read but not yet taken. */
static inline struct slice
front_input(const struct front *f)
{
	return iobuf_slice(&f->in);
}

/* Takes n of them; the head before them stays in place. */
static inline void
front_take(struct front *f, size_t n)
{
	f->ops->take(f, n);
}

/* Sends f->out. OK: all of it is gone, and its block given back. BLOCKED: the exchange is driven
 * again when it has gone on. */
static inline enum front_io
front_flush(struct front *f)
{
	return f->ops->flush(f);
}

/* Whether some of out has gone since this was last asked, beside what flush itself took. */
static inline bool
front_has_moved(struct front *f)
{
	bool moved = f->moved;

	f->moved = false;
	return moved;
}

static inline bool
front_can_send(const struct front *f)
{
	return f->ops->send != NULL;
}

/* Sends bytes from where they are, behind what is in out; only where front_can_send. *ret_n were
 * taken, after OK as many as go at once; the same bytes that are left come next. */
static inline enum front_io
front_send(struct front *f, struct slice s, size_t *ret_n)
{
	return f->ops->send(f, s, ret_n);
}

/* From this many bytes on front_gathers is worth asking for; fewer are as well copied. */
#define FRONT_GATHER_MIN 2048

/* Whether front_send takes what is in out along in the same call, as one with what it is given. */
static inline bool
front_gathers(const struct front *f)
{
	return f->ops->gathers && f->ops->gathers(f);
}

static inline bool
front_can_send_file(const struct front *f)
{
	return f->ops->send_file != NULL;
}

/* Sends n bytes of a file from *offset on, only where front_can_send_file. BLOCKED, CLOSED, or OK
 * with progress made: *ret_n 0 means that the file ended early. */
static inline enum front_io
front_send_file(struct front *f, int file, off_t *offset, size_t n, size_t *ret_n)
{
	return f->ops->send_file(f, file, offset, n, ret_n);
}

/* n bytes of a file come next, and nothing is in out: a good moment for a front that cannot send
 * files to become one that can. */
static inline void
front_offload(struct front *f, uint64_t n)
{
	if (f->ops->offload)
		f->ops->offload(f, n);
}

/* Ends it at once, and the exchange with it: cut off, where an answer has begun. */
static inline void
front_close(struct front *f, enum conn_close_reason reason)
{
	f->ops->close(f, reason);
}

/* Goes on until nothing moves. Calls from inside are remembered by the outer one. */
static inline void
front_drive(struct front *f)
{
	f->ops->drive(f);
}

/* Has it driven in the next turn of the loop. */
static inline void
front_kick(struct front *f)
{
	f->ops->kick(f);
}

/* While a request is being answered: whether the client is still there for its answer. */
static inline enum front_presence
front_presence(struct front *f)
{
	return f->ops->presence(f);
}

/* A request is complete, nothing more is expected to be read now. */
static inline void
front_settle(struct front *f)
{
	f->ops->settle(f);
}

/* While the answer waits for the client: whether this client alone is what it waits for, and not
 * other answers on the same connection. */
static inline bool
front_is_held(struct front *f)
{
	return f->ops->held && f->ops->held(f);
}

/* Bytes beyond out that the client has not got yet: the kernel's, and on a connection with several
 * answers those of the others among them. */
static inline size_t
front_backlog(struct front *f)
{
	return f->ops->backlog ? f->ops->backlog(f) : 0;
}

#endif
