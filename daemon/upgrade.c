/* The three programs of an upgrade: the old parent, the rehearsal, the new parent. */
#include "daemon/upgrade.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/map.h"
#include "core/own.h"
#include "core/trial_state.h"
#include "daemon/handover.h"
#include "daemon/notify.h"
#include "daemon/upgrade_old.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_TEXT_MAX 4096
#define NUMBER_MAX 24
#define EXIT_NOT_EXECUTED 127
#define DELETED " (deleted)"

static void on_rehearsal_end(evutil_socket_t fd, short what, void *ctx);
static void on_rehearsal_deadline(evutil_socket_t fd, short what, void *ctx);

void
upgrade_init(struct parent *p)
{
	p->upgrade = (struct upgrade){.binary_fd = -1, .pidfd = -1, .report_fd = -1};
	list_init(&p->upgrade.old);
}

bool
upgrade_is_active(const struct parent *p)
{
	return p->upgrade.phase != UPGRADE_NONE;
}

/* --- becoming another program ---------------------------------------------------------------- */

/* The arguments of the parent that goes on with what stands in fd. */
struct arguments {
	char number[NUMBER_MAX];
	char *argv[7];
};

static void
fill_arguments(struct arguments *a, const struct parent *p, int fd, bool rehearse)
{
	static char name[] = "sluiced: parent", file[] = "-f", inherit[] = "--inherit";
	static char option[] = "--rehearse";

	(void)snprintf(a->number, sizeof(a->number), "%d", fd);
	a->argv[0] = name;
	a->argv[1] = file;
	a->argv[2] = (char *)(uintptr_t)p->file;
	a->argv[3] = inherit;
	a->argv[4] = a->number;
	a->argv[5] = rehearse ? option : NULL;
	a->argv[6] = NULL;
}

static void
execute(int binary_fd, char *const argv[])
{
	(void)syscall(SYS_execveat, binary_fd, "", argv, environ, AT_EMPTY_PATH);
}

/* Signals wait, blocked, until the other program has its handlers. Returns only when it failed. */
static int
become(struct parent *p, int binary_fd, const json_t *h, struct err *e)
{
	_fd_ int fd = handover_seal(h, e);
	struct arguments a;
	sigset_t all, before;

	if (fd < 0)
		return -1;
	fill_arguments(&a, p, fd, false);
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	notify_put_env();
	handover_keep(h, true);
	(void)fcntl(fd, F_SETFD, 0);
	execute(binary_fd, a.argv);
	err_errno(e, errno, "cannot execute the program");
	handover_keep(h, false);
	notify_init();
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -1;
}

/* --- the old parent -------------------------------------------------------------------------- */

static void
end_rehearsal(struct upgrade *u)
{
	if (u->on_end)
		event_free(u->on_end);
	if (u->deadline)
		event_free(u->deadline);
	u->on_end = u->deadline = NULL;
	u->pidfd = close_fd(u->pidfd);
	u->report_fd = close_fd(u->report_fd);
	u->binary_fd = close_fd(u->binary_fd);
	u->pid = 0;
	if (u->phase == UPGRADE_WAITING)
		u->phase = UPGRADE_NONE;
}

/* The upgrade is off: who asked is told why, and nothing has changed. */
static void
refuse(struct parent *p, const struct err *e)
{
	char line[ERR_MSG_MAX + 2];
	uint64_t id = p->upgrade.id;

	log_err("upgrade refused", e);
	(void)snprintf(line, sizeof(line), "%s\n", e->msg);
	end_rehearsal(&p->upgrade);
	transaction_answer(p, id, false, slice_str(line));
	tell_event(p, "upgrade-failed", "error", e->msg);
	child_restart_missing(p);
	transaction_try(p);
}

