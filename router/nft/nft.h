/*
 * Our tables in the kernel, `inet sluice` and, where it is wanted, `bridge sluice`: one atomic
 * batch installs a ruleset, one applies a difference; a ruleset can be read back; changes by others
 * are noticed. That no second daemon works on the same table is the parent's care.
 */
#ifndef ROUTER_NFT_H
#define ROUTER_NFT_H

#include "router/bans.h"
#include "router/nft/netlink.h"
#include "router/ruleset.h"

#include <stdbool.h>

/* The flags owner and persist: nobody else changes the table, and it stays when its owner is gone,
 * who may then be anybody. The kernel has both since 6.9; a table with an owner alone would go with
 * it. */
#define NFT_OWNED 0x6U

struct nft {
	struct netlink commands;
	struct netlink events;   /* NFNLGRP_NFTABLES */
	const struct bans *bans; /* the owner's: what every installation puts into the sets of bans;
				  * NULL: nothing */
	const struct ruleset_limits
		*limits;      /* the owner's: what its rules of limits are; NULL: none */
	uint32_t table_flags; /* NFT_OWNED, or 0 where the kernel lacks it or it is not wanted */
	bool unsure;          /* somebody may have changed the table while nobody listened */
	bool blocks_unsure;   /* what is in the sets of blocks may not be what it should be */
};

/* Opens both sockets. 0 or -1. */
int nft_open(struct nft *n, struct err *e);
void nft_close(struct nft *n);

/* From now on the tables that are made have an owner, us, where the kernel knows how to. */
void nft_own(struct nft *n);
/* Makes the tables hold r, whatever they hold now: in place where a table's chains and sets are
 * ours, otherwise by deleting it and making it anew, in one transaction. 0, or -1 with e filled,
 * its ordinal that of the element the kernel refused. */
int nft_install(struct nft *n, const struct ruleset *r, struct err *e);
/* Somebody changed the tables: makes them hold r again, as nft_install does, but many blocks, which
 * take the kernel some hundred milliseconds, are left to nft_repair_blocks. 0, or -1 with e filled.
 */
int nft_repair(struct nft *n, const struct ruleset *r, struct err *e);
/* Behind it: the sets of blocks hold r's, in one transaction, unless they do already. 0, or -1 with
 * e filled, also when the table is gone again. */
int nft_repair_blocks(struct nft *n, const struct ruleset *r, struct err *e);
/* Applies the difference in one transaction; on failure nothing has changed. (Where rules change,
 * elements that only the old rules look up go in a second one.) *ret_missing tells that the table
 * or an element is not as assumed (somebody changed it): install instead. */
int nft_apply(struct nft *n, const struct ruleset_diff *d, bool *ret_missing, struct err *e);
/* Puts a subject into the set of bans. replace: it is there with another time. 0 or -1. */
int nft_ban(struct nft *n, const struct addr *subject, uint64_t timeout_ms, bool replace,
	struct err *e);
/* Takes it out; that it is not there is no error. */
int nft_unban(struct nft *n, const struct addr *subject, struct err *e);
int nft_unban_all(struct nft *n, struct err *e);
/* Makes the sets hold n->bans, whatever is in them. 0 or -1. */
int nft_restore_bans(struct nft *n);
/* Adds the bans that the kernel holds, with the time they have left. 0, or -1 also when the table
 * is not there. */
int nft_read_bans(struct nft *n, struct bans *ret, uint64_t now_ms, struct err *e);
/* Whether the kernel would take r, in a transaction that is not committed. 0, or -1 with e filled.
 * A table that another process owns is not touched: that the kernel takes such ones is seen. */
int nft_try(struct nft *n, const struct ruleset *r, struct err *e);
/* Deletes the tables; that one is not there is no error. */
int nft_delete(struct nft *n, struct err *e);
/* Whether the kernel has tables of family bridge. -1 with e filled when not. */
int nft_try_bridge(struct nft *n, struct err *e);
/* Reads the elements back; *ret_rules is how many rules the kernel has in the tables. The sets are
 * sorted, ordinals and the bits of rules are 0. -1 also when table inet is not there. */
int nft_read(struct nft *n, struct ruleset *ret, size_t *ret_rules, struct err *e);
/* All but the sets of blocks, and rules are not counted. */
int nft_read_but_blocks(struct nft *n, struct ruleset *ret, struct err *e);
/* Whether the kernel holds exactly r; or, but for what is in the sets of blocks. */
bool nft_holds(struct nft *n, const struct ruleset *r);
bool nft_holds_but_blocks(struct nft *n, const struct ruleset *r);
/* Nobody knows whether somebody changed the tables: whether they hold r. Many blocks, which the
 * kernel tells in seconds, are sent again instead of read. */
bool nft_make_sure(struct nft *n, const struct ruleset *r);
/* Whether the table has an owner, and it is not us. */
bool nft_owned_by_other(struct nft *n, enum ruleset_family family);
/* Whether this table is there with all the chains and sets that we make for r, and no others;
 * *ret_there whether there is one of this name at all. */
bool nft_frame_stands(
	struct nft *n, const struct ruleset *r, enum ruleset_family family, bool *ret_there);

/* Reads the waiting events. True when somebody else changed our table; when events were lost,
 * n->unsure is set. */
bool nft_disturbed(struct nft *n);

/* A chain or a set, by what of it never changes. */
#define NFT_PART_NUMBERS 5
struct nft_part {
	unsigned kind; /* NFT_MSG_NEWCHAIN or NFT_MSG_NEWSET */
	char name[32];
	uint32_t family; /* the kernel's number */
	char type[16];   /* of a chain with a hook */
	uint32_t numbers[NFT_PART_NUMBERS];
};
/* For nft_repair.c: nft_install, or that without the sets of blocks, which r has no elements of
 * then. */
int nft_install_part(struct nft *n, const struct ruleset *r, bool blocks, struct err *e);
/* For nft_bans.c and nft_repair.c. */
struct nft_batch;
/* Ends and sends the batch, and leads a refusal back to its directive. 0, or -1 with both filled.
 */
int nft_commit(struct nft *n, struct nft_batch *b, struct netlink_error *ret_error, struct err *e);
/* Begins a dump request in buf (NETLINK_REQUEST_MAX bytes), of table inet or of the other. */
struct nlmsghdr *nft_begin_read(struct nft *n, void *buf, uint16_t type);
struct nlmsghdr *nft_begin_read_of(
	struct nft *n, enum ruleset_family family, void *buf, uint16_t type);

/* The parsers, for tests and fuzzing. */
/* False when h is about neither, or in another table. */
bool nft_parse_part(const struct nlmsghdr *h, struct nft_part *ret);
/* Whether h is about a table of ours and not of port own_port. */
bool nft_event_foreign(const struct nlmsghdr *h, uint32_t own_port);
/* Of such a one: whether it can be about what is in the sets of blocks. */
bool nft_event_of_blocks(const struct nlmsghdr *h);
/* Adds the elements of a set's dump to r; interval ends that stand alone go to r as elements with
 * `end` set and data[0] 1, for nft_join_intervals. 0 or -1 (memory). */
int nft_parse_elements(const struct nlmsghdr *h, enum ruleset_set set, struct ruleset *r);
/* Adds the bans of a set's dump. 0 or -1 (memory). */
int nft_parse_bans(const struct nlmsghdr *h, struct bans *ret, uint64_t now_ms);
/* Joins start and end elements of an interval set without concatenation. */
void nft_join_intervals(struct ruleset *r, enum ruleset_set set);

#endif
