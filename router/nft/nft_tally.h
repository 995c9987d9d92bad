/*
 * What forwards carry is tallied in the kernel by their targets: a packet that is the first one to
 * or from a target makes its element. So setting up forwards makes none, and those of targets that
 * no forward has any more are deleted here.
 */
#ifndef ROUTER_NFT_TALLY_H
#define ROUTER_NFT_TALLY_H

#include "router/nft/nft.h"

/* The key under which what an element of a forwards' map carries is tallied. */
void nft_tally_key(
	enum ruleset_set map, const struct ruleset_elem *elem, uint8_t ret[static RULESET_KEY_MAX]);
/* Where the targets of this map are tallied. */
enum ruleset_set nft_tally_set(enum ruleset_set map);
/* The maps of forwards. */
#define NFT_TALLY_MAPS 6
extern const enum ruleset_set nft_tally_maps[NFT_TALLY_MAPS];

/* The targets that a difference takes away and `to` does not have, as elements of the tallies'
 * sets, sorted, each once; the caller clears *ret. Pure. 0 or -1 (memory). */
int nft_tally_gone(const struct ruleset_diff *d, const struct ruleset *to, struct ruleset *ret);
/* Deletes what the kernel has of their tallies. They are only numbers: a failure is not told. */
void nft_tally_forget(struct nft *n, const struct ruleset_diff *d, const struct ruleset *to);

#endif
