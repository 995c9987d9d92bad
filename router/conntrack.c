/*
 * Forgetting flows: by filters where the kernel and the change allow it; otherwise one dump, then
 * one request for each stale flow, by its exact tuple and number.
 */
#include "router/conntrack.h"

#include "core/buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
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

static uint16_t
ip_attribute(const struct addr *a, bool source)
{
	if (a->family == AF_INET6)
		return source ? CTA_IP_V6_SRC : CTA_IP_V6_DST;
	return source ? CTA_IP_V4_SRC : CTA_IP_V4_DST;
}

/* A part of a tuple: an address (NULL: any), the protocol, a port; of the source or of the
 * destination. Returns the flags that say which of them count. */
static uint32_t
put_part(struct nlmsghdr *h, uint16_t type, const struct addr *a,
	const struct conntrack_filter *filter, uint16_t port)
{
	bool source = type == CTA_TUPLE_REPLY;
	struct nlattr *tuple = mnl_attr_nest_start(h, type), *nest;
	uint32_t flags = CONNTRACK_FILTER_PROTO |
			 (source ? CONNTRACK_FILTER_SRC_PORT : CONNTRACK_FILTER_DST_PORT);

	if (a) {
		flags |= source ? CONNTRACK_FILTER_SRC : CONNTRACK_FILTER_DST;
		nest = mnl_attr_nest_start(h, CTA_TUPLE_IP);
		mnl_attr_put(h, ip_attribute(a, source), addr_len(a), a->bytes);
		mnl_attr_nest_end(h, nest);
	}
	nest = mnl_attr_nest_start(h, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(h, CTA_PROTO_NUM, filter->proto);
	mnl_attr_put_u16(h, source ? CTA_PROTO_SRC_PORT : CTA_PROTO_DST_PORT, htons(port));
	mnl_attr_nest_end(h, nest);
	mnl_attr_nest_end(h, tuple);
	return flags;
}

/* A kernel that does not know filters of deletions misses the source in the first tuple, and
 * refuses; without that tuple it would delete everything. */
static int
delete_matching(struct netlink *n, const struct conntrack_filter *filter)
{
	static const struct addr none4 = {.family = AF_INET}, none6 = {.family = AF_INET6};
	char request[NETLINK_REQUEST_MAX];
	struct netlink_error error;
	struct nlmsghdr *h = begin(n, request, IPCTNL_MSG_CT_DELETE, filter->dest.family);
	bool anywhere = addr_eq(&filter->dest, &none4) || addr_eq(&filter->dest, &none6);
	uint32_t first, answer = 0;
	struct nlattr *nest;

	first = put_part(
		h, CTA_TUPLE_ORIG, anywhere ? NULL : &filter->dest, filter, filter->dest_port);
	if (filter->dnat)
		answer = put_part(h, CTA_TUPLE_REPLY, &filter->target, filter, filter->target_port);
	nest = mnl_attr_nest_start(h, CTA_FILTER);
	mnl_attr_put_u32(h, CTA_FILTER_ORIG_FLAGS, first);
	mnl_attr_put_u32(h, CTA_FILTER_REPLY_FLAGS, answer);
	mnl_attr_nest_end(h, nest);
	mnl_attr_put_u32(h, CTA_STATUS, htonl(filter->dnat ? IPS_DST_NAT : 0));
	mnl_attr_put_u32(h, CTA_STATUS_MASK, htonl(IPS_DST_NAT));
	return netlink_request(n, h, &error);
}

/* False when the flows have to be looked at one by one. */
static bool
flush_by_filters(struct netlink *n, const struct conntrack_change *change)
{
	struct conntrack_filter filters[CONNTRACK_FILTERS_MAX];
	size_t count;

	if (!conntrack_filters(change, filters, &count))
		return false;
	for (size_t i = 0; i < count; i++)
		if (delete_matching(n, &filters[i]) < 0)
			return false;
	return true;
}

int
conntrack_flush(struct netlink *n, const struct conntrack_change *change, size_t *ret_deleted,
	struct err *e)
{
	struct dumping d = {.change = change};
	struct slice found;
	int ret;

	*ret_deleted = 0;
	if (!conntrack_needed(change) || flush_by_filters(n, change) || !has_flows(n))
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
