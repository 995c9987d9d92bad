/*
 * The trial of a policy in this process: begins with a commit, ends with an order to confirm, a
 * timer or the end of the channel, whichever comes first. The rollback needs nobody else: what was
 * confirmed is here.
 */
#include "router/process.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "router/input.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS_PER_S 1000
#define SSH_PORT 22

static void
tell_state(struct router *r, enum role role)
{
	const struct trial *t = &r->trial;
	uint64_t now = clock_mono_ms(), until = 0;
	struct msg_out m;

	if (t->state == TRIAL_RUNNING && t->until_ms > now)
		until = clock_wall_ms() + (t->until_ms - now);
	if (msg_out_init(&m, MSG_POLICY_STATE, role) < 0)
		return;
	msg_put_u64(&m, until);
	msg_put_u8(&m, (uint8_t)t->state);
	msg_put_str(&m, t->state == TRIAL_RUNNING ? r->shut_out : "");
	(void)chan_send(r->chan, &m);
}

/* The parent keeps it for the control processes to come. */
static void
tell(struct router *r)
{
	tell_state(r, ROLE_PARENT);
	tell_state(r, ROLE_CONTROL);
}

/* Has the parent put on disk what a process after this one begins with. id: of a POLICY_CONFIRM,
 * which the parent answers. */
static int
keep(struct router *r, uint64_t id, struct err *e)
{
	_cleanup_(buf_clear) struct buf text = {0};
	_fd_ int fd = -1;
	struct msg_out m;

	buf_init(&text, 2 * TRIAL_TEXT_MAX);
	if (trial_print(&r->trial, &text, e) < 0)
		return -1;
	fd = memfd_new("policy", buf_slice(&text), e);
	if (fd < 0)
		return -1;
	if (msg_out_init(&m, MSG_POLICY_KEEP, ROLE_PARENT) < 0)
		return err_set(e, "out of memory");
	msg_put_u64(&m, id);
	msg_put_fd(&m, fd);
	return chan_send(r->chan, &m) < 0 ? err_set(e, "the channel is closed") : 0;
}

static void
keep_or_say(struct router *r)
{
	struct err e = {0};

	if (keep(r, 0, &e) < 0)
		log_err("the policy is not kept; a start may try it again", &e);
}

void
confirm_kept(struct router *r, int fd)
{
	struct memfd_map map;
	struct err e = {0};

	if (memfd_map(fd, 2 * TRIAL_TEXT_MAX, &map, &e) < 0) {
		log_err("the policy that was confirmed cannot be read", &e);
		return;
	}
	if (trial_parse(map.bytes, &r->trial, &e) < 0)
		log_err("the policy that was confirmed cannot be read; none is", &e);
	memfd_unmap(&map);
}

/* ---- what holds ---- */

static struct conf everything_open; /* a policy without an `open` */

const struct conf *
confirm_policy(const struct router *r, const struct conf *c)
{
	bool offered = c == r->offer.conf;

	if (offered ? r->offer.verdict != TRIAL_BACK : r->trial.state != TRIAL_ROLLED_BACK)
		return NULL;
	return r->trial.confirmed ? r->trial.confirmed : &everything_open;
}

struct plan_wans
confirm_outside(struct router *r, const struct conf *policy, const struct conf *c)
{
	struct link_snapshot links;
	struct plan_wans wans = {0};

	if (!policy || !input_guards(policy))
		return wans;
	if (policy->wan) {
		(void)snprintf(wans.names[0], sizeof(wans.names[0]), "%s", policy->wan);
		wans.n = 1;
		return wans;
	}
	/* The file names an outside, and what was confirmed did not. */
	if (c->wan && link_read(&r->route, &links, NULL) == 0) {
		wans = links.defaults;
		link_snapshot_clear(&links);
		return wans;
	}
	return r->wans;
}

/* ---- begin and end ---- */

int
confirm_judge(struct router *r, struct err *e)
{
	struct offer *o = &r->offer;

	conf_unref(&o->policy);
	if (trial_policy(o->conf, &o->policy, e) < 0)
		return -1;
	o->verdict = trial_judge(&r->trial, o->policy, !r->conf);
	return 0;
}

static void
arm(struct router *r, uint64_t ms)
{
	const struct timeval tv = {.tv_sec = (time_t)(ms / MS_PER_S),
		.tv_usec = (suseconds_t)(ms % MS_PER_S * MS_PER_S)};

	(void)event_add(r->on_trial, &tv);
}

static bool
named_before(const struct peers *peers, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (addr_eq(&peers->v[k], &peers->v[i]))
			return true;
	return false;
}

