/*
 * The messages of a transaction. Tables, chains, sets and rules are built by libnftnl; lists of
 * elements are written here, attribute by attribute, because the kernel's refusal names an
 * attribute's offset, and that is how it is led back to a line of the user's file.
 */
#include "router/nft/nft_batch.h"

#include "router/nft/nft_expr.h"
#include "router/nft/nft_typeof.h"

#include <endian.h>
#include <stdio.h>

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>

/* nft's own numbers of types, so that `nft list` shows addresses and ports. */
#define TYPE_INTEGER 4U
#define TYPE_IPV4 7U
#define TYPE_IPV6 8U
#define TYPE_ETHER 9U
#define TYPE_PROTO 12U
#define TYPE_PORT 13U
#define TYPE_IFNAME 41U
#define HOST_BYTE_ORDER 1U /* nft's number for it */
#define TYPE_BITS 6        /* of one part in a concatenation's number */

struct hook {
	const char *name;
	const char *type; /* "": no base chain */
	uint32_t number;
	int32_t priority;
};

static uint32_t
hook_number(enum ruleset_chain chain)
{
	switch (chain) {
	case RULESET_CHAIN_EARLY:
	case RULESET_CHAIN_LIMITS:
	case RULESET_CHAIN_NAT_PRE:
	case RULESET_CHAIN_GUARD: /* the bridge's hooks have the same numbers */
		return NF_INET_PRE_ROUTING;
	case RULESET_CHAIN_NAT_OUT:
		return NF_INET_LOCAL_OUT;
	case RULESET_CHAIN_NAT_POST:
		return NF_INET_POST_ROUTING;
	case RULESET_CHAIN_TO_HOST:
	case RULESET_CHAIN_LEAVE_IN:
		return NF_INET_LOCAL_IN;
	case RULESET_CHAIN_FILTER_FWD:
	case RULESET_CHAIN_ISOLATE:
		return NF_INET_FORWARD;
	case RULESET_CHAIN_FILTER_IN:
		return NF_INET_LOCAL_IN;
	case RULESET_CHAIN_NAT_LOOKUP:
	case RULESET_CHAIN_NAT_BOUND:
	case RULESET_CHAIN_DROP_SPOOFED:
	case RULESET_CHAIN_LEAVE:
	case RULESET_CHAIN_GUARD_ND:
	case RULESET_CHAIN_GUARD_ARP:
	case RULESET_CHAIN_GUARD_IP4:
	case RULESET_CHAIN_GUARD_IP6:
	case RULESET_CHAIN_DROP_ISOLATED:
	case RULESET_CHAIN_BETWEEN:
	case RULESET_CHAIN_COUNT:
		break;
	}
	return 0;
}

static const struct hook hooks[RULESET_CHAIN_COUNT] = {
#define CHAIN_ROW(id, chain_name, hook, chain_type, chain_priority)                                \
	[RULESET_CHAIN_##id] = {                                                                   \
		.name = (chain_name), .type = (chain_type), .priority = (chain_priority)},
	RULESET_CHAIN_TABLE(CHAIN_ROW)
#undef CHAIN_ROW
};

void
nft_batch_init(struct nft_batch *b, uint32_t first_seq)
{
	*b = (struct nft_batch){.seq = first_seq};
	buf_init(&b->bytes, NFT_BATCH_MAX);
}

void
nft_batch_clear(struct nft_batch *b)
{
	buf_clear(&b->bytes);
	free(b->marks);
	b->marks = NULL;
	b->n_marks = b->cap_marks = 0;
}

/* Room for one message at the batch's end, or NULL. The buffer's start is malloc's and messages
 * are multiples of four, so it is aligned. */
static void *
room(struct nft_batch *b)
{
	char *at = b->failed ? NULL : buf_reserve(&b->bytes, NFT_MESSAGE_MAX);

	if (!at)
		b->failed = true;
	return at;
}

uint8_t
nft_family_number(enum ruleset_family family)
{
	return family == RULESET_FAMILY_BRIDGE ? NFPROTO_BRIDGE : NFPROTO_INET;
}

static struct nlmsghdr *
begin(struct nft_batch *b, enum ruleset_family family, uint16_t type, uint16_t flags)
{
	char *at = room(b);

	if (!at)
		return NULL;
	return nftnl_nlmsg_build_hdr(at, type, nft_family_number(family), flags, b->seq);
}

static void
end(struct nft_batch *b, const struct nlmsghdr *h)
{
	buf_commit(&b->bytes, NETLINK_ALIGN((size_t)h->nlmsg_len));
	b->seq++;
}

