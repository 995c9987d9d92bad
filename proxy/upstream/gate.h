/*
 * Before a backend that has much to do: how many requests of one thread are under way to one
 * endpoint without an answer. Hundreds at once gain nothing where the backend is busy: they fill
 * its queue, each with a connection of its own, whose state no cache of the processor holds. So
 * behind GATE_ROOM of them the next ones wait until answers come. A backend that is not busy but
 * slow, one that waits itself, shows by not answering anyone for GATE_STALL_MS, or by letting
 * somebody wait for GATE_WAIT_MS: then the gate opens for all, for GATE_OPEN_MS, and for twice as
 * long each time when it is no other afterwards.
 *
 * One gate an endpoint, a part of its pool; all of one thread are in struct gates.
 */
#ifndef PROXY_GATE_H
#define PROXY_GATE_H

#include "core/list.h"
#include "proxy/conn/timer.h"

#include <stdbool.h>
#include <stdint.h>

#define GATE_ROOM 128    /* requests without an answer, beyond which others wait */
#define GATE_STALL_MS 16 /* or up to a tick of the timers later, as below */
#define GATE_WAIT_MS 64
#define GATE_OPEN_MS 1000
#define GATE_OPEN_MAX_MS 64000

/* All times are monotonic milliseconds. */
struct gates {
	struct list due; /* of struct gate: who waits there may go on */
	struct timers *timers;
	struct event *event;
};

struct gate {
	struct gates *gates;
	struct list node;     /* in gates.due */
	struct list waiting;  /* of struct gate_waiter, the first to come first */
	struct timer timer;   /* set while somebody waits */
	uint64_t answered_ms; /* the last answer while somebody waited */
	uint64_t open_until_ms, open_ms;
	unsigned unanswered;
};

struct gate_waiter {
	struct list node;
	uint64_t since_ms;
	/* Called once, out of the loop, when it may go on; it waits no more then. */
	void (*on_pass)(struct gate_waiter *w);
};

/* 0, or -1 when memory is short. */
int gates_init(struct gates *g, struct event_base *base, struct timers *timers);
/* All gates must be gone. */
void gates_clear(struct gates *g);

void gate_init(struct gate *g, struct gates *all);
/* Nobody may wait there. */
void gate_clear(struct gate *g);

/* True: w waits from now on, and on_pass follows unless it leaves. False: it may go on at once. */
bool gate_hold(struct gate *g, struct gate_waiter *w, uint64_t now_ms);
/* It has given up, or does not wait at all. */
void gate_waiter_leave(struct gate_waiter *w);
/* A request is under way. */
void gate_enter(struct gate *g);
/* It is answered, or will not be. */
void gate_leave(struct gate *g, uint64_t now_ms);

#endif
