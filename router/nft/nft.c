/*
 * The table in the kernel: sends batches, watches the notifications. A commit is synchronous: when
 * sendmsg returns, the kernel has taken all of the batch or none, and its answers wait in the
 * socket.
 */
#include "router/nft/nft.h"

#include "core/clock.h"
#include "core/log.h"
#include "router/nft/nft_batch.h"

#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define NFT_SEND_SLACK 65536
/* A larger batch is sent with the ears shut: the kernel would say every element of it to
 * everybody who listens, which is us, and more than the socket holds. */
#define NFT_QUIET_BYTES 262144

int
nft_open(struct nft *n, struct err *e)
{
	*n = (struct nft){0};
	if (netlink_open(&n->commands, NETLINK_NETFILTER, false, e) < 0)
		return -1;
	if (netlink_open(&n->events, NETLINK_NETFILTER, true, e) < 0 ||
		netlink_join(&n->events, NFNLGRP_NFTABLES, e) < 0) {
		nft_close(n);
		return -1;
	}
	return 0;
}

void
nft_close(struct nft *n)
{
	netlink_close(&n->commands);
	netlink_close(&n->events);
}

/* What the kernel says of a batch: the first error, or success when something was acknowledged. */
static int
batch_answer(struct nft *n, struct netlink_error *ret)
{
	bool acknowledged = false;

	*ret = (struct netlink_error){0};
	for (;;) {
		ssize_t len = recv(netlink_fd(&n->commands), n->commands.buffer,
			NETLINK_RECEIVE_MAX, MSG_DONTWAIT);
		const struct nlmsghdr *m;
		struct netlink_walk w = {.at = n->commands.buffer, .left = (size_t)len};

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			break;
		while ((m = netlink_next_message(&w)) != NULL) {
			struct netlink_error error;

			if (!netlink_read_error(m, &error))
				continue;
			if (error.errnum == 0)
				acknowledged = true;
			else if (ret->errnum == 0)
				*ret = error;
		}
	}
	if (ret->errnum == 0 && !acknowledged)
		ret->errnum = EPROTO;
	return ret->errnum ? -1 : 0;
}

static int
batch_send(struct nft *n, const struct nft_batch *b, struct netlink_error *ret)
{
	struct slice bytes = buf_slice(&b->bytes);
	int fd = netlink_fd(&n->commands), size = (int)bytes.n + NFT_SEND_SLACK;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (mnl_socket_sendto(n->commands.socket, bytes.p, bytes.n) < 0) {
		*ret = (struct netlink_error){.errnum = errno};
		return -1;
	}
	return batch_answer(n, ret);
}

static int
on_generation(const struct nlmsghdr *h, void *ctx)
{
	const struct nlattr *attrs[NFTA_GEN_ID + 1];

	netlink_attrs(h, sizeof(struct nfgenmsg), attrs, NFTA_GEN_ID);
	(void)netlink_u32(attrs[NFTA_GEN_ID], ctx);
	return 0;
}

/* The number of the kernel's ruleset, one higher with every commit of anybody. 0: not known. */
static uint32_t
read_generation(struct nft *n)
{
	char request[NETLINK_REQUEST_MAX];
	uint32_t id = 0;
	struct netlink_dump dump = {.on_each = on_generation, .ctx = &id};
	struct netlink_error error;
	struct nlmsghdr *h = nft_begin_read(n, request, NFT_MSG_GETGEN);

	h->nlmsg_flags |= NLM_F_ACK; /* one answer, and this as its end */
	if (netlink_dump(&n->commands, h, &dump, &error) < 0)
		return 0;
	return be32toh(id);
}

/* Sends without being told of it; by the number of commits it is known whether somebody else made
 * one meanwhile. */
static int
send_quietly(struct nft *n, const struct nft_batch *b, struct netlink_error *ret)
{
	uint32_t before, after;
	int rc;

	if (netlink_leave(&n->events, NFNLGRP_NFTABLES, NULL) < 0)
		return batch_send(n, b, ret);
	before = read_generation(n);
	rc = batch_send(n, b, ret);
	if (netlink_join(&n->events, NFNLGRP_NFTABLES, NULL) < 0)
		n->unsure = true;
	after = read_generation(n);
	if (before == 0 || after != before + (rc == 0)) {
		log_debug("somebody else changed a ruleset meanwhile", kv_u("before", before),
			kv_u("after", after));
		n->unsure = true;
	}
	return rc;
}