/* Who asked for the change is one of them, whatever serves him. */
static void
add_asker(const struct router *r, struct peers *peers)
{
	const struct addr *asked = &r->offer.asked;

	if (!asked->family || peers->n == PEERS_MAX)
		return;
	peers->port[peers->n] = r->ssh.n ? r->ssh.v[0] : SSH_PORT;
	peers->v[peers->n] = *asked;
	if (!named_before(peers, peers->n))
		peers->n++;
}

/* Who is connected and could not connect anew: their sessions go on, so they would not notice. */
static void
find_shut_out(struct router *r)
{
	_free_ struct peers *peers = calloc(1, sizeof(*peers));
	_cleanup_(buf_clear) struct buf text = {0};
	char address[ADDR_TEXT_MAX];
	struct err e = {0};

	r->shut_out[0] = '\0';
	buf_init(&text, sizeof(r->shut_out) - 1);
	if (!peers)
		return;
	if (peers_read(&r->diagnosis, &r->ssh, peers, &e) < 0)
		peers->n = 0;
	add_asker(r, peers);
	for (size_t i = 0; i < peers->n; i++) {
		if (named_before(peers, i) ||
			input_admits(r->trial.tried, r->conf, peers->port[i], &peers->v[i]))
			continue;
		/* Those that have no room are not named. */
		if (buf_printf(&text, "%s%s", buf_len(&text) ? " " : "",
			    addr_print(&peers->v[i], address)) < 0)
			break;
	}
	if (buf_len(&text))
		memcpy(r->shut_out, buf_slice(&text).p, buf_len(&text));
	r->shut_out[buf_len(&text)] = '\0';
}

static void
say_begun(struct router *r, uint64_t ms)
{
	char seconds[32];

	(void)snprintf(seconds, sizeof(seconds), "%" PRIu64, (ms + MS_PER_S - 1) / MS_PER_S);
	log_warn("less comes in than before: on trial; say `sluice confirm`, or it is taken back",
		kv_s("seconds_left", seconds));
	if (r->shut_out[0])
		log_warn("who is connected by SSH could not connect anew",
			kv_s("addresses", r->shut_out));
	router_event(r, "policy-trial", "seconds", seconds);
}

void
confirm_committed(struct router *r)
{
	struct offer *o = &r->offer;
	uint64_t ms = r->conf->opens.confirm_ms;
	struct conf *policy = steal_ptr(&o->policy);

	if (trial_take(&r->trial, o->verdict, policy, clock_mono_ms() + ms))
		keep_or_say(r);
	if (o->verdict == TRIAL_TRY) {
		arm(r, ms);
		find_shut_out(r);
		say_begun(r, ms);
	} else if (o->verdict == TRIAL_ADOPT) {
		(void)event_del(r->on_trial);
	} else if (o->verdict == TRIAL_BACK) {
		log_warn("what the file opens was tried and not confirmed; what was confirmed "
			 "before holds; sluice reload tries it again");
	}
	tell(r);
}

static int
roll_back(struct router *r)
{
	struct err e = {0};

	trial_expire(&r->trial);
	if (install_conf(r, r->conf, &e) == 0)
		return 0;
	log_err("what was confirmed before could not be put back", &e);
	return -1;
}

void
confirm_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct router *r = arg;

	(void)fd;
	(void)what;
	if (r->trial.state != TRIAL_RUNNING)
		return;
	if (roll_back(r) < 0)
		router_retry(r);
	log_warn("nobody confirmed in time; what was confirmed before holds again, and the file "
		 "differs from what runs");
	router_event(r, "policy-rolled-back", NULL, NULL);
	stats_add(&r->stats, STAT_POLICY_ROLLBACKS, 1);
	tell(r);
}

void
confirm_end(struct router *r)
{
	if (r->trial.state != TRIAL_RUNNING || !r->conf)
		return;
	if (roll_back(r) == 0)
		log_warn("ended during a trial; what was confirmed before holds again");
}

static void
refuse(struct router *r, uint64_t id)
{
	const char *why = r->trial.state == TRIAL_ROLLED_BACK
				  ? "nothing is on trial: it was not confirmed in time; sluice "
				    "reload tries the file again\n"
				  : "nothing is on trial\n";
	struct msg_out m;

	if (msg_out_init(&m, MSG_OUTCOME, ROLE_CONTROL) < 0)
		return;
	msg_put_u64(&m, id);
	msg_put_u8(&m, 0);
	msg_put_u64(&m, 0);
	msg_put_str(&m, why);
	msg_put_str(&m, "");
	(void)chan_send(r->chan, &m);
}

void
confirm_order(struct router *r, uint64_t id)
{
	struct err e = {0};

	if (trial_confirm(&r->trial) < 0) {
		refuse(r, id);
		return;
	}
	(void)event_del(r->on_trial);
	if (keep(r, id, &e) < 0)
		log_err("the policy is confirmed, and not kept", &e);
	log_info("policy confirmed");
	router_event(r, "policy-confirmed", NULL, NULL);
	tell(r);
}
