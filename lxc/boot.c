/*
 * Rounds over the managed containers; see boot.h. A round is a sorted list of names and a
 * position: containers may come and go meanwhile. Its number tells answers to an old round apart.
 */
#include "lxc/boot.h"

#include "core/log.h"
#include "lxc/ending.h"
#include "lxc/guest.h"
#include "lxc/order.h"
#include "lxc/task.h"
#include "lxc/world.h"

#include <stdlib.h>
#include <string.h>

struct boot {
	uint64_t round;
	struct order_item *items; /* .what: a name, owned */
	size_t n, next;
	size_t in_group; /* stopping: tasks of this group that have not ended */
	uint32_t failed; /* stopping */
	struct event *pause;
};

static void start_next(struct lxc *lxc);
static void stop_next(struct lxc *lxc);
static void on_pause(evutil_socket_t fd, short events, void *ctx);
static void on_started(struct guest *g, uint64_t round, bool ok, const char *why);
static void on_stopped(struct guest *g, uint64_t round, bool ok, const char *why);

int
boot_init(struct lxc *lxc, struct err *e)
{
	lxc->boot = calloc(1, sizeof(*lxc->boot));
	if (lxc->boot)
		lxc->boot->pause = evtimer_new(lxc->base, on_pause, lxc);
	if (lxc->boot && lxc->boot->pause)
		return 0;
	return err_set(e, "out of memory");
}

static void
clear_round(struct boot *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->items[i].what);
	free(b->items);
	b->items = NULL;
	b->n = b->next = b->in_group = 0;
	b->round++;
	(void)event_del(b->pause);
}

void
boot_clear(struct lxc *lxc)
{
	if (!lxc->boot)
		return;
	if (lxc->boot->pause) {
		clear_round(lxc->boot);
		event_free(lxc->boot->pause);
	}
	free(lxc->boot);
	lxc->boot = NULL;
}

/* A new round over all managed containers. Those that are not started by themselves come last. */
static int
new_round(struct lxc *lxc)
{
	const struct conf *conf = lxc->conf;
	struct boot *b = lxc->boot;

	clear_round(b);
	b->items = calloc(conf->n_containers + 1, sizeof(*b->items));
	if (!b->items)
		return -1;
	for (size_t i = 0; i < conf->n_containers; i++) {
		const struct conf_container *c = &conf->containers[i];
		char *name = strdup(c->name);

		if (!name)
			return -1;
		b->items[b->n++] = (struct order_item){
			.order = c->autostart ? c->autostart_order : UINT32_MAX,
			.place = (uint32_t)i,
			.what = name,
		};
	}
	return 0;
}

static struct guest *
guest_of(struct lxc *lxc, const struct order_item *item)
{
	struct guest *g = guest_find(lxc, slice_str(item->what));

	return g && guest_is_managed(g) ? g : NULL;
}

void
boot_begin(struct lxc *lxc)
{
	struct boot *b = lxc->boot;

	if (lxc->stopping)
		return;
	if (new_round(lxc) < 0) {
		log_error("out of memory: containers are not started");
		return;
	}
	/* What exists is adopted at once, however long others take to be created. */
	for (size_t i = 0; i < b->n; i++) {
		struct guest *g = guest_of(lxc, &b->items[i]);

		if (!g)
			continue;
		if (!g->known)
			task_want(g, TASK_QUERY);
		task_want(g, TASK_ADOPT);
	}
	order_start(b->items, b->n);
	start_next(lxc);
}

static bool
is_to_start(const struct guest *g)
{
	return g->conf->autostart && !g->held;
}

static void
start_next(struct lxc *lxc)
{
	struct boot *b = lxc->boot;

	while (b->next < b->n) {
		struct guest *g = guest_of(lxc, &b->items[b->next++]);
		struct err e;

		if (!g)
			continue;
		if (task_add(g, is_to_start(g) ? TASK_START : TASK_SETUP, on_started, b->round,
			    &e) == 0)
			return;
		log_err("container not started", &e);
	}
	log_debug("all containers are as the file says");
}

