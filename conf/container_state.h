/*
 * The states of a container, as all processes speak of them (message CONTAINER, /v1/containers).
 */
#ifndef CONF_CONTAINER_STATE_H
#define CONF_CONTAINER_STATE_H

#define CONTAINER_STATE_TABLE(X)                                                                   \
	X(ABSENT, "absent", "in the file, not yet created")                                        \
	X(STOPPED, "stopped", "not running")                                                       \
	X(STARTING, "starting", "being created or started")                                        \
	X(RUNNING, "running", "its init runs")                                                     \
	X(FROZEN, "frozen", "its processes are suspended")                                         \
	X(STOPPING, "stopping", "asked to stop")

enum container_state {
#define CONTAINER_STATE_ENUM(id, name, meaning) CONTAINER_##id,
	CONTAINER_STATE_TABLE(CONTAINER_STATE_ENUM)
#undef CONTAINER_STATE_ENUM
		CONTAINER_STATE_COUNT
};

/* "running"; "?" for a value that is none. */
const char *container_state_name(enum container_state state);

#endif
