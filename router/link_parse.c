/*
 * rtnetlink's messages as values: interfaces, addresses, default routes. Pure.
 */
#include "router/link.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

void
link_snapshot_clear(struct link_snapshot *s)
{
	free(s->ifaces);
	free(s->addresses);
	*s = (struct link_snapshot){0};
}

/* One more place in an array of cap places of this size, n of them taken; NULL when memory or
 * max is exceeded. */
static void *
grow(void *v, size_t n, size_t *cap, size_t size, size_t max)
{
	size_t wanted = *cap ? *cap * 2 : 16;
	void *grown;

	if (n < *cap)
		return v;
	if (n >= max)
		return NULL;
	grown = realloc(v, wanted * size);
	if (grown)
		*cap = wanted;
	return grown;
}

static void
parse_linkinfo(const struct nlattr *nest, struct link_iface *iface)
{
	const struct nlattr *info[IFLA_INFO_SLAVE_DATA + 1], *port[IFLA_BRPORT_MODE + 1];
	char slave[LINK_KIND_MAX];
	uint8_t mode = 0;

	netlink_nested(nest, info, IFLA_INFO_SLAVE_DATA);
	(void)netlink_name(info[IFLA_INFO_KIND], iface->kind, sizeof(iface->kind));
	if (!netlink_name(info[IFLA_INFO_SLAVE_KIND], slave, sizeof(slave)) ||
		strcmp(slave, "bridge") != 0)
		return;
	netlink_nested(info[IFLA_INFO_SLAVE_DATA], port, IFLA_BRPORT_MODE);
	(void)netlink_u8(port[IFLA_BRPORT_MODE], &mode);
	iface->port = true;
	iface->hairpin = mode != 0;
}

int
link_parse(const struct nlmsghdr *h, struct link_snapshot *s)
{
	const struct nlattr
		*attrs[IFLA_LINKINFO + 1 > IFLA_IFALIAS + 1 ? IFLA_LINKINFO + 1 : IFLA_IFALIAS + 1];
	struct link_iface iface = {0};
	struct ifinfomsg info;
	char alias[sizeof(LINK_ALIAS)] = "";
	void *grown;

	if (h->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(h) < sizeof(info))
		return 0;
	memcpy(&info, mnl_nlmsg_get_payload(h), sizeof(info));
	netlink_attrs(h, sizeof(info), attrs, sizeof(attrs) / sizeof(attrs[0]) - 1);
	if (info.ifi_index <= 0 ||
		!netlink_name(attrs[IFLA_IFNAME], iface.name, sizeof(iface.name)))
		return 0;
	iface.index = (uint32_t)info.ifi_index;
	iface.up = info.ifi_flags & IFF_UP;
	(void)netlink_u32(attrs[IFLA_MASTER], &iface.master);
	(void)netlink_u32(attrs[IFLA_MTU], &iface.mtu);
	if (netlink_name(attrs[IFLA_IFALIAS], alias, sizeof(alias)))
		iface.ours = mnl_attr_get_payload_len(attrs[IFLA_IFALIAS]) <= sizeof(alias) &&
			     strcmp(alias, LINK_ALIAS) == 0;
	(void)netlink_bytes(attrs[IFLA_ADDRESS], iface.mac, sizeof(iface.mac));
	parse_linkinfo(attrs[IFLA_LINKINFO], &iface);
	grown = grow(s->ifaces, s->n_ifaces, &s->cap_ifaces, sizeof(iface), LINK_IFACES_MAX);
	if (!grown)
		return -1;
	s->ifaces = grown;
	s->ifaces[s->n_ifaces++] = iface;
	return 0;
}

int
link_parse_address(const struct nlmsghdr *h, struct link_snapshot *s)
{
	const struct nlattr *attrs[IFA_LOCAL + 1], *a;
	struct link_address address = {0};
	struct ifaddrmsg info;
	void *grown;

	if (h->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(h) < sizeof(info))
		return 0;
	memcpy(&info, mnl_nlmsg_get_payload(h), sizeof(info));
	if (info.ifa_family != AF_INET && info.ifa_family != AF_INET6)
		return 0;
	netlink_attrs(h, sizeof(info), attrs, IFA_LOCAL);
	/* IFA_ADDRESS is the peer's on a point-to-point interface, IFA_LOCAL always ours. */
	a = attrs[IFA_LOCAL] ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS];
	address.index = info.ifa_index;
	address.prefix.addr.family = info.ifa_family;
	address.prefix.len = info.ifa_prefixlen;
	if (address.prefix.len > addr_len(&address.prefix.addr) * 8 ||
		!netlink_bytes(a, address.prefix.addr.bytes, addr_len(&address.prefix.addr)))
		return 0;
	grown = grow(s->addresses, s->n_addresses, &s->cap_addresses, sizeof(address),
		LINK_ADDRESSES_MAX);
	if (!grown)
		return -1;
	s->addresses = grown;
	s->addresses[s->n_addresses++] = address;
	return 0;
}

/* The interface of a route's first next hop. */
static bool
parse_multipath(const struct nlattr *a, uint32_t *ret_index)
{
	struct rtnexthop hop;

	if (!netlink_bytes(a, &hop, sizeof(hop)) || hop.rtnh_ifindex <= 0)
		return false;
	*ret_index = (uint32_t)hop.rtnh_ifindex;
	return true;
}

bool
link_parse_default(const struct nlmsghdr *h, struct link_route *ret)
{
	const struct nlattr *attrs[RTA_TABLE + 1];
	struct link_route route = {0};
	struct rtmsg info;
	uint32_t table;

	if (h->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(h) < sizeof(info))
		return false;
	memcpy(&info, mnl_nlmsg_get_payload(h), sizeof(info));
	netlink_attrs(h, sizeof(info), attrs, RTA_TABLE);
	table = info.rtm_table;
	(void)netlink_u32(attrs[RTA_TABLE], &table);
	if (info.rtm_dst_len != 0 || info.rtm_type != RTN_UNICAST || table != RT_TABLE_MAIN)
		return false;
	(void)netlink_u32(attrs[RTA_PRIORITY], &route.metric);
	if (!netlink_u32(attrs[RTA_OIF], &route.index) &&
		!parse_multipath(attrs[RTA_MULTIPATH], &route.index))
		return false;
	route.family = info.rtm_family;
	*ret = route;
	return true;
}
