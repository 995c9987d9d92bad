/*
 * HTTP/2 towards clients (RFC 9113): the rules of frames, of streams and of flow control are the
 * session's (h2_session.h), streams are fronts (front.h) of exchanges like those of HTTP/1.1.
 *
 * The connection's socket, TLS state and timer stay with struct conn, which calls h2_run for
 * whatever happens. Bytes of answers are gathered in the connection's one buffer, frames of many
 * streams in one TLS record, and go out when a turn has driven every stream that can move.
 *
 * What a client can make us do for nothing is bounded: streams at a time, bytes of a head while it
 * arrives, CONTINUATION frames, acknowledgements that wait, and a budget (h2_spend) for every frame
 * that moves no request on.
 */
#ifndef PROXY_H2_H
#define PROXY_H2_H

#include "proxy/conn/conn.h"
#include "proxy/h2/h2_head.h"
#include "proxy/h2/h2_memory.h"
#include "proxy/h2/h2_priority.h"
#include "proxy/h2/h2_recall.h"
#include "proxy/h2/h2_session.h"
#include "proxy/http/http_head.h"
#include "proxy/http/http_trailers.h"

#include <nghttp2/nghttp2.h>

/* The budget of frames without use; see h2_spend. */
#define H2_BUDGET_MAX 1000
#define H2_BUDGET_PER_S 20
#define H2_BUDGET_PER_REQUEST 4
#define H2_BUDGET_BYTES 1024 /* moved in either direction give one back */
#define H2_COST_FRAME 1
#define H2_COST_RESET 8
#define H2_HEAD_BYTES 16384 /* of a head that is too large cost one */
/* The largest size of trailers (RFC 9113 section 6.5.2) of which any may still be kept. */
#define H2_TRAILERS_MAX (HTTP_TRAILERS_MAX + HTTP_TRAILER_FIELDS_MAX * H2_FIELD_OVERHEAD)
/* What a client may go on sending behind a complete answer, before it is told to stop: what is on
 * its way is still judged by the protocol's rules, and small bodies just end. */
#define H2_LINGER_MS 500
#define H2_LINGER_MAX 16384
#define H2_DRAIN_MS                                                                                \
	1000 /* between the first GOAWAY and the one that counts (RFC 9113 section 6.8) */

struct h2 {
	struct conn *conn;
	struct h2_session session;
	struct list streams; /* every one that has an exchange or is open in the session */
	size_t n_streams;
	struct list ready;   /* of h2_stream.ready: to be driven */
	struct list sending; /* of h2_stream.sending: they have something that may be sent */
	struct h2_head head;
	char *stage;      /* of the head that is arriving; NULL: none is */
	uint32_t head_id; /* its stream; 0: none */
	bool running;     /* h2_run is on the stack */
	bool asked;       /* a request has come since the timer was set */
	bool whole;       /* a frame was complete since then: what waits for more is another */
	bool draining;
	bool last_called; /* draining: the GOAWAY that counts was submitted */
	bool prioritized; /* the client has said which of its requests are urgent */
	/* Then: a stream has sent all that it has, and will have more when it has been driven.
	 * Until that, no frame of another follows; `starving`: it is in `ready`. */
	bool drained, starving;
	struct h2_priorities priorities;
	struct timer last_call;
	uint32_t budget;
	uint64_t budget_ms; /* when time last gave some back */
	uint64_t moved;     /* bytes since the budget last got its share */
	uint64_t sent;      /* bytes that the client has taken, of all streams */
};

struct h2_stream {
	struct grave grave;
	struct h2_memory *memory; /* where it came from */
	struct front front;
	struct h2 *h2;
	struct h2_leg leg;
	struct list node;    /* in h2.streams */
	struct list ready;   /* in h2.ready */
	struct list sending; /* in h2.sending */
	uint8_t urgency;
	bool incremental;
	bool due;          /* the head in front.out is to go; else the exchange may take it back */
	bool answered;     /* the final head was sent */
	bool driving;      /* h2_stream_drive is on the stack */
	bool lingers;      /* all of the answer is out, and the request has not ended */
	uint32_t lingered; /* bytes of it that have come since */
	uint64_t passed;   /* h2.sent when others were last found to go before it */
	char *trailers; /* of the answer, as lines; NULL: none, or the exchange is not there yet */
	size_t n_trailers;
	/* A request that says how long its body is may be wrong until END_STREAM has come, and a
	 * malformed one reaches no backend whole (RFC 9113 section 8.1.1): its head is kept back
	 * where there is to be no body, else its last byte. */
	struct slice held; /* the head, in the exchange's arena; empty: it has been taken */
	uint64_t to_come;  /* bytes that are announced and have not come */
	bool announced;    /* how many there are; else to_come says nothing */
	bool has_last;
	char last;
	struct iobuf more;   /* of the body, behind front.in */
	uint32_t unconsumed; /* bytes of the body that the windows do not know as taken */
};

