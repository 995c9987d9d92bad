/* What the forwards of the table have carried, from the counters of their elements. Reads only. */
#ifndef ROUTER_NFT_COUNT_H
#define ROUTER_NFT_COUNT_H

#include "router/nft/nft.h"

struct nft_count {
	uint32_t ordinal; /* of the forward's directive */
	uint64_t hits;    /* connections that were translated */
	uint64_t packets,
		bytes; /* to and from its targets, through the host; of all forwards to them */
};

/* Adds up r's elements, by directive, in the order of the ordinals; *ret is malloc'd. 0 or -1. */
int nft_count_forwards(struct nft *n, const struct ruleset *r, struct nft_count **ret,
	size_t *ret_n, struct err *e);

/* The numbers of one set's elements, sorted by key; *ret is malloc'd. 0 or -1. */
struct nft_counted;
int nft_count_set(struct nft *n, enum ruleset_set set, struct nft_counted **ret, size_t *ret_n,
	struct err *e);

/* Key, packets and bytes of one element's message part; for tests and fuzzing. */
struct nft_counted {
	uint8_t key[RULESET_KEY_MAX];
	uint64_t packets, bytes;
};
bool nft_parse_counted(const struct nlattr *nest, enum ruleset_set set, struct nft_counted *ret);

#endif
