/*
 * The control process's life: channel, sandbox, messages, loop. It is a member of every offer,
 * because what it shows must be what runs; it never refuses one that parses.
 */
#include "daemon/control/control.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "core/proc.h"
#include "core/sandbox.h"
#include "daemon/child_log.h"
#include "daemon/control/control_auth.h"
#include "daemon/control/control_json.h"
#include "daemon/roles.h"

#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define NO_GROUP UINT32_C(4294967295)
#define LAST_WORDS_US 100000

static void
send_number(struct control *c, enum msg_type type, uint64_t number)
{
	struct msg_out m;

	if (msg_out_init(&m, type, ROLE_PARENT) < 0)
		return;
	msg_put_u64(&m, number);
	(void)chan_send(c->chan, &m);
	msg_out_clear(&m);
}

static void
refuse(struct control *c, uint64_t generation, const struct err *why)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_REFUSED, ROLE_PARENT) < 0)
		return;
	msg_put_u64(&m, generation);
	msg_put_u32(&m, why->ordinal);
	msg_put_str(&m, why->msg);
	(void)chan_send(c->chan, &m);
	msg_out_clear(&m);
}

static void
drop_offer(struct control *c)
{
	conf_unref(&c->next);
	free(c->next_text);
	c->next_text = NULL;
	c->next_generation = 0;
}

static int
parse_offer(struct control *c, int fd, struct err *e)
{
	_free_ struct conf_errors *errs = calloc(1, sizeof(*errs));
	struct conf_input in = {.name = "offer"};
	struct memfd_map map;
	int rc;

	if (!errs)
		return err_set(e, "out of memory");
	if (memfd_map(fd, CONF_TEXT_MAX, &map, e) < 0)
		return -1;
	in.text = map.bytes;
	rc = conf_parse(&in, &c->next, NULL, errs);
	if (rc < 0)
		*e = errs->errors[0];
	c->next_text = slice_dup(map.bytes);
	memfd_unmap(&map);
	if (!c->next_text)
		return err_set(e, "out of memory");
	return rc;
}

static void
on_offer(struct control *c, struct msg_in *m)
{
	uint64_t generation = msg_get_u64(m);
	struct err e = {0};

	if (msg_finish(m) < 0)
		return;
	drop_offer(c);
	if (parse_offer(c, m->fd, &e) < 0) {
		drop_offer(c);
		refuse(c, generation, &e);
		return;
	}
	c->next_generation = generation;
}

static void
on_offer_end(struct control *c, struct msg_in *m)
{
	uint64_t generation = msg_get_u64(m);

	if (msg_finish(m) == 0 && c->next && generation == c->next_generation)
		send_number(c, MSG_READY, generation);
}

/* Nobody is answered before there is something that runs: until then callers wait in the
 * sockets' queues. */
static void
start_serving(struct control *c)
{
	struct err e = {0};

	if (c->http)
		return;
	if (control_http_start(c, c->http_fd, &e) == 0 && control_exec_start(c, &e) == 0)
		return;
	log_err("cannot serve", &e);
	c->failed = true;
	event_base_loopbreak(c->base);
}

static void
on_commit(struct control *c, struct msg_in *m)
{
	uint64_t generation = msg_get_u64(m);

	if (msg_finish(m) < 0 || !c->next || generation != c->next_generation)
		return;
	conf_unref(&c->state.conf);
	free(c->state.text);
	c->state.conf = steal_ptr(&c->next);
	c->state.text = steal_ptr(&c->next_text);
	c->state.generation = generation;
	log_set_level(c->state.conf->log_level);
	log_set_format(c->state.conf->log_format);
	send_number(c, MSG_COMMITTED, generation);
	start_serving(c);
	malloc_trim(0);
}

static void
on_abort(struct control *c, struct msg_in *m)
{
	(void)m;
	drop_offer(c);
}

static void
on_socket(struct control *c, struct msg_in *m)
{
	struct slice kind = msg_get_slice(m);
	uint32_t gid = msg_get_u32(m);
	int *fd = slice_eq_str(kind, "http") ? &c->http_fd : &c->exec_fd;

	if (msg_finish(m) < 0 || *fd >= 0)
		return;
	*fd = msg_take_fd(m);
	c->group = gid == NO_GROUP ? CONTROL_NO_GROUP : (gid_t)gid;
}

static void
on_process(struct control *c, struct msg_in *m)
{
	bool lxc_ran = control_state_runs(&c->state, "lxc");

	if (control_state_process(&c->state, m) == 0 && lxc_ran &&
		!control_state_runs(&c->state, "lxc"))
		control_wait_fail_jobs(c);
}

static void
on_certificate(struct control *c, struct msg_in *m)
{
	if (control_state_certificate(&c->state, m) < 0)
		log_warn("news of a certificate dropped");
}

