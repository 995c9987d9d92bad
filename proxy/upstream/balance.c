/* The three ways to choose. */
#include "proxy/upstream/balance.h"

#include <math.h>
#include <stdbool.h>

/* splitmix64's finalizer: every bit of the input moves every bit of the output. */
static uint64_t
mix(uint64_t h)
{
	h ^= h >> 30;
	h *= UINT64_C(0xbf58476d1ce4e5b9);
	h ^= h >> 27;
	h *= UINT64_C(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

uint64_t
balance_hash(struct slice s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < s.n; i++) {
		h ^= (unsigned char)s.p[i];
		h *= UINT64_C(0x100000001b3);
	}
	return mix(h);
}

static bool
in_mask(uint64_t mask, size_t i)
{
	return (mask >> i) & 1;
}

int
balance_round_robin(struct balance_target *t, size_t n, uint64_t usable)
{
	int64_t total = 0;
	int best = -1;

	for (size_t i = 0; i < n; i++) {
		if (!in_mask(usable, i))
			continue;
		t[i].current += t[i].weight;
		total += t[i].weight;
		if (best < 0 || t[i].current > t[best].current)
			best = (int)i;
	}
	if (best >= 0)
		t[best].current -= total;
	return best;
}

/* Whether a has fewer requests for its weight than b, the one to come included. */
static bool
is_lighter(const struct balance_target *a, const struct balance_target *b)
{
	return (uint64_t)(a->active + 1) * b->weight < (uint64_t)(b->active + 1) * a->weight;
}

int
balance_least(struct balance_target *t, size_t n, uint64_t usable)
{
	uint64_t equals = 0;
	size_t best = 0;

	for (size_t i = 0; i < n; i++) {
		if (!in_mask(usable, i))
			continue;
		if (equals == 0 || is_lighter(&t[i], &t[best])) {
			best = i;
			equals = 0;
		}
		if (!is_lighter(&t[best], &t[i]))
			equals |= UINT64_C(1) << i;
	}
	return balance_round_robin(t, n, equals);
}

/* -weight / ln(u), u the target's own number in (0, 1) for this key: the target with the highest
 * score is each one with a probability in proportion to its weight, and no score depends on who
 * else is there. */
static double
score(const struct balance_target *t, uint64_t key)
{
	uint64_t h = mix(t->identity ^ mix(key));
	double u = ((double)(h >> 11) + 0.5) * 0x1p-53;

	return -(double)t->weight / log(u);
}

/* Its part of the requests under way, the one to come included, and a quarter on top, rounded up.
 */
static uint64_t
capacity(const struct balance_target *t, uint64_t active, uint64_t weight)
{
	uint64_t share = (active + 1) * t->weight * BALANCE_LOAD_PERCENT;
	uint64_t bound = (share + weight * 100 - 1) / (weight * 100);

	return bound < BALANCE_LOAD_FREE ? BALANCE_LOAD_FREE : bound;
}

int
balance_consistent(const struct balance_target *t, size_t n, uint64_t usable, uint64_t key)
{
	uint64_t active = 0, weight = 0;
	double highest = 0;
	int best = -1;

	for (size_t i = 0; i < n; i++) {
		if (!in_mask(usable, i))
			continue;
		active += t[i].active;
		weight += t[i].weight;
	}
	for (size_t i = 0; i < n; i++) {
		double s;

		if (!in_mask(usable, i) || t[i].active >= capacity(&t[i], active, weight))
			continue;
		s = score(&t[i], key);
		if (best < 0 || s > highest) {
			best = (int)i;
			highest = s;
		}
	}
	return best;
}
