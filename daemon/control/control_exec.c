/*
 * The exec socket: accepts, checks the peer's right, and hands the connection itself to lxc. What
 * is said on it is none of our business.
 */
#include "daemon/control/control.h"

#include "core/exec_wire.h"
#include "core/log.h"
#include "core/own.h"
#include "daemon/control/control_auth.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static void
hand_over(struct control *c, int fd)
{
	struct msg_out m;

	if (!control_auth_check(fd, c->group)) {
		exec_refuse(fd, "only root and the group of the control socket may do this");
		return;
	}
	if (!control_state_runs(&c->state, "lxc")) {
		exec_refuse(fd, "no container is configured, or the lxc process does not run");
		return;
	}
	if (msg_out_init(&m, MSG_EXEC, ROLE_LXC) < 0) {
		exec_refuse(fd, "out of memory");
		return;
	}
	msg_put_u64(&m, ++c->last_id);
	msg_put_fd(&m, fd);
	if (chan_send(c->chan, &m) < 0)
		exec_refuse(fd, "the daemon is too busy");
	msg_out_clear(&m);
}

static void
on_connection(evutil_socket_t listener, short what, void *ctx)
{
	struct control *c = ctx;
	_fd_ int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct timeval pause = {.tv_sec = 1};

	(void)what;
	if (fd >= 0)
		hand_over(c, fd);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
		log_warn("cannot accept on the exec socket", kv_s("error", strerrordesc_np(errno)));
	/* Not persistent: without descriptors the next look comes after a pause. */
	if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
		event_add(c->exec_event, &pause);
	else
		event_add(c->exec_event, NULL);
}

int
control_exec_start(struct control *c, struct err *e)
{
	c->exec_event = event_new(c->base, c->exec_fd, EV_READ, on_connection, c);
	if (!c->exec_event || event_add(c->exec_event, NULL) < 0)
		return err_set(e, "cannot serve the exec socket");
	return 0;
}

void
control_exec_stop(struct control *c)
{
	if (c->exec_event)
		event_free(c->exec_event);
	c->exec_event = NULL;
	c->exec_fd = close_fd(c->exec_fd);
}
