/*
 * What of the policy of `open` outlives the router process: STATE/policy, whose text is the
 * router's own (router/trial.h) and is not looked into here. It is read again for every router that
 * begins, so that one that is started in the middle of a trial comes up with what was confirmed.
 */
#include "daemon/parent.h"

#include "core/file.h"
#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "core/trial_state.h"
#include "daemon/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define POLICY_FILE "policy"
#define POLICY_MAX ((size_t)8 * 1024 * 1024)

static char *
file_of(const struct parent *p)
{
	const struct edition *g = p->current ? p->current : p->next;

	return g ? state_path(g->conf->state_path, POLICY_FILE) : NULL;
}

void
policy_tell_router(struct child *c)
{
	_free_ char *path = file_of(c->parent);
	_cleanup_(buf_clear) struct buf text = {0};
	_fd_ int fd = -1;
	struct err e = {0};
	struct msg_out m;

	buf_init(&text, POLICY_MAX);
	if (!path || (access(path, F_OK) < 0 && errno == ENOENT))
		return;
	if (file_read(path, &text, &e) == 0)
		fd = memfd_new("policy", buf_slice(&text), &e);
	if (fd < 0) {
		log_err("the policy that was confirmed cannot be read", &e);
		return;
	}
	if (!c->chan || msg_out_init(&m, MSG_POLICY, ROLE_ROUTER) < 0)
		return;
	msg_put_u32(&m, 0);
	msg_put_fd(&m, fd);
	(void)chan_send(c->chan, &m);
	msg_out_clear(&m);
}

void
policy_tell_control(struct child *c)
{
	const struct policy_told *told = &c->parent->policy;
	struct msg_out m;

	if (!c->chan || msg_out_init(&m, MSG_POLICY_STATE, ROLE_CONTROL) < 0)
		return;
	msg_put_u64(&m, told->until_ms);
	msg_put_u8(&m, told->state);
	msg_put_str(&m, told->shut_out);
	(void)chan_send(c->chan, &m);
	msg_out_clear(&m);
}

static int
write_file(const struct parent *p, int fd, struct err *e)
{
	_free_ char *path = file_of(p);
	struct memfd_map map = {0};
	int rc;

	if (!path)
		return err_set(e, "out of memory");
	if (memfd_map(fd, POLICY_MAX, &map, e) < 0)
		return -1;
	rc = file_write_atomic(path, map.bytes, 0600, e);
	memfd_unmap(&map);
	return rc;
}

void
policy_on_keep(struct child *c, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	char line[ERR_MSG_MAX + 64] = "";
	struct err e = {0};
	bool ok;

	if (msg_finish(m) < 0)
		return;
	ok = write_file(c->parent, m->fd, &e) == 0;
	if (!ok) {
		log_err("the policy cannot be kept", &e);
		(void)snprintf(line, sizeof(line),
			"it holds, but a start will not know of it: %s\n", e.msg);
	}
	if (id)
		transaction_answer(c->parent, id, ok, slice_str(line));
}

void
policy_on_state(struct child *c, struct msg_in *m)
{
	uint64_t until_ms = msg_get_u64(m);
	uint8_t state = msg_get_u8(m);
	struct slice shut_out = msg_get_slice(m);
	struct policy_told *told = &c->parent->policy;

	if (msg_finish(m) < 0 || state >= TRIAL_STATE_COUNT || shut_out.n >= POLICY_SHUT_MAX)
		return;
	told->state = state;
	told->until_ms = until_ms;
	if (shut_out.n)
		memcpy(told->shut_out, shut_out.p, shut_out.n);
	told->shut_out[shut_out.n] = '\0';
}

void
policy_forget(struct parent *p)
{
	_free_ char *path = file_of(p);

	if (path)
		(void)unlink(path);
}
