/*
 * The chains of tasks: which helper follows which, and what the guest is told on the way. See
 * task.h for the list. Each function here is a link; its comment says what the one before did.
 */
#include "lxc/task.h"

#include "core/log.h"
#include "lxc/ending.h"
#include "lxc/enforce.h"
#include "lxc/setup.h"
#include "lxc/store.h"
#include "lxc/text.h"

#define STOP_TIMEOUT_MS 10000 /* where the file says none any more */
#define KILLED_MS 10000       /* for a killed init to be gone */
#define CREATE_AGAIN_MS 60000 /* after a failed creation */

static void query_begin(struct task *t);
static void query_done(struct task *t, bool ok, struct slice text);
static void setup_begin(struct task *t);
static void setup_cleaned(struct task *t, bool ok, struct slice text);
static void setup_create(struct task *t);
static void setup_created(struct task *t, bool ok, struct slice text);
static void setup_undone(struct task *t, bool ok, struct slice text);
static void setup_configure(struct task *t);
static void setup_ready(struct task *t);
static void start_begin(struct task *t);
static void start_run(struct task *t);
static void start_done(struct task *t, bool ok, struct slice text);
static void stop_begin(struct task *t);
static void stop_ask(struct task *t);
static void stop_asked(struct task *t, bool ok, struct slice text);
static void stop_kill(struct task *t);
static void stop_killed(struct task *t, bool ok, struct slice text);
static void stop_failed(struct task *t);
static void stop_done(struct task *t);
static void freeze_begin(struct task *t);
static void freeze_done(struct task *t, bool ok, struct slice text);

void
chain_begin(struct task *t)
{
	switch (t->kind) {
	case TASK_QUERY:
		query_begin(t);
		return;
	case TASK_ADOPT:
	case TASK_SETUP:
		setup_begin(t);
		return;
	case TASK_START:
		start_begin(t);
		return;
	case TASK_STOP:
	case TASK_RESTART:
		stop_begin(t);
		return;
	case TASK_FREEZE:
	case TASK_THAW:
		freeze_begin(t);
		return;
	case TASK_KIND_COUNT:
		break;
	}
	task_finish(t, false, "no such task");
}

static const char *
state_path(const struct task *t)
{
	return t->guest->lxc->conf->state_path;
}

static void
fail(struct task *t, const struct err *e)
{
	task_finish(t, false, e->msg);
}

static void
fail_slice(struct task *t, struct slice why)
{
	(void)text_copy(t->why, sizeof(t->why), why);
	task_finish(t, false, t->why);
}

/* --- query --- */

static void
query_begin(struct task *t)
{
	struct guest *g = t->guest;
	struct job_view absent = {.state = CONTAINER_ABSENT};

	if (setup_exists(g)) {
		task_run(t, JOB_QUERY, query_done);
		return;
	}
	guest_seen(g, &absent);
	task_finish(t, true, "");
}

static void
query_done(struct task *t, bool ok, struct slice text)
{
	struct guest *g = t->guest;
	bool was_up = guest_is_up(g), was_known = g->known;
	struct job_view view;
	struct err e;

	if (!ok) {
		fail_slice(t, text);
		return;
	}
	if (job_view_parse(text, &view, &e) < 0) {
		fail(t, &e);
		return;
	}
	enforce_frozen(g, &view);
	guest_seen(g, &view);
	/* Somebody else started it, with the configuration that we wrote. */
	if (was_known && !was_up && g->state == CONTAINER_RUNNING && guest_is_managed(g)) {
		ending_hold(g, false);
		setup_record_started(g);
		enforce_check(g);
	}
	task_finish(t, true, "");
}

/* --- setup: adopt or create, then the configuration --- */

static void
setup_begin(struct task *t)
{
	struct guest *g = t->guest;

	if (!guest_is_managed(g)) {
		task_finish(t, false, "not in the configuration");
		return;
	}
	if (store_has(state_path(t), g->name, "creating")) {
		log_warn("removing an unfinished creation", kv_s("container", g->name));
		guest_event(g, EVENT_CREATE);
		task_run(t, JOB_DESTROY, setup_cleaned);
	} else if (setup_exists(g)) {
		setup_configure(t);
	} else if (t->kind == TASK_ADOPT) {
		task_finish(t, true, "");
	} else {
		setup_create(t);
	}
}

