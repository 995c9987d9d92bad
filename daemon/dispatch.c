/*
 * Messages that reach the parent: those for itself, and those that it relays. The channel has
 * checked sender, receiver and shape against the table before it calls; what it refused is
 * counted there.
 */
#include "daemon/parent.h"

#include "core/log.h"
#include "core/map.h"
#include "core/own.h"
#include "core/sandbox.h"
#include "daemon/dial.h"
#include "daemon/process_usage.h"
#include "daemon/records.h"
#include "daemon/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_MAX 16

static void
on_hello(struct child *c, struct msg_in *m)
{
	uint32_t pid = msg_get_u32(m);

	if (msg_finish(m) < 0 || c->state != CHILD_STARTING || (pid_t)pid != c->proc.pid)
		return;
	c->state = CHILD_UP;
	tell_belongings(c);
	reload_on_hello(&c->parent->reload, c->role);
	reload_on_hello(&c->bring_up, c->role);
}

static void
on_ready(struct child *c, struct msg_in *m)
{
	uint64_t generation = msg_get_u64(m);

	if (msg_finish(m) < 0)
		return;
	reload_on_ready(&c->parent->reload, c->role, generation);
	reload_on_ready(&c->bring_up, c->role, generation);
}

static void
on_committed(struct child *c, struct msg_in *m)
{
	uint64_t generation = msg_get_u64(m);

	if (msg_finish(m) < 0)
		return;
	reload_on_committed(&c->parent->reload, c->role, generation);
	reload_on_committed(&c->bring_up, c->role, generation);
}

static void
on_refused(struct child *c, struct msg_in *m)
{
	uint64_t generation = msg_get_u64(m);
	uint32_t ordinal = msg_get_u32(m);
	struct slice why = msg_get_slice(m);
	struct err e = {0};

	if (msg_finish(m) < 0)
		return;
	err_ordinal(&e, ordinal, "%.*s", SLICE_ARG(why));
	reload_on_refused(&c->parent->reload, c->role, generation, &e);
	reload_on_refused(&c->bring_up, c->role, generation, &e);
}

static void
on_record(struct child *c, struct msg_in *m)
{
	struct parent *p = c->parent;
	struct slice kind = msg_get_slice(m), name = msg_get_slice(m), value = msg_get_slice(m);
	const struct edition *g = p->current ? p->current : p->next;
	_free_ char *path = g ? state_path(g->conf->state_path, "router.records") : NULL;
	struct err e = {0};
	struct msg_out out;

	if (msg_finish(m) < 0 || !path)
		return;
	/* Without RECORDED the router does not make the change, and refuses. */
	if (records_add(path, kind, name, value, &e) < 0) {
		log_err("cannot record what the router changes", &e);
		return;
	}
	if (msg_out_init(&out, MSG_RECORDED, ROLE_ROUTER) < 0)
		return;
	msg_put_slice(&out, name);
	(void)chan_send(c->chan, &out);
	msg_out_clear(&out);
}

static void
on_ocsp_answers(struct child *c, struct msg_in *m)
{
	uint32_t n = msg_get_u32(m);
	struct err e = {0};

	if (msg_finish(m) < 0)
		return;
	if (ocsp_answers_set(&c->parent->ocsp, n, m->fd, &e) < 0)
		log_err("OCSP answers dropped", &e);
	else
		(void)msg_take_fd(m);
}

/* Containers with a job under way: an upgrade would cut it off. */
static void
note_job(struct parent *p, struct slice name, bool busy)
{
	if (!p->busy)
		return;
	if (busy)
		(void)map_set(p->busy, name, p, NULL);
	else
		(void)map_remove(p->busy, name);
}

static void
on_container(struct child *c, struct msg_in *m)
{
	struct dnsmasq_host host = {0};
	struct slice job;

	host.name = msg_get_slice(m);
	(void)msg_get_u8(m);
	host.managed = msg_get_u8(m);
	(void)msg_get_u64(m);
	(void)msg_get_u32(m);
	(void)msg_get_u32(m);
	host.address = msg_get_slice(m);
	host.address6 = msg_get_slice(m);
	host.mac = msg_get_slice(m);
	(void)msg_get_slice(m);
	job = msg_get_slice(m);
	(void)msg_get_slice(m);
	if (msg_finish(m) < 0)
		return;
	note_job(c->parent, host.name, job.n > 0);
	dnsmasq_set_host(c->parent->dnsmasq, &host);
}

static void
on_container_gone(struct child *c, struct msg_in *m)
{
	struct slice name = msg_get_slice(m);

	if (msg_finish(m) < 0)
		return;
	note_job(c->parent, name, false);
	dnsmasq_remove_host(c->parent->dnsmasq, name);
}

