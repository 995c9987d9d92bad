/*
 * Who is banned and until when: the list of which the kernel's sets ban4 and ban6 are the image.
 * Pure. IPv6 addresses are banned by their /64. The kernel forgets by itself what has expired; here
 * it is swept out at the next occasion.
 */
#ifndef ROUTER_BANS_H
#define ROUTER_BANS_H

#include "conf/conf.h"
#include "router/ruleset.h"

#define BANS_WHY_MAX 64

struct ban {
	struct addr addr;            /* of IPv6 the network's */
	uint64_t since_ms, until_ms; /* monotonic */
	char why[BANS_WHY_MAX];
};

struct bans {
	struct ban *v; /* sorted by address */
	size_t n, cap;
};

void bans_clear(struct bans *b);
/* What is banned with this address: itself, or its /64. */
struct addr bans_subject(const struct addr *a);
/* The ban of this subject, or NULL. */
const struct ban *bans_find(const struct bans *b, const struct addr *subject);
/* Adds it, or replaces the one there is by it when it lasts longer. 1: the kernel's element is to
 * be replaced, 0: it is to be added, 2: nothing is to be done; -1 with e filled. */
enum bans_change { BANS_NEW, BANS_LONGER, BANS_KNOWN, BANS_REFUSED };
enum bans_change bans_add(struct bans *b, const struct ban *ban, struct err *e);
/* Whether there was one. */
bool bans_remove(struct bans *b, const struct addr *subject);
/* Forgets what has expired; returns how many. */
size_t bans_sweep(struct bans *b, uint64_t now_ms);

/* Who must not be banned: the file's `never` and `trusted`, the bridge's networks, loopback,
 * addresses that are nobody's. own: the host's addresses; peers: those of administrators. 0, or -1
 * with e filled, in words for people. */
struct bans_guarded {
	const struct conf *conf;
	const struct addr *own, *peers;
	size_t n_own, n_peers;
};
int bans_check(const struct addr *subject, const struct bans_guarded *g, struct err *e);

#endif
