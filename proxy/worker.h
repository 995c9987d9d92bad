/*
 * A worker: one thread with its own event loop, TLS context, listeners, connections, backend
 * connections and counters. Nothing of it is touched by another thread once it runs, except its
 * mailbox and, read only, its counters. The main thread makes it, posts commands to it, and gets
 * notes back.
 */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H

#include "core/buf.h"
#include "core/list.h"
#include "core/stats.h"
#include "proxy/log/access_log.h"
#include "proxy/conn/block.h"
#include "proxy/upstream/checker.h"
#include "proxy/http/compressor.h"
#include "proxy/upstream/containers.h"
#include "proxy/upstream/dial.h"
#include "proxy/file/file_cache.h"
#include "proxy/generation.h"
#include "proxy/guard/guards.h"
#include "proxy/http/http_date.h"
#include "proxy/listener.h"
#include "proxy/conn/mailbox.h"
#include "proxy/guard/overload.h"
#include "proxy/upstream/pool.h"
#include "proxy/http/request_id.h"
#include "proxy/upstream/resolve.h"
#include "proxy/tls/staple_book.h"
#include "proxy/tls/stapler.h"
#include "proxy/conn/timer.h"
#include "proxy/tls/tls.h"
#include "proxy/tls/tls_kernel.h"
#include "proxy/tls/tls_seal.h"

#include <event2/event_struct.h>
#include <pthread.h>
#include <sys/uio.h>

#define CONN_BATCH_MAX 7            /* records of TLS that are sent at once: 100 KB and a head */
#define WORKER_TEXT_MAX (64 * 1024) /* the longest location, file name or head that is built */
#define WORKER_SPARES_AT_REST 64    /* finished exchanges kept for the next request */
/* And while it is busy. With AddressSanitizer no more, as with blocks (block.h). */
#ifdef SLUICE_SANITIZED_ADDRESS
#define WORKER_SPARES_MAX WORKER_SPARES_AT_REST
#else
#define WORKER_SPARES_MAX 1024
#endif
#define WORKER_TRIM_MS 1000  /* what nobody needed for this long is given back */
#define WORKER_CLOSES_MAX 64 /* reasons for closing a connection (conn.h) */

/* What the main thread tells a worker. X(id, meaning) */
#define COMMAND_TABLE(X)                                                                           \
	X(ADOPT, "make this generation the current one; listeners")                                \
	X(CONTAINER, "a container's state or address")                                             \
	X(ANSWERED, "a container has answered another thread")                                     \
	X(ACCESS_LOG, "write the access log to this descriptor; -1: none")                         \
	X(LOGIN, "a password was checked")                                                         \
	X(DRAIN, "accept no more; connections end with their next answer")                         \
	X(DIALED, "a unix socket was connected to, or was not")                                    \
	X(STAPLE, "an OCSP answer of a certificate, or there is none any more")                    \
	X(PLACE, "a request got the place at a target that it waited for")                         \
	X(DISK, "the disk tier has done what a request waited for")                                \
	X(FLIGHT, "the answer that a request waited for has come, or does not")                    \
	X(STOP, "close everything and end")

enum command_type {
#define COMMAND_ENUM(id, meaning) COMMAND_##id,
	COMMAND_TABLE(COMMAND_ENUM)
#undef COMMAND_ENUM
};

struct login; /* exchange_auth.c */

/* The OCSP answer of the certificate with this id; NULL: none. A reference. */
struct staple_part {
	unsigned char id[STAPLE_ID_SIZE];
	struct staple *staple;
};

struct command {
	struct list node;
	enum command_type type;
	struct generation *generation;   /* ADOPT: a reference */
	struct listener_part *listeners; /* ADOPT: those of this thread; descriptors owned */
	size_t n_listeners;
	struct container_news container; /* CONTAINER; ANSWERED: its name */
	int fd;                          /* ACCESS_LOG: owned */
	struct login *login;             /* LOGIN: owned */
	struct place_ticket *ticket;     /* PLACE */
	struct flight_ticket *flight;    /* FLIGHT: owned */
	struct disk_ticket *disk;        /* DISK: owned */
	struct staple_part *staples;     /* ADOPT: all of them; STAPLE: one */
	size_t n_staples;
	uint64_t dial; /* DIALED: its id; fd: owned, -1: error says why */
	int error;
	uint64_t drain_ms; /* DRAIN: how long it may take */
};

