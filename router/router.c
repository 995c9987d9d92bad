/*
 * The router process: enters its sandbox, opens its sockets, and translates what comes by the
 * channel and from the kernel into calls of the files beside it. Owns the loop and everything in
 * struct router. Ends when its channel closes; the kernel's rules stay.
 */
#include "router/router.h"

#include "core/log.h"
#include "core/own.h"
#include "core/proc.h"
#include "core/sandbox.h"
#include "conf/container_state.h"
#include "router/flows.h"
#include "router/process.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <unistd.h>

#define RETRY_SECONDS 1

static struct router router;

void
router_event(struct router *r, const char *what, const char *key, const char *value)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_EVENT, ROLE_CONTROL) < 0)
		return;
	msg_put_str(&m, what);
	if (key) {
		msg_put_str(&m, key);
		msg_put_str(&m, value);
	}
	(void)chan_send(r->chan, &m);
}

void
router_retry(struct router *r)
{
	const struct timeval soon = {.tv_sec = RETRY_SECONDS};

	(void)event_add(r->on_retry, &soon);
}

/* Whether somebody changed the tables is not known. */
static void
look(struct router *r)
{
	if (!r->installed)
		return;
	log_debug("nftables notifications lost, table read back");
	if (!nft_make_sure(&r->nft, &r->ruleset))
		install_repair(r);
	else if (r->nft.unsure)
		router_retry(r);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct router *r = arg;

	(void)fd;
	(void)what;
	settle_upkeep(r);
	look(r);
	install_again(r);
}

static void
on_nft(evutil_socket_t fd, short what, void *arg)
{
	struct router *r = arg;

	(void)fd;
	(void)what;
	if (nft_disturbed(&r->nft))
		install_repair(r);
	else if (r->nft.unsure)
		look(r);
}

/* Of routes only the default ones matter; a host with many others is not read again for each. */
static void
on_route_message(const struct nlmsghdr *h, void *ctx)
{
	bool *relevant = ctx;
	struct rtmsg info;

	if (h->nlmsg_type == RTM_NEWLINK || h->nlmsg_type == RTM_DELLINK) {
		*relevant = true;
	} else if ((h->nlmsg_type == RTM_NEWROUTE || h->nlmsg_type == RTM_DELROUTE) &&
		   mnl_nlmsg_get_payload_len(h) >= sizeof(info)) {
		memcpy(&info, mnl_nlmsg_get_payload(h), sizeof(info));
		if (info.rtm_dst_len == 0)
			*relevant = true;
	}
}

static void
on_route(evutil_socket_t fd, short what, void *arg)
{
	struct router *r = arg;
	bool relevant = false;

	(void)fd;
	(void)what;
	if (netlink_events(&r->route_events, on_route_message, &relevant) != 0 || relevant)
		settle_upkeep(r);
}

static void
on_container(struct router *r, struct msg_in *m)
{
	struct slice name = msg_get_slice(m), v4, v6, mac, port;
	struct plan_address address = {.told = true};
	/* Whatever it is, an address is forwarded to while it is there. */
	uint8_t state = msg_get_u8(m);

	(void)msg_get_u8(m);  /* managed */
	(void)msg_get_u64(m); /* changed */
	(void)msg_get_u32(m); /* pid */
	(void)msg_get_u32(m); /* restarts */
	v4 = msg_get_slice(m);
	v6 = msg_get_slice(m);
	mac = msg_get_slice(m);
	port = msg_get_slice(m);
	(void)msg_get_slice(m); /* job */
	(void)msg_get_slice(m); /* notes */
	if (msg_finish(m) < 0 || port.n > CONF_IFNAME_MAX ||
		(mac.n > 0 && !plan_parse_mac(mac, address.mac)) ||
		(v4.n > 0 && addr_parse(v4, &address.v4) < 0) ||
		(v6.n > 0 && addr_parse(v6, &address.v6) < 0)) {
		log_warn("a container's message is malformed");
		return;
	}
	memcpy(address.port, port.p, port.n);
	containers_set(r, name, &address);
	if (state == CONTAINER_ABSENT || state == CONTAINER_STOPPED)
		conflicts_leave(r, name);
	else
		conflicts_watch(r, name, &address, mac);
	install_again(r);
}

static void
on_container_gone(struct router *r, struct msg_in *m)
{
	struct slice name = msg_get_slice(m);

	if (msg_finish(m) < 0)
		return;
	containers_forget(r, name);
	conflicts_leave(r, name);
	install_again(r);
}

static void
on_stats_get(struct router *r, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	struct stats *arrays[] = {&r->stats};
	uint32_t flows, most;
	struct msg_out out;

	if (msg_finish(m) < 0 || msg_out_init(&out, MSG_STATS, ROLE_CONTROL) < 0)
		return;
	if (r->installed)
		drops_read(&r->drops, &r->nft, &r->ruleset, &r->stats);
	if (flows_total(&r->nft.commands, &flows, &most) == 0) {
		stats_set(&r->stats, STAT_CONNTRACK_ENTRIES, flows);
		stats_set(&r->stats, STAT_CONNTRACK_MAX, most);
	}
	msg_put_u64(&out, id);
	stats_put(&out, ROLE_ROUTER, arrays, ARRAY_SIZE(arrays));
	(void)chan_send(r->chan, &out);
}

