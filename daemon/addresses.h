/*
 * `address auto`: the acting half of address_plan.h. Reads STATE/addresses and the LXC
 * configurations, asks the bridge who is there, writes the book before anybody gets what it says.
 */
#ifndef DAEMON_ADDRESSES_H
#define DAEMON_ADDRESSES_H

#include "conf/conf.h"

/* Chooses an address for each container of c that asks for one, and warns of addresses of the file
 * that another container's LXC configuration has, too. Blocks for 150 ms where an address is chosen
 * on a bridge that is there. state: the daemon's folder. 0, or -1 with e filled (with its place).
 */
int addresses_settle(
	struct conf *c, const char *state, const struct conf_places *places, struct err *e);

#endif
