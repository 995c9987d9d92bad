/*
 * Supervises one dnsmasq. Its configuration is STATE/dnsmasq.conf, its leases STATE/dnsmasq.leases
 * (opened before it gives up root), its pid STATE/dnsmasq.pid, its hosts RUN/dnsmasq.hosts, which
 * it reads again without rights and which is therefore in the run folder.
 */
#include "daemon/dnsmasq.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "core/map.h"
#include "core/num.h"
#include "core/own.h"
#include "core/proc.h"
#include "daemon/state.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNSMASQ_END_MS 2000 /* it may take to end at SIGTERM */
#define DNS_PORT 53
#define CMDLINE_MAX 4096

struct dnsmasq {
	struct event_base *base;
	void (*tell)(const struct dnsmasq_process *process, void *ctx);
	void *ctx;
	char *config_path, *hosts_path, *names_path, *leases_path, *pid_path;
	char *config;        /* what it shall run with; NULL: it shall not run */
	struct addr address; /* of the bridge */
	struct map *hosts;   /* name → its line */
	char *hosts_text;    /* as written last */
	pid_t pid;
	int pidfd;
	struct event *on_end, *timer;
	struct backoff backoff;
	bool ending; /* SIGTERM was sent because its configuration changed */
	struct dnsmasq_process process;
	char note[ERR_MSG_MAX];
};

static void on_ended(evutil_socket_t fd, short what, void *ctx);
static void on_timer(evutil_socket_t fd, short what, void *ctx);

struct dnsmasq *
dnsmasq_new(struct event_base *base, const char *state, const char *run_folder,
	void (*tell)(const struct dnsmasq_process *process, void *ctx), void *ctx)
{
	struct dnsmasq *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->base = base;
	d->tell = tell;
	d->ctx = ctx;
	d->pidfd = -1;
	d->process.note = d->note;
	d->config_path = state_path(state, "dnsmasq.conf");
	d->leases_path = state_path(state, "dnsmasq.leases");
	d->pid_path = state_path(state, "dnsmasq.pid");
	d->hosts_path = state_path(run_folder, "dnsmasq.hosts");
	d->names_path = state_path(run_folder, "dnsmasq.names");
	d->hosts = map_new();
	d->timer = evtimer_new(base, on_timer, d);
	if (!d->config_path || !d->leases_path || !d->hosts_path || !d->names_path ||
		!d->pid_path || !d->hosts || !d->timer)
		dnsmasq_free(&d);
	return d;
}

void
dnsmasq_tell(struct dnsmasq *d)
{
	if (!d || (!d->config && d->pid == 0))
		return;
	d->process.pid = d->pid;
	d->tell(&d->process, d->ctx);
}

pid_t
dnsmasq_pid(const struct dnsmasq *d, uint64_t *ret_started_ms)
{
	if (!d || d->pid == 0)
		return 0;
	*ret_started_ms = d->process.started_ms;
	return d->pid;
}

/* Whether the process is a dnsmasq with our configuration. */
static bool
is_ours(const struct dnsmasq *d, pid_t pid)
{
	_cleanup_(buf_clear) struct buf line = {0};
	_free_ char *path = NULL;
	bool ours;

	buf_init(&line, CMDLINE_MAX);
	if (asprintf(&path, "/proc/%d/cmdline", (int)pid) < 0 || file_read(path, &line, NULL) < 0)
		return false;
	ours = memmem(buf_slice(&line).p, buf_len(&line), d->config_path, strlen(d->config_path)) !=
	       NULL;
	return ours;
}

/* A parent that was killed leaves its dnsmasq behind, which gave up root and with it the wish to
 * die with its parent. It has our address, so it must go before a new one comes. */
void
dnsmasq_sweep(const struct dnsmasq *d)
{
	_cleanup_(buf_clear) struct buf text = {0};
	_fd_ int pidfd = -1;
	uint64_t pid;

	if (!d)
		return;
	buf_init(&text, NUM_TEXT_MAX);
	if (access(d->pid_path, F_OK) < 0 || file_read(d->pid_path, &text, NULL) < 0 ||
		num_parse(slice_trim(slice_head(
				  buf_slice(&text), slice_index(buf_slice(&text), '\n'))),
			2, INT32_MAX, &pid) < 0)
		return;
	/* The descriptor comes first: what is found out then is about the same process. */
	pidfd = pidfd_open((pid_t)pid, 0);
	if (pidfd < 0 || !is_ours(d, (pid_t)pid))
		return;
	log_info("ending the dnsmasq of a daemon that is gone", kv_u("pid", pid));
	if (pidfd_send_signal(pidfd, SIGTERM, NULL, 0) == 0) {
		struct pollfd p = {.fd = pidfd, .events = POLLIN};

		(void)poll(&p, 1, DNSMASQ_END_MS);
	}
}

