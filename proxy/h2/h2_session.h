/*
 * The rules of an HTTP/2 connection (RFC 9113), a server's side: which frame may come when, the
 * states of streams, flow control both ways, and the frames that answer. Pure: bytes come in by
 * h2_session_receive, in any pieces, and bytes go out into buffers that are handed in. Heads are
 * compressed by libnghttp2's HPACK.
 *
 * What comes of it is told by the functions named h2_on_*, which the owner of the session defines
 * (h2.c; a fuzz target has its own). Each of them may reset streams, forget legs and end the
 * session.
 */
#ifndef PROXY_H2_SESSION_H
#define PROXY_H2_SESSION_H

#include "core/buf.h"
#include "core/list.h"
#include "proxy/conn/block.h"
#include "proxy/h2/h2_frame.h"
#include "proxy/h2/h2_guard.h"

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

#define H2_STREAMS_MAX 100                 /* at a time */
#define H2_STREAM_WINDOW 65535             /* bytes of a body that may wait for its backend */
#define H2_CONNECTION_WINDOW (1024 * 1024) /* of all bodies of a connection together */
#define H2_CONTINUATIONS_MAX 8             /* frames of one head */
#define H2_FIELD_OVERHEAD 32               /* counted for each field, RFC 9113 section 6.5.2 */
#define H2_ACKS_MAX 128                    /* answers to PING and SETTINGS that wait to be sent */
#define H2_SETTINGS_MAX 32                 /* entries of one SETTINGS frame */
#define H2_CONTROL_MAX (128 * 1024)        /* bytes of frames that wait to be sent, bodies apart */
#define H2_LEG_BUCKETS 64
#define H2_TABLE_MAX 4096 /* of heads we send: what a client may do without telling */

/* What the session knows of a stream that is open. */
struct h2_leg {
	struct h2_leg *next;
	uint32_t id;
	int32_t window;  /* bytes of the answer's body that the client takes; may be negative */
	uint32_t credit; /* bytes of the request's body that may come */
	uint32_t taken;  /* bytes of it that are gone, and the client was not told so */
	bool open;       /* in the session's table */
	bool client_ended, we_ended;
};

enum h2_head_kind {
	H2_HEAD_NONE,
	H2_HEAD_REQUEST,
	H2_HEAD_TRAILERS,
	H2_HEAD_IGNORED, /* it is decoded, as the table of both sides must stay the same */
};

struct h2_session {
	nghttp2_hd_deflater *deflater;
	nghttp2_hd_inflater *inflater;
	struct h2_leg *legs[H2_LEG_BUCKETS];
	unsigned n_legs;
	uint32_t last;           /* the highest stream that the client has begun */
	uint32_t last_processed; /* of these, the last that was not ignored */
	int64_t window; /* bytes of bodies that the client takes, of all streams together */
	uint32_t initial_window; /* what it takes of a stream that begins */
	uint32_t credit, taken;  /* as a leg's, for all streams together */
	struct buf control;      /* frames that go out before anything else */
	unsigned acks;           /* of those that were queued since the last time all was out */
	uint32_t last_allowed;   /* by the GOAWAY that was sent last */
	bool goaway_sent;        /* one that ends the connection with its last stream */
	bool goaway_received;
	bool ended;   /* by a GOAWAY that allows for nothing more: what comes is not looked at */
	bool flooded; /* more waits to be sent than may, or memory was short for a head */
	bool settings_seen, settings_acked;
	bool preface_seen;
	struct h2_guard guard;
	/* DATA whose payload is still to come, and bytes of padding behind it. */
	uint32_t data_stream, data_left, pad_left;
	bool in_data, data_ends;
	uint32_t skip; /* bytes of a payload that nobody wants */
	/* The head whose frames are coming; stream 0: none is. */
	uint32_t head_stream;
	enum h2_head_kind head_kind;
	bool head_ends;
	unsigned continuations;
	uint64_t head_size; /* of its fields so far, as RFC 9113 section 6.5.2 counts */
};

/* Writes our settings and opens the connection's window. 0, or -1 when memory is short; then
 * h2_session_clear is to be called all the same. memory must outlive the session. */
int h2_session_init(struct h2_session *s, nghttp2_mem *memory);
void h2_session_clear(struct h2_session *s);

