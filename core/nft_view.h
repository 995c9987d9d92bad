/* Which text of the nftables table is asked for: control and router mean the same by it. */
#ifndef CORE_NFT_VIEW_H
#define CORE_NFT_VIEW_H

/* X(id, name in a query) */
#define NFT_VIEW_TABLE(X)                                                                          \
	X(BOTH, "both")       /* the kernel's, and behind it in what the plan differs */           \
	X(PLANNED, "planned") /* what it shall hold */                                             \
	X(KERNEL, "kernel")   /* what it holds */                                                  \
	X(DIFF, "diff")       /* in what they differ */

enum nft_view {
#define NFT_VIEW_ENUM(id, name) NFT_VIEW_##id,
	NFT_VIEW_TABLE(NFT_VIEW_ENUM)
#undef NFT_VIEW_ENUM
		NFT_VIEW_COUNT
};

#endif
