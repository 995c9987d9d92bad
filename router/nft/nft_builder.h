/*
 * The words of the rule language, each a call that adds one or a few of libnftnl's expressions to a
 * rule. Everything is loaded into register 1; the second and third part of a concatenation go into
 * the 32-bit registers behind it (9 and 10, register 1 being 8 to 11). Private to the files that
 * build rules.
 */
#ifndef ROUTER_NFT_BUILDER_H
#define ROUTER_NFT_BUILDER_H

#include "router/ruleset.h"

/* libnftnl wants it to be there. */
#include <stdio.h>

#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter/nf_tables.h>

#define EXPR_PART2 NFT_REG32_01
#define EXPR_PART3 NFT_REG32_02
#define EXPR_PART4 NFT_REG32_03
/* Behind 16 bytes in register 1. (The kernel tells of 32-bit register 4 by this name.) */
#define EXPR_WIDE2 NFT_REG_2
#define EXPR_WIDE3 NFT_REG32_05
#define EXPR_WIDE4 NFT_REG32_06
/* Behind an IPv6 address in register 1: the port of fwd6's data. */
#define EXPR_PORT6 NFT_REG_2

/* What the two address families differ in. */
struct expr_family {
	uint8_t nfproto;
	uint32_t addr_size;
	uint32_t saddr; /* offsets in the network header */
	uint32_t daddr;
	enum ruleset_set nets, from, fwd, fwdat, fwdif, masq, targets;
	enum ruleset_set restrictedat, fromat, fromif;
	uint32_t at_proto, at_port, at_source; /* the registers behind its address in register 1 */
	uint32_t port;                         /* the register of the map's port */
};

extern const struct expr_family expr_v4, expr_v6;

struct expr_builder {
	struct nftnl_rule *rule;
	bool failed;
};

/* A new expression at the rule's end; NULL, remembered in b, when memory is short. */
struct nftnl_expr *expr_add(struct expr_builder *b, const char *name);
void expr_meta(struct expr_builder *b, uint32_t key, uint32_t reg);
void expr_payload(
	struct expr_builder *b, uint32_t base, uint32_t offset, uint32_t size, uint32_t reg);
/* Of register 1, as the rest. */
void expr_cmp(struct expr_builder *b, uint32_t op, const void *data, uint32_t size);
/* "@set", "!= @set". NULL: memory is short. */
struct nftnl_expr *expr_lookup(struct expr_builder *b, enum ruleset_set set, bool inverted);
/* "drop", "accept", "return", "jump CHAIN". */
void expr_verdict(struct expr_builder *b, int32_t code, const char *chain);
/* "meta nfproto ipv4" */
void expr_family_is(struct expr_builder *b, const struct expr_family *f);
/* "iifname @bridges", "oifname != @bridges" */
void expr_interface_in(struct expr_builder *b, uint32_t key, enum ruleset_set set, bool inverted);
/* "ip saddr @nets4" */
void expr_address_in(
	struct expr_builder *b, const struct expr_family *f, uint32_t offset, bool inverted);
/* "meta l4proto . th dport" */
void expr_proto_and_port(struct expr_builder *b);
/* "& MASK" */
void expr_bitwise(struct expr_builder *b, const void *mask, const void *zero, uint32_t size);
/* "ct state ...", "ct status ...": one of these bits is set. */
void expr_ct_bits(struct expr_builder *b, uint32_t key, uint32_t bits);
/* "tcp flags & (fin | syn | rst | ack) == syn", or with NFT_CMP_NEQ the opposite, of TCP. */
void expr_syn(struct expr_builder *b, uint32_t op);
/* "ip saddr", "ip6 saddr & ffff:ffff:ffff:ffff::": whom limits and bans count as one. */
void expr_source(struct expr_builder *b, const struct expr_family *f);

#endif
