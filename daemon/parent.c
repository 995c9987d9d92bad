/*
 * The parent's life: folders and lock, sockets, first generation, the loop, the end. It owns
 * everything that outlives a child. Containers and kernel rules outlive the parent itself.
 */
#include "daemon/parent.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/map.h"
#include "core/own.h"
#include "core/sandbox.h"
#include "daemon/check_files.h"
#include "daemon/handover.h"
#include "daemon/notify.h"
#include "daemon/state.h"
#include "daemon/ticket_keys.h"
#include "daemon/unix_socket.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define OOM_SCORE "-500" /* a container dies first; lxc's helpers put theirs back to 0 */

static void reopen_logs(struct parent *p);
static void on_log_timer(evutil_socket_t fd, short what, void *ctx);
static void on_drain_timer(evutil_socket_t fd, short what, void *ctx);

static const int parent_signals[] = {SIGHUP, SIGUSR1, SIGTERM, SIGINT};

static void
on_signal(evutil_socket_t number, short what, void *ctx)
{
	struct parent *p = ctx;

	(void)what;
	if (number == SIGHUP)
		transaction_request(p, 0);
	else if (number == SIGUSR1)
		reopen_logs(p);
	else
		parent_quit(p, 0);
}

int
parent_reopen_logs(struct parent *p, struct err *e)
{
	if (!p->current || p->current->access_fd < 0)
		return 0;
	if (edition_open_access_log(p->current, e) < 0)
		return -1;
	tell_access_log(&p->children[ROLE_PROXY], p->current);
	log_info("access log reopened", kv_s("file", p->current->conf->access_log));
	return 0;
}

static void
reopen_logs(struct parent *p)
{
	struct err e = {0};

	if (parent_reopen_logs(p, &e) < 0)
		log_err("cannot reopen the access log", &e);
}

/* Whether another file, or none, is where ours was: somebody rotates logs. */
static bool
log_was_moved(const struct edition *g)
{
	struct stat ours, there;

	if (g->access_fd < 0 || fstat(g->access_fd, &ours) < 0)
		return false;
	if (stat(g->conf->access_log, &there) < 0)
		return errno == ENOENT;
	return ours.st_ino != there.st_ino || ours.st_dev != there.st_dev;
}

static void
on_log_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct parent *p = ctx;
	struct timeval next = parent_timeval(PARENT_LOG_CHECK_MS);

	(void)fd;
	(void)what;
	if (p->current && log_was_moved(p->current))
		reopen_logs(p);
	evtimer_add(p->log_timer, &next);
}

static void
on_dnsmasq(const struct dnsmasq_process *process, void *ctx)
{
	struct parent *p = ctx;
	struct child row = {.restarts = process->restarts, .started_ms = process->started_ms};

	(void)snprintf(
		row.note, sizeof(row.note), "%.*s", (int)sizeof(row.note) - 1, process->note);
	tell_process(p, "dnsmasq", process->pid, &row);
}

static void
on_ticket_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct parent *p = ctx;
	_free_ char *path = state_path(p->current->conf->state_path, "ticket.keys");
	uint64_t next_ms = TICKET_ROTATE_MS;
	struct err e = {0};
	struct timeval tv;
	unsigned n;
	int keys;

	(void)fd;
	(void)what;
	keys = path ? ticket_keys_load(path, clock_wall_ms(), &n, &next_ms, &e) : -1;
	if (keys < 0) {
		log_err("cannot renew the ticket keys", &e);
	} else {
		close_fd(p->ticket_fd);
		p->ticket_fd = keys;
		p->n_tickets = n;
		tell_tickets(&p->children[ROLE_PROXY]);
	}
	tv = parent_timeval(next_ms + 1000);
	evtimer_add(p->ticket_timer, &tv);
}

static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn(
			"cannot raise the descriptor limit", kv_s("error", strerrordesc_np(errno)));
}

