/*
 * One request and its answer. It begins with the first byte of a head and ends when the last byte
 * of the answer was handed to the kernel; the generation that was current at its head's end is its
 * own until then. Its files: exchange.c (life, own answers, end), exchange_begin.c (what the head
 * and the routes decide), exchange_heads.c (who the client is, header rules), exchange_guard.c (who
 * may come in), exchange_connect.c (a connection to the backend, waiting included), exchange_pool.c
 * (which of several), exchange_relay.c (bytes both ways), exchange_break.c (answers that break
 * off), exchange_buffer.c and exchange_ahead.c
 * (bodies that wait for one of the two sides), exchange_trailers.c (what stands behind bodies),
 * exchange_file.c (folders), exchange_cache.c and exchange_cache_fill.c (stored answers).
 */
#ifndef PROXY_EXCHANGE_H
#define PROXY_EXCHANGE_H

#include "core/arena.h"
#include "proxy/http/answer.h"
#include "proxy/conn/conn.h"
#include "proxy/file/file_cache.h"
#include "proxy/http/forward_head.h"
#include "proxy/http/head_rules.h"
#include "proxy/http/http_body.h"
#include "proxy/http/http_head.h"
#include "proxy/http/http_path.h"
#include "proxy/http/http_response.h"
#include "proxy/http/http_trailers.h"
#include "proxy/exchange/spool.h"
#include "proxy/upstream/upstream.h"
#include "proxy/upstream/waiting.h"
#include "proxy/http/ws_border.h"

/* X(id, what it does) */
#define EXCHANGE_STATE_TABLE(X)                                                                    \
	X(HEAD, "the request's head is being read")                                                \
	X(GUARD, "a guard of its place is being asked")                                            \
	X(BUFFER, "the request's body is taken in before the backend is asked")                    \
	X(RESOLVE, "the target's name is being resolved")                                          \
	X(WAIT, "waiting for a container, a place, or before the next attempt to connect")         \
	X(DISK, "a stored answer is being read")                                                   \
	X(COLLAPSE, "waiting for the answer to another request for the same")                      \
	X(CONNECT, "connecting to the backend")                                                    \
	X(RELAY, "request and answer pass through")                                                \
	X(DELIVER, "the backend is free again: what was read ahead goes to the client")            \
	X(TUNNEL, "the backend has switched protocols: bytes pass both ways as they come")         \
	X(STORED, "a stored answer is being sent")                                                 \
	X(FILE, "a file is being sent")                                                            \
	X(ANSWER, "an answer of ours is being sent")                                               \
	X(END, "answered: what remains is to be written and, perhaps, to be read away")

enum exchange_state {
#define EXCHANGE_STATE_ENUM(id, what) EXCHANGE_##id,
	EXCHANGE_STATE_TABLE(EXCHANGE_STATE_ENUM)
#undef EXCHANGE_STATE_ENUM
};

enum exchange_end { EXCHANGE_GOES_ON, EXCHANGE_END_KEEP, EXCHANGE_END_CLOSE };

#define EXCHANGE_ARENA_BLOCK 1024
#define EXCHANGE_ARENA_MAX (64 * 1024)
#define EXCHANGE_SENDS_MAX 2  /* a GET or HEAD may be sent once more */
#define EXCHANGE_CLOSES_MAX 8 /* closes without an answer that one request bears */
#define EXCHANGE_NEWS_MS 2000 /* the news that a container died comes within this time */
#define EXCHANGE_NOTE_MS                                                                           \
	1000 /* a failed backend is told of at most once in this time, a thread                    \
	      */
#define EXCHANGE_SILENCE_MS 3000       /* between a client's half-close and some of its answer */
#define EXCHANGE_DRAIN_MAX (64 * 1024) /* of a body nobody wants, to keep the connection */

#define TUNNEL_GOODBYE_MS 2000 /* before a drain's end, and a quarter of it at most */
#define TUNNEL_DRAIN_MS 10000  /* for goodbyes, once the route of a tunnel is gone */

struct tunnel {
	bool frames;                    /* WebSocket: it can be said goodbye to */
	struct ws_border up, down;      /* where the frames of each direction begin */
	bool client_done, backend_done; /* nothing more comes from there */
	bool told_backend;              /* our side towards it is closed */
	bool draining;                  /* it ends soon: the time for that runs */
	bool said_up, said_down;        /* a Close frame of ours went there */
};

