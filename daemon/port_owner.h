/* Who listens on an address: for the message that says why we cannot. */
#ifndef DAEMON_PORT_OWNER_H
#define DAEMON_PORT_OWNER_H

#include "core/addr.h"

#define PORT_OWNER_MAX 64

/* Writes "nginx (pid 123)" into out, or "" when nobody is found (or may be seen). */
void port_owner(const struct addr *addr, uint16_t port, char out[static PORT_OWNER_MAX]);

#endif
