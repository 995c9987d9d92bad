/* liblxc behind engine.h. Objects are never put back: a helper ends when its one job is done. */
#include "lxc/engine.h"

#include "core/file.h"
#include "core/own.h"
#include "lxc/text.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <lxc/lxccontainer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define LIBLXC "liblxc.so.1"
#define SETTLE_S 4   /* for a container between two states */
#define STOPPED_S 20 /* for the monitor to sweep up after an init that ended */
#define LOG_MAX (256 * 1024)
#define VALUE_MAX 256
#define TTY_ANY (-1)

struct engine {
	struct lxc_container *c;
	int log_fd; /* memfd */
};

typedef struct lxc_container *container_new_fn(const char *name, const char *path);
typedef int log_init_fn(struct lxc_log *log);

/* What it takes to call what dlsym found, without converting an object pointer to a function's. */
union symbol {
	void *object;
	container_new_fn *container_new;
	log_init_fn *log_init;
};

static int
find_symbol(void *library, const char *name, union symbol *ret, struct err *e)
{
	ret->object = dlsym(library, name);
	return ret->object ? 0 : err_set(e, "%s lacks %s", LIBLXC, name);
}

/* liblxc opens its log by path: the memfd has one in /proc. */
static int
open_log(struct engine *n, void *library, struct err *e)
{
	struct lxc_log log = {.level = "ERROR", .prefix = ENGINE_LOG_PREFIX, .quiet = true};
	char path[64];
	union symbol init;

	n->log_fd = memfd_create("lxc-log", MFD_CLOEXEC);
	if (n->log_fd < 0)
		return err_errno(e, errno, "memfd");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", n->log_fd);
	log.file = path;
	if (find_symbol(library, "lxc_log_init", &init, e) < 0)
		return -1;
	/* Without a log there is only less to say about failures. */
	(void)init.log_init(&log);
	return 0;
}

struct engine *
engine_open(const char *lxc_path, const char *name, struct err *e)
{
	struct engine *n = calloc(1, sizeof(*n));
	void *library = dlopen(LIBLXC, RTLD_NOW | RTLD_LOCAL);
	union symbol new;

	if (!library)
		err_set(e, "%s cannot be opened: %s", LIBLXC,
			dlerror()); /* NOLINT(concurrency-mt-unsafe) */
	if (!n || !library || open_log(n, library, e) < 0 ||
		find_symbol(library, "lxc_container_new", &new, e) < 0) {
		free(n);
		return NULL;
	}
	n->c = new.container_new(name, lxc_path);
	if (!n->c) {
		err_set(e, "liblxc cannot open container %s", name);
		free(n);
		return NULL;
	}
	return n;
}

/* The message of a log line: "sluice NAME DATE ERROR  file - path:function:line - message". */
static struct slice
message_of(struct slice line)
{
	for (size_t dashes = 0; line.n > 0; line = slice_skip(line, 1)) {
		if (slice_starts(line, SLICE_LIT(" - ")) && ++dashes == 2)
			return slice_skip(line, 3);
	}
	return line;
}

/* Fills e with what failed and the first errors that liblxc wrote: they are the cause, the later
 * ones its consequences. */
static int
fail(struct engine *n, struct err *e, const char *what)
{
	char text[ERR_MSG_MAX] = "";
	struct buf log;
	struct slice rest;

	buf_init(&log, LOG_MAX);
	(void)lseek(n->log_fd, 0, SEEK_SET);
	(void)file_read_fd(n->log_fd, "log", &log, NULL);
	for (rest = buf_slice(&log); rest.n > 0;) {
		struct slice line = slice_head(rest, slice_index(rest, '\n'));

		rest = slice_skip(rest, line.n + 1);
		line = message_of(line);
		if (line.n > 0 && strlen(text) + line.n + 3 < sizeof(text))
			(void)text_add(
				text, sizeof(text), "%s%.*s", text[0] ? "; " : "", SLICE_ARG(line));
	}
	buf_clear(&log);
	return err_set(e, "%s%s%s", what, text[0] ? ": " : "", text);
}

/* --- what it is --- */

static void
copy_running(struct engine *n, const char *key, char *out, size_t size)
{
	_free_ char *value = n->c->get_running_config_item(n->c, key);
	size_t length = value ? strcspn(value, "\n") : 0;

	if (value && length < size) {
		memcpy(out, value, length);
		out[length] = '\0';
	}
}

static enum container_state
state_of(const char *text)
{
	static const struct {
		const char *name;
		enum container_state state;
	} states[] = {
		{"STARTING", CONTAINER_STARTING},
		{"RUNNING", CONTAINER_RUNNING},
		{"THAWED", CONTAINER_RUNNING},
		{"FREEZING", CONTAINER_RUNNING},
		{"FROZEN", CONTAINER_FROZEN},
		{"STOPPING", CONTAINER_STOPPING},
		{"ABORTING", CONTAINER_STOPPING},
	};

	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		if (!strcmp(text, states[i].name))
			return states[i].state;
	}
	return CONTAINER_STOPPED;
}

static enum container_state
ask_state(struct engine *n)
{
	const char *text = n->c->state(n->c);

	return text ? state_of(text) : CONTAINER_STOPPED;
}

