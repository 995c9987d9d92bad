/*
 * The commands of `sluice`: one table for dispatch, usage, completion and the manual page.
 *
 *	X(id, words, arguments, what it does)
 */
#ifndef DAEMON_CTL_COMMANDS_H
#define DAEMON_CTL_COMMANDS_H

#include "core/buf.h"
#include "core/err.h"
#include "core/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* clang-format off */
#define CTL_TABLE(X) \
	X(STATUS,            "status",            "", "version, generation, what needs attention, processes, certificates, limits and counters of the daemon") \
	X(TOP,               "top",               "[--once]", "requests, latency, processes and containers, live; --once: one table of one second") \
	X(CHECK,             "check",             "[FILE]", "check FILE, or the daemon's own file, and change nothing") \
	X(RELOAD,            "reload",            "[--confirm]", "read the file again; waits until the new configuration runs or is refused; --confirm: what it shuts is meant") \
	X(CONFIRM,           "confirm",           "", "what the last reload shut is meant: end its trial") \
	X(CONFIG_SHOW,       "config show",       "", "the configuration that runs") \
	X(CONTAINER_LS,      "container ls",      "", "containers, their state and address") \
	X(CONTAINER_START,   "container start",   "NAME…", "start containers") \
	X(CONTAINER_STOP,    "container stop",    "NAME…", "stop containers, gracefully at first") \
	X(CONTAINER_RESTART, "container restart", "NAME…", "stop and start containers") \
	X(CONTAINER_FREEZE,  "container freeze",  "NAME…", "suspend all processes of containers") \
	X(CONTAINER_THAW,    "container thaw",    "NAME…", "let frozen containers go on") \
	X(CONTAINER_EXEC,    "container exec",    "NAME -- COMMAND [ARGUMENT…]", "run a command in a container, on this terminal") \
	X(CONTAINER_CONSOLE, "container console", "NAME", "the console of a container; Ctrl-a q leaves it") \
	X(ROUTE_LS,          "route ls",          "", "sites and routes, and where they lead") \
	X(FORWARD_LS,        "forward ls",        "", "forwarded ports, and where they lead") \
	X(CONNTRACK,         "conntrack",         "[NAME]", "how many flows the kernel remembers of each container, or the flows of one") \
	X(BAN_LS,            "ban ls",            "", "addresses whose packets are dropped, until when and why") \
	X(BAN_ADD,           "ban add",           "ADDRESS [for TIME]", "drop all packets of an address, or of the /64 of an IPv6 address") \
	X(BAN_RM,            "ban rm",            "ADDRESS", "let an address in again") \
	X(BAN_CLEAR,         "ban clear",         "", "let all in again") \
	X(BAN,               "ban",               "ADDRESS [for TIME]", "short for ban add") \
	X(CACHE_STATUS,      "cache status",      "", "hits, misses and memory of the cache") \
	X(CACHE_LS,          "cache ls",          "[PREFIX]", "what is stored, of all URLs or of those that begin so") \
	X(CACHE_SHOW,        "cache show",        "URL", "the stored answers of a URL, with their heads") \
	X(CACHE_PURGE,       "cache purge",       "URL | --prefix URL | --tag TAG", "take answers out of the cache, for all threads at once") \
	X(CACHE_CLEAR,       "cache clear",       "", "take all answers out of the cache") \
	X(NFT_SHOW,          "nft show",          "[--planned|--kernel|--diff]", "table inet sluice as the kernel has it, and in what it differs from the plan; --planned, --kernel, --diff: one of these alone") \
	X(DOCTOR,            "doctor",            "[FILE]", "find what on this host stands in the way of the running configuration, or of FILE, and how to mend it") \
	X(TRACE,             "trace",             "ADDRESS tcp|udp PORT [for TIME]", "wait for a packet of this client to this port, and say what nftables does with it and why") \
	X(IMPORT,            "import",            "iptables|nft|lxc-net [FILE]", "print rules of iptables or nft, or the configuration of lxc-net and its containers, as directives") \
	X(LOG_REOPEN,        "log reopen",        "", "open the access log again, after it was moved") \
	X(EVENTS,            "events",            "", "what happens, as it happens, until interrupted") \
	X(UPGRADE,           "upgrade",           "[--drain TIME] [PROGRAM]", "replace the running daemon by its new program, without a connection refused or lost") \
	X(SHUTDOWN,          "shutdown",          "", "stop all containers in reverse order, then end the daemon") \
	X(QUIT,              "quit",              "[--drain TIME]", "end the daemon; containers and rules stay; --drain: open connections get this time") \
	X(COMPLETE,          "complete",          "[WORD…]", "the words that may come next, for the shell's completion") \
	X(HELP,              "help",              "[COMMAND]", "this text, or that of one command") \
	X(VERSION,           "version",           "", "the version of sluice")
/* clang-format on */

enum ctl_command {
#define CTL_ENUM(id, words, arguments, what) CTL_##id,
	CTL_TABLE(CTL_ENUM)
#undef CTL_ENUM
		CTL_COUNT
};

/* `sluice [-s SOCKET] [--json] COMMAND…`, understood. */
struct ctl_line {
	const char *socket;
	bool json;
	enum ctl_command command;
	char **args; /* of the command, NULL-terminated, `--` left out; owned */
	size_t n_args;
	bool dashes; /* a `--` stood before args[dashes_at] */
	size_t dashes_at;
	bool socket_given; /* by -s */
	bool help;
	int help_of; /* HELP: a command, or -1: of those that args begin with, or of all */
};

/* One row of the table. */
struct ctl_row {
	const char *words, *arguments, *what;
};

/* Pure. argv without argv[0]. 0 with *ret (free args), or -1 with e filled. */
int ctl_parse(int argc, char *const *argv, struct ctl_line *ret, struct err *e);
const struct ctl_row *ctl_row(enum ctl_command command);
/* How many of argv's words are those of a command, which is *ret then; 0: of none. */
int ctl_find(int argc, char *const *argv, enum ctl_command *ret);
/* The candidates for the word behind these, one a line. *ret_names: a container's name may come
 * next. 0 or -1. */
int ctl_complete(int argc, char *const *argv, struct buf *out, bool *ret_names);
/* "container" of "container start", for JSON paths: the last word. */
const char *ctl_verb(enum ctl_command command);

#endif
