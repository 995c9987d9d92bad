/*
 * The targets of forwards and their tallies. The kernel refuses a batch that deletes an element
 * which is not there, and undoing a batch makes it wait for all processors; so what is there is
 * asked first: few are asked for one by one, many are read as a whole.
 */
#include "router/nft/nft_tally.h"

#include "router/nft/nft_batch.h"

#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#define ASKED_ONE_BY_ONE 16

const enum ruleset_set nft_tally_maps[NFT_TALLY_MAPS] = {
	RULESET_FWD4, RULESET_FWD6, RULESET_FWDAT4, RULESET_FWDAT6, RULESET_FWDIF4, RULESET_FWDIF6};

static const enum ruleset_set tallies[] = {RULESET_TARGETS4, RULESET_TARGETS6};

#define N_TALLIES (sizeof(tallies) / sizeof(tallies[0]))

/* A map's key ends in protocol and port; its data is an address and a port. The target's key is
 * the protocol, the data's port, the data's address. */
void
nft_tally_key(
	enum ruleset_set map, const struct ruleset_elem *elem, uint8_t ret[static RULESET_KEY_MAX])
{
	const struct ruleset_set_info *info = ruleset_set_info(map);
	size_t addr_size = ruleset_part_size(info->data[0]),
	       size = ruleset_part_size(RULESET_PART_PORT);

	memset(ret, 0, RULESET_KEY_MAX);
	memcpy(ret, elem->key + info->key_size - 2 * size, size);
	memcpy(ret + size, elem->data + addr_size, size);
	memcpy(ret + 2 * size, elem->data, addr_size);
}

enum ruleset_set
nft_tally_set(enum ruleset_set map)
{
	return ruleset_set_info(map)->data[0] == RULESET_PART_IPV6 ? RULESET_TARGETS6
								   : RULESET_TARGETS4;
}

static int
compare_keys(const void *a, const void *b)
{
	return memcmp(((const struct ruleset_elem *)a)->key, ((const struct ruleset_elem *)b)->key,
		RULESET_KEY_MAX);
}

static struct ruleset_elem *
find(const struct ruleset_elems *s, const uint8_t key[static RULESET_KEY_MAX])
{
	struct ruleset_elem wanted = {0};

	if (s->n == 0)
		return NULL;
	memcpy(wanted.key, key, sizeof(wanted.key));
	return bsearch(&wanted, s->v, s->n, sizeof(*s->v), compare_keys);
}

/* The data of a tally is not used, and says here that a forward still has it. */
static void
mark_wanted(struct ruleset *gone, enum ruleset_set map, const struct ruleset_elems *s)
{
	const struct ruleset_elems *in = &gone->sets[nft_tally_set(map)];

	for (size_t i = 0; i < s->n && in->n; i++) {
		struct ruleset_elem *found;
		uint8_t key[RULESET_KEY_MAX];

		nft_tally_key(map, &s->v[i], key);
		found = find(in, key);
		if (found)
			found->data[0] = 1;
	}
}

static void
drop_wanted(struct ruleset_elems *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].data[0] == 0)
			s->v[kept++] = s->v[i];
	s->n = kept;
}

int
nft_tally_gone(const struct ruleset_diff *d, const struct ruleset *to, struct ruleset *ret)
{
	struct ruleset gone = {0};

	for (size_t i = 0; i < NFT_TALLY_MAPS; i++) {
		enum ruleset_set map = nft_tally_maps[i];
		const struct ruleset_elems *s = &d->del.sets[map];

		for (size_t k = 0; k < s->n; k++) {
			struct ruleset_elem elem = {0};

			nft_tally_key(map, &s->v[k], elem.key);
			if (ruleset_add(&gone, nft_tally_set(map), &elem, NULL) < 0) {
				ruleset_clear(&gone);
				return -1;
			}
		}
	}
	ruleset_sort(&gone);
	for (size_t i = 0; i < N_TALLIES; i++)
		ruleset_unite(&gone, tallies[i]);
	for (size_t i = 0; i < NFT_TALLY_MAPS; i++)
		mark_wanted(&gone, nft_tally_maps[i], &to->sets[nft_tally_maps[i]]);
	for (size_t i = 0; i < N_TALLIES; i++)
		drop_wanted(&gone.sets[tallies[i]]);
	*ret = gone;
	return 0;
}

