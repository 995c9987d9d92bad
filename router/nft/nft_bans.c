/* The sets of bans: one element in or out, all out, read back. */
#include "router/nft/nft.h"

#include "core/clock.h"
#include "router/nft/nft_batch.h"

#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

/* One transaction: the old element out, the new one in. */
static int
commit_ban(struct nft *n, const struct addr *subject, uint64_t timeout_ms, bool replace,
	struct netlink_error *ret_error, struct err *e)
{
	struct nft_batch b;
	int ret;

	nft_batch_init(&b, n->commands.seq + 1);
	nft_batch_begin(&b);
	if (replace)
		nft_batch_ban(&b, NFT_MSG_DELSETELEM, subject, 0);
	if (timeout_ms)
		nft_batch_ban(&b, NFT_MSG_NEWSETELEM, subject, timeout_ms);
	ret = nft_commit(n, &b, ret_error, e);
	nft_batch_clear(&b);
	return ret;
}

int
nft_ban(struct nft *n, const struct addr *subject, uint64_t timeout_ms, bool replace, struct err *e)
{
	struct netlink_error error;

	if (commit_ban(n, subject, timeout_ms, replace, &error, e) == 0)
		return 0;
	/* It has expired meanwhile. */
	if (!replace || error.errnum != ENOENT)
		return -1;
	return commit_ban(n, subject, timeout_ms, false, &error, e);
}

int
nft_unban(struct nft *n, const struct addr *subject, struct err *e)
{
	struct netlink_error error;

	if (commit_ban(n, subject, 0, true, &error, e) == 0)
		return 0;
	return error.errnum == ENOENT ? 0 : -1;
}

/* The elements of both sets are replaced by these, in one transaction. */
static int
replace_all(struct nft *n, const struct bans *bans, struct err *e)
{
	struct nft_batch b;
	struct netlink_error error;
	int ret;

	nft_batch_init(&b, n->commands.seq + 1);
	nft_batch_begin(&b);
	nft_batch_flush(&b, RULESET_BAN4);
	nft_batch_flush(&b, RULESET_BAN6);
	nft_batch_bans(&b, bans, clock_mono_ms());
	ret = nft_commit(n, &b, &error, e);
	nft_batch_clear(&b);
	return ret;
}

int
nft_unban_all(struct nft *n, struct err *e)
{
	return replace_all(n, NULL, e);
}

int
nft_restore_bans(struct nft *n)
{
	return replace_all(n, n->bans, NULL);
}

/* An element's address and what it has left; false when it is neither. */
static bool
parse_ban(const struct nlattr *nest, struct addr *ret, uint64_t *ret_ms)
{
	const struct nlattr *attrs[NFTA_SET_ELEM_MAX + 1], *key[NFTA_DATA_MAX + 1];
	size_t size;

	netlink_nested(nest, attrs, NFTA_SET_ELEM_MAX);
	netlink_nested(attrs[NFTA_SET_ELEM_KEY], key, NFTA_DATA_MAX);
	if (!key[NFTA_DATA_VALUE] ||
		!netlink_bytes(attrs[NFTA_SET_ELEM_EXPIRATION], ret_ms, sizeof(*ret_ms)))
		return false;
	*ret_ms = be64toh(*ret_ms);
	size = mnl_attr_get_payload_len(key[NFTA_DATA_VALUE]);
	*ret = (struct addr){.family = size == 16 ? AF_INET6 : AF_INET};
	return size == addr_len(ret) && netlink_bytes(key[NFTA_DATA_VALUE], ret->bytes, size);
}

int
nft_parse_bans(const struct nlmsghdr *h, struct bans *ret, uint64_t now_ms)
{
	const struct nlattr *attrs[NFTA_SET_ELEM_LIST_MAX + 1], *a;
	struct netlink_walk walk;

	netlink_attrs(h, sizeof(struct nfgenmsg), attrs, NFTA_SET_ELEM_LIST_MAX);
	walk = netlink_walk_nest(attrs[NFTA_SET_ELEM_LIST_ELEMENTS]);
	while ((a = netlink_next(&walk)) != NULL) {
		struct ban ban = {.since_ms = now_ms, .why = "found in the kernel"};
		uint64_t left_ms = 0;

		if (!parse_ban(a, &ban.addr, &left_ms) || left_ms > UINT64_MAX / 2)
			continue;
		ban.addr = bans_subject(&ban.addr);
		ban.until_ms = now_ms + left_ms;
		if (bans_add(ret, &ban, NULL) == BANS_REFUSED)
			return -1;
	}
	return 0;
}

struct ban_reading {
	struct bans *bans;
	uint64_t now_ms;
};

static int
on_bans(const struct nlmsghdr *h, void *ctx)
{
	struct ban_reading *reading = ctx;

	return nft_parse_bans(h, reading->bans, reading->now_ms);
}

int
nft_read_bans(struct nft *n, struct bans *ret, uint64_t now_ms, struct err *e)
{
	static const enum ruleset_set sets[] = {RULESET_BAN4, RULESET_BAN6};
	struct ban_reading reading = {.bans = ret, .now_ms = now_ms};
	struct netlink_error error;

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		/* An interrupted dump is asked again, and what came is known then. */
		struct netlink_dump dump = {.on_each = on_bans, .ctx = &reading};
		char request[NETLINK_REQUEST_MAX];
		struct nlmsghdr *h = nft_begin_read(n, request, NFT_MSG_GETSETELEM);

		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, RULESET_TABLE);
		mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, ruleset_set_info(sets[i])->name);
		if (netlink_dump(&n->commands, h, &dump, &error) < 0)
			return netlink_err(
				e, &error, "reading the bans of table inet " RULESET_TABLE);
	}
	return 0;
}
