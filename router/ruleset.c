/*
 * Values of the table: elements in sorted arrays, a set of rules as bits. Owns only its arrays;
 * never speaks to the kernel.
 */
#include "router/ruleset.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PART(part) RULESET_PART_##part
#define KEY_PARTS4(a, b, c, d, ...)                                                                \
	{                                                                                          \
		PART(a), PART(b), PART(c), PART(d)                                                 \
	}
#define KEY_PARTS(...) KEY_PARTS4(__VA_ARGS__, NONE, NONE)
#define DATA_PARTS(a, b)                                                                           \
	{                                                                                          \
		PART(a), PART(b)                                                                   \
	}
#define SIZE(part)                                                                                 \
	(PART(part) == RULESET_PART_NONE ? 0                                                       \
		: PART(part) == RULESET_PART_IFNAME || PART(part) == RULESET_PART_IPV6 ||          \
				PART(part) == RULESET_PART_TARGET                                  \
			? 16                                                                       \
		: PART(part) == RULESET_PART_ETHER ? 8                                             \
						   : 4)
/* A key of one part alone is not padded. */
#define KEY_SIZE4(a, b, c, d, ...)                                                                 \
	(PART(a) == RULESET_PART_ETHER && PART(b) == RULESET_PART_NONE                             \
			? RULESET_MAC_SIZE                                                         \
			: SIZE(a) + SIZE(b) + SIZE(c) + SIZE(d))
#define KEY_SIZE(...) KEY_SIZE4(__VA_ARGS__, NONE, NONE)
#define DATA_SIZE(a, b) (SIZE(a) + SIZE(b))

static const struct ruleset_set_info set_infos[RULESET_SET_COUNT] = {
#define SET_ROW(id, set_name, key_parts, data_parts, set_kind)                                     \
	[RULESET_##id] = {.name = (set_name),                                                      \
		.key = KEY_PARTS key_parts,                                                        \
		.data = DATA_PARTS data_parts,                                                     \
		.kind = RULESET_KIND_##set_kind,                                                   \
		.family = RULESET_##id >= RULESET_PORTS && RULESET_##id < RULESET_LIMIT0_4         \
				  ? RULESET_FAMILY_BRIDGE                                          \
				  : RULESET_FAMILY_INET,                                           \
		.interval = RULESET_KIND_##set_kind == RULESET_KIND_INTERVAL,                      \
		.key_size = KEY_SIZE key_parts,                                                    \
		.data_size = DATA_SIZE data_parts},
	RULESET_SET_TABLE(SET_ROW)
#undef SET_ROW
};

static const char *const chain_names[RULESET_CHAIN_COUNT] = {
#define CHAIN_ROW(id, name, hook, type, priority) [RULESET_CHAIN_##id] = (name),
	RULESET_CHAIN_TABLE(CHAIN_ROW)
#undef CHAIN_ROW
};

static const enum ruleset_chain rule_chains[RULESET_RULE_LIMITS] = {
#define RULE_ROW(id, chain, text) [RULESET_RULE_##id] = RULESET_CHAIN_##chain,
	RULESET_RULE_TABLE(RULE_ROW)
#undef RULE_ROW
};

/* Of one limit. */
#define LIMIT_SETS 3

_Static_assert(RULESET_GUARDED == RULESET_BAN6 + 1, "sets that are optional stand last");

static size_t
limit_slot(enum ruleset_rule rule)
{
	return (size_t)(rule - RULESET_RULE_LIMITS) / 2;
}

const struct ruleset_set_info *
ruleset_set_info(enum ruleset_set set)
{
	return &set_infos[set];
}

const char *
ruleset_chain_name(enum ruleset_chain chain)
{
	return chain_names[chain];
}

enum ruleset_chain
ruleset_rule_chain(enum ruleset_rule rule)
{
	if (rule < RULESET_RULE_LIMITS)
		return rule_chains[rule];
	return limit_slot(rule) < RULESET_LIMITS_MAX - RULESET_LIMITS_SYN ? RULESET_CHAIN_LIMITS
									  : RULESET_CHAIN_EARLY;
}

