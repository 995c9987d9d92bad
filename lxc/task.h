/*
 * Tasks: what is done with a guest, one at a time each, first come first served. A task is a chain
 * of helpers and waits; each link is a function that is called with the result of the one before.
 *
 *	QUERY    query
 *	ADOPT    (it exists) write its configuration, apply limits
 *	SETUP    ADOPT, or (destroy what an interrupted creation left) create, write configuration
 *	START    SETUP, start
 *	STOP     (thaw) shutdown, wait for the end of init, kill
 *	RESTART  STOP, START
 *	FREEZE, THAW
 */
#ifndef LXC_TASK_H
#define LXC_TASK_H

#include "core/buf.h"
#include "core/err.h"
#include "core/list.h"
#include "lxc/guest.h"
#include "lxc/spawn.h"
#include "lxc/world.h"

#include <stdbool.h>
#include <stdint.h>

#define TASKS_MAX 32 /* waiting for one guest */

#define TASK_TABLE(X)                                                                              \
	X(QUERY, "query")                                                                          \
	X(ADOPT, "adopt")                                                                          \
	X(SETUP, "setup")                                                                          \
	X(START, "start")                                                                          \
	X(STOP, "stop")                                                                            \
	X(RESTART, "restart")                                                                      \
	X(FREEZE, "freeze")                                                                        \
	X(THAW, "thaw")

enum task_kind {
#define TASK_ENUM(id, name) TASK_##id,
	TASK_TABLE(TASK_ENUM)
#undef TASK_ENUM
		TASK_KIND_COUNT
};

/* Called once, when the task ended or was cancelled; the guest may be on its way out. */
typedef void task_done(struct guest *g, uint64_t id, bool ok, const char *why);

struct task {
	struct list node;    /* of guest.tasks */
	struct list waiting; /* of slot.waiting */
	struct guest *guest;
	enum task_kind kind;
	uint64_t id;
	task_done *done;
	bool begun;

	/* the link that is under way */
	struct spawn *helper;
	struct slot *slot; /* waited for, or held */
	bool has_slot;
	enum job_verb verb;
	struct buf args;
	void (*then)(struct task *t, bool ok, struct slice text);
	void (*on_exited)(struct task *t); /* while the end of init is waited for */
	struct event *timer;
	void (*on_timer)(struct task *t);
	char why[ERR_MSG_MAX]; /* of a failure that still has to be cleaned up after */
};

/* "start"; and back: 0 or -1. */
const char *task_kind_name(enum task_kind kind);
int task_kind_find(struct slice name, enum task_kind *ret);
/* Puts a task at the end of the guest's queue; it may begin, and even end, before this returns. A
 * QUERY that already waits makes another one needless. 0 or -1 with e filled (done is then not
 * called). done may be NULL. */
int task_add(struct guest *g, enum task_kind kind, task_done *done, uint64_t id, struct err *e);
/* As task_add for what nobody waits for: failures are logged. */
void task_want(struct guest *g, enum task_kind kind);
/* The one that runs, or NULL. */
struct task *task_current(const struct guest *g);
/* Cancels all tasks of the guest, helpers included. */
void task_cancel_all(struct guest *g, const char *why);
/* Tells the running task that the init is gone. */
void task_init_exited(struct guest *g);
void slot_init(struct slot *s, unsigned limit);

/* For the chains (chain.c). */

/* The first link of a task. */
void chain_begin(struct task *t);
/* Runs a helper (when its slot is free) and then `then`. t->args are its arguments. */
void task_run(struct task *t, enum job_verb verb,
	void (*then)(struct task *t, bool ok, struct slice text));
/* Waits for the end of init, or for the timer. */
void task_wait_exit(struct task *t, void (*on_exited)(struct task *t), uint64_t ms,
	void (*timer_done)(struct task *t));
/* Ends the task, frees it, and lets the next one begin. */
void task_finish(struct task *t, bool ok, const char *why);

#endif