/* Only while everything runs and nothing is on its way can the children be handed over. */
static int
check_calm(const struct parent *p, struct err *e)
{
	uint32_t needs;

	if (!p->current || p->quitting || p->shutting_down || p->draining)
		return err_set(e, "sluiced is starting or ending");
	if (transaction_is_active(p))
		return err_set(e, "a reload is under way");
	if (p->policy.state == TRIAL_RUNNING)
		return err_set(e, "what the host is open to is on trial; say sluice confirm first");
	needs = transaction_needs(p->current->conf);
	for (enum role role = 0; role < ROLE_COUNT; role++) {
		const struct child *c = &p->children[role];

		if ((needs & (UINT32_C(1) << role)) && (c->state != CHILD_UP || child_is_busy(c)))
			return err_set(e, "the process %s is being started", role_name(role));
	}
	if (map_count(p->busy) > 0) {
		size_t cursor = 0;
		struct slice name;

		(void)map_next(p->busy, &cursor, &name);
		return err_set(e, "a job of container %.*s is under way; try again when it is done",
			SLICE_ARG(name));
	}
	return 0;
}

/* Where our own program lies now, whatever has become of the file that we run. */
static int
own_path(char out[static PATH_TEXT_MAX], struct err *e)
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_TEXT_MAX - 1);
	size_t tail = sizeof(DELETED) - 1;

	if (n < 0)
		return err_errno(e, errno, "/proc/self/exe");
	out[n] = '\0';
	if ((size_t)n > tail && strcmp(out + (size_t)n - tail, DELETED) == 0)
		out[(size_t)n - tail] = '\0';
	return 0;
}

/* It will run with our rights: nobody else may be able to write to it. */
static int
open_program(struct slice wanted, struct err *e)
{
	char path[PATH_TEXT_MAX];
	_fd_ int fd = -1;
	struct stat st;

	if (wanted.n >= sizeof(path))
		return err_set(e, "the program's path is too long");
	memcpy(path, wanted.p ? wanted.p : "", wanted.n);
	path[wanted.n] = '\0';
	if (wanted.n == 0 && own_path(path, e) < 0)
		return -1;
	if (path[0] != '/')
		return err_set(e, "%s is no absolute path", path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "cannot open %s", path);
	if (!S_ISREG(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0) ||
		(st.st_mode & (S_IWGRP | S_IWOTH)))
		return err_set(
			e, "%s is not a program that only its owner, root, may write to", path);
	return steal_fd(&fd);
}

/* The child's half; only what was prepared is used. */
static _Noreturn void
rehearse(const struct upgrade *u, const json_t *h, int fd, char *const argv[])
{
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	(void)setpgid(0, 0);
	handover_keep(h, true);
	(void)fcntl(fd, F_SETFD, 0);
	sigemptyset(&none);
	(void)pthread_sigmask(SIG_SETMASK, &none, NULL);
	execute(u->binary_fd, argv);
	_exit(EXIT_NOT_EXECUTED);
}

static int
spawn_rehearsal(struct parent *p, const json_t *h, struct err *e)
{
	struct upgrade *u = &p->upgrade;
	_fd_ int fd = handover_seal(h, e);
	struct arguments a;
	sigset_t all, before;

	if (fd < 0)
		return -1;
	fill_arguments(&a, p, fd, true);
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	u->pid = fork();
	if (u->pid == 0)
		rehearse(u, h, fd, a.argv);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (u->pid < 0)
		return err_errno(e, errno, "cannot start the rehearsal");
	u->pidfd = (int)syscall(SYS_pidfd_open, u->pid, 0);
	return u->pidfd < 0 ? err_errno(e, errno, "cannot watch the rehearsal") : 0;
}