bool
ruleset_has_rule(const struct ruleset *r, enum ruleset_rule rule)
{
	if (rule < RULESET_RULE_LIMITS)
		return (r->rules >> rule & 1) != 0;
	return r->limits.v[limit_slot(rule)].kind != RULESET_LIMIT_NONE;
}

enum ruleset_family
ruleset_chain_family(enum ruleset_chain chain)
{
	return chain < RULESET_CHAIN_DROP_SPOOFED ? RULESET_FAMILY_INET : RULESET_FAMILY_BRIDGE;
}

const char *
ruleset_family_name(enum ruleset_family family)
{
	return family == RULESET_FAMILY_BRIDGE ? "bridge" : "inet";
}

bool
ruleset_has_family(const struct ruleset *r, enum ruleset_family family)
{
	return family == RULESET_FAMILY_INET || r->rules >> RULESET_RULE_SPOOFED_DROP != 0;
}

size_t
ruleset_count_rules(const struct ruleset *r)
{
	size_t n = 0;

	for (size_t i = 0; i < RULESET_RULE_COUNT; i++)
		n += ruleset_has_rule(r, (enum ruleset_rule)i);
	return n;
}

bool
ruleset_set_slot(enum ruleset_set set, size_t *ret_slot)
{
	if (set < RULESET_LIMIT0_4)
		return false;
	*ret_slot = (size_t)(set - RULESET_LIMIT0_4) / LIMIT_SETS;
	return true;
}

enum ruleset_set
ruleset_limit_set(size_t slot, bool v6)
{
	return (enum ruleset_set)(RULESET_LIMIT0_4 + LIMIT_SETS * slot + v6);
}

enum ruleset_set
ruleset_limit_ports(size_t slot)
{
	return (enum ruleset_set)(RULESET_LIMIT0_PORTS + LIMIT_SETS * slot);
}

bool
ruleset_set_has_value(enum ruleset_set set)
{
	switch (set_infos[set].kind) {
	case RULESET_KIND_PLAIN:
	case RULESET_KIND_COUNTED:
	case RULESET_KIND_INTERVAL:
		return true;
	case RULESET_KIND_TIMEOUT:
	case RULESET_KIND_DYNAMIC:
	case RULESET_KIND_TALLIED:
		break;
	}
	return false;
}

bool
ruleset_set_optional(enum ruleset_set set)
{
	return set >= RULESET_GUARDED;
}

bool
ruleset_has_set(const struct ruleset *r, enum ruleset_set set)
{
	size_t slot;

	if (ruleset_set_slot(set, &slot))
		return r->limits.v[slot].kind != RULESET_LIMIT_NONE;
	if (set_infos[set].family == RULESET_FAMILY_BRIDGE)
		return ruleset_has_family(r, RULESET_FAMILY_BRIDGE);
	if (set >= RULESET_EGRESS)
		return ruleset_has_rule(r, RULESET_RULE_LEAVE_DROP);
	return !ruleset_set_optional(set) || ruleset_has_rule(r, RULESET_RULE_IN_DROP);
}

bool
ruleset_limits_equal(const struct ruleset_limits *a, const struct ruleset_limits *b)
{
	for (size_t i = 0; i < RULESET_LIMITS_MAX; i++) {
		const struct ruleset_limit *x = &a->v[i], *y = &b->v[i];

		if (x->kind != y->kind || x->count != y->count || x->period_s != y->period_s ||
			x->burst != y->burst || x->timeout_s != y->timeout_s ||
			x->ports != y->ports)
			return false;
	}
	return true;
}

bool
ruleset_has_chain(const struct ruleset *r, enum ruleset_chain chain)
{
	for (size_t i = 0; i < RULESET_RULE_COUNT; i++)
		if (ruleset_has_rule(r, (enum ruleset_rule)i) &&
			ruleset_rule_chain((enum ruleset_rule)i) == chain)
			return true;
	return false;
}

