/* Which flows a change of forwards makes stale. */
#include "core/own.h"
#include "router/conntrack.h"
#include "router/flows.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(slice_str(text), &a), 0);
	return a;
}

/* The host has 203.0.113.1; port 80 goes from the old place to the new one, port 81 stays, UDP
 * port 53 is new. */
struct change {
	struct ruleset from, to;
	struct ruleset_diff diff;
	struct link_address host;
	struct link_snapshot links;
	struct conntrack_change change;
};

static void
add_forward(struct ruleset *r, uint8_t proto, uint16_t port, const char *target)
{
	struct ruleset_elem elem = {0};
	struct addr a = address(target);
	struct err e;

	ruleset_put_port(elem.key, ruleset_put_proto(elem.key, 0, proto), port);
	ruleset_put_port(elem.data, ruleset_put_addr(elem.data, 0, &a), port);
	assert_int_equal(ruleset_add(r, RULESET_FWD4, &elem, &e), 0);
}

/* Port 80 to 90 are for sources from low to high. */
static void
restrict_to(struct ruleset *r, const char *low, const char *high)
{
	struct ruleset_elem elem = {0};
	struct addr first = address(low), last = address(high);
	struct err e;

	ruleset_put_port(elem.key, ruleset_put_proto(elem.key, 0, IPPROTO_TCP), 80);
	ruleset_put_port(elem.end, ruleset_put_proto(elem.end, 0, IPPROTO_TCP), 90);
	assert_int_equal(ruleset_add(r, RULESET_RESTRICTED, &elem, &e), 0);
	ruleset_put_addr(elem.key, 8, &first);
	ruleset_put_addr(elem.end, 8, &last);
	assert_int_equal(ruleset_add(r, RULESET_FROM4, &elem, &e), 0);
}

static void
take_difference(struct change *c)
{
	struct err e;

	ruleset_diff_clear(&c->diff);
	ruleset_sort(&c->from);
	ruleset_sort(&c->to);
	assert_int_equal(ruleset_diff(&c->from, &c->to, &c->diff, &e), 0);
}

static int
set_up(void **state)
{
	struct change *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	add_forward(&c->from, IPPROTO_TCP, 80, "10.0.3.2");
	add_forward(&c->from, IPPROTO_TCP, 81, "10.0.3.2");
	add_forward(&c->to, IPPROTO_TCP, 80, "10.0.3.3");
	add_forward(&c->to, IPPROTO_TCP, 81, "10.0.3.2");
	add_forward(&c->to, IPPROTO_UDP, 53, "10.0.3.3");
	c->host.prefix = (struct prefix){.addr = address("203.0.113.1"), .len = 24};
	c->links = (struct link_snapshot){.addresses = &c->host, .n_addresses = 1};
	c->change = (struct conntrack_change){.diff = &c->diff, .to = &c->to, .links = &c->links};
	take_difference(c);
	*state = c;
	return 0;
}

static int
tear_down(void **state)
{
	struct change *c = *state;

	ruleset_diff_clear(&c->diff);
	ruleset_clear(&c->from);
	ruleset_clear(&c->to);
	free(c);
	return 0;
}

static struct conntrack_flow
forwarded(uint16_t port, const char *target)
{
	return (struct conntrack_flow){.proto = IPPROTO_TCP,
		.dnat = true,
		.source = address("198.51.100.7"),
		.dest = address("203.0.113.1"),
		.dest_port = port,
		.target = address(target),
		.target_port = port};
}

static void
flows_to_the_old_place_are_stale_and_no_others(void **state)
{
	struct change *c = *state;
	struct conntrack_flow f = forwarded(80, "10.0.3.2");

	assert_true(conntrack_stale(&c->change, &f));
	f.dest = address("203.0.113.9"); /* somebody else's forward, through us */
	assert_false(conntrack_stale(&c->change, &f));
	f = forwarded(80, "10.0.3.3");
	assert_false(conntrack_stale(&c->change, &f));
	f = forwarded(80, "172.17.0.2"); /* another program's DNAT */
	assert_false(conntrack_stale(&c->change, &f));
	f = forwarded(81, "10.0.3.2");
	assert_false(conntrack_stale(&c->change, &f));
	f = forwarded(80, "10.0.3.2");
	f.proto = IPPROTO_UDP;
	assert_false(conntrack_stale(&c->change, &f));
}