void
nft_batch_begin(struct nft_batch *b)
{
	char *at = room(b);

	if (at)
		end(b, nftnl_batch_begin(at, b->seq));
}

void
nft_batch_end(struct nft_batch *b)
{
	char *at = room(b);

	if (at)
		end(b, nftnl_batch_end(at, b->seq));
}

/* flags: of the message; table_flags: NFT_TABLE_F_..., 0 leaves those of a table that is there. */
static void
table_message(struct nft_batch *b, enum ruleset_family family, uint16_t type, uint16_t flags,
	uint32_t table_flags)
{
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *h = begin(b, family, type, flags);

	if (!t || !h) {
		b->failed = true;
	} else {
		nftnl_table_set_u32(t, NFTNL_TABLE_FAMILY, nft_family_number(family));
		nftnl_table_set_str(t, NFTNL_TABLE_NAME, RULESET_TABLE);
		if (table_flags)
			nftnl_table_set_u32(t, NFTNL_TABLE_FLAGS, table_flags);
		nftnl_table_nlmsg_build_payload(h, t);
		end(b, h);
	}
	if (t)
		nftnl_table_free(t);
}

void
nft_batch_drop_table(struct nft_batch *b, enum ruleset_family family)
{
	table_message(b, family, NFT_MSG_NEWTABLE, NLM_F_CREATE, 0);
	table_message(b, family, NFT_MSG_DELTABLE, NLM_F_ACK, 0);
}

void
nft_batch_new_table(struct nft_batch *b, enum ruleset_family family, uint32_t table_flags)
{
	table_message(b, family, NFT_MSG_NEWTABLE, NLM_F_CREATE, 0);
	table_message(b, family, NFT_MSG_DELTABLE, 0, 0);
	table_message(b, family, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, table_flags);
}

void
nft_batch_adopt_table(struct nft_batch *b, enum ruleset_family family, uint32_t table_flags)
{
	table_message(b, family, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, table_flags);
}

void
nft_batch_probe_table(struct nft_batch *b, uint32_t table_flags)
{
	struct nlmsghdr *h =
		begin(b, RULESET_FAMILY_INET, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, RULESET_TABLE "_probe");
	mnl_attr_put_u32(h, NFTA_TABLE_FLAGS, htonl(table_flags));
	end(b, h);
}

static uint32_t
part_type(enum ruleset_part part)
{
	switch (part) {
	case RULESET_PART_NONE:
		return 0;
	case RULESET_PART_IFNAME:
		return TYPE_IFNAME;
	case RULESET_PART_IPV4:
		return TYPE_IPV4;
	case RULESET_PART_IPV6:
		return TYPE_IPV6;
	case RULESET_PART_TARGET:
		return TYPE_INTEGER;
	case RULESET_PART_ETHER:
		return TYPE_ETHER;
	case RULESET_PART_PROTO:
		return TYPE_PROTO;
	case RULESET_PART_PORT:
		return TYPE_PORT;
	}
	return 0;
}

/* The bytes of a part itself, which the description of a concatenation lists. */
static uint8_t
part_bytes(enum ruleset_part part)
{
	switch (part) {
	case RULESET_PART_NONE:
		return 0;
	case RULESET_PART_PROTO:
		return 1;
	case RULESET_PART_PORT:
		return 2;
	case RULESET_PART_IPV4:
		return 4;
	case RULESET_PART_ETHER:
		return RULESET_MAC_SIZE;
	case RULESET_PART_IPV6:
	case RULESET_PART_TARGET:
	case RULESET_PART_IFNAME:
		return 16;
	}
	return 0;
}

static uint32_t
parts_type(const enum ruleset_part *parts, size_t n)
{
	uint32_t type = 0;

	for (size_t i = 0; i < n && parts[i] != RULESET_PART_NONE; i++)
		type = type << TYPE_BITS | part_type(parts[i]);
	return type;
}

/* Names are in the host's byte order, which nft is told in the set's user data; without it, it
 * shows them backwards. */
static void
set_byte_order(struct nftnl_set *s)
{
	struct nftnl_udata_buf *data = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);

	if (!data)
		return;
	(void)nftnl_udata_put_u32(data, NFTNL_UDATA_SET_KEYBYTEORDER, HOST_BYTE_ORDER);
	nftnl_set_set_data(
		s, NFTNL_SET_USERDATA, nftnl_udata_buf_data(data), nftnl_udata_buf_len(data));
	nftnl_udata_buf_free(data);
}