static int
start_rehearsal(struct parent *p, struct err *e)
{
	struct upgrade *u = &p->upgrade;
	struct timeval patience = parent_timeval(UPGRADE_REHEARSAL_MS);
	json_t *h = handover_new(p);
	_fd_ int write_end = -1;
	int ends[2], rc;

	if (!h || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		json_decref(h);
		return err_errno(e, errno, "cannot start the rehearsal");
	}
	u->report_fd = ends[0];
	write_end = ends[1];
	json_object_set_new(h, "report_fd", json_integer(write_end));
	rc = spawn_rehearsal(p, h, e);
	json_decref(h);
	if (rc < 0)
		return -1;
	u->on_end = event_new(p->base, u->pidfd, EV_READ, on_rehearsal_end, p);
	u->deadline = evtimer_new(p->base, on_rehearsal_deadline, p);
	if (!u->on_end || !u->deadline || event_add(u->on_end, NULL) < 0)
		return err_set(e, "out of memory");
	evtimer_add(u->deadline, &patience);
	return 0;
}

void
upgrade_request(struct parent *p, uint64_t id, struct slice path, uint64_t drain_ms)
{
	struct upgrade *u = &p->upgrade;
	struct err e = {0};

	if (upgrade_is_active(p)) {
		transaction_answer(p, id, false, SLICE_LIT("an upgrade is under way\n"));
		return;
	}
	u->phase = UPGRADE_WAITING;
	u->id = id;
	u->drain_ms = drain_ms;
	if (check_calm(p, &e) < 0 || (u->binary_fd = open_program(path, &e)) < 0 ||
		start_rehearsal(p, &e) < 0) {
		refuse(p, &e);
		return;
	}
	log_info("upgrade is being rehearsed", kv_i("pid", u->pid));
	tell_event(p, "upgrade-rehearsal", NULL, NULL);
}

static void
on_rehearsal_deadline(evutil_socket_t fd, short what, void *ctx)
{
	struct parent *p = ctx;

	(void)fd;
	(void)what;
	/* What follows comes from its end. */
	(void)kill(p->upgrade.pid, SIGKILL);
}

/* DRAIN as a packet of our version: the next program may number messages differently. */
static json_t *
drain_packet(uint64_t ms)
{
	char text[2 * UPGRADE_PACKET_MAX + 1] = "";
	struct slice packet;
	struct msg_out m;
	struct err e;

	if (msg_out_init(&m, MSG_DRAIN, ROLE_PROXY) < 0)
		return NULL;
	msg_put_u64(&m, ms);
	if (msg_out_finish(&m, ROLE_PARENT, &packet, &e) == 0 && packet.n <= UPGRADE_PACKET_MAX)
		for (size_t i = 0; i < packet.n; i++)
			(void)snprintf(text + 2 * i, 3, "%02x", (unsigned char)packet.p[i]);
	msg_out_clear(&m);
	return json_string(text);
}

static int
flush_channels(struct parent *p, struct err *e)
{
	for (enum role role = 0; role < ROLE_COUNT; role++) {
		struct chan *chan = p->children[role].chan;

		if (!chan)
			continue;
		chan_drain(chan, UPGRADE_FLUSH_MS);
		if (!chan_is_idle(chan))
			return err_set(e, "the process %s does not read", role_name(role));
	}
	return 0;
}

/* The point of no return for this image. */
static void
hand_over(struct parent *p)
{
	struct upgrade *u = &p->upgrade;
	struct err e = {0};
	json_t *h = NULL;

	transaction_answer(p, u->id, true, SLICE_LIT(""));
	if (check_calm(p, &e) == 0 && flush_channels(p, &e) == 0)
		h = handover_new(p);
	if (h) {
		json_object_set_new(h, "drain_packet", drain_packet(u->drain_ms));
		json_object_set_new(h, "drain_ms", json_integer((json_int_t)u->drain_ms));
		json_object_set_new(h, "drains", old_drains(p));
		log_info("becoming the new program");
		(void)become(p, u->binary_fd, h, &e);
	}
	json_decref(h);
	refuse(p, &e);
}

/* What the rehearsal had to say; without a word, how it ended. */
static void
read_report(const struct upgrade *u, int status, struct err *e)
{
	char text[UPGRADE_REPORT_MAX], how[PROC_NAME_MAX];
	ssize_t n = read(u->report_fd, text, sizeof(text));

	if (n > 0)
		err_set(e, "the new program does not take over: %.*s", (int)n, text);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_EXECUTED)
		err_set(e, "the new program cannot be executed");
	else
		err_set(e, "the new program does not take over: its rehearsal %s",
			proc_status_text(status, how));
}

