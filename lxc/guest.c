/* Guests; see guest.h. */
#include "lxc/guest.h"

#include "core/addr.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "lxc/config_plan.h"
#include "lxc/ending.h"
#include "lxc/task.h"
#include "lxc/text.h"
#include "lxc/watch.h"
#include "lxc/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void on_exited(evutil_socket_t fd, short events, void *ctx);

struct guest *
guest_new(struct lxc *lxc, const char *name)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->lxc = lxc;
	g->pidfd = -1;
	g->watch_wd = -1;
	g->state = CONTAINER_ABSENT;
	g->changed_ms = clock_wall_ms();
	(void)snprintf(g->name, sizeof(g->name), "%s", name);
	config_plan_mac(name, g->mac);
	list_init(&g->tasks);
	if (ending_init(g) < 0) {
		free(g);
		return NULL;
	}
	list_append(&lxc->guests, &g->node);
	return g;
}

static void
forget_init(struct guest *g)
{
	watch_forget(g);
	if (g->exited)
		event_free(g->exited);
	g->exited = NULL;
	g->pidfd = close_fd(g->pidfd);
	g->pid = 0;
}

static void
send_gone(const struct guest *g, enum role to)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_CONTAINER_GONE, to) < 0)
		return;
	msg_put_str(&m, g->name);
	(void)chan_send(g->lxc->parent, &m);
	msg_out_clear(&m);
}

static const enum role listeners[] = {ROLE_PARENT, ROLE_PROXY, ROLE_ROUTER, ROLE_CONTROL};

void
guest_free(struct guest **g, bool gone)
{
	struct guest *old = *g;

	if (!old)
		return;
	*g = NULL;
	task_cancel_all(old, "the container is gone");
	forget_init(old);
	ending_clear(old);
	list_remove(&old->node);
	for (size_t i = 0; gone && i < ARRAY_SIZE(listeners); i++)
		send_gone(old, listeners[i]);
	free(old);
}

struct guest *
guest_find(struct lxc *lxc, struct slice name)
{
	list_each(node, &lxc->guests)
	{
		struct guest *g = list_entry(node, struct guest, node);

		if (slice_eq_str(name, g->name))
			return g;
	}
	return NULL;
}

bool
guest_is_up(const struct guest *g)
{
	switch (g->state) {
	case CONTAINER_RUNNING:
	case CONTAINER_FROZEN:
	case CONTAINER_STOPPING:
		return true;
	case CONTAINER_ABSENT:
	case CONTAINER_STOPPED:
	case CONTAINER_STARTING:
	case CONTAINER_STATE_COUNT:
		break;
	}
	return false;
}

/* Opens the init's pidfd. The pid is as old as the answer of the monitor that waits for it. */
static void
watch_init(struct guest *g)
{
	int fd;

	if (g->pidfd >= 0 && g->pid == g->view.pid)
		return;
	forget_init(g);
	if (g->view.pid <= 0)
		return;
	fd = (int)syscall(SYS_pidfd_open, g->view.pid, 0);
	if (fd < 0) {
		/* It ended between the question and now: the next answer will say so. */
		task_want(g, TASK_QUERY);
		return;
	}
	g->pidfd = fd;
	g->pid = g->view.pid;
	g->has_status = false;
	g->exited = event_new(g->lxc->base, fd, EV_READ, on_exited, g);
	if (!g->exited || event_add(g->exited, NULL) < 0)
		log_error("cannot watch a container's init", kv_s("container", g->name));
	watch_guest(g);
}

static void
on_exited(evutil_socket_t fd, short events, void *ctx)
{
	struct guest *g = ctx;

	(void)fd;
	(void)events;
	guest_event(g, EVENT_EXITED);
	task_init_exited(g);
}

static void
act(struct guest *g, enum container_action action)
{
	switch (action) {
	case ACTION_NONE:
		return;
	case ACTION_WATCH:
		watch_init(g);
		return;
	case ACTION_FORGET:
		forget_init(g);
		return;
	case ACTION_DECIDE:
		forget_init(g);
		ending_begin(g);
		return;
	case ACTION_QUERY:
		task_want(g, TASK_QUERY);
		return;
	}
}

/* What a container's change of state means to operators, or NULL when it is only a step. */
static const char *
event_text(enum container_state old, enum container_state now)
{
	switch (now) {
	case CONTAINER_RUNNING:
		return old == CONTAINER_FROZEN ? "container thawed" : "container running";
	case CONTAINER_FROZEN:
		return "container frozen";
	case CONTAINER_STOPPED:
		return old == CONTAINER_ABSENT || old == CONTAINER_STARTING ? NULL
									    : "container stopped";
	case CONTAINER_STARTING:
	case CONTAINER_STOPPING:
	case CONTAINER_ABSENT:
	case CONTAINER_STATE_COUNT:
		break;
	}
	return NULL;
}

static void
change_state(struct guest *g, enum container_state now, bool was_known)
{
	enum container_state old = g->state;
	const char *text = was_known ? event_text(old, now) : NULL;

	g->state = now;
	g->changed_ms = clock_wall_ms();
	if (now == CONTAINER_RUNNING && old != CONTAINER_FROZEN)
		g->started_ms = clock_mono_ms();
	log_info("container state", kv_s("container", g->name),
		kv_s("from", container_state_name(old)), kv_s("to", container_state_name(now)));
	if (text)
		lxc_tell(g->lxc, text, "container", g->name, NULL);
}

