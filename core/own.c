/*
 * Closing descriptors without disturbing errno, so that a cleanup at the end of a scope never
 * hides why the scope failed.
 */
#include "core/own.h"

#include <errno.h>
#include <unistd.h>

int
close_fd(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		/* Not retried on EINTR: Linux has released the descriptor by then. */
		(void)close(fd);
		errno = saved;
	}
	return -1;
}

void
own_close_fd(int *fd)
{
	*fd = close_fd(*fd);
}
