/*
 * Where a container's cgroup is and what it says, on cgroup v1, v2 and both at once. The layout is
 * read from the text of /proc/self/mountinfo, so that tests can describe any; a container's place
 * in it from /proc/PID/cgroup of its init. Files are read and written by this one accessor.
 */
#ifndef LXC_CGROUP_H
#define LXC_CGROUP_H

#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define CGROUP_MOUNTS_MAX 24
#define CGROUP_CONTROLLERS_MAX 128
#define CGROUP_VALUE_MAX 4096

struct cgroup_mount {
	bool v2;
	char controllers[CGROUP_CONTROLLERS_MAX]; /* v1: the super options, "rw,memory" */
	char path[PATH_MAX];
};

struct cgroup_layout {
	struct cgroup_mount mounts[CGROUP_MOUNTS_MAX];
	size_t n;
};

/* The liblxc names: its payload's and its monitor's cgroup of a container. */
#define CGROUP_PAYLOAD "lxc.payload."

/* Pure. Lines that are no cgroup mounts are passed over; of two mounts of one kind the first
 * counts. */
void cgroup_layout_parse(struct slice mountinfo, struct cgroup_layout *ret);
/* The mount that has the controller: a v1 hierarchy, else v2 if its cgroup.controllers names it
 * ("freezer" is part of v2 itself). NULL: the host does not have it. */
const struct cgroup_mount *cgroup_find(const struct cgroup_layout *layout, const char *controller);
/* The path of a process in a mount's hierarchy, by its /proc/PID/cgroup, cut behind the payload's
 * folder (systemd in a container moves itself below it), or behind /init.scope's parent. Pure.
 * 0 or -1: not in it, or too long. */
int cgroup_path(
	const struct cgroup_mount *mount, struct slice proc_cgroup, char ret[static PATH_MAX]);
/* The name of the container whose payload folder `name` is ("lxc.payload.web", also with the
 * "-1" that liblxc adds when the name is taken); empty when it is none. Pure. */
struct slice cgroup_payload_name(struct slice folder);

/* Reads FILE of the cgroup that a process is in. 0 or -1 with e filled. */
int cgroup_read(const struct cgroup_layout *layout, struct slice proc_cgroup,
	const char *controller, const char *file, struct buf *out, struct err *e);
int cgroup_write(const struct cgroup_layout *layout, struct slice proc_cgroup,
	const char *controller, const char *file, const char *value, struct err *e);
/* Whether a container may be given this file at all on this host (a kernel without swap
 * accounting has no memory.memsw.*, v2 may lack a controller). liblxc refuses to start a
 * container with a key that it cannot set. */
bool cgroup_has(const struct cgroup_layout *layout, const char *controller, const char *file);

#endif
