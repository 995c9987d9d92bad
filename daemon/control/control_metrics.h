/*
 * The metrics of /v1/metrics in the text format of Prometheus, version 0.0.4. Pure.
 */
#ifndef DAEMON_CONTROL_METRICS_H
#define DAEMON_CONTROL_METRICS_H

#include "core/buf.h"

#include <jansson.h>

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_TEXT_MAX (64 * 1024 * 1024)

/* usage: of control_usage_finish, with "targets" of control_targets_list, "forwards" of
 * control_json_forwards and "flows" of control_usage_flow_counts, each where there is any. Appends;
 * 0, or -1 when out is full. */
int control_metrics_print(const json_t *usage, struct buf *out);

/* Its parts. What the router counts: */
int control_metrics_router(const json_t *usage, struct buf *out);
/* HELP and TYPE of a family. */
int metrics_put_head(struct buf *out, const char *name, const char *type, const char *help);
/* A label's value, escaped; a number or a text. */
int metrics_put_value(struct buf *out, const json_t *value);

#endif
