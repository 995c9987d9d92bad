/*
 * The roles: one row a process. The name is argv[0]'s second word ("sluiced: proxy"), the log's
 * speaker and the key of the sandbox table.
 */
#ifndef CORE_ROLE_H
#define CORE_ROLE_H

#include <stdint.h>

/*        id       name       what it does                                                  */
#define ROLE_TABLE(X)                                                                              \
	X(PARENT, "parent", "reads files, binds sockets, spawns, relays messages")                 \
	X(PROXY, "proxy", "TLS, HTTP, routing, upstreams, static files")                           \
	X(ROUTER, "router", "bridge, nftables table, conntrack, sysctls")                          \
	X(LXC, "lxc", "containers: wanted state, boot order, jobs")                                \
	X(CONTROL, "control", "the control API on a unix socket")                                  \
	X(HELPER, "helper", "one liblxc call, exec'd by lxc")

enum role {
#define ROLE_ENUM(id, name, what) ROLE_##id,
	ROLE_TABLE(ROLE_ENUM)
#undef ROLE_ENUM
		ROLE_COUNT
};

#define ROLE_BIT(id) (UINT32_C(1) << ROLE_##id)

/* "proxy"; never NULL for a valid role. */
const char *role_name(enum role role);
/* 0 and *ret, or -1 for a name that no role has. */
int role_find(const char *name, enum role *ret);

#endif
