/* Batches as bytes: splitting, order, the way back from a refusal, and reading elements. */
#include "router/nft/nft_batch.h"

#include "router/nft/nft.h"

#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define PORTS 20000

/* One in every slot, of every kind. */
#define RATE                                                                                       \
	{                                                                                          \
		.kind = RULESET_LIMIT_RATE, .count = 20, .period_s = 1, .burst = 40,               \
		.timeout_s = 60, .ports = true                                                     \
	}
#define CONNECTIONS                                                                                \
	{                                                                                          \
		.kind = RULESET_LIMIT_CONNECTIONS, .count = 50                                     \
	}
#define SYN                                                                                        \
	{                                                                                          \
		.kind = RULESET_LIMIT_SYN, .count = 100, .period_s = 60, .burst = 5,               \
		.timeout_s = 60                                                                    \
	}
static const struct ruleset_limits every_limit = {
	.v = {RATE, CONNECTIONS, RATE, CONNECTIONS, RATE, CONNECTIONS, SYN, SYN}};

static void
add_forwards(struct ruleset *r, uint32_t n)
{
	struct err e;

	for (uint32_t i = 1; i <= n; i++) {
		struct ruleset_elem elem = {.ordinal = i};

		ruleset_put_port(
			elem.key, ruleset_put_proto(elem.key, 0, IPPROTO_TCP), (uint16_t)i);
		elem.data[0] = 10;
		assert_int_equal(ruleset_add(r, RULESET_FWD6, &elem, &e), 0);
	}
}

/* Calls visit for every message of the batch; returns how many there are. */
static size_t
each_message(
	const struct nft_batch *b, void (*visit)(const struct nlmsghdr *h, void *ctx), void *ctx)
{
	struct slice bytes = buf_slice(&b->bytes);
	struct netlink_walk w = {.at = bytes.p, .left = bytes.n};
	const struct nlmsghdr *h;
	size_t n = 0;

	while ((h = netlink_next_message(&w)) != NULL) {
		if (visit)
			visit(h, ctx);
		n++;
	}
	assert_int_equal(w.left, 0);
	return n;
}

struct parsed {
	struct ruleset ruleset;
	uint32_t last_seq;
};

static void
parse_elements(const struct nlmsghdr *h, void *ctx)
{
	struct parsed *p = ctx;

	assert_true(p->last_seq == 0 || h->nlmsg_seq == p->last_seq + 1);
	p->last_seq = h->nlmsg_seq;
	if (h->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM))
		assert_int_equal(nft_parse_elements(h, RULESET_FWD6, &p->ruleset), 0);
}

static void
long_lists_are_split_and_read_back_whole(void **state)
{
	struct ruleset r = {0};
	struct parsed p = {0};
	struct nft_batch b;

	(void)state;
	add_forwards(&r, PORTS);
	ruleset_sort(&r);
	nft_batch_init(&b, 100);
	nft_batch_begin(&b);
	nft_batch_elements(&b, NFT_MSG_NEWSETELEM, &r);
	nft_batch_end(&b);
	assert_false(b.failed);
	assert_true(each_message(&b, parse_elements, &p) > 10);
	assert_int_equal(b.seq, p.last_seq + 1);
	ruleset_sort(&p.ruleset);
	assert_true(ruleset_equal(&r, &p.ruleset));
	ruleset_clear(&p.ruleset);
	ruleset_clear(&r);
	nft_batch_clear(&b);
}

struct wanted {
	const struct nft_batch *batch;
	uint32_t next; /* the ordinal that the next element must lead to */
};

static void
check_marks(const struct nlmsghdr *h, void *ctx)
{
	const struct nlattr *attrs[NFTA_SET_ELEM_LIST_MAX + 1], *a;
	struct wanted *w = ctx;
	struct netlink_walk walk;

	netlink_attrs(h, sizeof(struct nfgenmsg), attrs, NFTA_SET_ELEM_LIST_MAX);
	walk = netlink_walk_nest(attrs[NFTA_SET_ELEM_LIST_ELEMENTS]);
	while ((a = netlink_next(&walk)) != NULL) {
		uint32_t offset = (uint32_t)((const char *)a - (const char *)h);

		assert_int_equal(nft_batch_ordinal(w->batch, h->nlmsg_seq, offset), w->next);
		assert_int_equal(nft_batch_ordinal(w->batch, h->nlmsg_seq, offset + 4), 0);
		w->next++;
	}
}

