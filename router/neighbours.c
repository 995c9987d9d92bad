/* Neighbours by rtnetlink; see neighbours.h. No packet is made here: the kernel asks. */
#include "router/neighbours.h"

#include "router/link.h"
#include "router/router.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Whoever has an address of a bridge answers in less; a machine behind a card in it, too. */
#define ANSWER_NS (150 * 1000 * 1000)

/* States in which the table holds a MAC address that was heard. */
#define KNOWN_STATES (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)

bool
neighbour_parse(const struct nlmsghdr *h, struct neighbour *ret)
{
	const struct nlattr *attrs[NDA_LLADDR + 1];
	struct neighbour found = {0};
	struct ndmsg info;

	if (h->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(h) < sizeof(info))
		return false;
	memcpy(&info, mnl_nlmsg_get_payload(h), sizeof(info));
	netlink_attrs(h, sizeof(info), attrs, NDA_LLADDR);
	if ((info.ndm_family != AF_INET && info.ndm_family != AF_INET6) || info.ndm_ifindex <= 0 ||
		!(info.ndm_state & KNOWN_STATES))
		return false;
	found.index = (uint32_t)info.ndm_ifindex;
	found.addr.family = info.ndm_family;
	if (!netlink_bytes(attrs[NDA_DST], found.addr.bytes, addr_len(&found.addr)) ||
		!netlink_bytes(attrs[NDA_LLADDR], found.mac, sizeof(found.mac)))
		return false;
	*ret = found;
	return true;
}

const char *
neighbour_mac_print(
	const uint8_t mac[static NEIGHBOUR_MAC_SIZE], char ret[static NEIGHBOUR_MAC_TEXT])
{
	(void)snprintf(ret, NEIGHBOUR_MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		mac[2], mac[3], mac[4], mac[5]);
	return ret;
}

static int
request(struct netlink *n, uint32_t index, const struct addr *a, bool add,
	struct netlink_error *ret)
{
	char buffer[NETLINK_REQUEST_MAX];
	struct nlmsghdr *h = netlink_begin(n, buffer, add ? RTM_NEWNEIGH : RTM_DELNEIGH,
		add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct ndmsg *info = mnl_nlmsg_put_extra_header(h, sizeof(*info));

	info->ndm_family = a->family;
	info->ndm_ifindex = (int)index;
	/* To use an entry that is not there makes the kernel ask for it. */
	info->ndm_flags = add ? NTF_USE : 0;
	mnl_attr_put(h, NDA_DST, addr_len(a), a->bytes);
	return netlink_request(n, h, ret);
}

int
neighbour_ask(struct netlink *n, uint32_t index, const struct addr *a, struct netlink_error *ret)
{
	if (request(n, index, a, false, ret) < 0 && ret->errnum != ENOENT)
		return -1;
	return request(n, index, a, true, ret);
}

struct reading {
	uint32_t index;
	void (*on_each)(const struct neighbour *neighbour, void *ctx);
	void *ctx;
};

static int
on_neighbour(const struct nlmsghdr *h, void *ctx)
{
	const struct reading *reading = ctx;
	struct neighbour found;

	if (neighbour_parse(h, &found) && found.index == reading->index)
		reading->on_each(&found, reading->ctx);
	return 0;
}

int
neighbour_read(struct netlink *n, uint32_t index,
	void (*on_each)(const struct neighbour *neighbour, void *ctx), void *ctx, struct err *e)
{
	char buffer[NETLINK_REQUEST_MAX];
	struct reading reading = {.index = index, .on_each = on_each, .ctx = ctx};
	struct netlink_dump dump = {.on_each = on_neighbour, .ctx = &reading};
	struct netlink_error error;
	struct nlmsghdr *h = netlink_begin(n, buffer, RTM_GETNEIGH, 0);

	mnl_nlmsg_put_extra_header(h, sizeof(struct ndmsg));
	mnl_attr_put_u32(h, NDA_IFINDEX, index);
	if (netlink_dump(n, h, &dump, &error) < 0)
		return netlink_err(e, &error, "reading neighbours");
	return 0;
}

/* ---- for the daemon ---- */

struct asking {
	struct router_neighbour *v;
	size_t n;
};

static void
on_answer(const struct neighbour *neighbour, void *ctx)
{
	struct asking *asking = ctx;

	for (size_t i = 0; i < asking->n; i++)
		if (addr_eq(&asking->v[i].addr, &neighbour->addr))
			neighbour_mac_print(neighbour->mac, asking->v[i].mac);
}

static int
ask_all(struct netlink *n, uint32_t index, struct asking *asking, struct err *e)
{
	static const struct timespec patience = {.tv_nsec = ANSWER_NS};
	struct netlink_error error;

	for (size_t i = 0; i < asking->n; i++)
		if (neighbour_ask(n, index, &asking->v[i].addr, &error) < 0)
			return netlink_err(e, &error, "asking for a neighbour");
	(void)nanosleep(&patience, NULL);
	return neighbour_read(n, index, on_answer, asking, e);
}

int
router_neighbours(const char *link, struct router_neighbour *v, size_t n, struct err *e)
{
	struct asking asking = {.v = v, .n = n};
	struct link_snapshot s = {0};
	struct netlink netlink = {0};
	const struct link_iface *iface;
	int rc = -1;

	for (size_t i = 0; i < n; i++)
		v[i].mac[0] = '\0';
	if (netlink_open(&netlink, NETLINK_ROUTE, false, e) == 0 &&
		link_read(&netlink, &s, e) == 0) {
		iface = link_find(&s, link);
		/* Nobody is on a link that is not there. */
		rc = iface && iface->up && n > 0 ? ask_all(&netlink, iface->index, &asking, e) : 0;
	}
	link_snapshot_clear(&s);
	netlink_close(&netlink);
	return rc;
}
