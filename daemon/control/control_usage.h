/*
 * What the processes report of themselves, gathered into one object: the answer of /v1/usage, and
 * what /v1/metrics is printed from. Pure: messages in, JSON out.
 */
#ifndef DAEMON_CONTROL_USAGE_H
#define DAEMON_CONTROL_USAGE_H

#include "daemon/control/control_state.h"

#include <jansson.h>

/* An empty gathering: "counters", "processes", "containers", "threads", "closes", "limits",
 * "routes", "bounds_us". NULL when memory is short. */
json_t *control_usage_new(void);
/* Take over what one message says. A process speaks for its own counters only. Nothing is added
 * by what is malformed from there on. */
void control_usage_counters(json_t *usage, struct msg_in *m);
void control_usage_processes(json_t *usage, struct msg_in *m);
void control_usage_containers(json_t *usage, struct msg_in *m);
/* The fields of CONNTRACK and CONNTRACK_COUNTS from their repeated group on, into an array. */
void control_usage_flows(json_t *list, struct msg_in *m);
void control_usage_flow_counts(json_t *list, struct msg_in *m);
/* report: core/report.h. */
void control_usage_proxy(json_t *usage, struct slice report);
/* Adds what control knows itself: version, generation, time, restarts, the containers' states. */
void control_usage_finish(json_t *usage, const struct control_state *s, uint64_t now_ms);

#endif