/* What a worker tells the main thread. */
enum note_type {
	NOTE_ADOPTED,
	NOTE_DRAINING, /* it accepts no more */
	NOTE_BACKEND_DOWN,
	NOTE_TARGET_DOWN, /* target, its route, why: it gets no requests from now on */
	NOTE_TARGET_UP,   /* target, its route: it gets some again */
	NOTE_DIAL,        /* target: the unix socket to connect to; dial: its id */
	NOTE_OFFENDER,    /* target: an address that has violated enough */
	NOTE_STAPLE,      /* staple: what came of a question to an OCSP responder; why */
	NOTE_ANSWERED, /* target: the container that answered for the first time since a change */
};

#define NOTE_TEXT_MAX 128

struct note {
	struct list node;
	enum note_type type;
	unsigned thread;
	uint64_t generation;
	uint64_t dial;
	char target[NOTE_TEXT_MAX]; /* of a backend: the target as the file says it */
	char why[NOTE_TEXT_MAX];
	char route[NOTE_TEXT_MAX]; /* of a target: "a.example /app/" */
	uint64_t for_ms;           /* OFFENDER: of the ban */
	struct staple_part staple;
	enum staple_state staple_state;
};

struct cache_disk;    /* cache_disk.h */
struct cache_flights; /* cache_flight.h */
struct cache_store;   /* cache_store.h */
struct disk_ticket;
struct flight_ticket;
struct h2_shared;

struct place_ticket;

/* Records that stand in OpenSSL's buffers until one call sends them (conn_wire.c). */
struct conn_batch {
	bool open; /* what OpenSSL writes is added */
	unsigned n;
	struct iovec records[CONN_BATCH_MAX];
};

struct worker {
	unsigned index;
	bool running; /* its thread was started */
	bool stopping;
	bool draining;       /* accepts no more; what is answered is the last on its connection */
	uint64_t started_ms; /* monotonic */
	pthread_t thread;
	struct event_base *base;
	uint64_t turn;     /* of the loop: how often it has asked the kernel for events */
	uint64_t now_us;   /* monotonic, as last read in this turn; 0: not yet */
	struct list kicks; /* of struct kick */
	struct mailbox commands;
	struct mailbox *notes;         /* the main thread's */
	struct guards *guards;         /* likewise; set behind worker_new */
	struct cache_store *cache;     /* likewise, of all threads; NULL: nothing is stored */
	struct cache_flights *flights; /* likewise */
	struct cache_disk *disk;       /* likewise; NULL: there is none */
	struct list fetches;           /* of struct cache_fetch, under way */
	size_t n_fetches;
	struct generation *generation; /* the current one; NULL before the first */
	struct tls_thread tls;
	struct conn_batch batch;
	BIO_METHOD *bio; /* between OpenSSL and a connection */
	struct tls_sealer sealer;
	struct tls_kernel kernel; /* set behind worker_new */
	uint8_t *records;         /* scratch: those of CONN_BATCH_MAX that we encrypt ourselves */
	struct h2_shared *h2;
	struct listeners listeners;
	struct timers timers;
	struct block_pool blocks;
	struct pools pools;
	struct list dials; /* of struct dial, under way */
	uint64_t last_dial;
	struct checker *checker;      /* of the first thread; NULL: nothing is checked */
	struct stapler *stapler;      /* likewise; NULL: there are no certificates */
	struct tls_sessions sessions; /* with backends */
	struct containers containers;
	struct resolver resolver;
	struct file_cache files;
	struct compressors compressors;
	struct access_log access_log;
	struct stats stats;
	_Atomic uint64_t closes[WORKER_CLOSES_MAX]; /* connections, by reason */
	struct http_date date;
	struct buf text;    /* scratch: a location, a path, a file's name, a head */
	struct buf content; /* scratch: of a file, for a batch of records */
	size_t n_conns;
	struct overload overload;
	struct list tunnels;  /* exchanges whose backends have switched protocols */
	struct timer goodbye; /* while draining: when they are ended */
	bool parted;          /* that was: one that begins now ends soon as well */
	struct list conns;    /* every client connection */
	struct list graves;   /* closed objects, freed when the loop comes round */
	struct request_ids request_ids;
	struct event *burial;
	int spool_folder; /* the process's; -1: none. Set behind worker_new */
	/* For rate limits of the log. */
	uint64_t odd_fields_logged_ms, backend_noted_ms, handshake_noted_ms, proxy_noted_ms,
		spool_noted_ms;
	struct list spare_exchanges;
	size_t n_spare_exchanges;
	size_t n_idle_exchanges; /* the fewest spares since the last trim: nobody needed these */
	struct timer trim;       /* set while there are more spares or blocks than at rest */
};