int
nft_commit(struct nft *n, struct nft_batch *b, struct netlink_error *ret_error, struct err *e)
{
	*ret_error = (struct netlink_error){0};
	nft_batch_end(b);
	n->commands.seq = b->seq;
	if (b->failed) {
		ret_error->errnum = ENOMEM;
		return err_set(e, "no memory for the nftables batch");
	}
	if (buf_len(&b->bytes) > NFT_QUIET_BYTES ? send_quietly(n, b, ret_error) == 0
						 : batch_send(n, b, ret_error) == 0)
		return 0;
	if (ret_error->errnum == EPERM && (nft_owned_by_other(n, RULESET_FAMILY_INET) ||
						  nft_owned_by_other(n, RULESET_FAMILY_BRIDGE)))
		return err_set(e,
			"another process owns table " RULESET_TABLE " (a second sluiced?); end it");
	netlink_err(e, ret_error,
		nft_batch_family(b, ret_error->seq) == RULESET_FAMILY_BRIDGE
			? "the kernel refuses this in table bridge " RULESET_TABLE
			: "the kernel refuses this in table inet " RULESET_TABLE);
	if (e)
		e->ordinal = nft_batch_ordinal(b, ret_error->seq, ret_error->offset);
	return -1;
}

/* What one transaction does to the tables as such. */
struct table_work {
	const struct ruleset *to;
	bool anew[RULESET_FAMILY_COUNT]; /* whatever is there goes, and it is made again */
	bool drop[RULESET_FAMILY_COUNT];
	bool adopt[RULESET_FAMILY_COUNT]; /* it stands as it is, and becomes ours */
	bool blocks;                      /* what is in their sets is looked at, too */
	uint32_t flags;
};

/* A packet that is on its way through two chains of one hook just then may miss both: it sees the
 * new one before it holds rules, and the old one when it no longer does. */
static void
add_tables(struct nft_batch *b, const struct table_work *work)
{
	for (size_t i = 0; work && i < RULESET_FAMILY_COUNT; i++) {
		enum ruleset_family family = (enum ruleset_family)i;

		if (work->drop[i])
			nft_batch_drop_table(b, family);
		if (!work->anew[i]) {
			if (work->adopt[i])
				nft_batch_adopt_table(b, family, work->flags);
			continue;
		}
		nft_batch_new_table(b, family, work->flags);
		nft_batch_sets(b, work->to, family);
		nft_batch_chains(b, work->to, family);
	}
}

static int
apply_elements(struct nft *n, const struct table_work *work, const struct ruleset_diff *d,
	const struct ruleset *del, struct netlink_error *ret_error, struct err *e)
{
	const struct ruleset to = {.rules = d->rules};
	struct nft_batch b;
	int ret;

	nft_batch_init(&b, n->commands.seq + 1);
	nft_batch_begin(&b);
	add_tables(&b, work);
	if (d->rules_differ) {
		for (size_t i = 0; i < RULESET_FAMILY_COUNT; i++)
			if (ruleset_has_family(&to, (enum ruleset_family)i))
				nft_batch_flush_rules(&b, (enum ruleset_family)i);
		nft_batch_rules(&b, d->rules, &d->limits);
		if (d->limits_differ)
			nft_batch_flush_limits(&b, &d->limits);
	}
	nft_batch_elements(&b, NFT_MSG_DELSETELEM, del);
	nft_batch_elements(&b, NFT_MSG_NEWSETELEM, &d->add);
	if (work && work->anew[RULESET_FAMILY_INET])
		nft_batch_bans(&b, n->bans, clock_mono_ms());
	ret = nft_commit(n, &b, ret_error, e);
	nft_batch_clear(&b);
	return ret;
}

/* All that the kernel can refuse is done by now. */
static void
delete_late(struct nft *n, const struct ruleset *late)
{
	struct nft_batch b;
	struct netlink_error error;
	struct err e = {0};

	if (ruleset_count(late) == 0)
		return;
	nft_batch_init(&b, n->commands.seq + 1);
	nft_batch_begin(&b);
	nft_batch_elements(&b, NFT_MSG_DELSETELEM, late);
	if (nft_commit(n, &b, &error, &e) < 0)
		log_err("elements that no rule looks up any more stay", &e);
	nft_batch_clear(&b);
}

static int
apply(struct nft *n, const struct table_work *work, const struct ruleset_diff *d, bool *ret_missing,
	struct err *e)
{
	struct ruleset first = {0}, late = {0};
	struct netlink_error error = {0};
	int ret;

	if (!d->rules_differ)
		ret = apply_elements(n, work, d, &d->del, &error, e);
	else
		ret = ruleset_diff_late(d, &first, &late, e);
	if (ret == 0 && d->rules_differ)
		ret = apply_elements(n, work, d, &first, &error, e);
	if (ret == 0)
		delete_late(n, &late);
	else
		*ret_missing = error.errnum == ENOENT || error.errnum == EEXIST;
	ruleset_clear(&first);
	ruleset_clear(&late);
	return ret;
}