static void
write_pid(const struct dnsmasq *d)
{
	char text[NUM_TEXT_MAX];
	int n = snprintf(text, sizeof(text), "%d\n", (int)d->pid);
	struct err e = {0};

	if (file_write_atomic(d->pid_path, slice_of(text, (size_t)n), 0600, &e) < 0)
		log_err("cannot write dnsmasq's pid", &e);
}

static void
set_note(struct dnsmasq *d, const char *text)
{
	(void)snprintf(d->note, sizeof(d->note), "%s", text);
}

static const char *
find_program(void)
{
	static const char *const places[] = {
		"/usr/sbin/dnsmasq", "/usr/local/sbin/dnsmasq", "/sbin/dnsmasq"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

/* A resolver that already has our address (that of lxc-net, most likely) would make ours fail
 * with a message that helps nobody. */
static int
check_port(const struct dnsmasq *d, struct err *e)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = addr_to_sockaddr(&d->address, DNS_PORT, &ss);
	_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char text[ADDR_TEXT_MAX];

	if (fd < 0 || bind(fd, (const struct sockaddr *)&ss, len) == 0 || errno != EADDRINUSE)
		return 0;
	return err_set(e,
		"another resolver serves %s already; when it is that of lxc-net: "
		"systemctl disable --now lxc-net",
		addr_print(&d->address, text));
}

/* The leases, less those that contradict the hosts. Returns how many those are; -1 when the file
 * cannot be read (there is none yet, mostly). */
static ssize_t
read_leases(const struct dnsmasq *d, struct buf *ret)
{
	_cleanup_(buf_clear) struct buf text = {0};
	size_t dropped;

	buf_init(&text, DNSMASQ_TEXT_MAX);
	buf_init(ret, DNSMASQ_TEXT_MAX);
	if (!d->hosts_text || access(d->leases_path, F_OK) < 0 ||
		file_read(d->leases_path, &text, NULL) < 0 ||
		dnsmasq_print_leases(buf_slice(&text), slice_str(d->hosts_text), ret, &dropped) < 0)
		return -1;
	return (ssize_t)dropped;
}

/* dnsmasq keeps its leases in memory, and reads the file when it starts. */
static void
drop_leases(const struct dnsmasq *d)
{
	_cleanup_(buf_clear) struct buf leases = {0};
	ssize_t dropped = read_leases(d, &leases);
	struct err e = {0};

	if (dropped <= 0)
		return;
	if (file_write_atomic(d->leases_path, buf_slice(&leases), 0644, &e) < 0)
		log_err("cannot write dnsmasq's leases", &e);
	else
		log_info("leases of addresses that others have now are dropped",
			kv_i("leases", dropped));
}

static bool
has_stale_leases(const struct dnsmasq *d)
{
	_cleanup_(buf_clear) struct buf leases = {0};

	return read_leases(d, &leases) > 0;
}

static int
spawn(struct dnsmasq *d, struct err *e)
{
	const char *program = find_program();
	_free_ char *option = NULL;

	if (!program)
		return err_set(e, "dnsmasq is missing, and containers need it for their addresses: "
				  "apt-get install dnsmasq-base");
	if (check_port(d, e) < 0)
		return -1;
	drop_leases(d);
	if (file_write_atomic(d->config_path, slice_str(d->config), 0600, e) < 0)
		return -1;
	if (asprintf(&option, "--conf-file=%s", d->config_path) < 0)
		return err_set(e, "out of memory");
	return proc_spawn_program(program,
		(char *[]){(char[]){"dnsmasq"}, (char[]){"--keep-in-foreground"}, option, NULL},
		PROC_OWN_GROUP, &d->pid, &d->pidfd, e);
}

static void
plan_restart(struct dnsmasq *d)
{
	struct timeval tv;
	uint64_t ms = backoff_next(&d->backoff, clock_mono_ms());

	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	evtimer_add(d->timer, &tv);
}

static void
start(struct dnsmasq *d)
{
	struct err e = {0};

	backoff_started(&d->backoff, clock_mono_ms());
	if (spawn(d, &e) < 0) {
		/* Said once, not at every attempt. */
		if (strcmp(d->note, e.msg) != 0)
			log_err("cannot start dnsmasq", &e);
		set_note(d, e.msg);
		d->pid = 0;
		plan_restart(d);
		dnsmasq_tell(d);
		return;
	}
	set_note(d, "");
	d->process.started_ms = clock_wall_ms();
	d->on_end = event_new(d->base, d->pidfd, EV_READ, on_ended, d);
	if (d->on_end)
		event_add(d->on_end, NULL);
	write_pid(d);
	log_info("dnsmasq started", kv_i("pid", d->pid));
	dnsmasq_tell(d);
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct dnsmasq *d = ctx;

	(void)fd;
	(void)what;
	if (d->config && d->pid == 0)
		start(d);
}

static void
forget_process(struct dnsmasq *d)
{
	if (d->on_end)
		event_free(d->on_end);
	d->on_end = NULL;
	d->pidfd = close_fd(d->pidfd);
	d->pid = 0;
	d->ending = false;
}

static void
on_ended(evutil_socket_t fd, short what, void *ctx)
{
	struct dnsmasq *d = ctx;
	char text[PROC_NAME_MAX];
	bool expected = d->ending;
	int status;

	(void)fd;
	(void)what;
	if (!proc_reap(d->pid, &status)) {
		event_add(d->on_end, NULL);
		return;
	}
	proc_status_text(status, text);
	log_write(expected ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "dnsmasq ended", kv_i("pid", d->pid),
		kv_s("status", text), kv_end());
	forget_process(d);
	if (!expected) {
		d->process.restarts++;
		set_note(d, text);
	}
	dnsmasq_tell(d);
	if (d->config && expected)
		start(d);
	else if (d->config)
		plan_restart(d);
}

static void
end(struct dnsmasq *d)
{
	evtimer_del(d->timer);
	if (d->pid == 0 || d->ending)
		return;
	d->ending = true;
	kill(d->pid, SIGTERM);
}

/* The configuration that c wants, in fresh memory; NULL for none. */
static char *
wanted_config(struct dnsmasq *d, const struct conf *c)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	const struct passwd *user = getpwnam("dnsmasq");
	struct dnsmasq_paths paths = {.hosts = d->hosts_path,
		.names = d->names_path,
		.leases = d->leases_path,
		.user = user ? "dnsmasq" : "nobody",
		.group = "nogroup"};
	char *text = NULL;
	struct buf b;

	if (!c->bridge || c->n_containers == 0)
		return NULL;
	d->address = c->bridge->v4.addr;
	buf_init(&b, DNSMASQ_TEXT_MAX);
	if (dnsmasq_print_config(c->bridge, &paths, &b) == 0)
		text = slice_dup(buf_slice(&b));
	buf_clear(&b);
	return text;
}