bool
ruleset_same_frame(const struct ruleset *a, const struct ruleset *b)
{
	/* The flags of a limit's sets go by its kind. */
	for (size_t i = 0; i < RULESET_LIMITS_MAX; i++)
		if (a->limits.v[i].kind != b->limits.v[i].kind)
			return false;
	for (size_t i = 0; i < RULESET_CHAIN_COUNT; i++)
		if (ruleset_has_chain(a, (enum ruleset_chain)i) !=
			ruleset_has_chain(b, (enum ruleset_chain)i))
			return false;
	return true;
}

size_t
ruleset_part_size(enum ruleset_part part)
{
	switch (part) {
	case RULESET_PART_NONE:
		return 0;
	case RULESET_PART_IFNAME:
	case RULESET_PART_IPV6:
	case RULESET_PART_TARGET:
		return 16;
	case RULESET_PART_ETHER:
		return 8;
	case RULESET_PART_IPV4:
	case RULESET_PART_PROTO:
	case RULESET_PART_PORT:
		return 4;
	}
	return 0;
}

#define ELEM_VALUE_SIZE (offsetof(struct ruleset_elem, data) + RULESET_DATA_MAX)

_Static_assert(ELEM_VALUE_SIZE == 2 * RULESET_KEY_MAX + RULESET_DATA_MAX,
	"an element begins with its value, without holes");

/* The order of elements: by first key, then last key, then data, which lie in this order. */
static int
elem_cmp_value(const struct ruleset_elem *a, const struct ruleset_elem *b)
{
	return memcmp(a, b, ELEM_VALUE_SIZE);
}

static int
elem_cmp(const void *a, const void *b)
{
	return elem_cmp_value(a, b);
}

/* Merges v's first elements, sorted, with few sorted ones behind them. False: no memory. */
static bool
merge_few(struct ruleset_elem *v, size_t n_first, size_t n_few)
{
	struct ruleset_elem *few = malloc(n_few * sizeof(*few));

	if (!few)
		return false;
	memcpy(few, &v[n_first], n_few * sizeof(*few));
	for (size_t at = n_first + n_few; n_few > 0;) {
		bool from_few =
			n_first == 0 || elem_cmp_value(&v[n_first - 1], &few[n_few - 1]) <= 0;

		v[--at] = from_few ? few[--n_few] : v[--n_first];
	}
	free(few);
	return true;
}

/* Lists often come in order, or with a few elements behind that are not. */
static void
elems_sort(struct ruleset_elems *s)
{
	size_t sorted = 1, rest;

	while (sorted < s->n && elem_cmp_value(&s->v[sorted - 1], &s->v[sorted]) <= 0)
		sorted++;
	if (sorted >= s->n)
		return;
	rest = s->n - sorted;
	if (rest < sorted) {
		qsort(&s->v[sorted], rest, sizeof(*s->v), elem_cmp);
		if (merge_few(s->v, sorted, rest))
			return;
	}
	qsort(s->v, s->n, sizeof(*s->v), elem_cmp);
}

void
ruleset_clear(struct ruleset *r)
{
	for (size_t i = 0; i < RULESET_SET_COUNT; i++) {
		if (r->sets[i].shared)
			ruleset_shared_unref(&r->sets[i].shared);
		else
			free(r->sets[i].v);
	}
	*r = (struct ruleset){0};
}

struct ruleset_shared *
ruleset_shared_new(struct ruleset *r, enum ruleset_set set)
{
	struct ruleset_shared *s = malloc(sizeof(*s));
	struct ruleset_elems *from = &r->sets[set];
	struct ruleset_elem *v;

	if (!s)
		return NULL;
	assert(!from->shared);
	elems_sort(from);
	/* What is kept for long has no room to grow. */
	v = from->n ? realloc(from->v, from->n * sizeof(*v)) : NULL;
	*s = (struct ruleset_shared){.refs = 1, .elems = {.v = v ? v : from->v, .n = from->n}};
	*from = (struct ruleset_elems){0};
	return s;
}

void
ruleset_shared_unref(struct ruleset_shared **s)
{
	if (*s && --(*s)->refs == 0) {
		free((*s)->elems.v);
		free(*s);
	}
	*s = NULL;
}

