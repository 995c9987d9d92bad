/*
 * Watching what others do: inotify on the folder where the kernel shows containers' cgroups (an
 * lxc-start by hand makes lxc.payload.NAME there), on each running container's freezer file, and
 * on lxc-path (containers made and destroyed by others).
 */
#ifndef LXC_WATCH_H
#define LXC_WATCH_H

#include "core/err.h"

struct guest;
struct lxc;
struct watch;

/* Begins to watch; needs lxc->conf and lxc->layout. 0, or -1 with e filled. What cannot be watched
 * is left to the slow resync, and logged. */
int watch_start(struct lxc *lxc, struct err *e);
void watch_stop(struct lxc *lxc);
/* Watches the freezer of a guest whose init is known; and no longer. */
void watch_guest(struct guest *g);
void watch_forget(struct guest *g);

#endif
