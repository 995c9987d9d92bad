/*
 * One child process of the parent's: started by exec of ourselves, watched by its pidfd, ended by
 * closing its channel. One that dies is started again with back-off and offered the current
 * generation; while a transaction runs, restarts wait for its end.
 */
#include "daemon/parent.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "daemon/handover.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static void on_ended(evutil_socket_t fd, short what, void *ctx);
static void on_timer(evutil_socket_t fd, short what, void *ctx);
static void on_deadline(evutil_socket_t fd, short what, void *ctx);

static void
bring_up_offer(enum role role, void *ctx)
{
	struct child *c = ctx;

	(void)role;
	tell_offer(c, c->parent->current);
}

static void
bring_up_commit(enum role role, void *ctx)
{
	struct child *c = ctx;

	(void)role;
	tell_commit(c, c->parent->current);
}

static void
bring_up_abort(enum role role, void *ctx)
{
	struct child *c = ctx;

	(void)role;
	tell_abort(c, c->bring_up.generation);
}

static void
bring_up_give_up(enum role role, void *ctx)
{
	(void)role;
	child_kill(ctx, "did not do as told");
}

static void
bring_up_arm(void *ctx)
{
	struct child *c = ctx;
	struct timeval step = parent_timeval(RELOAD_STEP_MS);

	evtimer_add(c->deadline, &step);
}

static void
bring_up_done(const struct err *failure, void *ctx)
{
	struct child *c = ctx;

	evtimer_del(c->deadline);
	if (failure) {
		log_error("child refused what runs", kv_s("name", role_name(c->role)),
			kv_err("error", failure));
		child_kill(c, "refused the current generation");
	} else {
		log_info("child runs", kv_s("name", role_name(c->role)),
			kv_u("generation", c->bring_up.generation));
		dispatch_sync(c->parent);
		dnsmasq_update(c->parent->dnsmasq, c->parent->current->conf);
		/* A daemon that is to stop all containers asks a restarted lxc once more. */
		if (c->role == ROLE_LXC && c->parent->shutting_down)
			parent_shutdown(c->parent);
	}
	transaction_try(c->parent);
}

static const struct reload_ops bring_up_ops = {
	.offer = bring_up_offer,
	.commit = bring_up_commit,
	.abort = bring_up_abort,
	.give_up = bring_up_give_up,
	.arm = bring_up_arm,
	.done = bring_up_done,
};

int
child_init(struct child *c, struct parent *p, enum role role)
{
	*c = (struct child){.parent = p, .role = role, .state = CHILD_DOWN};
	c->proc = (struct proc_child){.pid = 0, .pidfd = -1, .channel = -1};
	reload_init(&c->bring_up, &bring_up_ops, c);
	c->timer = evtimer_new(p->base, on_timer, c);
	c->deadline = evtimer_new(p->base, on_deadline, c);
	return c->timer && c->deadline ? 0 : -1;
}

/* What its channel dropped stays counted. */
static void
close_channel(struct child *c)
{
	if (c->chan)
		c->parent->dropped_before += chan_dropped(c->chan);
	chan_free(&c->chan);
}

static void
forget_process(struct child *c)
{
	close_channel(c);
	if (c->on_end)
		event_free(c->on_end);
	c->on_end = NULL;
	c->proc.pidfd = close_fd(c->proc.pidfd);
	c->proc.pid = 0;
}

void
child_clear(struct child *c)
{
	forget_process(c);
	if (c->timer)
		event_free(c->timer);
	if (c->deadline)
		event_free(c->deadline);
	c->timer = c->deadline = NULL;
}

bool
child_is_busy(const struct child *c)
{
	return c->state == CHILD_ENDING || c->bring_up.phase != RELOAD_IDLE;
}

/* The environment of a child: what the roles agreed on, and what sanitizers need. */
struct environment {
	char *vars[PARENT_ENV_MAX + 1];
	size_t n;
};

static void
env_add(struct environment *env, const char *name, const char *value)
{
	char *text = NULL;

	if (value && env->n < PARENT_ENV_MAX && asprintf(&text, "%s=%s", name, value) > 0)
		env->vars[env->n++] = text;
}

static void
env_clear(struct environment *env)
{
	for (size_t i = 0; i < env->n; i++)
		free(env->vars[i]);
}

