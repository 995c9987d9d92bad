/*
 * Ranges are elements of the kernel's sets from the start, keys in network byte order, so that
 * memcmp compares addresses and nothing is converted.
 */
#include "router/blocks.h"

#include <stdlib.h>
#include <string.h>

struct building {
	struct ruleset block, except; /* the elements of BLOCK4 and BLOCK6 */
	uint32_t ordinal;             /* of the directive at hand */
	size_t n;
};

static enum ruleset_set
set_of(uint8_t family)
{
	return family == AF_INET6 ? RULESET_BLOCK6 : RULESET_BLOCK4;
}

static int
add_range(struct ruleset *r, const struct addr *low, const struct addr *high, uint32_t ordinal,
	struct err *e)
{
	struct ruleset_elem elem = {.ordinal = ordinal};

	ruleset_put_addr(elem.key, 0, low);
	ruleset_put_addr(elem.end, 0, high);
	return ruleset_add(r, set_of(low->family), &elem, e);
}

static int
add_net(struct ruleset *r, const struct conf_block *block, struct err *e)
{
	struct prefix network = prefix_network(&block->net);
	struct addr last = prefix_last(&block->net);

	return add_range(r, &network.addr, &last, block->ordinal, e);
}

static int
on_entry(void *ctx, const struct block_entry *entry, struct err *e)
{
	struct building *b = ctx;

	if (++b->n > CONF_BLOCKS_MAX)
		return err_ordinal(e, b->ordinal, "more than %d entries in all lists together",
			CONF_BLOCKS_MAX);
	return add_range(&b->block, &entry->low, &entry->high, b->ordinal, e);
}

/* fe80::/10, by which neighbours are found, and ::, which asks whether an address is free: lists
 * of unroutable networks have them, and who drops them is without IPv6. */
static int
add_never(struct ruleset *except, struct err *e)
{
	static const struct conf_block never[] = {
		{.net = {.addr = {.family = AF_INET6, .bytes = {0xfe, 0x80}}, .len = 10}},
		{.net = {.addr = {.family = AF_INET6}, .len = 128}},
	};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (add_net(except, &never[i], e) < 0)
			return -1;
	return 0;
}

static int
collect(const struct blocks_input *in, struct building *b, struct err *e)
{
	const struct conf_blocks *c = &in->conf->blocks;

	for (size_t i = 0; i < c->n_nets; i++)
		if (add_net(&b->block, &c->nets[i], e) < 0)
			return -1;
	for (size_t i = 0; in->lists && i < c->n_lists; i++) {
		b->ordinal = c->lists[i].ordinal;
		if (block_list_parse(in->lists[i], c->lists[i].path, on_entry, b, e) < 0) {
			if (e)
				e->ordinal = b->ordinal;
			return -1;
		}
	}
	for (size_t i = 0; i < c->n_except; i++)
		if (add_net(&b->except, &c->except[i], e) < 0)
			return -1;
	return add_never(&b->except, e);
}

/* The key behind this one (+1) or before it (-1); false when there is none. */
static bool
key_step(const uint8_t *key, size_t size, int step, uint8_t *ret)
{
	uint8_t last = step > 0 ? 0xff : 0;
	size_t i = size;

	memcpy(ret, key, size);
	while (i-- > 0) {
		ret[i] = (uint8_t)(ret[i] + step);
		if (key[i] != last)
			return true;
	}
	return false;
}

/* Sorted ranges that overlap or touch become one, which keeps the directive of its first. */
static void
merge(struct ruleset_elems *s, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct ruleset_elem *last = n ? &s->v[n - 1] : NULL;
		uint8_t behind[RULESET_KEY_MAX];

		if (last && (!key_step(last->end, size, 1, behind) ||
				    memcmp(s->v[i].key, behind, size) <= 0)) {
			if (memcmp(s->v[i].end, last->end, size) > 0)
				memcpy(last->end, s->v[i].end, size);
			continue;
		}
		s->v[n++] = s->v[i];
	}
	s->n = n;
}

/* Appends what of the range is in none of the exceptions from *at on. Both are sorted; *at moves
 * past those that end before the range. */
static int
cut(const struct ruleset_elem *range, const struct ruleset_elems *except, size_t *at,
	struct ruleset *out, enum ruleset_set set, struct err *e)
{
	size_t size = ruleset_set_info(set)->key_size;
	struct ruleset_elem rest = *range;

	while (*at < except->n && memcmp(except->v[*at].end, rest.key, size) < 0)
		(*at)++;
	for (size_t i = *at; i < except->n; i++) {
		const struct ruleset_elem *x = &except->v[i];
		struct ruleset_elem before = rest;

		if (memcmp(x->key, rest.end, size) > 0)
			break;
		if (memcmp(x->key, rest.key, size) > 0) {
			(void)key_step(x->key, size, -1, before.end);
			if (ruleset_add(out, set, &before, e) < 0)
				return -1;
		}
		if (memcmp(x->end, rest.end, size) >= 0)
			return 0;
		(void)key_step(x->end, size, 1, rest.key);
	}
	return ruleset_add(out, set, &rest, e);
}

