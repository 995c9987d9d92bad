/*
 * Where SSH is served on this host: the ports by which an administrator comes in, whatever they
 * are. Found in /proc: sockets of root's processes named sshd or dropbear that listen, and
 * listening sockets of anybody (a socket unit's) on whose port such a process talks to somebody.
 */
#ifndef DAEMON_SSH_PORTS_H
#define DAEMON_SSH_PORTS_H

#include "core/addr.h"

#include <stddef.h>

#define SSH_PORTS_MAX 16

struct ssh_ports {
	uint16_t v[SSH_PORTS_MAX]; /* each once */
	size_t n;
};

/* Those of this network namespace; none where processes may not be seen. Loopback does not count.
 */
void ssh_ports_find(struct ssh_ports *ret);

#endif
