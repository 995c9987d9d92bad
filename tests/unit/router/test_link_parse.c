/* rtnetlink's messages as values. */
#include "router/link.h"

#include "router/neighbours.h"

#include <arpa/inet.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct message {
	char bytes[2048];
	struct nlmsghdr *h;
};

static void
begin(struct message *m, uint16_t type, const void *header, size_t size)
{
	memset(m->bytes, 0, sizeof(m->bytes));
	m->h = mnl_nlmsg_put_header(m->bytes);
	m->h->nlmsg_type = type;
	memcpy(mnl_nlmsg_put_extra_header(m->h, size), header, size);
}

static void
begin_link(struct message *m, const char *name)
{
	struct ifinfomsg info = {.ifi_index = 5, .ifi_flags = IFF_UP};

	begin(m, RTM_NEWLINK, &info, sizeof(info));
	mnl_attr_put_strz(m->h, IFLA_IFNAME, name);
}

static void
a_veth_port_of_a_bridge(void **state)
{
	struct message m;
	struct link_snapshot s = {0};
	struct nlattr *info, *data;

	(void)state;
	begin_link(&m, "veth1");
	mnl_attr_put_u32(m.h, IFLA_MASTER, 9);
	info = mnl_attr_nest_start(m.h, IFLA_LINKINFO);
	mnl_attr_put_strz(m.h, IFLA_INFO_KIND, "veth");
	mnl_attr_put_strz(m.h, IFLA_INFO_SLAVE_KIND, "bridge");
	data = mnl_attr_nest_start(m.h, IFLA_INFO_SLAVE_DATA);
	mnl_attr_put_u8(m.h, IFLA_BRPORT_MODE, 1);
	mnl_attr_nest_end(m.h, data);
	mnl_attr_nest_end(m.h, info);
	assert_int_equal(link_parse(m.h, &s), 0);
	assert_int_equal(s.n_ifaces, 1);
	assert_string_equal(s.ifaces[0].name, "veth1");
	assert_string_equal(s.ifaces[0].kind, "veth");
	assert_int_equal(s.ifaces[0].master, 9);
	assert_true(s.ifaces[0].port && s.ifaces[0].hairpin && s.ifaces[0].up);
	assert_false(s.ifaces[0].ours);
	link_snapshot_clear(&s);
}

