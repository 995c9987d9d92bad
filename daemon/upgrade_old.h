/* The children of the program before us, while they end or drain (upgrade.c's own). */
#ifndef DAEMON_UPGRADE_OLD_H
#define DAEMON_UPGRADE_OLD_H

#include "daemon/parent.h"

#define UPGRADE_PACKET_MAX 64 /* bytes of the message that lets an old proxy drain */

struct old_child {
	struct list node; /* in upgrade.old */
	struct parent *parent;
	enum role role;
	pid_t pid;
	int pidfd, channel;
	struct event *on_end, *readable, *timer;
	bool draining;
	uint64_t until_ms; /* wall clock: killed then */
};

/* Watches the child that stands in what was handed over. NULL: it is lost. */
struct old_child *old_new(struct parent *p, enum role role, const json_t *handed);
void old_free(struct old_child *o);
/* The one of this role that neither drains nor has ended, or NULL. */
struct old_child *old_find(struct parent *p, enum role role);
/* Ends it in the regular way, and by force when that takes too long. */
void old_end(struct old_child *o);
/* Sends it a packet in its own words, hexadecimal. 0 or -1. */
int old_tell(struct old_child *o, const char *text);
/* Reads what it says from here on; it ends by itself, or at the end of its time (wall clock). */
void old_let_drain(struct old_child *o, uint64_t until_ms);
/* Those that drain, for the next hand-over. */
json_t *old_drains(const struct parent *p);

#endif
