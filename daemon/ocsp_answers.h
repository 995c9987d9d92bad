/*
 * STATE/ocsp.answers: what the proxy has learned from OCSP responders, kept for it across its and
 * the daemon's restarts. The parent looks at none of it, and the proxy believes nothing of what it
 * gets back: an answer is signed.
 */
#ifndef DAEMON_OCSP_ANSWERS_H
#define DAEMON_OCSP_ANSWERS_H

#include "core/err.h"

#include <event2/event.h>
#include <stdint.h>

#define OCSP_ANSWERS_DELAY_S 1 /* from news to the file: what comes meanwhile is one write */

struct ocsp_answers {
	char *path;
	int fd;     /* sealed memfd; -1: none */
	uint32_t n; /* answers in it */
	struct event *timer;
};

/* Reads the file of this state folder; a missing or unusable one is as if empty. 0, or -1 when
 * memory is short. */
int ocsp_answers_open(struct ocsp_answers *a, struct event_base *base, const char *state);
/* Takes new ones: the descriptor becomes theirs when they are taken. 0 or -1 with e filled. */
int ocsp_answers_set(struct ocsp_answers *a, uint32_t n, int fd, struct err *e);
/* Writes what is not written yet, and forgets all. */
void ocsp_answers_clear(struct ocsp_answers *a);

#endif
