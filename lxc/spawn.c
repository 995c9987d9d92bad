/*
 * Helper processes; see spawn.h. A spawn lives until its process is reaped and its channel has
 * nothing more to say; its owner is told as soon as the result is there.
 *
 *	RUNNING -HELPER_DONE-> told -process ended-> freed
 *	RUNNING -deadline-> group killed -process ended, channel empty-> told, freed
 */
#include "lxc/spawn.h"

#include "core/chan.h"
#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "core/proc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct spawn {
	struct list node;
	struct spawner *spawner;
	struct spawn_spec spec; /* args, lxc_path and name are not kept */
	char what[PROC_NAME_MAX * 2];
	pid_t pid;
	int pidfd;
	struct chan *chan;
	struct event *exited;
	struct event *deadline;
	bool told, expired, ended;
	int status;
};

static void on_msg(struct chan *c, struct msg_in *m, void *ctx);
static void on_close(struct chan *c, const char *reason, void *ctx);
static void on_exited(evutil_socket_t fd, short events, void *ctx);
static void on_deadline(evutil_socket_t fd, short events, void *ctx);

static const struct chan_ops ops = {.on_msg = on_msg, .on_close = on_close};

void
spawner_init(struct spawner *s, struct event_base *base, int binary_fd, char *const *env)
{
	*s = (struct spawner){.base = base, .binary_fd = binary_fd, .env = env};
	list_init(&s->running);
}

static void
spawn_free(struct spawn *h)
{
	list_remove(&h->node);
	chan_free(&h->chan);
	if (h->exited)
		event_free(h->exited);
	if (h->deadline)
		event_free(h->deadline);
	close_fd(h->pidfd);
	free(h);
}

/* The leader is not reaped yet, so the group's number cannot belong to anybody else. */
static void
kill_group(const struct spawn *h)
{
	if (h->pid > 0 && !h->ended)
		(void)kill(-h->pid, SIGKILL);
}

void
spawner_clear(struct spawner *s)
{
	list_each(node, &s->running)
	{
		struct spawn *h = list_entry(node, struct spawn, node);

		kill_group(h);
		spawn_free(h);
	}
}

void
spawn_cancel(struct spawn **h)
{
	struct spawn *gone = *h;

	if (!gone)
		return;
	*h = NULL;
	/* It stays in the list until it is reaped. */
	gone->told = true;
	kill_group(gone);
}

static void
tell(struct spawn *h, bool ok, struct slice text)
{
	if (h->told)
		return;
	h->told = true;
	if (!ok)
		h->spawner->failed++;
	if (h->deadline)
		(void)event_del(h->deadline);
	log_debug("helper ended", kv_s("job", h->what), kv_u("ok", ok), kv_slice("text", text));
	h->spec.on_done(h->spec.ctx, ok, text);
}

static int
arm(struct spawn *h, struct err *e)
{
	unsigned ms = job_verb_deadline(h->spec.verb);
	struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
	struct event_base *base = h->spawner->base;

	h->exited = event_new(base, h->pidfd, EV_READ, on_exited, h);
	h->deadline = evtimer_new(base, on_deadline, h);
	if (!h->exited || !h->deadline || event_add(h->exited, NULL) < 0 ||
		(ms > 0 && event_add(h->deadline, &limit) < 0))
		return err_set(e, "out of memory");
	return 0;
}

static int
send_job(struct spawn *h, const struct spawn_spec *spec, struct err *e)
{
	_fd_ int args = -1;
	struct msg_out m;
	int ret;

	if (spec->fd < 0) {
		args = memfd_new("job", spec->args, e);
		if (args < 0)
			return -1;
	}
	if (msg_out_init(&m, MSG_HELPER_JOB, ROLE_HELPER) < 0)
		return err_set(e, "out of memory");
	msg_put_str(&m, job_verb_name(spec->verb));
	msg_put_str(&m, spec->lxc_path);
	msg_put_str(&m, spec->name);
	msg_put_fd(&m, spec->fd < 0 ? args : spec->fd);
	ret = chan_send(h->chan, &m);
	msg_out_clear(&m);
	return ret < 0 ? err_set(e, "cannot send a job to its helper") : 0;
}

