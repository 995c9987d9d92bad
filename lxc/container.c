/*
 * The table of container.h: a row a state, a column an event. Every cell is written, so that a new
 * event is thought about in every state.
 */
#include "lxc/container.h"

#include <assert.h>

/* One row: what becomes of STATE at each event, in the order of CONTAINER_EVENT_TABLE. */
#define TO(next, act)                                                                              \
	{                                                                                          \
		CONTAINER_##next, ACTION_##act                                                     \
	}

/* clang-format off */
static const struct container_step steps[CONTAINER_STATE_COUNT][EVENT_COUNT] = {
	[CONTAINER_ABSENT] = {
		[EVENT_SEEN_ABSENT]   = TO(ABSENT, NONE),
		[EVENT_SEEN_STOPPED]  = TO(STOPPED, NONE),
		[EVENT_SEEN_STARTING] = TO(STARTING, QUERY),
		[EVENT_SEEN_RUNNING]  = TO(RUNNING, WATCH),
		[EVENT_SEEN_FROZEN]   = TO(FROZEN, WATCH),
		[EVENT_SEEN_STOPPING] = TO(STOPPING, QUERY),
		[EVENT_EXITED]        = TO(ABSENT, NONE),
		[EVENT_CREATE]        = TO(STARTING, NONE),
		[EVENT_CREATE_DONE]   = TO(STOPPED, NONE),
		[EVENT_CREATE_FAILED] = TO(ABSENT, NONE),
		[EVENT_START]         = TO(STARTING, NONE),
		[EVENT_START_FAILED]  = TO(ABSENT, QUERY),
		[EVENT_STOP]          = TO(ABSENT, NONE),
		[EVENT_STOP_FAILED]   = TO(ABSENT, QUERY),
	},
	[CONTAINER_STOPPED] = {
		[EVENT_SEEN_ABSENT]   = TO(ABSENT, NONE),
		[EVENT_SEEN_STOPPED]  = TO(STOPPED, NONE),
		[EVENT_SEEN_STARTING] = TO(STARTING, QUERY),
		[EVENT_SEEN_RUNNING]  = TO(RUNNING, WATCH),
		[EVENT_SEEN_FROZEN]   = TO(FROZEN, WATCH),
		/* Its init is gone already; liblxc is still sweeping up. */
		[EVENT_SEEN_STOPPING] = TO(STOPPED, NONE),
		[EVENT_EXITED]        = TO(STOPPED, NONE),
		[EVENT_CREATE]        = TO(STARTING, NONE),
		[EVENT_CREATE_DONE]   = TO(STOPPED, NONE),
		[EVENT_CREATE_FAILED] = TO(ABSENT, NONE),
		[EVENT_START]         = TO(STARTING, NONE),
		[EVENT_START_FAILED]  = TO(STOPPED, QUERY),
		[EVENT_STOP]          = TO(STOPPED, NONE),
		[EVENT_STOP_FAILED]   = TO(STOPPED, QUERY),
	},
	[CONTAINER_STARTING] = {
		[EVENT_SEEN_ABSENT]   = TO(ABSENT, NONE),
		[EVENT_SEEN_STOPPED]  = TO(STOPPED, NONE),
		[EVENT_SEEN_STARTING] = TO(STARTING, NONE),
		[EVENT_SEEN_RUNNING]  = TO(RUNNING, WATCH),
		[EVENT_SEEN_FROZEN]   = TO(FROZEN, WATCH),
		[EVENT_SEEN_STOPPING] = TO(STOPPING, QUERY),
		[EVENT_EXITED]        = TO(STARTING, QUERY),
		[EVENT_CREATE]        = TO(STARTING, NONE),
		[EVENT_CREATE_DONE]   = TO(STOPPED, NONE),
		[EVENT_CREATE_FAILED] = TO(ABSENT, NONE),
		[EVENT_START]         = TO(STARTING, NONE),
		[EVENT_START_FAILED]  = TO(STOPPED, QUERY),
		[EVENT_STOP]          = TO(STOPPING, NONE),
		[EVENT_STOP_FAILED]   = TO(STARTING, QUERY),
	},
	[CONTAINER_RUNNING] = {
		[EVENT_SEEN_ABSENT]   = TO(ABSENT, FORGET),
		/* Nobody told us of the end of its init: the same as its end. */
		[EVENT_SEEN_STOPPED]  = TO(STOPPED, DECIDE),
		[EVENT_SEEN_STARTING] = TO(STARTING, QUERY),
		[EVENT_SEEN_RUNNING]  = TO(RUNNING, WATCH),
		[EVENT_SEEN_FROZEN]   = TO(FROZEN, WATCH),
		[EVENT_SEEN_STOPPING] = TO(STOPPING, QUERY),
		[EVENT_EXITED]        = TO(STOPPED, DECIDE),
		[EVENT_CREATE]        = TO(RUNNING, NONE),
		[EVENT_CREATE_DONE]   = TO(RUNNING, NONE),
		[EVENT_CREATE_FAILED] = TO(RUNNING, QUERY),
		[EVENT_START]         = TO(RUNNING, NONE),
		[EVENT_START_FAILED]  = TO(RUNNING, QUERY),
		[EVENT_STOP]          = TO(STOPPING, NONE),
		[EVENT_STOP_FAILED]   = TO(RUNNING, QUERY),
	},
	[CONTAINER_FROZEN] = {
		[EVENT_SEEN_ABSENT]   = TO(ABSENT, FORGET),
		[EVENT_SEEN_STOPPED]  = TO(STOPPED, DECIDE),
		[EVENT_SEEN_STARTING] = TO(STARTING, QUERY),
		[EVENT_SEEN_RUNNING]  = TO(RUNNING, WATCH),
		[EVENT_SEEN_FROZEN]   = TO(FROZEN, WATCH),
		[EVENT_SEEN_STOPPING] = TO(STOPPING, QUERY),
		[EVENT_EXITED]        = TO(STOPPED, DECIDE),
		[EVENT_CREATE]        = TO(FROZEN, NONE),
		[EVENT_CREATE_DONE]   = TO(FROZEN, NONE),
		[EVENT_CREATE_FAILED] = TO(FROZEN, QUERY),
		[EVENT_START]         = TO(FROZEN, NONE),
		[EVENT_START_FAILED]  = TO(FROZEN, QUERY),
		[EVENT_STOP]          = TO(STOPPING, NONE),
		[EVENT_STOP_FAILED]   = TO(FROZEN, QUERY),
	},
	[CONTAINER_STOPPING] = {
		[EVENT_SEEN_ABSENT]   = TO(ABSENT, FORGET),
		[EVENT_SEEN_STOPPED]  = TO(STOPPED, FORGET),
		[EVENT_SEEN_STARTING] = TO(STARTING, QUERY),
		/* Queries wait behind a stop of ours, so this is news: the stop failed. */
		[EVENT_SEEN_RUNNING]  = TO(RUNNING, WATCH),
		[EVENT_SEEN_FROZEN]   = TO(FROZEN, WATCH),
		[EVENT_SEEN_STOPPING] = TO(STOPPING, NONE),
		[EVENT_EXITED]        = TO(STOPPED, FORGET),
		[EVENT_CREATE]        = TO(STOPPING, NONE),
		[EVENT_CREATE_DONE]   = TO(STOPPING, QUERY),
		[EVENT_CREATE_FAILED] = TO(STOPPING, QUERY),
		[EVENT_START]         = TO(STARTING, NONE),
		[EVENT_START_FAILED]  = TO(STOPPING, QUERY),
		[EVENT_STOP]          = TO(STOPPING, NONE),
		[EVENT_STOP_FAILED]   = TO(RUNNING, QUERY),
	},
};

static const char *const event_names[EVENT_COUNT] = {
#define CONTAINER_EVENT_NAME(id, what) [EVENT_##id] = #id,
	CONTAINER_EVENT_TABLE(CONTAINER_EVENT_NAME)
#undef CONTAINER_EVENT_NAME
};
/* clang-format on */

struct container_step
container_next(enum container_state state, enum container_event event)
{
	assert((unsigned)state < CONTAINER_STATE_COUNT && (unsigned)event < EVENT_COUNT);
	return steps[state][event];
}

const char *
container_event_name(enum container_event event)
{
	return (unsigned)event < EVENT_COUNT ? event_names[event] : "?";
}
