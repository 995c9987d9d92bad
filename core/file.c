/*
 * Whole small files. Reading is bounded by the buffer's maximum; writing goes through a file
 * beside the target and a rename, so that a crash never leaves half of one.
 */
#include "core/file.h"
#include "core/own.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP 4096

int
file_read(const char *path, struct buf *b, struct err *e)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_errno(e, errno, "%s", path);
	return file_read_fd(fd, path, b, e);
}

int
file_read_fd(int fd, const char *name, struct buf *b, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(e, errno, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(e, "%s: not a regular file", name);
	for (;;) {
		size_t step = buf_room(b) < READ_STEP ? buf_room(b) : READ_STEP;
		char beyond = 0;
		char *to = step ? buf_reserve(b, step) : &beyond;
		ssize_t n;

		if (!to)
			return err_set(e, "%s: out of memory", name);
		/* At the maximum, one byte more tells the end of file from a file too long. */
		n = read(fd, to, step ? step : 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, errno, "%s", name);
		if (n == 0)
			return 0;
		if (step == 0)
			return err_set(e, "%s: larger than %zu bytes", name, b->max);
		buf_commit(b, (size_t)n);
	}
}

static int
write_and_sync(int fd, struct slice bytes, mode_t mode)
{
	if (fchmod(fd, mode) < 0)
		return -1;
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes = slice_skip(bytes, (size_t)n);
	}
	return fsync(fd);
}

/* Makes a rename in path's folder durable. */
static int
sync_folder_of(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	_fd_ int fd = -1;

	if (n >= sizeof(folder)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(folder, path, n);
	folder[n] = '\0';
	if (!slash)
		folder[0] = '.', folder[1] = '\0';
	else if (n == 0)
		folder[0] = '/', folder[1] = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -1 : fsync(fd);
}

int
file_write_atomic(const char *path, struct slice bytes, mode_t mode, struct err *e)
{
	char aside[PATH_MAX];
	_fd_ int fd = -1;

	if (snprintf(aside, sizeof(aside), "%s.tmp", path) >= (int)sizeof(aside))
		return err_errno(e, ENAMETOOLONG, "%s", path);
	/* What a crash left behind; and never through somebody's symbolic link. */
	(void)unlink(aside);
	fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(e, errno, "%s", aside);
	if (write_and_sync(fd, bytes, mode) < 0 || rename(aside, path) < 0) {
		(void)err_errno(e, errno, "%s", path);
		(void)unlink(aside);
		return -1;
	}
	if (sync_folder_of(path) < 0)
		return err_errno(e, errno, "%s: its folder", path);
	return 0;
}

int
file_mkdirs(const char *path, mode_t mode, struct err *e)
{
	char part[PATH_MAX];
	size_t n = strlen(path);
	struct stat st;

	if (n == 0 || n >= sizeof(part))
		return err_errno(e, n ? ENAMETOOLONG : ENOENT, "%s", path);
	memcpy(part, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		if (mkdir(part, mode) < 0 && errno != EEXIST)
			return err_errno(e, errno, "%s", part);
		part[i] = path[i];
	}
	if (stat(path, &st) < 0)
		return err_errno(e, errno, "%s", path);
	return S_ISDIR(st.st_mode) ? 0 : err_errno(e, ENOTDIR, "%s", path);
}

int
file_poke(const char *path, const char *text, struct err *e)
{
	_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t n = strlen(text);
	ssize_t written;

	if (fd < 0)
		return err_errno(e, errno, "%s", path);
	do {
		written = write(fd, text, n);
	} while (written < 0 && errno == EINTR);
	if (written < 0)
		return err_errno(e, errno, "%s: writing \"%s\"", path, text);
	if ((size_t)written != n)
		return err_set(e, "%s: took only %zd bytes of \"%s\"", path, written, text);
	return 0;
}

int
fd_prepare(int fd, struct err *e)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_errno(e, errno, "descriptor %d", fd);
	return 0;
}