static void
env_fill(struct environment *env, const struct child *c)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};
	const struct parent *p = c->parent;
	const struct conf *conf = (p->next ? p->next : p->current)->conf;
	_free_ char *stores = p->roots_folder ? roots_store_folder(p->roots_folder) : NULL;
	char log[32];

	(void)snprintf(log, sizeof(log), "%s,%s", levels[conf->log_level],
		conf->log_format == LOG_FORMAT_JSON ? "json" : "text");
	env_add(env, "SLUICE_LOG", log);
	env_add(env, "SLUICE_ROOTS", p->roots_folder ? p->roots_folder : "/");
	env_add(env, "SLUICE_STORES", stores ? stores : conf->cache_store.disk_path);
	env_add(env, "SLUICE_SPOOL", p->spool_folder);
	env_add(env, "TZ", secure_getenv("TZ"));
	if (c->role == ROLE_ROUTER)
		env_add(env, "SLUICE_TABLE_OWNER", secure_getenv("SLUICE_TABLE_OWNER"));
	/* Templates of lxc are shell scripts that call programs by name. */
	if (c->role == ROLE_LXC) {
		env_add(env, "PATH",
			"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
		env_add(env, "HOME", "/root");
	}
#ifdef SLUICE_SANITIZED
	env_add(env, "ASAN_OPTIONS", secure_getenv("ASAN_OPTIONS"));
	env_add(env, "UBSAN_OPTIONS", secure_getenv("UBSAN_OPTIONS"));
	env_add(env, "TSAN_OPTIONS", secure_getenv("TSAN_OPTIONS"));
	env_add(env, "LSAN_OPTIONS", secure_getenv("LSAN_OPTIONS"));
	env_add(env, "SLUICE_SANITIZER_DIR", secure_getenv("SLUICE_SANITIZER_DIR"));
#endif
}

static int
spawn(struct child *c, struct err *e)
{
	struct parent *p = c->parent;
	_cleanup_(env_clear) struct environment env = {0};
	struct proc_spec spec = {.role = c->role, .binary_fd = p->binary_fd, .env = env.vars};

	/* Ctrl-C on the terminal is for the parent alone, which ends the others in order. */
	spec.apart = PROC_OWN_GROUP;
	spec.give_binary = c->role == ROLE_LXC;
	env_fill(&env, c);
	if (proc_spawn(&spec, &c->proc, e) < 0)
		return -1;
	c->state = CHILD_STARTING;
	c->chan = chan_new(
		p->base, steal_fd(&c->proc.channel), ROLE_PARENT, c->role, &dispatch_ops, c, e);
	c->on_end = event_new(p->base, c->proc.pidfd, EV_READ, on_ended, c);
	if (c->on_end && event_add(c->on_end, NULL) == 0 && c->chan)
		return 0;
	child_kill(c, "no memory for its channel");
	return err_set(e, "out of memory");
}

int
child_adopt(struct child *c, const json_t *handed)
{
	struct parent *p = c->parent;
	struct err e = {0};

	c->proc.pid = (pid_t)handover_number(handed, "pid");
	c->proc.pidfd = handover_fd(handed, "pid_fd");
	c->restarts = (uint32_t)handover_number(handed, "restarts");
	c->started_ms = handover_number(handed, "started");
	c->synced = c->has_certificates = true;
	backoff_started(&c->backoff, clock_mono_ms());
	c->chan = chan_new(p->base, handover_fd(handed, "channel_fd"), ROLE_PARENT, c->role,
		&dispatch_ops, c, &e);
	c->on_end = event_new(p->base, c->proc.pidfd, EV_READ, on_ended, c);
	if (c->chan && c->on_end && event_add(c->on_end, NULL) == 0) {
		c->state = CHILD_UP;
		return 0;
	}
	forget_process(c);
	return -1;
}

int
child_spawn(struct child *c)
{
	struct err e = {0};

	evtimer_del(c->timer);
	backoff_started(&c->backoff, clock_mono_ms());
	if (spawn(c, &e) < 0) {
		log_error("cannot start a child", kv_s("name", role_name(c->role)),
			kv_err("error", &e));
		return -1;
	}
	c->started_ms = clock_wall_ms();
	c->synced = c->draining = false;
	c->has_certificates = false;
	c->note[0] = '\0';
	log_info("child started", kv_s("name", role_name(c->role)), kv_i("pid", c->proc.pid));
	tell_process(c->parent, role_name(c->role), c->proc.pid, c);
	return 0;
}