void
ruleset_share(struct ruleset *r, enum ruleset_set set, struct ruleset_shared *s)
{
	if (!s)
		return;
	assert(r->sets[set].n == 0);
	s->refs++;
	r->sets[set] = (struct ruleset_elems){.v = s->elems.v, .n = s->elems.n, .shared = s};
}

int
ruleset_add(struct ruleset *r, enum ruleset_set set, const struct ruleset_elem *elem, struct err *e)
{
	struct ruleset_elems *s = &r->sets[set];

	assert(!s->shared);
	if (s->n == RULESET_ELEMENTS_MAX)
		return err_ordinal(e, elem->ordinal, "more than %d elements in set %s",
			RULESET_ELEMENTS_MAX, set_infos[set].name);
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 8;
		struct ruleset_elem *v = realloc(s->v, cap * sizeof(*v));

		if (!v)
			return err_set(e, "out of memory");
		s->v = v;
		s->cap = cap;
	}
	s->v[s->n] = *elem;
	if (!set_infos[set].interval)
		memcpy(s->v[s->n].end, elem->key, sizeof(elem->key));
	s->n++;
	return 0;
}

int
ruleset_add_network(struct ruleset *r, enum ruleset_set set, const struct prefix *p,
	uint32_t ordinal, struct err *e)
{
	struct ruleset_elem elem = {.ordinal = ordinal};
	struct prefix network = prefix_network(p);
	struct addr last = prefix_last(p);

	if (!p->addr.family)
		return 0;
	ruleset_put_addr(elem.key, 0, &network.addr);
	ruleset_put_addr(elem.end, 0, &last);
	return ruleset_add(r, set, &elem, e);
}

void
ruleset_sort(struct ruleset *r)
{
	for (size_t i = 0; i < RULESET_SET_COUNT; i++)
		if (!r->sets[i].shared)
			elems_sort(&r->sets[i]);
}

void
ruleset_unite(struct ruleset *r, enum ruleset_set set)
{
	struct ruleset_elems *s = &r->sets[set];
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		if (n == 0 || memcmp(s->v[n - 1].key, s->v[i].key, sizeof(s->v[i].key)) != 0)
			s->v[n++] = s->v[i];
	s->n = n;
}

size_t
ruleset_count(const struct ruleset *r)
{
	size_t n = 0;

	for (size_t i = 0; i < RULESET_SET_COUNT; i++)
		n += r->sets[i].n;
	return n;
}

bool
ruleset_equal(const struct ruleset *a, const struct ruleset *b)
{
	if (a->rules != b->rules || !ruleset_limits_equal(&a->limits, &b->limits))
		return false;
	for (size_t i = 0; i < RULESET_SET_COUNT; i++) {
		const struct ruleset_elems *x = &a->sets[i], *y = &b->sets[i];

		if (x->n != y->n)
			return false;
		if (x->v == y->v)
			continue;
		for (size_t k = 0; k < x->n; k++)
			if (elem_cmp_value(&x->v[k], &y->v[k]) != 0)
				return false;
	}
	return true;
}

/* Walks two sorted lists at once: what only `from` has is deleted, what only `to` has added. */
static int
diff_set(const struct ruleset *from, const struct ruleset *to, enum ruleset_set set,
	struct ruleset_diff *d, struct err *e)
{
	const struct ruleset_elems *a = &from->sets[set], *b = &to->sets[set];
	size_t i = 0, k = 0;

	if (a->v == b->v && a->n == b->n)
		return 0;
	/* A hundred thousand blocks, all new or all gone, are not copied. */
	if (a->n == 0 && b->shared) {
		ruleset_share(&d->add, set, b->shared);
		return 0;
	}
	if (b->n == 0 && a->shared) {
		ruleset_share(&d->del, set, a->shared);
		return 0;
	}
	while (i < a->n || k < b->n) {
		int c = i == a->n ? 1 : k == b->n ? -1 : elem_cmp_value(&a->v[i], &b->v[k]);

		if (c < 0 && ruleset_add(&d->del, set, &a->v[i], e) < 0)
			return -1;
		if (c > 0 && ruleset_add(&d->add, set, &b->v[k], e) < 0)
			return -1;
		if (c <= 0)
			i++;
		if (c >= 0)
			k++;
	}
	return 0;
}

