/*
 * What the configuration asks of the kernel. Pure: configuration, addresses of containers and
 * names of the outside interfaces in, a ruleset value out.
 */
#ifndef ROUTER_PLAN_H
#define ROUTER_PLAN_H

#include "conf/conf.h"
#include "core/err.h"
#include "router/blocks.h"
#include "router/ruleset.h"

#include <stdbool.h>
#include <stddef.h>

#define PLAN_WANS_MAX 2 /* one for IPv4, one for IPv6 */

#define PLAN_MAC_SIZE RULESET_MAC_SIZE

/* What a container is known to have; family 0 where nothing is known. */
struct plan_address {
	struct addr v4;
	struct addr v6;
	uint8_t mac[PLAN_MAC_SIZE];     /* zeroes: not known */
	char port[CONF_IFNAME_MAX + 1]; /* its port of the bridge, while it runs; "" */
	bool told;                      /* lxc spoke of it */
};

/* The outside: the interface that the file names, or those of the default routes; none when the
 * host has no default route. */
struct plan_wans {
	char names[PLAN_WANS_MAX][CONF_IFNAME_MAX + 1];
	size_t n;
};

struct plan_input {
	const struct conf *conf;
	const struct plan_address *addresses; /* conf->n_containers of them, or NULL: none known */
	struct plan_wans wans;
	const struct blocks *blocks; /* NULL: what the configuration says, without its lists */
	uint8_t bridge_mac[PLAN_MAC_SIZE]; /* zeroes: not known */
	bool no_bridge_table;              /* the kernel has none */
	/* What comes in to the host itself, where that is not what conf says; NULL: it is. */
	const struct conf *policy;
	struct plan_wans guarded; /* the outside of such a policy */
};

/* The sorted ruleset in *ret, the caller's to clear. 0 or -1 with e filled. */
int plan_build(const struct plan_input *in, struct ruleset *ret, struct err *e);
/* Where a forward to this container goes: the reported address when it may be believed, else the
 * file's; family 0 when there is none. */
struct addr plan_target(const struct plan_input *in, uint32_t container, uint8_t family);
/* Reads "00:16:3e:01:02:03", lower case. False, and *ret as it was, when it is none. */
bool plan_parse_mac(struct slice text, uint8_t ret[static PLAN_MAC_SIZE]);
/* Whether a is an address that nobody else of the file has, in the network where containers are:
 * one that a container may take for itself. */
bool plan_believes(const struct conf *c, uint32_t container, const struct addr *a);
/* Whether IPv6 has to be forwarded at all: the bridge has a prefix, or a container an address. */
bool plan_needs_v6(const struct conf *c);
bool plan_wans_equal(const struct plan_wans *a, const struct plan_wans *b);

#endif
