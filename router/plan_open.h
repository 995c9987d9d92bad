/* The part of the plan that shuts the host itself. Private to plan.c and plan_open.c. */
#ifndef ROUTER_PLAN_OPEN_H
#define ROUTER_PLAN_OPEN_H

#include "router/plan.h"

/* Adds rules and elements; nothing where the policy shuts nothing. 0 or -1. */
int plan_open(struct ruleset *r, const struct plan_input *in, struct err *e);

#endif
