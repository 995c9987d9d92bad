/*
 * Counters: an array a thread, added up when asked for. Only the owning thread writes its array;
 * others read it with relaxed atomics.
 */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include "core/msg.h"
#include "core/stats_table.h"

#include <stdatomic.h>
#include <stdint.h>

struct stats {
	_Atomic uint64_t value[STAT_COUNT];
};

static inline void
stats_add(struct stats *s, enum stat_id which, uint64_t n)
{
	uint64_t now = atomic_load_explicit(&s->value[which], memory_order_relaxed);

	atomic_store_explicit(&s->value[which], now + n, memory_order_relaxed);
}

static inline void
stats_sub(struct stats *s, enum stat_id which, uint64_t n)
{
	stats_add(s, which, (uint64_t)0 - n);
}

static inline void
stats_set(struct stats *s, enum stat_id which, uint64_t n)
{
	atomic_store_explicit(&s->value[which], n, memory_order_relaxed);
}

/* "requests"; its meaning; "proxy"; whether it is a gauge. */
const char *stats_name(enum stat_id which);
const char *stats_meaning(enum stat_id which);
enum role stats_role(enum stat_id which);
bool stats_is_gauge(enum stat_id which);
/* Writes the counters of a role, summed over n arrays, as the fields of a STATS message behind
 * its id. */
void stats_put(struct msg_out *m, enum role role, struct stats *const *arrays, size_t n);

#endif