static void
a_removed_forwards_flows_are_stale(void **state)
{
	struct change *c = *state;
	struct conntrack_flow f = forwarded(81, "10.0.3.2");

	c->to.sets[RULESET_FWD4].n--; /* UDP sorts last */
	c->to.sets[RULESET_FWD4].n--;
	take_difference(c);
	assert_true(conntrack_stale(&c->change, &f));
}

static void
udp_to_the_host_is_stale_once_its_port_is_forwarded(void **state)
{
	struct change *c = *state;
	struct conntrack_flow f = forwarded(53, "203.0.113.1");

	f.dnat = false;
	f.proto = IPPROTO_UDP;
	assert_true(conntrack_stale(&c->change, &f));
	f.dest = f.target = address("8.8.8.8"); /* a query of the host's own */
	assert_false(conntrack_stale(&c->change, &f));
	f = forwarded(80, "203.0.113.1"); /* an administrator's connection */
	f.dnat = false;
	assert_false(conntrack_stale(&c->change, &f));
}

static void
flows_of_sources_that_lost_the_right_are_stale(void **state)
{
	struct change *c = *state;
	struct conntrack_flow f = forwarded(81, "10.0.3.2");

	restrict_to(&c->to, "198.51.100.8", "198.51.100.255");
	take_difference(c);
	assert_true(conntrack_stale(&c->change, &f));
	f.source = address("198.51.100.8");
	assert_false(conntrack_stale(&c->change, &f));
	f.source = address("198.51.101.0");
	assert_true(conntrack_stale(&c->change, &f));
}

static void
sources_that_keep_the_right_keep_their_flows(void **state)
{
	struct change *c = *state;
	struct conntrack_flow f = forwarded(81, "10.0.3.2");

	restrict_to(&c->from, "198.51.100.0", "198.51.100.255");
	restrict_to(&c->to, "198.0.0.0", "198.255.255.255");
	take_difference(c);
	assert_false(conntrack_stale(&c->change, &f));
}

static void
nothing_is_asked_when_no_forward_changed(void **state)
{
	struct change *c = *state;

	assert_true(conntrack_needed(&c->change));
	ruleset_diff_clear(&c->diff);
	assert_false(conntrack_needed(&c->change));
}

/* As the kernel compares them. */
static bool
matches(const struct conntrack_filter *filter, const struct conntrack_flow *f)
{
	static const struct addr anywhere = {.family = AF_INET};

	if (f->proto != filter->proto || f->dest_port != filter->dest_port ||
		f->dnat != filter->dnat || f->dest.family != filter->dest.family)
		return false;
	if (!addr_eq(&filter->dest, &anywhere) && !addr_eq(&filter->dest, &f->dest))
		return false;
	return !filter->dnat ||
	       (addr_eq(&filter->target, &f->target) && filter->target_port == f->target_port);
}

static void
filters_match_what_is_stale_and_nothing_else(void **state)
{
	static const char *const places[] = {"10.0.3.2", "10.0.3.3", "203.0.113.1"};
	struct change *c = *state;
	struct conntrack_filter filters[CONNTRACK_FILTERS_MAX];
	size_t n = 0, stale = 0;

	c->from.sets[RULESET_FWD4].v[1].data[0] = 0; /* port 81 comes from elsewhere, too */
	take_difference(c);
	assert_true(conntrack_filters(&c->change, filters, &n));
	assert_int_equal(n, 3);
	for (uint16_t port = 52; port < 83; port++)
		for (size_t i = 0; i < 4 * ARRAY_SIZE(places); i++) {
			struct conntrack_flow f = forwarded(port, places[i / 4]);
			bool matched = false;

			f.dnat = i & 1;
			f.proto = i & 2 ? IPPROTO_UDP : IPPROTO_TCP;
			for (size_t k = 0; k < n; k++)
				matched = matched || matches(&filters[k], &f);
			assert_int_equal(matched, conntrack_stale(&c->change, &f));
			stale += matched;
		}
	assert_int_equal(stale, 4); /* port 80's old place, and UDP 53 wherever */
}

