/*
 * The facts about this host that the doctor judges. Reads only; one thing is tried: whether the
 * kernel would take our rules, in a transaction that is never committed.
 */
#include "router/doctor/doctor.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/num.h"
#include "core/own.h"
#include "router/nft/nft.h"
#include "router/nft/nft_batch.h"
#include "router/plan.h"
#include "router/router.h"

#include <arpa/inet.h>
#include <linux/capability.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#define PROC_ROOT "/proc"
#define LXC_RUN "/run/lxc"
#define LXC_NET_WANTED "/etc/systemd/system/multi-user.target.wants/lxc-net.service"
#define VALUE_MAX 32
#define PATH_SIZE 256
#define STRICT 1 /* of rp_filter */

/* -1: there is no such parameter. */
static int
read_sysctl(const char *name)
{
	char path[PATH_SIZE];
	struct buf b;
	uint64_t value = 0;
	int ret = -1;

	(void)snprintf(path, sizeof(path), "%s/sys/%s", PROC_ROOT, name);
	buf_init(&b, VALUE_MAX);
	if (file_read(path, &b, NULL) == 0 &&
		num_parse(slice_head(buf_slice(&b), slice_index(buf_slice(&b), '\n')), 0, INT32_MAX,
			&value) == 0)
		ret = (int)value;
	buf_clear(&b);
	return ret;
}

/* The greater one of all's and the interface's is in force. */
static int
read_rp_filter(const char *interface)
{
	char name[PATH_SIZE];
	int all = read_sysctl("net/ipv4/conf/all/rp_filter"), own;

	(void)snprintf(name, sizeof(name), "net/ipv4/conf/%s/rp_filter", interface);
	own = read_sysctl(name);
	return all > own ? all : own;
}

static void
read_parameters(struct doctor_facts *f)
{
	f->ip_forward = read_sysctl("net/ipv4/ip_forward");
	f->ip6_forward = read_sysctl("net/ipv6/conf/all/forwarding");
	f->bridge_nf = read_sysctl("net/bridge/bridge-nf-call-iptables");
	f->bridge_nf6 = read_sysctl("net/bridge/bridge-nf-call-ip6tables");
}

static void
note_strict(struct doctor_facts *f, const char *interface)
{
	for (size_t i = 0; i < f->n_strict; i++)
		if (strcmp(f->strict[i], interface) == 0)
			return;
	if (f->n_strict < DOCTOR_STRICT_MAX && read_rp_filter(interface) == STRICT)
		(void)snprintf(f->strict[f->n_strict++], sizeof(f->strict[0]), "%s", interface);
}

/* The outside that the file names, and what forwards of one interface or address name. */
static void
read_strict(struct doctor_facts *f)
{
	if (f->conf->wan)
		note_strict(f, f->conf->wan);
	for (size_t i = 0; i < f->conf->n_forwards; i++) {
		const struct conf_forward *forward = &f->conf->forwards[i];

		if (forward->interface)
			note_strict(f, forward->interface);
		for (size_t k = 0; forward->listen.family == AF_INET && k < f->links.n_addresses;
			k++) {
			const struct link_address *a = &f->links.addresses[k];
			const struct link_iface *at = link_find_index(&f->links, a->index);

			if (at && addr_eq(&a->prefix.addr, &forward->listen))
				note_strict(f, at->name);
		}
	}
}

/* --- routes ---------------------------------------------------------------------------------- */

static bool
overlaps(const struct prefix *net, const struct prefix *to)
{
	return net->addr.family == to->addr.family && net->addr.family && to->len >= net->len &&
	       prefix_overlaps(net, to);
}

/* A route of the main table to a network or host, not by the bridge itself. */
static void
take_route(struct doctor_facts *f, const struct nlmsghdr *h)
{
	const struct conf_bridge *b = f->conf->bridge;
	const struct nlattr *attrs[RTA_TABLE + 1];
	const struct link_iface *iface;
	struct doctor_route r = {0};
	struct rtmsg info;
	uint32_t table, index;

	if (h->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(h) < sizeof(info))
		return;
	memcpy(&info, mnl_nlmsg_get_payload(h), sizeof(info));
	netlink_attrs(h, sizeof(info), attrs, RTA_TABLE);
	table = info.rtm_table;
	(void)netlink_u32(attrs[RTA_TABLE], &table);
	r.to.addr.family = info.rtm_family;
	r.to.len = info.rtm_dst_len;
	/* Routes that an address brings along (RTPROT_KERNEL) are the address's finding. */
	if (table != RT_TABLE_MAIN || info.rtm_type != RTN_UNICAST ||
		info.rtm_protocol == RTPROT_KERNEL ||
		(info.rtm_family != AF_INET && info.rtm_family != AF_INET6) ||
		!netlink_bytes(attrs[RTA_DST], r.to.addr.bytes, addr_len(&r.to.addr)) ||
		!netlink_u32(attrs[RTA_OIF], &index))
		return;
	iface = link_find_index(&f->links, index);
	if (!iface || strcmp(iface->name, b->name) == 0 || f->n_routes == DOCTOR_ROUTES_MAX ||
		!(overlaps(&b->v4, &r.to) || overlaps(&b->v6, &r.to)))
		return;
	(void)snprintf(r.dev, sizeof(r.dev), "%s", iface->name);
	f->routes[f->n_routes++] = r;
}

