/*
 * Which of several targets gets a request. Pure: the state of the targets comes in, a choice comes
 * out, and the same state gives the same choice. Only smooth round-robin leaves something behind,
 * in the targets themselves.
 */
#ifndef PROXY_BALANCE_H
#define PROXY_BALANCE_H

#include "core/slice.h"

#include <stdint.h>

#define BALANCE_TARGETS_MAX 64 /* bits of a mask */

struct balance_target {
	uint32_t weight;   /* its share; above 0 */
	uint32_t active;   /* requests under way */
	uint64_t identity; /* balance_hash of its name: for consistent hashing */
	int64_t current;   /* smooth round-robin's own */
};

/* FNV-1a with a finalizer: the same in every process, so that a restart moves nobody. */
uint64_t balance_hash(struct slice s);

/* Each takes the targets whose bit is set in usable, and returns an index, or -1 when no bit is
 * set. Every target in its turn, heavy ones more often and evenly spread (nginx's algorithm). */
int balance_round_robin(struct balance_target *t, size_t n, uint64_t usable);
/* The fewest requests for its weight; among equals, in turn. */
int balance_least(struct balance_target *t, size_t n, uint64_t usable);
/* Weighted rendezvous hashing with bounded loads: the highest score for the key wins, unless it has
 * more than BALANCE_LOAD_PERCENT of its share of the requests under way, and BALANCE_LOAD_FREE of
 * them; then the next one. */
#define BALANCE_LOAD_PERCENT 125
#define BALANCE_LOAD_FREE 16 /* a browser's burst does not lose its session */
int balance_consistent(const struct balance_target *t, size_t n, uint64_t usable, uint64_t key);

#endif
