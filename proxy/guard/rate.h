/*
 * Requests per client and time, counted by the generic cell rate algorithm (GCRA, ITU-T I.371): of
 * each client one number is kept, the time at which it has nothing left to its account (its
 * theoretical arrival time). A client whose time is past has its whole burst again and need not
 * be remembered.
 *
 * The table is shared by the threads, its locks are inside. Its memory is fixed. A client that
 * is not in a full set takes the place of the one with the earliest time there, and its time too
 * (as Space-Saving does with counts): nobody frees itself by coming from many addresses, and those
 * who ask most are never forgotten.
 */
#ifndef PROXY_RATE_H
#define PROXY_RATE_H

#include "proxy/guard/client_key.h"

#include <stddef.h>
#include <stdint.h>

#define RATE_WAYS 16        /* clients in one set */
#define RATE_SETS_MAX 65536 /* a million clients */
#define RATE_SETS 4096      /* 65,536 clients in 2 MiB, touched only as they come */

struct rate_limit {
	uint64_t interval_us; /* between two requests that come evenly */
	uint64_t burst;       /* that may come at once; at least 1 */
};

struct rate_table;

/* n_sets: a power of two up to RATE_SETS_MAX. NULL when memory is short. */
struct rate_table *rate_table_new(size_t n_sets);
/* Leaves NULL behind; *t may be NULL. */
void rate_table_free(struct rate_table **t);
/* Takes one request from the client's account. 0: it may go on; else the microseconds until it
 * would. now_us counts from anywhere but 0. */
uint64_t rate_take(struct rate_table *t, const struct client_key *key,
	const struct rate_limit *limit, uint64_t now_us);

#endif
