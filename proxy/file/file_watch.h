/*
 * Changes of files and folders, told by the kernel (inotify(7)). One instance a thread. What was
 * changed before file_watch_poll is called is told by it: the kernel queues an event before the
 * call that makes the change returns, so who polls and then looks at what it remembers never sees
 * what is no longer there.
 */
#ifndef PROXY_FILE_WATCH_H
#define PROXY_FILE_WATCH_H

#include <event2/event.h>
#include <stdbool.h>

#define FILE_WATCH_READ_MAX 4096 /* bytes of events in one read; a name has at most 255 */

struct file_watch {
	int fd; /* -1: the kernel gave none, nothing can be watched */
	struct event *event;
	/* The file or folder of this watch was changed, moved, removed, or may no longer be read.
	 * FILE_WATCH_ALL: events were lost, anything may have changed. */
	void (*on_change)(struct file_watch *w, int watch);
	char events[FILE_WATCH_READ_MAX]; /* of one read */
};

#define FILE_WATCH_ALL (-1)

/* 0, or -1 when memory is short. Where the base has priorities, changes that were made before the
 * loop woke up are told before all else that it was woken for. That the kernel gives no instance is
 * no error. */
int file_watch_init(struct file_watch *w, struct event_base *base,
	void (*on_change)(struct file_watch *w, int watch));
void file_watch_clear(struct file_watch *w);
/* Watches the inode that path leads to; links in its last part are not followed. The same inode has
 * the same number. -1: it cannot be watched. */
int file_watch_file(struct file_watch *w, const char *path);
/* The folder itself only, not what happens in it. */
int file_watch_folder(struct file_watch *w, const char *path);
void file_watch_remove(struct file_watch *w, int watch);
/* Tells on_change of all that happened until now. True when there was anything. */
bool file_watch_poll(struct file_watch *w);

#endif
