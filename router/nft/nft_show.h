/*
 * The table as text: what was planned, what the kernel has, and in what they differ. Acts only by
 * reading.
 */
#ifndef ROUTER_NFT_SHOW_H
#define ROUTER_NFT_SHOW_H

#include "core/buf.h"
#include "router/nft/nft.h"

#include <stdbool.h>

#define NFT_SHOW_TEXT_MAX RULESET_TEXT_MAX

/* Appends the planned table with the bans that are in force (bans may be NULL), as `nft -f` reads
 * it. 0 or -1. */
int nft_show_planned(
	const struct ruleset *r, const struct bans *bans, struct buf *out, struct err *e);
/* Appends what the kernel has under our table's name. What is not ours stands there as comments.
 * 0 or -1, also when there is no such table. */
int nft_show_kernel(struct nft *n, struct buf *out, struct err *e);
/* Appends the difference of what is planned and of that text of the kernel's; *ret_same when there
 * is none. To read 100,000 elements takes the kernel seconds, so nobody should twice. 0 or -1. */
int nft_show_compare(const struct nft *n, const struct ruleset *r, struct slice kernel,
	struct buf *out, bool *ret_same, struct err *e);
/* Both: reads, and appends the difference. 0 or -1. */
int nft_show_diff(
	struct nft *n, const struct ruleset *r, struct buf *out, bool *ret_same, struct err *e);

#endif
