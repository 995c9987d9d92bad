/* The doctor's findings about ports: other programs on those that the configuration wants. */
#ifndef DAEMON_DOCTOR_PORTS_H
#define DAEMON_DOCTOR_PORTS_H

#include "conf/conf.h"
#include "router/router.h"

/* Adds what is found. 0, or -1 when memory is short. */
int doctor_ports(const struct conf *c, struct findings *ret, struct err *e);

#endif
