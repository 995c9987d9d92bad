/* Dumps of the maps and of their targets, each sorted by key and looked up by the planned elements.
 */
#include "router/nft/nft_count.h"

#include "router/nft/nft_tally.h"

#include <endian.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

struct counted_list {
	enum ruleset_set set;
	struct nft_counted *v;
	size_t n, cap;
};

static bool
read_u64(const struct nlattr *a, uint64_t *ret)
{
	if (!netlink_bytes(a, ret, sizeof(*ret)))
		return false;
	*ret = be64toh(*ret);
	return true;
}

bool
nft_parse_counted(const struct nlattr *nest, enum ruleset_set set, struct nft_counted *ret)
{
	const struct nlattr *attrs[NFTA_SET_ELEM_MAX + 1], *key[NFTA_DATA_MAX + 1];
	const struct nlattr *expr[NFTA_EXPR_MAX + 1], *counter[NFTA_COUNTER_MAX + 1];
	struct nft_counted c = {0};
	char name[16];

	netlink_nested(nest, attrs, NFTA_SET_ELEM_MAX);
	netlink_nested(attrs[NFTA_SET_ELEM_KEY], key, NFTA_DATA_MAX);
	netlink_nested(attrs[NFTA_SET_ELEM_EXPR], expr, NFTA_EXPR_MAX);
	netlink_nested(expr[NFTA_EXPR_DATA], counter, NFTA_COUNTER_MAX);
	if (!netlink_bytes(key[NFTA_DATA_VALUE], c.key, ruleset_set_info(set)->key_size) ||
		!netlink_name(expr[NFTA_EXPR_NAME], name, sizeof(name)) ||
		strcmp(name, "counter") != 0 ||
		!read_u64(counter[NFTA_COUNTER_PACKETS], &c.packets) ||
		!read_u64(counter[NFTA_COUNTER_BYTES], &c.bytes))
		return false;
	*ret = c;
	return true;
}

static int
list_add(struct counted_list *l, const struct nft_counted *c)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		struct nft_counted *v = realloc(l->v, cap * sizeof(*v));

		if (!v)
			return -1;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = *c;
	return 0;
}

static int
on_elements(const struct nlmsghdr *h, void *ctx)
{
	const struct nlattr *attrs[NFTA_SET_ELEM_LIST_MAX + 1], *a;
	struct counted_list *l = ctx;
	struct netlink_walk walk;

	netlink_attrs(h, sizeof(struct nfgenmsg), attrs, NFTA_SET_ELEM_LIST_MAX);
	walk = netlink_walk_nest(attrs[NFTA_SET_ELEM_LIST_ELEMENTS]);
	while ((a = netlink_next(&walk)) != NULL) {
		struct nft_counted c;

		if (nft_parse_counted(a, l->set, &c) && list_add(l, &c) < 0)
			return -1;
	}
	return 0;
}

static void
on_restart(void *ctx)
{
	((struct counted_list *)ctx)->n = 0;
}

static int
compare_keys(const void *a, const void *b)
{
	return memcmp(((const struct nft_counted *)a)->key, ((const struct nft_counted *)b)->key,
		RULESET_KEY_MAX);
}

static int
read_list(struct nft *n, struct counted_list *l, struct err *e)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_error error;
	struct netlink_dump dump = {.on_each = on_elements, .on_restart = on_restart, .ctx = l};
	const struct ruleset_set_info *info = ruleset_set_info(l->set);
	struct nlmsghdr *h = nft_begin_read_of(n, info->family, request, NFT_MSG_GETSETELEM);

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, RULESET_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, info->name);
	if (netlink_dump(&n->commands, h, &dump, &error) < 0)
		return netlink_err(e, &error, "reading table " RULESET_TABLE);
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare_keys);
	return 0;
}

int
nft_count_set(
	struct nft *n, enum ruleset_set set, struct nft_counted **ret, size_t *ret_n, struct err *e)
{
	struct counted_list l = {.set = set};

	if (read_list(n, &l, e) < 0) {
		free(l.v);
		return -1;
	}
	*ret = l.v;
	*ret_n = l.n;
	return 0;
}

static const struct nft_counted *
find(const struct counted_list *l, const uint8_t *key)
{
	struct nft_counted wanted = {0};

	if (!l->n)
		return NULL;
	memcpy(wanted.key, key, sizeof(wanted.key));
	return bsearch(&wanted, l->v, l->n, sizeof(*l->v), compare_keys);
}

struct counts {
	struct nft_count *v;
	size_t n, cap;
};

/* Elements of one directive mostly follow each other; the others are joined in the end. */
static struct nft_count *
count_of(struct counts *c, uint32_t ordinal)
{
	if (c->n && c->v[c->n - 1].ordinal == ordinal)
		return &c->v[c->n - 1];
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 64;
		struct nft_count *v = realloc(c->v, cap * sizeof(*v));

		if (!v)
			return NULL;
		c->v = v;
		c->cap = cap;
	}
	c->v[c->n] = (struct nft_count){.ordinal = ordinal};
	return &c->v[c->n++];
}

static int
add_up(struct counts *c, const struct ruleset_elems *s, const struct counted_list *map,
	const struct counted_list *targets)
{
	for (size_t i = 0; i < s->n; i++) {
		uint8_t key[RULESET_KEY_MAX];
		struct nft_count *count = count_of(c, s->v[i].ordinal);
		const struct nft_counted *hits = find(map, s->v[i].key), *carried;

		if (!count)
			return -1;
		nft_tally_key(map->set, &s->v[i], key);
		carried = find(targets, key);
		count->hits += hits ? hits->packets : 0;
		count->packets += carried ? carried->packets : 0;
		count->bytes += carried ? carried->bytes : 0;
	}
	return 0;
}

static int
count_map(struct nft *n, const struct ruleset *r, enum ruleset_set set, struct counts *c,
	struct err *e)
{
	struct counted_list map = {.set = set};
	struct counted_list targets = {.set = nft_tally_set(set)};
	int rc = 0;

	if (r->sets[set].n == 0)
		return 0;
	if (read_list(n, &map, e) < 0 || read_list(n, &targets, e) < 0)
		rc = -1;
	else if (add_up(c, &r->sets[set], &map, &targets) < 0)
		rc = err_set(e, "out of memory");
	free(map.v);
	free(targets.v);
	return rc;
}

static int
compare_ordinals(const void *a, const void *b)
{
	const struct nft_count *x = a, *y = b;

	return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

static void
join_ordinals(struct counts *c)
{
	size_t n = 0;

	if (c->n)
		qsort(c->v, c->n, sizeof(*c->v), compare_ordinals);
	for (size_t i = 0; i < c->n; i++) {
		if (n == 0 || c->v[n - 1].ordinal != c->v[i].ordinal) {
			c->v[n++] = c->v[i];
			continue;
		}
		c->v[n - 1].hits += c->v[i].hits;
		c->v[n - 1].packets += c->v[i].packets;
		c->v[n - 1].bytes += c->v[i].bytes;
	}
	c->n = n;
}

int
nft_count_forwards(struct nft *n, const struct ruleset *r, struct nft_count **ret, size_t *ret_n,
	struct err *e)
{
	struct counts c = {0};

	for (size_t i = 0; i < NFT_TALLY_MAPS; i++) {
		if (count_map(n, r, nft_tally_maps[i], &c, e) < 0) {
			free(c.v);
			return -1;
		}
	}
	join_ordinals(&c);
	*ret = c.v;
	*ret_n = c.n;
	return 0;
}
