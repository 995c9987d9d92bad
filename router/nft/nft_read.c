/*
 * What the kernel holds of the table: its elements, how many rules, and whether chains and sets
 * are the ones that we make. Only reads; nothing here is kept.
 */
#include "router/nft/nft.h"

#include "router/nft/nft_batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <time.h>

#define NFT_REREADS_MAX 4
#define NFT_REREAD_NS 10000000L /* before the first; each further pause is twice as long */
#define PARTS (RULESET_CHAIN_COUNT + RULESET_SET_COUNT)

struct reading {
	enum ruleset_set set;
	struct ruleset *ruleset;
	size_t rules;
};

/* The value of a key or data attribute; false when it is absent or has another size. */
static bool
element_value(const struct nlattr *a, uint8_t *ret, size_t size)
{
	const struct nlattr *attrs[NFTA_DATA_MAX + 1];

	netlink_nested(a, attrs, NFTA_DATA_MAX);
	return attrs[NFTA_DATA_VALUE] && mnl_attr_get_payload_len(attrs[NFTA_DATA_VALUE]) == size &&
	       netlink_bytes(attrs[NFTA_DATA_VALUE], ret, size);
}

static int
parse_element(const struct nlattr *nest, enum ruleset_set set, struct ruleset *r)
{
	const struct ruleset_set_info *info = ruleset_set_info(set);
	const struct nlattr *attrs[NFTA_SET_ELEM_MAX + 1];
	struct ruleset_elem elem = {0};
	uint32_t flags = 0;

	netlink_nested(nest, attrs, NFTA_SET_ELEM_MAX);
	if (!element_value(attrs[NFTA_SET_ELEM_KEY], elem.key, info->key_size))
		return 0;
	(void)netlink_u32(attrs[NFTA_SET_ELEM_FLAGS], &flags);
	if (info->interval && info->key[1] == RULESET_PART_NONE)
		elem.data[0] = ntohl(flags) & NFT_SET_ELEM_INTERVAL_END ? 0 : 1;
	else if (info->interval &&
		 !element_value(attrs[NFTA_SET_ELEM_KEY_END], elem.end, info->key_size))
		memcpy(elem.end, elem.key, sizeof(elem.end));
	if (info->data_size &&
		!element_value(attrs[NFTA_SET_ELEM_DATA], elem.data, info->data_size))
		return 0;
	return ruleset_add(r, set, &elem, NULL);
}

int
nft_parse_elements(const struct nlmsghdr *h, enum ruleset_set set, struct ruleset *r)
{
	const struct nlattr *attrs[NFTA_SET_ELEM_LIST_MAX + 1], *a;
	struct netlink_walk walk;

	netlink_attrs(h, sizeof(struct nfgenmsg), attrs, NFTA_SET_ELEM_LIST_MAX);
	walk = netlink_walk_nest(attrs[NFTA_SET_ELEM_LIST_ELEMENTS]);
	while ((a = netlink_next(&walk)) != NULL)
		if (parse_element(a, set, r) < 0)
			return -1;
	return 0;
}

/* The key before this one. */
static void
key_before(const uint8_t *key, size_t size, uint8_t *ret)
{
	bool borrow = true;

	for (size_t i = size; i-- > 0;) {
		ret[i] = (uint8_t)(key[i] - (borrow ? 1 : 0));
		borrow = borrow && key[i] == 0;
	}
}

void
nft_join_intervals(struct ruleset *r, enum ruleset_set set)
{
	struct ruleset_elems *s = &r->sets[set];
	size_t size = ruleset_set_info(set)->key_size, n = 0;

	ruleset_sort(r); /* an end sorts before a start of the same key */
	for (size_t i = 0; i < s->n; i++) {
		struct ruleset_elem elem = s->v[i];

		if (elem.data[0] == 0)
			continue;
		elem.data[0] = 0;
		if (i + 1 < s->n && s->v[i + 1].data[0] == 0)
			key_before(s->v[i + 1].key, size, elem.end);
		else
			memset(elem.end, 0xff, size);
		s->v[n++] = elem;
	}
	s->n = n;
}

static int
on_elements(const struct nlmsghdr *h, void *ctx)
{
	struct reading *reading = ctx;

	return nft_parse_elements(h, reading->set, reading->ruleset);
}

static void
on_elements_restart(void *ctx)
{
	struct reading *reading = ctx;

	reading->ruleset->sets[reading->set].n = 0;
}