int
nft_apply(struct nft *n, const struct ruleset_diff *d, bool *ret_missing, struct err *e)
{
	return apply(n, NULL, d, ret_missing, e);
}

/* Forgets what the kernel holds of a table that is made anew. */
static void
forget_table(struct ruleset *found, enum ruleset_family family)
{
	for (size_t i = 0; i < RULESET_SET_COUNT; i++)
		if (ruleset_set_info((enum ruleset_set)i)->family == family)
			found->sets[i].n = 0;
}

/* Chains, sets and the elements that stay are not touched where a table is not made anew: every
 * packet meets all of the old rules or all of the new ones. */
static int
install(struct nft *n, const struct table_work *work, struct err *e)
{
	struct ruleset found = {0};
	struct ruleset_diff diff;
	size_t rules;
	bool missing;
	int ret = 0;

	if (!work->anew[RULESET_FAMILY_INET])
		ret = work->blocks ? nft_read(n, &found, &rules, e)
				   : nft_read_but_blocks(n, &found, e);
	if (ret < 0)
		return -1;
	for (size_t i = 0; i < RULESET_FAMILY_COUNT; i++)
		if (work->anew[i] || work->drop[i])
			forget_table(&found, (enum ruleset_family)i);
	/* Rules are counted only, so what they are is not known: others than ours. */
	found.rules = 0;
	ret = ruleset_diff(&found, work->to, &diff, e);
	ruleset_clear(&found);
	if (ret < 0)
		return -1;
	diff.rules_differ = true;
	diff.limits_differ = !work->anew[RULESET_FAMILY_INET];
	ret = apply(n, work, &diff, &missing, e);
	ruleset_diff_clear(&diff);
	if (ret < 0)
		return ret;
	if (work->blocks)
		n->blocks_unsure = false;
	else if (work->anew[RULESET_FAMILY_INET])
		n->blocks_unsure = true;
	return work->anew[RULESET_FAMILY_INET] ? 0 : nft_restore_bans(n);
}

int
nft_install_part(struct nft *n, const struct ruleset *r, bool blocks, struct err *e)
{
	struct table_work work = {.to = r, .blocks = blocks, .flags = n->table_flags}, whole = work;

	for (size_t i = 0; i < RULESET_FAMILY_COUNT; i++) {
		enum ruleset_family family = (enum ruleset_family)i;
		bool there = false, stands = nft_frame_stands(n, r, family, &there);

		whole.anew[i] = ruleset_has_family(r, family);
		work.anew[i] = whole.anew[i] && !stands;
		work.adopt[i] = whole.anew[i] && stands && n->table_flags;
		work.drop[i] = whole.drop[i] = !whole.anew[i] && there;
	}
	/* What stands in a table that is not there yet needs no reading of the other. */
	if (!work.anew[RULESET_FAMILY_INET] && install(n, &work, NULL) == 0)
		return 0;
	return install(n, &whole, e);
}

int
nft_install(struct nft *n, const struct ruleset *r, struct err *e)
{
	return nft_install_part(n, r, true, e);
}

/* Without its end a batch is checked to the last message, and then undone. Making the table is
 * acknowledged, so silence is not taken for consent. */
static int
send_unended(struct nft *n, struct nft_batch *b, struct err *e)
{
	struct netlink_error error = {0};

	n->commands.seq = b->seq;
	if (b->failed)
		return err_set(e, "no memory for the nftables batch");
	if (batch_send(n, b, &error) == 0)
		return 0;
	return netlink_err(e, &error, "table " RULESET_TABLE);
}

int
nft_try(struct nft *n, const struct ruleset *r, struct err *e)
{
	struct table_work work = {.to = r};
	struct nft_batch b;
	int ret;

	for (size_t i = 0; i < RULESET_FAMILY_COUNT; i++)
		if (nft_owned_by_other(n, (enum ruleset_family)i))
			return 0;
	for (size_t i = 0; i < RULESET_FAMILY_COUNT; i++)
		work.anew[i] = ruleset_has_family(r, (enum ruleset_family)i);
	nft_batch_init(&b, n->commands.seq + 1);
	nft_batch_begin(&b);
	add_tables(&b, &work);
	nft_batch_rules(&b, r->rules, &r->limits);
	nft_batch_elements(&b, NFT_MSG_NEWSETELEM, r);
	ret = send_unended(n, &b, e);
	nft_batch_clear(&b);
	return ret;
}

