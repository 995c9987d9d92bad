/*
 * Table `inet sluice` in the kernel: one atomic batch installs a ruleset, one applies a
 * difference; a ruleset can be read back; changes by others are noticed. That no second daemon
 * works on the same table is the parent's care.
 */
#ifndef ROUTER_NFT_H
#define ROUTER_NFT_H

#include "router/netlink.h"
#include "router/ruleset.h"

#include <stdbool.h>

struct nft {
	struct netlink commands;
	struct netlink events; /* NFNLGRP_NFTABLES */
};

/* Opens both sockets. 0 or -1. */
int nft_open(struct nft *n, struct err *e);
void nft_close(struct nft *n);

/* Makes the table hold r, whatever it holds now: in place when its chains and sets are ours,
 * otherwise by deleting it and making it anew in one transaction. 0, or -1 with e filled, its
 * ordinal that of the element the kernel refused. */
int nft_install(struct nft *n, const struct ruleset *r, struct err *e);
/* Applies the difference in one transaction; on failure nothing has changed. (Where rules change,
 * elements that only the old rules look up go in a second one.) *ret_missing tells that the table
 * or an element is not as assumed (somebody changed it): install instead. */
int nft_apply(struct nft *n, const struct ruleset_diff *d, bool *ret_missing, struct err *e);
/* Deletes the table; that it is not there is no error. */
int nft_delete(struct nft *n, struct err *e);
/* Reads the elements back; *ret_rules is how many rules the kernel has in the table. The sets are
 * sorted, ordinals and the bits of rules are 0. -1 also when the table is not there. */
int nft_read(struct nft *n, struct ruleset *ret, size_t *ret_rules, struct err *e);
/* Whether the kernel holds exactly r. */
bool nft_holds(struct nft *n, const struct ruleset *r);
/* Whether the table is there with all the chains and sets that we make, and no others. */
bool nft_frame_stands(struct nft *n);

/* Reads the waiting events. True when somebody else changed our table, or when events were lost
 * and the kernel no longer holds r. */
bool nft_disturbed(struct nft *n, const struct ruleset *r);

/* A chain or a set, by what of it never changes. */
#define NFT_PART_NUMBERS 5
struct nft_part {
	unsigned kind; /* NFT_MSG_NEWCHAIN or NFT_MSG_NEWSET */
	char name[32];
	char type[16]; /* of a chain with a hook */
	uint32_t numbers[NFT_PART_NUMBERS];
};

/* The parsers, for tests and fuzzing. */
/* False when h is about neither, or in another table. */
bool nft_parse_part(const struct nlmsghdr *h, struct nft_part *ret);
/* Whether h is about table inet sluice and not of port own_port. */
bool nft_event_foreign(const struct nlmsghdr *h, uint32_t own_port);
/* Adds the elements of a set's dump to r; interval ends that stand alone go to r as elements with
 * `end` set and data[0] 1, for nft_join_intervals. 0 or -1 (memory). */
int nft_parse_elements(const struct nlmsghdr *h, enum ruleset_set set, struct ruleset *r);
/* Joins start and end elements of an interval set without concatenation. */
void nft_join_intervals(struct ruleset *r, enum ruleset_set set);

#endif
