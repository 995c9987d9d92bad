/*
 * liblxc, and nothing else: the only file that knows <lxc/lxccontainer.h>, and only in helpers. The
 * library is opened at run time by the helper that needs it, so that no other process of the
 * daemon pays for its pages. Every call may block or fork; who calls has a deadline from outside.
 */
#ifndef LXC_ENGINE_H
#define LXC_ENGINE_H

#include "core/err.h"
#include "lxc/job.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What liblxc puts in front of each line that it writes to standard error. */
#define ENGINE_LOG_PREFIX "sluice"

struct engine;

/* Opens liblxc, its log (errors only, kept in memory), and the container. NULL with e filled. A
 * container with an unfinished creation must not be opened by name unless it may be destroyed. */
struct engine *engine_open(const char *lxc_path, const char *name, struct err *e);
/* All below: 0 or -1 with e filled from liblxc's own log. */

/* Waits a little while it is between two states. */
int engine_view(struct engine *n, struct job_view *ret, struct err *e);
/* Also succeeds when it already runs; waits for one that is just stopping. port: the name of the
 * host's end of its first interface, "" for one of liblxc's choice. */
int engine_start(struct engine *n, const char *port, struct err *e);
int engine_shutdown(struct engine *n, struct err *e);
int engine_kill(struct engine *n, struct err *e);
int engine_freeze(struct engine *n, struct err *e);
int engine_thaw(struct engine *n, struct err *e);
/* argv: the template's arguments, NULL-terminated. Begins from an empty configuration. */
int engine_create(struct engine *n, const char *template, char *const argv[], struct err *e);

struct engine_attach {
	char **argv;
	char **env; /* NAME=value, NULL-terminated */
	int fds[3];
	bool tty; /* fds are one terminal: make it the session's */
};

/* Runs a command in the container: *ret_pid is our child. */
int engine_attach(struct engine *n, const struct engine_attach *a, pid_t *ret_pid, struct err *e);
/* The container's devpts instance; the caller owns it. */
int engine_devpts(struct engine *n, int *ret_fd, struct err *e);
/* A free terminal of the container: *ret_ptx is its master's end; *ret_hold keeps it allocated. */
int engine_console(struct engine *n, int *ret_ptx, int *ret_hold, struct err *e);

#endif
