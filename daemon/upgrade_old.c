/*
 * One child of the program before us. It is watched until it ends; one that ends first is what a
 * COMMIT waits for, one that drains has its time.
 */
#include "daemon/upgrade_old.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/num.h"
#include "core/own.h"
#include "daemon/handover.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#define NUMBER_MAX 24

void
old_free(struct old_child *o)
{
	list_remove(&o->node);
	if (o->on_end)
		event_free(o->on_end);
	if (o->readable)
		event_free(o->readable);
	if (o->timer)
		event_free(o->timer);
	close_fd(o->pidfd);
	close_fd(o->channel);
	free(o);
}

/* One that has ended must not be handed back: its numbers are others' by now. */
static void
forget_handed(struct upgrade *u, pid_t pid)
{
	json_t *children = json_object_get(u->handed, "children");

	for (size_t i = 0; i < json_array_size(children); i++)
		if (handover_number(json_array_get(children, i), "pid") == (uint64_t)pid) {
			json_array_remove(children, i);
			return;
		}
}

void
upgrade_tell(struct parent *p)
{
	struct child row = {0};
	pid_t pid = 0;
	unsigned n = 0;

	list_each(node, &p->upgrade.old)
	{
		const struct old_child *o = list_entry(node, struct old_child, node);

		if (!o->draining)
			continue;
		pid = o->pid;
		n++;
	}
	(void)snprintf(row.note, sizeof(row.note), "of the version before; %u drain", n);
	if (n > 0 || p->children[ROLE_PARENT].restarts > 0)
		tell_process(p, "proxy-old", pid, &row);
}

static void
on_old_end(evutil_socket_t fd, short what, void *ctx)
{
	struct old_child *o = ctx;
	struct parent *p = o->parent;
	struct upgrade *u = &p->upgrade;
	enum role role = o->role;
	bool waited_for = u->committing && u->role == role && !o->draining;
	char pid[NUMBER_MAX];
	int status;

	(void)fd;
	(void)what;
	if (!proc_reap(o->pid, &status)) {
		event_add(o->on_end, NULL);
		return;
	}
	log_info("process of the version before ended", kv_s("name", role_name(role)),
		kv_i("pid", o->pid));
	(void)snprintf(pid, sizeof(pid), "%d", (int)o->pid);
	forget_handed(u, o->pid);
	old_free(o);
	if (waited_for) {
		u->committing = false;
		if (p->next)
			tell_commit(&p->children[role], p->next);
	}
	if (role == ROLE_PROXY) {
		tell_event(p, "old-proxy-ended", "pid", pid);
		upgrade_tell(p);
	}
}

static void
on_old_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct old_child *o = ctx;

	(void)fd;
	(void)what;
	(void)kill(o->pid, SIGKILL);
}

/* What an old proxy still says is read, so that it does not choke on it, and not understood. */
static void
on_old_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct old_child *o = ctx;
	char byte;
	ssize_t n;

	(void)what;
	/* Without room for control data the kernel closes descriptors that come along. */
	do {
		n = recv(fd, &byte, sizeof(byte), MSG_DONTWAIT);
	} while (n > 0);
	if (n == 0)
		event_del(o->readable);
}

struct old_child *
old_new(struct parent *p, enum role role, const json_t *handed)
{
	struct old_child *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->parent = p;
	o->role = role;
	o->pid = (pid_t)handover_number(handed, "pid");
	o->pidfd = handover_fd(handed, "pid_fd");
	o->channel = handover_fd(handed, "channel_fd");
	list_init(&o->node);
	list_append(&p->upgrade.old, &o->node);
	o->on_end = event_new(p->base, o->pidfd, EV_READ, on_old_end, o);
	o->timer = evtimer_new(p->base, on_old_timer, o);
	if (o->pidfd >= 0 && o->on_end && o->timer && event_add(o->on_end, NULL) == 0)
		return o;
	old_free(o);
	return NULL;
}

struct old_child *
old_find(struct parent *p, enum role role)
{
	list_each(node, &p->upgrade.old)
	{
		struct old_child *o = list_entry(node, struct old_child, node);

		if (o->role == role && !o->draining)
			return o;
	}
	return NULL;
}

static void
old_kill_after(struct old_child *o, uint64_t ms)
{
	struct timeval patience = parent_timeval(ms);

	evtimer_add(o->timer, &patience);
}

/* Reads what it says from here on; it ends by itself, or at the end of its time. */
void
old_let_drain(struct old_child *o, uint64_t until_ms)
{
	uint64_t now = clock_wall_ms();

	o->draining = true;
	o->until_ms = until_ms;
	old_kill_after(o, until_ms > now ? until_ms - now : 1);
	o->readable =
		event_new(o->parent->base, o->channel, EV_READ | EV_PERSIST, on_old_readable, o);
	if (o->readable)
		event_add(o->readable, NULL);
}

void
old_end(struct old_child *o)
{
	o->channel = close_fd(o->channel);
	old_kill_after(o, UPGRADE_END_MS);
}

/* Takes the hexadecimal text of drain_packet apart. The packet's size; 0: there is none. */
static size_t
parse_packet(const char *text, unsigned char out[static UPGRADE_PACKET_MAX])
{
	size_t n = 0;

	for (; text && text[2 * n] && text[2 * n + 1] && n < UPGRADE_PACKET_MAX; n++) {
		uint64_t byte;

		if (num_parse_hex(slice_of(text + 2 * n, 2), &byte) < 0)
			return 0;
		out[n] = (unsigned char)byte;
	}
	return n;
}

int
old_tell(struct old_child *o, const char *text)
{
	unsigned char packet[UPGRADE_PACKET_MAX];
	size_t n = parse_packet(text, packet);

	if (n == 0 || send(o->channel, packet, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n)
		return -1;
	return 0;
}

json_t *
old_drains(const struct parent *p)
{
	json_t *array = json_array();

	list_each(node, (struct list *)(uintptr_t)&p->upgrade.old)
	{
		const struct old_child *o = list_entry(node, struct old_child, node);

		json_array_append_new(
			array, json_pack("{s:I, s:i, s:i, s:I}", "pid", (json_int_t)o->pid,
				       "pid_fd", o->pidfd, "channel_fd", o->channel, "until",
				       (json_int_t)o->until_ms));
	}
	return array;
}
