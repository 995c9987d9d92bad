/*
 * Interfaces, the acting half: dumps into a snapshot, and the requests that make the bridge.
 */
#include "router/link.h"

#include "core/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

/* The best default route found so far, a family. */
struct defaults {
	struct link_route v4, v6;
	bool have_v4, have_v6;
};

struct reading {
	struct link_snapshot *snapshot;
	struct defaults defaults;
};

static int
on_link(const struct nlmsghdr *h, void *ctx)
{
	return link_parse(h, ((struct reading *)ctx)->snapshot);
}

static int
on_address(const struct nlmsghdr *h, void *ctx)
{
	return link_parse_address(h, ((struct reading *)ctx)->snapshot);
}

static int
on_route(const struct nlmsghdr *h, void *ctx)
{
	struct reading *reading = ctx;
	struct link_route route;
	bool v6;

	if (!link_parse_default(h, &route))
		return 0;
	v6 = route.family == AF_INET6;
	if (v6 && (!reading->defaults.have_v6 || route.metric < reading->defaults.v6.metric)) {
		reading->defaults.v6 = route;
		reading->defaults.have_v6 = true;
	} else if (!v6 &&
		   (!reading->defaults.have_v4 || route.metric < reading->defaults.v4.metric)) {
		reading->defaults.v4 = route;
		reading->defaults.have_v4 = true;
	}
	return 0;
}

static void
on_link_restart(void *ctx)
{
	((struct reading *)ctx)->snapshot->n_ifaces = 0;
}

static void
on_address_restart(void *ctx)
{
	((struct reading *)ctx)->snapshot->n_addresses = 0;
}

static void
on_route_restart(void *ctx)
{
	((struct reading *)ctx)->defaults = (struct defaults){0};
}

static int
read_links(struct netlink *n, struct reading *reading, struct netlink_error *ret)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_dump dump = {
		.on_each = on_link, .on_restart = on_link_restart, .ctx = reading};
	struct nlmsghdr *h = netlink_begin(n, request, RTM_GETLINK, 0);

	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	return netlink_dump(n, h, &dump, ret);
}

static int
read_addresses(struct netlink *n, struct reading *reading, struct netlink_error *ret)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_dump dump = {
		.on_each = on_address, .on_restart = on_address_restart, .ctx = reading};
	struct nlmsghdr *h = netlink_begin(n, request, RTM_GETADDR, 0);

	mnl_nlmsg_put_extra_header(h, sizeof(struct ifaddrmsg));
	return netlink_dump(n, h, &dump, ret);
}

static int
read_routes(struct netlink *n, struct reading *reading, struct netlink_error *ret)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_dump dump = {
		.on_each = on_route, .on_restart = on_route_restart, .ctx = reading};
	struct nlmsghdr *h = netlink_begin(n, request, RTM_GETROUTE, 0);

	mnl_nlmsg_put_extra_header(h, sizeof(struct rtmsg));
	return netlink_dump(n, h, &dump, ret);
}

static void
add_default(struct link_snapshot *s, uint32_t index)
{
	const struct link_iface *iface = link_find_index(s, index);
	struct plan_wans *w = &s->defaults;

	if (!iface || (w->n == 1 && strcmp(w->names[0], iface->name) == 0))
		return;
	memcpy(w->names[w->n], iface->name, sizeof(w->names[w->n]));
	w->n++;
	if (w->n == 2 && strcmp(w->names[0], w->names[1]) > 0) {
		memcpy(w->names[1], w->names[0], sizeof(w->names[1]));
		memcpy(w->names[0], iface->name, sizeof(w->names[0]));
	}
}

int
link_read(struct netlink *n, struct link_snapshot *ret, struct err *e)
{
	struct link_snapshot s = {0};
	struct reading reading = {.snapshot = &s};
	struct netlink_error error;

	if (read_links(n, &reading, &error) < 0 || read_addresses(n, &reading, &error) < 0 ||
		read_routes(n, &reading, &error) < 0) {
		link_snapshot_clear(&s);
		return netlink_err(e, &error, "reading interfaces");
	}
	if (reading.defaults.have_v4)
		add_default(&s, reading.defaults.v4.index);
	if (reading.defaults.have_v6)
		add_default(&s, reading.defaults.v6.index);
	*ret = s;
	return 0;
}

