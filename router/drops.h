/*
 * What is dropped of containers, a port or a container each: the kernel counts in the elements
 * of sets, which go with their container; here the sum stays.
 */
#ifndef ROUTER_DROPS_H
#define ROUTER_DROPS_H

#include "core/stats.h"
#include "router/nft/nft.h"

/* One element's number when it was last read. */
struct drop_seen {
	enum ruleset_set set;
	uint8_t key[RULESET_KEY_MAX];
	uint64_t packets;
};

struct drops {
	struct drop_seen *v; /* sorted */
	size_t n;
};

void drops_clear(struct drops *d);
/* Reads the numbers and adds what is new since the last time to the counters. What r does not have
 * is not asked for. */
void drops_read(struct drops *d, struct nft *n, const struct ruleset *r, struct stats *stats);

#endif