/* The names of the same hosts: known before a container asks for its address. */
static void
write_names(struct dnsmasq *d)
{
	struct err e = {0};
	struct buf b;
	size_t cursor = 0;
	const char *line;

	buf_init(&b, DNSMASQ_TEXT_MAX);
	while ((line = map_next(d->hosts, &cursor, NULL)))
		if (dnsmasq_print_names(slice_str(line), &b) < 0)
			log_error("too many names for dnsmasq", kv_s("line", line));
	if (file_write_atomic(d->names_path, buf_slice(&b), 0644, &e) < 0)
		log_err("cannot write dnsmasq's names", &e);
	buf_clear(&b);
}

/* Writes the list of hosts when it changed. True when it did. */
static bool
write_hosts(struct dnsmasq *d)
{
	struct err e = {0};
	struct buf b;
	size_t cursor = 0;
	const char *line;
	bool changed;

	buf_init(&b, DNSMASQ_TEXT_MAX);
	while ((line = map_next(d->hosts, &cursor, NULL)))
		if (buf_append_str(&b, line) < 0)
			log_error("too many containers for dnsmasq", kv_s("line", line));
	changed = !d->hosts_text || !slice_eq_str(buf_slice(&b), d->hosts_text);
	if (changed) {
		free(d->hosts_text);
		d->hosts_text = slice_dup(buf_slice(&b));
		if (file_write_atomic(d->hosts_path, buf_slice(&b), 0644, &e) < 0)
			log_err("cannot write dnsmasq's hosts", &e);
		write_names(d);
	}
	buf_clear(&b);
	return changed;
}