struct subrequest;     /* subrequest.h */
struct exchange_cache; /* exchange_cache.h */
struct disk_ticket;    /* exchange_disk.c */
struct flight_ticket;  /* exchange_collapse.c */

/* An answer of several parts of a file. */
struct file_parts {
	struct file_answer answer;
	uint64_t size; /* of the file, and its type */
	const char *type;
	size_t next; /* whose head is sent next; behind the last one the end is */
};

struct exchange {
	struct list node; /* in worker.spare_exchanges */
	struct grave grave;
	struct front *front; /* the bytes from and to the client */
	struct conn *conn;   /* front->conn: what is known of the client */
	struct worker *worker;
	struct arena *arena;
	/* From here to request everything is zeroed for each use. */
	enum exchange_state state;
	struct generation *generation; /* NULL until the head is complete */
	const struct conf_site *site;
	const struct conf_route *route;
	const struct conf_limits *limits; /* the generation's; NULL before there is one */
	struct route_match match;         /* where it goes when its guards let it */
	const struct conf_guard *guard;   /* of that place; NULL: not asked yet */
	size_t matched;
	struct subrequest *subrequest; /* asks another server; NULL: none */
	struct slice copied;           /* lines that its answer gave for the backend */
	struct login *login;           /* being checked; NULL: none */
	struct slice user;             /* who the client says it is; in the arena */
	struct busy_client *busy;      /* held under connection-limit; NULL: not */
	struct http_path path;
	struct addr client;      /* who asks: the peer, or whom a trusted peer names */
	bool client_named;       /* by a trusted peer; then client_text holds the address */
	bool trusted;            /* the peer is in `trusted` */
	struct slice request_id; /* empty until somebody asks exchange_request_id */
	char client_text[ADDR_TEXT_MAX];
	char request_id_text[REQUEST_ID_LEN];
	uint64_t began_ms, began_us, began_wall_ms;

	bool keep_alive;     /* the client's connection may go on afterwards */
	bool wants_continue; /* "100 Continue" is still to be sent */
	bool body_touched;   /* bytes of the request's body were taken: it cannot be sent again */
	bool request_sent;   /* all of the request stands in upstream.out or beyond */
	bool upload_broken;  /* the backend takes no more of the request */
	struct http_body request_body;
	struct http_trailers request_trailers; /* behind it, for the backend */
	struct spool *stored; /* of the body, for the backend; in the arena; NULL: nothing is */
	bool got_bytes;       /* the backend has answered something */
	bool answer_begun;    /* a final status line was queued to the client */
	bool head_held;   /* the answer's head is not sent before its body begins, for a moment */
	bool unsent;      /* not a byte of the answer has gone out, and nothing else is queued */
	bool answer_read; /* the backend's answer is complete */
	bool hasty;       /* answered before it had all of the request: it may not read the rest */
	bool spoiled;     /* bytes came behind the answer: the connection is not used again */
	bool progress;    /* something moved since the timer was set */
	unsigned interims;
	enum http_body_kind answer_kind; /* how the body goes to the client */
	struct http_body answer_body;
	struct http_trailers answer_trailers; /* behind it, for the client */
	struct spool *ahead; /* of the body, for the client; in the arena; NULL: nothing was */

	struct upstream *upstream;
	const struct conf_target *target; /* of the route; NULL: no server was wanted yet */
	struct backend_pool *pool;        /* NULL: the route's one target, and nothing asked */
	struct place_ticket *ticket;      /* in the queue for a place; or NULL */
	struct backend *place;            /* taken, and not handed to an upstream yet */
	size_t target_index;              /* in the pool */
	uint64_t tried;                   /* bit per target: failed for this request */
	struct gate_waiter gate;          /* of the endpoint: gate.h */
	struct pool *gate_pool;           /* while it waits there; counts in its n_all */
	bool gate_passed;                 /* it waits at one only once */
	struct container_entry *container;
	struct list container_node; /* in container.exchanges */
	struct resolve_wait resolve;
	struct timer retry;
	struct timer silence;  /* runs when the client has half-closed */
	uint64_t silence_sent; /* body_sent when it began */
	struct addr addrs[RESOLVE_ADDRESSES_MAX];
	size_t n_addrs, next_addr;
	bool counted_waiting;
	bool fresh_only;  /* no pooled connection any more */
	bool awaits_news; /* in WAIT: for a container's change only */
	unsigned sends;
	const char *failure; /* why the last try ended, where it is no error of connecting */
	unsigned tries;      /* of a pool: targets that failed since the request last waited */
	unsigned closes;     /* without a byte of an answer */
	uint64_t connect_began_ms; /* 0: no connection was wanted yet */
	uint64_t answered_ms;      /* the backend's first byte; 0: none yet */
	enum waiting_error error;
	uint64_t error_at_ms;
	unsigned attempts;
	char upstream_text[ADDR_PORT_TEXT_MAX];
	struct slice sent_host; /* in the arena: what a rule has told the backend instead of Host */

