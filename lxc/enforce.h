/*
 * Limits of a running container, in its cgroup: applied live when the configuration changed, read
 * back always. What is not in force becomes a note. And whether it is frozen.
 */
#ifndef LXC_ENFORCE_H
#define LXC_ENFORCE_H

#include "lxc/job.h"

#include <stdbool.h>

struct guest;

/* Writes what is not yet in force (and lifts what is no longer asked for), then checks. */
void enforce_apply(struct guest *g);
/* Reads back; notes and tells what is not in force. */
void enforce_check(struct guest *g);
/* liblxc knows only of its own freezing; the freezer knows. Corrects view->state. */
void enforce_frozen(const struct guest *g, struct job_view *view);
/* The file that says so and its controller's mount; for the watch. 0 or -1. */
int enforce_freezer_path(const struct guest *g, char *ret, unsigned long size);

#endif
