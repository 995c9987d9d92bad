/*
 * Processes: fork + exec of ourselves with a channel, and the rule for restarting. A child is
 * exec'd from a descriptor of the parent's own binary, with an empty environment but for what is
 * listed, descriptors 0 = /dev/null, 1 and 2 = our standard error, 3 = its channel (4 = the
 * binary, for the lxc role, which execs helpers itself); everything else is closed. A child dies
 * with its parent (PR_SET_PDEATHSIG for helpers; end of file on the channel for the others).
 */
#ifndef CORE_PROC_H
#define CORE_PROC_H

#include "core/err.h"
#include "core/role.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROC_FD_CHANNEL 3
#define PROC_FD_BINARY 4
#define PROC_NAME_MAX 64

/* Opens /proc/self/exe, close-on-exec, for proc_spawn. The descriptor or -1. */
int proc_open_self(struct err *e);

/* How far a child is from the terminal of its parent. */
enum proc_apart {
	PROC_TOGETHER,
	/* A process group of its own: a deadline kills all of it, and Ctrl-C is not for it. */
	PROC_OWN_GROUP,
	/* Also a session without a terminal: no job control stops it. Not for what has to answer in
	 * time: the kernel schedules by session where no cgroup does (sched_autogroup), and a
	 * session that wakes seldom can wait for many seconds behind busy ones. */
	PROC_OWN_SESSION,
};

struct proc_spec {
	enum role role;
	const char *job; /* for a helper: the word after "sluiced: helper "; else NULL */
	int binary_fd;   /* of proc_open_self */
	bool give_binary;
	char *const *env; /* NULL-terminated NAME=value, for the child's environment; may be NULL */
	enum proc_apart apart;
};

struct proc_child {
	pid_t pid;
	int pidfd;   /* readable when it ended */
	int channel; /* our end, SOCK_SEQPACKET, non-blocking */
};

/* 0 and *ret (whose descriptors the caller owns), or -1 with e filled. */
int proc_spawn(const struct proc_spec *spec, struct proc_child *ret, struct err *e);
/* Spawns another program by path with these arguments (NULL-terminated), descriptors 0 =
 * /dev/null, 1 and 2 = our standard error, SIGHUP ignored. For dnsmasq only. */
int proc_spawn_program(const char *path, char *const argv[], enum proc_apart apart, pid_t *ret_pid,
	int *ret_pidfd, struct err *e);
/* When argv0 is "sluiced: NAME [JOB]", the role and the job ("" for none); else -1. */
int proc_parse_argv0(const char *argv0, enum role *ret_role, const char **ret_job);
/* Waits for pid without blocking. 1 when it ended (*ret_status as of waitpid), 0 if not yet. */
int proc_reap(pid_t pid, int *ret_status);
/* "exited with 1", "killed by signal 9 (Killed)". */
const char *proc_status_text(int status, char out[static PROC_NAME_MAX]);

/* Restart back-off: at once the first time, then 100 ms doubling to 10 s; a child that lived
 * longer than a minute starts over. Pure. */
struct backoff {
	uint32_t failures;
	uint64_t started_ms;
};
void backoff_started(struct backoff *b, uint64_t now_ms);
/* Milliseconds to wait before the next start, for a child that ended at now_ms. */
uint64_t backoff_next(struct backoff *b, uint64_t now_ms);

#endif