static void
on_rehearsal_end(evutil_socket_t fd, short what, void *ctx)
{
	struct parent *p = ctx;
	struct upgrade *u = &p->upgrade;
	struct err e = {0};
	int status;

	(void)fd;
	(void)what;
	if (!proc_reap(u->pid, &status)) {
		event_add(u->on_end, NULL);
		return;
	}
	if (status == 0 && !p->quitting) {
		hand_over(p);
		return;
	}
	read_report(u, status, &e);
	refuse(p, &e);
}

/* --- the new parent, and its rehearsal ------------------------------------------------------- */

static void
report(struct parent *p, const char *text)
{
	if (p->upgrade.report_fd >= 0)
		(void)!write(p->upgrade.report_fd, text, strlen(text));
}

bool
upgrade_commit(struct parent *p, enum role role)
{
	struct upgrade *u = &p->upgrade;
	struct old_child *o;

	if (u->phase == UPGRADE_REHEARSING) {
		/* All are ready: that was the rehearsal. */
		parent_quit(p, 0);
		return true;
	}
	o = u->phase == UPGRADE_TAKEOVER && role != ROLE_PROXY ? old_find(p, role) : NULL;
	if (!o)
		return false;
	u->committing = true;
	u->role = role;
	old_end(o);
	return true;
}

static void
drain_old_proxy(struct parent *p)
{
	const json_t *h = p->upgrade.handed;
	struct old_child *o = old_find(p, ROLE_PROXY);

	if (!o)
		return;
	if (old_tell(o, json_string_value(json_object_get(h, "drain_packet"))) < 0)
		log_warn("the old proxy cannot be told to drain");
	old_let_drain(o, clock_wall_ms() + handover_number(h, "drain_ms") + UPGRADE_DRAIN_MORE_MS);
}

/* There is no way back any more: the old program's file is let go, too. */
static void
forget_handed(struct upgrade *u)
{
	if (u->handed)
		close_fd(handover_fd(u->handed, "binary_fd"));
	json_decref(u->handed);
	u->handed = NULL;
}

void
upgrade_on_committed(struct parent *p)
{
	struct upgrade *u = &p->upgrade;
	struct child *self = &p->children[ROLE_PARENT];
	const char *from;

	if (u->phase != UPGRADE_TAKEOVER)
		return;
	from = json_string_value(json_object_get(u->handed, "version"));
	drain_old_proxy(p);
	list_each(node, &u->old)
	{
		struct old_child *o = list_entry(node, struct old_child, node);

		if (o->draining)
			continue;
		old_end(o);
	}
	self->restarts++;
	tell_process(p, role_name(ROLE_PARENT), self->proc.pid, self);
	log_info("upgraded", kv_s("from", from ? from : "?"), kv_s("to", SLUICE_VERSION));
	tell_event(p, "upgraded", "version", SLUICE_VERSION);
	forget_handed(u);
	edition_free(&u->before);
	u->phase = UPGRADE_NONE;
	upgrade_tell(p);
}

static void
kill_new_children(struct parent *p)
{
	for (enum role role = ROLE_PROXY; role <= ROLE_CONTROL; role++) {
		struct child *c = &p->children[role];

		if (c->proc.pid <= 0)
			continue;
		(void)kill(c->proc.pid, SIGKILL);
		(void)waitpid(c->proc.pid, NULL, 0);
	}
}

/* The way back: the old program finds its children as it left them, but for those that ended. */
static void
roll_back(struct parent *p, const char *why)
{
	struct upgrade *u = &p->upgrade;
	struct err e = {0};

	log_error("upgrade failed, becoming the old program again", kv_s("why", why));
	kill_new_children(p);
	json_object_set_new(u->handed, "failed", json_string(why));
	(void)become(p, handover_fd(u->handed, "binary_fd"), u->handed, &e);
	log_err("there is no way back", &e);
	parent_quit(p, 1);
}