	const char *upgrade; /* the protocol that the backend is asked to switch to, CONF_WEBSOCKET
			      * or the generation's; NULL: none */
	struct tunnel *tunnel;   /* in the arena; NULL: none */
	struct list tunnel_node; /* in worker.tunnels */

	struct compressor *compressor; /* the answer's body goes through it; NULL: it does not */
	bool compress_dirty;           /* it holds something that could be sent */
	struct slice run;              /* of upstream.in: what it has not taken yet */
	size_t run_used;               /* what goes from upstream.in when it has */

	struct exchange_cache *cached; /* in the arena; NULL: its route has no cache */

	int file;                 /* -1: none */
	struct file_entry *entry; /* of the cache, instead of file */
	off_t file_at;
	uint64_t file_left;       /* of the file, or of the part that is being sent */
	struct file_parts *parts; /* in the arena; NULL: it is not sent in parts */

	struct pace pace;         /* of the client, while it is waited for */
	uint64_t client_moved;    /* bytes, when its time-out last began */
	uint64_t client_wait_ms;  /* that time-out */
	uint64_t client_until_ms; /* and its end */

	uint16_t status;    /* sent to the client; 0: none yet */
	uint64_t body_sent; /* payload bytes queued to the client */
	const char *reason; /* why it ended unusually */
	/* Initialised by their own functions. */
	struct http_request request;
	struct http_response response;
};

/* --- exchange.c ------------------------------------------------------------------------------ */

/* For a front that has the first byte of a request. NULL when memory is short. */
struct exchange *exchange_new(struct front *f);
/* Parses what has arrived. True: the head is complete or bad, and exchange_run is next. */
bool exchange_read_head(struct exchange *x);
/* The same for a front that has the whole head as HTTP/1.1 text, which stays valid and in place
 * as long as the exchange. exchange_run is next. */
void exchange_take_head(struct exchange *x, struct slice head);
/* Its head is refused before it could be parsed. exchange_run is next. */
void exchange_refuse_head(struct exchange *x, enum http_reason reason);
/* Goes on until nothing moves. At an END the exchange is gone; the connection may be closed. */
enum exchange_end exchange_run(struct exchange *x);
/* The connection is being closed: gives everything back, and writes the access line. */
void exchange_cancel(struct exchange *x, enum conn_close_reason reason);
/* The connection's timer fired. exchange_run is next. */
void exchange_on_timeout(struct exchange *x, enum conn_wait wait);
/* Something happened to the leased upstream. */
void exchange_on_upstream(struct exchange *x);
/* A container changed: those that wait for it or are connected to it. */
void exchange_on_container(struct container_entry *entry, enum container_change change);
/* The process ends soon: this answer is the connection's last, unless its head is out already. */
void exchange_drain_connection(struct exchange *x);
void exchange_free_spares(struct worker *w);
/* Like block_pool_trim, for what is kept of finished exchanges. */
bool exchange_trim_spares(struct worker *w);

/* What a ticket waited for is on disk, or in memory, or is not to be had. */
void exchange_on_disk(struct disk_ticket *t);
/* t may be NULL. */
void exchange_disk_free(struct disk_ticket *t);
/* The leader that a ticket waited for has come to an end. */
void exchange_on_flight(struct flight_ticket *t);
/* t may be NULL. */
void exchange_flight_free(struct flight_ticket *t);

/* For the other files of the exchange. */
/* The client is waited for: the timer starts over, unless the client has been too slow on the
 * average; then it is answered with 408 or cut off, and the result is false. */
