/*
 * The helper: one job, then the end. It takes its job from the channel, does it, answers, and
 * leaves by _exit: nothing of liblxc is tidied up, the kernel does that better.
 */
#include "lxc/module.h"

#include "core/chan.h"
#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "core/proc.h"
#include "lxc/attach.h"
#include "lxc/create.h"
#include "lxc/engine.h"
#include "lxc/job.h"
#include "lxc/speak.h"
#include "lxc/text.h"
#include "lxc/tree.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define DRAIN_MS 2000
#define LOG_FD_MIN 10
#define NOFILE_USUAL 1024 /* the soft limit that programs of containers are written for */

/* The one global of this process. */
static struct helper {
	struct event_base *base;
	struct chan *chan;
	bool got;
	enum job_verb verb;
	char lxc_path[PATH_MAX];
	char name[NAME_MAX + 1];
	int fd;
} helper;

static void on_msg(struct chan *c, struct msg_in *m, void *ctx);
static void on_close(struct chan *c, const char *reason, void *ctx);

static const struct chan_ops ops = {.on_msg = on_msg, .on_close = on_close};

static void
on_msg(struct chan *c, struct msg_in *m, void *ctx)
{
	struct helper *h = ctx;
	struct slice verb, path, name;

	(void)c;
	if (m->type != MSG_HELPER_JOB)
		return;
	verb = msg_get_slice(m);
	path = msg_get_slice(m);
	name = msg_get_slice(m);
	if (msg_finish(m) < 0 || job_verb_find(verb, &h->verb) < 0 ||
		path.n >= sizeof(h->lxc_path) || name.n >= sizeof(h->name))
		return;
	(void)text_copy(h->lxc_path, sizeof(h->lxc_path), path);
	(void)text_copy(h->name, sizeof(h->name), name);
	h->fd = msg_take_fd(m);
	h->got = true;
	(void)event_base_loopbreak(h->base);
}

static void
on_close(struct chan *c, const char *reason, void *ctx)
{
	struct helper *h = ctx;

	(void)c;
	(void)reason;
	(void)event_base_loopbreak(h->base);
}

/* The lxc process died: so do we, with the template and all it started. */
static void
on_parent_death(int signo)
{
	(void)signo;
	(void)kill(0, SIGKILL);
}

static void
die_with_parent(const struct helper *h)
{
	struct sigaction action = {.sa_handler = on_parent_death};

	/* An exec's command is not a child of our group's making alone: only we end. */
	if (h->verb == JOB_EXEC)
		return;
	(void)sigaction(SIGTERM, &action, NULL);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
}

static void
set_usual_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur <= NOFILE_USUAL)
		return;
	files.rlim_cur = NOFILE_USUAL;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

static void
send_note(void *ctx, struct slice line)
{
	struct helper *h = ctx;
	struct msg_out m;

	if (msg_out_init(&m, MSG_HELPER_NOTE, ROLE_LXC) < 0)
		return;
	msg_put_slice(&m, line);
	(void)chan_send(h->chan, &m);
	msg_out_clear(&m);
	chan_drain(h->chan, DRAIN_MS);
}

static void
send_done(struct helper *h, bool ok, struct slice text)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_HELPER_DONE, ROLE_LXC) < 0)
		return;
	msg_put_i32(&m, ok ? 0 : -1);
	msg_put_slice(&m, text);
	(void)chan_send(h->chan, &m);
	msg_out_clear(&m);
	chan_drain(h->chan, DRAIN_MS);
}

static int
put_view(struct engine *n, struct buf *result, struct err *e)
{
	struct job_view view;

	if (engine_view(n, &view, e) < 0)
		return -1;
	return job_view_print(&view, result) < 0 ? err_set(e, "result too long") : 0;
}

static int
read_port(int fd, char ret[static JOB_IFNAME_MAX], struct err *e)
{
	struct slice rest, key, value;
	struct memfd_map args;
	int rc = 0;

	ret[0] = '\0';
	if (memfd_map(fd, JOB_TEXT_MAX, &args, e) < 0)
		return -1;
	for (rest = args.bytes; rc == 0 && job_next(&rest, &key, &value);)
		if (!slice_eq_str(key, "veth") || text_copy(ret, JOB_IFNAME_MAX, value) < 0)
			rc = err_set(e, "start: bad arguments");
	memfd_unmap(&args);
	return rc;
}