/* What an interrupted creation left is gone, or cannot be removed. */
static void
setup_cleaned(struct task *t, bool ok, struct slice text)
{
	if (!ok) {
		guest_event(t->guest, EVENT_CREATE_FAILED);
		fail_slice(t, text);
		return;
	}
	store_remove(state_path(t), t->guest->name, "creating");
	guest_event(t->guest, EVENT_CREATE_FAILED);
	if (t->kind == TASK_ADOPT || !guest_is_managed(t->guest))
		task_finish(t, true, "");
	else
		setup_create(t);
}

static void
setup_create(struct task *t)
{
	struct guest *g = t->guest;
	struct err e;

	if (g->lxc->stopping) {
		task_finish(t, false, "the daemon is shutting down");
		return;
	}
	if (setup_create_args(g, &t->args, &e) < 0 ||
		store_write(state_path(t), g->name, "creating", (struct slice){0}, &e) < 0) {
		ending_restart_later(g, CREATE_AGAIN_MS);
		fail(t, &e);
		return;
	}
	guest_event(g, EVENT_CREATE);
	lxc_tell(g->lxc, "container create", "container", g->name, NULL);
	task_run(t, JOB_CREATE, setup_created);
}

/* The template has run and the ownership is shifted; or it failed and left anything. */
static void
setup_created(struct task *t, bool ok, struct slice text)
{
	struct guest *g = t->guest;
	struct err e;

	if (ok && !guest_is_managed(g)) {
		ok = false;
		text = SLICE_LIT("no longer in the configuration");
	}
	if (!ok || setup_record_created(g, &e) < 0 || setup_config(g, &e) < 0) {
		(void)text_copy(t->why, sizeof(t->why), ok ? slice_str(e.msg) : text);
		task_run(t, JOB_DESTROY, setup_undone);
		return;
	}
	store_remove(state_path(t), g->name, "creating");
	guest_event(g, EVENT_CREATE_DONE);
	lxc_tell(g->lxc, "container created", "container", g->name, NULL);
	setup_ready(t);
}

/* A failed creation is removed (or not: then the mark stays and the next try removes it). */
static void
setup_undone(struct task *t, bool ok, struct slice text)
{
	struct guest *g = t->guest;

	if (ok) {
		store_remove(state_path(t), g->name, "creating");
		store_remove(state_path(t), g->name, "created");
	} else {
		log_error("cannot remove a failed creation", kv_s("container", g->name),
			kv_slice("why", text));
	}
	guest_event(g, EVENT_CREATE_FAILED);
	lxc_tell(g->lxc, "container create failed", "container", g->name, "why", t->why, NULL);
	ending_restart_later(g, CREATE_AGAIN_MS);
	task_finish(t, false, t->why);
}

static void
setup_configure(struct task *t)
{
	struct guest *g = t->guest;
	struct err e;

	if (setup_config(g, &e) < 0)
		fail(t, &e);
	else
		setup_ready(t);
}

/* It exists and its file says what ours says. */
static void
setup_ready(struct task *t)
{
	struct guest *g = t->guest;

	if (guest_is_up(g)) {
		enforce_apply(g);
		setup_compare(g);
	}
	if ((t->kind == TASK_START || t->kind == TASK_RESTART) && !guest_is_up(g))
		start_run(t);
	else
		task_finish(t, true, "");
}

/* --- start --- */

static void
start_begin(struct task *t)
{
	struct guest *g = t->guest;

	g->just_started = false;
	if (guest_is_managed(g) && !guest_is_up(g) && g->lxc->stopping)
		task_finish(t, false, "the daemon is shutting down");
	else
		setup_begin(t);
}

/* It exists and is configured. */
static void
start_run(struct task *t)
{
	struct err e;

	if (setup_mounts_exist(t->guest, &e) < 0 || setup_start_args(t->guest, &t->args, &e) < 0) {
		ending_restart_later(t->guest, 0);
		fail(t, &e);
		return;
	}
	guest_event(t->guest, EVENT_START);
	task_run(t, JOB_START, start_done);
}