static void
flows_that_another_forward_takes_are_looked_at_one_by_one(void **state)
{
	struct change *c = *state;
	struct ruleset_elem bound = {0};
	struct addr at = address("203.0.113.1"), target = address("10.0.3.2");
	struct conntrack_filter filters[CONNTRACK_FILTERS_MAX];
	size_t n;
	struct err e;

	ruleset_put_port(bound.key,
		ruleset_put_proto(bound.key, ruleset_put_addr(bound.key, 0, &at), IPPROTO_TCP), 80);
	ruleset_put_port(bound.data, ruleset_put_addr(bound.data, 0, &target), 80);
	assert_int_equal(ruleset_add(&c->to, RULESET_FWDAT4, &bound, &e), 0);
	take_difference(c);
	assert_false(conntrack_filters(&c->change, filters, &n));
}

static void
sources_and_large_changes_are_looked_at_one_by_one(void **state)
{
	struct change *c = *state;
	struct conntrack_filter filters[CONNTRACK_FILTERS_MAX];
	size_t n;

	restrict_to(&c->to, "198.51.100.8", "198.51.100.255");
	take_difference(c);
	assert_false(conntrack_filters(&c->change, filters, &n));
	c->to.sets[RULESET_RESTRICTED].n = c->to.sets[RULESET_FROM4].n = 0;
	for (uint16_t port = 1000; port <= 1000 + CONNTRACK_FILTERS_MAX; port++)
		add_forward(&c->from, IPPROTO_TCP, port, "10.0.3.2");
	take_difference(c);
	assert_false(conntrack_filters(&c->change, filters, &n));
}

static void
a_new_forward_of_tcp_takes_no_known_flow(void **state)
{
	struct change *c = *state;

	ruleset_clear(&c->from);
	c->to.sets[RULESET_FWD4].n--; /* UDP */
	take_difference(c);
	assert_false(conntrack_needed(&c->change));
}

static void
put_tuple(struct nlmsghdr *h, uint16_t type, const char *from, const char *to)
{
	struct nlattr *tuple = mnl_attr_nest_start(h, type), *nest;
	struct addr source = address(from), dest = address(to);

	nest = mnl_attr_nest_start(h, CTA_TUPLE_IP);
	mnl_attr_put(h, CTA_IP_V4_SRC, 4, source.bytes);
	mnl_attr_put(h, CTA_IP_V4_DST, 4, dest.bytes);
	mnl_attr_nest_end(h, nest);
	nest = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(h, CTA_PROTO_NUM, IPPROTO_UDP);
	mnl_attr_put_u16(h, CTA_PROTO_SRC_PORT, htons(1000));
	mnl_attr_put_u16(h, CTA_PROTO_DST_PORT, htons(2000));
	mnl_attr_nest_end(h, nest);
	mnl_attr_nest_end(h, tuple);
}

static void
a_flow_is_read_from_the_kernels_message(void **state)
{
	char bytes[1024];
	struct nlmsghdr *h = mnl_nlmsg_put_header(bytes);
	struct conntrack_flow f;

	(void)state;
	mnl_nlmsg_put_extra_header(h, sizeof(struct nfgenmsg));
	assert_false(conntrack_parse(h, &f));
	put_tuple(h, CTA_TUPLE_ORIG, "198.51.100.7", "203.0.113.1");
	put_tuple(h, CTA_TUPLE_REPLY, "10.0.3.2", "198.51.100.7");
	mnl_attr_put_u32(h, CTA_STATUS, htonl(IPS_DST_NAT | IPS_CONFIRMED));
	mnl_attr_put_u32(h, CTA_ID, 0x12345678);
	assert_true(conntrack_parse(h, &f));
	assert_true(f.dnat && f.id_set && !f.zone_set);
	assert_int_equal(f.proto, IPPROTO_UDP);
	assert_int_equal(f.dest_port, 2000);
	assert_int_equal(f.target_port, 1000);
	assert_int_equal(f.target.bytes[3], 2);
	assert_int_equal(f.id, 0x12345678);
}