static void
an_offset_leads_back_to_its_directive(void **state)
{
	struct ruleset r = {0};
	struct nft_batch b;
	struct wanted w = {.batch = &b, .next = 1};

	(void)state;
	add_forwards(&r, 2000);
	nft_batch_init(&b, 1);
	nft_batch_elements(&b, NFT_MSG_NEWSETELEM, &r);
	each_message(&b, check_marks, &w);
	assert_int_equal(w.next, 2001);
	ruleset_clear(&r);
	nft_batch_clear(&b);
}

static void
every_rule_can_be_built(void **state)
{
	struct nft_batch b;

	(void)state;
	nft_batch_init(&b, 1);
	nft_batch_rules(&b, ((ruleset_rules)1 << RULESET_RULE_LIMITS) - 1, &every_limit);
	assert_false(b.failed);
	assert_int_equal(each_message(&b, NULL, NULL), RULESET_RULE_COUNT);
	nft_batch_clear(&b);
}

static void
parse_nets(const struct nlmsghdr *h, void *ctx)
{
	assert_int_equal(nft_parse_elements(h, RULESET_NETS4, ctx), 0);
}

static void
ranges_come_back_from_their_two_ends(void **state)
{
	static const struct ruleset_elem elems[] = {
		{.key = {10, 0, 0, 0}, .end = {10, 0, 0, 255}},
		{.key = {10, 0, 1, 0}, .end = {10, 255, 255, 255}},
		{.key = {240, 0, 0, 0}, .end = {255, 255, 255, 255}},
	};
	struct ruleset r = {0}, found = {0};
	struct nft_batch b;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(elems) / sizeof(elems[0]); i++)
		assert_int_equal(ruleset_add(&r, RULESET_NETS4, &elems[i], &e), 0);
	nft_batch_init(&b, 1);
	nft_batch_elements(&b, NFT_MSG_NEWSETELEM, &r);
	each_message(&b, parse_nets, &found);
	assert_int_equal(found.sets[RULESET_NETS4].n, 5); /* the last has no end */
	nft_join_intervals(&found, RULESET_NETS4);
	assert_true(ruleset_equal(&r, &found));
	ruleset_clear(&r);
	ruleset_clear(&found);
	nft_batch_clear(&b);
}

static void
count_bans(const struct nlmsghdr *h, void *ctx)
{
	assert_int_equal(nft_parse_bans(h, ctx, 5000), 0);
}

/* What is written says its time as a timeout, what is read back as an expiration. */
static void
bans_are_written_with_their_time(void **state)
{
	static const struct addr v4 = {.family = AF_INET, .bytes = {192, 0, 2, 7}};
	static const struct addr v6 = {.family = AF_INET6, .bytes = {0x20, 1, 0xd, 0xb8}};
	struct bans bans = {0};
	struct nft_batch b;

	(void)state;
	nft_batch_init(&b, 1);
	nft_batch_ban(&b, NFT_MSG_NEWSETELEM, &v4, 60000);
	nft_batch_ban(&b, NFT_MSG_NEWSETELEM, &v6, 90000);
	nft_batch_ban(&b, NFT_MSG_DELSETELEM, &v4, 0);
	assert_false(b.failed);
	assert_non_null(memmem(buf_slice(&b.bytes).p, buf_slice(&b.bytes).n,
		"\x0c\x00\x04\x00\x00\x00\x00\x00\x00\x00\xea\x60", 12));
	each_message(&b, count_bans, &bans);
	assert_int_equal(bans.n, 0);
	nft_batch_clear(&b);
	bans_clear(&bans);
}

static void
table_event(char *bytes, const char *table, uint8_t family, uint32_t port)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(bytes);
	struct nfgenmsg *g;

	h->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE;
	h->nlmsg_pid = port;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = family;
	mnl_attr_put_strz(h, NFTA_TABLE_NAME, table);
}