bool
upgrade_on_failed(struct parent *p, const struct conf_errors *errs)
{
	const char *why = errs && errs->n > 0 ? errs->errors[0].msg : "unknown";

	if (p->upgrade.phase == UPGRADE_REHEARSING) {
		if (!p->quitting)
			report(p, why);
		parent_quit(p, 1);
		return true;
	}
	if (p->upgrade.phase != UPGRADE_TAKEOVER)
		return false;
	if (!p->quitting)
		roll_back(p, why);
	return true;
}

/* The old program again: its children are its own as before. */
static int
adopt_all(struct parent *p)
{
	struct upgrade *u = &p->upgrade;
	const char *why = json_string_value(json_object_get(u->handed, "failed"));

	p->current = steal_ptr(&p->next);
	for (enum role role = ROLE_PROXY; role <= ROLE_CONTROL; role++) {
		const json_t *handed = handover_child(u->handed, role);

		if (handed && child_adopt(&p->children[role], handed) < 0)
			log_error("a child is lost", kv_s("name", role_name(role)));
	}
	parent_apply(p);
	tell_event(p, "upgrade-failed", "error", why ? why : "unknown");
	forget_handed(u);
	edition_free(&u->before);
	u->phase = UPGRADE_NONE;
	child_restart_missing(p);
	return 0;
}

static void
take_old_children(struct parent *p)
{
	const json_t *h = p->upgrade.handed, *drains = json_object_get(h, "drains");

	for (size_t i = 0; i < json_array_size(drains); i++) {
		const json_t *handed = json_array_get(drains, i);
		struct old_child *o = old_new(p, ROLE_PROXY, handed);

		if (o)
			old_let_drain(o, handover_number(handed, "until"));
	}
	for (enum role role = ROLE_PROXY; role <= ROLE_CONTROL; role++) {
		const json_t *handed = handover_child(h, role);

		if (handed && !json_object_get(h, "failed") && !old_new(p, role, handed))
			log_error("an old child is lost", kv_s("name", role_name(role)));
	}
}

static int
resume_failed(struct parent *p, const struct err *e)
{
	if (p->upgrade.phase == UPGRADE_REHEARSING)
		report(p, e->msg);
	else if (p->upgrade.handed && !json_object_get(p->upgrade.handed, "failed"))
		roll_back(p, e->msg);
	log_err("cannot go on", e);
	return -1;
}

int
upgrade_resume(struct parent *p, int fd, bool rehearse)
{
	struct upgrade *u = &p->upgrade;
	struct err e = {0};

	u->phase = rehearse ? UPGRADE_REHEARSING : UPGRADE_TAKEOVER;
	(void)prctl(PR_SET_NAME, "sluiced");
	u->handed = handover_read(fd, &e);
	close_fd(fd);
	if (!u->handed)
		return resume_failed(p, &e);
	u->report_fd = rehearse ? handover_fd(u->handed, "report_fd") : -1;
	if (handover_restore(p, u->handed, rehearse, &e) < 0 ||
		parent_settle_handed(p, json_object_get(u->handed, "dnsmasq"), rehearse, &e) < 0)
		return resume_failed(p, &e);
	if (!rehearse)
		take_old_children(p);
	if (json_object_get(u->handed, "failed"))
		return adopt_all(p);
	transaction_take_over(p);
	return 0;
}

void
upgrade_clear(struct parent *p)
{
	struct upgrade *u = &p->upgrade;

	if (u->phase == UPGRADE_WAITING && u->pid > 0) {
		(void)kill(u->pid, SIGKILL);
		(void)waitpid(u->pid, NULL, 0);
	}
	end_rehearsal(u);
	list_each(node, &u->old)
	{
		old_free(list_entry(node, struct old_child, node));
	}
	edition_free(&u->before);
	forget_handed(u);
}
