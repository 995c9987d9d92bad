/* The daemon's listening unix sockets: bound by the parent, used by control. */
#ifndef DAEMON_UNIX_SOCKET_H
#define DAEMON_UNIX_SOCKET_H

#include "core/err.h"

#include <sys/types.h>

/* Binds and listens. A socket file that nobody serves is replaced; one that is served is an
 * error. type: SOCK_STREAM or SOCK_SEQPACKET. gid: the group that may use it (mode 0660);
 * (gid_t)-1: only our own user (mode 0600). The descriptor or -1 with e filled. */
int unix_socket_listen(const char *path, int type, gid_t gid, struct err *e);
/* Connects; close-on-exec, blocking. The descriptor, or -1 with errno set. */
int unix_socket_connect(const char *path, int type);

#endif
