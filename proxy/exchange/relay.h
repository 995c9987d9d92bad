/*
 * What exchange_relay.c, exchange_buffer.c and exchange_ahead.c share: how runs of a body are taken
 * from one side and put, framed, into the bounded buffer towards the other.
 */
#ifndef PROXY_RELAY_H
#define PROXY_RELAY_H

#include "proxy/exchange/exchange.h"

/* What framing may add to a run of payload, the end of the body included. */
#define RELAY_FRAMING_MAX (HTTP_CHUNK_HEAD_MAX + sizeof(HTTP_CHUNK_TAIL HTTP_CHUNK_LAST) - 1)
/* With less room than this, the buffer is written before more is read. */
#define RELAY_ROOM_MIN 4096
/* Rounds of one direction before the other has its turn. */
#define RELAY_TURN_MAX 4

static inline size_t
relay_room(const struct iobuf *out)
{
	return BLOCK_SIZE - iobuf_len(out);
}

/* --- exchange_relay.c ------------------------------------------------------------------------ */

/* Appends a run of payload in the given framing; there is room. */
int relay_append(struct iobuf *out, enum http_body_kind kind, struct slice payload);
/* Queues "100 Continue" when the client waits for it. */
void relay_say_continue(struct exchange *x);
/* The request cannot go on: an answer when there is none yet, else the end. */
void relay_refuse(struct exchange *x, uint16_t status, const char *why);
/* What of the request's bytes is payload. False: it was refused. */
bool relay_feed_request(
	struct exchange *x, struct slice in, size_t *ret_used, struct slice *ret_payload);
/* Writes to the client when its buffer is nearly full. False: the client is slow, or gone. */
bool relay_make_room(struct exchange *x);
/* The backend's part is over: its connection is kept or closed, the state is another one. */
void relay_end_answer(struct exchange *x, enum exchange_state next);
/* All of the body was put into the client's buffer: its end. False: there is no room for it. */
bool relay_finish_body(struct exchange *x, bool *moved);

/* --- exchange_break.c ------------------------------------------------------------------------ */

/* The backend closed inside the answer's body: perhaps that is its end. */
void relay_upstream_closed(struct exchange *x);
/* The backend broke the framing of its answer: 502 while nothing of it has gone out. */
void relay_broken(struct exchange *x);
/* The client must see that its answer is not complete. */
void relay_cut(struct exchange *x, const char *why);

/* --- exchange_buffer.c ----------------------------------------------------------------------- */

/* While half of buffer-memory is in use, s takes no more memory than it has: what comes goes to its
 * file, or waits. */
void relay_spare_memory(const struct exchange *x, struct spool *s);
/* spool_append; a first file is counted, a failure noted. */
enum spool_result relay_keep(struct exchange *x, struct spool *s, struct slice bytes);
/* The stored part of the request's body into the buffer towards the backend. True: all of it is
 * there or beyond. */
bool relay_send_stored(struct exchange *x, bool *moved);
/* It is not needed any more, and cannot be sent again. */
void relay_forget_stored(struct exchange *x);

/* --- exchange_trailers.c --------------------------------------------------------------------- */

/* x->response and x->answer_kind stand: whether trailers of the answer go to the client. */
bool relay_wants_trailers(const struct exchange *x);
/* They do; behind http_body_init of x->answer_body, while the answer's head is still there. */
void relay_keep_answer_trailers(struct exchange *x);
/* A front has ended the request's body. True: it was refused for its trailers. */
bool relay_refuse_trailers(struct exchange *x);
/* What goes on, as lines; valid as long as the exchange. May be empty. */
struct slice relay_request_trailers(struct exchange *x);
struct slice relay_answer_trailers(struct exchange *x);
/* Ends a chunked body. out holds a block. False: there is no room, and nothing was appended. */
bool relay_append_last(struct iobuf *out, struct slice trailers);

/* --- exchange_ahead.c ------------------------------------------------------------------------ */

/* Moves what was read ahead into the client's buffer. True: nothing of it is left and there is
 * room for more. */
bool relay_pour_ahead(struct exchange *x, bool *moved);
/* Reads from the backend what the client does not take yet. True when something was read. */
bool relay_read_ahead(struct exchange *x);

#endif
