/* Sessions until a helper has them; see session.h. */
#include "lxc/session.h"

#include "core/exec_wire.h"
#include "core/log.h"
#include "core/own.h"
#include "lxc/guest.h"
#include "lxc/text.h"
#include "lxc/world.h"

#include <stdlib.h>

#define REQUEST_WAIT_S 10

struct session {
	struct list node; /* of lxc.sessions */
	struct lxc *lxc;
	int fd;
	struct event *readable;
};

static void on_readable(evutil_socket_t fd, short events, void *ctx);

static void
session_free(struct session *s)
{
	list_remove(&s->node);
	if (s->readable)
		event_free(s->readable);
	close_fd(s->fd);
	free(s);
}

void
session_begin(struct lxc *lxc, int fd)
{
	const struct timeval limit = {.tv_sec = REQUEST_WAIT_S};
	struct session *s = calloc(1, sizeof(*s));

	if (!s) {
		close_fd(fd);
		return;
	}
	s->lxc = lxc;
	s->fd = fd;
	list_append(&lxc->sessions, &s->node);
	s->readable = event_new(lxc->base, fd, EV_READ, on_readable, s);
	if (!s->readable || event_add(s->readable, &limit) < 0)
		session_free(s);
}

void
session_clear_all(struct lxc *lxc)
{
	list_each(node, &lxc->sessions)
	{
		session_free(list_entry(node, struct session, node));
	}
}

static const char *
refusal(const struct guest *g)
{
	if (!g)
		return "no such container";
	if (!guest_is_managed(g))
		return "not in the configuration";
	if (g->state == CONTAINER_FROZEN)
		return "it is frozen: thaw it";
	if (g->state != CONTAINER_RUNNING)
		return "it is not running";
	return NULL;
}

static void
on_done(void *ctx, bool ok, struct slice text)
{
	(void)ctx;
	if (!ok)
		log_info("exec ended badly", kv_slice("why", text));
}

/* The helper answers the client from now on. */
static int
hand_over(struct lxc *lxc, int fd, const struct guest *g, struct err *e)
{
	struct spawn_spec spec = {
		.verb = JOB_EXEC,
		.lxc_path = lxc_path(lxc),
		.name = g->name,
		.fd = fd,
		.on_done = on_done,
	};

	return spawn_start(&lxc->spawner, &spec, e) ? 0 : -1;
}

static void
refuse(int fd, const char *name, const char *why)
{
	char text[ERR_MSG_MAX];

	(void)text_print(text, sizeof(text), "container %s: %s", name, why);
	exec_refuse(fd, text);
}

static void
on_request(struct session *s, const struct exec_request *r)
{
	struct guest *g = guest_find(s->lxc, slice_str(r->container));
	const char *why = refusal(g);
	struct err e;

	if (why)
		refuse(s->fd, r->container, why);
	else if (hand_over(s->lxc, s->fd, g, &e) < 0)
		refuse(s->fd, r->container, e.msg);
}

static void
on_readable(evutil_socket_t fd, short events, void *ctx)
{
	struct session *s = ctx;
	struct exec_request r;
	struct err e;
	int got = -1;

	(void)fd;
	if (events & EV_READ)
		got = exec_peek_request(s->fd, &r, &e);
	else
		err_set(&e, "no exec request came in %d s", REQUEST_WAIT_S);
	if (got == 1) {
		on_request(s, &r);
		exec_request_clear(&r);
	} else if (got < 0) {
		refuse(s->fd, "?", e.msg);
	}
	session_free(s);
}
