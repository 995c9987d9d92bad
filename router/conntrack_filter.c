/*
 * A small change of forwards as filters of flows. Pure. The kernel (6.11 and later) deletes what
 * a filter matches in one pass over the heads of its table, which takes a hundredth of telling us
 * of every flow; so the change of a container's address does not grow with what the host carries.
 */
#include "router/conntrack_maps.h"

#include <netinet/in.h>
#include <string.h>

struct filters {
	const struct conntrack_change *change;
	struct conntrack_filter *v;
	size_t n;
};

static bool
append(struct filters *f, const struct conntrack_filter *filter)
{
	if (f->n == CONNTRACK_FILTERS_MAX)
		return false;
	f->v[f->n++] = *filter;
	return true;
}

/* Whether a forward of what stands now takes this port to this target, bound or not. */
static bool
taken_by_another(const struct ruleset *to, const struct ruleset_elem *elem, size_t at, bool v6)
{
	for (size_t i = 0; i < CONNTRACK_MAPS; i++) {
		const struct ruleset_elems *s = &to->sets[conntrack_maps[i][v6]];
		size_t offset = conntrack_binding_size(i, v6);

		for (size_t k = 0; k < s->n; k++)
			if (memcmp(s->v[k].key + offset, elem->key + at, CONNTRACK_PORTS_SIZE) ==
					0 &&
				memcmp(s->v[k].data, elem->data, sizeof(elem->data)) == 0)
				return true;
	}
	return false;
}

/* What an element's key says: protocol, port, and the address that it is bound to. */
static struct conntrack_filter
key_filter(const struct ruleset_elem *elem, size_t map, bool v6)
{
	enum ruleset_part part = v6 ? RULESET_PART_IPV6 : RULESET_PART_IPV4;
	size_t at = conntrack_binding_size(map, v6);
	struct conntrack_filter filter = {
		.proto = elem->key[at], .dest_port = ruleset_get_port(elem->key, at + 4)};

	filter.dest.family = v6 ? AF_INET6 : AF_INET;
	if (ruleset_set_info(conntrack_maps[map][v6])->key[0] == part)
		filter.dest = ruleset_get_addr(elem->key, 0, part);
	return filter;
}

/* The flows of a forward that went elsewhere or away. */
static bool
put_deleted(struct filters *f, const struct ruleset_elem *elem, size_t map, bool v6)
{
	struct conntrack_filter filter = key_filter(elem, map, v6);
	enum ruleset_part part = v6 ? RULESET_PART_IPV6 : RULESET_PART_IPV4;

	if (taken_by_another(f->change->to, elem, conntrack_binding_size(map, v6), v6))
		return false;
	filter.dnat = true;
	filter.target = ruleset_get_addr(elem->data, 0, part);
	filter.target_port = ruleset_get_port(elem->data, ruleset_part_size(part));
	return append(f, &filter);
}

/* UDP flows to the host itself on a port that is forwarded from now on. Where a forward stood
 * before, there are none. */
static bool
put_added(struct filters *f, const struct ruleset_elem *elem, size_t map, bool v6)
{
	struct conntrack_filter filter = key_filter(elem, map, v6);
	const struct link_snapshot *links = f->change->links;

	if (filter.proto != IPPROTO_UDP ||
		conntrack_find(&f->change->diff->del.sets[conntrack_maps[map][v6]], elem->key))
		return true;
	if (ruleset_set_info(conntrack_maps[map][v6])->key[0] ==
		(v6 ? RULESET_PART_IPV6 : RULESET_PART_IPV4))
		return append(f, &filter);
	for (size_t i = 0; i < links->n_addresses; i++) {
		if (links->addresses[i].prefix.addr.family != filter.dest.family)
			continue;
		filter.dest = links->addresses[i].prefix.addr;
		if (!append(f, &filter))
			return false;
	}
	return true;
}

static bool
put_map(struct filters *f, size_t map, bool v6)
{
	const struct ruleset_elems *del = &f->change->diff->del.sets[conntrack_maps[map][v6]];
	const struct ruleset_elems *add = &f->change->diff->add.sets[conntrack_maps[map][v6]];

	if (del->n > CONNTRACK_FILTERS_MAX)
		return false;
	for (size_t i = 0; i < del->n; i++)
		if (!put_deleted(f, &del->v[i], map, v6))
			return false;
	for (size_t i = 0; i < add->n; i++)
		if (!put_added(f, &add->v[i], map, v6))
			return false;
	return true;
}

bool
conntrack_filters(const struct conntrack_change *change,
	struct conntrack_filter ret[static CONNTRACK_FILTERS_MAX], size_t *ret_n)
{
	struct filters f = {.change = change, .v = ret};

	if (change->unknown || conntrack_sources_narrowed(change->diff))
		return false;
	for (size_t i = 0; i < CONNTRACK_MAPS; i++)
		if (!put_map(&f, i, false) || !put_map(&f, i, true))
			return false;
	*ret_n = f.n;
	return true;
}
