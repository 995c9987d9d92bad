/*
 * The rules that the kernel has in our tables, each recognised as one of
 * RULESET_RULE_TABLE by its expressions, or kept as the kernel's program. Reads only.
 */
#ifndef ROUTER_NFT_RULES_H
#define ROUTER_NFT_RULES_H

#include "router/nft/nft.h"

#define NFT_RULES_MAX 65536

struct nft_rule_found {
	enum ruleset_family family;
	char chain[32];
	uint64_t handle;        /* within its table */
	enum ruleset_rule rule; /* RULESET_RULE_COUNT: none of ours */
	char *program;          /* of such a one, in libnftnl's words, a line each; or NULL */
};

struct nft_rules {
	struct nft_rule_found *v; /* in the kernel's order within each chain */
	size_t n, cap;
};

/* 0, or -1 also when table inet is not there. */
int nft_rules_read(struct nft *n, struct nft_rules *ret, struct err *e);
void nft_rules_clear(struct nft_rules *r);
/* The rule of this handle, or NULL. */
const struct nft_rule_found *nft_rules_find(
	const struct nft_rules *r, enum ruleset_family family, uint64_t handle);

#endif