int
ruleset_diff(const struct ruleset *from, const struct ruleset *to, struct ruleset_diff *ret,
	struct err *e)
{
	struct ruleset_diff d = {.rules = to->rules, .limits = to->limits};

	d.limits_differ = !ruleset_limits_equal(&from->limits, &to->limits);
	d.rules_differ = from->rules != to->rules || d.limits_differ;
	for (size_t i = 0; i < RULESET_SET_COUNT; i++) {
		if (diff_set(from, to, (enum ruleset_set)i, &d, e) < 0) {
			ruleset_diff_clear(&d);
			return -1;
		}
	}
	*ret = d;
	return 0;
}

static int
part_late(const struct ruleset_diff *d, enum ruleset_set set, struct ruleset *first,
	struct ruleset *late, struct err *e)
{
	const struct ruleset_elems *del = &d->del.sets[set], *add = &d->add.sets[set];
	size_t k = 0;

	for (size_t i = 0; i < del->n; i++) {
		const struct ruleset_elem *elem = &del->v[i];
		bool back;

		while (k < add->n && memcmp(add->v[k].key, elem->key, sizeof(elem->key)) < 0)
			k++;
		back = k < add->n && memcmp(add->v[k].key, elem->key, sizeof(elem->key)) == 0;
		if (ruleset_add(back || set_infos[set].interval ? first : late, set, elem, e) < 0)
			return -1;
	}
	return 0;
}

int
ruleset_diff_late(const struct ruleset_diff *d, struct ruleset *ret_first, struct ruleset *ret_late,
	struct err *e)
{
	struct ruleset first = {0}, late = {0};

	for (size_t i = 0; i < RULESET_SET_COUNT; i++) {
		if (part_late(d, (enum ruleset_set)i, &first, &late, e) < 0) {
			ruleset_clear(&first);
			ruleset_clear(&late);
			return -1;
		}
	}
	*ret_first = first;
	*ret_late = late;
	return 0;
}

void
ruleset_diff_clear(struct ruleset_diff *d)
{
	ruleset_clear(&d->del);
	ruleset_clear(&d->add);
	d->rules_differ = d->limits_differ = false;
}

bool
ruleset_diff_empty(const struct ruleset_diff *d)
{
	return !d->rules_differ && ruleset_count(&d->del) == 0 && ruleset_count(&d->add) == 0;
}

size_t
ruleset_put_ifname(uint8_t *at, size_t offset, const char *name)
{
	size_t n = strnlen(name, 15);

	memset(at + offset, 0, 16);
	memcpy(at + offset, name, n);
	return offset + 16;
}

size_t
ruleset_put_addr(uint8_t *at, size_t offset, const struct addr *a)
{
	memcpy(at + offset, a->bytes, addr_len(a));
	return offset + addr_len(a);
}

size_t
ruleset_put_proto(uint8_t *at, size_t offset, uint8_t proto)
{
	memset(at + offset, 0, 4);
	at[offset] = proto;
	return offset + 4;
}

size_t
ruleset_put_port(uint8_t *at, size_t offset, uint16_t port)
{
	memset(at + offset, 0, 4);
	at[offset] = (uint8_t)(port >> 8);
	at[offset + 1] = (uint8_t)port;
	return offset + 4;
}

size_t
ruleset_put_ether(uint8_t *at, size_t offset, const uint8_t mac[static RULESET_MAC_SIZE])
{
	memset(at + offset, 0, 8);
	memcpy(at + offset, mac, RULESET_MAC_SIZE);
	return offset + 8;
}

uint16_t
ruleset_get_port(const uint8_t *at, size_t offset)
{
	return (uint16_t)(at[offset] << 8 | at[offset + 1]);
}

struct addr
ruleset_get_addr(const uint8_t *at, size_t offset, enum ruleset_part part)
{
	struct addr a = {.family = part == RULESET_PART_IPV6 ? AF_INET6 : AF_INET};

	memcpy(a.bytes, at + offset, addr_len(&a));
	return a;
}