/* Every element gets one. Without it the set works, and counts nothing. */
static void
set_counter(struct nftnl_set *s)
{
	struct nftnl_expr *counter = nftnl_expr_alloc("counter");

	if (counter)
		nftnl_set_add_expr(s, counter);
}

static uint32_t
dynamic_flags(enum ruleset_set set, const struct ruleset_limits *limits)
{
	size_t slot = 0;

	if (!ruleset_set_slot(set, &slot))
		return NFT_SET_EVAL | NFT_SET_TIMEOUT;
	return limits->v[slot].kind == RULESET_LIMIT_CONNECTIONS ? NFT_SET_EVAL
								 : NFT_SET_EVAL | NFT_SET_TIMEOUT;
}

static void
set_attributes(struct nftnl_set *s, enum ruleset_set set, const struct ruleset_limits *limits)
{
	const struct ruleset_set_info *info = ruleset_set_info(set);
	bool concat = info->key[1] != RULESET_PART_NONE;
	uint32_t flags = 0;
	uint8_t fields[RULESET_PARTS_MAX];
	uint32_t n = 0;

	while (n < RULESET_PARTS_MAX && info->key[n] != RULESET_PART_NONE) {
		fields[n] = part_bytes(info->key[n]);
		n++;
	}
	if (info->data_size) {
		flags |= NFT_SET_MAP;
		nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, parts_type(info->data, 2));
		nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, (uint32_t)info->data_size);
	}
	if (info->interval)
		flags |= NFT_SET_INTERVAL;
	if (info->kind == RULESET_KIND_TIMEOUT) {
		flags |= NFT_SET_TIMEOUT;
		nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, RULESET_BANS_MAX);
	}
	if (info->kind == RULESET_KIND_COUNTED)
		set_counter(s);
	if (info->kind == RULESET_KIND_TALLIED) {
		flags |= NFT_SET_EVAL;
		nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE, RULESET_TALLIES_MAX);
	}
	if (info->kind == RULESET_KIND_DYNAMIC) {
		flags |= dynamic_flags(set, limits);
		nftnl_set_set_u32(s, NFTNL_SET_DESC_SIZE,
			info->family == RULESET_FAMILY_BRIDGE ? RULESET_FLOWS_MAX
							      : RULESET_LIMIT_SOURCES);
	}
	if (info->interval && concat) {
		flags |= NFT_SET_CONCAT;
		nftnl_set_set_data(s, NFTNL_SET_DESC_CONCAT, fields, n);
	}
	if (info->key[0] == RULESET_PART_IFNAME && !concat)
		set_byte_order(s);
	if (nft_typeof_wanted(info))
		nft_typeof_put(s, info);
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, nft_family_number(info->family));
	nftnl_set_set_str(s, NFTNL_SET_TABLE, RULESET_TABLE);
	nftnl_set_set_str(s, NFTNL_SET_NAME, info->name);
	nftnl_set_set_u32(s, NFTNL_SET_ID, (uint32_t)set + 1);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, parts_type(info->key, RULESET_PARTS_MAX));
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, (uint32_t)info->key_size);
}

void
nft_batch_sets(struct nft_batch *b, const struct ruleset *r, enum ruleset_family family)
{
	for (size_t i = 0; i < RULESET_SET_COUNT; i++) {
		struct nftnl_set *s;
		struct nlmsghdr *h;

		if (ruleset_set_info((enum ruleset_set)i)->family != family ||
			!ruleset_has_set(r, (enum ruleset_set)i))
			continue;
		s = nftnl_set_alloc();
		h = begin(b, family, NFT_MSG_NEWSET, NLM_F_CREATE);
		if (!s || !h) {
			b->failed = true;
		} else {
			set_attributes(s, (enum ruleset_set)i, &r->limits);
			nftnl_set_nlmsg_build_payload(h, s);
			end(b, h);
		}
		if (s)
			nftnl_set_free(s);
	}
}

static void
chain_attributes(struct nftnl_chain *c, enum ruleset_chain chain)
{
	const struct hook *hook = &hooks[chain];

	nftnl_chain_set_u32(c, NFTNL_CHAIN_FAMILY, nft_family_number(ruleset_chain_family(chain)));
	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, RULESET_TABLE);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, hook->name);
	if (!hook->type[0])
		return;
	nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, hook->type);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, hook_number(chain));
	nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, hook->priority);
	nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
}

