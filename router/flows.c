/*
 * Flows for an operator. Of one container the kernel is asked with filters (who answers, and who
 * asked), so that it tells of no others; of all, once for everything.
 */
#include "router/flows.h"

#include "core/own.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

struct listing {
	struct addr of;
	bool in; /* those that it was called by; else those that it called */
	struct flow *v;
	size_t n;
	uint64_t all;
};

static uint64_t
read_u64(const struct nlattr *a)
{
	uint64_t value = 0;

	(void)netlink_bytes(a, &value, sizeof(value));
	return be64toh(value);
}

static void
add_counters(const struct nlattr *nest, struct flow *f)
{
	const struct nlattr *attrs[CTA_COUNTERS_MAX + 1];

	netlink_nested(nest, attrs, CTA_COUNTERS_MAX);
	f->packets += read_u64(attrs[CTA_COUNTERS_PACKETS]);
	f->bytes += read_u64(attrs[CTA_COUNTERS_BYTES]);
}

bool
flow_parse(const struct nlmsghdr *h, struct flow *ret)
{
	const struct nlattr *attrs[CTA_MAX + 1], *info[CTA_PROTOINFO_MAX + 1];
	const struct nlattr *tcp[CTA_PROTOINFO_TCP_MAX + 1];
	struct flow f = {0};
	uint32_t status = 0, seconds = 0;

	if (!conntrack_parse(h, &f.f))
		return false;
	f.f.tuple = slice_of(NULL, 0);
	netlink_attrs(h, sizeof(struct nfgenmsg), attrs, CTA_MAX);
	netlink_nested(attrs[CTA_PROTOINFO], info, CTA_PROTOINFO_MAX);
	netlink_nested(info[CTA_PROTOINFO_TCP], tcp, CTA_PROTOINFO_TCP_MAX);
	(void)netlink_u32(attrs[CTA_STATUS], &status);
	(void)netlink_u32(attrs[CTA_TIMEOUT], &seconds);
	if (f.f.proto == IPPROTO_TCP)
		(void)netlink_u8(tcp[CTA_PROTOINFO_TCP_STATE], &f.tcp_state);
	else
		f.tcp_state = ntohl(status) & IPS_SEEN_REPLY ? 1 : 0;
	f.seconds = ntohl(seconds);
	add_counters(attrs[CTA_COUNTERS_ORIG], &f);
	add_counters(attrs[CTA_COUNTERS_REPLY], &f);
	*ret = f;
	return true;
}

const char *
flow_state(const struct flow *f)
{
	static const char *const states[] = {
		[TCP_CONNTRACK_NONE] = "none",
		[TCP_CONNTRACK_SYN_SENT] = "syn-sent",
		[TCP_CONNTRACK_SYN_RECV] = "syn-received",
		[TCP_CONNTRACK_ESTABLISHED] = "established",
		[TCP_CONNTRACK_FIN_WAIT] = "fin-wait",
		[TCP_CONNTRACK_CLOSE_WAIT] = "close-wait",
		[TCP_CONNTRACK_LAST_ACK] = "last-ack",
		[TCP_CONNTRACK_TIME_WAIT] = "time-wait",
		[TCP_CONNTRACK_CLOSE] = "closed",
		[TCP_CONNTRACK_LISTEN] = "syn-sent", /* simultaneous open */
	};

	if (f->f.proto != IPPROTO_TCP)
		return f->tcp_state ? "answered" : "unanswered";
	return f->tcp_state < ARRAY_SIZE(states) ? states[f->tcp_state] : "unknown";
}

/* A flow of a container to itself, by a forward, counts once. A kernel before 5.8 does not filter.
 */
static int
on_flow(const struct nlmsghdr *h, void *ctx)
{
	struct listing *l = ctx;
	struct flow f;

	if (!flow_parse(h, &f))
		return 0;
	f.in = addr_eq(&f.f.target, &l->of);
	if (l->in ? !f.in : f.in || !addr_eq(&f.f.source, &l->of))
		return 0;
	l->all++;
	if (l->n < FLOWS_MAX)
		l->v[l->n++] = f;
	return 0;
}

/* Another try of the kernel's begins in front; what stood before this dump is counted apart. */
static void
on_restart(void *ctx)
{
	struct listing *l = ctx;

	l->n = 0;
	l->all = 0;
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

/* The source of the answers (in) or of the first packet. */
static void
put_filter(struct nlmsghdr *h, const struct listing *l)
{
	struct nlattr *tuple, *nest;

	tuple = mnl_attr_nest_start(h, l->in ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG);
	nest = mnl_attr_nest_start(h, CTA_TUPLE_IP);
	mnl_attr_put(h, l->of.family == AF_INET6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, addr_len(&l->of),
		l->of.bytes);
	mnl_attr_nest_end(h, nest);
	mnl_attr_nest_end(h, tuple);
	nest = mnl_attr_nest_start(h, CTA_FILTER);
	mnl_attr_put_u32(h, CTA_FILTER_ORIG_FLAGS, l->in ? 0 : CONNTRACK_FILTER_SRC);
	mnl_attr_put_u32(h, CTA_FILTER_REPLY_FLAGS, l->in ? CONNTRACK_FILTER_SRC : 0);
	mnl_attr_nest_end(h, nest);
}

static int
list(struct netlink *n, struct listing *l, struct err *e)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_dump dump = {.on_each = on_flow, .on_restart = on_restart, .ctx = l};
	struct netlink_error error;
	struct nlmsghdr *h = begin(n, request, IPCTNL_MSG_CT_GET, l->of.family);

	put_filter(h, l);
	if (netlink_dump(n, h, &dump, &error) < 0)
		return netlink_err(e, &error, "reading the kernel's flows");
	return 0;
}