/* What is blocked in one family, taken out of b. */
static int
finish(struct building *b, enum ruleset_set set, struct ruleset_shared **ret, struct err *e)
{
	struct ruleset_elems *block = &b->block.sets[set], *except = &b->except.sets[set];
	size_t size = ruleset_set_info(set)->key_size, at = 0;
	struct ruleset out = {0};

	*ret = NULL;
	merge(block, size);
	merge(except, size);
	for (size_t i = 0; i < block->n; i++) {
		if (cut(&block->v[i], except, &at, &out, set, e) < 0) {
			ruleset_clear(&out);
			return -1;
		}
	}
	free(block->v);
	*block = (struct ruleset_elems){0};
	if (out.sets[set].n == 0)
		return 0;
	*ret = ruleset_shared_new(&out, set);
	ruleset_clear(&out);
	return *ret ? 0 : err_set(e, "out of memory");
}

int
blocks_build(const struct blocks_input *in, struct blocks *ret, struct err *e)
{
	struct building b = {.n = 0};
	struct blocks made = {0};
	int rc = collect(in, &b, e);

	if (rc == 0) {
		ruleset_sort(&b.block);
		ruleset_sort(&b.except);
		rc = finish(&b, RULESET_BLOCK4, &made.v4, e);
	}
	if (rc == 0)
		rc = finish(&b, RULESET_BLOCK6, &made.v6, e);
	ruleset_clear(&b.block);
	ruleset_clear(&b.except);
	if (rc < 0)
		blocks_clear(&made);
	else
		*ret = made;
	return rc;
}

void
blocks_clear(struct blocks *b)
{
	ruleset_shared_unref(&b->v4);
	ruleset_shared_unref(&b->v6);
}

/* Whether one of the sorted ranges holds the address. */
static bool
ranges_contain(const struct ruleset_elems *s, const struct addr *a)
{
	size_t size = addr_len(a), low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(s->v[middle].end, a->bytes, size) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n && memcmp(s->v[low].key, a->bytes, size) <= 0;
}

bool
blocks_contain(const struct blocks *b, const struct addr *a)
{
	const struct ruleset_shared *s = a->family == AF_INET6 ? b->v6 : b->v4;

	return s && ranges_contain(&s->elems, a);
}

/* ---- who would lock himself out ---- */

/* Looks for the entries of lists that hold one address. */
struct search {
	const struct addr *address;
	struct block_entry found; /* line 0: none */
};

static int
search_entry(void *ctx, const struct block_entry *entry, struct err *e)
{
	struct search *s = ctx;

	(void)e;
	if (s->found.line == 0 && entry->low.family == s->address->family &&
		addr_cmp(&entry->low, s->address) <= 0 && addr_cmp(s->address, &entry->high) <= 0)
		s->found = *entry;
	return 0;
}

/* Names the first directive that blocks the address and does not say `confirm`; one that does
 * speaks for all the others. */
static int
blame(const struct blocks_input *in, const struct addr *a, struct err *e)
{
	const struct conf_blocks *c = &in->conf->blocks;
	char text[ADDR_TEXT_MAX], net[ADDR_TEXT_MAX];
	struct err found = {0};

	addr_print(a, text);
	for (size_t i = 0; i < c->n_nets; i++) {
		if (!prefix_contains(&c->nets[i].net, a))
			continue;
		if (c->nets[i].confirm)
			return 0;
		prefix_print(&c->nets[i].net, net);
		if (!found.ordinal)
			err_ordinal(&found, c->nets[i].ordinal,
				"%s is connected to this host by SSH; if it is to be blocked, "
				"write: block %s confirm",
				text, net);
	}
	for (size_t i = 0; in->lists && i < c->n_lists; i++) {
		struct search s = {.address = a};

		(void)block_list_parse(in->lists[i], c->lists[i].path, search_entry, &s, NULL);
		if (s.found.line == 0)
			continue;
		if (c->lists[i].confirm)
			return 0;
		if (!found.ordinal)
			err_ordinal(&found, c->lists[i].ordinal,
				"%s:%u:%u blocks %s, which is connected to this host by SSH; "
				"write an unblock of it, or confirm behind the list",
				c->lists[i].path, s.found.line, s.found.col, text);
	}
	if (!found.ordinal)
		return 0;
	if (e)
		*e = found;
	return -1;
}

int
blocks_check_peers(const struct blocks_input *in, const struct blocks *b,
	const struct ruleset *before, struct err *e)
{
	for (size_t i = 0; i < in->n_peers; i++) {
		const struct addr *a = &in->peers[i];

		if (!blocks_contain(b, a))
			continue;
		/* Who is blocked already has not come in since. */
		if (before && ranges_contain(&before->sets[set_of(a->family)], a))
			continue;
		if (blame(in, a, e) < 0)
			return -1;
	}
	return 0;
}
