/*
 * Which flows a change of forwards makes stale, and how the kernel describes a flow. Pure.
 */
#include "router/conntrack_maps.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

const enum ruleset_set conntrack_maps[CONNTRACK_MAPS][2] = {
	{RULESET_FWDAT4, RULESET_FWDAT6},
	{RULESET_FWDIF4, RULESET_FWDIF6},
	{RULESET_FWD4, RULESET_FWD6},
};

/* The ports that only some may use, and who may; a column for each family. */
static const struct {
	enum ruleset_set ports[2], from[2];
} restrictions[CONNTRACK_MAPS] = {
	{{RULESET_RESTRICTEDAT4, RULESET_RESTRICTEDAT6}, {RULESET_FROMAT4, RULESET_FROMAT6}},
	{{RULESET_RESTRICTEDIF, RULESET_RESTRICTEDIF}, {RULESET_FROMIF4, RULESET_FROMIF6}},
	{{RULESET_RESTRICTED, RULESET_RESTRICTED}, {RULESET_FROM4, RULESET_FROM6}},
};

bool
conntrack_sources_narrowed(const struct ruleset_diff *diff)
{
	for (size_t i = 0; i < CONNTRACK_MAPS; i++)
		for (size_t v6 = 0; v6 < 2; v6++)
			if (diff->add.sets[restrictions[i].ports[v6]].n ||
				diff->del.sets[restrictions[i].from[v6]].n)
				return true;
	return false;
}

/* What an element's key has in front of its protocol and port. */
size_t
conntrack_binding_size(size_t map, bool v6)
{
	const struct ruleset_set_info *info = ruleset_set_info(conntrack_maps[map][v6]);

	return info->key_size - CONNTRACK_PORTS_SIZE;
}

bool
conntrack_needed(const struct conntrack_change *change)
{
	const struct ruleset *del = &change->diff->del, *add = &change->diff->add;

	if (change->unknown || conntrack_sources_narrowed(change->diff))
		return true;
	for (size_t i = 0; i < CONNTRACK_MAPS; i++)
		for (size_t v6 = 0; v6 < 2; v6++) {
			const struct ruleset_elems *added = &add->sets[conntrack_maps[i][v6]];
			size_t at = conntrack_binding_size(i, v6);

			if (del->sets[conntrack_maps[i][v6]].n)
				return true;
			/* A new forward of TCP takes no flow that is known. */
			for (size_t k = 0; k < added->n; k++)
				if (added->v[k].key[at] == IPPROTO_UDP)
					return true;
		}
	return false;
}

const struct ruleset_elem *
conntrack_find(const struct ruleset_elems *s, const uint8_t key[static RULESET_KEY_MAX])
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = memcmp(key, s->v[middle].key, RULESET_KEY_MAX);

		if (c == 0)
			return &s->v[middle];
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static bool
goes_to(const struct ruleset_elem *elem, const struct conntrack_flow *f)
{
	uint8_t data[RULESET_DATA_MAX] = {0};

	ruleset_put_port(data, ruleset_put_addr(data, 0, &f->target), f->target_port);
	return memcmp(data, elem->data, sizeof(data)) == 0;
}

/* Whether a forward of r takes the flow, where any: to its target when that counts. Where a flow
 * came in is not known any more, so every interface is meant. */
static bool
takes(const struct ruleset *r, const struct conntrack_flow *f, bool target)
{
	bool v6 = f->dest.family == AF_INET6;
	const struct ruleset_elems *named = &r->sets[conntrack_maps[1][v6]];
	uint8_t at[RULESET_KEY_MAX] = {0}, any[RULESET_KEY_MAX] = {0};
	const struct ruleset_elem *elem;
	size_t size = ruleset_part_size(RULESET_PART_IFNAME);

	ruleset_put_port(at, ruleset_put_proto(at, ruleset_put_addr(at, 0, &f->dest), f->proto),
		f->dest_port);
	ruleset_put_port(any, ruleset_put_proto(any, 0, f->proto), f->dest_port);
	elem = conntrack_find(&r->sets[conntrack_maps[0][v6]], at);
	if (elem && (!target || goes_to(elem, f)))
		return true;
	for (size_t i = 0; i < named->n; i++)
		if (memcmp(named->v[i].key + size, any, CONNTRACK_PORTS_SIZE) == 0 &&
			(!target || goes_to(&named->v[i], f)))
			return true;
	elem = conntrack_find(&r->sets[conntrack_maps[2][v6]], any);
	return elem && (!target || goes_to(elem, f));
}