void
nft_batch_chains(struct nft_batch *b, const struct ruleset *r, enum ruleset_family family)
{
	for (size_t i = 0; i < RULESET_CHAIN_COUNT; i++) {
		struct nftnl_chain *c;
		struct nlmsghdr *h;

		if (ruleset_chain_family((enum ruleset_chain)i) != family ||
			!ruleset_has_chain(r, (enum ruleset_chain)i))
			continue;
		c = nftnl_chain_alloc();
		h = begin(b, family, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
		if (!c || !h) {
			b->failed = true;
		} else {
			chain_attributes(c, (enum ruleset_chain)i);
			nftnl_chain_nlmsg_build_payload(h, c);
			end(b, h);
		}
		if (c)
			nftnl_chain_free(c);
	}
}

void
nft_batch_rules(struct nft_batch *b, ruleset_rules rules, const struct ruleset_limits *limits)
{
	const struct ruleset wanted = {.rules = rules, .limits = *limits};

	for (size_t i = 0; i < RULESET_RULE_COUNT; i++) {
		enum ruleset_chain chain = ruleset_rule_chain((enum ruleset_rule)i);
		struct nftnl_rule *r;
		struct nlmsghdr *h;

		if (!ruleset_has_rule(&wanted, (enum ruleset_rule)i))
			continue;
		r = nft_expr_rule((enum ruleset_rule)i, limits);
		h = begin(b, ruleset_chain_family(chain), NFT_MSG_NEWRULE,
			NLM_F_CREATE | NLM_F_APPEND);
		if (!r || !h) {
			b->failed = true;
		} else {
			nftnl_rule_nlmsg_build_payload(h, r);
			end(b, h);
		}
		if (r)
			nftnl_rule_free(r);
	}
}

void
nft_batch_flush_rules(struct nft_batch *b, enum ruleset_family family)
{
	struct nlmsghdr *h = begin(b, family, NFT_MSG_DELRULE, NLM_F_ACK);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_RULE_TABLE, RULESET_TABLE);
	end(b, h);
}

static void
mark(struct nft_batch *b, uint32_t offset, uint32_t ordinal)
{
	if (b->n_marks == b->cap_marks) {
		size_t cap = b->cap_marks ? b->cap_marks * 2 : 64;
		struct nft_mark *marks = realloc(b->marks, cap * sizeof(*marks));

		if (!marks) {
			b->failed = true;
			return;
		}
		b->marks = marks;
		b->cap_marks = cap;
	}
	b->marks[b->n_marks++] =
		(struct nft_mark){.seq = b->seq, .offset = offset, .ordinal = ordinal};
}

enum ruleset_family
nft_batch_family(const struct nft_batch *b, uint32_t seq)
{
	struct slice bytes = buf_slice(&b->bytes);
	struct netlink_walk w = {.at = bytes.p, .left = bytes.n};
	const struct nlmsghdr *h;

	while ((h = netlink_next_message(&w)) != NULL) {
		const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);

		if (h->nlmsg_seq == seq)
			return g->nfgen_family == NFPROTO_BRIDGE ? RULESET_FAMILY_BRIDGE
								 : RULESET_FAMILY_INET;
	}
	return RULESET_FAMILY_INET;
}

uint32_t
nft_batch_ordinal(const struct nft_batch *b, uint32_t seq, uint32_t offset)
{
	uint32_t only = 0;
	bool several = false;

	for (size_t i = 0; i < b->n_marks; i++) {
		if (b->marks[i].seq != seq)
			continue;
		if (b->marks[i].offset == offset)
			return b->marks[i].ordinal;
		several = several || (only && only != b->marks[i].ordinal);
		only = b->marks[i].ordinal;
	}
	/* A kernel that tells no offset, and a message with one directive's elements alone. */
	return several ? 0 : only;
}

static void
put_value(struct nlmsghdr *h, uint16_t type, const uint8_t *value, size_t size)
{
	struct nlattr *nest = mnl_attr_nest_start(h, type);

	mnl_attr_put(h, NFTA_DATA_VALUE, size, value);
	mnl_attr_nest_end(h, nest);
}

static void
put_element(struct nft_batch *b, struct nlmsghdr *h, enum ruleset_set set,
	const struct ruleset_elem *elem, bool add)
{
	const struct ruleset_set_info *info = ruleset_set_info(set);
	struct nlattr *nest = mnl_attr_nest_start(h, NFTA_LIST_ELEM);

	mark(b, (uint32_t)((char *)nest - (char *)h), elem->ordinal);
	put_value(h, NFTA_SET_ELEM_KEY, elem->key, info->key_size);
	if (info->interval && info->key[1] != RULESET_PART_NONE)
		put_value(h, NFTA_SET_ELEM_KEY_END, elem->end, info->key_size);
	if (add && info->data_size)
		put_value(h, NFTA_SET_ELEM_DATA, elem->data, info->data_size);
	mnl_attr_nest_end(h, nest);
}

