/*
 * The parent process: root, tiny. It reads files, binds sockets, starts the children, hands out
 * generations and relays messages; its only inputs are the configuration, signals and a dozen
 * kinds of message. This header is for the parent's own files; main.c needs parent_main alone.
 *
 *	parent.c       start, signals, end
 *	child.c        one child process: start, death, restart
 *	tell.c          what a child is sent: a generation's parts, and what belongs to the daemon
 *	transaction.c  start and reload: the five steps, and who is told how it went
 *	dispatch.c     messages from the children, and the relay
 *	policy.c       what the router knows of `open`, kept for the router to come
 *	upgrade.c      another program in our place, and handover.c: what it gets
 */
#ifndef DAEMON_PARENT_H
#define DAEMON_PARENT_H

#include "core/chan.h"
#include "core/proc.h"
#include "core/stats.h"
#include "daemon/dnsmasq.h"
#include "daemon/edition.h"
#include "daemon/ocsp_answers.h"
#include "daemon/reload.h"
#include "daemon/upgrade.h"

#include <event2/event.h>

#define PARENT_WAITERS_MAX 64          /* reloads that somebody waits for */
#define PARENT_ENV_MAX 16              /* variables of a child's environment */
#define PARENT_END_MS 5000             /* a child may take to end when its channel closes */
#define PARENT_LOST_MS 1000            /* the same, for one that closed its channel itself */
#define PARENT_LOG_CHECK_MS 5000       /* how often to look whether the log was moved away */
#define PARENT_DRAIN_MORE_MS 2000      /* beyond the time that connections get */
#define POLICY_SHUT_MAX 512            /* text of the addresses that a policy shuts out */
#define PARENT_OUTCOME_MAX (32 * 1024) /* bytes of errors in an OUTCOME */

/*
 *	DOWN      no process
 *	STARTING  exec'd, not yet in its sandbox
 *	UP        said HELLO
 *	ENDING    its channel is closed, or it was killed
 */
enum child_state { CHILD_DOWN, CHILD_STARTING, CHILD_UP, CHILD_ENDING };

struct child {
	struct parent *parent;
	enum role role;
	enum child_state state;
	struct proc_child proc;
	struct chan *chan;
	struct event *on_end;   /* its pidfd */
	struct event *timer;    /* DOWN: the next start; ENDING: the kill */
	struct event *deadline; /* of bring_up */
	struct backoff backoff;
	struct reload bring_up; /* a restart: this child alone, with the current generation */
	uint32_t restarts;
	uint64_t started_ms;   /* wall clock */
	bool synced;           /* lxc was asked to tell it all containers */
	bool draining;         /* it ends by itself when its connections have ended */
	bool has_certificates; /* of control: the proxy was asked to tell it all of them */
	char note[PROC_NAME_MAX];
};

struct waiters {
	uint64_t ids[PARENT_WAITERS_MAX];
	size_t n;
};

struct parent {
	const char *file;
	struct event_base *base;
	bool root;
	int status; /* exit status */
	int binary_fd, lock_fd, table_fd;
	int http_fd, exec_fd;
	gid_t control_gid;
	char *http_path, *exec_path; /* of the two sockets */
	char *run_folder;
	char *spool_folder; /* STATE/spool, the proxy's */
	char *roots_folder; /* NULL: not root, paths as they are */
	struct child children[ROLE_COUNT];

	struct edition *current; /* committed; NULL until the first */
	struct edition *next;    /* between PARSE and COMMIT or ABORT */
	uint64_t last_number;
	struct reload reload;
	struct event *reload_deadline;
	struct load load; /* the texts behind `next`, for errors with their line */
	bool wanted;      /* a reload is asked for */
	struct waiters waiting, waiting_next;

	struct policy_told {
		uint8_t state; /* enum trial_state */
		uint64_t until_ms;
		char shut_out[POLICY_SHUT_MAX];
	} policy;
	struct addr asked; /* who asked for a reload over the network; family 0: not known */
	struct ocsp_answers ocsp;
	int ticket_fd;
	unsigned n_tickets;
	struct event *ticket_timer, *log_timer;
	struct dnsmasq *dnsmasq;
	struct map *busy; /* names of containers with a job under way */
	struct upgrade upgrade;
	struct stats stats;
	uint64_t dropped_before; /* messages that channels of ended children dropped */
	struct event *signals[4];
	bool quitting, shutting_down;
	bool draining; /* quits when the proxy has drained, or when drain_timer fires */
	struct event *drain_timer;
	struct event *quit_timer;
};

