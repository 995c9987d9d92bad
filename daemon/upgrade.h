/*
 * The binary upgraded in place. The parent first lets the new program rehearse: as a child, it
 * takes over copies of everything, starts children of its own and offers them the configuration
 * that runs, up to READY. Only when that went well does the parent become the new program by exec:
 * same pid, same sockets, the old children still its children. The new one starts its children,
 * ends the old ones role by role as each commits, and lets the old proxy drain. When it cannot get
 * that far, it becomes the old program again, which finds its children as it left them.
 */
#ifndef DAEMON_UPGRADE_H
#define DAEMON_UPGRADE_H

#include "core/list.h"
#include "core/role.h"
#include "core/slice.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define UPGRADE_REHEARSAL_MS 30000 /* from the order to the rehearsal's word */
#define UPGRADE_END_MS 3000        /* an old child may take to end */
#define UPGRADE_FLUSH_MS 1000      /* for messages that wait to be sent before exec */
#define UPGRADE_REPORT_MAX 4096
#define UPGRADE_DRAIN_MORE_MS 5000 /* beyond the time that connections get */

/*
 *	NONE       no upgrade
 *	WAITING    a rehearsal of the new program runs
 *	REHEARSING we are that rehearsal
 *	TAKEOVER   we are the new program, and the old children still serve
 */
enum upgrade_phase { UPGRADE_NONE, UPGRADE_WAITING, UPGRADE_REHEARSING, UPGRADE_TAKEOVER };

struct parent;
struct conf_errors;
struct edition;

struct upgrade {
	enum upgrade_phase phase;
	uint64_t id, drain_ms;
	int binary_fd;        /* WAITING: the new program */
	pid_t pid;            /* WAITING: the rehearsal */
	int pidfd, report_fd; /* the report's reading end, in the rehearsal its writing one */
	struct event *on_end, *deadline; /* of the rehearsal */
	json_t *handed;         /* TAKEOVER: what the old program gave us, for the way back */
	struct edition *before; /* what came with it and may be shared */
	struct list old;        /* of struct old_child */
	bool committing;        /* an old child's end is waited for */
	enum role role;         /* … of this one */
};

void upgrade_init(struct parent *p);
void upgrade_clear(struct parent *p);
/* The order of control; answered with an OUTCOME. path: the new program, empty: the file that we
 * were started from, as it is now. drain_ms: what old connections get. */
void upgrade_request(struct parent *p, uint64_t id, struct slice path, uint64_t drain_ms);
/* Whether one is under way that no reload may disturb. */
bool upgrade_is_active(const struct parent *p);
/* We are the new program, its rehearsal, or the old one again: goes on with what stands in the
 * descriptor. 0 or -1, logged. */
int upgrade_resume(struct parent *p, int fd, bool rehearse);

/* For transaction.c: whether this COMMIT is ours to send, later. */
bool upgrade_commit(struct parent *p, enum role role);
void upgrade_on_committed(struct parent *p);
/* Whether the failure was ours to deal with. */
bool upgrade_on_failed(struct parent *p, const struct conf_errors *errs);
/* For tell.c: the old proxies that still drain. */
void upgrade_tell(struct parent *p);

#endif