int
nft_try_bridge(struct nft *n, struct err *e)
{
	/* One rule of it has all chains jumped to, a set, and the hook. */
	const struct ruleset r = {
		.rules = RULESET_RULE_BIT(SPOOFED_DROP) | RULESET_RULE_BIT(GUARD_REST)};
	struct nft_batch b;
	int ret;

	if (nft_owned_by_other(n, RULESET_FAMILY_BRIDGE))
		return 0;
	nft_batch_init(&b, n->commands.seq + 1);
	nft_batch_begin(&b);
	nft_batch_new_table(&b, RULESET_FAMILY_BRIDGE, 0);
	nft_batch_sets(&b, &r, RULESET_FAMILY_BRIDGE);
	nft_batch_chains(&b, &r, RULESET_FAMILY_BRIDGE);
	nft_batch_rules(&b, r.rules, &r.limits);
	ret = send_unended(n, &b, e);
	nft_batch_clear(&b);
	return ret;
}

void
nft_own(struct nft *n)
{
	struct nft_batch b;

	nft_batch_init(&b, n->commands.seq + 1);
	nft_batch_begin(&b);
	nft_batch_probe_table(&b, NFT_OWNED);
	n->table_flags = send_unended(n, &b, NULL) == 0 ? NFT_OWNED : 0;
	nft_batch_clear(&b);
}

int
nft_delete(struct nft *n, struct err *e)
{
	const struct ruleset none = {0};
	struct nft_batch b;
	struct netlink_error error;
	bool there = false;
	int ret;

	nft_batch_init(&b, n->commands.seq + 1);
	nft_batch_begin(&b);
	nft_batch_drop_table(&b, RULESET_FAMILY_INET);
	/* A kernel without that family would refuse all of it. */
	(void)nft_frame_stands(n, &none, RULESET_FAMILY_BRIDGE, &there);
	if (there)
		nft_batch_drop_table(&b, RULESET_FAMILY_BRIDGE);
	ret = nft_commit(n, &b, &error, e);
	nft_batch_clear(&b);
	return ret;
}

bool
nft_event_foreign(const struct nlmsghdr *h, uint32_t own_port)
{
	/* The table's name has the number 1 among the attributes of every kind of object. */
	const struct nlattr *attrs[NFTA_TABLE_NAME + 1];
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	char name[NFT_NAME_MAXLEN];

	if (h->nlmsg_pid == own_port || NFNL_SUBSYS_ID(h->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
		NFNL_MSG_TYPE(h->nlmsg_type) == NFT_MSG_NEWGEN ||
		mnl_nlmsg_get_payload_len(h) < sizeof(*g) ||
		(g->nfgen_family != NFPROTO_INET && g->nfgen_family != NFPROTO_BRIDGE))
		return false;
	netlink_attrs(h, sizeof(*g), attrs, NFTA_TABLE_NAME);
	return netlink_name(attrs[NFTA_TABLE_NAME], name, sizeof(name)) &&
	       strcmp(name, RULESET_TABLE) == 0;
}

bool
nft_event_of_blocks(const struct nlmsghdr *h)
{
	const struct nlattr *attrs[NFTA_SET_ELEM_LIST_SET + 1];
	char name[NFT_NAME_MAXLEN];

	switch (NFNL_MSG_TYPE(h->nlmsg_type)) {
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_DELCHAIN:
	case NFT_MSG_NEWRULE:
	case NFT_MSG_DELRULE:
		return false;
	case NFT_MSG_NEWSETELEM:
	case NFT_MSG_DELSETELEM:
		break;
	default:
		return true;
	}
	netlink_attrs(h, sizeof(struct nfgenmsg), attrs, NFTA_SET_ELEM_LIST_SET);
	return !netlink_name(attrs[NFTA_SET_ELEM_LIST_SET], name, sizeof(name)) ||
	       strcmp(name, ruleset_set_info(RULESET_BLOCK4)->name) == 0 ||
	       strcmp(name, ruleset_set_info(RULESET_BLOCK6)->name) == 0;
}

struct watch {
	uint32_t own_port;
	bool foreign, blocks;
};

static void
on_event(const struct nlmsghdr *h, void *ctx)
{
	struct watch *watch = ctx;

	if (!nft_event_foreign(h, watch->own_port))
		return;
	watch->foreign = true;
	watch->blocks = watch->blocks || nft_event_of_blocks(h);
}

bool
nft_disturbed(struct nft *n)
{
	struct watch watch = {.own_port = n->commands.port};
	int lost = netlink_events(&n->events, on_event, &watch);

	if (watch.blocks)
		n->blocks_unsure = true;
	if (lost != 0)
		n->unsure = n->blocks_unsure = true;
	return watch.foreign;
}