static int
on_route(const struct nlmsghdr *h, void *ctx)
{
	take_route(ctx, h);
	return 0;
}

static void
on_route_restart(void *ctx)
{
	((struct doctor_facts *)ctx)->n_routes = 0;
}

static int
read_routes(struct netlink *n, struct doctor_facts *f, struct err *e)
{
	struct netlink_dump dump = {.on_each = on_route, .on_restart = on_route_restart, .ctx = f};
	struct netlink_error error;
	char request[NETLINK_REQUEST_MAX];
	struct nlmsghdr *h;

	if (!f->conf->bridge)
		return 0;
	h = netlink_begin(n, request, RTM_GETROUTE, 0);
	mnl_nlmsg_put_extra_header(h, sizeof(struct rtmsg));
	return netlink_dump(n, h, &dump, &error) < 0 ? netlink_err(e, &error, "reading routes") : 0;
}

/* --- the kernel's abilities ------------------------------------------------------------------ */

static int
plan(const struct doctor_facts *f, struct ruleset *ret, struct err *e)
{
	struct plan_input in = {.conf = f->conf, .wans = f->links.defaults};

	if (f->conf->wan) {
		in.wans = (struct plan_wans){.n = 1};
		(void)snprintf(in.wans.names[0], sizeof(in.wans.names[0]), "%s", f->conf->wan);
	}
	return plan_build(&in, ret, e);
}

static void
try_rules(struct doctor_facts *f)
{
	struct ruleset planned = {0};
	struct err e = {0};
	struct nft n;

	if (!conf_needs_router(f->conf) || f->refused[0])
		return;
	if (nft_open(&n, &e) < 0) {
		(void)snprintf(f->refused, sizeof(f->refused), "%s", e.msg);
		return;
	}
	if (plan(f, &planned, &e) < 0 || nft_try(&n, &planned, &e) < 0)
		(void)snprintf(f->refused, sizeof(f->refused), "%s", e.msg);
	ruleset_clear(&planned);
	nft_close(&n);
}

/* Why loading modules would not help: this process may not, or the kernel was replaced on disk and
 * its modules with it. */
static void
read_rights(struct doctor_facts *f)
{
	struct utsname kernel;
	struct stat found;
	char path[PATH_SIZE];

	f->denied = prctl(PR_CAPBSET_READ, CAP_NET_ADMIN) == 0;
	if (uname(&kernel) < 0 || lstat(PROC_ROOT "/modules", &found) < 0)
		return;
	(void)snprintf(path, sizeof(path), "/lib/modules/%s", kernel.release);
	if (stat(path, &found) < 0)
		(void)snprintf(f->modules_lost, sizeof(f->modules_lost), "%.*s",
			DOCTOR_NAME_MAX - 1, kernel.release);
}

/* --- all of it ------------------------------------------------------------------------------- */

static int
read_network(struct doctor_facts *f, struct err *e)
{
	struct netlink route = {0}, filter = {0};
	struct err why = {0};
	int rc = -1;

	if (netlink_open(&route, NETLINK_ROUTE, false, e) == 0 &&
		link_read(&route, &f->links, e) == 0 && read_routes(&route, f, e) == 0)
		rc = doctor_read_intruders(&route, f, e);
	/* A kernel that knows nothing of nftables is a finding, not a failure. */
	if (rc == 0 && (netlink_open(&filter, NETLINK_NETFILTER, false, &why) < 0 ||
			       doctor_read_chains(&filter, f, &why) < 0))
		(void)snprintf(f->refused, sizeof(f->refused), "%s", why.msg);
	netlink_close(&route);
	netlink_close(&filter);
	return rc;
}

int
doctor_read(const struct conf *conf, struct doctor_facts *ret, struct err *e)
{
	struct stat wanted;

	*ret = (struct doctor_facts){.conf = conf};
	ret->lxc_net_up = link_lxc_net(LXC_RUN);
	ret->lxc_net_enabled = lstat(LXC_NET_WANTED, &wanted) == 0;
	read_parameters(ret);
	if (read_network(ret, e) < 0)
		return -1;
	read_strict(ret);
	doctor_read_legacy(PROC_ROOT, ret);
	try_rules(ret);
	read_rights(ret);
	return 0;
}

void
doctor_clear(struct doctor_facts *f)
{
	link_snapshot_clear(&f->links);
}

int
router_doctor(const struct conf *conf, struct findings *ret, struct err *e)
{
	struct doctor_facts *facts = calloc(1, sizeof(*facts));
	int rc;

	if (!facts)
		return err_set(e, "out of memory");
	rc = doctor_read(conf, facts, e);
	if (rc == 0)
		doctor_judge(facts, ret);
	doctor_clear(facts);
	free(facts);
	return rc;
}