/* Sets with intervals of one part have two elements a range: the first key, and the one behind
 * the last, flagged as an end. A range up to the highest address has no end. */
static void
put_range_end(struct nft_batch *b, struct nlmsghdr *h, enum ruleset_set set,
	const struct ruleset_elem *elem)
{
	const struct ruleset_set_info *info = ruleset_set_info(set);
	uint8_t behind[RULESET_KEY_MAX];
	struct nlattr *nest;
	bool carry = true;

	for (size_t i = info->key_size; i-- > 0;) {
		behind[i] = (uint8_t)(elem->end[i] + (carry ? 1 : 0));
		carry = carry && behind[i] == 0;
	}
	if (carry)
		return;
	nest = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	mark(b, (uint32_t)((char *)nest - (char *)h), elem->ordinal);
	mnl_attr_put_u32(h, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	put_value(h, NFTA_SET_ELEM_KEY, behind, info->key_size);
	mnl_attr_nest_end(h, nest);
}

/* One message with as many elements as an attribute holds. Returns how many. */
static size_t
elements_message(struct nft_batch *b, uint16_t type, enum ruleset_set set,
	const struct ruleset_elems *s, size_t first)
{
	const struct ruleset_set_info *info = ruleset_set_info(set);
	bool add = type == NFT_MSG_NEWSETELEM;
	struct nlmsghdr *h = begin(
		b, info->family, type, add ? NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK : NLM_F_ACK);
	struct nlattr *list;
	size_t i = first;

	if (!h)
		return 0;
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, RULESET_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, info->name);
	list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (; i < s->n && h->nlmsg_len < NFT_ELEMENTS_BYTES_MAX; i++) {
		put_element(b, h, set, &s->v[i], add);
		if (info->interval && info->key[1] == RULESET_PART_NONE)
			put_range_end(b, h, set, &s->v[i]);
	}
	mnl_attr_nest_end(h, list);
	end(b, h);
	return i - first;
}

void
nft_batch_flush(struct nft_batch *b, enum ruleset_set set)
{
	struct nlmsghdr *h = begin(b, ruleset_set_info(set)->family, NFT_MSG_DELSETELEM, NLM_F_ACK);

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, RULESET_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, ruleset_set_info(set)->name);
	end(b, h);
}

void
nft_batch_flush_limits(struct nft_batch *b, const struct ruleset_limits *limits)
{
	for (size_t i = 0; i < RULESET_LIMITS_MAX; i++) {
		if (limits->v[i].kind == RULESET_LIMIT_NONE)
			continue;
		nft_batch_flush(b, ruleset_limit_set(i, false));
		nft_batch_flush(b, ruleset_limit_set(i, true));
	}
}

/* One ban: an element with a time of its own. Added again, it would keep its old one. */
void
nft_batch_ban(struct nft_batch *b, uint16_t type, const struct addr *a, uint64_t timeout_ms)
{
	enum ruleset_set set = a->family == AF_INET6 ? RULESET_BAN6 : RULESET_BAN4;
	bool add = type == NFT_MSG_NEWSETELEM;
	struct nlmsghdr *h =
		begin(b, RULESET_FAMILY_INET, type, add ? NLM_F_CREATE | NLM_F_ACK : NLM_F_ACK);
	struct nlattr *list, *nest;

	if (!h)
		return;
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, RULESET_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, ruleset_set_info(set)->name);
	list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
	nest = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
	put_value(h, NFTA_SET_ELEM_KEY, a->bytes, addr_len(a));
	if (add)
		mnl_attr_put_u64(h, NFTA_SET_ELEM_TIMEOUT, htobe64(timeout_ms));
	mnl_attr_nest_end(h, nest);
	mnl_attr_nest_end(h, list);
	end(b, h);
}

void
nft_batch_bans(struct nft_batch *b, const struct bans *bans, uint64_t now_ms)
{
	for (size_t i = 0; bans && i < bans->n; i++)
		if (bans->v[i].until_ms > now_ms)
			nft_batch_ban(b, NFT_MSG_NEWSETELEM, &bans->v[i].addr,
				bans->v[i].until_ms - now_ms);
}

void
nft_batch_elements(struct nft_batch *b, uint16_t type, const struct ruleset *r)
{
	for (size_t set = 0; set < RULESET_SET_COUNT; set++)
		for (size_t at = 0; at < r->sets[set].n && !b->failed;)
			at += elements_message(b, type, (enum ruleset_set)set, &r->sets[set], at);
}
