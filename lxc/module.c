/*
 * The lxc process: one loop, one channel to the parent. This file is its main function and the
 * messages it understands; what they mean is done elsewhere. It parses no network input, and it
 * never calls liblxc: helpers do.
 */
#include "lxc/module.h"

#include "core/chan.h"
#include "core/file.h"
#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "core/proc.h"
#include "core/sandbox.h"
#include "lxc/boot.h"
#include "lxc/check.h"
#include "lxc/ending.h"
#include "lxc/fleet.h"
#include "lxc/monitor.h"
#include "lxc/session.h"
#include "lxc/speak.h"
#include "lxc/task.h"
#include "lxc/text.h"
#include "lxc/usage.h"
#include "lxc/watch.h"
#include "lxc/world.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define MOUNTINFO_MAX (4 * 1024 * 1024)
#define APPARMOR_FILE "/sys/module/apparmor/parameters/enabled"
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define ENV_MAX 16
#define ENV_TEXT_MAX 1024

/* The one global of this process. */
static struct lxc lxc;

static void on_msg(struct chan *c, struct msg_in *m, void *ctx);
static void on_close(struct chan *c, const char *reason, void *ctx);

static const struct chan_ops ops = {.on_msg = on_msg, .on_close = on_close};

const char *
lxc_path(const struct lxc *l)
{
	return l->conf ? l->conf->lxc_path : CONF_DEFAULT_LXC_PATH;
}

void
lxc_tell(struct lxc *l, const char *what, ...)
{
	struct msg_out m;
	const char *key;
	va_list ap;

	if (msg_out_init(&m, MSG_EVENT, ROLE_CONTROL) < 0)
		return;
	msg_put_str(&m, what);
	va_start(ap, what);
	while ((key = va_arg(ap, const char *))) {
		msg_put_str(&m, key);
		msg_put_str(&m, va_arg(ap, const char *));
	}
	va_end(ap);
	(void)chan_send(l->parent, &m);
	msg_out_clear(&m);
}

static void
send_generation(struct lxc *l, enum msg_type type, uint64_t generation)
{
	struct msg_out m;

	if (msg_out_init(&m, type, ROLE_PARENT) < 0)
		return;
	msg_put_u64(&m, generation);
	(void)chan_send(l->parent, &m);
	msg_out_clear(&m);
}

static void
send_refused(struct lxc *l, uint64_t generation, const struct err *e)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_REFUSED, ROLE_PARENT) < 0)
		return;
	msg_put_u64(&m, generation);
	msg_put_u32(&m, e->ordinal);
	msg_put_str(&m, e->msg);
	(void)chan_send(l->parent, &m);
	msg_out_clear(&m);
}

static void
send_job_done(struct lxc *l, uint64_t id, bool ok, const char *why)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_JOB_DONE, ROLE_CONTROL) < 0)
		return;
	msg_put_u64(&m, id);
	msg_put_u8(&m, ok);
	msg_put_str(&m, why);
	(void)chan_send(l->parent, &m);
	msg_out_clear(&m);
}

/* --- generations --- */

static int
read_offer(int fd, struct conf **ret, struct err *e)
{
	struct conf_errors errors = {.n = 0};
	struct conf_input in = {.name = "configuration"};
	struct memfd_map map;
	int parsed;

	if (memfd_map(fd, CONF_TEXT_MAX, &map, e) < 0)
		return -1;
	in.text = map.bytes;
	parsed = conf_parse(&in, ret, NULL, &errors);
	memfd_unmap(&map);
	if (parsed < 0)
		*e = errors.errors[0];
	return parsed;
}

static void
on_offer(struct lxc *l, struct msg_in *m)
{
	uint64_t generation = msg_get_u64(m);
	_fd_ int fd = msg_take_fd(m);
	struct err e = {0};

	if (msg_finish(m) < 0)
		return;
	conf_unref(&l->offered);
	l->offered_generation = generation;
	if (read_offer(fd, &l->offered, &e) < 0) {
		l->offered = NULL;
		send_refused(l, generation, &e);
	}
}

static void
on_offer_end(struct lxc *l, uint64_t generation)
{
	struct err e = {0};

	if (!l->offered || l->offered_generation != generation)
		return;
	if (check_conf(l->offered, &e) == 0) {
		send_generation(l, MSG_READY, generation);
		return;
	}
	conf_unref(&l->offered);
	send_refused(l, generation, &e);
}

static void
prepare_folders(const struct conf *conf)
{
	struct err e;

	if (file_mkdirs(conf->lxc_path, 0755, &e) < 0)
		log_err("lxc-path", &e);
}

