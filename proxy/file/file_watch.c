/*
 * inotify. An inode is watched, not a name: so a write through another name or mount is told too,
 * and a name that gets another inode is told because the old one loses a link (IN_ATTRIB).
 */
#include "proxy/file/file_watch.h"

#include "core/own.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define FILE_WATCH_OF_FILES (IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_DONT_FOLLOW)
#define FILE_WATCH_OF_FOLDERS                                                                      \
	(IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_DONT_FOLLOW | IN_ONLYDIR)

static void
file_watch_on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)file_watch_poll(arg);
}

int
file_watch_init(struct file_watch *w, struct event_base *base,
	void (*on_change)(struct file_watch *w, int watch))
{
	w->on_change = on_change;
	w->event = NULL;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		return 0;
	w->event = event_new(base, w->fd, EV_READ | EV_PERSIST, file_watch_on_event, w);
	if (w->event && event_priority_set(w->event, 0) == 0 && event_add(w->event, NULL) == 0)
		return 0;
	file_watch_clear(w);
	return -1;
}

void
file_watch_clear(struct file_watch *w)
{
	if (w->event)
		event_free(w->event);
	w->event = NULL;
	w->fd = close_fd(w->fd);
}

int
file_watch_file(struct file_watch *w, const char *path)
{
	return w->fd < 0 ? -1 : inotify_add_watch(w->fd, path, FILE_WATCH_OF_FILES);
}

int
file_watch_folder(struct file_watch *w, const char *path)
{
	return w->fd < 0 ? -1 : inotify_add_watch(w->fd, path, FILE_WATCH_OF_FOLDERS);
}

void
file_watch_remove(struct file_watch *w, int watch)
{
	if (w->fd >= 0)
		(void)inotify_rm_watch(w->fd, watch);
}

/* An event with a name is one of something in a watched folder, which has its own watch if it
 * matters. IN_IGNORED also follows our own removal, when nobody asks for the number any more. */
static void
file_watch_tell(struct file_watch *w, const struct inotify_event *event)
{
	if (event->mask & IN_Q_OVERFLOW)
		w->on_change(w, FILE_WATCH_ALL);
	else if (event->len == 0)
		w->on_change(w, event->wd);
}

bool
file_watch_poll(struct file_watch *w)
{
	bool any = false;
	ssize_t n;

	if (w->fd < 0)
		return false;
	while ((n = read(w->fd, w->events, sizeof(w->events))) > 0 || (n < 0 && errno == EINTR)) {
		struct inotify_event event;

		any = true;
		for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(event) + event.len)) {
			memcpy(&event, w->events + at, sizeof(event));
			file_watch_tell(w, &event);
		}
	}
	return any;
}
