/* The doctor's findings about ports: other programs on those that the configuration wants. */
#ifndef DAEMON_DOCTOR_PORTS_H
#define DAEMON_DOCTOR_PORTS_H

#include "conf/conf.h"
#include "router/router.h"

/* Adds what is found. 0, or -1 when memory is short. */
int doctor_ports(const struct conf *c, struct findings *ret, struct err *e);

/* Whether a forward that `before` (may be NULL) does not have takes its port away from a program of
 * this host, and does not say that it may. 0, or -1 with e filled (c's ordinal). */
int doctor_ports_forwards(const struct conf *c, const struct conf *before, struct err *e);

#endif