/* What an operator must know before any configuration is read. */
static int
enter(struct parent *p, struct err *e)
{
	raise_descriptor_limit();
	p->root = geteuid() == 0;
	if (p->root && file_poke("/proc/self/oom_score_adj", OOM_SCORE, e) < 0)
		log_warn("cannot lower the out-of-memory score", kv_err("error", e));
	p->binary_fd = proc_open_self(e);
	if (p->binary_fd < 0)
		return -1;
	return p->root ? sandbox_users_check(e) : 0;
}

static int
init_events(struct parent *p)
{
	struct event_config *config = event_config_new();

	if (!config)
		return -1;
	/* Few descriptors and no hurry: what this saves is memory. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	p->base = event_base_new_with_config(config);
	event_config_free(config);
	if (!p->base)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(parent_signals); i++) {
		p->signals[i] = evsignal_new(p->base, parent_signals[i], on_signal, p);
		if (!p->signals[i] || event_add(p->signals[i], NULL) < 0)
			return -1;
	}
	for (enum role role = 0; role < ROLE_COUNT; role++)
		if (child_init(&p->children[role], p, role) < 0)
			return -1;
	/* Its own row among the processes. */
	p->children[ROLE_PARENT].proc.pid = getpid();
	p->children[ROLE_PARENT].started_ms = clock_wall_ms();
	p->ticket_timer = evtimer_new(p->base, on_ticket_timer, p);
	p->drain_timer = evtimer_new(p->base, on_drain_timer, p);
	p->log_timer = evtimer_new(p->base, on_log_timer, p);
	if (!p->ticket_timer || !p->drain_timer || !p->log_timer)
		return -1;
	on_log_timer(-1, 0, p);
	return 0;
}

static void
on_reload_deadline(evutil_socket_t fd, short what, void *ctx)
{
	struct parent *p = ctx;

	(void)fd;
	(void)what;
	reload_on_deadline(&p->reload);
}

/* A child that survives even SIGKILL for a while is left behind. */
static void
on_quit_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct parent *p = ctx;

	(void)fd;
	(void)what;
	event_base_loopbreak(p->base);
}

static int
make_roots_folder(struct parent *p, struct err *e)
{
	if (!p->root)
		return 0;
	p->roots_folder = state_path(p->run_folder, "roots");
	if (!p->roots_folder)
		return err_set(e, "out of memory");
	roots_sweep(p->roots_folder);
	return roots_make_folders(p->roots_folder, e);
}

static int
load_tickets(struct parent *p, const struct conf *c, struct err *e)
{
	_free_ char *path = state_path(c->state_path, "ticket.keys");
	uint64_t next_ms;
	struct timeval tv;

	if (!path)
		return err_set(e, "out of memory");
	p->ticket_fd = ticket_keys_load(path, clock_wall_ms(), &p->n_tickets, &next_ms, e);
	if (p->ticket_fd < 0)
		return -1;
	tv = parent_timeval(next_ms + 1000);
	evtimer_add(p->ticket_timer, &tv);
	return 0;
}

static int
bind_control(struct parent *p, const struct conf *c, struct err *e)
{
	p->http_path = strdup(c->control_path);
	if (!p->http_path || asprintf(&p->exec_path, "%s.exec", c->control_path) < 0)
		return err_set(e, "out of memory");
	if (check_control_group(c, &p->control_gid, e) < 0)
		return -1;
	p->http_fd = unix_socket_listen(p->http_path, SOCK_STREAM, p->control_gid, e);
	if (p->http_fd < 0)
		return -1;
	p->exec_fd = unix_socket_listen(p->exec_path, SOCK_SEQPACKET, p->control_gid, e);
	return p->exec_fd < 0 ? -1 : 0;
}

/* What the first configuration decides for the daemon's life. */
static int
settle(struct parent *p, const struct conf *c, struct err *e)
{
	p->run_folder = state_run_folder(c);
	if (!p->run_folder)
		return err_set(e, "out of memory");
	if (state_make_folders(c, e) < 0)
		return -1;
	p->lock_fd = state_lock(c->state_path, e);
	if (p->lock_fd < 0 || bind_control(p, c, e) < 0 || make_roots_folder(p, e) < 0 ||
		load_tickets(p, c, e) < 0)
		return -1;
	if (ocsp_answers_open(&p->ocsp, p->base, c->state_path) < 0)
		return err_set(e, "out of memory");
	p->spool_folder = state_make_spool(c->state_path, p->root, e);
	if (!p->spool_folder)
		return -1;
	if (p->root)
		p->dnsmasq = dnsmasq_new(p->base, c->state_path, p->run_folder, on_dnsmasq, p);
	dnsmasq_sweep(p->dnsmasq);
	return 0;
}