static void
start_done(struct task *t, bool ok, struct slice text)
{
	struct guest *g = t->guest;
	struct job_view view;
	struct err e;

	if (ok && job_view_parse(text, &view, &e) == 0) {
		g->just_started = true;
		stats_add(&g->lxc->stats, STAT_CONTAINER_STARTS, 1);
		guest_seen(g, &view);
		if (guest_is_managed(g)) {
			setup_record_started(g);
			enforce_check(g);
		}
		task_finish(t, true, "");
		return;
	}
	guest_event(g, EVENT_START_FAILED);
	ending_restart_later(g, 0);
	fail_slice(t, ok ? slice_str(e.msg) : text);
}

/* --- stop --- */

static void
stop_begin(struct task *t)
{
	struct guest *g = t->guest;

	if (!guest_is_managed(g)) {
		task_finish(t, false, "not in the configuration");
	} else if (!guest_is_up(g) && g->state != CONTAINER_STARTING) {
		stop_done(t);
	} else if (g->state == CONTAINER_FROZEN) {
		guest_event(g, EVENT_STOP);
		task_run(t, JOB_THAW, stop_asked);
	} else {
		stop_ask(t);
	}
}

static void
stop_ask(struct task *t)
{
	guest_event(t->guest, EVENT_STOP);
	task_run(t, JOB_SHUTDOWN, stop_asked);
}

/* Its block may have been removed while it is stopped. */
static uint64_t
stop_timeout(const struct guest *g)
{
	return guest_is_managed(g) ? g->conf->stop_timeout_ms : STOP_TIMEOUT_MS;
}

/* Its init has the signal to halt, or (it was frozen) runs again and gets it now. */
static void
stop_asked(struct task *t, bool ok, struct slice text)
{
	struct guest *g = t->guest;

	if (g->state != CONTAINER_STOPPING) {
		stop_done(t); /* it ended meanwhile */
		return;
	}
	if (t->verb == JOB_THAW) {
		stop_ask(t);
		return;
	}
	if (!ok)
		log_warn("cannot ask a container to halt", kv_s("container", g->name),
			kv_slice("why", text));
	if (ok)
		task_wait_exit(t, stop_done, stop_timeout(g), stop_kill);
	else
		stop_kill(t);
}

/* stop-timeout has passed. */
static void
stop_kill(struct task *t)
{
	log_warn("container did not halt in time: killed", kv_s("container", t->guest->name));
	task_run(t, JOB_KILL, stop_killed);
}

static void
stop_killed(struct task *t, bool ok, struct slice text)
{
	if (t->guest->state != CONTAINER_STOPPING) {
		stop_done(t);
		return;
	}
	if (!ok) {
		(void)text_copy(t->why, sizeof(t->why), text);
		stop_failed(t);
		return;
	}
	(void)text_copy(t->why, sizeof(t->why), SLICE_LIT("its init did not end"));
	task_wait_exit(t, stop_done, KILLED_MS, stop_failed);
}

static void
stop_failed(struct task *t)
{
	guest_event(t->guest, EVENT_STOP_FAILED);
	task_finish(t, false, t->why);
}

static void
stop_done(struct task *t)
{
	if (t->kind == TASK_RESTART)
		start_begin(t);
	else
		task_finish(t, true, "");
}

/* --- freeze, thaw --- */

static void
freeze_begin(struct task *t)
{
	enum container_state state = t->guest->state;
	bool freeze = t->kind == TASK_FREEZE;

	if (state == (freeze ? CONTAINER_FROZEN : CONTAINER_RUNNING))
		task_finish(t, true, "");
	else if (state != CONTAINER_RUNNING && state != CONTAINER_FROZEN)
		task_finish(t, false, "it is not running");
	else
		task_run(t, freeze ? JOB_FREEZE : JOB_THAW, freeze_done);
}

static void
freeze_done(struct task *t, bool ok, struct slice text)
{
	query_done(t, ok, text);
}
