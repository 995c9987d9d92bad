/*
 * The objects of the control API. Pure: values in, JSON out. Each returns a new reference, or NULL
 * when memory is short.
 */
#ifndef DAEMON_CONTROL_JSON_H
#define DAEMON_CONTROL_JSON_H

#include "daemon/control/control_state.h"

#include <jansson.h>

/* {"error": …} */
json_t *control_json_error(const char *message);
/* {"ok": …, "generation": …, "errors": […], "warnings": […]}; lines: one error a line, or one
 * warning when it is ok. */
json_t *control_json_outcome(bool ok, uint64_t generation, struct slice lines);
/* Adds to the warnings what the proxy notes of certificates; places: where they stand, in order,
 * one a line. Those without a place are left out. */
void control_json_add_certificates(
	json_t *outcome, const struct control_state *s, struct slice places);
/* usage: of control_usage_finish; no reference is kept. */
json_t *control_json_status(const struct control_state *s, const json_t *usage);
/* {"generation": …, "text": …} */
json_t *control_json_config(const struct control_state *s);
/* All containers of the file and all others, by name. */
json_t *control_json_containers(const struct control_state *s);
/* One; NULL also when there is none of that name. */
json_t *control_json_container(const struct control_state *s, struct slice name);
/* targets: of control_targets_add; a route whose targets are there has them as "targets". */
json_t *control_json_routes(const struct control_state *s, const json_t *targets);
json_t *control_json_forwards(const struct control_state *s);
/* Adds the connections, packets and bytes of the forward with this ordinal to such a list. */
void control_json_count_forward(const struct control_state *s, json_t *list, uint32_t ordinal,
	const uint64_t counts[static 3]);
/* {"time": …, "event": …, key: value …} from an EVENT message; NULL also when malformed. */
json_t *control_json_event(struct msg_in *m, uint64_t now_ms);
/* The same of a changed container. */
json_t *control_json_container_event(const struct control_container *c, uint64_t now_ms);

#endif
