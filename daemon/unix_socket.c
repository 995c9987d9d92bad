/*
 * Unix sockets by path. The mode is set through the umask of bind(2), so that there is no moment
 * in which others could connect.
 */
#include "daemon/unix_socket.h"

#include "core/own.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 64

static int
fill_address(const char *path, struct sockaddr_un *sun)
{
	size_t n = strlen(path);

	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n == 0 || n >= sizeof(sun->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(sun->sun_path, path, n);
	return 0;
}

int
unix_socket_connect(const char *path, int type)
{
	struct sockaddr_un sun;
	_fd_ int fd = -1;

	if (fill_address(path, &sun) < 0)
		return -1;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -1;
	return steal_fd(&fd);
}

/* Makes way for a new socket: removes a dead one. */
static int
clear_path(const char *path, int type, struct err *e)
{
	_fd_ int fd = -1;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(e, errno, "cannot use %s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, "%s exists and is not a socket", path);
	fd = unix_socket_connect(path, type);
	if (fd >= 0)
		return err_set(e, "another sluiced answers on %s", path);
	if (unlink(path) < 0)
		return err_errno(e, errno, "cannot replace %s", path);
	return 0;
}

static int
bind_private(int fd, const struct sockaddr_un *sun)
{
	mode_t old = umask(0177);
	int rc = bind(fd, (const struct sockaddr *)sun, sizeof(*sun));

	umask(old);
	return rc;
}

int
unix_socket_listen(const char *path, int type, gid_t gid, struct err *e)
{
	struct sockaddr_un sun;
	_fd_ int fd = -1;

	if (fill_address(path, &sun) < 0)
		return err_errno(e, errno, "cannot use %s", path);
	if (clear_path(path, type, e) < 0)
		return -1;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind_private(fd, &sun) < 0)
		return err_errno(e, errno, "cannot create %s", path);
	if (gid != (gid_t)-1 && (chown(path, (uid_t)-1, gid) < 0 || chmod(path, 0660) < 0))
		return err_errno(e, errno, "cannot open %s to its group", path);
	if (listen(fd, BACKLOG) < 0)
		return err_errno(e, errno, "cannot listen on %s", path);
	return steal_fd(&fd);
}