bool exchange_wait_for_client(struct exchange *x, enum conn_wait wait, uint64_t timeout_ms);
/* The timer fired while the client was waited for: BODY or CLIENT. */
void exchange_on_client_timeout(struct exchange *x, enum conn_wait wait);
void exchange_set_state(struct exchange *x, enum exchange_state state);
/* Writes what is queued for the client. False: not all of it could be written now, and the client
 * is waited for, or is gone. */
bool exchange_write_rest(struct exchange *x);
/* Answers with a page of ours. text and why may be NULL; why is for the access log. */
void exchange_answer(struct exchange *x, uint16_t status, const char *text, const char *why);
/* The same with Retry-After. */
void exchange_answer_later(struct exchange *x, uint16_t status, uint32_t seconds, const char *why);
/* The answer of another server, without its framing, and this body. */
void exchange_answer_copy(
	struct exchange *x, struct http_response *r, struct slice body, const char *why);
/* 401 with this challenge. */
void exchange_answer_challenge(struct exchange *x, struct slice challenge, const char *why);
void exchange_redirect(struct exchange *x, uint16_t status, struct slice location);
/* The client's request is malformed: that counts. A question of ours is not its doing. */
void exchange_note_malformed(struct exchange *x);
/* 502 or 504: the backend is at fault; noted for the operator. */
void exchange_fail(struct exchange *x, uint16_t status, const char *why);
/* 502: its answer is of no use, but an answer it is. Any client could ask for such a one, so none
 * of it counts as the backend's failure. */
void exchange_unusable(struct exchange *x, const char *why);
/* Gives the connection to the backend up. */
void exchange_drop_upstream(struct exchange *x);
/* A buffer over front->out, so that heads are built where they are sent from. The block is held;
 * NULL data when memory is short. exchange_out_done takes over what was appended. */
struct buf exchange_out(struct exchange *x);
void exchange_out_done(struct exchange *x, const struct buf *out);
struct slice exchange_host(const struct exchange *x);
/* Whether the client, or the one it is asked for, speaks TLS. */
static inline bool
exchange_is_secure(const struct exchange *x)
{
	return x->conn->ssl || x->front->secure;
}

/* --- exchange_begin.c ------------------------------------------------------------------------ */

/* The head is complete: generation, site, route, target. Leaves the exchange in its next state. */
void exchange_begin(struct exchange *x);
/* The guards have let it in. */
void exchange_guarded(struct exchange *x);

/* --- exchange_guard.c ------------------------------------------------------------------------ */

/* Asks the guards of the place of x->match. False: it was answered, or waits for one of them in
 * EXCHANGE_GUARD; then exchange_guarded follows. */
bool exchange_guard(struct exchange *x);
/* Whether Authorization was for us alone. */
bool exchange_hides_login(const struct exchange *x);
/* The names of fields that the backend does not take from the client; returns how many. */
size_t exchange_replaced(const struct exchange *x, char *const **ret_names);
/* The same for a request about the server as a whole (OPTIONS *), which no route answers: by its
 * site or the top level, and without a login, as it is told nothing. False: answered. */
bool exchange_guard_server(struct exchange *x);
/* The exchange is over: gives back what the guards hold for it. */
void exchange_guard_release(struct exchange *x);

/* --- exchange_heads.c ------------------------------------------------------------------------ */

/* The head and the generation are known: finds the client. */
void exchange_find_client(struct exchange *x);
/* The request's id: what a trusted peer has sent, or one of our own, which costs something and is
 * made when it is first asked for. Empty for a head that was refused. */
struct slice exchange_request_id(struct exchange *x);
/* The client's address as text, without brackets or port. */
struct slice exchange_client(const struct exchange *x);
/* The part of the path that the route takes away; empty when it takes none. */
struct slice exchange_prefix(const struct exchange *x);
/* Brings what the backend's head says about its place into the client's words; the head begins from
 * bytes behind out's start. 0, or -1 when it does not fit. */
int exchange_rewrite_head(struct exchange *x, size_t from, struct buf *out);
/* Keeps the Host of the head that the backend gets for exchange_rewrite_head, where a rule has said
 * another than the client's. 0, or -1: out of memory. */
