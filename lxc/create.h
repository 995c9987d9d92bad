/*
 * Creating a container, in its helper: a child runs the template through liblxc and shifts the
 * ownership; this process reads what they print and passes it on.
 */
#ifndef LXC_CREATE_H
#define LXC_CREATE_H

#include "core/err.h"
#include "core/slice.h"

/* args: as lxc/job.h says. on_line gets each line that the template prints. 0, or -1 with e filled
 * (why, and the last lines). */
int create_run(const char *lxc_path, const char *name, struct slice args,
	void (*on_line)(void *ctx, struct slice line), void *ctx, struct err *e);

#endif
