/*
 * The doctor's judgement: from facts to findings. Pure; the commands are for a shell of the same
 * host, and running one makes its finding go away.
 */
#include "router/doctor/doctor.h"

#include <string.h>

#define LOOSE 2 /* of rp_filter */

static const char *
bridge_name(const struct doctor_facts *f)
{
	return f->conf->bridge ? f->conf->bridge->name : "";
}

/* The bridge is there with the address that the file gives it. */
static void
judge_forwarding(const struct doctor_facts *f, struct findings *ret)
{
	struct finding *x;

	/* The router writes these when it commits; before that they say nothing. */
	if (!f->installed || !conf_needs_forwarding(f->conf))
		return;
	if (f->ip_forward == 0) {
		x = findings_add(ret, "ip-forward", true);
		finding_what(x, "net.ipv4.ip_forward is 0: somebody switched it off after sluiced "
				"had switched it on, and no packet is forwarded");
		finding_mend(x, "sysctl -w net.ipv4.ip_forward=1");
	}
	if (f->ip6_forward == 0 && f->conf->bridge && f->conf->bridge->v6.addr.family) {
		x = findings_add(ret, "ip6-forward", true);
		finding_what(x, "net.ipv6.conf.all.forwarding is 0: no IPv6 packet is forwarded");
		finding_mend(x, "sysctl -w net.ipv6.conf.all.forwarding=1");
	}
}

static bool
is_default(const struct plan_wans *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (strcmp(w->names[i], name) == 0)
			return true;
	return false;
}

/* Strict filtering (RFC 3704, section 2.2) asks whether the answer would leave where the packet
 * came in: at an outside that is not the default route's it would not. One forward's interface may
 * well be a network of its own, whose clients pass. */
static void
judge_rp_filter(const struct doctor_facts *f, struct findings *ret)
{
	for (size_t i = 0; i < f->n_strict; i++) {
		const char *name = f->strict[i];
		struct finding *x;

		if (is_default(&f->links.defaults, name))
			continue;
		x = findings_add(ret, "rp-filter", f->conf->wan && strcmp(name, f->conf->wan) == 0);
		finding_what(x,
			"rp_filter is strict on %s, where forwards enter and which is not the "
			"default route's interface: clients of other networks are dropped there",
			name);
		finding_mend(x, "sysctl -w net/ipv4/conf/%s/rp_filter=%d", name, LOOSE);
	}
}

static void
judge_lxc_net(const struct doctor_facts *f, struct findings *ret)
{
	static const char *const families[] = {"ip", "ip6", "inet"};
	const bool there[] = {f->lxc_tables_v4, f->lxc_tables_v6, f->lxc_tables_inet};
	struct finding *x;

	if (!f->conf->bridge)
		return;
	/* Not running, it is in the way only of the bridge that it would make. */
	if (f->lxc_net_up || (f->lxc_net_enabled && strcmp(bridge_name(f), "lxcbr0") == 0)) {
		x = findings_add(ret, "lxc-net", f->lxc_net_up);
		finding_what(x,
			f->lxc_net_up
				? "lxc-net runs a bridge, a dnsmasq and masquerading of its own"
				: "lxc-net starts with the host, and then a bridge, a dnsmasq and "
				  "masquerading of its own with it");
		finding_mend(x, "systemctl disable --now lxc-net");
	}
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++) {
		if (!there[i])
			continue;
		x = findings_add(ret, "lxc-net-rules", false);
		finding_what(x,
			"table %s lxc is left of lxc-net: it masquerades and accepts besides "
			"sluice",
			families[i]);
		finding_mend(x, "nft delete table %s lxc", families[i]);
	}
}