static void
on_stats_get(struct child *c, struct msg_in *m)
{
	struct parent *p = c->parent;
	struct stats *arrays[] = {&p->stats};
	uint64_t id = msg_get_u64(m), dropped = 0;
	struct msg_out out;

	if (msg_finish(m) < 0 || msg_out_init(&out, MSG_STATS, ROLE_CONTROL) < 0)
		return;
	for (enum role role = 0; role < ROLE_COUNT; role++)
		dropped += p->children[role].chan ? chan_dropped(p->children[role].chan) : 0;
	atomic_store(&p->stats.value[STAT_MESSAGES_DROPPED], p->dropped_before + dropped);
	msg_put_u64(&out, id);
	stats_put(&out, ROLE_PARENT, arrays, 1);
	(void)chan_send(c->chan, &out);
	msg_out_clear(&out);
}

/* One process in a USAGE_PROCESSES; not running: none. */
static void
put_process(struct msg_out *m, const char *name, pid_t pid, uint64_t started_ms)
{
	struct process_usage use;

	if (pid <= 0)
		return;
	process_usage_read(pid, &use);
	msg_put_str(m, name);
	msg_put_u32(m, (uint32_t)pid);
	msg_put_u64(m, use.rss);
	msg_put_u64(m, use.pss);
	msg_put_u64(m, use.cpu_ms);
	msg_put_u64(m, use.fds);
	msg_put_u64(m, use.fds_max);
	msg_put_u64(m, started_ms);
}

static void
on_usage_get(struct child *c, struct msg_in *m)
{
	struct parent *p = c->parent;
	uint64_t id = msg_get_u64(m), dnsmasq_started = 0;
	pid_t dnsmasq = dnsmasq_pid(p->dnsmasq, &dnsmasq_started);
	struct msg_out out;

	if (msg_finish(m) < 0 || msg_out_init(&out, MSG_USAGE_PROCESSES, ROLE_CONTROL) < 0)
		return;
	msg_put_u64(&out, id);
	for (enum role role = 0; role < ROLE_COUNT; role++) {
		const struct child *other = &p->children[role];

		put_process(&out, role_name(role), other->proc.pid, other->started_ms);
	}
	put_process(&out, "dnsmasq", dnsmasq, dnsmasq_started);
	(void)chan_send(c->chan, &out);
	msg_out_clear(&out);
}

/* What the committed generation names, or the one that is just taking its place. */
static bool
may_dial(const struct parent *p, struct slice path)
{
	return (p->current && conf_has_socket(p->current->conf, path)) ||
	       (p->next && conf_has_socket(p->next->conf, path));
}

static void
on_dial(struct child *c, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	_free_ char *path = slice_dup(msg_get_slice(m));
	int fd = -1, error = EACCES;
	struct msg_out out;

	if (msg_finish(m) < 0 || !path)
		return;
	if (may_dial(c->parent, slice_str(path))) {
		fd = dial_socket(path, c->parent->root ? sandbox_user(ROLE_PROXY) : NULL);
		error = errno;
	} else {
		log_error("socket that the configuration does not name", kv_s("path", path));
	}
	if (msg_out_init(&out, fd < 0 ? MSG_DIAL_FAILED : MSG_DIALED, ROLE_PROXY) < 0) {
		close_fd(fd);
		return;
	}
	msg_put_u64(&out, id);
	if (fd < 0)
		msg_put_i32(&out, error);
	else
		msg_put_fd(&out, fd);
	(void)chan_send(c->chan, &out);
	msg_out_clear(&out);
	close_fd(fd);
}

static void
on_stopped_all(struct child *c, struct msg_in *m)
{
	uint32_t failed = msg_get_u32(m);
	char number[NUMBER_MAX];

	if (msg_finish(m) < 0 || !c->parent->shutting_down)
		return;
	(void)snprintf(number, sizeof(number), "%u", failed);
	tell_event(c->parent, "containers-stopped", "failed", number);
	if (failed)
		log_error("containers could not be stopped", kv_u("number", failed));
	parent_quit(c->parent, failed ? 1 : 0);
}

static void
on_drain_left(struct child *c, struct msg_in *m)
{
	struct parent *p = c->parent;
	uint32_t left = msg_get_u32(m);
	char number[NUMBER_MAX], note[sizeof(c->note)];

	if (msg_finish(m) < 0 || !c->draining)
		return;
	/* Whoever comes now is refused, not left waiting for nobody. */
	if (p->draining && p->current)
		listening_set_clear(&p->current->listeners);
	(void)snprintf(note, sizeof(note), "drains, %u connections left", left);
	if (strcmp(note, c->note) == 0)
		return;
	(void)snprintf(c->note, sizeof(c->note), "%s", note);
	(void)snprintf(number, sizeof(number), "%u", left);
	tell_process(p, role_name(c->role), c->proc.pid, c);
	tell_event(p, "draining", "connections", number);
}

static void
on_quit(struct child *c, struct msg_in *m)
{
	uint64_t ms;

	(void)msg_get_u64(m);
	ms = msg_get_u64(m);
	if (msg_finish(m) < 0)
		return;
	if (ms > 0)
		parent_drain(c->parent, ms);
	else
		parent_quit(c->parent, 0);
}