void
child_end(struct child *c)
{
	struct timeval patience = parent_timeval(PARENT_END_MS);

	evtimer_del(c->timer);
	if (c->state == CHILD_DOWN || c->state == CHILD_ENDING)
		return;
	c->state = CHILD_ENDING;
	close_channel(c);
	evtimer_add(c->timer, &patience);
}

void
child_kill(struct child *c, const char *why)
{
	if (c->state == CHILD_DOWN || c->proc.pid <= 0)
		return;
	(void)snprintf(c->note, sizeof(c->note), "%s", why);
	c->state = CHILD_ENDING;
	kill(c->proc.pid, SIGKILL);
}

void
child_lost(struct child *c, const char *why)
{
	struct timeval patience = parent_timeval(PARENT_LOST_MS);

	if (c->state == CHILD_DOWN || c->state == CHILD_ENDING)
		return;
	if (!c->draining)
		(void)snprintf(c->note, sizeof(c->note), "%s", why);
	c->state = CHILD_ENDING;
	close_channel(c);
	evtimer_add(c->timer, &patience);
}

/* Plans the next start of a child that is DOWN, after its back-off. */
static void
child_plan_restart(struct child *c)
{
	uint64_t wait_ms = backoff_next(&c->backoff, clock_mono_ms());
	struct timeval tv = parent_timeval(wait_ms);

	(void)snprintf(
		c->note, sizeof(c->note), "starts again in %llu ms", (unsigned long long)wait_ms);
	evtimer_add(c->timer, &tv);
}

void
child_restart_missing(struct parent *p)
{
	if (transaction_is_active(p) || !p->current || p->quitting || p->draining ||
		p->upgrade.phase == UPGRADE_TAKEOVER)
		return;
	for (enum role role = 0; role < ROLE_COUNT; role++) {
		struct child *c = &p->children[role];

		if ((transaction_needs(p->current->conf) & (UINT32_C(1) << role)) &&
			c->state == CHILD_DOWN && !evtimer_pending(c->timer, NULL))
			child_plan_restart(c);
	}
}

/* Starts it now and offers it the current generation. */
static void
bring_up(struct child *c)
{
	if (child_spawn(c) < 0) {
		child_plan_restart(c);
		return;
	}
	reload_begin(&c->bring_up, c->parent->current->number, UINT32_C(1) << c->role, 0);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct child *c = ctx;

	(void)fd;
	(void)what;
	if (c->state == CHILD_ENDING)
		child_kill(c, "did not end by itself");
	else if (c->state == CHILD_DOWN && !transaction_is_active(c->parent))
		bring_up(c);
}

static void
on_deadline(evutil_socket_t fd, short what, void *ctx)
{
	struct child *c = ctx;

	(void)fd;
	(void)what;
	reload_on_deadline(&c->bring_up);
}

static void
log_end(const struct child *c, const char *status, bool expected)
{
	log_write(expected ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "child ended",
		kv_s("name", role_name(c->role)), kv_i("pid", c->proc.pid), kv_s("status", status),
		kv_s("note", c->note), kv_end());
}

/* The process is gone: everyone who waits for it learns, then it is started again if needed. */
static void
on_ended(evutil_socket_t fd, short what, void *ctx)
{
	struct child *c = ctx;
	struct parent *p = c->parent;
	char text[PROC_NAME_MAX];
	bool expected = p->quitting || c->draining || (c->state == CHILD_ENDING && !c->note[0]);
	int status;

	(void)fd;
	(void)what;
	if (!proc_reap(c->proc.pid, &status)) {
		event_add(c->on_end, NULL);
		return;
	}
	proc_status_text(status, text);
	log_end(c, text, expected);
	forget_process(c);
	evtimer_del(c->timer);
	c->state = CHILD_DOWN;
	if (!expected) {
		c->restarts++;
		stats_add(&p->stats, STAT_CHILD_RESTARTS, 1);
		tell_event(p, "process-ended", "name", role_name(c->role));
	}
	tell_process(p, role_name(c->role), 0, c);
	reload_on_gone(&p->reload, c->role, text);
	reload_on_gone(&c->bring_up, c->role, text);
	if (p->quitting) {
		parent_check_end(p);
		return;
	}
	if (p->draining && c->role == ROLE_PROXY) {
		parent_quit(p, 0);
		return;
	}
	child_restart_missing(p);
	transaction_try(p);
}
