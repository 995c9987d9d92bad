/*
 * Helper processes, from the lxc process's side: one exec'd process a job, in a process group of
 * its own, with a deadline. Whatever happens to it, on_done is called exactly once, from the loop;
 * a helper that exceeds its deadline is killed with its whole group.
 */
#ifndef LXC_SPAWN_H
#define LXC_SPAWN_H

#include "core/err.h"
#include "core/list.h"
#include "core/slice.h"
#include "lxc/job.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct spawn;

struct spawner {
	struct event_base *base;
	int binary_fd; /* of ourselves, not owned */
	char *const *env;
	struct list running;  /* of struct spawn */
	uint64_t run, failed; /* counted for the statistics */
};

struct spawn_spec {
	enum job_verb verb;
	const char *lxc_path, *name;
	struct slice args; /* job_put lines; empty for EXEC */
	int fd;            /* EXEC: the client's connection, not owned; else -1 */
	void (*on_note)(void *ctx, struct slice line);
	/* text: the result, or why not. The spawn is gone when it returns. */
	void (*on_done)(void *ctx, bool ok, struct slice text);
	void *ctx;
};

/* env is kept by pointer. */
void spawner_init(struct spawner *s, struct event_base *base, int binary_fd, char *const *env);
/* Kills all helpers that still run (their on_done is not called) and frees them. */
void spawner_clear(struct spawner *s);
/* Starts a helper; NULL with e filled (on_done is then not called). */
struct spawn *spawn_start(struct spawner *s, const struct spawn_spec *spec, struct err *e);
/* Kills the helper and its group; on_done is not called. *h may be NULL and becomes NULL. */
void spawn_cancel(struct spawn **h);

#endif