/* Whether an element with a range of ports holds this flow's port (and where it was sent to, and
 * its source, where it has them). */
static bool
range_holds(enum ruleset_set set, const struct ruleset_elem *elem, const struct conntrack_flow *f)
{
	const struct ruleset_set_info *info = ruleset_set_info(set);
	bool behind_ports = false;
	size_t at = 0;

	for (size_t i = 0; i < RULESET_PARTS_MAX; at += ruleset_part_size(info->key[i++])) {
		const struct addr *a = behind_ports ? &f->source : &f->dest;
		struct addr low, high;

		switch (info->key[i]) {
		case RULESET_PART_NONE:
		case RULESET_PART_IFNAME: /* not known any more */
		case RULESET_PART_ETHER:
		case RULESET_PART_TARGET:
			break;
		case RULESET_PART_PROTO:
			if (elem->key[at] != f->proto)
				return false;
			break;
		case RULESET_PART_PORT:
			if (f->dest_port < ruleset_get_port(elem->key, at) ||
				f->dest_port > ruleset_get_port(elem->end, at))
				return false;
			behind_ports = true;
			break;
		case RULESET_PART_IPV4:
		case RULESET_PART_IPV6:
			low = ruleset_get_addr(elem->key, at, info->key[i]);
			high = ruleset_get_addr(elem->end, at, info->key[i]);
			if (addr_cmp(&low, a) > 0 || addr_cmp(a, &high) > 0)
				return false;
			break;
		}
	}
	return true;
}

static bool
any_holds(const struct ruleset *r, enum ruleset_set set, const struct conntrack_flow *f)
{
	for (size_t i = 0; i < r->sets[set].n; i++)
		if (range_holds(set, &r->sets[set].v[i], f))
			return true;
	return false;
}

/* A flow of a forward that stays: may its source still use it? Asked only when the forward's
 * sources changed. Where several forwards share the port, any of them may be the flow's; one that
 * is cut without need begins anew with its next packet. */
static bool
source_lost(const struct conntrack_change *change, const struct conntrack_flow *f)
{
	bool v6 = f->source.family == AF_INET6;

	for (size_t i = 0; i < CONNTRACK_MAPS; i++) {
		enum ruleset_set ports = restrictions[i].ports[v6], from = restrictions[i].from[v6];

		if (!change->unknown && !any_holds(&change->diff->add, ports, f) &&
			!any_holds(&change->diff->del, from, f))
			continue;
		if (any_holds(change->to, ports, f) && !any_holds(change->to, from, f))
			return true;
	}
	return false;
}

static bool
is_containers(const struct ruleset *r, const struct addr *a)
{
	const struct ruleset_elems *nets =
		&r->sets[a->family == AF_INET6 ? RULESET_NETS6 : RULESET_NETS4];

	for (size_t i = 0; i < nets->n; i++)
		if (memcmp(nets->v[i].key, a->bytes, addr_len(a)) <= 0 &&
			memcmp(a->bytes, nets->v[i].end, addr_len(a)) <= 0)
			return true;
	return false;
}

/* A flow to the world is masqueraded by its first packet, or never. */
static bool
left_as_it_was(const struct ruleset *to, const struct conntrack_flow *f)
{
	static const ruleset_rules masquerades[] = {
		RULESET_RULE_BIT(MASQ4_ANY) | RULESET_RULE_BIT(MASQ4_WANS),
		RULESET_RULE_BIT(MASQ6_ANY) | RULESET_RULE_BIT(MASQ6_WANS),
	};

	return f->proto == IPPROTO_UDP && !f->snat &&
	       (to->rules & masquerades[f->source.family == AF_INET6]) &&
	       is_containers(to, &f->source) && !is_containers(to, &f->target);
}

/* Where the change is unknown, another program may have translated the flow: to a container, and
 * by a port that we do not forward, a connection of TCP may be its. */