static void
on_commit(struct lxc *l, uint64_t generation)
{
	bool first = !l->conf;
	struct err e;

	if (!l->offered || l->offered_generation != generation)
		return;
	prepare_folders(l->offered);
	log_set_level(l->offered->log_level);
	fleet_commit(l, l->offered);
	l->offered = NULL;
	send_generation(l, MSG_COMMITTED, generation);
	if (first && watch_start(l, &e) < 0)
		log_err("not watching", &e);
	monitor_listen(l);
	boot_begin(l);
	fleet_scan(l);
}

static void
on_abort(struct lxc *l, uint64_t generation)
{
	if (l->offered_generation == generation)
		conf_unref(&l->offered);
}

/* --- jobs --- */

static void
on_job_done(struct guest *g, uint64_t id, bool ok, const char *why)
{
	send_job_done(g->lxc, id, ok, why);
}

/* What has to hold before a job is queued; NULL when it does. */
static const char *
refusal(const struct lxc *l, const struct guest *g, enum task_kind kind)
{
	bool starts = kind == TASK_START || kind == TASK_RESTART;

	if (!g)
		return "no such container";
	if (!guest_is_managed(g))
		return "not in the configuration";
	if (starts && l->stopping)
		return "the daemon is shutting down";
	if (kind == TASK_START && g->state == CONTAINER_FROZEN)
		return "it is frozen: thaw it";
	return NULL;
}

static bool
is_job(enum task_kind kind)
{
	return kind == TASK_START || kind == TASK_STOP || kind == TASK_RESTART ||
	       kind == TASK_FREEZE || kind == TASK_THAW;
}

static void
on_job(struct lxc *l, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	struct slice verb = msg_get_slice(m), name = msg_get_slice(m);
	enum task_kind kind;
	const char *why;
	struct guest *g;
	struct err e;

	if (msg_finish(m) < 0)
		return;
	if (task_kind_find(verb, &kind) < 0 || !is_job(kind)) {
		send_job_done(l, id, false, "no such job");
		return;
	}
	g = guest_find(l, name);
	why = refusal(l, g, kind);
	if (why) {
		send_job_done(l, id, false, why);
		return;
	}
	/* From now on it is stopped, or wanted running, because somebody said so. */
	if (kind == TASK_STOP || kind == TASK_START || kind == TASK_RESTART)
		ending_hold(g, kind == TASK_STOP);
	if (task_add(g, kind, on_job_done, id, &e) < 0)
		send_job_done(l, id, false, e.msg);
}

/* --- the rest --- */

static void
on_sync(struct lxc *l, struct msg_in *m)
{
	char name[64];
	enum role role;
	struct slice s = msg_get_slice(m);

	(void)text_copy(name, sizeof(name), s);
	if (msg_finish(m) == 0 && role_find(name, &role) == 0)
		fleet_send(l, role);
}

static void
on_stats(struct lxc *l, uint64_t id)
{
	struct stats *arrays[] = {&l->stats};
	struct msg_out m;

	atomic_store(&l->stats.value[STAT_CONTAINERS_RUNNING], fleet_running(l));
	atomic_store(&l->stats.value[STAT_HELPERS_RUN], l->spawner.run);
	atomic_store(&l->stats.value[STAT_HELPERS_FAILED], l->spawner.failed);
	if (msg_out_init(&m, MSG_STATS, ROLE_CONTROL) < 0)
		return;
	msg_put_u64(&m, id);
	stats_put(&m, ROLE_LXC, arrays, ARRAY_SIZE(arrays));
	(void)chan_send(l->parent, &m);
	msg_out_clear(&m);
}

static void
on_exec(struct lxc *l, struct msg_in *m)
{
	_fd_ int fd = -1;

	(void)msg_get_u64(m);
	fd = msg_take_fd(m);
	if (msg_finish(m) == 0 && fd >= 0)
		session_begin(l, steal_fd(&fd));
}

/* Messages that are one number. */
static void
on_number(struct lxc *l, struct msg_in *m)
{
	enum msg_type type = m->type;
	uint64_t n = msg_get_u64(m);

	if (msg_finish(m) < 0)
		return;
	if (type == MSG_OFFER_END)
		on_offer_end(l, n);
	else if (type == MSG_COMMIT)
		on_commit(l, n);
	else if (type == MSG_ABORT)
		on_abort(l, n);
	else if (type == MSG_STATS_GET)
		on_stats(l, n);
	else if (type == MSG_USAGE_GET)
		usage_send(l, n);
}

static void
on_msg(struct chan *c, struct msg_in *m, void *ctx)
{
	struct lxc *l = ctx;

	(void)c;
	if (m->type == MSG_OFFER)
		on_offer(l, m);
	else if (m->type == MSG_JOB)
		on_job(l, m);
	else if (m->type == MSG_EXEC)
		on_exec(l, m);
	else if (m->type == MSG_SYNC)
		on_sync(l, m);
	else if (m->type == MSG_STOP_ALL)
		boot_stop_all(l);
	else
		on_number(l, m);
}