static void
on_recorded(struct router *r, struct msg_in *m)
{
	struct slice name = msg_get_slice(m);

	if (msg_finish(m) == 0)
		settle_recorded(r, name);
}

static void
on_ban(struct router *r, struct msg_in *m)
{
	struct ban_order o = {.id = msg_get_u64(m)};

	o.address = msg_get_slice(m);
	o.for_ms = msg_get_u64(m);
	o.why = msg_get_slice(m);
	/* Only control's numbers mean anything. */
	if (m->from != ROLE_CONTROL)
		o.id = 0;
	if (msg_finish(m) == 0)
		ban_add(r, &o);
}

static void
on_unban(struct router *r, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	struct slice address = msg_get_slice(m);

	if (msg_finish(m) == 0)
		ban_remove(r, id, address);
}

static void
on_bans_get(struct router *r, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);

	if (msg_finish(m) == 0)
		ban_list(r, id);
}

/* Messages whose only field is the generation. */
static void
on_generation(struct router *r, struct msg_in *m)
{
	enum msg_type type = m->type;
	uint64_t generation = msg_get_u64(m);

	if (msg_finish(m) < 0)
		return;
	if (type == MSG_OFFER)
		generation_offer(r, generation, m->fd);
	else if (type == MSG_OFFER_END)
		generation_offer_end(r, generation);
	else if (type == MSG_COMMIT)
		generation_commit(r, generation);
	else
		generation_abort(r, generation);
}

static void
on_nft_get(struct router *r, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	uint8_t view = msg_get_u8(m);

	if (msg_finish(m) == 0 && view < NFT_VIEW_COUNT)
		show_nft(r, id, (enum nft_view)view);
}

static void
on_block_list(struct router *r, struct msg_in *m)
{
	uint64_t generation = msg_get_u64(m);
	uint32_t index = msg_get_u32(m);

	if (msg_finish(m) == 0)
		generation_block_list(r, generation, index, msg_take_fd(m));
}

static void
on_policy(struct router *r, struct msg_in *m)
{
	(void)msg_get_u32(m);
	if (msg_finish(m) == 0)
		confirm_kept(r, m->fd);
}

static void
on_confirm(struct router *r, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);

	if (msg_finish(m) == 0)
		confirm_order(r, id);
}

static void
on_admins(struct router *r, struct msg_in *m)
{
	uint64_t generation = msg_get_u64(m);
	struct slice asked = msg_get_slice(m);
	struct peers_ports ssh = {0};
	struct addr a = {0};

	while (msg_more(m) && !m->bad) {
		uint16_t port = msg_get_u16(m);

		if (ssh.n < PEERS_PORTS_MAX)
			ssh.v[ssh.n++] = port;
	}
	if (asked.n && addr_parse(asked, &a) < 0)
		log_warn("the address of who asked is malformed");
	else if (msg_finish(m) == 0)
		generation_admins(r, generation, &ssh, &a);
}

static void
on_forwards_get(struct router *r, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);

	if (msg_finish(m) == 0)
		show_forwards(r, id);
}

static void
on_conntrack_get(struct router *r, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	struct slice name = msg_get_slice(m);

	if (msg_finish(m) == 0)
		show_conntrack(r, id, name);
}

struct handler {
	enum msg_type type;
	void (*on)(struct router *r, struct msg_in *m);
};

static const struct handler handlers[] = {
	{MSG_OFFER, on_generation},
	{MSG_BLOCK_LIST, on_block_list},
	{MSG_OFFER_END, on_generation},
	{MSG_COMMIT, on_generation},
	{MSG_ABORT, on_generation},
	{MSG_RECORDED, on_recorded},
	{MSG_CONTAINER, on_container},
	{MSG_CONTAINER_GONE, on_container_gone},
	{MSG_STATS_GET, on_stats_get},
	{MSG_BAN, on_ban},
	{MSG_UNBAN, on_unban},
	{MSG_BANS_GET, on_bans_get},
	{MSG_FORWARDS_GET, on_forwards_get},
	{MSG_NFT_GET, on_nft_get},
	{MSG_ADMINS, on_admins},
	{MSG_POLICY, on_policy},
	{MSG_POLICY_CONFIRM, on_confirm},
	{MSG_CONNTRACK_GET, on_conntrack_get},
};

static void
on_msg(struct chan *c, struct msg_in *m, void *ctx)
{
	(void)c;
	for (size_t i = 0; i < ARRAY_SIZE(handlers); i++) {
		if (handlers[i].type == m->type) {
			handlers[i].on(ctx, m);
			return;
		}
	}
	log_warn("message not understood", kv_s("type", msg_name(m->type)));
}

