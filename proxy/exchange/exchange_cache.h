/*
 * What the cache does for one exchange. Only an exchange whose route has a cache has a
 * struct exchange_cache; for all others every hook below is one comparison with NULL.
 */
#ifndef PROXY_EXCHANGE_CACHE_H
#define PROXY_EXCHANGE_CACHE_H

#include "proxy/cache/cache_answer.h"
#include "proxy/cache/cache_flight.h"
#include "proxy/cache/cache_store.h"
#include "proxy/exchange/exchange.h"

/* Why the backend is asked (RFC 9211 section 2.2). X(id, name) */
#define CACHE_FORWARD_TABLE(X)                                                                     \
	X(HIT, "")                                                                                 \
	X(BYPASS, "bypass")                                                                        \
	X(METHOD, "method")                                                                        \
	X(URI_MISS, "uri-miss")                                                                    \
	X(VARY_MISS, "vary-miss")                                                                  \
	X(STALE, "stale")

enum cache_forward {
#define CACHE_FORWARD_ENUM(id, name) CACHE_FORWARD_##id,
	CACHE_FORWARD_TABLE(CACHE_FORWARD_ENUM)
#undef CACHE_FORWARD_ENUM
};

/* An answer that is being stored while it goes to the client. */
struct cache_fill {
	bool wanted;
	bool coded;            /* what comes out of the compressor is what is stored */
	bool whole;            /* all of it was taken in */
	struct buf head, vary; /* owned until the fill ends */
	struct cache_terms terms;
	uint64_t came_ms;
	uint16_t status;
	struct cache_body *body; /* NULL: it has none; of one that goes to disk, its next piece */
	struct disk_part *part;  /* it is too large for memory; NULL: it is not */
	uint64_t n;              /* bytes that were taken in */
};

struct exchange_cache {
	struct cache_request request;
	struct cache_key key;
	struct cache_mark mark;
	int64_t asked_ms; /* when the backend was asked, milliseconds since 1970 */
	enum cache_forward forward;
	uint16_t forward_status;     /* what the backend answered; 0: nothing yet */
	const char *detail;          /* why it is not stored, or served though it is stale */
	bool serving;                /* the object is being sent */
	bool stored;                 /* it is being stored */
	bool background;             /* nobody waits for the answer */
	struct slice conditions;     /* what the backend is asked instead of the client's own */
	struct cache_object *object; /* being sent; or stale, and being validated */
	struct cache_object
		*spared; /* fresh, but its connection has its share of the disk; or NULL */
	struct cache_answer answer;
	struct cache_body *parts; /* of the object, in one body; NULL: it goes out as it is */
	uint64_t at, left;        /* of its body */
	struct cache_fill fill;
	struct flight *flight;        /* that it leads; NULL: none */
	struct timer slow;            /* ends the flight; set when its client is first waited for */
	struct exchange *exchange;    /* whose this is */
	struct flight_ticket *ticket; /* behind another's; NULL: none */
	struct disk_ticket *disk;     /* it waits for the disk; NULL: it does not */
	struct far_stream *far;       /* the body is sent from disk; NULL: it is not */
	bool from_disk;               /* what is about to be served was read for it */
	bool unknown;                 /* what the disk has was not known yet */
	bool joined;    /* it has been asked whether it leads or waits: once is enough */
	bool heir;      /* it has waited, and leads now instead of another that came to nothing */
	bool collapsed; /* its answer came from another's request */
	bool overdraws; /* it is sent from the disk though its connection has its share */
};

/* The head of a request to a server of a route with a cache is complete. True: it is answered from
 * the store, or otherwise taken care of. */
bool exchange_cache_look(struct exchange *x);
/* What the forwarded head says besides, or leaves out. */
void exchange_cache_ask(struct exchange *x, struct forward_request *f);
/* The backend has answered, its head is parsed. True: the client gets something else, and the state
 * is another one. */
bool exchange_cache_answered(struct exchange *x);
/* The head towards the client stands from `from` bytes behind out's start, before the header rules.
 */
