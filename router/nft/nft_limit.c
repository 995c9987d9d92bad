/*
 * A source's element is made by its first packet and holds the expression that counts: a bucket of
 * tokens, or the list of its connections.
 */
#include "router/nft/nft_limit.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>

#define MS_PER_S 1000

/* "limit rate over 20/second burst 40 packets" */
static struct nftnl_expr *
over_rate(const struct ruleset_limit *limit)
{
	struct nftnl_expr *x = nftnl_expr_alloc("limit");

	if (!x)
		return NULL;
	nftnl_expr_set_u64(x, NFTNL_EXPR_LIMIT_RATE, limit->count);
	nftnl_expr_set_u64(x, NFTNL_EXPR_LIMIT_UNIT, limit->period_s);
	nftnl_expr_set_u32(x, NFTNL_EXPR_LIMIT_BURST, limit->burst);
	nftnl_expr_set_u32(x, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(x, NFTNL_EXPR_LIMIT_FLAGS, NFT_LIMIT_F_INV);
	return x;
}

/* "ct count over 50" */
static struct nftnl_expr *
over_count(const struct ruleset_limit *limit)
{
	struct nftnl_expr *x = nftnl_expr_alloc("connlimit");

	if (!x)
		return NULL;
	nftnl_expr_set_u32(x, NFTNL_EXPR_CONNLIMIT_COUNT, limit->count);
	nftnl_expr_set_u32(x, NFTNL_EXPR_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
	return x;
}

void
nft_limit_build(struct expr_builder *b, const struct ruleset_limit *limit, size_t slot,
	const struct expr_family *f)
{
	bool count = limit->kind == RULESET_LIMIT_CONNECTIONS;
	enum ruleset_set set = ruleset_limit_set(slot, f == &expr_v6);
	struct nftnl_expr *x, *counter;

	if (limit->kind == RULESET_LIMIT_SYN)
		expr_syn(b, NFT_CMP_EQ);
	else
		expr_ct_bits(b, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_NEW));
	expr_family_is(b, f);
	if (limit->ports) {
		expr_proto_and_port(b);
		expr_lookup(b, ruleset_limit_ports(slot), false);
	}
	expr_source(b, f);
	x = expr_add(b, "dynset");
	counter = count ? over_count(limit) : over_rate(limit);
	if (!x || !counter) {
		b->failed = true;
		if (counter)
			nftnl_expr_free(counter);
		return;
	}
	nftnl_expr_set_u32(x, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
	nftnl_expr_set_u32(
		x, NFTNL_EXPR_DYNSET_OP, count ? NFT_DYNSET_OP_ADD : NFT_DYNSET_OP_UPDATE);
	nftnl_expr_set_str(x, NFTNL_EXPR_DYNSET_SET_NAME, ruleset_set_info(set)->name);
	if (!count)
		nftnl_expr_set_u64(
			x, NFTNL_EXPR_DYNSET_TIMEOUT, (uint64_t)limit->timeout_s * MS_PER_S);
	nftnl_expr_set(x, NFTNL_EXPR_DYNSET_EXPR, counter, 0);
	expr_verdict(b, NF_DROP, NULL);
}
