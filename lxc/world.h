/*
 * What the lxc process holds: one struct, passed to all its parts. Who owns which member stands
 * beside it. Not for helpers.
 */
#ifndef LXC_WORLD_H
#define LXC_WORLD_H

#include "conf/conf.h"
#include "core/chan.h"
#include "core/list.h"
#include "core/stats.h"
#include "lxc/cgroup.h"
#include "lxc/guest.h"
#include "lxc/spawn.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct boot;
struct watch;

/* Helpers at a time. A start never waits for a creation, which may take minutes. */
#define CREATIONS_AT_A_TIME 1
#define STARTS_AT_A_TIME 1
#define QUERIES_AT_A_TIME 4

struct slot {
	unsigned limit, used;
	struct list waiting; /* of struct task */
};

struct lxc {
	struct event_base *base;
	struct chan *parent;
	struct conf *conf;    /* committed; NULL before the first COMMIT */
	struct conf *offered; /* NULL: none */
	uint64_t offered_generation;
	struct list guests; /* guest.c */
	struct spawner spawner;
	struct slot creations, starts, queries; /* task.c */
	struct cgroup_layout layout;
	struct watch *watch;   /* watch.c */
	struct boot *boot;     /* boot.c */
	struct event *monitor; /* monitor.c */
	int monitor_fd;
	struct event *announce;
	struct event *resync;
	struct list sessions; /* session.c */
	bool stopping;        /* STOP_ALL came: nothing is started from now on */
	bool apparmor;
	char boot_id[64];
	struct stats stats;
};

/* An event for /v1/events: what, then key and value pairs, closed by NULL. */
void lxc_tell(struct lxc *lxc, const char *what, ...) __attribute__((sentinel));
/* The folder of containers, and our state folder; of the committed configuration. */
const char *lxc_path(const struct lxc *lxc);

#endif
