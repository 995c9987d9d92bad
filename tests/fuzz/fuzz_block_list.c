/*
 * Lists of blocked addresses, and what becomes of them: ranges that are in order and do not touch,
 * which hold every entry's ends but the exceptions, and nothing beside the entries.
 */
#include "tests/fuzz/require.h"

#include "router/blocks.h"

#define ENTRIES_MAX 512

struct entries {
	struct block_entry v[ENTRIES_MAX];
	size_t n;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
on_entry(void *ctx, const struct block_entry *entry, struct err *e)
{
	struct entries *entries = ctx;

	(void)e;
	REQUIRE(entry->low.family == entry->high.family &&
		addr_cmp(&entry->low, &entry->high) <= 0);
	REQUIRE(entry->line > 0 && entry->col > 0);
	if (entries->n < ENTRIES_MAX)
		entries->v[entries->n++] = *entry;
	return 0;
}

static bool
is_excepted(const struct addr *a, const struct conf_block *except)
{
	static const struct addr none6 = {.family = AF_INET6};

	return prefix_contains(&except->net, a) || addr_eq(a, &none6) ||
	       (a->family == AF_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80);
}

static bool
is_listed(const struct entries *entries, const struct addr *a)
{
	for (size_t i = 0; i < entries->n; i++)
		if (entries->v[i].low.family == a->family && addr_cmp(&entries->v[i].low, a) <= 0 &&
			addr_cmp(a, &entries->v[i].high) <= 0)
			return true;
	return entries->n == ENTRIES_MAX;
}

static void
check_ranges(const struct ruleset_shared *s, enum ruleset_set set, const struct entries *entries,
	const struct conf_block *except)
{
	const struct ruleset_set_info *info = ruleset_set_info(set);

	for (size_t i = 0; s && i < s->elems.n; i++) {
		const struct ruleset_elem *elem = &s->elems.v[i];
		struct addr low = ruleset_get_addr(elem->key, 0, info->key[0]);
		struct addr high = ruleset_get_addr(elem->end, 0, info->key[0]);

		REQUIRE(addr_cmp(&low, &high) <= 0);
		REQUIRE(i == 0 || memcmp(elem[-1].end, elem->key, info->key_size) < 0);
		REQUIRE(is_listed(entries, &low) && is_listed(entries, &high));
		REQUIRE(!is_excepted(&low, except) && !is_excepted(&high, except));
	}
}

static void
check_ends(const struct blocks *b, const struct entries *entries, const struct conf_block *except)
{
	for (size_t i = 0; i < entries->n; i++) {
		const struct addr *ends[] = {&entries->v[i].low, &entries->v[i].high};

		for (size_t k = 0; k < 2; k++)
			REQUIRE(blocks_contain(b, ends[k]) == !is_excepted(ends[k], except));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char path[] = "list";

	/* The first byte chooses an exception. */
	struct conf_block except = {.net = {.addr = {.family = AF_INET, .bytes = {1, 2, 3, 4}},
					    .len = size ? data[0] % 33 : 0}};
	struct conf_block_list list = {.path = path};
	struct conf conf = {
		.blocks = {.except = &except, .n_except = 1, .lists = &list, .n_lists = 1}};
	struct slice text = slice_of(data, size);
	struct blocks_input in = {.conf = &conf, .lists = &text};
	struct entries entries = {.n = 0};
	struct blocks blocks;
	struct err e = {0};

	except.net = prefix_network(&except.net);
	if (block_list_parse(text, "list", on_entry, &entries, &e) < 0) {
		REQUIRE(e.line > 0 && e.col > 0 && e.msg[0]);
		REQUIRE(block_list_check(text, &list, &e) < 0);
		return 0;
	}
	REQUIRE(blocks_build(&in, &blocks, &e) == 0);
	check_ranges(blocks.v4, RULESET_BLOCK4, &entries, &except);
	check_ranges(blocks.v6, RULESET_BLOCK6, &entries, &except);
	check_ends(&blocks, &entries, &except);
	blocks_clear(&blocks);
	return 0;
}
