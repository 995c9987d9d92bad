/*
 * Who answers for an address on a link, as the kernel's neighbour table has it.
 */
#ifndef ROUTER_NEIGHBOURS_H
#define ROUTER_NEIGHBOURS_H

#include "core/addr.h"
#include "core/err.h"
#include "router/nft/netlink.h"

#include <stdbool.h>
#include <stdint.h>

#define NEIGHBOUR_MAC_SIZE 6
#define NEIGHBOUR_MAC_TEXT 18

struct neighbour {
	uint32_t index; /* of the interface */
	struct addr addr;
	uint8_t mac[NEIGHBOUR_MAC_SIZE];
};

/* Pure: a neighbour that has answered, or was told by somebody. False: h says nothing of that. */
bool neighbour_parse(const struct nlmsghdr *h, struct neighbour *ret);
/* "02:00:00:00:00:01" */
const char *neighbour_mac_print(
	const uint8_t mac[static NEIGHBOUR_MAC_SIZE], char ret[static NEIGHBOUR_MAC_TEXT]);
/* Lets the kernel ask the link (ARP, RFC 826; neighbour solicitation, RFC 4861) who has the
 * address, whatever it knew before. The answer comes as an RTM_NEWNEIGH, or never. 0 or -1. */
int neighbour_ask(
	struct netlink *n, uint32_t index, const struct addr *a, struct netlink_error *ret);
/* Calls on_each for every neighbour on that link. 0 or -1. */
int neighbour_read(struct netlink *n, uint32_t index,
	void (*on_each)(const struct neighbour *neighbour, void *ctx), void *ctx, struct err *e);

#endif
