/*
 * What `nft list` needs to know of a set whose key has a part without a type of its own, so that
 * what it prints can be loaded again: the words that load the key, in the set's user data, in the
 * form that nft 1.0 writes for `typeof`. The kernel only keeps it.
 */
#ifndef ROUTER_NFT_TYPEOF_H
#define ROUTER_NFT_TYPEOF_H

#include "router/ruleset.h"

struct nftnl_set;

bool nft_typeof_wanted(const struct ruleset_set_info *info);
/* Without memory the set is as good, and printed worse. */
void nft_typeof_put(struct nftnl_set *s, const struct ruleset_set_info *info);

#endif