/* A bridge would take the lowest address of its ports, and change it as containers come and go:
 * their neighbour tables would point nowhere. So it has its own, made from its name (FNV-1a),
 * locally administered. */
static void
bridge_mac(const char *name, uint8_t ret[static LINK_MAC_SIZE])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	for (size_t i = 0; i < LINK_MAC_SIZE; i++)
		ret[i] = (uint8_t)(hash >> (8 * i));
	ret[0] = 0x02;
}

/* Says that e is about this directive. Always -1. */
static int
at_directive(struct err *e, uint32_t ordinal)
{
	if (e)
		e->ordinal = ordinal;
	return -1;
}

static int
create_bridge(struct netlink *n, const struct conf_bridge *b, struct err *e)
{
	char request[NETLINK_REQUEST_MAX];
	uint8_t mac[LINK_MAC_SIZE];
	struct netlink_error error;
	struct nlmsghdr *h = netlink_begin(n, request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info, *data;

	mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
	bridge_mac(b->name, mac);
	mnl_attr_put_strz(h, IFLA_IFNAME, b->name);
	mnl_attr_put(h, IFLA_ADDRESS, sizeof(mac), mac);
	info = mnl_attr_nest_start(h, IFLA_LINKINFO);
	mnl_attr_put_strz(h, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
	/* No spanning tree, so no waiting before a new port forwards. */
	mnl_attr_put_u32(h, IFLA_BR_STP_STATE, 0);
	mnl_attr_put_u32(h, IFLA_BR_FORWARD_DELAY, 0);
	mnl_attr_nest_end(h, data);
	mnl_attr_nest_end(h, info);
	if (netlink_request(n, h, &error) < 0) {
		netlink_err(e, &error, "creating the bridge");
		return at_directive(e, b->ordinal);
	}
	return 0;
}

/* Sets the alias and/or brings the interface up. */
static int
change_link(
	struct netlink *n, const struct conf_bridge *b, const struct link_work *work, struct err *e)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_error error;
	struct nlmsghdr *h = netlink_begin(n, request, RTM_NEWLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(h, sizeof(*info));

	if (work->bring_up) {
		info->ifi_flags = IFF_UP;
		info->ifi_change = IFF_UP;
	}
	mnl_attr_put_strz(h, IFLA_IFNAME, b->name);
	if (work->mark)
		mnl_attr_put_str(h, IFLA_IFALIAS, LINK_ALIAS);
	if (netlink_request(n, h, &error) < 0) {
		netlink_err(e, &error, "bringing the bridge up");
		return at_directive(e, b->ordinal);
	}
	return 0;
}

static void
put_address(struct nlmsghdr *h, const struct prefix *p, uint32_t index)
{
	struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(h, sizeof(*info));
	size_t size = addr_len(&p->addr);

	info->ifa_family = p->addr.family;
	info->ifa_prefixlen = p->len;
	info->ifa_index = index;
	mnl_attr_put(h, IFA_LOCAL, size, p->addr.bytes);
	mnl_attr_put(h, IFA_ADDRESS, size, p->addr.bytes);
}

static int
add_address(
	struct netlink *n, uint32_t index, const struct prefix *p, uint32_t ordinal, struct err *e)
{
	char request[NETLINK_REQUEST_MAX], text[ADDR_TEXT_MAX];
	struct netlink_error error;
	struct nlmsghdr *h = netlink_begin(n, request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
	struct addr last = prefix_last(p);

	put_address(h, p, index);
	if (p->addr.family == AF_INET && p->len < 31)
		mnl_attr_put(h, IFA_BROADCAST, addr_len(&last), last.bytes);
	/* A bridge without ports has no carrier, and duplicate detection would never end. */
	if (p->addr.family == AF_INET6)
		mnl_attr_put_u32(h, IFA_FLAGS, IFA_F_NODAD | IFA_F_PERMANENT);
	if (netlink_request(n, h, &error) < 0) {
		netlink_err(e, &error, "adding an address to the bridge");
		return at_directive(e, ordinal);
	}
	log_info("address added", kv_s("address", prefix_print(p, text)));
	return 0;
}

/* The number of an interface. (if_nametoindex wants a socket that the sandbox does not allow.) */
static int
find_index(struct netlink *n, const char *name, uint32_t *ret, struct err *e)
{
	struct link_snapshot s;
	const struct link_iface *iface;

	if (link_read(n, &s, e) < 0)
		return -1;
	iface = link_find(&s, name);
	if (iface)
		*ret = iface->index;
	else
		err_set(e, "bridge %s is gone", name);
	link_snapshot_clear(&s);
	return iface ? 0 : -1;
}

int
link_make(
	struct netlink *n, const struct conf_bridge *b, const struct link_work *work, struct err *e)
{
	uint32_t index;

	if (work->create) {
		if (create_bridge(n, b, e) < 0)
			return -1;
		log_info("bridge created", kv_s("bridge", b->name));
	}
	if ((work->mark || work->bring_up) && change_link(n, b, work, e) < 0)
		return -1;
	if (!work->add_v4 && !work->add_v6)
		return 0;
	if (find_index(n, b->name, &index, e) < 0)
		return at_directive(e, b->ordinal);
	if (work->add_v4 && add_address(n, index, &b->v4, b->ordinal, e) < 0)
		return -1;
	if (work->add_v6 && add_address(n, index, &b->v6, b->ordinal, e) < 0)
		return -1;
	return 0;
}

int
link_delete(struct netlink *n, uint32_t index, struct err *e)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_error error;
	struct nlmsghdr *h = netlink_begin(n, request, RTM_DELLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(h, sizeof(*info));

	info->ifi_index = (int)index;
	if (netlink_request(n, h, &error) < 0 && error.errnum != ENODEV)
		return netlink_err(e, &error, "deleting the bridge");
	return 0;
}

int
link_delete_address(struct netlink *n, const struct link_address *a, struct err *e)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_error error;
	struct nlmsghdr *h = netlink_begin(n, request, RTM_DELADDR, 0);

	put_address(h, &a->prefix, a->index);
	if (netlink_request(n, h, &error) < 0 && error.errnum != EADDRNOTAVAIL &&
		error.errnum != ENODEV)
		return netlink_err(e, &error, "deleting an address");
	return 0;
}

static int
set_hairpin(struct netlink *n, const struct link_iface *port, struct netlink_error *ret)
{
	char request[NETLINK_REQUEST_MAX];
	struct nlmsghdr *h = netlink_begin(n, request, RTM_SETLINK, 0);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(h, sizeof(*info));
	struct nlattr *nest;

	info->ifi_family = AF_BRIDGE;
	info->ifi_index = (int)port->index;
	nest = mnl_attr_nest_start(h, IFLA_PROTINFO);
	mnl_attr_put_u8(h, IFLA_BRPORT_MODE, 1);
	mnl_attr_nest_end(h, nest);
	return netlink_request(n, h, ret);
}

int
link_hairpin(struct netlink *n, const struct link_snapshot *s, const char *bridge, struct err *e)
{
	const struct link_iface *b = link_find(s, bridge);
	struct netlink_error error;
	int set = 0;

	for (size_t i = 0; b && i < s->n_ifaces; i++) {
		const struct link_iface *port = &s->ifaces[i];

		/* A network card in the same bridge must not send its frames back out. */
		if (port->master != b->index || port->hairpin || strcmp(port->kind, "veth") != 0)
			continue;
		if (set_hairpin(n, port, &error) == 0) {
			log_debug("hairpin mode set", kv_s("port", port->name));
			set++;
		} else if (error.errnum != ENODEV && error.errnum != EINVAL) {
			return netlink_err(e, &error, "setting hairpin mode");
		}
	}
	return set;
}
