/*
 * The machine of reload.h. Every change of phase happens in one of begin, commit_next and finish.
 */
#include "daemon/reload.h"

#include "core/own.h"

#include <assert.h>
#include <string.h>

/* The router first, because only the kernel can still refuse; then the containers, then those
 * that send traffic to them. */
static const enum role commit_order[] = {ROLE_ROUTER, ROLE_LXC, ROLE_PROXY, ROLE_CONTROL};

static uint32_t
bit(enum role role)
{
	return UINT32_C(1) << role;
}

void
reload_init(struct reload *r, const struct reload_ops *ops, void *ctx)
{
	*r = (struct reload){.ops = ops, .ctx = ctx};
}

bool
reload_is_member(const struct reload *r, enum role role)
{
	return r->phase != RELOAD_IDLE && (r->members & bit(role)) != 0;
}

static void
finish(struct reload *r, const struct err *failure)
{
	r->phase = RELOAD_IDLE;
	r->ops->done(failure, r->ctx);
}

/* Takes the offer back from all that hold it. */
static void
abort_all(struct reload *r, const struct err *failure)
{
	struct err why = *failure;

	for (size_t i = 0; i < ARRAY_SIZE(commit_order); i++)
		if (r->offered & bit(commit_order[i]))
			r->ops->abort(commit_order[i], r->ctx);
	finish(r, &why);
}

static void
offer(struct reload *r, enum role role)
{
	r->offered |= bit(role);
	r->ops->offer(role, r->ctx);
}

static void
commit_next(struct reload *r)
{
	r->phase = RELOAD_COMMIT;
	for (size_t i = 0; i < ARRAY_SIZE(commit_order); i++) {
		enum role role = commit_order[i];

		if ((r->members & bit(role)) && !(r->committed & bit(role))) {
			r->committing = role;
			r->ops->arm(r->ctx);
			r->ops->commit(role, r->ctx);
			return;
		}
	}
	finish(r, NULL);
}

void
reload_begin(struct reload *r, uint64_t generation, uint32_t members, uint32_t up)
{
	assert(r->phase == RELOAD_IDLE && members != 0);
	r->phase = RELOAD_WAIT;
	r->generation = generation;
	r->members = members;
	r->offered = r->ready = r->committed = 0;
	r->ops->arm(r->ctx);
	for (size_t i = 0; i < ARRAY_SIZE(commit_order); i++)
		if (members & up & bit(commit_order[i]))
			offer(r, commit_order[i]);
}

void
reload_on_hello(struct reload *r, enum role role)
{
	if (r->phase == RELOAD_WAIT && reload_is_member(r, role) && !(r->offered & bit(role)))
		offer(r, role);
}

void
reload_on_ready(struct reload *r, enum role role, uint64_t generation)
{
	if (r->phase != RELOAD_WAIT || generation != r->generation || !(r->offered & bit(role)))
		return;
	r->ready |= bit(role);
	if (r->ready == r->members)
		commit_next(r);
}

void
reload_on_committed(struct reload *r, enum role role, uint64_t generation)
{
	if (r->phase != RELOAD_COMMIT || generation != r->generation || role != r->committing)
		return;
	r->committed |= bit(role);
	commit_next(r);
}

/* A member failed. Before the first COMMITTED that is the end for all; afterwards the member is
 * counted as done, because its next process will be offered this generation. */
static void
fail_member(struct reload *r, enum role role, const struct err *why, bool alive)
{
	if (r->phase == RELOAD_WAIT || r->committed == 0) {
		if (!alive)
			r->offered &= ~bit(role);
		abort_all(r, why);
		return;
	}
	if (alive)
		r->ops->give_up(role, r->ctx);
	r->members &= ~bit(role);
	if (role == r->committing)
		commit_next(r);
}

void
reload_on_refused(struct reload *r, enum role role, uint64_t generation, const struct err *why)
{
	if (reload_is_member(r, role) && generation == r->generation && !(r->committed & bit(role)))
		fail_member(r, role, why, true);
}

void
reload_on_gone(struct reload *r, enum role role, const char *how)
{
	struct err e = {0};

	if (!reload_is_member(r, role))
		return;
	if (r->committed & bit(role))
		return;
	err_set(&e, "the %s process %s", role_name(role), how);
	fail_member(r, role, &e, false);
}

static void
deadline_in_wait(struct reload *r)
{
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_SIZE(commit_order); i++) {
		enum role role = commit_order[i];

		if (!(r->members & bit(role)) || (r->ready & bit(role)))
			continue;
		err_set(&e, "the %s process did not %s within %d seconds", role_name(role),
			r->offered & bit(role) ? "answer" : "start", RELOAD_STEP_MS / 1000);
		abort_all(r, &e);
		return;
	}
}

void
reload_on_deadline(struct reload *r)
{
	struct err e = {0};

	if (r->phase == RELOAD_WAIT)
		deadline_in_wait(r);
	if (r->phase != RELOAD_COMMIT)
		return;
	err_set(&e, "the %s process did not commit within %d seconds", role_name(r->committing),
		RELOAD_STEP_MS / 1000);
	if (r->committed == 0)
		r->ops->give_up(r->committing, r->ctx);
	fail_member(r, r->committing, &e, true);
}
