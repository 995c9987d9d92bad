/* Who listens on an address: for the message that says why we cannot, and for the doctor. */
#ifndef DAEMON_PORT_OWNER_H
#define DAEMON_PORT_OWNER_H

#include "core/addr.h"

#include <stdbool.h>
#include <stddef.h>

#define PORT_OWNER_MAX 64
#define PORT_CGROUP_MAX 512
#define PORT_SOCKETS_MAX 16384

/* A socket that takes what comes to a port. */
struct port_socket {
	struct addr addr; /* of the wildcard the zero address */
	uint16_t port;
	uint64_t inode;
};

struct port_owner {
	int pid;
	char name[32];             /* "nginx" */
	char command[32];          /* the beginning of its command line */
	char unit[PORT_OWNER_MAX]; /* "nginx.service", "" when it is no service */
};

/* Writes "nginx (pid 123)" into out, or "" when nobody is found (or may be seen). */
void port_owner(const struct addr *addr, uint16_t port, char out[static PORT_OWNER_MAX]);
/* Those of this network namespace, listening TCP sockets or UDP's without a peer; how many. */
size_t port_owner_list(bool udp, struct port_socket *ret, size_t max);
/* TCP sockets with a peer, likewise. */
size_t port_owner_list_talking(struct port_socket *ret, size_t max);
/* The process that holds it; false when there is none, or it may not be seen. */
bool port_owner_of(uint64_t inode, struct port_owner *ret);
/* Whether a socket at `theirs` takes what comes to `ours`. */
bool port_owner_collides(const struct addr *theirs, const struct addr *ours);

#endif