static int
on_rule(const struct nlmsghdr *h, void *ctx)
{
	struct reading *reading = ctx;

	if (NFNL_MSG_TYPE(h->nlmsg_type) == NFT_MSG_NEWRULE)
		reading->rules++;
	return 0;
}

static void
on_rule_restart(void *ctx)
{
	((struct reading *)ctx)->rules = 0;
}

struct nlmsghdr *
nft_begin_read(struct nft *n, void *buf, uint16_t type)
{
	return nft_begin_read_of(n, RULESET_FAMILY_INET, buf, type);
}

struct nlmsghdr *
nft_begin_read_of(struct nft *n, enum ruleset_family family, void *buf, uint16_t type)
{
	struct nlmsghdr *h =
		netlink_begin(&n->commands, buf, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), 0);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));

	*g = (struct nfgenmsg){.nfgen_family = nft_family_number(family), .version = NFNETLINK_V0};
	return h;
}

static int
read_set(struct nft *n, struct reading *reading, struct netlink_error *ret)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_dump dump = {
		.on_each = on_elements, .on_restart = on_elements_restart, .ctx = reading};
	const struct ruleset_set_info *info = ruleset_set_info(reading->set);
	struct nlmsghdr *h = nft_begin_read_of(n, info->family, request, NFT_MSG_GETSETELEM);

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, RULESET_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, info->name);
	return netlink_dump(&n->commands, h, &dump, ret);
}

static int
read_rules_of(struct nft *n, enum ruleset_family family, struct reading *reading,
	struct netlink_error *ret)
{
	char request[NETLINK_REQUEST_MAX];
	struct netlink_dump dump = {
		.on_each = on_rule, .on_restart = on_rule_restart, .ctx = reading};
	struct nlmsghdr *h = nft_begin_read_of(n, family, request, NFT_MSG_GETRULE);

	mnl_attr_put_strz(h, NFTA_RULE_TABLE, RULESET_TABLE);
	return netlink_dump(&n->commands, h, &dump, ret);
}

/* What is not there has none. */
static int
read_rules(struct nft *n, struct reading *reading, struct netlink_error *ret)
{
	struct reading bridge = {0};

	if (read_rules_of(n, RULESET_FAMILY_INET, reading, ret) < 0)
		return -1;
	if (read_rules_of(n, RULESET_FAMILY_BRIDGE, &bridge, ret) == 0)
		reading->rules += bridge.rules;
	return 0;
}

/* An element that a dump said twice (see nft_holds) is in the kernel once. */
static void
drop_doubles(struct ruleset_elems *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (n == 0 || memcmp(s->v[i].key, s->v[n - 1].key, sizeof(s->v[i].key)) != 0 ||
			memcmp(s->v[i].end, s->v[n - 1].end, sizeof(s->v[i].end)) != 0)
			s->v[n++] = s->v[i];
	s->n = n;
}

/* The elements of one set. Some sets are not always there. */
static int
read_elements(struct nft *n, struct reading *reading, struct netlink_error *ret)
{
	const struct ruleset_set_info *info = ruleset_set_info(reading->set);

	if (!ruleset_set_has_value(reading->set))
		return 0;
	if (read_set(n, reading, ret) < 0)
		return info->family == RULESET_FAMILY_BRIDGE ||
				       (ret->errnum == ENOENT && ruleset_set_optional(reading->set))
			       ? 0
			       : -1;
	if (info->interval && info->key[1] == RULESET_PART_NONE)
		nft_join_intervals(reading->ruleset, reading->set);
	return 0;
}

static int
read_sets(struct nft *n, bool blocks, struct ruleset *ret, struct err *e)
{
	struct ruleset r = {0};
	struct reading reading = {.ruleset = &r};
	struct netlink_error error;

	for (size_t i = 0; i < RULESET_SET_COUNT; i++) {
		reading.set = (enum ruleset_set)i;
		if (!blocks && (i == RULESET_BLOCK4 || i == RULESET_BLOCK6))
			continue;
		if (read_elements(n, &reading, &error) < 0) {
			ruleset_clear(&r);
			return netlink_err(e, &error, "reading table inet " RULESET_TABLE);
		}
	}
	ruleset_sort(&r);
	for (size_t i = 0; i < RULESET_SET_COUNT; i++)
		drop_doubles(&r.sets[i]);
	*ret = r;
	return 0;
}

