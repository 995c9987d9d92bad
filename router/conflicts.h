/*
 * Whether somebody else on the bridge has an address of a container: two machines that answer for
 * one address take each other's connections away, and neither says why.
 */
#ifndef ROUTER_CONFLICTS_H
#define ROUTER_CONFLICTS_H

#include "core/slice.h"
#include "router/plan.h"

struct router;
struct event;

struct conflicts {
	struct map *owners; /* bytes of struct addr -> struct owner, malloc'd */
	struct event *timer;
};

/* 0, or -1: memory is short. */
int conflicts_init(struct router *r);
void conflicts_clear(struct router *r);
/* A container that starts or runs has these addresses, and this MAC address. The bridge is asked
 * who answers for them, and looked at once a minute from then on. */
void conflicts_watch(
	struct router *r, struct slice name, const struct plan_address *address, struct slice mac);
/* It does not run any more. */
void conflicts_leave(struct router *r, struct slice name);

#endif
