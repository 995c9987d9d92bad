/* Requests of the control API that wait for an answer of another process. Private to the files of
 * control_wait.c. */
#ifndef DAEMON_CONTROL_WAITING_H
#define DAEMON_CONTROL_WAITING_H

#include "core/list.h"
#include "daemon/control.h"

struct wait {
	struct list node;
	struct control *control;
	uint64_t id;
	enum wait_kind kind;
	struct evhttp_request *req;
	struct event *timer;
	uint32_t awaited; /* STATUS, USAGE, METRICS: ROLE_BITs that have not sent their counters,
			     and above them those that have not sent their usage, their targets */
	json_t *usage;    /* what came so far; BANS: the list */
	json_t *targets;  /* METRICS: those of routes, likewise */
	bool lists;       /* CACHE: it is asked for a list */
};

/* A wait that ends by itself after timeout_ms; NULL: answered, memory is short or there are too
 * many. */
struct wait *control_wait_new(
	struct control *c, struct evhttp_request *req, enum wait_kind kind, uint64_t timeout_ms);
/* The wait that an answer with this id is for, or NULL. */
struct wait *control_wait_find(struct control *c, uint64_t id, enum wait_kind kind);
/* Sends m, or answers that it cannot be sent. */
void control_wait_send(struct wait *w, struct msg_out *m);
/* Answers; takes the body over and frees w. */
void control_wait_finish(struct wait *w, int status, json_t *body);

#endif
