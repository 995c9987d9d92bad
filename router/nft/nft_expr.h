/*
 * The rules as the kernel's expressions. Each rule of RULESET_RULE_TABLE is built here, under its
 * text in nft syntax; a test loads the text and compares what the kernel then shows.
 */
#ifndef ROUTER_NFT_EXPR_H
#define ROUTER_NFT_EXPR_H

#include "router/ruleset.h"

struct nftnl_rule;

/* A new rule in table inet sluice, the caller's to nftnl_rule_free; NULL when memory is short, or
 * for a limit that is none. */
struct nftnl_rule *nft_expr_rule(enum ruleset_rule rule, const struct ruleset_limits *limits);

#endif
