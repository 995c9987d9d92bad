/* Who may speak to the control sockets, beyond the socket's own mode. */
#ifndef DAEMON_CONTROL_AUTH_H
#define DAEMON_CONTROL_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CONTROL_NO_GROUP ((gid_t)-1) /* root only */

/* Pure: root, the user that we are ourselves, or a member of the group. */
bool control_auth_allows(uid_t peer, const gid_t *groups, size_t n_groups, uid_t self, gid_t group);
/* The same of the peer of a connected unix socket. */
bool control_auth_check(int fd, gid_t group);

#endif
