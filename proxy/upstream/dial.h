/*
 * Connections to unix sockets. The proxy can open none itself: the parent connects to those that
 * the configuration names, and sends the descriptor. One who waits is told on his own thread.
 */
#ifndef PROXY_DIAL_H
#define PROXY_DIAL_H

#include "core/list.h"

#include <stdint.h>

struct worker;

struct dial {
	struct list node; /* in worker.dials */
	uint64_t id;      /* of this thread */
	/* fd: the callee's, or -1 with an errno. Never called from inside dial_begin. */
	void (*on_done)(struct dial *d, int fd, int error);
};

void dial_init(struct dial *d, void (*on_done)(struct dial *d, int fd, int error));
/* Asks for a connection. */
void dial_begin(struct dial *d, struct worker *w, const char *path);
/* What comes of it is of no interest any more. */
void dial_cancel(struct dial *d);
/* The answer has come; fd is taken over. */
void dial_answer(struct worker *w, uint64_t id, int fd, int error);

#endif
