/*
 * Keeps the kernel's table equal to what is wanted: plans, sends the difference or the whole,
 * forgets stale flows, and puts the table back when somebody removed or changed it.
 */
#include "router/process.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "router/conntrack.h"
#include "router/nft/nft_tally.h"
#include "router/plan_guard.h"

#include <string.h>

/* Two programs that both insist on the table must not fill the log and the processor. */
#define REPAIR_WINDOW_MS 10000
#define REPAIR_WINDOW_MAX 50

/* Until lxc has spoken, what a process before this one knew of containers is not forgotten: a
 * container must not be free because we were started again. */
static int
add_kept(const struct router *r, struct ruleset *to, struct err *e)
{
	for (size_t i = RULESET_EGRESS; i < RULESET_LIMIT0_4; i++) {
		const struct ruleset_elems *kept = &r->kept.sets[i];

		if (ruleset_set_info((enum ruleset_set)i)->interval ||
			!ruleset_has_set(to, (enum ruleset_set)i))
			continue;
		for (size_t k = 0; k < kept->n; k++)
			if (ruleset_add(to, (enum ruleset_set)i, &kept->v[k], e) < 0)
				return -1;
	}
	ruleset_sort(to);
	plan_guard_unite(to);
	return 0;
}

int
install_plan(struct router *r, const struct conf *c, struct ruleset *ret, struct err *e)
{
	_free_ struct plan_address *addresses = containers_known(r, c);
	const struct conf *policy = confirm_policy(r, c);
	struct plan_input in = {.conf = c,
		.addresses = addresses,
		.wans = r->wans,
		.blocks = c == r->conf ? &r->blocks : &r->offer.blocks,
		.no_bridge_table = r->bridge_table == ABILITY_MISSING,
		.policy = policy,
		.guarded = confirm_outside(r, policy, c)};

	if (!addresses)
		return err_set(e, "out of memory");
	memcpy(in.bridge_mac, r->bridge_mac, sizeof(in.bridge_mac));
	if (plan_build(&in, ret, e) < 0)
		return -1;
	if (containers_all_told(r, c))
		ruleset_clear(&r->kept);
	else if (add_kept(r, ret, e) < 0) {
		ruleset_clear(ret);
		return -1;
	}
	return 0;
}

int
install_check(struct router *r, const struct conf *c, struct err *e)
{
	uint32_t ordinal = plan_guard_insists(c);
	struct err why = {0};

	if (!plan_guard_wanted(c))
		return 0;
	if (r->bridge_table == ABILITY_NOT_ASKED) {
		r->bridge_table =
			nft_try_bridge(&r->nft, &why) == 0 ? ABILITY_THERE : ABILITY_MISSING;
		if (r->bridge_table == ABILITY_MISSING)
			log_err("the kernel has no nftables tables of family bridge: what "
				"containers send is not looked at",
				&why);
	}
	if (r->bridge_table == ABILITY_THERE || !ordinal)
		return 0;
	return err_ordinal(e, ordinal,
		"the kernel has no nftables tables of family bridge (CONFIG_NF_TABLES_BRIDGE), "
		"which this needs; load the module nf_tables and its family, or leave this out");
}

/* unknown: what stood before may be no longer what the flows began under. A router that died
 * between a change and this left them as they were, and a flow that began while the table was away
 * is not translated for as long as its packets come. */
static void
forget_flows(
	struct router *r, const struct ruleset_diff *diff, const struct ruleset *to, bool unknown)
{
	struct link_snapshot links;
	struct conntrack_change change = {
		.diff = diff, .to = to, .links = &links, .unknown = unknown};
	struct err e = {0};
	size_t deleted = 0;

	if (!conntrack_needed(&change))
		return;
	if (link_read(&r->route, &links, &e) < 0) {
		log_err("stale flows not forgotten", &e);
		return;
	}
	/* A kernel without conntrack's netlink part still forwards; old flows end by themselves. */
	if (conntrack_flush(&r->nft.commands, &change, &deleted, &e) < 0)
		log_err("stale flows not forgotten", &e);
	link_snapshot_clear(&links);
	stats_add(&r->stats, STAT_CONNTRACK_FLUSHED, 1);
	if (deleted)
		log_info("stale flows forgotten", kv_u("flows", deleted));
}

/* Sends what makes `to` of `from`. *ret_missing: the table was not there, or not whole. */
static int
send_diff(struct router *r, const struct ruleset_diff *diff, const struct ruleset *to,
	bool *ret_missing, struct err *e)
{
	bool missing = false;

	*ret_missing = false;

	/* Chains come and go with the table only. */
	if (!r->installed || !ruleset_same_frame(&r->ruleset, to))
		return nft_install(&r->nft, to, e);
	if (ruleset_diff_empty(diff))
		return 0;
	if (nft_apply(&r->nft, diff, &missing, e) == 0)
		return 0;
	if (!missing)
		return -1;
	*ret_missing = true;
	log_warn("the nftables table is not as it was left, installing it whole");
	r->nft.blocks_unsure = true;
	if (nft_repair(&r->nft, to, e) < 0)
		return -1;
	return nft_repair_blocks(&r->nft, to, e);
}