void
guest_event(struct guest *g, enum container_event event)
{
	struct container_step step = container_next(g->state, event);
	bool was_known = g->known;

	g->known = true;
	if (step.state == g->state) {
		act(g, step.action);
		return;
	}
	change_state(g, step.state, was_known);
	act(g, step.action);
	g->announce_due = true;
	guest_flush(g);
}

static enum container_event
event_of(enum container_state seen)
{
	switch (seen) {
	case CONTAINER_ABSENT:
		return EVENT_SEEN_ABSENT;
	case CONTAINER_STARTING:
		return EVENT_SEEN_STARTING;
	case CONTAINER_RUNNING:
		return EVENT_SEEN_RUNNING;
	case CONTAINER_FROZEN:
		return EVENT_SEEN_FROZEN;
	case CONTAINER_STOPPING:
		return EVENT_SEEN_STOPPING;
	case CONTAINER_STOPPED:
	case CONTAINER_STATE_COUNT:
		break;
	}
	return EVENT_SEEN_STOPPED;
}

void
guest_seen(struct guest *g, const struct job_view *view)
{
	bool changed =
		strcmp(g->view.veth, view->veth) != 0 || g->view.pid != view->pid || !g->known;

	g->view = *view;
	if (view->mac[0] && strcmp(g->mac, view->mac) != 0) {
		(void)snprintf(g->mac, sizeof(g->mac), "%s", view->mac);
		changed = true;
	}
	if (view->veth[0])
		(void)snprintf(g->port, sizeof(g->port), "%s", view->veth);
	guest_event(g, event_of(view->state));
	/* Between two states: look again soon. */
	if (view->state == CONTAINER_STARTING || view->state == CONTAINER_STOPPING)
		ending_look_again(g);
	if (changed)
		guest_announce(g);
}

void
guest_note(struct guest *g, enum guest_note which, const char *fmt, ...)
{
	char text[GUEST_NOTE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p; p++) {
		if (*p == '\n')
			*p = ' ';
	}
	if (!strcmp(text, g->notes[which]))
		return;
	memcpy(g->notes[which], text, sizeof(text));
	if (text[0])
		log_warn("container note", kv_s("container", g->name), kv_s("note", text));
	guest_announce(g);
}

void
guest_job(struct guest *g, const char *fmt, ...)
{
	char text[GUEST_JOB_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!strcmp(text, g->job))
		return;
	memcpy(g->job, text, sizeof(text));
	guest_announce(g);
}

void
guest_announce(struct guest *g)
{
	if (g->announce_due)
		return;
	g->announce_due = true;
	event_active(g->lxc->announce, EV_TIMEOUT, 0);
}

void
guest_flush(struct guest *g)
{
	if (!g->announce_due)
		return;
	g->announce_due = false;
	for (size_t i = 0; i < ARRAY_SIZE(listeners); i++)
		guest_send(g, listeners[i]);
}

/* The first address in the words of a configuration's value, without its prefix length. */
static void
copy_address(const char *text, char ret[static ADDR_TEXT_MAX])
{
	(void)text_copy(ret, ADDR_TEXT_MAX, slice_of(text, strcspn(text, "/ \t,")));
}

void
guest_address(const struct guest *g, bool v6, char ret[static ADDR_TEXT_MAX])
{
	const struct addr *a = !g->conf ? NULL : v6 ? &g->conf->address6 : &g->conf->address;
	const char *running = v6 ? g->view.address6 : g->view.address;

	/* A new address in the file has effect at the next start; until then it has the old one. */
	if (guest_is_up(g) && running[0])
		copy_address(running, ret);
	else if (a && a->family)
		addr_print(a, ret);
	else
		ret[0] = '\0';
}

static void
put_notes(struct msg_out *m, const struct guest *g)
{
	char all[NOTE_COUNT * (GUEST_NOTE_MAX + 1)] = "";
	size_t used = 0;

	for (size_t i = 0; i < NOTE_COUNT; i++) {
		if (g->notes[i][0])
			used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s",
				used ? "\n" : "", g->notes[i]);
	}
	msg_put_str(m, all);
}

void
guest_send(const struct guest *g, enum role to)
{
	char address[ADDR_TEXT_MAX], address6[ADDR_TEXT_MAX];
	struct msg_out m;

	/* Nobody is told what is not known: after a restart of this process the others go on with
	 * what they have. */
	if (!g->known || msg_out_init(&m, MSG_CONTAINER, to) < 0)
		return;
	guest_address(g, false, address);
	guest_address(g, true, address6);
	msg_put_str(&m, g->name);
	msg_put_u8(&m, (uint8_t)g->state);
	msg_put_u8(&m, guest_is_managed(g));
	msg_put_u64(&m, g->changed_ms);
	msg_put_u32(&m, (uint32_t)g->pid);
	msg_put_u32(&m, g->restarts);
	msg_put_str(&m, address);
	msg_put_str(&m, address6);
	msg_put_str(&m, g->mac);
	/* While it is down, too: one that starts, by us or by a reboot of its own, comes with it,
	 * and the router guards the port before the first frame. */
	msg_put_str(&m, guest_is_up(g) ? g->view.veth : g->port);
	msg_put_str(&m, g->job);
	put_notes(&m, g);
	(void)chan_send(g->lxc->parent, &m);
	msg_out_clear(&m);
}