static void
on_container(struct control *c, struct msg_in *m)
{
	const struct control_container *container;

	if (control_state_container(&c->state, m, &container) == 0)
		control_events_send(c, control_json_container_event(container, clock_wall_ms()));
}

static void
on_container_gone(struct control *c, struct msg_in *m)
{
	struct slice name = msg_get_slice(m);

	if (msg_finish(m) < 0)
		return;
	control_state_container_gone(&c->state, name);
	control_events_send(c, json_pack("{s:I, s:s, s:s%}", "time", (json_int_t)clock_wall_ms(),
				       "event", "container-gone", "name", name.p, name.n));
}

static void
on_event(struct control *c, struct msg_in *m)
{
	control_events_send(c, control_json_event(m, clock_wall_ms()));
}

static void (*const handlers[MSG_TYPE_COUNT])(struct control *, struct msg_in *) = {
	[MSG_OFFER] = on_offer,
	[MSG_OFFER_END] = on_offer_end,
	[MSG_COMMIT] = on_commit,
	[MSG_ABORT] = on_abort,
	[MSG_SOCKET] = on_socket,
	[MSG_PROCESS] = on_process,
	[MSG_CERTIFICATE_STATE] = on_certificate,
	[MSG_CONTAINER] = on_container,
	[MSG_CONTAINER_GONE] = on_container_gone,
	[MSG_POLICY_STATE] = control_policy_on_state,
	[MSG_OUTCOME] = control_wait_on_outcome,
	[MSG_JOB_DONE] = control_wait_on_job_done,
	[MSG_TARGETS] = control_wait_on_targets,
	[MSG_BAN_DONE] = control_wait_on_ban_done,
	[MSG_BANS] = control_wait_on_bans,
	[MSG_FORWARDS] = control_wait_on_forwards,
	[MSG_CONNTRACK] = control_wait_on_conntrack,
	[MSG_CONNTRACK_COUNTS] = control_wait_on_conntrack_counts,
	[MSG_NFT_TEXT] = control_wait_on_nft,
	[MSG_CACHE_SAID] = control_wait_on_cache,
	[MSG_STATS] = control_wait_on_stats,
	[MSG_USAGE_PROCESSES] = control_wait_on_usage,
	[MSG_USAGE_CONTAINERS] = control_wait_on_usage,
	[MSG_USAGE_PROXY] = control_wait_on_usage,
	[MSG_EVENT] = on_event,
};

static void
on_msg(struct chan *chan, struct msg_in *m, void *ctx)
{
	(void)chan;
	if (handlers[m->type])
		handlers[m->type](ctx, m);
}

static void
on_close(struct chan *chan, const char *reason, void *ctx)
{
	struct control *c = ctx;
	struct timeval last_words = {.tv_usec = c->n_streams > 0 ? LAST_WORDS_US : 0};

	(void)chan;
	log_debug("channel closed", kv_s("reason", reason));
	/* Readers of events shall still get those that told of the end. */
	event_base_loopexit(c->base, &last_words);
}

static const struct chan_ops ops = {.on_msg = on_msg, .on_close = on_close};

/* jansson would open /dev/urandom for its hash seed, which the sandbox does not let it. */
static void
seed_json(void)
{
	unsigned seed = 0;

	while (seed == 0 && getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed))
		;
	json_object_seed(seed);
}

static int
start(struct control *c, struct err *e)
{
	struct msg_out m;

	c->base = event_base_new();
	if (!c->base || control_state_init(&c->state) < 0)
		return err_set(e, "out of memory");
	seed_json();
	if (sandbox_enter(ROLE_CONTROL, NULL, 0, e) < 0)
		return -1;
	c->chan = chan_new(c->base, PROC_FD_CHANNEL, ROLE_CONTROL, ROLE_PARENT, &ops, c, e);
	if (!c->chan)
		return -1;
	if (msg_out_init(&m, MSG_HELLO, ROLE_PARENT) < 0)
		return err_set(e, "out of memory");
	msg_put_u32(&m, (uint32_t)getpid());
	(void)chan_send(c->chan, &m);
	msg_out_clear(&m);
	return 0;
}

static void
clear(struct control *c)
{
	control_wait_clear(c);
	control_events_clear(c);
	control_http_stop(c);
	control_exec_stop(c);
	drop_offer(c);
	control_state_clear(&c->state);
	chan_free(&c->chan);
	if (c->base)
		event_base_free(c->base);
}

int
control_main(void)
{
	static struct control control = {.http_fd = -1, .exec_fd = -1, .group = CONTROL_NO_GROUP};
	struct control *c = &control;
	struct err e = {0};

	child_log_init("control");
	(void)signal(SIGPIPE, SIG_IGN);
	list_init(&c->waits);
	list_init(&c->streams);
	if (start(c, &e) < 0) {
		log_err("cannot start", &e);
		return 1;
	}
	event_base_dispatch(c->base);
	clear(c);
	return c->failed ? 1 : 0;
}
