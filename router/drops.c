/* Differences of two readings. */
#include "router/drops.h"

#include "core/own.h"
#include "router/nft/nft_count.h"

#include <stdlib.h>
#include <string.h>

/* The sets that count what is dropped, and the sum of each. */
static const struct {
	enum ruleset_set set;
	enum stat_id stat;
} counted[] = {
	{RULESET_SPOOFED, STAT_SPOOFED_DROPPED},
	{RULESET_ISOLATED, STAT_ISOLATED_DROPPED},
	{RULESET_DENIED, STAT_EGRESS_DROPPED},
};

#define N_COUNTED (sizeof(counted) / sizeof(counted[0]))

void
drops_clear(struct drops *d)
{
	free(d->v);
	*d = (struct drops){0};
}

static int
compare(const void *a, const void *b)
{
	const struct drop_seen *x = a, *y = b;

	if (x->set != y->set)
		return x->set < y->set ? -1 : 1;
	return memcmp(x->key, y->key, sizeof(x->key));
}

/* What was seen of the same element before. An element that was made anew begins at 0. */
static uint64_t
news(const struct drops *before, const struct drop_seen *now)
{
	const struct drop_seen *old =
		before->n ? bsearch(now, before->v, before->n, sizeof(*before->v), compare) : NULL;

	return old && old->packets <= now->packets ? now->packets - old->packets : now->packets;
}

/* Appends the elements of one set. 0 or -1. */
static int
read_set(struct drops *d, struct nft *n, enum ruleset_set set)
{
	_free_ struct nft_counted *list = NULL;
	struct drop_seen *v;
	size_t count = 0;

	if (nft_count_set(n, set, &list, &count, NULL) < 0)
		return -1;
	v = reallocarray(d->v, d->n + count + 1, sizeof(*v));
	if (!v)
		return -1;
	d->v = v;
	for (size_t i = 0; i < count; i++) {
		struct drop_seen *seen = &v[d->n++];

		*seen = (struct drop_seen){.set = set, .packets = list[i].packets};
		memcpy(seen->key, list[i].key, sizeof(seen->key));
	}
	return 0;
}

void
drops_read(struct drops *d, struct nft *n, const struct ruleset *r, struct stats *stats)
{
	struct drops now = {0};

	for (size_t i = 0; i < N_COUNTED; i++) {
		size_t first = now.n;

		if (r->sets[counted[i].set].n == 0)
			continue;
		if (read_set(&now, n, counted[i].set) < 0) {
			drops_clear(&now);
			return;
		}
		for (size_t k = first; k < now.n; k++)
			stats_add(stats, counted[i].stat, news(d, &now.v[k]));
	}
	if (now.n)
		qsort(now.v, now.n, sizeof(*now.v), compare);
	drops_clear(d);
	*d = now;
}
