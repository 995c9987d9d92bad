/* Bodies that stay on disk: where they stand. */
#include "proxy/cache/cache_far.h"

#include "core/own.h"

#include <stdlib.h>

static size_t
charge_of(size_t sums_n)
{
	return sizeof(struct cache_far) + sums_n + CACHE_OVERHEAD;
}

struct cache_far *
cache_far_new(struct cache_store *store, const struct disk_found *found, struct slice sums)
{
	struct cache_far *far;

	if (!cache_store_reserve(store, charge_of(sums.n)))
		return NULL;
	far = malloc(sizeof(*far) + sums.n);
	if (!far) {
		cache_store_release(store, charge_of(sums.n));
		return NULL;
	}
	atomic_init(&far->refs, 1);
	far->store = store;
	far->found = *found;
	(void)disk_segment_ref(far->found.segment);
	far->n = sums.n;
	memcpy(far->sums, sums.p, sums.n);
	return far;
}

struct cache_far *
cache_far_ref(struct cache_far *far)
{
	if (far)
		(void)atomic_fetch_add_explicit(&far->refs, 1, memory_order_relaxed);
	return far;
}

void
cache_far_unref(struct cache_far **far)
{
	struct cache_far *gone = steal_ptr(far);

	if (!gone || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) != 1)
		return;
	disk_segment_unref(&gone->found.segment);
	cache_store_release(gone->store, charge_of(gone->n));
	free(gone);
}

bool
cache_far_is_there(const struct cache_far *far)
{
	return !atomic_load_explicit(&far->found.segment->gone, memory_order_relaxed);
}
