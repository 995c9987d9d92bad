/*
 * One daemon a state folder (flock on STATE/lock) and one a network namespace when a router is
 * needed, because table inet sluice is one a namespace whatever the state folder.
 */
#include "daemon/state.h"

#include "core/file.h"
#include "core/own.h"
#include "core/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define STATE_PASSWD_MAX 4096       /* one line of passwd(5) */
#define TABLE_CLAIM "sluice-router" /* the abstract socket's name, behind its NUL */

char *
state_path(const char *dir, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

char *
state_run_folder(const struct conf *c)
{
	const char *slash = strrchr(c->control_path, '/');

	if (!slash || slash == c->control_path)
		return strdup(slash ? "/" : ".");
	return strndup(c->control_path, (size_t)(slash - c->control_path));
}

static int
make_folder(const char *path, mode_t mode, uint32_t ordinal, struct err *e)
{
	if (!path)
		return err_set(e, "out of memory");
	if (file_mkdirs(path, mode, e) == 0)
		return 0;
	if (e)
		e->ordinal = ordinal;
	return -1;
}

int
state_make_folders(const struct conf *c, struct err *e)
{
	_free_ char *run = state_run_folder(c);

	if (make_folder(c->state_path, 0700, c->state_ordinal, e) < 0 ||
		make_folder(run, 0755, c->control_ordinal, e) < 0)
		return -1;
	/* Roots of unprivileged containers must be reachable for their own users. */
	return conf_needs_lxc(c) ? make_folder(c->lxc_path, 0711, c->lxc_path_ordinal, e) : 0;
}

/* Whether there is nothing in the folder but what a file system puts there itself. */
static bool
is_empty(int folder)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *d;
	bool empty = dir != NULL;

	while (empty && (d = readdir(dir)) != NULL) /* NOLINT(concurrency-mt-unsafe): one thread */
		empty = strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
			strcmp(d->d_name, "lost+found") == 0;
	if (dir)
		closedir(dir);
	else
		close_fd(copy);
	return empty;
}

/* careful: not when it is another's and in use. */
static int
give_to_proxy(const char *path, bool careful, struct err *e)
{
	_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const char *user = sandbox_user(ROLE_PROXY);
	struct passwd entry, *found = NULL;
	char text[STATE_PASSWD_MAX];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "cannot open %s", path);
	if (getpwnam_r(user, &entry, text, sizeof(text), &found) != 0 || !found)
		return err_set(e, "user \"%s\" does not exist; `./setup deps` creates it", user);
	if (careful && st.st_uid != entry.pw_uid && !is_empty(fd))
		return err_set(
			e, "%s is in use by others; name a folder that is the cache's alone", path);
	/* On a disk that has become read-only as well. */
	if (st.st_uid == entry.pw_uid && (st.st_mode & 07777) == 0700)
		return 0;
	if (fchown(fd, entry.pw_uid, entry.pw_gid) < 0 || fchmod(fd, 0700) < 0)
		return err_errno(e, errno, "cannot give %s to %s", path, user);
	return 0;
}

int
state_make_store(const char *path, bool root, struct err *e)
{
	if (file_mkdirs(path, 0700, e) < 0)
		return -1;
	return root ? give_to_proxy(path, true, e) : 0;
}

char *
state_make_spool(const char *state, bool root, struct err *e)
{
	_free_ char *path = state_path(state, "spool");

	if (!path) {
		(void)err_set(e, "out of memory");
		return NULL;
	}
	if (file_mkdirs(path, 0700, e) < 0 || (root && give_to_proxy(path, false, e) < 0))
		return NULL;
	return steal_ptr(&path);
}

static int
fail_locked(int fd, const char *state, struct err *e)
{
	char owner[32] = "";
	ssize_t n = pread(fd, owner, sizeof(owner) - 1, 0);

	owner[n > 0 ? n : 0] = '\0';
	owner[strcspn(owner, "\n")] = '\0';
	return err_set(e, "another sluiced (pid %s) runs with this state: it holds %s/lock",
		owner[0] ? owner : "unknown", state);
}

int
state_lock(const char *state, struct err *e)
{
	_free_ char *path = state_path(state, "lock");
	_fd_ int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	char pid[32];
	int n;

	if (fd < 0)
		return err_errno(e, errno, "cannot open %s/lock", state);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return fail_locked(fd, state, e);
		return err_errno(e, errno, "cannot lock %s", path);
	}
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		return err_errno(e, errno, "cannot write %s", path);
	return steal_fd(&fd);
}

/* The process that listens on the abstract socket; 0 when it can't be known. */
static pid_t
claim_owner(const struct sockaddr_un *sun, socklen_t len)
{
	_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct ucred cred = {0};
	socklen_t size = sizeof(cred);

	if (fd < 0 || connect(fd, (const struct sockaddr *)sun, len) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return 0;
	return cred.pid;
}

int
state_claim_table(struct err *e)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof(TABLE_CLAIM));
	_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(sun.sun_path + 1, TABLE_CLAIM, sizeof(TABLE_CLAIM) - 1);
	if (fd < 0)
		return err_errno(e, errno, "cannot make a socket");
	if (bind(fd, (const struct sockaddr *)&sun, len) < 0) {
		if (errno == EADDRINUSE)
			return err_set(e, "another sluiced (pid %d) already owns table inet sluice",
				(int)claim_owner(&sun, len));
		return err_errno(e, errno, "cannot claim table inet sluice");
	}
	/* Listening makes the owner's pid visible to the next one that asks. */
	if (listen(fd, 1) < 0)
		return err_errno(e, errno, "cannot claim table inet sluice");
	return steal_fd(&fd);
}
