/*
 * A guest: one container that this process knows, whether the configuration names it (managed) or
 * it only stands in lxc-path (unmanaged: listed, never touched). Holds its state, its init's
 * pidfd, what is sent about it, and its queue of tasks. guest_event is the only function that
 * changes a state.
 */
#ifndef LXC_GUEST_H
#define LXC_GUEST_H

#include "conf/conf.h"
#include "core/list.h"
#include "core/role.h"
#include "lxc/container.h"
#include "lxc/job.h"

#include <event2/event.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define GUEST_NOTE_MAX 512
#define GUEST_JOB_MAX 160

struct lxc;
struct task;

/* What may be wrong with a guest; each kind has one note at most. */
enum guest_note {
	NOTE_ERROR,   /* the last job failed */
	NOTE_LIMITS,  /* limits not in force */
	NOTE_RESTART, /* changes that wait for a restart */
	NOTE_CONFIG,  /* its file and ours contradict each other */
	NOTE_HELD,    /* why it is not started */
	NOTE_COUNT,
};

struct guest {
	struct list node; /* of lxc.guests */
	struct lxc *lxc;
	char name[NAME_MAX + 1];
	const struct conf_container *conf; /* in lxc.conf; NULL: unmanaged */
	uint32_t place;                    /* in the file */

	enum container_state state;
	uint64_t changed_ms;
	bool known; /* its state was seen at least once */

	pid_t pid; /* of its init, 0: none */
	int pidfd;
	struct event *exited;

	struct job_view view; /* what a helper last said */
	char mac[JOB_MAC_MAX];
	char port[JOB_IFNAME_MAX]; /* the host's end, seen last or that of the start under way */
	bool port_written;         /* its configuration names it */
	uint32_t restarts;         /* started again after an unexpected end */
	uint32_t failures;         /* in a row: the back-off */
	uint64_t started_ms;       /* monotonic, of the last start */
	struct event *restart;     /* timer of the back-off */
	struct event *deciding;    /* timer: how its init ended is waited for */
	struct event *look;        /* timer: ask again, it was between two states */
	bool has_status;           /* liblxc has said how its init ended */
	int status;                /* as of wait */
	bool held;                 /* stopped on purpose: not started again by us */
	bool just_started;         /* by its last START, not merely found running */

	unsigned dropped_limits; /* bits of enum limit_kind: ours before, no longer asked for */

	char job[GUEST_JOB_MAX];
	char notes[NOTE_COUNT][GUEST_NOTE_MAX];
	struct list tasks; /* of struct task; the first one runs */
	bool announce_due;
	bool beginning; /* begin_first of task.c is at work */
	int watch_wd;   /* of its freezer file; -1: none (watch.c) */
};

/* NULL when memory is short. */
struct guest *guest_new(struct lxc *lxc, const char *name);
/* Cancels its tasks, sends CONTAINER_GONE when gone is set. Leaves NULL behind. */
void guest_free(struct guest **g, bool gone);
/* NULL when there is none. */
struct guest *guest_find(struct lxc *lxc, struct slice name);
static inline bool
guest_is_managed(const struct guest *g)
{
	return g->conf != NULL;
}
/* Whether its init is there: running, frozen, or stopping. */
bool guest_is_up(const struct guest *g);

/* The one way to change a state: logs old -> new, acts as container_next says, announces. */
void guest_event(struct guest *g, enum container_event event);
/* Feeds what a helper saw, the init's pid included. */
void guest_seen(struct guest *g, const struct job_view *view);
/* An empty text takes the note away. */
void guest_note(struct guest *g, enum guest_note which, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* What its current job is, for people; "" for none. */
void guest_job(struct guest *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sends CONTAINER to everyone who listens, once, at the end of this turn of the loop. */
void guest_announce(struct guest *g);
/* Sends what guest_announce has put off, now: before an answer that it belongs to. */
void guest_flush(struct guest *g);
/* Sends CONTAINER to one role, now. */
void guest_send(const struct guest *g, enum role to);
/* Its fixed address as text, "" for none. */
void guest_address(const struct guest *g, bool v6, char ret[static ADDR_TEXT_MAX]);

#endif