/* An object that is closed but may still be on the stack: freed when the loop comes round. */
struct grave {
	struct list node;
	void (*bury)(struct grave *g);
};

/* What gave way although it could go on: its event is active again once the kernel was asked for
 * those of others. To make it active at once would not do: the loop asks for nothing while anything
 * is active, so that two peers that are faster than we are would have a thread for themselves. */
struct kick {
	struct list node; /* in worker.kicks, or in no list */
	struct event *event;
};

static inline void
kick_init(struct kick *k, struct event *event)
{
	list_init(&k->node);
	k->event = event;
}

static inline void
kick_cancel(struct kick *k)
{
	list_remove(&k->node);
}

/* Made by the main thread; its thread does not run yet. NULL with e filled. */
struct worker *worker_new(unsigned index, unsigned n_threads, struct tickets *tickets,
	struct mailbox *notes, struct err *e);
/* Starts the thread. 0 or -1 with e filled. */
int worker_start(struct worker *w, struct err *e);
/* Tells it to stop when it runs, waits for it, frees it; leaves NULL behind; *w may be NULL. */
void worker_free(struct worker **w);
/* A command to fill; NULL when memory is short. Its receiver frees it. */
struct command *command_new(enum command_type type);
/* From the main thread; takes the command over. */
void worker_post(struct worker *w, struct command *command);
/* The same to accept no more, and to end what has not ended by itself shortly before the time is
 * over. */
void worker_order_drain(struct worker *w, uint64_t ms);
/* To the main thread. */
void worker_note(struct worker *w, enum note_type type, const char *target, const char *why);
/* The same with the question for a unix socket. */
void worker_note_dial(struct worker *w, uint64_t id, const char *path);
/* The same for an offender. */
void worker_note_offender(struct worker *w, const char *address, const char *why, uint64_t for_ms);
/* One of its limits was reached: counted, and noted in the log now and then. */
void worker_limit_reached(struct worker *w, enum overload_limit which);
/* A target went down (why: not NULL), or came up. */
void worker_note_target(struct worker *w, const struct backend *b, const char *why);
/* What came of a question to an OCSP responder; takes the reference over. */
void worker_note_staple(struct worker *w, const unsigned char id[static STAPLE_ID_SIZE],
	enum staple_state state, struct staple *staple, const char *why);
/* Its event is active in the next turn, once the kernel was asked for others' (see struct kick). */
void worker_kick(struct worker *w, struct kick *k);
/* Frees the object once nothing on the stack can hold it. */
void worker_bury(struct worker *w, struct grave *g);
/* There may be more spares or free blocks than at rest: gives them back when they are not needed.
 */
void worker_trim_later(struct worker *w);
/* Monotonic µs, read now. */
uint64_t worker_read_us(struct worker *w);
/* As last read in this turn of the loop, read now when it was not: early by at most what the turn
 * has done since. */
uint64_t worker_lately_us(struct worker *w);
/* The date of now as HTTP writes it, in w->date until the next call. */
struct slice worker_date(struct worker *w);

#endif