static bool
forward_lost(const struct conntrack_change *change, const struct conntrack_flow *f)
{
	if (takes(change->to, f, true))
		return source_lost(change, f);
	if (!change->unknown)
		return takes(&change->diff->del, f, true);
	return is_containers(change->to, &f->target) &&
	       (f->proto == IPPROTO_UDP || takes(change->to, f, false));
}

bool
conntrack_stale(const struct conntrack_change *change, const struct conntrack_flow *f)
{
	if (!link_is_local(change->links, &f->dest))
		return change->unknown && left_as_it_was(change->to, f);
	if (f->dnat)
		return forward_lost(change, f);
	/* TCP to the host itself is left alone: a connection of the administrator's must not
	 * die because its port is forwarded from now on, and new ones begin new flows. */
	return f->proto == IPPROTO_UDP &&
	       takes(change->unknown ? change->to : &change->diff->add, f, false);
}

struct tuple {
	struct addr source, dest;
	uint8_t proto;
	uint16_t source_port, dest_port;
};

static bool
parse_ips(const struct nlattr *nest, struct tuple *t)
{
	const struct nlattr *ip[CTA_IP_MAX + 1];

	netlink_nested(nest, ip, CTA_IP_MAX);
	if (ip[CTA_IP_V6_SRC]) {
		t->source.family = t->dest.family = AF_INET6;
		return netlink_bytes(ip[CTA_IP_V6_SRC], t->source.bytes, 16) &&
		       netlink_bytes(ip[CTA_IP_V6_DST], t->dest.bytes, 16);
	}
	t->source.family = t->dest.family = AF_INET;
	return netlink_bytes(ip[CTA_IP_V4_SRC], t->source.bytes, 4) &&
	       netlink_bytes(ip[CTA_IP_V4_DST], t->dest.bytes, 4);
}

static bool
parse_tuple(const struct nlattr *nest, struct tuple *ret)
{
	const struct nlattr *attrs[CTA_TUPLE_MAX + 1], *proto[CTA_PROTO_MAX + 1];
	struct tuple t = {0};

	netlink_nested(nest, attrs, CTA_TUPLE_MAX);
	netlink_nested(attrs[CTA_TUPLE_PROTO], proto, CTA_PROTO_MAX);
	if (!parse_ips(attrs[CTA_TUPLE_IP], &t) || !netlink_u8(proto[CTA_PROTO_NUM], &t.proto) ||
		!netlink_u16(proto[CTA_PROTO_SRC_PORT], &t.source_port) ||
		!netlink_u16(proto[CTA_PROTO_DST_PORT], &t.dest_port))
		return false;
	t.source_port = ntohs(t.source_port);
	t.dest_port = ntohs(t.dest_port);
	*ret = t;
	return true;
}

bool
conntrack_parse(const struct nlmsghdr *h, struct conntrack_flow *ret)
{
	const struct nlattr *attrs[CTA_MAX + 1], *original;
	struct conntrack_flow f = {0};
	struct tuple sent, answered;
	uint32_t status = 0;

	netlink_attrs(h, sizeof(struct nfgenmsg), attrs, CTA_MAX);
	original = attrs[CTA_TUPLE_ORIG];
	if (!parse_tuple(original, &sent) || !parse_tuple(attrs[CTA_TUPLE_REPLY], &answered))
		return false;
	if (sent.proto != IPPROTO_TCP && sent.proto != IPPROTO_UDP)
		return false;
	(void)netlink_u32(attrs[CTA_STATUS], &status);
	f.proto = sent.proto;
	f.dnat = ntohl(status) & IPS_DST_NAT;
	f.snat = ntohl(status) & IPS_SRC_NAT;
	f.source = sent.source;
	f.dest = sent.dest;
	f.source_port = sent.source_port;
	f.dest_port = sent.dest_port;
	f.target = answered.source;
	f.target_port = answered.source_port;
	f.tuple = slice_of(mnl_attr_get_payload(original), mnl_attr_get_payload_len(original));
	f.zone_set = netlink_u16(attrs[CTA_ZONE], &f.zone);
	f.id_set = netlink_u32(attrs[CTA_ID], &f.id);
	*ret = f;
	return true;
}