/* `sluiced -f FILE`: runs until it is told to end. Returns the exit status. inherit: what the
 * program before us handed over (upgrade.h), -1: nothing; rehearse: only try it. */
int parent_main(const char *file, int inherit, bool rehearse);

static inline struct timeval
parent_timeval(uint64_t ms)
{
	return (struct timeval){
		.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

/* parent.c */
void parent_quit(struct parent *p, int status);
void parent_shutdown(struct parent *p);
/* Quits when no client connection is left, or after ms. */
void parent_drain(struct parent *p, uint64_t ms);
/* Ends the loop when every child has ended. */
void parent_check_end(struct parent *p);
/* 0, or -1 with e filled; then the old ones stay. */
int parent_reopen_logs(struct parent *p, struct err *e);

/* The folders and sockets that c names, and what belongs to a daemon that goes on. 0 or -1. */
int parent_settle_paths(struct parent *p, const struct conf *c, struct err *e);
int parent_settle_handed(struct parent *p, const json_t *dnsmasq, bool rehearse, struct err *e);
/* What the committed configuration means for the parent itself. */
void parent_apply(struct parent *p);

/* child.c */
/* Goes on with a process that runs already. 0 or -1; then it is DOWN. */
int child_adopt(struct child *c, const json_t *handed);
int child_init(struct child *c, struct parent *p, enum role role);
void child_clear(struct child *c);
/* Starts the process of a child that is DOWN. 0 or -1, logged. */
int child_spawn(struct child *c);
/* Ends it in the regular way: its channel is closed; killed when that does not help. */
void child_end(struct child *c);
/* SIGKILL; what follows comes from on_end. */
void child_kill(struct child *c, const char *why);
/* Its channel is gone: killed unless its process ends soon. */
void child_lost(struct child *c, const char *why);
/* Plans the start of every child that the current generation needs and that is DOWN, after its
 * back-off; while a transaction runs, does nothing. */
void child_restart_missing(struct parent *p);
/* Whether something is under way that a transaction must not disturb. */
bool child_is_busy(const struct child *c);

/* tell.c */
void tell_offer(struct child *c, const struct edition *g);
void tell_commit(struct child *c, const struct edition *g);
void tell_abort(struct child *c, uint64_t generation);
/* How many messages an offer takes must stay below what a channel queues. 0 or -1. */
int tell_check_size(const struct edition *g, struct err *e);
/* What a child gets once it said HELLO, before any offer. */
void tell_belongings(struct child *c);
void tell_tickets(struct child *c);
void tell_ocsp_answers(struct child *c);
/* Tells the proxy to drain. 0, or -1: it can't be told. */
int tell_drain(struct child *c, uint64_t ms);
void tell_access_log(struct child *c, const struct edition *g);
/* Tells control about one process. */
void tell_process(struct parent *p, const char *name, pid_t pid, const struct child *c);
/* Tells control that something happened: key and value, or NULL. */
void tell_event(struct parent *p, const char *what, const char *key, const char *value);

/* transaction.c */
void transaction_init(struct parent *p);
/* Asks for a start or reload: at once, or as soon as nothing else is under way. id: of a RELOAD
 * whose sender waits for the OUTCOME; 0: nobody waits. */
void transaction_request(struct parent *p, uint64_t id);
/* Begins the one that was asked for, when nothing is under way. */
void transaction_try(struct parent *p);
bool transaction_is_active(const struct parent *p);
/* Starts children for p->next and makes it the current edition, without reading the file. */
void transaction_take_over(struct parent *p);
/* Which children a configuration needs, as ROLE_BITs. */
uint32_t transaction_needs(const struct conf *c);
/* Answers an order of control's that waits for an OUTCOME. text: errors, one a line. */
void transaction_answer(struct parent *p, uint64_t id, bool ok, struct slice text);
/* Reads and checks the file for a CHECK, changes nothing, answers. */
void transaction_check(struct parent *p, uint64_t id);

/* policy.c */
/* What a router that begins has to know, and a control process. */
void policy_tell_router(struct child *c);
void policy_tell_control(struct child *c);
/* Messages of the router's. */
void policy_on_keep(struct child *c, struct msg_in *m);
void policy_on_state(struct child *c, struct msg_in *m);
/* Nothing is shut by the configuration that runs without a router. */
void policy_forget(struct parent *p);

/* dispatch.c */
extern const struct chan_ops dispatch_ops; /* ctx: struct child */
/* Asks lxc to tell all containers again, for each child that does not know them yet. */
void dispatch_sync(struct parent *p);

#endif
