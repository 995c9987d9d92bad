/* What in the daemon's answers an administrator would want to know first. Pure. */
#ifndef DAEMON_CTL_ATTENTION_H
#define DAEMON_CTL_ATTENTION_H

#include "core/buf.h"

#include <jansson.h>

/* A line for each certificate, container and process that is not as it should be, under a title;
 * nothing when all is well. Answers of GET /v1/status and /v1/containers; the second may be NULL.
 * 0, or -1 when out is full. */
int ctl_show_attention(const json_t *status, const json_t *containers, struct buf *out);

#endif
