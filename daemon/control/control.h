/*
 * The control process: serves the control API (HTTP and JSON on a unix socket) and hands
 * authenticated connections of the exec socket to lxc. Its own user, no capability, no file. This
 * header is for the control process's own files.
 *
 *	control.c         start, messages, end
 *	control_http.c    requests and answers
 *	control_wait.c    requests whose answer comes by a message
 *	control_bans.c    the orders of /v1/bans
 *	control_cache.c   /v1/cache
 *	control_policy.c  the policy on trial
 *	control_events.c  the streams of /v1/events
 *	control_exec.c    the exec socket
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include "core/cache_order.h"
#include "core/chan.h"
#include "core/list.h"
#include "core/stats.h"
#include "daemon/control/control_route.h"
#include "daemon/control/control_state.h"

#include <event2/event.h>
#include <event2/http.h>
#include <jansson.h>

#define CONTROL_WAITS_MAX 64
#define CONTROL_STREAMS_MAX 16
#define CONTROL_STREAM_QUEUE_MAX (64 * 1024) /* bytes a slow reader may be behind */
#define CONTROL_HEAD_MAX (16 * 1024)
#define CONTROL_IDLE_S 60
#define CONTROL_STATUS_MS 1000 /* for the counters of all processes */
#define CONTROL_RELOAD_MS (60 * 1000)
#define CONTROL_PATH_MAX 4000
#define CONTROL_UPGRADE_DRAIN_MS (10 * 60 * 1000) /* when nothing else is said */
#define CONTROL_DRAIN_MAX_MS (UINT64_C(24) * 3600 * 1000)
#define CONTROL_BAN_MS (10 * 1000)
#define CONTROL_NFT_MS (60 * 1000)   /* the kernel tells a large set slowly */
#define CONTROL_PURGE_MS (30 * 1000) /* a purge is written to a disk, which may be busy */
#define CONTROL_NFT_MAX (32 * 1024 * 1024)
#define CONTROL_JOB_MS (30 * 60 * 1000) /* a container may have to be downloaded first */

struct control {
	struct event_base *base;
	struct chan *chan;
	struct control_state state;
	/* an offer that is not committed yet */
	struct conf *next;
	char *next_text;
	uint64_t next_generation;

	gid_t group;
	struct evhttp *http;
	struct event *exec_event, *resume;
	int http_fd, exec_fd; /* the HTTP one is evhttp's once it serves */
	struct list waits;    /* of struct wait */
	size_t n_waits;
	uint64_t last_id;
	struct list streams; /* of struct stream */
	size_t n_streams;
	bool failed;
};

/* control_http.c */
int control_http_start(struct control *c, int fd, struct err *e);
void control_http_stop(struct control *c);
/* Sends the object, which is taken over (NULL: 500), and ends the request. */
void control_http_answer(struct evhttp_request *req, int status, json_t *body);
/* The same of a text of this type, which stays the caller's. */
void control_http_answer_text(struct evhttp_request *req, const char *type, struct slice body);
void control_http_error(struct evhttp_request *req, int status, const char *message);

/* control_wait.c */
enum wait_kind {
	WAIT_OUTCOME,
	WAIT_CHECK,
	WAIT_JOB,
	WAIT_STATUS,
	WAIT_USAGE,
	WAIT_METRICS,
	WAIT_ROUTES,
	WAIT_BAN,
	WAIT_BANS,
	WAIT_FORWARDS,
	WAIT_CONNTRACK,
	WAIT_NFT,
	WAIT_CACHE,
	WAIT_CACHE_COUNTS
};
/* Sends the order and keeps the request until its answer comes, the time is up or the client is
 * gone. Answers by itself when that can't be done. */
void control_wait_order(struct control *c, struct evhttp_request *req, enum msg_type order);
/* RELOAD. asked: the address of who asks over the network, or empty. */
void control_wait_reload(struct control *c, struct evhttp_request *req, struct slice asked);
/* Orders the router to confirm. */
void control_wait_confirm(struct control *c, struct evhttp_request *req);
void control_wait_upgrade(
	struct control *c, struct evhttp_request *req, struct slice path, uint64_t drain_ms);
