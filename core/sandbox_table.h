/*
 * What each role may do once it runs. One row a role:
 *
 *	X(role, user, capabilities kept, seccomp list, TCP, meaning)
 *
 * user: NULL keeps the parent's. list: a table of sandbox_calls.h, NONE for no sandbox at all.
 * TCP: what Landlock leaves of it (where the kernel's has network rules): CONNECT or NOTHING;
 * binding is the parent's, for every role.
 */
#ifndef CORE_SANDBOX_TABLE_H
#define CORE_SANDBOX_TABLE_H

#include <linux/capability.h>
#include <stdint.h>

#define SANDBOX_CAP(name) (UINT64_C(1) << (name))

/* clang-format off */
#define SANDBOX_TABLE(X) \
	X(PARENT, NULL, 0, NONE, NOTHING, \
	  "root: opens what the others may not; takes no input but files and messages") \
	X(PROXY, "sluice-proxy", 0, PROXY, CONNECT, \
	  "speaks to the internet: sockets, threads, reading the folders given") \
	X(ROUTER, "sluice-router", SANDBOX_CAP(CAP_NET_ADMIN), ROUTER, NOTHING, \
	  "speaks netlink to the kernel and writes network sysctls") \
	X(LXC, NULL, 0, NONE, NOTHING, \
	  "root: liblxc needs it, and hands it on to its helpers; takes no input but messages") \
	X(CONTROL, "sluice-control", 0, CONTROL, NOTHING, \
	  "serves unix sockets that the parent bound") \
	X(HELPER, NULL, 0, NONE, NOTHING, \
	  "root: one call of liblxc, which mounts, forks, changes users and execs")
/* clang-format on */

#endif
