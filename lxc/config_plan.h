/*
 * From what sluice.conf says of a container to its lxc configuration. Pure: the file's text goes
 * in and comes out edited; only keys of ours change. Which keys are ours is kept by the caller
 * from one plan to the next, so that a key that is no longer wanted goes away again.
 */
#ifndef LXC_CONFIG_PLAN_H
#define LXC_CONFIG_PLAN_H

#include "conf/conf.h"
#include "core/buf.h"
#include "core/err.h"
#include "lxc/job.h"
#include "lxc/limits.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_OWNED_MAX 4096
#define CONFIG_USERNS "/usr/share/lxc/config/userns.conf"

struct config_wish {
	const struct conf_container *container;
	const struct conf_bridge *bridge; /* NULL: its network is left alone */
	const char *mac;
	uint32_t idmap;      /* the first id of its range; 0: privileged, or not ours to say */
	bool created;        /* by us: id range, AppArmor profile and includes are ours as well */
	bool apparmor;       /* the kernel has it */
	bool userns_include; /* CONFIG_USERNS exists */
	/* What the host lets be set: [v2][enum limit_kind]. */
	bool settable[2][LIMITS_MAX];
	const bool *mount_is_file; /* for each mount: its source is no folder */
};

/* Edits text. owned: the keys of the plan before, one a line (may be empty); ret_owned gets those
 * of this one. 0 or -1 with e filled (text may then be half edited: drop it). */
int config_plan(const struct config_wish *w, struct slice owned, struct buf *text,
	struct buf *ret_owned, struct err *e);
/* What a running container keeps until it is started again, as `word text` lines: to be compared
 * with config_plan_changes. 0 or -1. */
int config_plan_fixed(const struct config_wish *w, struct buf *out);
/* The words in which the two differ, separated by ", "; "" when none does. */
void config_plan_changes(struct slice before, struct slice after, char *out, size_t size);
/* 00:16:3e and three bytes of a hash of the name. */
void config_plan_mac(const char *name, char ret[static JOB_MAC_MAX]);

#endif
