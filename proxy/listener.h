/*
 * The listening sockets of one thread. The parent binds them and hands every thread its own; what
 * is held already stays when a generation offers it again, so that its queue is never lost.
 */
#ifndef PROXY_LISTENER_H
#define PROXY_LISTENER_H

#include "core/addr.h"
#include "core/list.h"

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#define LISTENER_ACCEPT_MAX 16 /* connections taken in one turn of the loop */
/* The same where each begins with a handshake: those that are under way are brought to their end
 * before others begin, or the state of all of them passes through the processor's caches again and
 * again (14% of a handshake's time with 64 at once). */
#define LISTENER_HANDSHAKES_MAX 1
#define LISTENER_PAUSE_MS 1000      /* without descriptors, nothing is accepted for so long */
#define LISTENER_DROP_GRACE_MS 1000 /* a dropped one accepts what was on its way */

struct worker;

struct listener_part {
	struct addr addr;
	uint16_t port;
	int fd;
};

struct listeners {
	struct list all;     /* of struct listener */
	struct event *pause; /* pending: accepting is paused */
};

/* 0, or -1 when memory is short. */
int listeners_init(struct worker *w);
/* Closes all. */
/* Accepts what waits in the queues and closes all. */
void listeners_stop(struct worker *w);
void listeners_clear(struct worker *w);
/* KEEP, NEW, DROP: afterwards exactly these are listened on, each as the worker's current
 * generation says. Takes the descriptors over, and leaves -1 behind. */
void listeners_adopt(struct worker *w, struct listener_part *parts, size_t n);

#endif
