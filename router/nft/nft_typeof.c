/* User data of sets, as nft reads it: types and lengths of one byte each. */
#include "router/nft/nft_typeof.h"

#include <stdio.h>

#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nf_tables.h>

/* nft's own numbers. */
#define EXPR_PAYLOAD 7U
#define EXPR_CONCAT 13U
#define BYTE_ORDER_NONE 0U
#define BYTE_ORDER_BIG 2U
#define HEADER_ETHER 17U /* the description of that header, and the source in it */
#define ETHER_SADDR 2U
#define HEADER_NONE 0U /* plain bits */
#define TARGET_BIT 64U
#define TARGET_BITS 128U

enum { TYPEOF_EXPR, TYPEOF_DATA };
enum { PAYLOAD_HEADER, PAYLOAD_FIELD, PAYLOAD_BASE, PAYLOAD_BIT, PAYLOAD_BITS };

static void
put_field(struct nftnl_udata_buf *b, enum ruleset_part part)
{
	struct nftnl_udata *nest;

	(void)nftnl_udata_put_u32(b, TYPEOF_EXPR, EXPR_PAYLOAD);
	nest = nftnl_udata_nest_start(b, TYPEOF_DATA);
	if (part == RULESET_PART_ETHER) {
		(void)nftnl_udata_put_u32(b, PAYLOAD_HEADER, HEADER_ETHER);
		(void)nftnl_udata_put_u32(b, PAYLOAD_FIELD, ETHER_SADDR);
	} else {
		(void)nftnl_udata_put_u32(b, PAYLOAD_HEADER, HEADER_NONE);
		(void)nftnl_udata_put_u32(b, PAYLOAD_FIELD, 0);
		(void)nftnl_udata_put_u32(b, PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER + 1);
		(void)nftnl_udata_put_u32(b, PAYLOAD_BIT, TARGET_BIT);
		(void)nftnl_udata_put_u32(b, PAYLOAD_BITS, TARGET_BITS);
	}
	nftnl_udata_nest_end(b, nest);
}

static void
put_concat(struct nftnl_udata_buf *b, const struct ruleset_set_info *info)
{
	struct nftnl_udata *all;

	(void)nftnl_udata_put_u32(b, TYPEOF_EXPR, EXPR_CONCAT);
	all = nftnl_udata_nest_start(b, TYPEOF_DATA);
	for (size_t i = 0; i < RULESET_PARTS_MAX && info->key[i] != RULESET_PART_NONE; i++) {
		struct nftnl_udata *one = nftnl_udata_nest_start(b, (uint8_t)i);

		put_field(b, info->key[i]);
		nftnl_udata_nest_end(b, one);
	}
	nftnl_udata_nest_end(b, all);
}

bool
nft_typeof_wanted(const struct ruleset_set_info *info)
{
	for (size_t i = 0; i < RULESET_PARTS_MAX; i++)
		if (info->key[i] == RULESET_PART_TARGET)
			return true;
	return false;
}

void
nft_typeof_put(struct nftnl_set *s, const struct ruleset_set_info *info)
{
	struct nftnl_udata_buf *b = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
	bool concat = info->key[1] != RULESET_PART_NONE;
	struct nftnl_udata *nest;

	if (!b)
		return;
	(void)nftnl_udata_put_u32(
		b, NFTNL_UDATA_SET_KEYBYTEORDER, concat ? BYTE_ORDER_NONE : BYTE_ORDER_BIG);
	nest = nftnl_udata_nest_start(b, NFTNL_UDATA_SET_KEY_TYPEOF);
	if (concat)
		put_concat(b, info);
	else
		put_field(b, info->key[0]);
	nftnl_udata_nest_end(b, nest);
	nftnl_set_set_data(s, NFTNL_SET_USERDATA, nftnl_udata_buf_data(b), nftnl_udata_buf_len(b));
	nftnl_udata_buf_free(b);
}