/* Takes bytes off the front of `in` and returns how many; the rest is part of a frame that is to be
 * handed in again with more behind it. -1: no preface of HTTP/2 came. */
ssize_t h2_session_receive(struct h2_session *s, struct slice in);
/* A stream that has begun and is not closed, or NULL. */
struct h2_leg *h2_session_find(const struct h2_session *s, uint32_t id);
/* n bytes of the body are gone, and the client may send as many more. leg may be NULL. */
void h2_session_take(struct h2_session *s, struct h2_leg *leg, size_t n);
/* RST_STREAM; the stream is closed, and its leg no longer the session's. */
void h2_session_reset(struct h2_session *s, struct h2_leg *leg, enum h2_error error);
/* The stream is the session's no more, without a word to the client. */
void h2_session_forget(struct h2_session *s, struct h2_leg *leg);
/* Asks whether both sides have ended it; then it is closed. */
bool h2_session_end(struct h2_session *s, struct h2_leg *leg);
/* A GOAWAY that names the last stream which is answered. */
void h2_session_goaway(struct h2_session *s, uint32_t last, enum h2_error error);
/* The GOAWAY behind which nothing comes. */
void h2_session_terminate(struct h2_session *s, enum h2_error error);
/* Moves what waits to be sent into out, as far as there is room. True: all of it. */
bool h2_session_flush(struct h2_session *s, struct iobuf *out);
/* Writes a head of nv[n] as frames into out, or behind what waits in control. 0, or -1 when memory
 * is short or too much waits: the session can't go on then. */
int h2_session_head(struct h2_session *s, struct iobuf *out, const struct h2_frame *like,
	const nghttp2_nv *nv, size_t n);
/* Whether frames wait, bodies apart. */
static inline bool
h2_session_waits(const struct h2_session *s)
{
	return buf_len(&s->control) > 0;
}
/* Nothing more is to come or to go, once that is out which waits. */
bool h2_session_is_over(const struct h2_session *s);

/* --- for h2_session.c ------------------------------------------------------------------------- */

/* Our settings, and the window of the connection. */
void h2_session_send_start(struct h2_session *s);
/* The answer to a frame of this type, with its payload. */
void h2_session_send_ack(struct h2_session *s, enum h2_frame_type type, struct slice payload);
void h2_session_send_reset(struct h2_session *s, uint32_t id, enum h2_error error);

/* --- told to the owner ----------------------------------------------------------------------- */

/* A request begins: its leg, which stays the owner's, zeroed; NULL: it can't be had now. */
struct h2_leg *h2_on_begin(struct h2_session *s, uint32_t id);
void h2_on_field(struct h2_session *s, struct slice name, struct slice value);
/* The request's head is complete. */
void h2_on_head(struct h2_session *s, struct h2_leg *leg, bool ended);
/* A field behind its body. False: it is none that may stand there. */
bool h2_on_trailer(struct h2_session *s, struct h2_leg *leg, struct slice name, struct slice value);
/* Bytes of a body; leg NULL: of a stream that is closed. The owner calls h2_session_take. */
void h2_on_data(struct h2_session *s, struct h2_leg *leg, struct slice bytes);
/* The client has ended its message, behind data or trailers. */
void h2_on_end(struct h2_session *s, struct h2_leg *leg);
/* The stream is closed, not by the owner. */
void h2_on_close(struct h2_session *s, struct h2_leg *leg, enum h2_error error);
/* The session resets the stream for what the client did; leg is NULL where none is open. */
void h2_on_fault(struct h2_session *s, struct h2_leg *leg);
/* The connection ends with this error. */
void h2_on_goaway(struct h2_session *s, enum h2_error error);
/* RFC 9218 section 7.1. */
void h2_on_priority_update(struct h2_session *s, uint32_t stream, struct slice value);
/* A head is over whose fields are larger than any that is taken; size: theirs. */
void h2_on_bulky_head(struct h2_session *s, uint64_t size);
/* A frame came that moves no request on. */
void h2_on_idle_frame(struct h2_session *s, enum h2_frame_type type);
/* The client takes more; leg NULL: of all streams. */
void h2_on_window(struct h2_session *s, struct h2_leg *leg);

#endif
