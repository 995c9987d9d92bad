/*
 * SO_PEERCRED tells only the primary group; SO_PEERGROUPS tells the supplementary ones as they
 * were when the peer connected.
 */
#include "daemon/control/control_auth.h"

#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX 1024

bool
control_auth_allows(uid_t peer, const gid_t *groups, size_t n_groups, uid_t self, gid_t group)
{
	if (peer == 0 || peer == self)
		return true;
	if (group == CONTROL_NO_GROUP || group == 0)
		return false;
	for (size_t i = 0; i < n_groups; i++)
		if (groups[i] == group)
			return true;
	return false;
}

bool
control_auth_check(int fd, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	struct ucred cred;
	socklen_t size = sizeof(cred), groups_size = sizeof(groups) - sizeof(groups[0]);
	size_t n = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return false;
	/* A member of more groups than fit is known by the primary one only. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_size) == 0)
		n = groups_size / sizeof(groups[0]);
	groups[n++] = cred.gid;
	return control_auth_allows(cred.uid, groups, n, getuid(), group);
}
