/*
 * Bringing the containers to what the configuration says, in order, after every COMMIT; and
 * stopping them all. Starting is one after the other: each one's `delay` is waited for behind it,
 * if it was really started. Stopping is in reverse, all of one order at the same time.
 */
#ifndef LXC_BOOT_H
#define LXC_BOOT_H

#include "core/err.h"

struct lxc;

/* 0 or -1: memory. */
int boot_init(struct lxc *lxc, struct err *e);
void boot_clear(struct lxc *lxc);
/* Adopts what exists at once, then creates and starts in order. A round that is still under way
 * is begun again with the new configuration. */
void boot_begin(struct lxc *lxc);
/* Stops every managed container; then STOPPED_ALL. Nothing is started from now on. */
void boot_stop_all(struct lxc *lxc);

#endif