static void
judge_addresses(const struct doctor_facts *f, const struct prefix *net, struct findings *ret)
{
	char have[ADDR_TEXT_MAX], want[ADDR_TEXT_MAX];

	for (size_t i = 0; net->addr.family && i < f->links.n_addresses; i++) {
		const struct link_address *a = &f->links.addresses[i];
		const struct link_iface *iface = link_find_index(&f->links, a->index);
		struct finding *x;

		/* As in link_check: a wider network does no harm. */
		if (!iface || strcmp(iface->name, bridge_name(f)) == 0 ||
			a->prefix.addr.family != net->addr.family || a->prefix.len < net->len ||
			!prefix_overlaps(&a->prefix, net))
			continue;
		x = findings_add(ret, "overlap", true);
		finding_what(x,
			"interface %s has %s, which overlaps the bridge's network %s: packets to "
			"containers go there",
			iface->name, prefix_print(&a->prefix, have), prefix_print(net, want));
		finding_mend(x, "ip address delete %s dev %s", have, iface->name);
	}
}

static void
judge_routes(const struct doctor_facts *f, struct findings *ret)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < f->n_routes; i++) {
		const struct doctor_route *r = &f->routes[i];
		struct finding *x = findings_add(ret, "overlap-route", true);

		prefix_print(&r->to, text);
		finding_what(x,
			"the route to %s leads to %s, and overlaps the bridge's network: packets "
			"to "
			"containers go there",
			text, r->dev);
		finding_mend(x, "ip route delete %s dev %s", text, r->dev);
	}
}

/* Whether rules of others drop what containers of this family of addresses say to each other. */
static bool
drops_between(const struct doctor_facts *f, bool v6)
{
	for (size_t i = 0; i < f->n_tables; i++) {
		const struct doctor_table *t = &f->tables[i];

		/* A table of bridges meets frames in any case, and has a finding of its own. */
		if (t->drops[DOCTOR_FORWARD] && !t->accepts_in && !t->trusts && !t->frames &&
			!(v6 ? t->v4 : t->v6))
			return true;
	}
	return false;
}

/* Frames between ports of one bridge go through iptables' forward chains (br_netfilter). */
static void
judge_bridge_nf(const struct doctor_facts *f, struct findings *ret)
{
	const struct link_iface *bridge = link_find(&f->links, bridge_name(f));
	bool v4 = f->bridge_nf == 1 && drops_between(f, false);
	bool v6 = f->bridge_nf6 == 1 && f->conf->bridge && f->conf->bridge->v6.addr.family &&
		  drops_between(f, true);
	struct finding *x;

	if (!bridge || (f->bridge_nf != 1 && f->bridge_nf6 != 1))
		return;
	if (v4 || v6) {
		x = findings_add(ret, "bridge-nf", true);
		finding_what(x,
			"net.bridge.%s is 1: frames between containers meet the rules of others, "
			"which drop",
			v4 ? "bridge-nf-call-iptables" : "bridge-nf-call-ip6tables");
		finding_mend(x, "sysctl -w net.bridge.bridge-nf-call-iptables=0 "
				"net.bridge.bridge-nf-call-ip6tables=0");
	}
	for (size_t i = 0; i < f->links.n_ifaces; i++) {
		const struct link_iface *port = &f->links.ifaces[i];

		if (port->master != bridge->index || strcmp(port->kind, "veth") != 0 ||
			port->hairpin)
			continue;
		x = findings_add(ret, "hairpin", false);
		finding_what(x,
			"port %s lacks hairpin mode: with %s=1 its container cannot reach its own "
			"forwarded ports",
			port->name,
			f->bridge_nf == 1 ? "bridge-nf-call-iptables" : "bridge-nf-call-ip6tables");
		finding_mend(x, "bridge link set dev %s hairpin on", port->name);
	}
}

static void
judge_mtu_of(const struct doctor_facts *f, const struct link_iface *bridge, const char *name,
	struct findings *ret)
{
	const struct link_iface *wan = link_find(&f->links, name);
	struct finding *x;

	if (!wan || wan->mtu == 0 || bridge->mtu <= wan->mtu)
		return;
	x = findings_add(ret, "mtu", false);
	finding_what(x,
		"the MTU of %s is %u, that of the outside %s is %u: large packets of containers "
		"are "
		"lost where a firewall drops ICMP",
		bridge->name, bridge->mtu, wan->name, wan->mtu);
	finding_mend(x, "ip link set dev %s mtu %u", bridge->name, wan->mtu);
}

