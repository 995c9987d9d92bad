/*
 * Netlink replies as they would come from a kernel of another version, or a broken one: every
 * message of the input goes through every parser of the router.
 */
#include "tests/fuzz/require.h"

#include "router/conntrack.h"
#include "router/flows.h"
#include "router/link.h"
#include "router/neighbours.h"
#include "router/nft/nft.h"
#include "router/nft/nft_count.h"
#include "router/peers.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As if the input's forwards were all new, all gone, and all there with changed sources. */
static void
judge(const struct conntrack_flow *flow, const struct link_snapshot *links, struct ruleset *r)
{
	struct ruleset_diff diffs[3] = {{.del = *r}, {.add = *r}, {.add = *r}};

	ruleset_sort(r);
	diffs[2].add.sets[RULESET_FWD4].n = diffs[2].add.sets[RULESET_FWD6].n = 0;
	for (size_t i = 0; i < 3; i++) {
		struct conntrack_change change = {.diff = &diffs[i], .to = r, .links = links};

		if (conntrack_needed(&change))
			(void)conntrack_stale(&change, flow);
	}
}

/* Sorted, each once, and of IPv6 networks alone. */
static void
feed_bans(const struct nlmsghdr *h)
{
	struct bans bans = {0};
	struct peers peers = {0};

	(void)nft_parse_bans(h, &bans, 1000);
	for (size_t i = 0; i < bans.n; i++) {
		struct addr subject = bans_subject(&bans.v[i].addr);

		REQUIRE(addr_eq(&subject, &bans.v[i].addr) && bans.v[i].until_ms >= 1000);
		REQUIRE(i == 0 || addr_cmp(&bans.v[i - 1].addr, &bans.v[i].addr) < 0);
	}
	bans_clear(&bans);
	peers_parse(h, &(struct peers_ports){.v = {2200}, .n = 1}, &peers);
	REQUIRE(peers.n <= 1);
}

static void
feed_counters(const struct nlmsghdr *h)
{
	struct netlink_walk walk = netlink_walk(h, 4);
	const struct nlattr *a;

	while ((a = netlink_next(&walk)) != NULL) {
		struct nft_counted counted = {0};

		for (size_t i = 0; i < RULESET_SET_COUNT; i++)
			if (!nft_parse_counted(a, (enum ruleset_set)i, &counted))
				REQUIRE(counted.packets == 0 && counted.bytes == 0);
			else
				counted = (struct nft_counted){0};
	}
}

static void
feed(const struct nlmsghdr *h, struct link_snapshot *links, struct ruleset *ruleset)
{
	struct netlink_error error;
	struct link_route route;
	struct neighbour neighbour;
	struct conntrack_flow flow;
	struct flow shown;
	struct nft_part part;

	(void)nft_parse_part(h, &part);
	(void)netlink_read_error(h, &error);
	(void)link_parse(h, links);
	(void)link_parse_address(h, links);
	(void)link_parse_default(h, &route);
	if (neighbour_parse(h, &neighbour))
		REQUIRE(neighbour.index > 0 && addr_len(&neighbour.addr) > 0);
	if (nft_event_foreign(h, 1))
		(void)nft_event_of_blocks(h);
	for (size_t i = 0; i < RULESET_SET_COUNT; i++)
		(void)nft_parse_elements(h, (enum ruleset_set)i, ruleset);
	feed_counters(h);
	if (conntrack_parse(h, &flow))
		judge(&flow, links, ruleset);
	if (flow_parse(h, &shown))
		REQUIRE(flow_state(&shown)[0] != '\0');
	feed_bans(h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct link_snapshot links = {0};
	struct ruleset ruleset = {0};
	/* malloc's memory is aligned as the kernel's answers are, and ends where they end. */
	uint8_t *bytes = malloc(size ? size : 1);
	struct netlink_walk w = {.at = (const char *)bytes, .left = size};
	const struct nlmsghdr *h;
	struct buf text;

	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	while ((h = netlink_next_message(&w)) != NULL)
		feed(h, &links, &ruleset);
	nft_join_intervals(&ruleset, RULESET_NETS4);
	nft_join_intervals(&ruleset, RULESET_NETS6);
	buf_init(&text, RULESET_TEXT_MAX);
	(void)ruleset_print(&ruleset, &text, NULL);
	buf_clear(&text);
	ruleset_clear(&ruleset);
	link_snapshot_clear(&links);
	free(bytes);
	return 0;
}