int
nft_read(struct nft *n, struct ruleset *ret, size_t *ret_rules, struct err *e)
{
	struct reading reading = {0};
	struct netlink_error error;

	if (read_rules(n, &reading, &error) < 0)
		return netlink_err(e, &error, "reading table inet " RULESET_TABLE);
	*ret_rules = reading.rules;
	return read_sets(n, true, ret, e);
}

int
nft_read_but_blocks(struct nft *n, struct ruleset *ret, struct err *e)
{
	return read_sets(n, false, ret, e);
}

/* 1 when the kernel holds it, 0 when not, -1 when it could not be read. */
static int
holds_now(struct nft *n, const struct ruleset *r, bool blocks)
{
	struct ruleset found, wanted = *r; /* its arrays are r's */
	struct reading reading = {0};
	struct netlink_error error;
	bool equal;

	if (read_rules(n, &reading, &error) < 0)
		return -1;
	if (reading.rules != ruleset_count_rules(r))
		return 0;
	if (read_sets(n, blocks, &found, NULL) < 0)
		return -1;
	if (!blocks)
		wanted.sets[RULESET_BLOCK4] = wanted.sets[RULESET_BLOCK6] =
			(struct ruleset_elems){0};
	found.rules = r->rules;
	found.limits = r->limits;
	equal = ruleset_equal(&found, &wanted);
	ruleset_clear(&found);
	return equal;
}

/*
 * A set's hash table grows in the background after a batch, and a dump that meets it (one message
 * after the other, each counting from the start) skips elements or says them twice, without
 * NLM_F_DUMP_INTR, since the generation is the same. So only what is found wrong several times
 * is wrong.
 */
static bool
holds(struct nft *n, const struct ruleset *r, bool blocks)
{
	for (unsigned i = 0;; i++) {
		struct timespec pause = {.tv_nsec = NFT_REREAD_NS << i};
		int held = holds_now(n, r, blocks);

		if (held != 0 || i == NFT_REREADS_MAX)
			return held > 0;
		(void)nanosleep(&pause, NULL);
	}
}

bool
nft_holds_but_blocks(struct nft *n, const struct ruleset *r)
{
	return holds(n, r, false);
}

/* The larger part is not read when the smaller one differs. */
bool
nft_holds(struct nft *n, const struct ruleset *r)
{
	return holds(n, r, false) && holds(n, r, true);
}

/* The table's chains and sets as we make them, and what of them was found. */
struct frame {
	uint32_t flags, port; /* as we make it, and whose it may be */
	bool owned_by_other;
	struct nft_part parts[PARTS];
	size_t n, found;
	bool there; /* there is a table of this name */
	bool table; /* and it is active and has no more than these */
};

/* A number in network byte order; what is not told is 0. */
static uint32_t
number(const struct nlattr *a)
{
	uint32_t value = 0;

	(void)netlink_u32(a, &value);
	return ntohl(value);
}

static void
parse_chain(const struct nlattr *const *attrs, struct nft_part *p)
{
	const struct nlattr *hook[NFTA_HOOK_MAX + 1];

	(void)netlink_name(attrs[NFTA_CHAIN_TYPE], p->type, sizeof(p->type));
	netlink_nested(attrs[NFTA_CHAIN_HOOK], hook, NFTA_HOOK_MAX);
	p->numbers[0] = number(hook[NFTA_HOOK_HOOKNUM]);
	p->numbers[1] = number(hook[NFTA_HOOK_PRIORITY]);
	p->numbers[2] = number(attrs[NFTA_CHAIN_POLICY]);
}

static void
parse_set(const struct nlattr *const *attrs, struct nft_part *p)
{
	static const unsigned types[NFT_PART_NUMBERS] = {NFTA_SET_FLAGS, NFTA_SET_KEY_TYPE,
		NFTA_SET_KEY_LEN, NFTA_SET_DATA_TYPE, NFTA_SET_DATA_LEN};

	for (size_t i = 0; i < NFT_PART_NUMBERS; i++)
		p->numbers[i] = number(attrs[types[i]]);
}