int
engine_view(struct engine *n, struct job_view *ret, struct err *e)
{
	struct job_view v = {.state = CONTAINER_STOPPED};

	(void)e;
	v.state = ask_state(n);
	if (v.state == CONTAINER_STARTING)
		(void)n->c->wait(n->c, "RUNNING|STOPPED", SETTLE_S);
	if (v.state == CONTAINER_STOPPING)
		(void)n->c->wait(n->c, "STOPPED", SETTLE_S);
	v.state = ask_state(n);
	if (v.state == CONTAINER_RUNNING || v.state == CONTAINER_FROZEN) {
		v.pid = n->c->init_pid(n->c);
		copy_running(n, "lxc.net.0.hwaddr", v.mac, sizeof(v.mac));
		copy_running(n, "lxc.net.0.veth.pair", v.veth, sizeof(v.veth));
		copy_running(n, "lxc.net.0.link", v.link, sizeof(v.link));
		copy_running(n, "lxc.net.0.ipv4.address", v.address, sizeof(v.address));
		copy_running(n, "lxc.net.0.ipv6.address", v.address6, sizeof(v.address6));
		/* It ended while it was asked. */
		if (v.pid <= 0)
			v = (struct job_view){.state = CONTAINER_STOPPED};
	}
	*ret = v;
	return 0;
}

/* --- what is done with it --- */

int
engine_start(struct engine *n, const char *port, struct err *e)
{
	enum container_state now = ask_state(n);

	if (now == CONTAINER_STARTING)
		(void)n->c->wait(n->c, "RUNNING|STOPPED", SETTLE_S);
	if (now == CONTAINER_STOPPING)
		(void)n->c->wait(n->c, "STOPPED", STOPPED_S);
	now = ask_state(n);
	if (now == CONTAINER_RUNNING || now == CONTAINER_FROZEN)
		return 0;
	/* For this start alone: the file stays as it is. */
	if (port[0] && !n->c->set_config_item(n->c, "lxc.net.0.veth.pair", port))
		return fail(n, e, "the name of its port");
	n->c->want_daemonize(n->c, true);
	/* The monitor lives as long as the container: none of our descriptors is for it. */
	n->c->want_close_all_fds(n->c, true);
	if (n->c->start(n->c, 0, NULL))
		return 0;
	/* Somebody else was faster. */
	if (ask_state(n) == CONTAINER_RUNNING)
		return 0;
	return fail(n, e, "start");
}

int
engine_shutdown(struct engine *n, struct err *e)
{
	/* 0: only the signal; who asked waits for the end of init himself. */
	return n->c->shutdown(n->c, 0) ? 0 : fail(n, e, "shutdown");
}

int
engine_kill(struct engine *n, struct err *e)
{
	if (n->c->stop(n->c) || ask_state(n) == CONTAINER_STOPPED)
		return 0;
	return fail(n, e, "kill");
}

int
engine_freeze(struct engine *n, struct err *e)
{
	return n->c->freeze(n->c) ? 0 : fail(n, e, "freeze");
}

int
engine_thaw(struct engine *n, struct err *e)
{
	return n->c->unfreeze(n->c) ? 0 : fail(n, e, "thaw");
}

int
engine_create(struct engine *n, const char *template, char *const argv[], struct err *e)
{
	/* An empty configuration, or liblxc would take /etc/lxc/default.conf. */
	if (!n->c->load_config(n->c, "/dev/null"))
		return fail(n, e, "create");
	if (n->c->create(n->c, template, "dir", NULL, 0, argv))
		return 0;
	return fail(n, e, "create");
}

/* --- sessions --- */

/* Runs in the container's namespaces, in a process that liblxc forked. */
static int
exec_in_container(void *payload)
{
	const struct engine_attach *a = payload;

	if (a->tty) {
		(void)setsid();
		(void)ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	}
	execvp(a->argv[0], a->argv);
	(void)fprintf(stderr, "%s: %s\n", a->argv[0], strerrordesc_np(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

int
engine_attach(struct engine *n, const struct engine_attach *a, pid_t *ret_pid, struct err *e)
{
	struct engine_attach payload = *a;
	char folder[] = "/root";
	/* liblxc's own initializer, but for what is said here. */
	lxc_attach_options_t options = {
		.attach_flags = LXC_ATTACH_DEFAULT,
		.namespaces = -1,
		.personality = LXC_ATTACH_DETECT_PERSONALITY,
		.initial_cwd = folder,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.env_policy = LXC_ATTACH_CLEAR_ENV,
		.extra_env_vars = payload.env,
		.stdin_fd = a->fds[0],
		.stdout_fd = a->fds[1],
		.stderr_fd = a->fds[2],
		.log_fd = -EBADF,
	};

	if (n->c->attach(n->c, exec_in_container, &payload, &options, ret_pid) < 0)
		return fail(n, e, "attach");
	return 0;
}

int
engine_devpts(struct engine *n, int *ret_fd, struct err *e)
{
	int fd = n->c->devpts_fd(n->c);

	if (fd < 0)
		return err_set(e, "the container has no devpts");
	*ret_fd = fd;
	return 0;
}

int
engine_console(struct engine *n, int *ret_ptx, int *ret_hold, struct err *e)
{
	int tty = TTY_ANY;
	int ptx = -1;
	int hold = n->c->console_getfd(n->c, &tty, &ptx);

	if (hold < 0 || ptx < 0)
		return fail(n, e, "no terminal of the container is free");
	*ret_ptx = ptx;
	*ret_hold = hold;
	return 0;
}
