/*
 * The tables put back when somebody else changed them, in two steps: first everything that traffic
 * waits for, in a few milliseconds, and then the blocks where they are many. Between the two a
 * packet meets all rules, and no block.
 */
#include "router/nft/nft.h"

#include "router/nft/nft_batch.h"

#include <linux/netfilter/nf_tables.h>

/* So few take the kernel less than twenty milliseconds, and go with the rest. */
#define NFT_REPAIR_BLOCKS_FEW 4096

static bool
few_blocks(const struct ruleset *r)
{
	return r->sets[RULESET_BLOCK4].n + r->sets[RULESET_BLOCK6].n <= NFT_REPAIR_BLOCKS_FEW;
}

int
nft_repair(struct nft *n, const struct ruleset *r, struct err *e)
{
	struct ruleset first = *r; /* its arrays are r's */

	if (few_blocks(r))
		return nft_install(n, r, e);
	first.sets[RULESET_BLOCK4] = first.sets[RULESET_BLOCK6] = (struct ruleset_elems){0};
	return nft_install_part(n, &first, false, e);
}

/* They are not read back to be compared: that takes the kernel longer than to take them anew, and
 * for a look-up it is one exchange. */
int
nft_repair_blocks(struct nft *n, const struct ruleset *r, struct err *e)
{
	struct ruleset blocks = {0}; /* its arrays are r's */
	struct netlink_error error;
	struct nft_batch b;
	int ret;

	if (!n->blocks_unsure)
		return 0;
	blocks.sets[RULESET_BLOCK4] = r->sets[RULESET_BLOCK4];
	blocks.sets[RULESET_BLOCK6] = r->sets[RULESET_BLOCK6];
	nft_batch_init(&b, n->commands.seq + 1);
	nft_batch_begin(&b);
	nft_batch_flush(&b, RULESET_BLOCK4);
	nft_batch_flush(&b, RULESET_BLOCK6);
	nft_batch_elements(&b, NFT_MSG_NEWSETELEM, &blocks);
	ret = nft_commit(n, &b, &error, e);
	nft_batch_clear(&b);
	if (ret == 0)
		n->blocks_unsure = false;
	return ret;
}

bool
nft_make_sure(struct nft *n, const struct ruleset *r)
{
	n->unsure = false;
	n->blocks_unsure = true;
	if (!few_blocks(r))
		return nft_holds_but_blocks(n, r) && nft_repair_blocks(n, r, NULL) == 0;
	if (!nft_holds(n, r))
		return false;
	n->blocks_unsure = false;
	return true;
}