static void
hosts_changed(struct dnsmasq *d)
{
	if (!d->config || !write_hosts(d) || d->pid <= 0 || d->ending)
		return;
	if (has_stale_leases(d))
		end(d);
	else
		kill(d->pid, SIGHUP);
}

void
dnsmasq_update(struct dnsmasq *d, const struct conf *c)
{
	_free_ char *config = d ? wanted_config(d, c) : NULL;
	bool same;

	if (!d)
		return;
	same = config && d->config && strcmp(config, d->config) == 0;
	free(d->config);
	d->config = steal_ptr(&config);
	if (!d->config) {
		end(d);
		return;
	}
	write_hosts(d);
	if (d->pid == 0 && !evtimer_pending(d->timer, NULL))
		start(d);
	else if (!same && d->pid > 0)
		end(d);
}

json_t *
dnsmasq_handover(const struct dnsmasq *d)
{
	if (!d || d->pid == 0)
		return json_object();
	return json_pack("{s:I, s:i, s:I, s:I}", "pid", (json_int_t)d->pid, "pid_fd", d->pidfd,
		"restarts", (json_int_t)d->process.restarts, "started",
		(json_int_t)d->process.started_ms);
}

void
dnsmasq_adopt(struct dnsmasq *d, const json_t *handed, int pidfd)
{
	_cleanup_(buf_clear) struct buf config = {0};

	if (!d || pidfd < 0) {
		close_fd(pidfd);
		return;
	}
	d->pid = (pid_t)json_integer_value(json_object_get(handed, "pid"));
	d->pidfd = pidfd;
	d->process.restarts = (uint32_t)json_integer_value(json_object_get(handed, "restarts"));
	d->process.started_ms = (uint64_t)json_integer_value(json_object_get(handed, "started"));
	/* What it runs with: the next update compares. */
	buf_init(&config, DNSMASQ_TEXT_MAX);
	if (file_read(d->config_path, &config, NULL) == 0)
		d->config = slice_dup(buf_slice(&config));
	d->on_end = event_new(d->base, d->pidfd, EV_READ, on_ended, d);
	if (d->on_end)
		event_add(d->on_end, NULL);
}

void
dnsmasq_set_host(struct dnsmasq *d, const struct dnsmasq_host *host)
{
	void *old = NULL;
	char *line;
	struct buf b;

	if (!d)
		return;
	buf_init(&b, DNSMASQ_TEXT_MAX);
	if (!host->managed || dnsmasq_print_host(host, &b) < 0 || buf_len(&b) == 0) {
		buf_clear(&b);
		dnsmasq_remove_host(d, host->name);
		return;
	}
	line = slice_dup(buf_slice(&b));
	buf_clear(&b);
	if (!line || map_set(d->hosts, host->name, line, &old) < 0)
		free(line);
	free(old);
	hosts_changed(d);
}

void
dnsmasq_remove_host(struct dnsmasq *d, struct slice name)
{
	char *line = d ? map_remove(d->hosts, name) : NULL;

	if (!line)
		return;
	free(line);
	hosts_changed(d);
}

static void
end_and_wait(struct dnsmasq *d)
{
	struct pollfd p = {.fd = d->pidfd, .events = POLLIN};
	int status;

	if (d->pid == 0)
		return;
	kill(d->pid, SIGTERM);
	if (poll(&p, 1, DNSMASQ_END_MS) <= 0) {
		kill(d->pid, SIGKILL);
		(void)poll(&p, 1, DNSMASQ_END_MS);
	}
	(void)proc_reap(d->pid, &status);
	forget_process(d);
}

void
dnsmasq_free(struct dnsmasq **dp)
{
	struct dnsmasq *d = *dp;
	size_t cursor = 0;
	char *line;

	if (!d)
		return;
	end_and_wait(d);
	while (d->hosts && (line = map_next(d->hosts, &cursor, NULL)))
		free(line);
	map_free(&d->hosts);
	if (d->timer)
		event_free(d->timer);
	if (d->hosts_path)
		(void)unlink(d->hosts_path);
	if (d->names_path)
		(void)unlink(d->names_path);
	if (d->pid_path)
		(void)unlink(d->pid_path);
	free(d->config_path);
	free(d->hosts_path);
	free(d->names_path);
	free(d->leases_path);
	free(d->pid_path);
	free(d->config);
	free(d->hosts_text);
	free(d);
	*dp = NULL;
}
