/*
 * What liblxc itself reports: each container's monitor process writes its states, and at the end
 * its init's wait status, into the FIFO /run/lxc/LXC-PATH/monitor-fifo, if somebody reads there.
 * That somebody is usually lxc-monitord(8), while an lxc-monitor(1) runs; at other times it is us.
 * The wait status is the only thing that tells an orderly halt from a kill: a pidfd says SIGKILL
 * for both.
 */
#ifndef LXC_MONITOR_H
#define LXC_MONITOR_H

#include "core/slice.h"

#include <stdbool.h>

#define MONITOR_PACKET_SIZE 264 /* type, name[256], value */

struct lxc;

enum monitor_kind { MONITOR_STATE, MONITOR_EXIT };

struct monitor_message {
	enum monitor_kind kind;
	struct slice name; /* in the packet */
	int value;         /* liblxc's number of a state, or a wait status */
};

/* Opens the FIFO of the committed lxc-path (making it) and listens; opens it again when somebody
 * has removed it. Failures are logged: endings are then unknown. */
void monitor_listen(struct lxc *lxc);
void monitor_stop(struct lxc *lxc);

/* Pure. 0, or -1: a packet that is none, or of a kind that does not matter. */
int monitor_parse(struct slice packet, struct monitor_message *ret);

#endif
