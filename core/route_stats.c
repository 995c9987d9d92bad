/* Counting a request: a handful of loads and stores in one or two cache lines. */
#include "core/route_stats.h"

static const uint64_t bounds[ROUTE_BUCKETS] = {
#define ROUTE_BOUND(us) us,
	ROUTE_BUCKET_TABLE(ROUTE_BOUND)
#undef ROUTE_BOUND
		UINT64_MAX};

uint64_t
route_bucket_bound(size_t bucket)
{
	return bounds[bucket];
}

static void
add(_Atomic uint64_t *to, uint64_t n)
{
	uint64_t now = atomic_load_explicit(to, memory_order_relaxed);

	atomic_store_explicit(to, now + n, memory_order_relaxed);
}

static size_t
bucket_of(uint64_t us)
{
	size_t i = 0;

	while (us > bounds[i])
		i++;
	return i;
}

void
route_stats_add(struct route_stats *s, unsigned status, uint64_t duration_us, uint64_t sent,
	uint64_t received)
{
	unsigned class = status / 100;

	add(&s->classes[class < ROUTE_CLASSES ? class : 0], 1);
	add(&s->buckets[bucket_of(duration_us)], 1);
	add(&s->duration_us, duration_us);
	add(&s->sent, sent);
	add(&s->received, received);
}

static uint64_t
read_one(const _Atomic uint64_t *from)
{
	return atomic_load_explicit(from, memory_order_relaxed);
}

void
route_stats_sum(const struct route_stats *s, struct route_sums *sums)
{
	for (size_t i = 0; i < ROUTE_CLASSES; i++)
		sums->classes[i] += read_one(&s->classes[i]);
	for (size_t i = 0; i < ROUTE_BUCKETS; i++)
		sums->buckets[i] += read_one(&s->buckets[i]);
	sums->duration_us += read_one(&s->duration_us);
	sums->sent += read_one(&s->sent);
	sums->received += read_one(&s->received);
}