/* What all connections of a thread share. */
struct h2_shared {
	/* Scratch for the answer's head that is being submitted: too large for a stack whose
	 * variables are initialised at every call. */
	struct h2_field fields[H2_ANSWER_FIELDS_MAX];
	nghttp2_nv nv[H2_ANSWER_FIELDS_MAX];
	struct h2_memory memory; /* of all sessions */
	nghttp2_mem memory_ops;  /* how the library asks for it */
	struct h2_recall recall;
};

/* NULL when memory is short. */
struct h2_shared *h2_shared_new(void);
/* Leaves NULL behind; *s may be NULL. */
void h2_shared_free(struct h2_shared **s);

/* For a connection whose handshake has agreed on h2. NULL when memory is short. */
struct h2 *h2_new(struct conn *c);
/* Ends every exchange; the session stays until h2_free. */
void h2_close(struct h2 *h2, enum conn_close_reason reason);
void h2_free(struct h2 **h2);
/* Reads, drives, writes. True when there may be more to do; the connection may be closed. */
bool h2_run(struct h2 *h2);
/* The connection's timer fired: no request for the idle time, a head or an answer too slow. */
void h2_on_timeout(struct h2 *h2, enum conn_wait wait);
/* Nothing is under way: GOAWAY, and the connection is closed. */
void h2_end(struct h2 *h2, enum conn_close_reason reason);
/* GOAWAY: the client is asked for no new streams, those that are on their way are answered still,
 * and the connection ends with its last stream. */
void h2_drain(struct h2 *h2);

/* --- for h2.c and h2_stream.c ---------------------------------------------------------------- */

/* A stream whose head begins. NULL when memory is short. */
struct h2_stream *h2_stream_new(struct h2 *h2);
/* Its head is complete: the exchange begins. */
void h2_stream_begin(struct h2_stream *s);
/* The client breaks the rules of messages by it: it is reset (RFC 9113 section 8.1.1). */
void h2_stream_malformed(struct h2_stream *s);
/* Bytes of its body. */
void h2_stream_body(struct h2_stream *s, struct slice bytes);
/* A field behind its body. */
void h2_stream_trailer(struct h2_stream *s, struct slice name, struct slice value);
/* The client ends its body. */
void h2_stream_end(struct h2_stream *s);
/* The client has changed it. */
void h2_stream_set_priority(struct h2_stream *s, struct h2_priority p);
/* Bytes of a body that nobody wants. */
void h2_stream_drain(struct h2_stream *s, size_t n);
/* The session has closed it. */
void h2_stream_closed(struct h2_stream *s, enum h2_error error);
/* Ends the exchange and forgets the stream, without a word to the session. */
void h2_stream_drop(struct h2_stream *s, enum conn_close_reason reason);
/* Goes on with its exchange. */
void h2_stream_drive(struct h2_stream *s);
/* It may have something to send. */
void h2_stream_line_up(struct h2_stream *s);
/* Whether its next frame is a head, or one that only ends it: no window holds these back. */
bool h2_stream_is_free(const struct h2_stream *s);
/* Writes its next frame into the connection's buffer, which has room for one; the connection's
 * window is open, or it is free. False: no stream may send now. */
bool h2_stream_step(struct h2_stream *s);
/* It is driven before the turn ends, or in the next one. */
void h2_wake(struct h2_stream *s);
/* Fills the connection's buffer with frames, as far as there is room. Not to be called by what the
 * session calls back. False: the session failed. */
bool h2_pack(struct h2 *h2);
/* The head that arrives is complete, or given up. */
void h2_head_over(struct h2 *h2);
/* Takes from the budget; a GOAWAY when there is none left. */
void h2_spend(struct h2 *h2, uint32_t cost);
void h2_note_flood(struct h2 *h2);
/* Says that something waits in the session. */
void h2_want_run(struct h2 *h2);

#endif
