/*
 * The parent is root and has one thread: for the moment of connect(2) it is another user, whose
 * rights are checked by the kernel and whose ids SO_PEERCRED shows. Not to become root again would
 * be the end of everything, and is.
 */
#include "daemon/dial.h"

#include "core/own.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DIAL_GROUPS_MAX 64
#define NGROUPS_MAX_HERE 1024 /* of the parent itself */

static int
dial_connect(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	size_t n = strlen(path);

	if (fd < 0)
		return -1;
	if (n >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sun.sun_path, path, n);
	if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0) {
		/* Its queue is full, and nobody tells when it is not. */
		if (errno == EAGAIN)
			errno = ECONNREFUSED;
		return -1;
	}
	return steal_fd(&fd);
}

/* Effective ids and groups. 0 or -1 with errno. */
static int
become(const struct passwd *user)
{
	gid_t groups[DIAL_GROUPS_MAX];
	int n = DIAL_GROUPS_MAX;

	if (getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0) {
		errno = E2BIG;
		return -1;
	}
	return setgroups((size_t)n, groups) == 0 && setegid(user->pw_gid) == 0 &&
			       seteuid(user->pw_uid) == 0
		       ? 0
		       : -1;
}

static void
become_ourselves(const gid_t *groups, int n)
{
	if (seteuid(getuid()) < 0 || setegid(getgid()) < 0 || setgroups((size_t)n, groups) < 0)
		abort();
}

int
dial_socket(const char *path, const char *user)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const struct passwd *who = user ? getpwnam(user) : NULL;
	gid_t groups[NGROUPS_MAX_HERE];
	int n, fd = -1, error;

	if (!user)
		return dial_connect(path);
	n = getgroups(NGROUPS_MAX_HERE, groups);
	if (!who || n < 0) {
		errno = EINVAL;
		return -1;
	}
	if (become(who) == 0)
		fd = dial_connect(path);
	error = errno;
	become_ourselves(groups, n);
	errno = error;
	return fd;
}