int
flows_read(struct netlink *n, const struct flows_of *of, struct flow ret[static FLOWS_MAX],
	size_t *ret_n, uint64_t *ret_all, struct err *e)
{
	const struct addr *const addresses[] = {&of->v4, &of->v6};
	_free_ struct flow *found = calloc(FLOWS_MAX, sizeof(*found));

	if (!found)
		return err_set(e, "out of memory");
	*ret_n = 0;
	*ret_all = 0;
	for (size_t i = 0; i < 2 * ARRAY_SIZE(addresses); i++) {
		struct listing l = {.of = *addresses[i / 2], .in = i % 2 == 0, .v = found};

		if (!l.of.family)
			continue;
		if (list(n, &l, e) < 0)
			return -1;
		for (size_t k = 0; k < l.n && *ret_n < FLOWS_MAX; k++)
			ret[(*ret_n)++] = found[k];
		*ret_all += l.all;
	}
	return 0;
}

/* An address, and whose it is. */
struct owner {
	struct addr address;
	struct flows_of *of;
};

struct counting {
	struct owner *v; /* sorted */
	size_t n;
};

static int
owner_cmp(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	if (x->address.family != y->address.family)
		return x->address.family < y->address.family ? -1 : 1;
	return addr_cmp(&x->address, &y->address);
}

static struct flows_of *
owner_of(const struct counting *c, const struct addr *a)
{
	const struct owner key = {.address = *a};
	const struct owner *found = bsearch(&key, c->v, c->n, sizeof(*c->v), owner_cmp);

	return found ? found->of : NULL;
}

static int
on_counted(const struct nlmsghdr *h, void *ctx)
{
	const struct counting *c = ctx;
	struct flows_of *called, *caller;
	struct conntrack_flow f;

	if (!conntrack_parse(h, &f))
		return 0;
	called = owner_of(c, &f.target);
	caller = owner_of(c, &f.source);
	if (called)
		called->in++;
	if (caller && caller != called)
		caller->out++;
	return 0;
}

static void
on_counted_restart(void *ctx)
{
	const struct counting *c = ctx;

	for (size_t i = 0; i < c->n; i++)
		c->v[i].of->in = c->v[i].of->out = 0;
}

int
flows_count(struct netlink *n, struct flows_of *v, size_t count, struct err *e)
{
	_free_ struct owner *owners = calloc(2 * count + 1, sizeof(*owners));
	struct counting c = {.v = owners};
	struct netlink_dump dump = {
		.on_each = on_counted, .on_restart = on_counted_restart, .ctx = &c};
	char request[NETLINK_REQUEST_MAX];
	struct netlink_error error;

	if (!owners)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < count; i++) {
		if (v[i].v4.family)
			owners[c.n++] = (struct owner){v[i].v4, &v[i]};
		if (v[i].v6.family)
			owners[c.n++] = (struct owner){v[i].v6, &v[i]};
	}
	qsort(owners, c.n, sizeof(*owners), owner_cmp);
	on_counted_restart(&c);
	if (netlink_dump(n, begin(n, request, IPCTNL_MSG_CT_GET, AF_UNSPEC), &dump, &error) < 0)
		return netlink_err(e, &error, "reading the kernel's flows");
	return 0;
}

struct total {
	uint32_t now, most;
};

static int
on_total(const struct nlmsghdr *h, void *ctx)
{
	const struct nlattr *attrs[CTA_STATS_GLOBAL_MAX + 1];
	struct total *t = ctx;

	netlink_attrs(h, sizeof(struct nfgenmsg), attrs, CTA_STATS_GLOBAL_MAX);
	(void)netlink_u32(attrs[CTA_STATS_GLOBAL_ENTRIES], &t->now);
	(void)netlink_u32(attrs[CTA_STATS_GLOBAL_MAX_ENTRIES], &t->most);
	return 0;
}

int
flows_total(struct netlink *n, uint32_t *ret_now, uint32_t *ret_most)
{
	char request[NETLINK_REQUEST_MAX];
	struct total t = {0};
	struct netlink_dump answer = {.on_each = on_total, .ctx = &t};
	struct netlink_error error;

	if (netlink_ask(n, begin(n, request, IPCTNL_MSG_CT_GET_STATS, AF_UNSPEC), &answer, &error) <
		0)
		return -1;
	*ret_now = ntohl(t.now);
	*ret_most = ntohl(t.most);
	return 0;
}