int exchange_note_host(struct exchange *x, struct slice head);
/* Appends the PROXY header for the route's target, when it wants one. 0 or -1. */
int exchange_put_proxy_header(const struct exchange *x, struct buf *out);
/* The user's page for an answer of ours: opens it as x->file and fills a's page. Not for a request
 * that has no generation, nor where a file is open already. */
void exchange_open_page(struct exchange *x, struct answer *a);
/* '_' and '.' in names are a way to smuggle fields past a filter: marks those that the file lets
 * through to the backend, and tells that others are dropped. */
void exchange_judge_odd_fields(struct exchange *x);
/* What the route's rules and its guard make of a field of the request with that name, which has one
 * (its site too). */
enum head_rules_effect exchange_head_effect(const struct exchange *x, struct slice name);
/* Applies the header rules to the head that begins from bytes behind out's start. 0, or -1 when it
 * does not fit: then it is as it was. */
int exchange_edit_head(
	struct exchange *x, enum conf_header_side side, size_t from, struct buf *out);

/* --- exchange_auth.c ------------------------------------------------------------------------- */

/* Asks for a login. False: answered, or waiting. */
bool exchange_auth_basic(struct exchange *x);
/* The login was checked. It stays the caller's. */
void exchange_on_login(struct login *login);
/* The exchange ends before its login was checked. */
void exchange_leave_login(struct exchange *x);
void exchange_free_login(struct login *login);
/* For auth_pool_new: sends a checked login back to its worker. */
void exchange_post_login(struct auth_job *job);

/* --- exchange_forward.c ---------------------------------------------------------------------- */

/* Asks another server. False: answered, or waiting. */
bool exchange_auth_forward(struct exchange *x);

/* --- exchange_connect.c ---------------------------------------------------------------------- */

/* Wants a connection to the route's backend: leases, connects, waits or fails. */
void exchange_connect(struct exchange *x);
/* Drops what it has of the backend, its answer's head included, and asks as if for the first time.
 * Only while nothing of the request's body was taken. */
void exchange_reconsider(struct exchange *x);
/* The leased connection said something while it was being made. */
void exchange_on_connecting(struct exchange *x);
/* The wait before the next attempt is over. */
void exchange_on_wait_over(struct exchange *x);
/* The attempt has taken too long. */
void exchange_connect_timeout(struct exchange *x);
/* The connection failed before the first byte of the answer: again, or 502. */
void exchange_lost(struct exchange *x, const char *why);
/* Leaves the container's list, the resolver and the retry timer. */
void exchange_stop_waiting(struct exchange *x);
/* The backend has answered. */
void exchange_answered(struct exchange *x);
/* The backend has begun to get the request, and the client has not sent all of it. */
bool exchange_owes_body(const struct exchange *x);
/* The exchange fails: is it the fault of the backend it has, that one hears of it. */
void exchange_blame(struct exchange *x, const char *why);
/* One more failed attempt, and its connection is dropped; the caller decides what comes of it. */
void exchange_note_error(struct exchange *x, enum waiting_error error);
/* For exchange_pool.c: the addresses of x->target. 0 with x->addrs; 1: they are being asked for;
 * -1: there are none. */
int exchange_find_addresses(struct exchange *x);
/* A pooled or a new connection to x->addrs[x->next_addr]. False: it failed at once, and *ret_error
 * says how. */
bool exchange_reach(struct exchange *x, uint64_t until_ms, enum waiting_error *ret_error);
/* What waiting.h says of this container, for this request. */
struct waiting exchange_decide(const struct exchange *x, const struct container_entry *entry);
struct container_entry *exchange_container(struct exchange *x, const struct conf_target *t);
/* Waits until a moment, or until the container it hangs on changes. */
void exchange_wait(struct exchange *x, uint64_t until_ms);
/* The request is idempotent or did not go out (RFC 9110 section 9.2.2), no byte of an answer has
 * come, and its body was not touched. */
bool exchange_is_repeatable(const struct exchange *x);

/* --- exchange_pool.c ------------------------------------------------------------------------- */

/* Wants a connection to one of several targets: chooses, connects, goes on to the next, waits or
 * fails. */