void control_wait_job(
	struct control *c, struct evhttp_request *req, struct slice container, struct slice verb);
/* Orders the router to ban (for_ms), to lift one ban (for_ms 0) or all (no address). */
struct control_ban {
	struct slice address;
	uint64_t for_ms;
};
void control_wait_ban(struct control *c, struct evhttp_request *req, const struct control_ban *ban);
/* Asks it what the forwards have carried; without it, and where there is none, they are answered
 * without numbers. */
void control_wait_forwards(struct control *c, struct evhttp_request *req);
void control_wait_on_forwards(struct control *c, struct msg_in *m);
/* Asks it for the flows of a container; without a name, how many each has. */
void control_wait_conntrack(struct control *c, struct evhttp_request *req, struct slice name);
void control_wait_on_conntrack(struct control *c, struct msg_in *m);
void control_wait_on_conntrack_counts(struct control *c, struct msg_in *m);
/* Asks it for the list. */
void control_wait_bans(struct control *c, struct evhttp_request *req);
/* Asks it for a text of the table: "view=diff" and its like, or nothing. */
void control_wait_nft(struct control *c, struct evhttp_request *req, struct slice query);
void control_wait_on_nft(struct control *c, struct msg_in *m);
/* Asks the proxy's cache. */
void control_wait_cache(
	struct control *c, struct evhttp_request *req, enum cache_order order, struct slice what);
void control_wait_on_cache(struct control *c, struct msg_in *m);
void control_wait_on_ban_done(struct control *c, struct msg_in *m);
void control_wait_on_bans(struct control *c, struct msg_in *m);
/* STATUS, USAGE, METRICS or CACHE_COUNTS: asks all processes and answers with what they say. */
void control_wait_gather(struct control *c, struct evhttp_request *req, enum wait_kind kind);
/* ROUTES: asks the proxy how their targets are. */
void control_wait_routes(struct control *c, struct evhttp_request *req);
void control_wait_on_targets(struct control *c, struct msg_in *m);
void control_wait_on_outcome(struct control *c, struct msg_in *m);
void control_wait_on_job_done(struct control *c, struct msg_in *m);
void control_wait_on_stats(struct control *c, struct msg_in *m);
void control_wait_on_usage(struct control *c, struct msg_in *m);
/* lxc is gone: its jobs will never be answered. */
void control_wait_fail_jobs(struct control *c);
void control_wait_clear(struct control *c);

/* control_bans.c: /v1/bans and what is below it. */
void control_bans_serve(struct control *c, struct evhttp_request *req, enum control_endpoint what,
	struct slice query);

/* control_cache.c: the endpoints of /v1/cache. */
void control_cache_serve(
	struct control *c, struct evhttp_request *req, enum control_endpoint endpoint);
/* What a report says is stored, as a list. NULL when memory is short. */
json_t *control_cache_objects(struct slice report);
/* The counters of the cache out of all, and its limit. */
json_t *control_cache_counts(const struct control_state *s, const json_t *usage);

/* control_policy.c */
/* POST /v1/reload; query: "from=ADDRESS" or nothing. */
void control_policy_reload(struct control *c, struct evhttp_request *req, struct slice query);
void control_policy_on_state(struct control *c, struct msg_in *m);
/* {"state": …, "until": …, "left": …}; the last two in ms, 0 without a trial. */
json_t *control_policy_json(const struct control_state *s, uint64_t now_ms);

/* control_events.c */
void control_events_open(struct control *c, struct evhttp_request *req);
/* Sends the object, which is taken over and may be NULL, to all streams. */
void control_events_send(struct control *c, json_t *object);
void control_events_clear(struct control *c);

/* control_exec.c */
int control_exec_start(struct control *c, struct err *e);
void control_exec_stop(struct control *c);

#endif