int
parent_settle_paths(struct parent *p, const struct conf *c, struct err *e)
{
	p->run_folder = state_run_folder(c);
	p->http_path = strdup(c->control_path);
	if (!p->run_folder || !p->http_path ||
		asprintf(&p->exec_path, "%s.exec", c->control_path) < 0)
		return err_set(e, "out of memory");
	p->roots_folder = p->root ? state_path(p->run_folder, "roots") : NULL;
	if (!p->root)
		return 0;
	return p->roots_folder ? roots_make_folders(p->roots_folder, e)
			       : err_set(e, "out of memory");
}

int
parent_settle_handed(struct parent *p, const json_t *dnsmasq, bool rehearse, struct err *e)
{
	const struct conf *c = p->next->conf;

	if (load_tickets(p, c, e) < 0)
		return -1;
	if (ocsp_answers_open(&p->ocsp, p->base, c->state_path) < 0)
		return err_set(e, "out of memory");
	p->spool_folder = state_make_spool(c->state_path, p->root, e);
	if (!p->spool_folder)
		return -1;
	if (!p->root || rehearse)
		return 0;
	p->dnsmasq = dnsmasq_new(p->base, c->state_path, p->run_folder, on_dnsmasq, p);
	dnsmasq_adopt(p->dnsmasq, dnsmasq, handover_fd(dnsmasq, "pid_fd"));
	return 0;
}

/* Reads the file once ahead of the first transaction, for what must be settled before it. */
static int
settle_from_file(struct parent *p)
{
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct load l = {0};
	struct err e = {0};
	struct buf text;
	int rc = -1;

	if (!errs)
		return -1;
	if (load_file(p->file, &l, errs) == 0) {
		rc = settle(p, l.conf, &e);
		if (rc < 0) {
			conf_places_apply(l.places, NULL, 0, &e);
			load_add_error(errs, &e);
		}
	}
	buf_init(&text, PARENT_OUTCOME_MAX * 4);
	if (rc < 0 && load_print_errors(&l, errs, &text) == 0)
		(void)!write(STDERR_FILENO, buf_slice(&text).p, buf_len(&text));
	buf_clear(&text);
	load_clear(&l);
	return rc;
}

static bool
all_ended(const struct parent *p)
{
	for (enum role role = 0; role < ROLE_COUNT; role++)
		if (p->children[role].state != CHILD_DOWN)
			return false;
	return true;
}

void
parent_check_end(struct parent *p)
{
	if (all_ended(p))
		event_base_loopbreak(p->base);
}

void
parent_quit(struct parent *p, int status)
{
	struct timeval patience = parent_timeval(PARENT_END_MS + PARENT_LOST_MS);

	if (p->quitting)
		return;
	p->quitting = true;
	p->status = status;
	log_info("sluiced ends", kv_i("status", status));
	notify_stopping();
	for (enum role role = 0; role < ROLE_COUNT; role++)
		child_end(&p->children[role]);
	evtimer_add(p->quit_timer, &patience);
	parent_check_end(p);
}

static void
on_drain_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	parent_quit(ctx, 0);
}

void
parent_drain(struct parent *p, uint64_t ms)
{
	struct timeval patience = parent_timeval(ms + PARENT_DRAIN_MORE_MS);

	if (p->draining)
		return;
	if (transaction_is_active(p) || tell_drain(&p->children[ROLE_PROXY], ms) < 0) {
		parent_quit(p, 0);
		return;
	}
	p->draining = true;
	notify_stopping();
	tell_event(p, "draining", NULL, NULL);
	evtimer_add(p->drain_timer, &patience);
}

