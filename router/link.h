/*
 * Interfaces: what there is (one snapshot by rtnetlink), what the wanted bridge needs (a pure
 * decision), and the few changes that are made: a bridge, its addresses, hairpin mode of its
 * ports. Interfaces of others are never changed.
 */
#ifndef ROUTER_LINK_H
#define ROUTER_LINK_H

#include "conf/conf.h"
#include "core/addr.h"
#include "core/err.h"
#include "router/nft/netlink.h"
#include "router/plan.h"

#include <stdbool.h>
#include <stdint.h>

#define LINK_IFACES_MAX 16384
#define LINK_ADDRESSES_MAX 65536
#define LINK_KIND_MAX 16
#define LINK_ALIAS "sluice" /* the alias that marks a bridge as made by us */
#define LINK_MAC_SIZE 6

struct link_iface {
	uint32_t index;
	char name[CONF_IFNAME_MAX + 1];
	char kind[LINK_KIND_MAX]; /* "bridge", "veth", "" */
	uint32_t master;
	uint32_t mtu;
	bool up;
	bool ours;                  /* has our alias */
	bool port;                  /* of a bridge */
	bool hairpin;               /* its mode as a port */
	uint8_t mac[LINK_MAC_SIZE]; /* zeroes: it has none */
};

struct link_address {
	uint32_t index;
	struct prefix prefix; /* the host bits are the address */
};

struct link_snapshot {
	struct link_iface *ifaces;
	size_t n_ifaces, cap_ifaces;
	struct link_address *addresses;
	size_t n_addresses, cap_addresses;
	struct plan_wans defaults; /* interfaces of the default routes, by name */
};

/* What has to be done to have the bridge. */
struct link_work {
	bool create;
	bool bring_up;
	bool mark; /* give it our alias */
	bool add_v4, add_v6;
	bool ours; /* made by us, now or earlier */
};

/* Reads everything once. 0 or -1; *ret is the caller's to clear. */
int link_read(struct netlink *n, struct link_snapshot *ret, struct err *e);
void link_snapshot_clear(struct link_snapshot *s);
/* NULL when there is none. */
const struct link_iface *link_find(const struct link_snapshot *s, const char *name);
const struct link_iface *link_find_index(const struct link_snapshot *s, uint32_t index);
/* Whether a is an address of this host. */
bool link_is_local(const struct link_snapshot *s, const struct addr *a);
bool link_has_ports(const struct link_snapshot *s, const struct link_iface *bridge);

/* Pure: whether the bridge can be had, and how. lxc_net: the traces of a running lxc-net were
 * seen. previous: the committed bridge, NULL for none; what it had may be replaced. -1 with e
 * filled (ordinal and remedy) when something of others stands in the way. */
int link_check(const struct link_snapshot *s, const struct conf_bridge *wanted,
	const struct conf_bridge *previous, bool lxc_net, struct link_work *ret, struct err *e);
/* Pure: the next address, from start on, that a bridge of ours has and shall not have; its index
 * in s->addresses, or n_addresses. */
size_t link_stale_address(
	const struct link_snapshot *s, const struct conf_bridge *wanted, size_t start);
/* Whether lxc-net runs on this host, by the files it leaves in its run folder. */
bool link_lxc_net(const char *run_folder);

/* Creates the bridge, adds its addresses, brings it up, as work says. 0 or -1. */
int link_make(struct netlink *n, const struct conf_bridge *b, const struct link_work *work,
	struct err *e);
/* Deletes an interface by index. Already gone is no error. */
int link_delete(struct netlink *n, uint32_t index, struct err *e);
int link_delete_address(struct netlink *n, const struct link_address *a, struct err *e);
/* Sets hairpin mode on the veth ports of the bridge that lack it. Returns how many were set, or
 * -1. A port that vanished meanwhile is no error. */
int link_hairpin(
	struct netlink *n, const struct link_snapshot *s, const char *bridge, struct err *e);

/* The parsers, for tests and fuzzing. Each adds what h says to s; 0, or -1 (memory). */
int link_parse(const struct nlmsghdr *h, struct link_snapshot *s);
int link_parse_address(const struct nlmsghdr *h, struct link_snapshot *s);
/* A default route of the main table: its interface and metric. False when h is none. */
struct link_route {
	uint8_t family;
	uint32_t index;
	uint32_t metric;
};
bool link_parse_default(const struct nlmsghdr *h, struct link_route *ret);

#endif
