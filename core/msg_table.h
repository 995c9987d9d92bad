/*
 * Every message between processes: who may send it, who may receive it, how many descriptors it
 * carries, its fields in order, and what it means. What this table does not allow is dropped and
 * logged, by the parent when it relays and by each receiver again.
 *
 * Field letters: b u8, h u16, u u32, U u64, i i32, s string (length-prefixed, no NUL needed).
 * A trailing '*' means that the group in parentheses before it repeats to the message's end.
 *
 *	X(id, senders, receivers, descriptors, fields, meaning)
 */
#ifndef CORE_MSG_TABLE_H
#define CORE_MSG_TABLE_H

#include "core/role.h"

#define MSG_CHILDREN (ROLE_BIT(PROXY) | ROLE_BIT(ROUTER) | ROLE_BIT(LXC) | ROLE_BIT(CONTROL))

/* clang-format off */
#define MSG_TABLE(X) \
	/* life of a child */ \
	X(HELLO,       MSG_CHILDREN, ROLE_BIT(PARENT), 0, "u", \
	  "pid: the child is sandboxed and ready for an offer") \
	/* a generation of the configuration: OFFER, its parts, OFFER_END; READY or REFUSED; COMMIT or ABORT */ \
	X(OFFER,       ROLE_BIT(PARENT), MSG_CHILDREN, 1, "U", \
	  "generation; descriptor: the canonical text, sealed") \
	X(LISTENER,    ROLE_BIT(PARENT), ROLE_BIT(PROXY), 1, "Ushh", \
	  "generation, address, port, thread; descriptor: a listening socket") \
	X(CERTIFICATE, ROLE_BIT(PARENT), ROLE_BIT(PROXY), 1, "Uu", \
	  "generation, ordinal of the certificate; descriptor: the chain in PEM, sealed") \
	X(PRIVATE_KEY, ROLE_BIT(PARENT), ROLE_BIT(PROXY), 1, "Uu", \
	  "generation, ordinal of the certificate; descriptor: the key in PEM, sealed") \
	X(CLIENT_CA,   ROLE_BIT(PARENT), ROLE_BIT(PROXY), 1, "Uu", \
	  "generation, ordinal of client-certificates; descriptor: who may issue them, in PEM, sealed") \
	X(ERROR_PAGE,  ROLE_BIT(PARENT), ROLE_BIT(PROXY), 1, "Uu", \
	  "generation, ordinal of the error-page; descriptor: the page, sealed") \
	X(UPSTREAM_CA, ROLE_BIT(PARENT), ROLE_BIT(PROXY), 1, "Uu", \
	  "generation, index of the authorities that https:// targets are checked with; descriptor: they in PEM, sealed") \
	X(PASSWORDS,   ROLE_BIT(PARENT), ROLE_BIT(PROXY), 1, "Uu", \
	  "generation, ordinal of the first directive that names the file; descriptor: its lines NAME:HASH, sealed") \
	X(BLOCK_LIST,  ROLE_BIT(PARENT), ROLE_BIT(ROUTER), 1, "Uu", \
	  "generation, index of the block-list; descriptor: its addresses, one a line, sealed") \
	X(ADMINS,      ROLE_BIT(PARENT), ROLE_BIT(ROUTER), 0, "Us(h)*", \
	  "generation, address of who asked for it over the network (empty: not known), then ports where SSH is served") \
	X(ROOT,        ROLE_BIT(PARENT), ROLE_BIT(PROXY), 0, "Uus", \
	  "generation, ordinal of the route, the folder's path as the proxy sees it") \
	X(OFFER_END,   ROLE_BIT(PARENT), MSG_CHILDREN, 0, "U", \
	  "generation: all its parts were sent") \
	X(READY,       MSG_CHILDREN, ROLE_BIT(PARENT), 0, "U", \
	  "generation: the next state stands beside the current one") \
	X(REFUSED,     MSG_CHILDREN, ROLE_BIT(PARENT), 0, "Uus", \
	  "generation, ordinal of the directive (0: none), why; in answer to OFFER_END or COMMIT") \
	X(COMMIT,      ROLE_BIT(PARENT), MSG_CHILDREN, 0, "U", \
	  "generation: make it the current one") \
	X(COMMITTED,   MSG_CHILDREN, ROLE_BIT(PARENT), 0, "U", \
	  "generation: it is the current one") \
	X(ABORT,       ROLE_BIT(PARENT), MSG_CHILDREN, 0, "U", \
	  "generation: forget it") \
	/* what belongs to the daemon, not to a generation */ \
	X(TICKET_KEYS, ROLE_BIT(PARENT), ROLE_BIT(PROXY), 1, "u", \
	  "number of keys; descriptor: TICKET_KEY_SIZE bytes each, the newest first, sealed") \
	X(ACCESS_LOG,  ROLE_BIT(PARENT), ROLE_BIT(PROXY), 1, "s", \
	  "path; descriptor: the access log, opened for appending") \
	X(OCSP_ANSWERS, ROLE_BIT(PARENT) | ROLE_BIT(PROXY), ROLE_BIT(PARENT) | ROLE_BIT(PROXY), 1, "u", \
	  "number of OCSP answers; descriptor: they (proxy/tls/staple.h), sealed, at most OCSP_KEPT_MAX bytes: the proxy's to be kept, and the parent's of before") \
	X(CERTIFICATE_STATE, ROLE_BIT(PROXY), ROLE_BIT(CONTROL), 0, "ussUssUs", \
	  "number in the list (0: a new list begins), name, type of its key, expires (wall ms), notes (one a line), state of its OCSP answer, until when that is stapled (wall ms, 0: there is none), why the last question failed") \
	X(SOCKET,      ROLE_BIT(PARENT), ROLE_BIT(CONTROL), 1, "su", \
	  "kind (http or exec), gid that may use it (4294967295: root only); descriptor: the listening unix socket") \
	X(PROCESS,     ROLE_BIT(PARENT), ROLE_BIT(CONTROL), 0, "suuUs", \
	  "name, pid (0: not running), restarts, started (wall ms), note") \
	X(RECORD,      ROLE_BIT(ROUTER), ROLE_BIT(PARENT), 0, "sss", \
	  "kind (sysctl or link), its name, its value before us: written to state so that it can be undone") \
	X(RECORDED,    ROLE_BIT(PARENT), ROLE_BIT(ROUTER), 0, "s", \
	  "name: the record is on disk, the change may be made") \
	/* what comes in to the host itself (core/trial_state.h) */ \
	X(POLICY,      ROLE_BIT(PARENT), ROLE_BIT(ROUTER), 1, "u", \
	  "0; descriptor: what the last POLICY_KEEP gave, sealed; before the first offer") \
	X(POLICY_KEEP, ROLE_BIT(ROUTER), ROLE_BIT(PARENT), 1, "U", \
	  "id of a POLICY_CONFIRM that is to be answered with an OUTCOME (0: none); descriptor: policies that are confirmed and tried, sealed, to be put on disk") \
	X(POLICY_STATE, ROLE_BIT(ROUTER) | ROLE_BIT(PARENT), ROLE_BIT(PARENT) | ROLE_BIT(CONTROL), 0, "Ubs", \
	  "until when a trial lasts (wall ms, 0: there is none), how it stands with the policy (enum trial_state), addresses of administrators whom it shuts out (with blanks between)") \
	/* containers */ \
	X(SYNC,        ROLE_BIT(PARENT), ROLE_BIT(LXC) | ROLE_BIT(PROXY), 0, "s", \
	  "name of the role that just started: send every CONTAINER, CERTIFICATE_STATE again") \
	X(CONTAINER,   ROLE_BIT(LXC), ROLE_BIT(PARENT) | ROLE_BIT(PROXY) | ROLE_BIT(ROUTER) | ROLE_BIT(CONTROL), 0, "sbbUuussssss", \
	  "name, state (enum container_state), managed, changed (wall ms), init's pid, restarts, address, address6, mac, veth, job, notes (one a line)") \
	X(CONTAINER_GONE, ROLE_BIT(LXC), ROLE_BIT(PARENT) | ROLE_BIT(PROXY) | ROLE_BIT(ROUTER) | ROLE_BIT(CONTROL), 0, "s", \
	  "name: it no longer exists") \
	X(JOB,         ROLE_BIT(CONTROL), ROLE_BIT(LXC), 0, "Uss", \
	  "id, verb (start stop restart freeze thaw), container") \
	X(JOB_DONE,    ROLE_BIT(LXC), ROLE_BIT(CONTROL), 0, "Ubs", \
	  "id, 1 when it succeeded, why not") \
	X(EXEC,        ROLE_BIT(CONTROL), ROLE_BIT(LXC), 1, "U", \
	  "id; descriptor: the authenticated connection of a `sluice container exec|console`") \
	X(STOP_ALL,    ROLE_BIT(PARENT), ROLE_BIT(LXC), 0, "u", \
	  "0: stop every managed container in reverse order, start none from now on") \
	X(STOPPED_ALL, ROLE_BIT(LXC), ROLE_BIT(PARENT), 0, "u", \
	  "how many could not be stopped") \
	X(HELPER_JOB,  ROLE_BIT(LXC), ROLE_BIT(HELPER), 1, "sss", \
	  "verb, lxc-path, container; descriptor: the job's arguments, sealed (lxc/job.h)") \
	X(HELPER_NOTE, ROLE_BIT(HELPER), ROLE_BIT(LXC), 0, "s", \
	  "progress, one line") \
	X(HELPER_DONE, ROLE_BIT(HELPER), ROLE_BIT(LXC), 0, "is", \
	  "0 or -1, the result's text (lxc/job.h) or why not") \
	/* bans */ \
	X(BAN,         ROLE_BIT(PROXY) | ROLE_BIT(CONTROL), ROLE_BIT(ROUTER), 0, "UsUs", \
	  "id (of control: BAN_DONE follows), address, for how long (ms), why: drop all its packets") \
	X(UNBAN,       ROLE_BIT(CONTROL), ROLE_BIT(ROUTER), 0, "Us", \
	  "id, address (empty: all): let it in again; BAN_DONE follows") \
	X(BAN_DONE,    ROLE_BIT(ROUTER), ROLE_BIT(CONTROL), 0, "Ubs", \
	  "id, 1 when it was done, why not") \
	X(BANS_GET,    ROLE_BIT(CONTROL), ROLE_BIT(ROUTER), 0, "U", \
	  "id: send BANS") \
	X(BANS,        ROLE_BIT(ROUTER), ROLE_BIT(CONTROL), 0, "Ub(sUUs)*", \
	  "id, 1 when more follow, then of each its address, since and until when (wall ms), why") \
	X(NFT_GET,     ROLE_BIT(CONTROL), ROLE_BIT(ROUTER), 0, "Ub", \
	  "id, which text of table inet sluice (enum nft_view): send NFT_TEXT") \
	X(NFT_TEXT,    ROLE_BIT(ROUTER), ROLE_BIT(CONTROL), 1, "Ubs", \
	  "id, 1 when kernel and plan agree, why there is no text; descriptor: the text, sealed") \
	X(FORWARDS_GET, ROLE_BIT(CONTROL), ROLE_BIT(ROUTER), 0, "U", \
	  "id: send FORWARDS") \
	X(FORWARDS,    ROLE_BIT(ROUTER), ROLE_BIT(CONTROL), 0, "Ub(uUUU)*", \
	  "id, 1 when more follow, then of each forward its ordinal, connections, packets and bytes") \
	X(CONNTRACK_GET, ROLE_BIT(CONTROL), ROLE_BIT(ROUTER), 0, "Us", \
	  "id, container: send CONNTRACK; without a name CONNTRACK_COUNTS") \
	X(CONNTRACK,   ROLE_BIT(ROUTER), ROLE_BIT(CONTROL), 0, "UbUs(bbssssuUU)*", \
	  "id, 1 when more follow, flows in all, why there are none; of each its protocol, 1 when the container was called, state, source, what was called, who answers, seconds left, packets, bytes") \
	X(CONNTRACK_COUNTS, ROLE_BIT(ROUTER), ROLE_BIT(CONTROL), 0, "UbUUs(sUU)*", \
	  "id, 1 when more follow, flows of anybody now and at most, why there are none; of each container its name, flows that called it, flows that it called") \
	/* control */ \
	X(RELOAD,      ROLE_BIT(CONTROL), ROLE_BIT(PARENT), 0, "Us", \
	  "id, address of who asks over the network (empty: not known): read the file again") \
	X(CHECK,       ROLE_BIT(CONTROL), ROLE_BIT(PARENT), 0, "U", \
	  "id: read the file, check it, change nothing") \
	X(POLICY_CONFIRM, ROLE_BIT(CONTROL), ROLE_BIT(ROUTER), 0, "U", \
	  "id: the policy on trial is meant; an OUTCOME follows, of the parent when it is on disk or of the router when there is none") \
	X(OUTCOME,     ROLE_BIT(PARENT) | ROLE_BIT(ROUTER), ROLE_BIT(CONTROL), 0, "UbUss", \
	  "id, 1 when it succeeded, generation that runs, errors or warnings (file:line:col: text, one a line), after a reload the place of each certificate (file:line:col, one a line)") \
	X(QUIT,        ROLE_BIT(CONTROL), ROLE_BIT(PARENT), 0, "UU", \
	  "id, ms that open connections get (0: none): end the daemon, leave containers and rules") \
	X(SHUTDOWN,    ROLE_BIT(CONTROL), ROLE_BIT(PARENT), 0, "U", \
	  "id: stop the containers in reverse order, then end the daemon") \
	X(STATS_GET,   ROLE_BIT(CONTROL), ROLE_BIT(PARENT) | ROLE_BIT(PROXY) | ROLE_BIT(ROUTER) | ROLE_BIT(LXC), 0, "U", \
	  "id: send your counters") \
	X(STATS,       ROLE_BIT(PARENT) | ROLE_BIT(PROXY) | ROLE_BIT(ROUTER) | ROLE_BIT(LXC), ROLE_BIT(CONTROL), 0, "U(hU)*", \
	  "id, then counter (enum stat_id) and value") \
	X(DIAL,        ROLE_BIT(PROXY), ROLE_BIT(PARENT), 0, "Us", \
	  "id, a unix socket that a target of the configuration names: connect to it") \
	X(DIALED,      ROLE_BIT(PARENT), ROLE_BIT(PROXY), 1, "U", \
	  "id; descriptor: the connection") \
	X(DIAL_FAILED, ROLE_BIT(PARENT), ROLE_BIT(PROXY), 0, "Ui", \
	  "id, why not (errno)") \
	X(CACHE_ASK,   ROLE_BIT(CONTROL), ROLE_BIT(PROXY), 0, "Ubs", \
	  "id, what (enum cache_order), of which URL, prefix or tag: do it, and send CACHE_SAID") \
	X(CACHE_SAID,  ROLE_BIT(PROXY), ROLE_BIT(CONTROL), 1, "UU", \
	  "id, how many stored answers it was about; descriptor: those that were asked for (core/report.h), sealed") \
	X(TARGETS_GET, ROLE_BIT(CONTROL), ROLE_BIT(PROXY), 0, "U", \
	  "id: say how the targets of routes are") \
	X(TARGETS,     ROLE_BIT(PROXY), ROLE_BIT(CONTROL), 0, "UUb(uhbuUUUUs)*", \
	  "id, generation, 1 when no more follows; then of each target that is watched: ordinal of its route, its index there, state (enum health_state), requests under way, requests, failures, last failure and last check (wall ms, 0: never), why that was bad") \
	X(EVENT,       ROLE_BIT(PARENT) | ROLE_BIT(PROXY) | ROLE_BIT(ROUTER) | ROLE_BIT(LXC), ROLE_BIT(CONTROL), 0, "s(ss)*", \
	  "what happened, then key and value: for /v1/events") \
	X(UPGRADE,     ROLE_BIT(CONTROL), ROLE_BIT(PARENT), 0, "UUs", \
	  "id, ms that old connections get, path of the new program (empty: where ours lies): become it; answered with an OUTCOME") \
	X(LOG_REOPEN,  ROLE_BIT(CONTROL), ROLE_BIT(PARENT), 0, "U", \
	  "id: open the access log again, and answer with an OUTCOME") \
	X(DRAIN,       ROLE_BIT(PARENT), ROLE_BIT(PROXY), 0, "U", \
	  "ms that open connections get: accept no more, end when none is left or the time is over") \
	X(DRAIN_LEFT,  ROLE_BIT(PROXY), ROLE_BIT(PARENT), 0, "u", \
	  "client connections that are still open; it accepts no more") \
	X(USAGE_GET,   ROLE_BIT(CONTROL), ROLE_BIT(PARENT) | ROLE_BIT(PROXY) | ROLE_BIT(LXC), 0, "U", \
	  "id: send the USAGE_ that is yours") \
	X(USAGE_PROCESSES, ROLE_BIT(PARENT), ROLE_BIT(CONTROL), 0, "U(suUUUUUU)*", \
	  "id, then name, pid, resident bytes, proportional bytes, CPU ms, descriptors, their limit, started (wall ms)") \
	X(USAGE_CONTAINERS, ROLE_BIT(LXC), ROLE_BIT(CONTROL), 0, "U(sUU)*", \
	  "id, then name of a running container, CPU us, bytes of memory") \
	X(USAGE_PROXY, ROLE_BIT(PROXY), ROLE_BIT(CONTROL), 1, "U", \
	  "id; descriptor: threads, close reasons and routes (core/report.h), sealed")
/* clang-format on */

enum msg_type {
	MSG_NONE, /* type 0 is never valid */
#define MSG_ENUM(id, senders, receivers, fds, fields, meaning) MSG_##id,
	MSG_TABLE(MSG_ENUM)
#undef MSG_ENUM
		MSG_TYPE_COUNT
};

#endif
