/*
 * RESOLVE the responder's name, CONNECT to one of its addresses after the other, SEND the question,
 * READ until the answer is whole; any of them may end it, and so does the deadline.
 */
#include "proxy/tls/ocsp_fetch.h"

#include "core/clock.h"
#include "core/own.h"
#include "proxy/worker.h"

#include <errno.h>
#include <sys/socket.h>

static void fetch_step(struct ocsp_fetch *f);

static void
fetch_close_socket(struct ocsp_fetch *f)
{
	if (f->fd < 0)
		return;
	event_del(&f->event);
	f->fd = close_fd(f->fd);
}

void
ocsp_fetch_cancel(struct ocsp_fetch *f)
{
	resolve_cancel(&f->resolve);
	timer_remove(&f->worker->timers, &f->timer);
	fetch_close_socket(f);
	buf_clear(&f->out);
	buf_clear(&f->in);
	buf_clear(&f->der);
	f->state = OCSP_FETCH_IDLE;
}

/* The answer is kept until its receiver has seen it. */
static void
fetch_end(struct ocsp_fetch *f, const char *why)
{
	struct buf der = f->der;

	if (why)
		buf_reset(&der);
	buf_init(&f->der, OCSP_ANSWER_MAX);
	ocsp_fetch_cancel(f);
	f->on_done(f, buf_slice(&der), why);
	buf_clear(&der);
}

static void
fetch_on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fetch_step(arg);
}

/* Begins to connect to the next address. 0, or -1: this one can't be reached. */
static int
fetch_connect(struct ocsp_fetch *f, const struct addr *addr)
{
	struct sockaddr_storage ss;
	socklen_t len = addr_to_sockaddr(addr, f->url.port, &ss);

	f->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (f->fd < 0)
		return -1;
	event_assign(&f->event, f->worker->base, f->fd, EV_READ | EV_WRITE | EV_ET | EV_PERSIST,
		fetch_on_event, f);
	if (event_add(&f->event, NULL) == 0 &&
		(connect(f->fd, (const struct sockaddr *)&ss, len) == 0 || errno == EINPROGRESS))
		return 0;
	fetch_close_socket(f);
	return -1;
}

static void
fetch_connect_next(struct ocsp_fetch *f)
{
	fetch_close_socket(f);
	f->state = OCSP_FETCH_CONNECT;
	while (f->next_addr < f->n_addrs)
		if (fetch_connect(f, &f->addrs[f->next_addr++]) == 0)
			return;
	fetch_end(f, "the responder refuses connections");
}

static void
fetch_resolve(struct ocsp_fetch *f)
{
	f->n_addrs = f->next_addr = 0;
	switch (resolver_get(
		&f->worker->resolver, slice_str(f->url.host), &f->resolve, f->addrs, &f->n_addrs)) {
	case RESOLVE_DONE:
		fetch_connect_next(f);
		break;
	case RESOLVE_PENDING:
		f->state = OCSP_FETCH_RESOLVE;
		break;
	case RESOLVE_FAILED:
		fetch_end(f, "the responder's name does not resolve");
		break;
	}
}

static void
fetch_on_resolved(struct resolve_wait *wait)
{
	fetch_resolve(list_entry(wait, struct ocsp_fetch, resolve));
}

static void
fetch_on_timer(struct timer *t)
{
	fetch_end(list_entry(t, struct ocsp_fetch, timer), "the responder does not answer in time");
}

void
ocsp_fetch_init(struct ocsp_fetch *f, struct worker *w,
	void (*on_done)(struct ocsp_fetch *f, struct slice der, const char *why))
{
	*f = (struct ocsp_fetch){.worker = w, .fd = -1, .on_done = on_done};
	timer_init(&f->timer, fetch_on_timer);
	resolve_wait_init(&f->resolve, fetch_on_resolved);
	buf_init(&f->out, OCSP_REQUEST_MAX);
	buf_init(&f->in, OCSP_HTTP_MAX);
	buf_init(&f->der, OCSP_ANSWER_MAX);
}

void
ocsp_fetch_begin(struct ocsp_fetch *f, struct slice question)
{
	if (ocsp_http_ask(&f->url, question, &f->out) < 0) {
		fetch_end(f, "the question is too long");
		return;
	}
	timer_set(&f->worker->timers, &f->timer, clock_mono_coarse_ms() + OCSP_FETCH_TIMEOUT_MS);
	fetch_resolve(f);
}

/* --- the steps on a connection: true when the next one may be tried at once ------------------ */

static bool
fetch_step_connect(struct ocsp_fetch *f)
{
	int error = 0;
	socklen_t len = sizeof(error);
	struct sockaddr_storage ss;
	socklen_t ss_len = sizeof(ss);

	if (getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error) {
		fetch_connect_next(f);
		return false;
	}
	if (getpeername(f->fd, (struct sockaddr *)&ss, &ss_len) < 0)
		return false; /* still on its way */
	f->state = OCSP_FETCH_SEND;
	return true;
}

static bool
fetch_step_send(struct ocsp_fetch *f)
{
	struct slice rest = buf_slice(&f->out);
	ssize_t n = send(f->fd, rest.p, rest.n, MSG_NOSIGNAL);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			fetch_end(f, "the responder closes without an answer");
		return false;
	}
	buf_consume(&f->out, (size_t)n);
	if (buf_len(&f->out) == 0)
		f->state = OCSP_FETCH_READ;
	return true;
}

/* One read. True: more may be there. */
static bool
fetch_step_read(struct ocsp_fetch *f)
{
	size_t room = buf_room(&f->in) < 4096 ? buf_room(&f->in) : 4096;
	char *to = room > 0 ? buf_reserve(&f->in, room) : NULL;
	const char *why = NULL;
	ssize_t n;

	if (!to) {
		fetch_end(f, "the responder's answer is too large");
		return false;
	}
	n = recv(f->fd, to, room, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0)
		buf_commit(&f->in, (size_t)n);
	switch (ocsp_http_answer(buf_slice(&f->in), n <= 0, &f->der, &why)) {
	case HTTP_NEED_MORE:
		return true;
	case HTTP_DONE:
	case HTTP_BAD:
		fetch_end(f, why);
		break;
	}
	return false;
}

static void
fetch_step(struct ocsp_fetch *f)
{
	bool more = true;

	while (more) {
		switch (f->state) {
		case OCSP_FETCH_CONNECT:
			more = fetch_step_connect(f);
			break;
		case OCSP_FETCH_SEND:
			more = fetch_step_send(f);
			break;
		case OCSP_FETCH_READ:
			more = fetch_step_read(f);
			break;
		case OCSP_FETCH_IDLE:
		case OCSP_FETCH_RESOLVE:
			return;
		}
	}
}