void
parent_shutdown(struct parent *p)
{
	struct child *lxc = &p->children[ROLE_LXC];
	struct msg_out m;

	p->shutting_down = true;
	if (!p->current || !conf_needs_lxc(p->current->conf)) {
		parent_quit(p, 0);
		return;
	}
	/* One that is being started is asked when it runs. */
	if (lxc->state != CHILD_UP || msg_out_init(&m, MSG_STOP_ALL, ROLE_LXC) < 0)
		return;
	log_info("stopping all containers");
	notify_stopping();
	msg_put_u32(&m, 0);
	(void)chan_send(lxc->chan, &m);
	msg_out_clear(&m);
}

static void
unlink_sockets(const struct parent *p)
{
	if (p->http_fd >= 0)
		(void)unlink(p->http_path);
	if (p->exec_fd >= 0)
		(void)unlink(p->exec_path);
}

static void
clear(struct parent *p)
{
	/* What a rehearsal knows is another's. */
	bool ours = p->upgrade.phase != UPGRADE_REHEARSING;

	if (ours)
		unlink_sockets(p);
	upgrade_clear(p);
	map_free(&p->busy);
	dnsmasq_free(&p->dnsmasq);
	for (enum role role = 0; role < ROLE_COUNT; role++)
		child_clear(&p->children[role]);
	edition_free(&p->next);
	edition_free(&p->current);
	load_clear(&p->load);
	if (p->roots_folder && ours)
		roots_remove_folders(p->roots_folder);
	free(p->spool_folder);
	free(p->roots_folder);
	free(p->run_folder);
	free(p->http_path);
	free(p->exec_path);
	for (size_t i = 0; i < ARRAY_SIZE(p->signals); i++)
		if (p->signals[i])
			event_free(p->signals[i]);
	if (p->ticket_timer)
		event_free(p->ticket_timer);
	ocsp_answers_clear(&p->ocsp);
	if (p->log_timer)
		event_free(p->log_timer);
	if (p->drain_timer)
		event_free(p->drain_timer);
	if (p->reload_deadline)
		event_free(p->reload_deadline);
	if (p->quit_timer)
		event_free(p->quit_timer);
	if (p->base)
		event_base_free(p->base);
	close_fd(p->http_fd);
	close_fd(p->exec_fd);
	close_fd(p->ticket_fd);
	close_fd(p->table_fd);
	close_fd(p->binary_fd);
	close_fd(p->lock_fd);
}

/* They may have waited since before exec. */
static void
unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static int
start(struct parent *p, int inherit, bool rehearse)
{
	struct err e = {0};

	if (enter(p, &e) < 0) {
		log_err("cannot start", &e);
		return -1;
	}
	if (init_events(p) < 0)
		return -1;
	p->reload_deadline = evtimer_new(p->base, on_reload_deadline, p);
	p->quit_timer = evtimer_new(p->base, on_quit_timer, p);
	if (!p->reload_deadline || !p->quit_timer)
		return -1;
	p->busy = map_new();
	if (!p->busy)
		return -1;
	unblock_signals();
	transaction_init(p);
	if (inherit >= 0)
		return upgrade_resume(p, inherit, rehearse);
	if (settle_from_file(p) < 0)
		return -1;
	transaction_request(p, 0);
	return 0;
}

int
parent_main(const char *file, int inherit, bool rehearse)
{
	static struct parent parent;
	struct parent *p = &parent;

	log_init(rehearse ? "rehearsal" : "parent", STDERR_FILENO);
	notify_init();
	(void)signal(SIGPIPE, SIG_IGN);
	*p = (struct parent){.file = file,
		.binary_fd = -1,
		.lock_fd = -1,
		.table_fd = -1,
		.http_fd = -1,
		.exec_fd = -1,
		.ticket_fd = -1,
		.ocsp = {.fd = -1},
		.status = 0};
	upgrade_init(p);
	if (start(p, inherit, rehearse) < 0) {
		p->status = 1;
	} else {
		if (!p->quitting || !all_ended(p))
			event_base_dispatch(p->base);
	}
	clear(p);
	return p->status;
}