struct reading {
	enum ruleset_set set;
	struct ruleset found;
};

static int
on_elements(const struct nlmsghdr *h, void *ctx)
{
	struct reading *reading = ctx;

	return nft_parse_elements(h, reading->set, &reading->found);
}

static void
on_restart(void *ctx)
{
	struct reading *reading = ctx;

	reading->found.sets[reading->set].n = 0;
}

static struct nlmsghdr *
begin(struct nft *n, enum ruleset_set set, char request[static NETLINK_REQUEST_MAX])
{
	struct nlmsghdr *h = nft_begin_read(n, request, NFT_MSG_GETSETELEM);

	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, RULESET_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, ruleset_set_info(set)->name);
	return h;
}

static bool
is_there(struct nft *n, enum ruleset_set set, const struct ruleset_elem *elem)
{
	char request[NETLINK_REQUEST_MAX];
	struct nlmsghdr *h = begin(n, set, request);
	struct reading reading = {.set = set};
	struct netlink_dump dump = {.on_each = on_elements, .ctx = &reading};
	struct netlink_error error;
	struct nlattr *list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS),
		      *nest = mnl_attr_nest_start(h, NFTA_LIST_ELEM),
		      *key = mnl_attr_nest_start(h, NFTA_SET_ELEM_KEY);
	bool there;

	mnl_attr_put(h, NFTA_DATA_VALUE, ruleset_set_info(set)->key_size, elem->key);
	mnl_attr_nest_end(h, key);
	mnl_attr_nest_end(h, nest);
	mnl_attr_nest_end(h, list);
	there = netlink_ask(&n->commands, h, &dump, &error) == 0 && reading.found.sets[set].n > 0;
	ruleset_clear(&reading.found);
	return there;
}

/* Leaves in s what the kernel has. */
static void
keep_known(struct nft *n, enum ruleset_set set, struct ruleset_elems *s)
{
	char request[NETLINK_REQUEST_MAX];
	struct reading reading = {.set = set};
	struct netlink_dump dump = {
		.on_each = on_elements, .on_restart = on_restart, .ctx = &reading};
	struct netlink_error error;
	bool one_by_one = s->n <= ASKED_ONE_BY_ONE;
	size_t kept = 0;

	if (!one_by_one && netlink_dump(&n->commands, begin(n, set, request), &dump, &error) < 0)
		reading.found.sets[set].n = 0;
	ruleset_sort(&reading.found);
	for (size_t i = 0; i < s->n; i++)
		if (one_by_one ? is_there(n, set, &s->v[i])
			       : find(&reading.found.sets[set], s->v[i].key) != NULL)
			s->v[kept++] = s->v[i];
	s->n = kept;
	ruleset_clear(&reading.found);
}

void
nft_tally_forget(struct nft *n, const struct ruleset_diff *d, const struct ruleset *to)
{
	struct ruleset gone;
	struct netlink_error error;
	struct nft_batch b;

	if (nft_tally_gone(d, to, &gone) < 0)
		return;
	for (size_t i = 0; i < N_TALLIES; i++)
		keep_known(n, tallies[i], &gone.sets[tallies[i]]);
	if (ruleset_count(&gone) > 0) {
		nft_batch_init(&b, n->commands.seq + 1);
		nft_batch_begin(&b);
		nft_batch_elements(&b, NFT_MSG_DELSETELEM, &gone);
		(void)nft_commit(n, &b, &error, NULL);
		nft_batch_clear(&b);
	}
	ruleset_clear(&gone);
}
