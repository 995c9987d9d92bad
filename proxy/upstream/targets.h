/*
 * What the control process is told of the targets: an answer to TARGETS_GET, and an event when one
 * of them goes down or comes up.
 */
#ifndef PROXY_TARGETS_H
#define PROXY_TARGETS_H

#include "core/chan.h"
#include "proxy/generation.h"
#include "proxy/worker.h"

#define TARGET_EVENTS_PER_S 50 /* more of them are in the log alone */

struct target_events {
	uint64_t since_ms; /* the second that is counted */
	unsigned n;        /* events in it */
};

/* Sends how the targets of this generation (NULL: none yet) are, in as many messages as it takes.
 */
void targets_send(struct chan *chan, const struct generation *g, uint64_t id);
/* A NOTE_TARGET_DOWN or NOTE_TARGET_UP as an event. */
void targets_event(struct target_events *events, struct chan *chan, const struct note *note);
/* A warning in the log for each route that believes whoever answers at its https:// targets. */
void targets_warn_unverified(const struct conf *c);

#endif
