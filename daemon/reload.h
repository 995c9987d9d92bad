/*
 * OFFER, WAIT and COMMIT as a machine of its own, pure: it decides, its owner's callbacks act. A
 * start and a reload run it with every child as a member, a child's restart with that child
 * alone; there is no second way to hand out a configuration.
 *
 *	IDLE   nothing under way
 *	WAIT   offered to the members that are up; waits for READY of all
 *	COMMIT one member after the other is told to commit, in the order router, lxc, proxy,
 *control
 *
 * Until the first COMMITTED any refusal, death or deadline means ABORT for everyone. Afterwards
 * there is no way back: a member that fails is given up (its owner starts it again with the
 * generation that now runs) and the others go on.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "core/err.h"
#include "core/role.h"

#include <stdbool.h>
#include <stdint.h>

#define RELOAD_STEP_MS 5000 /* for WAIT, and for each COMMIT */

enum reload_phase { RELOAD_IDLE, RELOAD_WAIT, RELOAD_COMMIT };

struct reload_ops {
	/* Sends the offer with all its parts to a member that is up. */
	void (*offer)(enum role role, void *ctx);
	void (*commit)(enum role role, void *ctx);
	void (*abort)(enum role role, void *ctx);
	/* The member did not do as told after the point of no return: end its process. */
	void (*give_up)(enum role role, void *ctx);
	/* (Re)starts the clock of RELOAD_STEP_MS; at its end reload_on_deadline is to be called. */
	void (*arm)(void *ctx);
	/* The end: NULL when committed, else why not. The machine is idle again. */
	void (*done)(const struct err *failure, void *ctx);
};

struct reload {
	const struct reload_ops *ops;
	void *ctx;
	enum reload_phase phase;
	uint64_t generation;
	uint32_t members; /* ROLE_BITs, and so below */
	uint32_t offered;
	uint32_t ready;
	uint32_t committed;
	enum role committing; /* in COMMIT: who was told last */
};

void reload_init(struct reload *r, const struct reload_ops *ops, void *ctx);
/* Begins (phase must be IDLE): offers to the members that are `up`; the others when they say
 * HELLO. */
void reload_begin(struct reload *r, uint64_t generation, uint32_t members, uint32_t up);
bool reload_is_member(const struct reload *r, enum role role);
/* Each does nothing for a role that is no member, or for another generation. */
void reload_on_hello(struct reload *r, enum role role);
void reload_on_ready(struct reload *r, enum role role, uint64_t generation);
void reload_on_committed(struct reload *r, enum role role, uint64_t generation);
void reload_on_refused(
	struct reload *r, enum role role, uint64_t generation, const struct err *why);
void reload_on_gone(struct reload *r, enum role role, const char *how);
void reload_on_deadline(struct reload *r);

#endif