static void
judge_mtu(const struct doctor_facts *f, struct findings *ret)
{
	const struct link_iface *bridge = link_find(&f->links, bridge_name(f));

	if (!bridge)
		return;
	if (f->conf->wan)
		judge_mtu_of(f, bridge, f->conf->wan, ret);
	for (size_t i = 0; !f->conf->wan && i < f->links.defaults.n; i++)
		judge_mtu_of(f, bridge, f->links.defaults.names[i], ret);
	for (size_t i = 0; i < f->links.n_ifaces; i++) {
		const struct link_iface *port = &f->links.ifaces[i];
		struct finding *x;

		if (port->master != bridge->index || port->mtu >= bridge->mtu)
			continue;
		x = findings_add(ret, "mtu-port", true);
		finding_what(x,
			"the MTU of port %s is %u, that of its bridge %s is %u: larger frames are "
			"dropped without a word",
			port->name, port->mtu, bridge->name, bridge->mtu);
		finding_mend(x, "ip link set dev %s mtu %u", port->name, bridge->mtu);
	}
}

static void
judge_bridge(const struct doctor_facts *f, struct findings *ret)
{
	const struct link_iface *iface = link_find(&f->links, bridge_name(f));
	struct finding *x;

	if (!iface)
		return;
	if (strcmp(iface->kind, "bridge") != 0) {
		x = findings_add(ret, "bridge-name", true);
		finding_what(x, "interface %s is there and is no bridge", iface->name);
		finding_mend(x, "ip link delete %s", iface->name);
	} else if (f->installed && !iface->up) {
		x = findings_add(ret, "bridge-down", true);
		finding_what(x, "bridge %s is down", iface->name);
		finding_mend(x, "ip link set dev %s up", iface->name);
	}
}

static void
judge_kernel(const struct doctor_facts *f, struct findings *ret)
{
	struct finding *x;

	if (!f->refused[0])
		return;
	x = findings_add(ret, "kernel", true);
	finding_what(x, "the kernel does not take the rules: %s%s%s%s", f->refused,
		f->denied            ? "; this root has no CAP_NET_ADMIN, as in some containers"
		: f->modules_lost[0] ? "; and the modules of the running kernel are gone, as after "
				       "its upgrade: /lib/modules/"
				     : "",
		f->denied ? "" : f->modules_lost,
		f->denied || f->modules_lost[0] ? "" : " (a module is missing)");
	if (f->denied)
		finding_mend(x, "# run sluice on the host itself, not in a container of it");
	else if (f->modules_lost[0])
		finding_mend(x, "systemctl reboot");
	else
		finding_mend(x,
			"modprobe -a nf_tables nf_conntrack nf_nat nft_ct nft_nat nft_masq "
			"nft_chain_nat nft_fib_inet nft_limit nft_connlimit nf_conntrack_netlink "
			"bridge veth");
}

static void
judge_intruders(const struct doctor_facts *f, struct findings *ret)
{
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < f->n_intruders; i++) {
		const struct doctor_intruder *x = &f->intruders[i];
		struct finding *found = findings_add(ret, "address-in-use", true);

		finding_what(found,
			"%s of the container \"%s\" is in use by another machine on %s, with the "
			"MAC "
			"address %s%s%s",
			addr_print(&x->addr, text), x->container, bridge_name(f), x->mac,
			x->port[0] ? ", behind port " : "", x->port);
		if (x->port[0])
			finding_mend(found, "ip link set dev %s nomaster", x->port);
		else
			finding_mend(found, "ip neighbour delete %s dev %s", text, bridge_name(f));
	}
}

void
doctor_judge(const struct doctor_facts *f, struct findings *ret)
{
	judge_kernel(f, ret);
	judge_forwarding(f, ret);
	if (conf_needs_forwarding(f->conf)) {
		judge_bridge(f, ret);
		judge_rp_filter(f, ret);
		judge_lxc_net(f, ret);
		judge_bridge_nf(f, ret);
		judge_mtu(f, ret);
		judge_routes(f, ret);
	}
	judge_intruders(f, ret);
	if (f->conf->bridge) {
		judge_addresses(f, &f->conf->bridge->v4, ret);
		judge_addresses(f, &f->conf->bridge->v6, ret);
	}
	doctor_judge_tables(f, ret);
}
