/* Which thing of the control API a request means. Pure. */
#ifndef DAEMON_CONTROL_ROUTE_H
#define DAEMON_CONTROL_ROUTE_H

#include "core/slice.h"

/*
 * Every path of the API: GET reads, POST acts.
 *
 *	X(id, method, path, what it does); "*" stands for one segment, a container's name, and
 *	"!" for a verb of a container
 */
/* clang-format off */
#define CONTROL_ENDPOINT_TABLE(X) \
	X(STATUS,     "GET",  "/v1/status",         "version, generation, processes, certificates, limits, counters") \
	X(USAGE,      "GET",  "/v1/usage",          "what processes, threads, routes and containers use") \
	X(METRICS,    "GET",  "/v1/metrics",        "the same for Prometheus, text format 0.0.4") \
	X(CONFIG,     "GET",  "/v1/config",         "the configuration that runs, as canonical text") \
	X(RELOAD,     "POST", "/v1/reload",         "?from=ADDRESS: of who asks over the network; read the file again; answers after COMMIT or ABORT") \
	X(CONFIRM,    "POST", "/v1/confirm",        "the policy on trial is meant; answers when that is on disk") \
	X(CHECK,      "POST", "/v1/check",          "check the daemon's file, or the text of the body") \
	X(CONTAINERS, "GET",  "/v1/containers",     "all containers") \
	X(CONTAINER,  "GET",  "/v1/containers/*",   "one container") \
	X(JOB,        "POST", "/v1/containers/*/!", "start, stop, restart, freeze or thaw it; answers when done") \
	X(ROUTES,     "GET",  "/v1/routes",         "sites and their routes, and how the targets of those are that are watched") \
	X(FORWARDS,   "GET",  "/v1/forwards",       "forwarded ports") \
	X(CONNTRACK_ALL, "GET", "/v1/conntrack",    "how many flows the kernel remembers of each container") \
	X(CONNTRACK,  "GET",  "/v1/conntrack/*",    "the flows of one container, 1,000 at most") \
	X(BANS,       "GET",  "/v1/bans",           "addresses that are banned, until when and why") \
	X(BAN_ADD,    "POST", "/v1/bans/add",       "?address=ADDRESS&for=TIME: drop all its packets") \
	X(BAN_REMOVE, "POST", "/v1/bans/remove",    "?address=ADDRESS: let it in again") \
	X(BAN_CLEAR,  "POST", "/v1/bans/clear",     "let all in again") \
	X(NFT,        "GET",  "/v1/nft",            "table inet sluice in nft syntax; ?view=both, planned, kernel or diff") \
	X(CACHE,      "GET",  "/v1/cache",          "hits, misses and memory of the cache") \
	X(CACHE_OBJECTS, "GET", "/v1/cache/objects", "what is stored; ?prefix=URL: of these; ?url=URL: of one, with its heads") \
	X(CACHE_PURGE, "POST", "/v1/cache/purge",   "?url=URL, ?prefix=URL or ?tag=TAG: take it out, for all threads at once") \
	X(CACHE_CLEAR, "POST", "/v1/cache/clear",   "take everything out") \
	X(LOG_REOPEN, "POST", "/v1/log/reopen",     "open the access log again, after it was moved") \
	X(EVENTS,     "GET",  "/v1/events",         "a stream, one object a line") \
	X(UPGRADE,    "POST", "/v1/upgrade",        "become the program of the body's path, or ours as it is on disk; ?drain=10m") \
	X(SHUTDOWN,   "POST", "/v1/shutdown",       "stop the containers in reverse order, then end") \
	X(QUIT,       "POST", "/v1/quit",           "end the daemon, leave containers and rules; ?drain=30s: connections first")
/* clang-format on */

enum control_endpoint {
#define CONTROL_ENDPOINT_ENUM(id, method, path, what) CONTROL_##id,
	CONTROL_ENDPOINT_TABLE(CONTROL_ENDPOINT_ENUM)
#undef CONTROL_ENDPOINT_ENUM
		CONTROL_ENDPOINT_COUNT
};

struct control_match {
	enum control_endpoint endpoint;
	struct slice name; /* of a container, where the path has one */
	struct slice verb;
};

/* 0 with *ret, or the status to answer: 404, or 405 with *ret_allow (the method that is right). */
int control_route(
	struct slice method, struct slice path, struct control_match *ret, const char **ret_allow);

#endif
