/*
 * Forgetting flows: one dump a family, then one request for each stale flow, by its exact tuple
 * and number.
 */
#include "router/conntrack.h"

#include "core/buf.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

/* A delete request of one flow, without its header. */
struct pending {
	uint8_t family;
	bool zone_set, id_set;
	uint16_t zone;
	uint32_t id;
	size_t size;
	char tuple[CONNTRACK_TUPLE_MAX];
};

struct dumping {
	const struct conntrack_change *change;
	struct buf found; /* struct pending, one after the other */
};

static int
on_flow(const struct nlmsghdr *h, void *ctx)
{
	struct dumping *d = ctx;
	struct conntrack_flow flow;
	struct pending p = {0};

	if (!conntrack_parse(h, &flow) || !conntrack_stale(d->change, &flow) ||
		flow.tuple.n > sizeof(p.tuple))
		return 0;
	p.family = flow.dest.family;
	p.zone_set = flow.zone_set;
	p.zone = flow.zone;
	p.id_set = flow.id_set;
	p.id = flow.id;
	p.size = flow.tuple.n;
	memcpy(p.tuple, flow.tuple.p, flow.tuple.n);
	return buf_append(&d->found, &p, sizeof(p));
}

static void
on_restart(void *ctx)
{
	buf_reset(&((struct dumping *)ctx)->found);
}

static struct nlmsghdr *
begin(struct netlink *n, void *buf, uint16_t type, uint8_t family)
{
	struct nlmsghdr *h =
		netlink_begin(n, buf, (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type), 0);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));

	*g = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0};
	return h;
}

/* All families at once: the kernel goes through its whole table for every dump. */
static int
dump_all(struct netlink *n, struct dumping *d, struct err *e)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_dump dump = {.on_each = on_flow, .on_restart = on_restart, .ctx = d};
	struct netlink_error error;

	if (netlink_dump(n, begin(n, request, IPCTNL_MSG_CT_GET, AF_UNSPEC), &dump, &error) < 0)
		return netlink_err(e, &error, "reading the kernel's flows");
	return 0;
}

static int
on_entries(const struct nlmsghdr *h, void *ctx)
{
	const struct nlattr *attrs[CTA_STATS_GLOBAL_MAX + 1];

	netlink_attrs(h, sizeof(struct nfgenmsg), attrs, CTA_STATS_GLOBAL_MAX);
	(void)netlink_u32(attrs[CTA_STATS_GLOBAL_ENTRIES], ctx);
	return 0;
}

/* Whether the kernel knows any flow at all; a kernel that does not say so may. */
static bool
has_flows(struct netlink *n)
{
	char request[NETLINK_REQUEST_MAX];
	uint32_t entries = 1;
	struct netlink_dump answer = {.on_each = on_entries, .ctx = &entries};
	struct netlink_error error;

	if (netlink_ask(n, begin(n, request, IPCTNL_MSG_CT_GET_STATS, AF_UNSPEC), &answer, &error) <
		0)
		return true;
	return entries != 0;
}

static int
delete_one(struct netlink *n, const struct pending *p, struct err *e)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_error error;
	struct nlmsghdr *h = begin(n, request, IPCTNL_MSG_CT_DELETE, p->family);

	mnl_attr_put(h, CTA_TUPLE_ORIG | NLA_F_NESTED, p->size, p->tuple);
	if (p->zone_set)
		mnl_attr_put(h, CTA_ZONE, sizeof(p->zone), &p->zone);
	if (p->id_set)
		mnl_attr_put(h, CTA_ID, sizeof(p->id), &p->id);
	/* It may have ended meanwhile. */
	if (netlink_request(n, h, &error) < 0 && error.errnum != ENOENT)
		return netlink_err(e, &error, "forgetting a flow");
	return 0;
}

int
conntrack_flush(struct netlink *n, const struct conntrack_change *change, size_t *ret_deleted,
	struct err *e)
{
	struct dumping d = {.change = change};
	struct slice found;
	int ret;

	*ret_deleted = 0;
	if (!conntrack_needed(change) || !has_flows(n))
		return 0;
	buf_init(&d.found, CONNTRACK_DELETE_BYTES_MAX);
	ret = dump_all(n, &d, e);
	for (found = buf_slice(&d.found); ret == 0 && found.n > 0;
		found = slice_skip(found, sizeof(struct pending))) {
		struct pending p;

		memcpy(&p, found.p, sizeof(p));
		ret = delete_one(n, &p, e);
		*ret_deleted += ret == 0;
	}
	buf_clear(&d.found);
	return ret;
}