void
install_read_before(struct router *r)
{
	size_t rules;

	if (r->installed)
		return;
	ruleset_clear(&r->ruleset);
	if (nft_read(&r->nft, &r->ruleset, &rules, NULL) < 0)
		r->ruleset = (struct ruleset){0};
}

/* Takes what is in table bridge aside. */
static int
keep_ports(struct router *r, struct err *e)
{
	ruleset_clear(&r->kept);
	for (size_t i = RULESET_EGRESS; i < RULESET_LIMIT0_4; i++)
		for (size_t k = 0; k < r->ruleset.sets[i].n; k++)
			if (ruleset_add(
				    &r->kept, (enum ruleset_set)i, &r->ruleset.sets[i].v[k], e) < 0)
				return -1;
	return 0;
}

/* Takes `to` over on success. */
static int
install_ruleset(struct router *r, struct ruleset *to, struct err *e)
{
	struct ruleset_diff diff;
	bool missing;
	int ret;

	if (ruleset_diff(&r->ruleset, to, &diff, e) < 0)
		return -1;
	if (r->installed && ruleset_diff_empty(&diff)) {
		ruleset_diff_clear(&diff);
		ruleset_clear(&r->ruleset);
		r->ruleset = *to;
		*to = (struct ruleset){0};
		return 0;
	}
	ret = send_diff(r, &diff, to, &missing, e);
	if (r->nft.unsure)
		router_retry(r);
	if (ret == 0) {
		stats_add(&r->stats, STAT_RULESET_COMMITS, 1);
		log_info("ruleset committed", kv_u("elements", ruleset_count(to)),
			kv_u("added", ruleset_count(&diff.add)),
			kv_u("removed", ruleset_count(&diff.del)));
		forget_flows(r, &diff, to, missing || !r->installed);
		nft_tally_forget(&r->nft, &diff, to);
		ruleset_clear(&r->ruleset);
		r->ruleset = *to;
		*to = (struct ruleset){0};
		r->installed = true;
	}
	ruleset_diff_clear(&diff);
	return ret;
}

int
install_conf(struct router *r, const struct conf *c, struct err *e)
{
	struct ruleset to = {0};
	int ret;

	if (!conf_needs_router(c)) {
		ret = nft_delete(&r->nft, e);
		if (ret == 0) {
			ruleset_clear(&r->ruleset);
			bans_clear(&r->bans);
			r->installed = false;
		}
		return ret;
	}
	if (!r->installed) {
		ban_adopt(r);
		install_read_before(r);
		if (keep_ports(r, e) < 0)
			return -1;
	}
	if (install_plan(r, c, &to, e) < 0)
		return -1;
	ret = install_ruleset(r, &to, e);
	ruleset_clear(&to);
	return ret;
}

void
install_again(struct router *r)
{
	struct err e = {0};

	if (!r->conf || !r->installed)
		return;
	if (install_conf(r, r->conf, &e) == 0)
		return;
	log_err("the kernel refuses the ruleset", &e);
	router_retry(r);
}

/* Whether it may be put back now; if not, the retry timer looks again. */
static bool
repair_allowed(struct router *r)
{
	uint64_t now = clock_mono_ms();

	if (now - r->window_ms > REPAIR_WINDOW_MS) {
		r->window_ms = now;
		r->window_count = 0;
	}
	if (r->window_count >= REPAIR_WINDOW_MAX) {
		router_retry(r);
		return false;
	}
	if (++r->window_count == REPAIR_WINDOW_MAX)
		log_warn("another program changes table inet " RULESET_TABLE
			 " again and again; end it");
	return true;
}

/* All but many blocks are there again: says so, and no flow goes on as it began meanwhile. */
static void
repaired(struct router *r)
{
	const struct ruleset_diff nothing = {0};

	stats_add(&r->stats, STAT_RULESET_REINSTALLED, 1);
	log_warn("nftables table was changed by another program, put back",
		kv_s("table", "inet " RULESET_TABLE));
	router_event(r, "ruleset reinstalled", "table", "inet " RULESET_TABLE);
	forget_flows(r, &nothing, &r->ruleset, true);
}

/* Somebody took the table away while the blocks were sent, and nobody listened. */
static bool
gone_again(struct router *r)
{
	bool there;

	return r->nft.unsure &&
	       !nft_frame_stands(&r->nft, &r->ruleset, RULESET_FAMILY_INET, &there);
}

void
install_repair(struct router *r)
{
	struct err e = {0};

	do {
		if (!r->installed || !repair_allowed(r))
			return;
		if (nft_repair(&r->nft, &r->ruleset, &e) < 0)
			break;
		repaired(r);
		if (nft_repair_blocks(&r->nft, &r->ruleset, &e) == 0 && !gone_again(r)) {
			if (r->nft.unsure)
				router_retry(r);
			return;
		}
	} while (gone_again(r));
	log_err("the nftables table could not be put back", &e);
	router_retry(r);
}
