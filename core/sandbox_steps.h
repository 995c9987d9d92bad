/*
 * The two steps of the sandbox that are programs of their own. Only sandbox.c and the tests
 * include this.
 */
#ifndef CORE_SANDBOX_STEPS_H
#define CORE_SANDBOX_STEPS_H

#include "core/sandbox.h"

/* The seccomp lists: tables of sandbox_calls.h. */
enum sandbox_list {
	SANDBOX_LIST_NONE,
	SANDBOX_LIST_PROXY,
	SANDBOX_LIST_ROUTER,
	SANDBOX_LIST_CONTROL,
};

/* Builds a Landlock ruleset that allows these paths only; to be done while they can still be
 * opened. The descriptor, -1 with e filled, or -2 when this kernel has no Landlock. */
#define SANDBOX_NO_LANDLOCK (-2)
int sandbox_landlock_plan(
	const struct sandbox_path *paths, size_t n_paths, bool may_connect, struct err *e);
/* Enters it for good (NO_NEW_PRIVS must be set). 0 or -1 with e filled. */
int sandbox_landlock_commit(int ruleset, struct err *e);

/* Loads the allow-list for good. 0 or -1 with e filled. */
int sandbox_seccomp_enter(enum sandbox_list list, struct err *e);

#endif