static int
run_start(const struct helper *h, struct engine *n, struct buf *result, struct err *e)
{
	char port[JOB_IFNAME_MAX];

	if (read_port(h->fd, port, e) < 0)
		return -1;
	set_usual_limits();
	return engine_start(n, port, e) < 0 ? -1 : put_view(n, result, e);
}

/* The verbs that are one call of liblxc. */
static int
run_engine(const struct helper *h, struct buf *result, struct err *e)
{
	struct engine *n = engine_open(h->lxc_path, h->name, e);

	if (!n)
		return -1;
	switch (h->verb) {
	case JOB_QUERY:
		return put_view(n, result, e);
	case JOB_START:
		return run_start(h, n, result, e);
	case JOB_SHUTDOWN:
		return engine_shutdown(n, e);
	case JOB_KILL:
		return engine_kill(n, e);
	case JOB_FREEZE:
		return engine_freeze(n, e) < 0 ? -1 : put_view(n, result, e);
	case JOB_THAW:
		return engine_thaw(n, e) < 0 ? -1 : put_view(n, result, e);
	case JOB_CREATE:
	case JOB_DESTROY:
	case JOB_EXEC:
	case JOB_VERB_COUNT:
		break;
	}
	return err_set(e, "no such job");
}

static int
run_create(struct helper *h, struct err *e)
{
	struct memfd_map args;
	int ret;

	if (memfd_map(h->fd, JOB_TEXT_MAX, &args, e) < 0)
		return -1;
	ret = create_run(h->lxc_path, h->name, args.bytes, send_note, h, e);
	memfd_unmap(&args);
	return ret;
}

static int
run_destroy(const struct helper *h, struct err *e)
{
	char path[PATH_MAX + NAME_MAX + 2];

	(void)snprintf(path, sizeof(path), "%s/%s", h->lxc_path, h->name);
	return tree_remove(path, e);
}

static int
run(struct helper *h, struct buf *result, struct err *e)
{
	switch (h->verb) {
	case JOB_CREATE:
		return run_create(h, e);
	case JOB_DESTROY:
		return run_destroy(h, e);
	case JOB_EXEC:
		set_usual_limits();
		return attach_serve(h->lxc_path, h->name, h->fd, e);
	case JOB_QUERY:
	case JOB_START:
	case JOB_SHUTDOWN:
	case JOB_KILL:
	case JOB_FREEZE:
	case JOB_THAW:
	case JOB_VERB_COUNT:
		break;
	}
	return run_engine(h, result, e);
}

static int
take_job(struct helper *h, struct err *e)
{
	h->fd = -1;
	h->base = event_base_new();
	if (!h->base)
		return err_set(e, "no event loop");
	h->chan = chan_new(h->base, PROC_FD_CHANNEL, ROLE_HELPER, ROLE_LXC, &ops, h, e);
	if (!h->chan)
		return -1;
	(void)event_base_dispatch(h->base);
	return h->got ? 0 : err_set(e, "no job came");
}

/* liblxc writes every error to standard error, also those that are none for us (a query of a
 * container that is just ending). Ours go to a copy of it; liblxc's are in its own log. */
static void
move_log(void)
{
	int log = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, LOG_FD_MIN);
	_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (log < 0 || null < 0) {
		speak_as("helper", STDERR_FILENO);
		return;
	}
	speak_as("helper", log);
	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
}

int
lxc_helper_main(const char *job)
{
	struct helper *h = &helper;
	struct err e = {0};
	struct buf result;
	int ret;

	(void)job;
	move_log();
	(void)signal(SIGPIPE, SIG_IGN);
	if (take_job(h, &e) < 0) {
		log_err("helper", &e);
		return 1;
	}
	die_with_parent(h);
	buf_init(&result, JOB_TEXT_MAX);
	ret = run(h, &result, &e);
	send_done(h, ret == 0, ret == 0 ? buf_slice(&result) : slice_str(e.msg));
	_exit(ret == 0 ? 0 : 1);
}
