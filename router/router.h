/*
 * The router process: bridge, sysctls, nftables table `inet sluice`, conntrack. What daemon/ may
 * see of it.
 */
#ifndef ROUTER_ROUTER_H
#define ROUTER_ROUTER_H

#include "conf/conf.h"
#include "core/addr.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"
#include "router/findings.h"

/* The process's main function: takes its channel at PROC_FD_CHANNEL, enters its sandbox, runs
 * until the channel closes. Kernel rules stay. Returns the exit status. */
int router_main(void);

/* `sluiced --undo`: deletes table inet sluice, and undoes what records (the text of
 * STATE/router.records, one RECORD a line) says, newest first: sysctls get their old value back,
 * a bridge of ours goes when nothing is attached to it. What is gone already is no error.
 * 0 or -1 with e filled (the rest is done all the same). */
int router_undo(struct slice records, struct err *e);

/* `sluice doctor`: adds what on this host stands in the way of this configuration. Needs root;
 * changes nothing. 0, or -1 when the host could not be read. */
int router_doctor(const struct conf *conf, struct findings *ret, struct err *e);

/* `sluice check`: whether this host knows a way to every address that is forwarded to, other than
 * its default route. 0, or -1 with e filled (the ordinal of the first forward without one). */
int router_check_targets(const struct conf *conf, struct err *e);

/* Who answers for these addresses on the link; mac "" for nobody. Takes 150 ms, in which it blocks,
 * unless the link is not there. 0, or -1: the kernel could not be asked. */
#define ROUTER_MAC_MAX 18
struct router_neighbour {
	struct addr addr;
	char mac[ROUTER_MAC_MAX];
};
int router_neighbours(const char *link, struct router_neighbour *v, size_t n, struct err *e);

/* `sluice trace`: waits for a packet and tells what nftables does with it. */
struct router_trace {
	struct addr from;
	bool udp; /* otherwise TCP */
	uint16_t port;
	uint64_t for_ms; /* how long to wait for one */
};
/* Appends the text; *ret_passed when a packet came and was not dropped. Needs root. 0 or -1. */
int router_trace(const struct router_trace *ask, struct buf *out, bool *ret_passed, struct err *e);

#endif