static void
on_started(struct guest *g, uint64_t round, bool ok, const char *why)
{
	struct lxc *lxc = g->lxc;
	struct timeval tv = {0};

	if (!ok)
		log_error("container not brought up", kv_s("container", g->name), kv_s("why", why));
	if (!lxc->boot || round != lxc->boot->round || lxc->stopping)
		return;
	/* Only behind one that this round has started. */
	if (g->conf && g->just_started) {
		tv.tv_sec = (time_t)(g->conf->autostart_delay_ms / 1000);
		tv.tv_usec = (suseconds_t)(g->conf->autostart_delay_ms % 1000 * 1000);
	}
	(void)event_add(lxc->boot->pause, &tv);
}

static void
on_pause(evutil_socket_t fd, short events, void *ctx)
{
	(void)fd;
	(void)events;
	start_next(ctx);
}

/* --- stopping --- */

/* Whether a task need not be waited for: creations are marked, and what they leave is removed at
 * the next start; and nobody wants what still waits for its turn. */
static bool
is_needless(const struct task *t)
{
	return t->then && (t->verb == JOB_CREATE || t->verb == JOB_DESTROY || !t->helper);
}

static void
cancel_needless(struct lxc *lxc)
{
	list_each(node, &lxc->guests)
	{
		struct guest *g = list_entry(node, struct guest, node);
		const struct task *t = task_current(g);

		ending_reset(g);
		if (!t || !is_needless(t))
			continue;
		task_cancel_all(g, "the daemon is shutting down");
		guest_job(g, "%s", "");
		if (g->state == CONTAINER_STARTING)
			guest_event(g, EVENT_CREATE_FAILED);
	}
}

void
boot_stop_all(struct lxc *lxc)
{
	struct boot *b = lxc->boot;

	if (lxc->stopping)
		return;
	lxc->stopping = true;
	cancel_needless(lxc);
	if (!lxc->conf || new_round(lxc) < 0) {
		clear_round(b);
		stop_next(lxc);
		return;
	}
	for (size_t i = 0; i < b->n; i++)
		b->items[i].order = lxc->conf->containers[b->items[i].place].autostart_order;
	order_stop(b->items, b->n);
	stop_next(lxc);
}

static void
send_stopped(struct lxc *lxc, uint32_t failed)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_STOPPED_ALL, ROLE_PARENT) < 0)
		return;
	msg_put_u32(&m, failed);
	(void)chan_send(lxc->parent, &m);
	msg_out_clear(&m);
}

/* Stops the next group that has anything to stop; behind the last one, says so. */
static void
stop_next(struct lxc *lxc)
{
	struct boot *b = lxc->boot;

	while (b->next < b->n) {
		size_t end = b->next + order_group(b->items, b->n, b->next);

		/* One that keeps the group open while tasks end at once. */
		b->in_group = 1;
		while (b->next < end) {
			struct guest *g = guest_of(lxc, &b->items[b->next++]);

			if (!g)
				continue;
			b->in_group++;
			if (task_add(g, TASK_STOP, on_stopped, b->round, NULL) < 0) {
				b->in_group--;
				b->failed++;
			}
		}
		if (--b->in_group > 0)
			return;
	}
	send_stopped(lxc, b->failed);
}

static void
on_stopped(struct guest *g, uint64_t round, bool ok, const char *why)
{
	struct lxc *lxc = g->lxc;

	if (!ok)
		log_error("container not stopped", kv_s("container", g->name), kv_s("why", why));
	if (!lxc->boot || round != lxc->boot->round)
		return;
	if (!ok)
		lxc->boot->failed++;
	/* At 0 the group was already counted down by stop_next's own loop. */
	if (--lxc->boot->in_group == 0)
		stop_next(lxc);
}
