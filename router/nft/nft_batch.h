/*
 * One nftables transaction as bytes: messages between BATCH_BEGIN and BATCH_END, with what is
 * needed to name the object that the kernel refused. Builds only; nft.c sends.
 */
#ifndef ROUTER_NFT_BATCH_H
#define ROUTER_NFT_BATCH_H

#include "core/buf.h"
#include "router/bans.h"
#include "router/nft/netlink.h"
#include "router/ruleset.h"

#define NFT_BATCH_MAX (64 * 1024 * 1024)
/* Set element lists are one attribute, whose length has 16 bits. */
#define NFT_ELEMENTS_BYTES_MAX 60000
#define NFT_MESSAGE_MAX (65536 + 4096)

/* Where in a message of many elements which directive's element stands. */
struct nft_mark {
	uint32_t seq;
	uint32_t offset; /* of the element's attribute in its message */
	uint32_t ordinal;
};

struct nft_batch {
	struct buf bytes;
	uint32_t seq;           /* of the next message */
	struct nft_mark *marks; /* in the order of seq and offset */
	size_t n_marks, cap_marks;
	bool failed; /* memory or maximum; sticky */
};

/* first_seq: the number of the batch's first message. */
void nft_batch_init(struct nft_batch *b, uint32_t first_seq);
void nft_batch_clear(struct nft_batch *b);
void nft_batch_begin(struct nft_batch *b);
/* Closes the batch; the last message before it asks for an acknowledgement. */
void nft_batch_end(struct nft_batch *b);
/* add table; delete table; add table: whatever was there goes, in the same transaction. The new one
 * has these flags (NFT_TABLE_F_...). */
void nft_batch_new_table(struct nft_batch *b, enum ruleset_family family, uint32_t table_flags);
/* Becomes the owner of a table that is there and whose owner is gone, or is us. */
void nft_batch_adopt_table(struct nft_batch *b, enum ruleset_family family, uint32_t table_flags);
/* A table of another name, for a batch that is not ended: does the kernel know these flags? */
void nft_batch_probe_table(struct nft_batch *b, uint32_t table_flags);
/* add table; delete table. */
void nft_batch_drop_table(struct nft_batch *b, enum ruleset_family family);
/* Those that r has in this table. */
void nft_batch_sets(struct nft_batch *b, const struct ruleset *r, enum ruleset_family family);
void nft_batch_chains(struct nft_batch *b, const struct ruleset *r, enum ruleset_family family);
/* All rules of all chains of the table go. */
void nft_batch_flush_rules(struct nft_batch *b, enum ruleset_family family);
/* Those of both tables. */
void nft_batch_rules(struct nft_batch *b, ruleset_rules rules, const struct ruleset_limits *limits);
/* type: NFT_MSG_NEWSETELEM or NFT_MSG_DELSETELEM. */
void nft_batch_elements(struct nft_batch *b, uint16_t type, const struct ruleset *r);
/* Takes all elements out of a set. */
void nft_batch_flush(struct nft_batch *b, enum ruleset_set set);
/* Forgets all sources: what counts them was made by the rules of before. */
void nft_batch_flush_limits(struct nft_batch *b, const struct ruleset_limits *limits);
/* type likewise; of a deletion the time does not count. */
void nft_batch_ban(struct nft_batch *b, uint16_t type, const struct addr *a, uint64_t timeout_ms);
/* Adds all of them, each with the time it has left; bans may be NULL. */
void nft_batch_bans(struct nft_batch *b, const struct bans *bans, uint64_t now_ms);
/* Of which table the message of this number is. */
enum ruleset_family nft_batch_family(const struct nft_batch *b, uint32_t seq);
/* The kernel's number of the family. */
uint8_t nft_family_number(enum ruleset_family family);
/* The directive of the message and attribute at fault, 0 when it can't be told. */
uint32_t nft_batch_ordinal(const struct nft_batch *b, uint32_t seq, uint32_t offset);

#endif