static void
a_flow_is_shown_with_its_state_and_what_it_carried(void **state)
{
	char bytes[1024];
	struct nlmsghdr *h = mnl_nlmsg_put_header(bytes);
	struct nlattr *nest;
	struct flow f;

	(void)state;
	mnl_nlmsg_put_extra_header(h, sizeof(struct nfgenmsg));
	assert_false(flow_parse(h, &f));
	put_tuple(h, CTA_TUPLE_ORIG, "198.51.100.7", "203.0.113.1");
	put_tuple(h, CTA_TUPLE_REPLY, "10.0.3.2", "198.51.100.7");
	mnl_attr_put_u32(h, CTA_TIMEOUT, htonl(30));
	for (uint16_t way = CTA_COUNTERS_ORIG; way <= CTA_COUNTERS_REPLY; way++) {
		nest = mnl_attr_nest_start(h, way);
		mnl_attr_put_u64(h, CTA_COUNTERS_PACKETS, htobe64(2));
		mnl_attr_put_u64(h, CTA_COUNTERS_BYTES, htobe64(300));
		mnl_attr_nest_end(h, nest);
	}
	assert_true(flow_parse(h, &f));
	assert_int_equal(f.seconds, 30);
	assert_int_equal(f.packets, 4);
	assert_int_equal(f.bytes, 600);
	assert_int_equal(f.f.source_port, 1000);
	assert_string_equal(flow_state(&f), "unanswered");
	mnl_attr_put_u32(h, CTA_STATUS, htonl(IPS_SEEN_REPLY));
	assert_true(flow_parse(h, &f));
	assert_string_equal(flow_state(&f), "answered");
	f.f.proto = IPPROTO_TCP;
	f.tcp_state = 3;
	assert_string_equal(flow_state(&f), "established");
	f.tcp_state = 200;
	assert_string_equal(flow_state(&f), "unknown");
}

/* Nothing differs, but nobody knows what the flows began under. */
static void
when_the_change_is_unknown_every_flow_is_judged(void **state)
{
	struct change *c = *state;
	struct ruleset_elem net = {0};
	struct addr first = address("10.0.3.0"), last = address("10.0.3.255");
	struct conntrack_flow f = forwarded(80, "10.0.3.2");
	struct err e;

	ruleset_put_addr(net.key, 0, &first);
	ruleset_put_addr(net.end, 0, &last);
	assert_int_equal(ruleset_add(&c->to, RULESET_NETS4, &net, &e), 0);
	c->to.rules = RULESET_RULE_BIT(MASQ4_ANY);
	ruleset_diff_clear(&c->diff);
	c->change.unknown = true;
	assert_true(conntrack_needed(&c->change));
	assert_true(conntrack_stale(&c->change, &f)); /* to the old place */
	f = forwarded(80, "10.0.3.3");
	assert_false(conntrack_stale(&c->change, &f));
	f = forwarded(99, "10.0.3.2"); /* perhaps another program's */
	assert_false(conntrack_stale(&c->change, &f));
	f.proto = IPPROTO_UDP;
	assert_true(conntrack_stale(&c->change, &f));
	f.target = address("172.17.0.2");
	assert_false(conntrack_stale(&c->change, &f));
	f = forwarded(53, "203.0.113.1"); /* began while the table was away */
	f.dnat = false;
	f.proto = IPPROTO_UDP;
	assert_true(conntrack_stale(&c->change, &f));
	f = forwarded(53, "8.8.8.8"); /* a container's, that was not masqueraded */
	f.dnat = false;
	f.proto = IPPROTO_UDP;
	f.source = address("10.0.3.2");
	f.dest = address("8.8.8.8");
	assert_true(conntrack_stale(&c->change, &f));
	f.snat = true;
	assert_false(conntrack_stale(&c->change, &f));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(when_the_change_is_unknown_every_flow_is_judged),
		cmocka_unit_test(flows_to_the_old_place_are_stale_and_no_others),
		cmocka_unit_test(a_removed_forwards_flows_are_stale),
		cmocka_unit_test(udp_to_the_host_is_stale_once_its_port_is_forwarded),
		cmocka_unit_test(flows_of_sources_that_lost_the_right_are_stale),
		cmocka_unit_test(sources_that_keep_the_right_keep_their_flows),
		cmocka_unit_test(nothing_is_asked_when_no_forward_changed),
		cmocka_unit_test(filters_match_what_is_stale_and_nothing_else),
		cmocka_unit_test(flows_that_another_forward_takes_are_looked_at_one_by_one),
		cmocka_unit_test(sources_and_large_changes_are_looked_at_one_by_one),
		cmocka_unit_test(a_new_forward_of_tcp_takes_no_known_flow),
		cmocka_unit_test(a_flow_is_read_from_the_kernels_message),
		cmocka_unit_test(a_flow_is_shown_with_its_state_and_what_it_carried),
	};
	struct CMUnitTest each[sizeof(tests) / sizeof(tests[0])];

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		each[i] = tests[i];
		each[i].setup_func = set_up;
		each[i].teardown_func = tear_down;
	}
	return cmocka_run_group_tests(each, NULL, NULL);
}