static int
launch(struct spawn *h, const struct spawn_spec *spec, struct err *e)
{
	struct proc_spec proc = {
		.role = ROLE_HELPER,
		.job = h->what,
		.binary_fd = h->spawner->binary_fd,
		.env = h->spawner->env,
		/* Only a session meets a terminal. */
		.apart = spec->verb == JOB_EXEC ? PROC_OWN_SESSION : PROC_OWN_GROUP,
	};
	struct proc_child child;

	if (proc_spawn(&proc, &child, e) < 0)
		return -1;
	h->pid = child.pid;
	h->pidfd = child.pidfd;
	h->chan = chan_new(h->spawner->base, child.channel, ROLE_LXC, ROLE_HELPER, &ops, h, e);
	if (!h->chan || arm(h, e) < 0 || send_job(h, spec, e) < 0) {
		kill_group(h);
		(void)waitpid(h->pid, NULL, 0);
		h->ended = true;
		return -1;
	}
	return 0;
}

struct spawn *
spawn_start(struct spawner *s, const struct spawn_spec *spec, struct err *e)
{
	struct spawn *h = calloc(1, sizeof(*h));

	if (!h) {
		err_set(e, "out of memory");
		return NULL;
	}
	h->spawner = s;
	h->spec = *spec;
	h->pidfd = -1;
	list_init(&h->node);
	(void)snprintf(h->what, sizeof(h->what), "%s %.*s", job_verb_name(spec->verb),
		PROC_NAME_MAX, spec->name);
	s->run++;
	if (launch(h, spec, e) < 0) {
		s->failed++;
		spawn_free(h);
		return NULL;
	}
	list_append(&s->running, &h->node);
	return h;
}

static void
on_msg(struct chan *c, struct msg_in *m, void *ctx)
{
	struct spawn *h = ctx;
	struct slice text;
	int32_t result;

	(void)c;
	if (m->type == MSG_HELPER_NOTE) {
		text = msg_get_slice(m);
		if (msg_finish(m) == 0 && !h->told && h->spec.on_note)
			h->spec.on_note(h->spec.ctx, text);
		return;
	}
	if (m->type != MSG_HELPER_DONE)
		return;
	result = msg_get_i32(m);
	text = msg_get_slice(m);
	if (msg_finish(m) == 0)
		tell(h, result == 0, text);
}

/* The process ended without a result: says how. */
static void
tell_ended(struct spawn *h)
{
	char how[PROC_NAME_MAX], text[ERR_MSG_MAX];

	if (h->expired)
		(void)snprintf(text, sizeof(text), "%s: took longer than %u s", h->what,
			job_verb_deadline(h->spec.verb) / 1000);
	else
		(void)snprintf(text, sizeof(text), "%s: helper %s", h->what,
			proc_status_text(h->status, how));
	tell(h, false, slice_str(text));
}

static void
on_close(struct chan *c, const char *reason, void *ctx)
{
	struct spawn *h = ctx;

	(void)c;
	(void)reason;
	chan_free(&h->chan);
	if (!h->ended)
		return;
	tell_ended(h);
	spawn_free(h);
}

static void
on_exited(evutil_socket_t fd, short events, void *ctx)
{
	struct spawn *h = ctx;

	(void)fd;
	(void)events;
	/* What a template left running in the background goes with its helper; an exec's
	 * command may outlive it, as it would with ssh(1). */
	if (h->spec.verb != JOB_EXEC)
		kill_group(h);
	if (!proc_reap(h->pid, &h->status)) {
		(void)event_add(h->exited, NULL);
		return;
	}
	h->ended = true;
	/* The result may still be in the channel: its end of file comes behind it. */
	if (h->chan && !h->told)
		return;
	tell_ended(h);
	spawn_free(h);
}

static void
on_deadline(evutil_socket_t fd, short events, void *ctx)
{
	struct spawn *h = ctx;

	(void)fd;
	(void)events;
	log_warn("helper exceeded its deadline", kv_s("job", h->what));
	h->expired = true;
	kill_group(h);
}
