/* Requests of the control API that wait for an answer of another process. Private to the files of
 * control_wait.c. */
#ifndef DAEMON_CONTROL_WAITING_H
#define DAEMON_CONTROL_WAITING_H

#include "core/list.h"
#include "daemon/control/control.h"

struct wait {
	struct list node;
	struct control *control;
	uint64_t id;
	enum wait_kind kind;
	struct evhttp_request *req;
	struct event *timer;
	uint64_t awaited; /* STATUS, USAGE, METRICS: ROLE_BITs that have not sent their counters,
			     and above them those that have not sent their usage, their targets,
			     what forwards carry, how many flows there are */
	json_t *usage;    /* what came so far; BANS: the list */
	json_t *targets;  /* METRICS: those of routes, likewise */
	bool lists;       /* CACHE: it is asked for a list */
};

/* A wait that ends by itself after timeout_ms; NULL: answered, memory is short or there are too
 * many. */
struct wait *control_wait_new(
	struct control *c, struct evhttp_request *req, enum wait_kind kind, uint64_t timeout_ms);
/* What a process was asked for, as a shift of its bit in awaited. */
enum wait_part {
	WAIT_PART_STATS = 0,
	WAIT_PART_USAGE = 8,
	WAIT_PART_TARGETS = 16,
	WAIT_PART_FORWARDS = 24,
	WAIT_PART_FLOWS = 32,
};
/* Asks a process for it, with the wait's id as the message's only field. */
void control_wait_ask(struct wait *w, enum msg_type question, enum role role, enum wait_part part);
/* It has come; w may be gone. */
void control_wait_came(struct wait *w, enum role from, enum wait_part part);
/* METRICS: asks the router for what it counts, beside its counters; flows only when those have come
 * and say that there are not too many. */
void control_wait_ask_forwards(struct wait *w);
void control_wait_ask_flows(struct wait *w);
/* The wait that an answer with this id is for, or NULL. */
struct wait *control_wait_find(struct control *c, uint64_t id, enum wait_kind kind);
/* Sends m, or answers that it cannot be sent. */
void control_wait_send(struct wait *w, struct msg_out *m);
/* Answers; takes the body over and frees w. */
void control_wait_finish(struct wait *w, int status, json_t *body);

#endif
