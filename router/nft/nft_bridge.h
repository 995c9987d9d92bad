/*
 * The rules of table `bridge sluice` as expressions: a row a rule. Builds only.
 */
#ifndef ROUTER_NFT_BRIDGE_H
#define ROUTER_NFT_BRIDGE_H

#include "router/nft/nft_builder.h"

/* Adds the expressions of a rule whose chain is one of table bridge. */
void nft_bridge_build(struct expr_builder *b, enum ruleset_rule rule);

#endif