static void
on_close(struct chan *c, const char *reason, void *ctx)
{
	struct router *r = ctx;

	(void)c;
	log_debug("channel closed", kv_s("reason", reason));
	(void)event_base_loopbreak(r->base);
}

static const struct chan_ops chan_ops = {.on_msg = on_msg, .on_close = on_close};

/* Level and format as the parent says in the environment ("info,text"). */
static void
log_from_environment(void)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"};
	struct slice text = slice_str(getenv("SLUICE_LOG")); /* NOLINT(concurrency-mt-unsafe) */
	struct slice level = slice_head(text, slice_index(text, ','));

	log_init("router", STDERR_FILENO);
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (slice_eq_str(level, levels[i]))
			log_set_level((enum log_level)i);
	if (slice_eq_str(slice_skip(text, level.n + 1), "json"))
		log_set_format(LOG_FORMAT_JSON);
}

/* Nobody else shall change the tables, unless the environment says SLUICE_TABLE_OWNER=no, or the
 * kernel does not know how to. */
static void
own_tables(struct router *r)
{
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
	struct slice wanted = slice_str(getenv("SLUICE_TABLE_OWNER"));

	if (!slice_eq_str(wanted, "no"))
		nft_own(&r->nft);
	log_debug("tables", kv_s("owner", r->nft.table_flags ? "yes" : "no"));
}

static int
open_sockets(struct router *r, struct err *e)
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};

	if (nft_open(&r->nft, e) < 0 || netlink_open(&r->route, NETLINK_ROUTE, false, e) < 0 ||
		netlink_open(&r->route_events, NETLINK_ROUTE, true, e) < 0 ||
		netlink_open(&r->diagnosis, NETLINK_SOCK_DIAG, false, e) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (netlink_join(&r->route_events, groups[i], e) < 0)
			return -1;
	return 0;
}

static int
add_events(struct router *r, struct err *e)
{
	r->on_nft = event_new(r->base, netlink_fd(&r->nft.events), EV_READ | EV_PERSIST, on_nft, r);
	r->on_route =
		event_new(r->base, netlink_fd(&r->route_events), EV_READ | EV_PERSIST, on_route, r);
	r->on_retry = evtimer_new(r->base, on_retry, r);
	r->on_trial = evtimer_new(r->base, confirm_on_timer, r);
	if (!r->on_nft || !r->on_route || !r->on_retry || !r->on_trial ||
		event_add(r->on_nft, NULL) < 0 || event_add(r->on_route, NULL) < 0)
		return err_set(e, "out of memory");
	return 0;
}

static int
hello(struct router *r, struct err *e)
{
	struct msg_out m;

	if (msg_out_init(&m, MSG_HELLO, ROLE_PARENT) < 0)
		return err_set(e, "out of memory");
	msg_put_u32(&m, (uint32_t)getpid());
	return chan_send(r->chan, &m) < 0 ? err_set(e, "the channel is closed") : 0;
}

static int
start(struct router *r, struct err *e)
{
	static const struct sandbox_path paths[] = {
		{.path = "/proc/sys/net", .write = true},
		{.path = ROUTER_LXC_RUN},
	};

	if (sandbox_enter(ROLE_ROUTER, paths, ARRAY_SIZE(paths), e) < 0)
		return -1;
	r->base = event_base_new();
	r->containers = map_new();
	if (!r->base || !r->containers || conflicts_init(r) < 0)
		return err_set(e, "out of memory");
	if (open_sockets(r, e) < 0 || add_events(r, e) < 0)
		return -1;
	own_tables(r);
	r->nft.bans = &r->bans;
	r->nft.limits = &r->ruleset.limits;
	r->chan = chan_new(r->base, PROC_FD_CHANNEL, ROLE_ROUTER, ROLE_PARENT, &chan_ops, r, e);
	if (!r->chan)
		return -1;
	return hello(r, e);
}

static void
free_event(struct event **e)
{
	if (*e)
		event_free(*e);
	*e = NULL;
}

static void
stop(struct router *r)
{
	settle_cancel(r);
	confirm_end(r);
	trial_clear(&r->trial);
	generation_clear(r);
	router_forget_containers(r);
	conflicts_clear(r);
	ruleset_clear(&r->ruleset);
	ruleset_clear(&r->kept);
	blocks_clear(&r->blocks);
	free_event(&r->on_nft);
	free_event(&r->on_route);
	free_event(&r->on_retry);
	free_event(&r->on_trial);
	chan_free(&r->chan);
	nft_close(&r->nft);
	netlink_close(&r->route);
	netlink_close(&r->route_events);
	netlink_close(&r->diagnosis);
	bans_clear(&r->bans);
	drops_clear(&r->drops);
	if (r->base)
		event_base_free(r->base);
}

int
router_main(void)
{
	struct err e = {0};
	int status = EXIT_FAILURE;

	log_from_environment();
	if (start(&router, &e) < 0)
		log_err("router cannot start", &e);
	else if (event_base_dispatch(router.base) >= 0)
		status = EXIT_SUCCESS;
	stop(&router);
	return status;
}
