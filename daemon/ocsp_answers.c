/* Keeping OCSP answers: in memory at once, on disk a second later. */
#include "daemon/ocsp_answers.h"

#include "core/file.h"
#include "core/log.h"
#include "core/memfd.h"
#include "core/msg.h"
#include "core/own.h"
#include "daemon/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
answers_write(struct ocsp_answers *a)
{
	struct memfd_map map = {0};
	struct err e = {0};

	if (memfd_map(a->fd, OCSP_KEPT_MAX, &map, &e) < 0 ||
		file_write_atomic(a->path, map.bytes, 0600, &e) < 0)
		log_err("OCSP answers cannot be kept", &e);
	memfd_unmap(&map);
}

static void
answers_on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	answers_write(arg);
}

int
ocsp_answers_open(struct ocsp_answers *a, struct event_base *base, const char *state)
{
	_cleanup_(buf_clear) struct buf bytes;
	struct err e = {0};

	buf_init(&bytes, OCSP_KEPT_MAX);
	a->path = state_path(state, "ocsp.answers");
	a->timer = evtimer_new(base, answers_on_timer, a);
	if (!a->path || !a->timer)
		return -1;
	if (file_read(a->path, &bytes, &e) < 0 || buf_len(&bytes) == 0)
		return 0;
	a->n = 1; /* it is not looked into: some */
	a->fd = memfd_new("ocsp-answers", buf_slice(&bytes), &e);
	if (a->fd < 0)
		log_err("OCSP answers cannot be read", &e);
	return 0;
}

int
ocsp_answers_set(struct ocsp_answers *a, uint32_t n, int fd, struct err *e)
{
	const struct timeval soon = {.tv_sec = OCSP_ANSWERS_DELAY_S};
	struct memfd_map map = {0};

	if (memfd_map(fd, OCSP_KEPT_MAX, &map, e) < 0)
		return -1;
	memfd_unmap(&map);
	close_fd(a->fd);
	a->fd = fd;
	a->n = n;
	if (a->timer && !evtimer_pending(a->timer, NULL))
		evtimer_add(a->timer, &soon);
	return 0;
}

void
ocsp_answers_clear(struct ocsp_answers *a)
{
	if (a->timer && evtimer_pending(a->timer, NULL))
		answers_write(a);
	if (a->timer)
		event_free(a->timer);
	a->timer = NULL;
	a->fd = close_fd(a->fd);
	free(steal_ptr(&a->path));
}
