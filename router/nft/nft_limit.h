/*
 * The rules of limits: how many of a source's packets pass, counted by the kernel in sets that it
 * fills itself. Builds only.
 */
#ifndef ROUTER_NFT_LIMIT_H
#define ROUTER_NFT_LIMIT_H

#include "router/nft/nft_builder.h"

/* Adds the expressions of one limit's rule for this family; slot: the limit's number. */
void nft_limit_build(struct expr_builder *b, const struct ruleset_limit *limit, size_t slot,
	const struct expr_family *f);

#endif
