/*
 * What is counted of one route on one thread: requests by the class of their status, how long they
 * took, bytes both ways. Only the owning thread writes; others read it with relaxed atomics, as
 * with stats.h.
 */
#ifndef CORE_ROUTE_STATS_H
#define CORE_ROUTE_STATS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define ROUTE_CLASSES 6  /* [0]: the client went before a status; else its first digit */
#define ROUTE_BUCKETS 16 /* the last one has no upper bound */

/* The upper bounds of the buckets, in microseconds. X(us) */
#define ROUTE_BUCKET_TABLE(X)                                                                      \
	X(500)                                                                                     \
	X(1000)                                                                                    \
	X(2500)                                                                                    \
	X(5000)                                                                                    \
	X(10000)                                                                                   \
	X(25000)                                                                                   \
	X(50000)                                                                                   \
	X(100000)                                                                                  \
	X(250000)                                                                                  \
	X(500000)                                                                                  \
	X(1000000)                                                                                 \
	X(2500000)                                                                                 \
	X(5000000)                                                                                 \
	X(10000000)                                                                                \
	X(30000000)

/* The numbers in the order of the wire (report.h). */
struct route_stats {
	_Atomic uint64_t classes[ROUTE_CLASSES];
	_Atomic uint64_t buckets[ROUTE_BUCKETS]; /* each request stands in one */
	_Atomic uint64_t duration_us, sent, received;
};

#define ROUTE_VALUES (ROUTE_CLASSES + ROUTE_BUCKETS + 3)

/* The same as plain numbers, added up over threads. */
struct route_sums {
	uint64_t classes[ROUTE_CLASSES];
	uint64_t buckets[ROUTE_BUCKETS];
	uint64_t duration_us, sent, received;
};

/* The upper bound of a bucket, in microseconds; UINT64_MAX for the last one. */
uint64_t route_bucket_bound(size_t bucket);
/* Counts one request. status 0: there was none. */
void route_stats_add(struct route_stats *s, unsigned status, uint64_t duration_us, uint64_t sent,
	uint64_t received);
/* Adds what stands in s to the sums. */
void route_stats_sum(const struct route_stats *s, struct route_sums *sums);

#endif
