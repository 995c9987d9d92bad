/*
 * Listening sockets. The parent holds them, so that they outlive the proxy: an address that two
 * generations share keeps its sockets, and no connection is refused in between.
 */
#ifndef DAEMON_LISTENING_H
#define DAEMON_LISTENING_H

#include "conf/conf.h"

/* One address and port, one socket a thread; shared by the generations that use it. */
struct listening {
	uint32_t refs;
	struct addr addr;
	uint16_t port;
	uint32_t n_fds;
	int *fds;
};

struct listening_set {
	struct listening **items;
	size_t n;
};

/* All that c wants: what `have` (may be NULL) already has is shared, the rest is opened. A NEW
 * address is first bound without SO_REUSEPORT, so that another owner is found and named; then
 * once a thread with it. 0, or -1 with e filled (ordinal of the listen); then nothing is left
 * open. */
int listening_open(const struct conf *c, uint32_t threads, const struct listening_set *have,
	struct listening_set *ret, struct err *e);
/* Closes what no other set shares. */
void listening_set_clear(struct listening_set *set);

#endif
