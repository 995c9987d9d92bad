/*
 * The inotify descriptor and what its events mean; see watch.h. The cgroup file systems report
 * folders made and files written by user space as any file system does, and v2 reports changes
 * of cgroup.events by itself.
 */
#include "lxc/watch.h"

#include "core/file.h"
#include "core/log.h"
#include "core/own.h"
#include "lxc/cgroup.h"
#include "lxc/ending.h"
#include "lxc/enforce.h"
#include "lxc/fleet.h"
#include "lxc/guest.h"
#include "lxc/task.h"
#include "lxc/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#define EVENTS_SIZE 8192
#define RESCAN_MS 200 /* a container being made or removed touches many files */
#define PROC_TEXT_MAX 16384

struct watch {
	int fd;
	int cgroup_wd, path_wd;
	struct event *readable;
	struct event *rescan;
};

static void on_readable(evutil_socket_t fd, short events, void *ctx);
static void on_rescan(evutil_socket_t fd, short events, void *ctx);

/* The folder in which payload cgroups appear: where PID 1 is, in the freezer's hierarchy. */
static int
cgroup_folder(const struct lxc *lxc, char ret[static PATH_MAX])
{
	const struct cgroup_mount *m = cgroup_find(&lxc->layout, "freezer");
	struct buf text;
	int found = -1;

	if (!m)
		return -1;
	buf_init(&text, PROC_TEXT_MAX);
	if (file_read("/proc/1/cgroup", &text, NULL) == 0)
		found = cgroup_path(m, buf_slice(&text), ret);
	buf_clear(&text);
	return found;
}

static void
add_folders(struct lxc *lxc, struct watch *w)
{
	char folder[PATH_MAX];

	if (cgroup_folder(lxc, folder) == 0)
		w->cgroup_wd = inotify_add_watch(w->fd, folder, IN_CREATE | IN_ONLYDIR);
	if (w->cgroup_wd < 0)
		log_warn("cannot watch the cgroups: starts by others are seen late");
	w->path_wd = inotify_add_watch(w->fd, lxc_path(lxc),
		IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR);
	if (w->path_wd < 0)
		log_warn("cannot watch lxc-path: new containers are seen late",
			kv_s("path", lxc_path(lxc)));
}

int
watch_start(struct lxc *lxc, struct err *e)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return err_set(e, "out of memory");
	lxc->watch = w;
	w->cgroup_wd = w->path_wd = -1;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		return err_errno(e, errno, "inotify");
	w->readable = event_new(lxc->base, w->fd, EV_READ | EV_PERSIST, on_readable, lxc);
	w->rescan = evtimer_new(lxc->base, on_rescan, lxc);
	if (!w->readable || !w->rescan || event_add(w->readable, NULL) < 0)
		return err_set(e, "out of memory");
	add_folders(lxc, w);
	return 0;
}

void
watch_stop(struct lxc *lxc)
{
	struct watch *w = lxc->watch;

	if (!w)
		return;
	lxc->watch = NULL;
	if (w->readable)
		event_free(w->readable);
	if (w->rescan)
		event_free(w->rescan);
	close_fd(w->fd);
	free(w);
}

void
watch_guest(struct guest *g)
{
	char path[PATH_MAX];

	watch_forget(g);
	if (g->lxc->watch && enforce_freezer_path(g, path, sizeof(path)) == 0)
		g->watch_wd = inotify_add_watch(g->lxc->watch->fd, path, IN_MODIFY);
}

void
watch_forget(struct guest *g)
{
	if (g->watch_wd >= 0 && g->lxc->watch)
		(void)inotify_rm_watch(g->lxc->watch->fd, g->watch_wd);
	g->watch_wd = -1;
}

static void
rescan_soon(struct lxc *lxc)
{
	const struct timeval tv = {.tv_usec = RESCAN_MS * 1000};

	if (!evtimer_pending(lxc->watch->rescan, NULL))
		(void)event_add(lxc->watch->rescan, &tv);
}

static void
on_rescan(evutil_socket_t fd, short events, void *ctx)
{
	(void)fd;
	(void)events;
	fleet_scan(ctx);
}

/* Asks for a guest that somebody seems to start, unless that is a task of ours. It may be another
 * container of the same name, in another lxc-path: liblxc knows. */
static bool
ask(struct lxc *lxc, struct slice name)
{
	struct guest *g = guest_find(lxc, name);
	const struct task *t = g ? task_current(g) : NULL;

	if (g && !(t && (t->kind == TASK_START || t->kind == TASK_RESTART)))
		task_want(g, TASK_QUERY);
	return g;
}

/* A payload folder appeared. liblxc adds "-1" and so on when the name was taken. */
static void
on_payload(struct lxc *lxc, struct slice folder)
{
	struct slice name = cgroup_payload_name(folder);
	bool known = ask(lxc, name);

	if (name.n == 0)
		return;
	while (name.n > 0 && name.p[name.n - 1] >= '0' && name.p[name.n - 1] <= '9')
		name.n--;
	if (name.n > 1 && name.p[name.n - 1] == '-')
		known = ask(lxc, slice_head(name, name.n - 1)) || known;
	if (!known)
		rescan_soon(lxc);
}

static void
on_freezer(struct lxc *lxc, int wd)
{
	list_each(node, &lxc->guests)
	{
		struct guest *g = list_entry(node, struct guest, node);

		if (g->watch_wd != wd)
			continue;
		/* Reading the file says it at once; a freezer that still works is asked again. */
		if (g->state == CONTAINER_RUNNING || g->state == CONTAINER_FROZEN) {
			struct job_view view = g->view;

			view.state = CONTAINER_RUNNING;
			enforce_frozen(g, &view);
			if (view.state == g->state)
				ending_look_again(g);
			else
				guest_seen(g, &view);
		}
		return;
	}
}

static void
on_event(struct lxc *lxc, const struct inotify_event *ev)
{
	struct slice name = ev->len ? slice_str(ev->name) : (struct slice){0};

	if (ev->mask & IN_Q_OVERFLOW)
		fleet_resync(lxc);
	else if (ev->wd == lxc->watch->cgroup_wd)
		on_payload(lxc, name);
	else if (ev->wd == lxc->watch->path_wd)
		rescan_soon(lxc);
	else if (ev->mask & IN_MODIFY)
		on_freezer(lxc, ev->wd);
}

static void
on_readable(evutil_socket_t fd, short events, void *ctx)
{
	char bytes[EVENTS_SIZE] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct lxc *lxc = ctx;
	ssize_t n = read(fd, bytes, sizeof(bytes));

	(void)events;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *ev = (const void *)(bytes + at);

		on_event(lxc, ev);
		at += (ssize_t)(sizeof(*ev) + ev->len);
	}
}
