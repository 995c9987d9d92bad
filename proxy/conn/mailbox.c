/*
 * The queue between threads. The lock is held for linking only, never while an item is handled.
 */
#include "proxy/conn/mailbox.h"

#include "core/own.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct list *
mailbox_take(struct mailbox *m)
{
	struct list *item;

	pthread_mutex_lock(&m->lock);
	item = list_first(&m->items);
	if (item)
		list_remove(item);
	pthread_mutex_unlock(&m->lock);
	return item;
}

static void
mailbox_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct mailbox *m = arg;
	struct list *item;
	eventfd_t count;

	(void)what;
	(void)eventfd_read(fd, &count);
	while ((item = mailbox_take(m)) != NULL)
		m->on_item(item, m->ctx);
}

int
mailbox_init(struct mailbox *m, struct event_base *base,
	void (*on_item)(struct list *item, void *ctx), void *ctx, struct err *e)
{
	m->on_item = on_item;
	m->ctx = ctx;
	list_init(&m->items);
	m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->fd < 0)
		return err_errno(e, errno, "eventfd");
	m->event = event_new(base, m->fd, EV_READ | EV_PERSIST, mailbox_on_event, m);
	if (!m->event || event_add(m->event, NULL) < 0) {
		if (m->event)
			event_free(m->event);
		m->event = NULL;
		m->fd = close_fd(m->fd);
		return err_set(e, "out of memory");
	}
	pthread_mutex_init(&m->lock, NULL);
	return 0;
}

void
mailbox_clear(struct mailbox *m)
{
	struct list *item;

	if (!m->event)
		return;
	while ((item = mailbox_take(m)) != NULL)
		m->on_item(item, m->ctx);
	event_free(m->event);
	m->event = NULL;
	m->fd = close_fd(m->fd);
	pthread_mutex_destroy(&m->lock);
}

void
mailbox_post(struct mailbox *m, struct list *item)
{
	pthread_mutex_lock(&m->lock);
	list_append(&m->items, item);
	pthread_mutex_unlock(&m->lock);
	(void)eventfd_write(m->fd, 1);
}
