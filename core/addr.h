/*
 * IPv4 and IPv6 addresses and prefixes as values, in network byte order. IPv4-mapped IPv6
 * addresses are refused by the parser, so that one address has one form.
 */
#ifndef CORE_ADDR_H
#define CORE_ADDR_H

#include "core/slice.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct addr {
	uint8_t family;    /* AF_INET, AF_INET6, or 0 for none */
	uint8_t bytes[16]; /* 4 or 16 of them count, the rest is 0 */
};

struct prefix {
	struct addr addr; /* as written: host bits are kept (a bridge's own address) */
	uint8_t len;
};

#define ADDR_TEXT_MAX 48      /* an address or a prefix as text, NUL included */
#define ADDR_PORT_TEXT_MAX 56 /* "[address]:port" */

/* Plain text form, no brackets. 0 or -1; *ret is written only on success. */
int addr_parse(struct slice s, struct addr *ret);
/* The same for what a peer wrote: an IPv4-mapped IPv6 address, in whatever spelling, is the IPv4
 * address. */
int addr_parse_foreign(struct slice s, struct addr *ret);
/* "ADDRESS/LEN". 0 or -1. */
int prefix_parse(struct slice s, struct prefix *ret);
/* "10.0.3.1:80", "[::1]:80". 0 or -1. */
int addr_parse_port(struct slice s, struct addr *ret, uint16_t *ret_port);
const char *addr_print(const struct addr *a, char out[static ADDR_TEXT_MAX]);
const char *prefix_print(const struct prefix *p, char out[static ADDR_TEXT_MAX]);
const char *addr_print_port(
	const struct addr *a, uint16_t port, char out[static ADDR_PORT_TEXT_MAX]);
/* "[ADDRESS]", as URLs write IPv6 ones (RFC 3986 section 3.2.2), in the one spelling that there is
 * of it (RFC 5952). The length, or 0: s is no such. */
size_t addr_fold_literal(struct slice s, char out[static ADDR_PORT_TEXT_MAX]);
bool addr_eq(const struct addr *a, const struct addr *b);
/* <0, 0, >0: family first, then bytes. */
int addr_cmp(const struct addr *a, const struct addr *b);
/* 4 or 16; 0 for none. */
size_t addr_len(const struct addr *a);
bool prefix_contains(const struct prefix *p, const struct addr *a);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
/* The prefix with its host bits cleared. */
struct prefix prefix_network(const struct prefix *p);
/* The last address of the prefix (IPv4: the broadcast address). */
struct addr prefix_last(const struct prefix *p);
/* Fills ss and returns its length. */
socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ss);
/* 0, or -1 when ss is neither AF_INET nor AF_INET6. A mapped IPv6 address becomes IPv4. */
int addr_from_sockaddr(const struct sockaddr_storage *ss, struct addr *ret, uint16_t *ret_port);

#endif
