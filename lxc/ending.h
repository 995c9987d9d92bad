/*
 * How a container's init ended, and what follows: a death is answered by starting the container
 * again, with a back-off; an orderly halt is respected. Also the short timer that looks at a
 * container again that was seen between two states.
 *
 * liblxc's monitor tells the wait status (monitor.h): a halt inside a pid namespace ends its init
 * with SIGINT, a reboot with SIGHUP (reboot(2)). An end of which nothing is heard counts as a
 * death; see docs/notes/container-endings.md.
 */
#ifndef LXC_ENDING_H
#define LXC_ENDING_H

#include <stdbool.h>
#include <stdint.h>

struct guest;

enum ending {
	ENDING_UNKNOWN, /* nothing was heard */
	ENDING_HALTED,  /* on purpose: poweroff inside, lxc-stop, exit 0 */
	ENDING_REBOOT,  /* liblxc starts it again by itself */
	ENDING_DIED,
};

/* 0 or -1: memory. */
int ending_init(struct guest *g);
void ending_clear(struct guest *g);
/* Its init has ended: acts on it as soon as it is known how. */
void ending_begin(struct guest *g);
/* liblxc says how (before or behind ending_begin). */
void ending_status(struct guest *g, int status);
/* Starts the container again after the back-off, unless it is held. at_least: milliseconds. */
void ending_restart_later(struct guest *g, uint64_t at_least);
/* It is wanted running again (or no longer): the back-off begins anew. */
void ending_reset(struct guest *g);
/* Asks liblxc again in a moment. */
void ending_look_again(struct guest *g);
/* Remembers on disk, until the host's next boot, that it was stopped on purpose; or forgets it. */
void ending_hold(struct guest *g, bool hold);
/* Reads that back. */
void ending_recall(struct guest *g);

/* Pure: what a wait status means. */
enum ending ending_of_status(int status);
/* Pure: milliseconds before the start after n failures in a row. */
uint64_t ending_backoff(uint32_t failures);

#endif
