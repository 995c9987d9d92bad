/*
 * The containers' ports of the bridge, table `bridge sluice`: who may send what. Pure, a part of
 * the plan.
 */
#ifndef ROUTER_PLAN_GUARD_H
#define ROUTER_PLAN_GUARD_H

#include "router/plan.h"

/* The parts of it that keep containers apart: plan_links.c. */
int plan_links(struct ruleset *r, const struct plan_input *in, struct err *e);
/* Containers that are denied to go anywhere, in table inet: plan_egress.c. */
int plan_egress(struct ruleset *r, const struct plan_input *in, struct err *e);
/* What lxc told of it, or NULL: its MAC is not known. */
const struct plan_address *plan_known(const struct plan_input *in, uint32_t container);
/* The directive by which containers are kept apart, isolate or an egress deny; 0: they are not. */
uint32_t plan_separates(const struct conf *c);
bool plan_mac_known(const uint8_t mac[static PLAN_MAC_SIZE]);
/* Whether the file wants table bridge. */
bool plan_guard_wanted(const struct conf *c);
/* The directive that cannot be had without it, 0: none, the default is left out where the kernel
 * lacks it. */
uint32_t plan_guard_insists(const struct conf *c);
/* Adds the rules and elements. 0 or -1 with e filled. */
int plan_guard(struct ruleset *r, const struct plan_input *in, struct err *e);
/* Once r is sorted: two containers may claim the same. */
void plan_guard_unite(struct ruleset *r);

#endif
