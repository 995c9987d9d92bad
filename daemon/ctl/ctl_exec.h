/* `sluice container exec` and `console`: our terminal, a command in a container. */
#ifndef DAEMON_CTL_EXEC_H
#define DAEMON_CTL_EXEC_H

#include "core/err.h"
#include "core/exec_wire.h"

/* Connects to SOCKET.exec, hands over descriptors 0, 1 and 2, and waits for the end. Returns the
 * exit status for the shell: the command's, or one of enum ctl_exit with e->msg filled. */
int ctl_exec(const char *socket, enum exec_kind kind, char *const *argv, const char *container,
	struct err *e);

#endif