void exchange_pool_connect(struct exchange *x);
/* The attempt to connect failed. */
void exchange_pool_failed(struct exchange *x, enum waiting_error error);
/* Closed before the first byte of the answer: again, or 502. */
void exchange_pool_lost(struct exchange *x, const char *why);
/* It got the place that it waited for, unless it has given up since. */
void exchange_on_place(struct place_ticket *t);
/* t may be NULL. */
void exchange_ticket_free(struct place_ticket *t);
/* It has waited for a place as long as it may. */
void exchange_pool_full(struct exchange *x);
/* Gives the place up, where no upstream has it, and leaves the queue. */
void exchange_leave_place(struct exchange *x);

/* --- exchange_relay.c ------------------------------------------------------------------------ */

/* The connection stands: queues the request's head. */
void exchange_start_relay(struct exchange *x);
/* Moves bytes both ways. True when something moved. */
bool exchange_relay(struct exchange *x);

/* --- exchange_buffer.c ----------------------------------------------------------------------- */

/* The route's backend is wanted: at once, or when as much of the request's body is here as the
 * route says. The state is another one afterwards. */
void exchange_start_buffer(struct exchange *x);
/* Takes more of the body. True when something moved. */
bool exchange_buffer(struct exchange *x);

/* --- exchange_trailers.c --------------------------------------------------------------------- */

/* The request's body begins: its trailers are kept where they can go on. */
void exchange_keep_request_trailers(struct exchange *x);
/* One of them, from a front that frames bodies itself. */
void exchange_add_trailer(struct exchange *x, struct slice name, struct slice value);

/* --- exchange_ahead.c ------------------------------------------------------------------------ */

/* The backend is free; what was read ahead goes to the client. True when something moved. */
bool exchange_deliver(struct exchange *x);

/* --- exchange_tunnel.c ----------------------------------------------------------------------- */

/* The route is known, and the request lists protocols: the first one that may be asked for here
 * becomes x->upgrade (RFC 9110 section 7.8). */
void exchange_choose_upgrade(struct exchange *x);
/* The backend has switched to x->upgrade: the state is TUNNEL from here on, and the head of the
 * answer may be queued. False: it is answered with an error instead. */
bool exchange_start_tunnel(struct exchange *x);
/* The head is queued: what came over all tunnels while this one began is made up for. */
void exchange_settle_tunnel(struct exchange *x);
/* Moves bytes both ways. True when something moved. */
bool exchange_tunnel(struct exchange *x);
/* It says goodbye to both sides, where its protocol has a word for that, and ends within
 * TUNNEL_DRAIN_MS. */
void exchange_drain_tunnel(struct exchange *x);
/* Leaves the worker's list; also for an exchange that has no tunnel. */
void exchange_end_tunnel(struct exchange *x);
/* The worker has a new generation: tunnels whose route is there, and allows their protocol, go over
 * to it; the others drain. */
void exchange_adopt_tunnels(struct worker *w);
/* The process ends soon: all of them drain. */
void exchange_drain_tunnels(struct worker *w);

/* --- exchange_compress.c --------------------------------------------------------------------- */

/* What the client accepts. ret begins zeroed. */
void exchange_read_accept(const struct exchange *x, struct coding_accept *ret);
/* The head of an answer stands from `from` bytes behind out's start, all rules applied; *kind is
 * how its body goes to the client. When it is to be compressed, the head and *kind are changed, and
 * x->compressor stands. 0, or -1 when the head does not fit. */
int exchange_compress_head(
	struct exchange *x, size_t from, struct buf *out, enum http_body_kind *kind);
/* Takes bytes off *in and puts what comes of them, framed, behind what stands in the client's
 * buffer. True: all was taken and all that op asks for has come out; after COMPRESSOR_END the
 * payload is complete and x->compressor gone; the last chunk is the caller's. False: there is no
 * room, or the front was closed. */
bool exchange_compress(struct exchange *x, enum compressor_op op, struct slice *in);

/* --- exchange_folder.c ----------------------------------------------------------------------- */

/* The route's target is a folder: finds the file and starts it, or answers. */
void exchange_open_file(struct exchange *x);

/* --- exchange_file.c ------------------------------------------------------------------------- */

/* x->entry or x->file is the file, of which this is to be said: queues the head, or refuses. */
void exchange_start_file(struct exchange *x, const struct file_facts *facts);
/* Sends more of it. True when something moved. */
bool exchange_send_file(struct exchange *x);

#endif
