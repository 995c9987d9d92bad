/* What `sluice` prints of the daemon's answers, for people. Pure: JSON in, text out. */
#ifndef DAEMON_CTL_SHOW_H
#define DAEMON_CTL_SHOW_H

#include "core/buf.h"
#include "core/err.h"

#include <jansson.h>

/* Each 0 or -1. containers: the answer about them, or NULL. */
int ctl_show_status(const json_t *status, const json_t *containers, struct buf *out);
int ctl_show_containers(const json_t *containers, struct buf *out);
int ctl_show_routes(const json_t *routes, struct buf *out);
int ctl_show_forwards(const json_t *forwards, struct buf *out);
int ctl_show_flows(const json_t *answer, struct buf *out);
int ctl_show_flow_counts(const json_t *answer, struct buf *out);
int ctl_show_bans(const json_t *bans, struct buf *out);
/* What is to be done about the policy on trial, or that was; nothing when it is settled. */
int ctl_show_policy(const json_t *answer, struct buf *out);
/* "2026-01-02 03:04:05 container name=web state=running" */
int ctl_show_event(const json_t *event, struct buf *out);
/* Takes "FILE:LINE:COL: message" apart; a line without a place has a message only. */
void ctl_parse_error_line(struct slice line, struct err *ret);

#endif