void exchange_cache_capture(struct exchange *x, size_t from, const struct buf *out);
/* Whether it is compressed is known: from here on the body is taken in. */
void exchange_cache_begin(struct exchange *x);
/* A run of what comes from the backend, or (coded) from the compressor. */
void exchange_cache_feed(struct exchange *x, struct slice payload, bool coded);
/* All of the body has come; the same distinction. */
void exchange_cache_complete(struct exchange *x, bool coded);
/* The backend is at fault: what the request leads ends. True: a stale answer is served instead. */
bool exchange_cache_failed(struct exchange *x);
/* A stale answer is served instead of an error, where it may be. */
bool exchange_cache_rescue(struct exchange *x);
/* Puts Cache-Status into the head that begins from bytes behind out's start. 0 or -1. */
int exchange_cache_status(const struct exchange *x, size_t from, struct buf *out);
/* What became of the request, in one word for the log. */
const char *exchange_cache_result(const struct exchange_cache *c);
/* Sends more of the stored body. True when something moved. */
bool exchange_cache_send(struct exchange *x);
/* The exchange is over. */
void exchange_cache_release(struct exchange *x);

/* Serves the object, of which x->cached->object is a reference. */
void exchange_cache_serve(struct exchange *x);
/* What it waited for is in the store, perhaps. True: it is served. */
bool exchange_cache_look_again(struct exchange *x);

/* What it waited for has been read, perhaps. */
void exchange_cache_was_read(struct exchange *x);

/* --- exchange_disk.c ------------------------------------------------------------------------- */

#define CACHE_DISK_WAIT_MS 2000 /* for a disk that does not answer; then as if it had nothing */
#define CACHE_DISK_WRITE_MS 500 /* for one that does not keep up; then nothing is stored */

/* The memory tier has nothing for the request. True: it waits for the disk. */
bool exchange_disk_find(struct exchange *x);
/* What is on disk for the URL is void; the answer's head waits until that is written. */
void exchange_disk_invalidate(struct exchange *x, struct slice url);
/* It waits no longer. */
void exchange_disk_leave(struct exchange *x);
/* It has waited for long enough. */
void exchange_disk_timeout(struct exchange *x);
/* Nothing goes to the client yet. */
static inline bool
exchange_cache_holds(const struct exchange *x)
{
	return x->cached && x->cached->disk;
}

/* Sends bytes of what is being stored to the disk, see cache_disk_part_add; where that is enough
 * for now, nothing more of the answer is read before they are written. False: it comes to nothing.
 */
bool exchange_disk_write(struct exchange *x, struct cache_body **bytes);
/* Reads a piece of the object's body, see cache_disk_read_piece. */
bool exchange_disk_read(
	struct exchange *x, uint64_t number, struct cache_body **buffer, uint64_t wait_ms);

/* --- exchange_far.c -------------------------------------------------------------------------- */

#define CACHE_DISK_PIECE_MS 30000 /* for a disk in the middle of an answer; then it is cut off */

/* The object's body stays on disk: its first piece is read before it is served. */
void exchange_far_begin(struct exchange *x);
/* A piece has been read, and is taken over; or *piece is NULL. */
void exchange_far_was_read(struct exchange *x, struct cache_body **piece);
/* What can be sent next; empty: it is still being read. */
struct slice exchange_far_run(struct exchange *x);
bool exchange_far_has_failed(const struct exchange *x);
void exchange_far_release(struct exchange *x);

/* --- exchange_spill.c ------------------------------------------------------------------------ */

/* The largest body that may be stored. */
uint64_t exchange_spill_max(const struct exchange *x);
/* What is being stored is, or has become, too large for memory: from now on it goes to disk. 0 or
 * -1: it cannot. */
int exchange_spill_begin(struct exchange *x);
/* The next bytes of it. 0 or -1: it comes to nothing. */
int exchange_spill_feed(struct exchange *x, struct slice payload);
/* The disk does not keep up. */
void exchange_spill_drop(struct exchange *x);
/* All of it has come; o: without its body. Ends what the request leads. */
void exchange_spill_end(struct exchange *x, struct cache_object *o);

/* --- exchange_collapse.c --------------------------------------------------------------------- */

/* The store has nothing for it that is fresh. True: it waits for another request; else it may lead
 * others from here on. */
bool exchange_collapse(struct exchange *x);
/* The client is waited for: others do not wait for that for long. */
void exchange_collapse_bound(struct exchange *x);
/* It has come to nothing by what its own request is: the next who waits leads; where that was tried
 * once, all go on. */
void exchange_collapse_pass_on(struct exchange *x);
/* What it leads, if anything, has come to an end. */
void exchange_collapse_end(struct exchange *x, enum flight_end end);
/* It waits no longer. */
void exchange_collapse_leave(struct exchange *x);
/* It has waited for long enough. */
void exchange_collapse_timeout(struct exchange *x);

#endif
