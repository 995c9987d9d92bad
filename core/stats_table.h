/*
 * Every counter: X(id, name, process, kind, meaning). kind: counter (only grows) or gauge.
 * The order is the wire order within one version of the program.
 */
#ifndef CORE_STATS_TABLE_H
#define CORE_STATS_TABLE_H

/* clang-format off */
#define STATS_TABLE(X) \
	X(CONNECTIONS_ACCEPTED, "connections_accepted", PROXY, COUNTER, "client connections accepted") \
	X(CONNECTIONS_OPEN, "connections_open", PROXY, GAUGE, "client connections open now") \
	X(CONNECTIONS_REFUSED, "connections_refused", PROXY, COUNTER, "client connections refused because all were busy") \
	X(REQUESTS_SHED, "requests_shed", PROXY, COUNTER, "requests answered with 503 for want of memory") \
	X(TLS_HANDSHAKES, "tls_handshakes", PROXY, COUNTER, "TLS handshakes completed") \
	X(TLS_RESUMED, "tls_resumed", PROXY, COUNTER, "TLS handshakes that resumed a session") \
	X(TLS_KERNEL, "tls_kernel", PROXY, COUNTER, "TLS connections whose records the kernel came to write, for a large file") \
	X(TLS_KERNEL_FAILED, "tls_kernel_failed", PROXY, COUNTER, "TLS connections of which the kernel refused that") \
	X(TLS_FAILED, "tls_failed", PROXY, COUNTER, "TLS handshakes that failed") \
	X(TLS_STAPLED, "tls_stapled", PROXY, COUNTER, "TLS handshakes that carried an OCSP answer") \
	X(OCSP_ASKED, "ocsp_asked", PROXY, COUNTER, "questions to OCSP responders") \
	X(OCSP_FAILED, "ocsp_failed", PROXY, COUNTER, "questions to OCSP responders without a usable answer") \
	X(H2_CONNECTIONS, "h2_connections", PROXY, COUNTER, "client connections that speak HTTP/2") \
	X(H2_STREAMS, "h2_streams", PROXY, COUNTER, "requests that came as a stream of HTTP/2") \
	X(H2_FLOODS, "h2_floods", PROXY, COUNTER, "HTTP/2 connections ended because their frames moved nothing") \
	X(REQUESTS, "requests", PROXY, COUNTER, "requests answered") \
	X(REQUESTS_BAD, "requests_bad", PROXY, COUNTER, "requests refused because they were malformed") \
	X(ACCESS_DENIED, "access_denied", PROXY, COUNTER, "requests refused by access rules") \
	X(RATE_LIMITED, "rate_limited", PROXY, COUNTER, "requests refused by rate-limit") \
	X(CONNECTION_LIMITED, "connection_limited", PROXY, COUNTER, "requests refused by connection-limit") \
	X(LOGINS_FAILED, "logins_failed", PROXY, COUNTER, "requests with a wrong password, or with a user that is not known") \
	X(LOGINS_REFUSED, "logins_refused", PROXY, COUNTER, "requests refused because too many passwords were waiting to be checked") \
	X(VIOLATIONS, "violations", PROXY, COUNTER, "what clients did that counts towards a ban") \
	X(AUTH_REFUSED, "auth_refused", PROXY, COUNTER, "requests that an authentication server refused") \
	X(AUTH_FAILED, "auth_failed", PROXY, COUNTER, "requests refused because an authentication server failed") \
	X(RESPONSES_4XX, "responses_4xx", PROXY, COUNTER, "answers with a 4xx status") \
	X(RESPONSES_5XX, "responses_5xx", PROXY, COUNTER, "answers with a 5xx status") \
	X(BYTES_RECEIVED, "bytes_received", PROXY, COUNTER, "body bytes received from clients") \
	X(BYTES_SENT, "bytes_sent", PROXY, COUNTER, "body bytes sent to clients") \
	X(UPSTREAM_CONNECTS, "upstream_connects", PROXY, COUNTER, "connections opened to backends") \
	X(UPSTREAM_REUSED, "upstream_reused", PROXY, COUNTER, "requests sent on a kept backend connection") \
	X(UPSTREAM_TLS, "upstream_tls", PROXY, COUNTER, "TLS handshakes with backends completed") \
	X(UPSTREAM_TLS_RESUMED, "upstream_tls_resumed", PROXY, COUNTER, "TLS handshakes with backends that resumed a session") \
	X(UPSTREAM_FAILED, "upstream_failed", PROXY, COUNTER, "exchanges that ended with 502 or 504") \
	X(UPSTREAM_RETRIES, "upstream_retries", PROXY, COUNTER, "requests sent once more") \
	X(BODIES_SPILLED, "bodies_spilled", PROXY, COUNTER, "bodies of which a part went to a file") \
	X(SPOOL_FAILED, "spool_failed", PROXY, COUNTER, "bodies that the state folder's spool could not store") \
	X(REQUESTS_WAITING, "requests_waiting", PROXY, GAUGE, "requests waiting for a container now") \
	X(TUNNELS_OPEN, "tunnels_open", PROXY, GAUGE, "WebSockets and other tunnels open now") \
	X(COMPRESSED, "compressed", PROXY, COUNTER, "answers compressed") \
	X(COMPRESS_SKIPPED, "compress_skipped", PROXY, COUNTER, "answers left uncompressed for want of time or memory") \
	X(CACHE_HITS, "cache_hits", PROXY, COUNTER, "requests answered from the cache") \
	X(CACHE_MISSES, "cache_misses", PROXY, COUNTER, "requests for which the cache had nothing fresh") \
	X(CACHE_VALIDATED, "cache_validated", PROXY, COUNTER, "stale answers that the backend said are still right") \
	X(CACHE_STALE, "cache_stale", PROXY, COUNTER, "stale answers served because the backend failed") \
	X(CACHE_COLLAPSED, "cache_collapsed", PROXY, COUNTER, "requests that waited for another's answer") \
	X(CACHE_BYTES, "cache_bytes", PROXY, COUNTER, "body bytes that no backend had to send") \
	X(CACHE_STORED, "cache_stored", PROXY, COUNTER, "answers stored") \
	X(CACHE_EVICTED, "cache_evicted", PROXY, COUNTER, "stored answers that made room for others") \
	X(CACHE_PURGED, "cache_purged", PROXY, COUNTER, "stored answers taken out by purge and clear") \
	X(CACHE_OBJECTS, "cache_objects", PROXY, GAUGE, "answers in the cache now") \
	X(CACHE_MEMORY, "cache_memory", PROXY, GAUGE, "bytes that the cache takes now, everything counted") \
	X(CACHE_DISK_HITS, "cache_disk_hits", PROXY, COUNTER, "answers read from the disk into memory") \
	X(CACHE_DISK_WRITES, "cache_disk_writes", PROXY, COUNTER, "answers written to the disk") \
	X(CACHE_DISK_DROPPED, "cache_disk_dropped", PROXY, COUNTER, "answers not written: the disk is too slow, full or broken") \
	X(CACHE_DISK_ERRORS, "cache_disk_errors", PROXY, COUNTER, "what the disk has refused") \
	X(CACHE_DISK_CORRUPTED, "cache_disk_corrupted", PROXY, COUNTER, "damaged answers and files found on the disk") \
	X(CACHE_DISK_EVICTED, "cache_disk_evicted", PROXY, COUNTER, "answers on disk that made room for others") \
	X(CACHE_DISK_STATE, "cache_disk_state", PROXY, GAUGE, "the disk: 0 off, 1 waiting, 2 loading, 3 open, 4 failed") \
	X(CACHE_DISK_OBJECTS, "cache_disk_objects", PROXY, GAUGE, "answers on disk now") \
	X(CACHE_DISK_BYTES, "cache_disk_bytes", PROXY, GAUGE, "bytes of the cache's files now") \
	X(CACHE_DISK_INDEX, "cache_disk_index", PROXY, GAUGE, "bytes of memory that know what is on disk") \
	X(REQUESTS_QUEUED, "requests_queued", PROXY, GAUGE, "requests waiting for a place at a target now") \
	X(REQUESTS_HELD, "requests_held", PROXY, COUNTER, "requests sent later because very many were unanswered there") \
	X(ACCEPT_PAUSED, "accept_paused", PROXY, COUNTER, "times accepting paused for want of descriptors") \
	X(ACCESS_LINES_DROPPED, "access_lines_dropped", PROXY, COUNTER, "lines of the access log that could not be written") \
	X(RULESET_COMMITS, "ruleset_commits", ROUTER, COUNTER, "nftables batches accepted by the kernel") \
	X(RULESET_REINSTALLED, "ruleset_reinstalled", ROUTER, COUNTER, "times the table was re-installed because somebody removed it") \
	X(SPOOFED_DROPPED, "spoofed_dropped", ROUTER, COUNTER, "frames of containers dropped because their source was not the container's own") \
	X(POLICY_ROLLBACKS, "policy_rollbacks", ROUTER, COUNTER, "policies of open that nobody confirmed in time") \
	X(EGRESS_DROPPED, "egress_dropped", ROUTER, COUNTER, "packets of containers dropped by egress deny") \
	X(ISOLATED_DROPPED, "isolated_dropped", ROUTER, COUNTER, "frames from container to container dropped by isolate") \
	X(BANS, "bans", ROUTER, COUNTER, "addresses banned") \
	X(BANS_ACTIVE, "bans_active", ROUTER, GAUGE, "addresses that are banned now") \
	X(CONNTRACK_FLUSHED, "conntrack_flushed", ROUTER, COUNTER, "conntrack flushes for changed forwards") \
	X(CONNTRACK_ENTRIES, "conntrack_entries", ROUTER, GAUGE, "flows that the kernel remembers now, of anybody") \
	X(CONNTRACK_MAX, "conntrack_max", ROUTER, GAUGE, "flows that the kernel remembers at most; beyond it drops new ones") \
	X(CONTAINERS_RUNNING, "containers_running", LXC, GAUGE, "managed containers running now") \
	X(CONTAINER_STARTS, "container_starts", LXC, COUNTER, "containers started") \
	X(HELPERS_RUN, "helpers_run", LXC, COUNTER, "helper processes run") \
	X(HELPERS_FAILED, "helpers_failed", LXC, COUNTER, "helper processes that failed or exceeded their deadline") \
	X(RELOADS, "reloads", PARENT, COUNTER, "reloads committed") \
	X(RELOADS_FAILED, "reloads_failed", PARENT, COUNTER, "reloads refused") \
	X(CHILD_RESTARTS, "child_restarts", PARENT, COUNTER, "child processes restarted") \
	X(MESSAGES_DROPPED, "messages_dropped", PARENT, COUNTER, "messages that the table forbids")
/* clang-format on */

enum stat_id {
#define STATS_ENUM(id, name, process, kind, meaning) STAT_##id,
	STATS_TABLE(STATS_ENUM)
#undef STATS_ENUM
		STAT_COUNT
};

#endif
