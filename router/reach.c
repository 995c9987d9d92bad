/*
 * One question a target: which route the kernel would take. The default one leads out into the
 * world, where nobody sends answers back by way of us; a typing error in an address ends there.
 */
#include "router/reach.h"

#include "router/router.h"

#include <linux/rtnetlink.h>
#include <string.h>

/* An answer of a kernel that tells the route that matched, and not a copy made for the address. */
struct match {
	bool found;
	bool local; /* the host's own address */
	uint8_t len;
};

static int
on_route(const struct nlmsghdr *h, void *ctx)
{
	struct match *match = ctx;
	struct rtmsg info;

	if (h->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(h) < sizeof(info))
		return 0;
	memcpy(&info, mnl_nlmsg_get_payload(h), sizeof(info));
	match->found = true;
	match->local = info.rtm_type == RTN_LOCAL;
	match->len = info.rtm_dst_len;
	return 0;
}

static struct match
find_route(struct netlink *route, const struct addr *a)
{
	char request[NETLINK_REQUEST_MAX];
	struct match match = {.found = false};
	struct netlink_dump answer = {.on_each = on_route, .ctx = &match};
	struct netlink_error error;
	struct nlmsghdr *h = netlink_begin(route, request, RTM_GETROUTE, 0);
	struct rtmsg *info = mnl_nlmsg_put_extra_header(h, sizeof(*info));

	*info = (struct rtmsg){.rtm_family = a->family,
		.rtm_dst_len = (uint8_t)(addr_len(a) * 8),
		.rtm_flags = RTM_F_FIB_MATCH};
	mnl_attr_put(h, RTA_DST, addr_len(a), a->bytes);
	if (netlink_ask(route, h, &answer, &error) < 0)
		match = (struct match){0};
	return match;
}

static bool
in_bridge(const struct conf *c, const struct addr *a)
{
	return c->bridge &&
	       ((c->bridge->v4.addr.family && prefix_contains(&c->bridge->v4, a)) ||
		       (c->bridge->v6.addr.family && prefix_contains(&c->bridge->v6, a)));
}

int
reach_check(struct netlink *route, const struct conf *c, struct err *e)
{
	for (size_t i = 0; i < c->n_forwards; i++) {
		const struct conf_forward *f = &c->forwards[i];
		char text[ADDR_TEXT_MAX];
		struct match match;

		if (!f->target.family || in_bridge(c, &f->target))
			continue;
		match = find_route(route, &f->target);
		if (match.local)
			return err_ordinal(e, f->ordinal,
				"a forward goes to an address of another host; %s is this one's "
				"own",
				addr_print(&f->target, text));
		if (match.found && match.len > 0)
			continue;
		return err_ordinal(e, f->ordinal,
			"%s is in no network of this host: no route but the default one leads "
			"there; a misspelt address, or is its interface down?",
			addr_print(&f->target, text));
	}
	return 0;
}

int
router_check_targets(const struct conf *conf, struct err *e)
{
	struct netlink route = {0};
	int rc = 0;

	/* A host that cannot be asked is not the file's fault. */
	if (netlink_open(&route, NETLINK_ROUTE, false, NULL) == 0)
		rc = reach_check(&route, conf, e);
	netlink_close(&route);
	return rc;
}
