/*
 * The state machine of one container: what its state becomes at an event, and what is to be done
 * about it. Pure: a table, nothing else. Who feeds it events: the jobs (what we do) and the watch
 * and the queries (what is seen, whoever did it). Seeing always wins over believing.
 *
 *	ABSENT -CREATE-> STARTING -CREATE_DONE-> STOPPED -START-> STARTING -SEEN_RUNNING-> RUNNING
 *	RUNNING -SEEN_FROZEN-> FROZEN -SEEN_RUNNING-> RUNNING -STOP-> STOPPING -EXITED-> STOPPED
 *	RUNNING -EXITED-> STOPPED, and then it is decided whether it is started again
 */
#ifndef LXC_CONTAINER_H
#define LXC_CONTAINER_H

#include "conf/container_state.h"

/*	id             what happened                                             */
#define CONTAINER_EVENT_TABLE(X)                                                                   \
	X(SEEN_ABSENT, "its configuration file is not there")                                      \
	X(SEEN_STOPPED, "liblxc says STOPPED")                                                     \
	X(SEEN_STARTING, "liblxc says STARTING, or its cgroup appeared")                           \
	X(SEEN_RUNNING, "liblxc says RUNNING")                                                     \
	X(SEEN_FROZEN, "its freezer says frozen")                                                  \
	X(SEEN_STOPPING, "liblxc says STOPPING or ABORTING")                                       \
	X(EXITED, "its init ended")                                                                \
	X(CREATE, "we begin to create it")                                                         \
	X(CREATE_DONE, "we created it")                                                            \
	X(CREATE_FAILED, "we could not, and removed what there was")                               \
	X(START, "we begin to start it")                                                           \
	X(START_FAILED, "we could not start it")                                                   \
	X(STOP, "we begin to stop it")                                                             \
	X(STOP_FAILED, "we could not stop it")

enum container_event {
#define CONTAINER_EVENT_ENUM(id, what) EVENT_##id,
	CONTAINER_EVENT_TABLE(CONTAINER_EVENT_ENUM)
#undef CONTAINER_EVENT_ENUM
		EVENT_COUNT
};

enum container_action {
	ACTION_NONE,
	ACTION_WATCH,  /* take hold of its init, unless it is the one already held */
	ACTION_FORGET, /* let go of its init */
	ACTION_DECIDE, /* let go of its init, and find out whether to start it again */
	ACTION_QUERY,  /* ask liblxc what it really is */
};

struct container_step {
	enum container_state state;
	enum container_action action;
};

struct container_step container_next(enum container_state state, enum container_event event);
/* "SEEN_RUNNING". */
const char *container_event_name(enum container_event event);

#endif