static void
on_upgrade(struct child *c, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m), drain_ms = msg_get_u64(m);
	struct slice path = msg_get_slice(m);

	if (msg_finish(m) == 0)
		upgrade_request(c->parent, id, path, drain_ms);
}

static void
on_log_reopen(struct child *c, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	char line[ERR_MSG_MAX + 2] = "";
	struct err e = {0};
	bool ok;

	if (msg_finish(m) < 0)
		return;
	ok = parent_reopen_logs(c->parent, &e) == 0;
	if (!ok)
		(void)snprintf(line, sizeof(line), "%s\n", e.msg);
	transaction_answer(c->parent, id, ok, slice_str(line));
}

static void
on_reload(struct child *c, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	struct slice asked = msg_get_slice(m);
	struct addr a = {0};

	if (msg_finish(m) < 0 || (asked.n && addr_parse(asked, &a) < 0))
		return;
	c->parent->asked = a;
	transaction_request(c->parent, id);
}

/* The other orders of control carry an id and nothing else. */
static void
on_order(struct child *c, struct msg_in *m)
{
	struct parent *p = c->parent;
	uint64_t id = msg_get_u64(m);

	if (msg_finish(m) < 0)
		return;
	if (m->type == MSG_CHECK)
		transaction_check(p, id);
	else if (m->type == MSG_SHUTDOWN)
		parent_shutdown(p);
}

/* What the parent does with the messages that the table lets it receive. */
static void (*const handlers[MSG_TYPE_COUNT])(struct child *, struct msg_in *) = {
	[MSG_HELLO] = on_hello,
	[MSG_READY] = on_ready,
	[MSG_COMMITTED] = on_committed,
	[MSG_REFUSED] = on_refused,
	[MSG_RECORD] = on_record,
	[MSG_POLICY_KEEP] = policy_on_keep,
	[MSG_POLICY_STATE] = policy_on_state,
	[MSG_OCSP_ANSWERS] = on_ocsp_answers,
	[MSG_CONTAINER] = on_container,
	[MSG_CONTAINER_GONE] = on_container_gone,
	[MSG_STOPPED_ALL] = on_stopped_all,
	[MSG_STATS_GET] = on_stats_get,
	[MSG_DIAL] = on_dial,
	[MSG_USAGE_GET] = on_usage_get,
	[MSG_RELOAD] = on_reload,
	[MSG_CHECK] = on_order,
	[MSG_QUIT] = on_quit,
	[MSG_UPGRADE] = on_upgrade,
	[MSG_LOG_REOPEN] = on_log_reopen,
	[MSG_DRAIN_LEFT] = on_drain_left,
	[MSG_SHUTDOWN] = on_order,
};

static void
on_msg(struct chan *chan, struct msg_in *m, void *ctx)
{
	(void)chan;
	if (handlers[m->type])
		handlers[m->type](ctx, m);
}

static void
on_relay(struct chan *chan, const struct msg_in *m, struct slice packet, void *ctx)
{
	struct child *from = ctx;
	struct child *to = &from->parent->children[m->to];

	(void)chan;
	if (to->chan)
		(void)chan_send_packet(to->chan, packet, m->fd);
	else
		log_debug("message for a process that does not run",
			kv_s("type", msg_name(m->type)), kv_s("to", role_name(m->to)));
}

static void
on_close(struct chan *chan, const char *reason, void *ctx)
{
	(void)chan;
	child_lost(ctx, reason);
}

const struct chan_ops dispatch_ops = {
	.on_msg = on_msg,
	.on_relay = on_relay,
	.on_close = on_close,
};

static void
send_sync(struct child *to, enum role about)
{
	struct msg_out m;

	if (!to->chan || msg_out_init(&m, MSG_SYNC, to->role) < 0)
		return;
	msg_put_str(&m, role_name(about));
	(void)chan_send(to->chan, &m);
	msg_out_clear(&m);
}

static void
sync_containers(struct parent *p)
{
	struct child *lxc = &p->children[ROLE_LXC];

	if (lxc->state != CHILD_UP)
		return;
	for (enum role role = ROLE_PROXY; role <= ROLE_CONTROL; role++) {
		struct child *c = &p->children[role];

		if (c->state != CHILD_UP || c->synced)
			continue;
		c->synced = true;
		send_sync(lxc, role == ROLE_LXC ? ROLE_PARENT : role);
	}
}

static void
sync_certificates(struct parent *p)
{
	struct child *proxy = &p->children[ROLE_PROXY], *control = &p->children[ROLE_CONTROL];

	if (proxy->state != CHILD_UP || control->state != CHILD_UP || control->has_certificates)
		return;
	control->has_certificates = true;
	send_sync(proxy, ROLE_CONTROL);
}

void
dispatch_sync(struct parent *p)
{
	sync_containers(p);
	sync_certificates(p);
}