static void
the_alias_marks_our_bridge_and_only_the_whole_of_it(void **state)
{
	static const struct {
		const char *alias;
		bool ours;
	} cases[] = {{"sluice", true}, {"sluices", false}, {"sluic", false}, {"sluice ", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message m;
		struct link_snapshot s = {0};

		begin_link(&m, "br0");
		mnl_attr_put_strz(m.h, IFLA_IFALIAS, cases[i].alias);
		assert_int_equal(link_parse(m.h, &s), 0);
		assert_int_equal(s.ifaces[0].ours, cases[i].ours);
		link_snapshot_clear(&s);
	}
}

static void
addresses_of_both_families(void **state)
{
	struct ifaddrmsg info = {.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 5};
	uint8_t six[16] = {0xfd, [15] = 1};
	struct message m;
	struct link_snapshot s = {0};
	char text[ADDR_TEXT_MAX];

	(void)state;
	begin(&m, RTM_NEWADDR, &info, sizeof(info));
	mnl_attr_put_u32(m.h, IFA_ADDRESS, htonl(0x0a000102)); /* the peer's */
	mnl_attr_put_u32(m.h, IFA_LOCAL, htonl(0x0a000101));
	assert_int_equal(link_parse_address(m.h, &s), 0);
	info.ifa_family = AF_INET6;
	info.ifa_prefixlen = 64;
	begin(&m, RTM_NEWADDR, &info, sizeof(info));
	mnl_attr_put(m.h, IFA_ADDRESS, sizeof(six), six);
	assert_int_equal(link_parse_address(m.h, &s), 0);
	assert_int_equal(s.n_addresses, 2);
	assert_string_equal(prefix_print(&s.addresses[0].prefix, text), "10.0.1.1/24");
	assert_string_equal(prefix_print(&s.addresses[1].prefix, text), "fd00::1/64");
	link_snapshot_clear(&s);
}

static void
addresses_that_make_no_sense_are_skipped(void **state)
{
	struct ifaddrmsg info = {.ifa_family = AF_INET, .ifa_prefixlen = 33};
	struct message m;
	struct link_snapshot s = {0};

	(void)state;
	begin(&m, RTM_NEWADDR, &info, sizeof(info));
	mnl_attr_put_u32(m.h, IFA_LOCAL, 1);
	assert_int_equal(link_parse_address(m.h, &s), 0);
	info.ifa_family = AF_INET6;
	info.ifa_prefixlen = 64;
	begin(&m, RTM_NEWADDR, &info, sizeof(info));
	mnl_attr_put_u32(m.h, IFA_LOCAL, 1); /* four bytes where sixteen belong */
	assert_int_equal(link_parse_address(m.h, &s), 0);
	assert_int_equal(s.n_addresses, 0);
	link_snapshot_clear(&s);
}

static void
a_neighbour_that_has_answered(void **state)
{
	static const uint8_t address[4] = {10, 0, 3, 7}, mac[6] = {2, 0, 0, 0, 0, 0xaf};
	struct ndmsg info = {.ndm_family = AF_INET, .ndm_ifindex = 5, .ndm_state = NUD_INCOMPLETE};
	char text[NEIGHBOUR_MAC_TEXT];
	struct neighbour found;
	struct message m;

	(void)state;
	begin(&m, RTM_NEWNEIGH, &info, sizeof(info));
	mnl_attr_put(m.h, NDA_DST, sizeof(address), address);
	mnl_attr_put(m.h, NDA_LLADDR, sizeof(mac), mac);
	assert_false(neighbour_parse(m.h, &found));
	info.ndm_state = NUD_STALE;
	begin(&m, RTM_NEWNEIGH, &info, sizeof(info));
	mnl_attr_put(m.h, NDA_DST, sizeof(address), address);
	assert_false(neighbour_parse(m.h, &found));
	mnl_attr_put(m.h, NDA_LLADDR, sizeof(mac), mac);
	assert_true(neighbour_parse(m.h, &found));
	assert_int_equal(found.index, 5);
	assert_memory_equal(found.addr.bytes, address, sizeof(address));
	assert_string_equal(neighbour_mac_print(found.mac, text), "02:00:00:00:00:af");
}

static void
begin_route(struct message *m, uint8_t dst_len, uint8_t table)
{
	struct rtmsg info = {.rtm_family = AF_INET,
		.rtm_dst_len = dst_len,
		.rtm_table = table,
		.rtm_type = RTN_UNICAST};

	begin(m, RTM_NEWROUTE, &info, sizeof(info));
}

static void
a_default_route_names_its_interface(void **state)
{
	struct message m;
	struct link_route route;

	(void)state;
	begin_route(&m, 0, RT_TABLE_MAIN);
	assert_false(link_parse_default(m.h, &route));
	mnl_attr_put_u32(m.h, RTA_OIF, 3);
	mnl_attr_put_u32(m.h, RTA_PRIORITY, 100);
	assert_true(link_parse_default(m.h, &route));
	assert_int_equal(route.index, 3);
	assert_int_equal(route.metric, 100);
	assert_int_equal(route.family, AF_INET);
}

static void
a_default_route_of_several_hops_names_the_first(void **state)
{
	struct rtnexthop hops[2] = {
		{.rtnh_len = 8, .rtnh_ifindex = 4}, {.rtnh_len = 8, .rtnh_ifindex = 5}};
	struct message m;
	struct link_route route;

	(void)state;
	begin_route(&m, 0, RT_TABLE_MAIN);
	mnl_attr_put(m.h, RTA_MULTIPATH, sizeof(hops), hops);
	assert_true(link_parse_default(m.h, &route));
	assert_int_equal(route.index, 4);
}

static void
other_routes_and_tables_do_not_count(void **state)
{
	struct message m;
	struct link_route route;

	(void)state;
	begin_route(&m, 24, RT_TABLE_MAIN);
	mnl_attr_put_u32(m.h, RTA_OIF, 3);
	assert_false(link_parse_default(m.h, &route));
	begin_route(&m, 0, RT_TABLE_COMPAT);
	mnl_attr_put_u32(m.h, RTA_OIF, 3);
	mnl_attr_put_u32(m.h, RTA_TABLE, 1000);
	assert_false(link_parse_default(m.h, &route));
}

static void
a_cut_message_says_nothing(void **state)
{
	struct message m;
	struct link_snapshot s = {0};
	struct link_route route;

	(void)state;
	begin_link(&m, "eth0");
	m.h->nlmsg_len = sizeof(*m.h) + 8;
	assert_int_equal(link_parse(m.h, &s), 0);
	m.h->nlmsg_type = RTM_NEWADDR;
	m.h->nlmsg_len = sizeof(*m.h) + 4;
	assert_int_equal(link_parse_address(m.h, &s), 0);
	m.h->nlmsg_type = RTM_NEWROUTE;
	assert_false(link_parse_default(m.h, &route));
	assert_int_equal(s.n_ifaces + s.n_addresses, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_veth_port_of_a_bridge),
		cmocka_unit_test(the_alias_marks_our_bridge_and_only_the_whole_of_it),
		cmocka_unit_test(addresses_of_both_families),
		cmocka_unit_test(addresses_that_make_no_sense_are_skipped),
		cmocka_unit_test(a_neighbour_that_has_answered),
		cmocka_unit_test(a_default_route_names_its_interface),
		cmocka_unit_test(a_default_route_of_several_hops_names_the_first),
		cmocka_unit_test(other_routes_and_tables_do_not_count),
		cmocka_unit_test(a_cut_message_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