/* The parent is gone, or wants us gone: containers stay. */
static void
on_close(struct chan *c, const char *reason, void *ctx)
{
	struct lxc *l = ctx;

	(void)c;
	log_debug("channel to the parent closed", kv_s("reason", reason));
	(void)event_base_loopbreak(l->base);
}

static void
on_announce(evutil_socket_t fd, short events, void *ctx)
{
	struct lxc *l = ctx;

	(void)fd;
	(void)events;
	list_each(node, &l->guests)
	{
		guest_flush(list_entry(node, struct guest, node));
	}
}

static void
on_resync(evutil_socket_t fd, short events, void *ctx)
{
	struct lxc *l = ctx;

	(void)fd;
	(void)events;
	if (!l->conf)
		return;
	monitor_listen(l);
	fleet_resync(l);
}

/* --- main --- */

static void
read_host(struct lxc *l)
{
	struct buf text;

	buf_init(&text, MOUNTINFO_MAX);
	if (file_read("/proc/self/mountinfo", &text, NULL) < 0)
		log_warn("cannot read the mounts: limits are not checked");
	cgroup_layout_parse(buf_slice(&text), &l->layout);
	buf_reset(&text);
	l->apparmor = file_read(APPARMOR_FILE, &text, NULL) == 0 &&
		      slice_starts(buf_slice(&text), SLICE_LIT("Y"));
	buf_reset(&text);
	if (file_read(BOOT_ID_FILE, &text, NULL) == 0)
		(void)text_copy(l->boot_id, sizeof(l->boot_id), buf_slice(&text));
	buf_clear(&text);
}

/* What helpers, and through them templates and hooks, have in their environment. */
static char **
helper_env(void)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char home[] = "HOME=/root";
	/* Of the sanitizers: they are there in builds with sanitizers only. */
	static const char *const passed[] = {"SLUICE_LOG", "SLUICE_SANITIZER_DIR", "ASAN_OPTIONS",
		"UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"};
	static char texts[ARRAY_SIZE(passed)][ENV_TEXT_MAX];
	static char *env[ENV_MAX] = {path, home};
	size_t n = 2;

	for (size_t i = 0; i < ARRAY_SIZE(passed); i++) {
		const char *value = getenv(passed[i]); /* NOLINT(concurrency-mt-unsafe) */

		if (value && text_print(texts[i], ENV_TEXT_MAX, "%s=%s", passed[i], value) == 0)
			env[n++] = texts[i];
	}
	return env;
}

static int
prepare(struct lxc *l, struct err *e)
{
	const struct timeval resync = {.tv_sec = FLEET_RESYNC_S};
	struct event *timer;

	l->monitor_fd = -1;
	list_init(&l->guests);
	list_init(&l->sessions);
	slot_init(&l->creations, CREATIONS_AT_A_TIME);
	slot_init(&l->starts, STARTS_AT_A_TIME);
	slot_init(&l->queries, QUERIES_AT_A_TIME);
	l->base = event_base_new();
	if (!l->base)
		return err_set(e, "no event loop");
	spawner_init(&l->spawner, l->base, PROC_FD_BINARY, helper_env());
	l->announce = event_new(l->base, -1, 0, on_announce, l);
	timer = event_new(l->base, -1, EV_PERSIST, on_resync, l);
	if (!l->announce || !timer || event_add(timer, &resync) < 0 || boot_init(l, e) < 0)
		return err_set(e, "out of memory");
	l->resync = timer;
	l->parent = chan_new(l->base, PROC_FD_CHANNEL, ROLE_LXC, ROLE_PARENT, &ops, l, e);
	return l->parent ? 0 : -1;
}

static void
send_hello(struct lxc *l)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_HELLO, ROLE_PARENT) < 0)
		return;
	msg_put_u32(&m, (uint32_t)getpid());
	(void)chan_send(l->parent, &m);
	msg_out_clear(&m);
}

static void
clear(struct lxc *l)
{
	session_clear_all(l);
	list_each(node, &l->guests)
	{
		struct guest *g = list_entry(node, struct guest, node);

		guest_free(&g, false);
	}
	boot_clear(l);
	watch_stop(l);
	monitor_stop(l);
	spawner_clear(&l->spawner);
	conf_unref(&l->offered);
	conf_unref(&l->conf);
	chan_free(&l->parent);
	event_free(l->announce);
	event_free(l->resync);
	event_base_free(l->base);
}

int
lxc_main(void)
{
	struct err e = {0};

	speak_as("lxc", STDERR_FILENO);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sandbox_enter(ROLE_LXC, NULL, 0, &e) < 0 || prepare(&lxc, &e) < 0) {
		log_err("cannot start", &e);
		return 1;
	}
	read_host(&lxc);
	send_hello(&lxc);
	(void)event_base_dispatch(lxc.base);
	clear(&lxc);
	return 0;
}
