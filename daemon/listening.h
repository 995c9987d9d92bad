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

/* An address that a reload dropped. The proxy still accepts there for a moment. */
struct listening_gone {
	struct addr addr;
	uint16_t port;
	uint64_t until_ms;
};

struct listening_set {
	struct listening **items;
	size_t n;
	struct listening_gone *gone;
	size_t n_gone;
};

/* Longer than the proxy's grace (proxy/listener.h) and what a busy machine adds to it. */
#define LISTENING_GONE_MS 10000

/* All that c wants: what `have` (may be NULL) already has is shared, the rest is opened. A NEW
 * address is first bound without SO_REUSEPORT, so that another owner is found and named; then
 * once a thread with it. 0, or -1 with e filled (ordinal of the listen); then nothing is left
 * open. */
int listening_open(const struct conf *c, uint32_t threads, const struct listening_set *have,
	struct listening_set *ret, struct err *e);
/* `now` follows `before`: what it drops is remembered, because an address that comes back at once
 * is still held by our own proxy, and that is no other program. */
void listening_follow(struct listening_set *now, const struct listening_set *before);
/* Closes what no other set shares. */
void listening_set_clear(struct listening_set *set);

#endif
