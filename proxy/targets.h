/*
 * What the control process is told of the targets: an answer to TARGETS_GET.
 */
#ifndef PROXY_TARGETS_H
#define PROXY_TARGETS_H

#include "core/chan.h"
#include "proxy/generation.h"

/* Sends how the targets of this generation (NULL: none yet) are, in as many messages as it takes.
 */
void targets_send(struct chan *chan, const struct generation *g, uint64_t id);
/* A warning in the log for each route that believes whoever answers at its https:// targets. */
void targets_warn_unverified(const struct conf *c);

#endif
