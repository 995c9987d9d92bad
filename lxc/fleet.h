/*
 * All guests together: those that the configuration names, those that stand in lxc-path, and the
 * slow resync that finds what no event told.
 */
#ifndef LXC_FLEET_H
#define LXC_FLEET_H

#include "conf/conf.h"
#include "core/role.h"

#define FLEET_RESYNC_S 60

struct lxc;

/* Makes `next` (a reference is taken over) the committed configuration: its containers become
 * managed, those it no longer names unmanaged. All are asked for their state. */
void fleet_commit(struct lxc *lxc, struct conf *next);
/* Compares the guests with lxc-path: new ones are asked for, vanished ones go. */
void fleet_scan(struct lxc *lxc);
/* fleet_scan, and asks for everyone's state. */
void fleet_resync(struct lxc *lxc);
/* Sends every CONTAINER to one role. */
void fleet_send(struct lxc *lxc, enum role to);
/* How many managed containers run. */
unsigned fleet_running(struct lxc *lxc);

#endif