bool
nft_parse_part(const struct nlmsghdr *h, struct nft_part *ret)
{
	/* Wide enough for both kinds of object; their tables' names have the same number. */
	const struct nlattr *attrs[NFTA_SET_MAX + NFTA_CHAIN_MAX + 1];
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(h);
	struct nft_part p = {.kind = NFNL_MSG_TYPE(h->nlmsg_type)};
	bool chain = p.kind == NFT_MSG_NEWCHAIN;
	char table[NFT_NAME_MAXLEN];

	if ((!chain && p.kind != NFT_MSG_NEWSET) || mnl_nlmsg_get_payload_len(h) < sizeof(*g))
		return false;
	p.family = g->nfgen_family;
	netlink_attrs(h, sizeof(struct nfgenmsg), attrs, NFTA_SET_MAX + NFTA_CHAIN_MAX);
	if (!netlink_name(attrs[NFTA_CHAIN_TABLE], table, sizeof(table)) ||
		strcmp(table, RULESET_TABLE) != 0 ||
		!netlink_name(
			attrs[chain ? NFTA_CHAIN_NAME : NFTA_SET_NAME], p.name, sizeof(p.name)))
		return false;
	if (chain)
		parse_chain(attrs, &p);
	else
		parse_set(attrs, &p);
	*ret = p;
	return true;
}

/* From the messages that make them, so that nothing is said twice. */
static int
frame_init(struct frame *f, const struct ruleset *r, enum ruleset_family family)
{
	struct netlink_walk w;
	const struct nlmsghdr *h;
	struct nft_batch b;
	bool failed;

	*f = (struct frame){0};
	nft_batch_init(&b, 1);
	nft_batch_chains(&b, r, family);
	nft_batch_sets(&b, r, family);
	w = (struct netlink_walk){.at = buf_slice(&b.bytes).p, .left = buf_slice(&b.bytes).n};
	while (f->n < PARTS && (h = netlink_next_message(&w)) != NULL)
		f->n += nft_parse_part(h, &f->parts[f->n]);
	failed = b.failed;
	nft_batch_clear(&b);
	return failed ? -1 : 0;
}

static int
on_table(const struct nlmsghdr *h, void *ctx)
{
	const struct nlattr *attrs[NFTA_TABLE_MAX + 1];
	struct frame *f = ctx;
	char name[NFT_NAME_MAXLEN];
	uint32_t flags, owner;

	netlink_attrs(h, sizeof(struct nfgenmsg), attrs, NFTA_TABLE_MAX);
	if (!netlink_name(attrs[NFTA_TABLE_NAME], name, sizeof(name)) ||
		strcmp(name, RULESET_TABLE) != 0)
		return 0;
	f->there = true;
	flags = number(attrs[NFTA_TABLE_FLAGS]);
	owner = number(attrs[NFTA_TABLE_OWNER]);
	f->owned_by_other = flags & NFT_TABLE_F_OWNER && owner != f->port;
	/* One that outlived its owner has it no more. */
	flags |= f->flags & NFT_TABLE_F_OWNER;
	f->table = flags == f->flags && !f->owned_by_other && number(attrs[NFTA_TABLE_USE]) == f->n;
	return 0;
}

static int
on_part(const struct nlmsghdr *h, void *ctx)
{
	struct frame *f = ctx;
	struct nft_part part;

	if (!nft_parse_part(h, &part))
		return 0;
	for (size_t i = 0; i < f->n; i++)
		if (memcmp(&part, &f->parts[i], sizeof(part)) == 0)
			f->found++;
	return 0;
}

static void
on_frame_restart(void *ctx)
{
	((struct frame *)ctx)->found = 0;
}

bool
nft_frame_stands(
	struct nft *n, const struct ruleset *r, enum ruleset_family family, bool *ret_there)
{
	static const uint16_t kinds[] = {NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETSET};
	struct frame f;
	size_t found = 0;

	if (frame_init(&f, r, family) < 0)
		return false;
	f.flags = n->table_flags;
	f.port = n->commands.port;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char request[NETLINK_REQUEST_MAX];
		struct netlink_error error;
		struct netlink_dump dump = {
			.on_each = kinds[i] == NFT_MSG_GETTABLE ? on_table : on_part,
			.on_restart = on_frame_restart,
			.ctx = &f};

		f.found = 0;
		if (netlink_dump(&n->commands, nft_begin_read_of(n, family, request, kinds[i]),
			    &dump, &error) < 0)
			return false;
		*ret_there = f.there;
		found += f.found;
	}
	return f.table && found == f.n;
}

bool
nft_owned_by_other(struct nft *n, enum ruleset_family family)
{
	char request[NETLINK_REQUEST_MAX];
	struct frame f = {.port = n->commands.port};
	struct netlink_dump dump = {.on_each = on_table, .ctx = &f};
	struct netlink_error error;

	return netlink_dump(&n->commands, nft_begin_read_of(n, family, request, NFT_MSG_GETTABLE),
		       &dump, &error) == 0 &&
	       f.owned_by_other;
}
