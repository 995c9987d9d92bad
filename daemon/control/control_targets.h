/*
 * What the proxy says of the targets of routes, as JSON: kept by the ordinal of the route until the
 * whole of it is there. Pure.
 */
#ifndef DAEMON_CONTROL_TARGETS_H
#define DAEMON_CONTROL_TARGETS_H

#include "conf/conf.h"
#include "core/msg.h"

#include <jansson.h>

/* Reads the targets of a TARGETS message, behind its head, into the object. */
void control_targets_add(json_t *targets, struct msg_in *m);
#define CONTROL_TARGETS_MAX 4096 /* of control_targets_list; each is a series of /v1/metrics */

/* All that are known as one array: what control_targets_of says of each, and its "site", "path" and
 * "exact". conf may be NULL. */
json_t *control_targets_list(const json_t *targets, const struct conf *conf);
/* Sets "targets" of a route's object, when its targets are known: for each its name, "state" (up,
 * down, trying), "active", "requests", "failures", "failed" and "checked" (wall ms, null: never),
 * and "why" (of the last check; empty: it was good). */
void control_targets_of(const json_t *targets, const struct conf_route *route, json_t *ret_object);

#endif
