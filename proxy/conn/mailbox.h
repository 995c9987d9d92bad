/*
 * A queue from any thread to one event loop: a lock, a list and an eventfd. What is posted belongs
 * to the receiver.
 */
#ifndef PROXY_MAILBOX_H
#define PROXY_MAILBOX_H

#include "core/err.h"
#include "core/list.h"

#include <event2/event.h>
#include <pthread.h>

struct mailbox {
	pthread_mutex_t lock;
	struct list items;
	int fd;
	struct event *event;
	void (*on_item)(struct list *item, void *ctx);
	void *ctx;
};

/* on_item is called on the loop's thread, in order of posting. 0 or -1 with e filled. */
int mailbox_init(struct mailbox *m, struct event_base *base,
	void (*on_item)(struct list *item, void *ctx), void *ctx, struct err *e);
/* Hands what is still queued to on_item and frees the rest. No thread may post any more. */
void mailbox_clear(struct mailbox *m);
void mailbox_post(struct mailbox *m, struct list *item);

#endif