static void
events_are_foreign_when_another_changes_our_table(void **state)
{
	_Alignas(struct nlmsghdr) char bytes[256];
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)bytes;

	(void)state;
	table_event(bytes, "sluice", NFPROTO_INET, 7);
	assert_true(nft_event_foreign(h, 8));
	assert_false(nft_event_foreign(h, 7));
	table_event(bytes, "sluice2", NFPROTO_INET, 7);
	assert_false(nft_event_foreign(h, 8));
	table_event(bytes, "sluice", NFPROTO_IPV4, 7);
	assert_false(nft_event_foreign(h, 8));
	table_event(bytes, "sluice", NFPROTO_INET, 7);
	h->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN;
	assert_false(nft_event_foreign(h, 8));
	h->nlmsg_len = sizeof(*h);
	assert_false(nft_event_foreign(h, 8));
}

static void
events_that_can_be_about_blocks(void **state)
{
	static const struct {
		unsigned type;
		const char *set;
		bool blocks;
	} events[] = {{NFT_MSG_DELTABLE, NULL, true}, {NFT_MSG_NEWSET, "block4", true},
		{NFT_MSG_NEWRULE, NULL, false}, {NFT_MSG_DELCHAIN, NULL, false},
		{NFT_MSG_DELSETELEM, "block4", true}, {NFT_MSG_NEWSETELEM, "block6", true},
		{NFT_MSG_NEWSETELEM, "fwd4", false}, {NFT_MSG_DELSETELEM, NULL, true}};
	_Alignas(struct nlmsghdr) char bytes[256];
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		table_event(bytes, "sluice", NFPROTO_INET, 7);
		h->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | events[i].type);
		if (events[i].set)
			mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, events[i].set);
		assert_int_equal(nft_event_of_blocks(h), events[i].blocks);
	}
}

struct parts {
	struct nft_part v[RULESET_CHAIN_COUNT + RULESET_SET_COUNT];
	size_t n;
};

static void
take_part(const struct nlmsghdr *h, void *ctx)
{
	struct parts *p = ctx;

	assert_true(p->n < sizeof(p->v) / sizeof(p->v[0]));
	assert_true(nft_parse_part(h, &p->v[p->n++]));
}

static void
every_chain_and_set_is_a_part_of_its_own(void **state)
{
	const struct ruleset all = {
		.rules = ((ruleset_rules)1 << RULESET_RULE_LIMITS) - 1, .limits = every_limit};
	struct parts p = {.n = 0};
	struct nft_batch b;

	(void)state;
	nft_batch_init(&b, 1);
	for (size_t i = 0; i < RULESET_FAMILY_COUNT; i++) {
		nft_batch_chains(&b, &all, (enum ruleset_family)i);
		nft_batch_sets(&b, &all, (enum ruleset_family)i);
	}
	each_message(&b, take_part, &p);
	assert_int_equal(p.n, RULESET_CHAIN_COUNT + RULESET_SET_COUNT);
	for (size_t i = 0; i < p.n; i++) {
		assert_true(p.v[i].name[0]);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(&p.v[i], &p.v[k], sizeof(p.v[i]));
	}
	assert_string_equal(p.v[RULESET_CHAIN_NAT_POST].type, "nat");
	assert_int_equal(p.v[RULESET_CHAIN_NAT_POST].numbers[1], 100);
	nft_batch_clear(&b);
}

static void
not_a_part(const struct nlmsghdr *h, void *ctx)
{
	struct nft_part part;

	(void)ctx;
	assert_false(nft_parse_part(h, &part));
}

static void
rules_and_elements_are_no_parts(void **state)
{
	struct nft_batch b;

	(void)state;
	nft_batch_init(&b, 1);
	nft_batch_new_table(&b, RULESET_FAMILY_BRIDGE, 0);
	nft_batch_flush_rules(&b, RULESET_FAMILY_INET);
	nft_batch_rules(&b, 1, &every_limit);
	each_message(&b, not_a_part, NULL);
	nft_batch_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_lists_are_split_and_read_back_whole),
		cmocka_unit_test(an_offset_leads_back_to_its_directive),
		cmocka_unit_test(every_rule_can_be_built),
		cmocka_unit_test(ranges_come_back_from_their_two_ends),
		cmocka_unit_test(bans_are_written_with_their_time),
		cmocka_unit_test(events_are_foreign_when_another_changes_our_table),
		cmocka_unit_test(events_that_can_be_about_blocks),
		cmocka_unit_test(every_chain_and_set_is_a_part_of_its_own),
		cmocka_unit_test(rules_and_elements_are_no_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
