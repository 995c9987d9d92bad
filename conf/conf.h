/*
 * The configuration as one immutable value, and the text it comes from and goes to. Everything
 * here is pure: it takes bytes and opens nothing; the caller supplies included files.
 *
 * The canonical text is the wire format between the processes: conf_print(conf_parse(text)) is
 * idempotent, and conf_parse(conf_print(c)) equals c. Every directive has an ordinal: its number,
 * from 1, in the order of the text it was parsed from. Numbers are resolved: a route's timeouts
 * and body limit are the effective ones, with what was written kept beside them for printing.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "conf/block.h"
#include "conf/bodies.h"
#include "conf/cache.h"
#include "conf/compress.h"
#include "conf/files.h"
#include "conf/guard.h"
#include "conf/tls.h"
#include "conf/heads.h"
#include "conf/limit.h"
#include "conf/open.h"
#include "conf/pages.h"
#include "conf/policy.h"
#include "conf/overload.h"
#include "conf/upgrade.h"
#include "core/addr.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/log.h"
#include "core/slice.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_ERRORS_MAX 20
#define CONF_TEXT_MAX ((size_t)16 * 1024 * 1024) /* all files together */
#define CONF_INCLUDE_DEPTH_MAX 8
#define CONF_INCLUDE_FILES_MAX 256
#define CONF_NAME_MAX 63   /* a container's or certificate's name */
#define CONF_TOKEN_MAX 127 /* the name of a header or cookie */
#define CONF_HOST_MAX 253  /* a site's host name */
#define CONF_IFNAME_MAX 15
#define CONF_TARGETS_MAX 64 /* targets of one route */
#define CONF_SOCKET_MAX 107 /* the path of a unix socket */
#define CONF_WEIGHT_MAX 100
#define CONF_PASSIVE_FAIL 3 /* what `passive` means where it is not written */
#define CONF_PASSIVE_IN_MS 10000
#define CONF_PASSIVE_FOR_MS 10000
#define CONF_CHECK_EVERY_MS 10000
#define CONF_CHECK_TIMEOUT_MS 5000
#define CONF_CHECK_FALL 3
#define CONF_CHECK_RISE 2
#define CONF_QUEUE_TIMEOUT_MS 10000
#define CONF_TRUSTED_MAX 256
#define CONF_PORTS_MAX 16384         /* forwarded ports, ranges counted port by port */
#define CONF_BOUND_FORWARDS_MAX 1024 /* forwards with an address or interface of the host */

#define CONF_DEFAULT_FILE "/etc/sluice/sluice.conf" /* of the service */
#define CONF_DEFAULT_CONTROL "/run/sluice/control.sock"
#define CONF_DEFAULT_STATE "/var/lib/sluice"
#define CONF_DEFAULT_LXC_PATH "/var/lib/lxc"

struct conf_bridge {
	uint32_t ordinal;
	char name[CONF_IFNAME_MAX + 1];
	struct prefix v4; /* the bridge's own address and its length */
	struct prefix v6; /* .addr.family 0: none */
};

enum conf_listen_mode {
	CONF_LISTEN_REDIRECT, /* `listen 80`: every site is redirected to the first tls port */
	CONF_LISTEN_PLAIN,    /* `listen 80 plain`: serves without TLS */
	CONF_LISTEN_TLS,
	CONF_LISTEN_PROXY_WORD, /* the word proxy-protocol, which is no mode */
};

struct conf_listen {
	uint32_t ordinal;
	struct addr addr; /* family 0: 0.0.0.0 and ::, bound separately */
	uint16_t port;
	enum conf_listen_mode mode;
	bool http2;          /* TLS only: HTTP/2 is offered by ALPN, HTTP/1.1 beside it */
	bool proxy_protocol; /* a trusted peer says first whose connection it is */
};

struct conf_certificate {
	uint32_t ordinal;
	char *name;     /* "default" serves what no other does */
	int32_t second; /* index of the second one of that name; -1: none, or it is that */
	bool is_second;
	char *chain_file;
	char *key_file;
};

enum conf_timeout {
	CONF_TIMEOUT_CONNECT,
	CONF_TIMEOUT_READ,
	CONF_TIMEOUT_SEND,
	CONF_TIMEOUT_IDLE,
	CONF_TIMEOUT_TUNNEL,
	CONF_TIMEOUT_COUNT
};

/* What may be written at top level, in a site and in a route; the inner one wins. */
/* Characters that change the meaning of a path where a server decodes it before it looks for them.
 * X(id, word, character, as it stands in a path) */
#define CONF_ENCODED_TABLE(X)                                                                      \
	X(SLASH, "slash", '/', "%2F")                                                              \
	X(BACKSLASH, "backslash", '\\', "%5C")                                                     \
	X(SEMICOLON, "semicolon", ';', "%3B")                                                      \
	X(PERCENT, "percent", '%', "%25")                                                          \
	X(QUESTION, "question", '?', "%3F")                                                        \
	X(HASH, "hash", '#', "%23")

enum conf_encoded {
#define CONF_ENCODED_ENUM(id, word, character, escape) CONF_ENCODED_##id,
	CONF_ENCODED_TABLE(CONF_ENCODED_ENUM)
#undef CONF_ENCODED_ENUM
		CONF_ENCODED_COUNT
};

struct conf_limits {
	uint64_t timeout_ms[CONF_TIMEOUT_COUNT]; /* effective */
	uint64_t body_limit;                     /* effective, bytes; 0: none */
	bool timeout_written[CONF_TIMEOUT_COUNT];
	bool body_limit_written;
	uint32_t timeout_ordinal[CONF_TIMEOUT_COUNT]; /* where written, else 0 */
	uint32_t body_limit_ordinal;
	unsigned encoded_refused; /* effective; bits of enum conf_encoded */
	bool encoded_written;
	uint32_t encoded_ordinal;
};

enum conf_target_type {
	CONF_TARGET_CONTAINER, /* CONTAINER:PORT[/PATH] */
	CONF_TARGET_HTTP,      /* http://HOST[:PORT][/PATH] */
	CONF_TARGET_HTTPS,     /* https://HOST[:PORT][/PATH] */
	CONF_TARGET_UNIX,      /* unix:/FILE[:/PATH] */
	CONF_TARGET_DIR,       /* dir PATH */
	CONF_TARGET_REDIRECT,  /* redirect CODE URL */
	CONF_TARGET_STATUS,    /* status CODE */
};

struct conf_target {
	enum conf_target_type type;
	char *socket;       /* UNIX: the socket's file; its host is "localhost" */
	char *host;         /* container's name, or host name or address literal without brackets */
	uint32_t container; /* CONTAINER: index into conf.containers */
	uint16_t port;
	char *path;      /* replaces the matched prefix; NULL: the path goes through as sent.
			  * DIR: the folder, absolute. REDIRECT: the URL. */
	uint16_t code;   /* REDIRECT: 301 302 303 307 308. STATUS: 200 to 599 */
	uint16_t weight; /* its share among the targets of its route; 1 when not written */
};

enum conf_balance {
	CONF_BALANCE_ROUND_ROBIN,
	CONF_BALANCE_LEAST_CONNECTIONS,
	CONF_BALANCE_HASH_CLIENT,
	CONF_BALANCE_HASH_URI,
	CONF_BALANCE_HASH_HEADER,
	CONF_BALANCE_HASH_COOKIE,
};

enum conf_check { CONF_CHECK_NONE, CONF_CHECK_TCP, CONF_CHECK_HTTP };

/* How a route treats its targets. What is not written has its default here after the checks. */
struct conf_upstream {
	enum conf_balance balance;
	char *balance_name; /* of the header or the cookie */
	uint32_t balance_ordinal;
	uint32_t passive_fail; /* failures in a row that take a target out; 0: `passive off` */
	uint64_t passive_in_ms, passive_for_ms;
	uint32_t passive_ordinal;
	enum conf_check check;
	char *check_path; /* HTTP: what is asked for */
	uint64_t check_every_ms, check_timeout_ms;
	uint32_t check_fall, check_rise;              /* results in a row */
	uint16_t check_status_low, check_status_high; /* HTTP: what a good answer has */
	uint32_t check_ordinal;
	uint64_t slow_start_ms; /* 0: none */
	uint32_t slow_start_ordinal;
	uint32_t connections; /* requests under way to one target; 0: as many as come */
	uint32_t queue;       /* requests that wait for a place; beyond: 503 */
	uint64_t queue_timeout_ms;
	uint32_t connections_ordinal;
};

/* How the certificates of https:// targets are checked; at top level, in a site, in a route. */
struct conf_trust {
	char *ca_file;                       /* effective; NULL: the system's own authorities */
	bool verify;                         /* effective */
	uint32_t ca_ordinal, verify_ordinal; /* where written, else 0 */
	uint32_t ca_from; /* the directive that is in force, here or further out; 0: none */
};

/* A file of authorities, and the first directive that needs it. */
struct conf_authority {
	char *file; /* NULL: the system's */
	uint32_t ordinal;
};

struct conf_route {
	uint32_t ordinal;
	bool exact; /* `route = PATH` */
	char *path; /* begins with '/', normalised as requests are before matching */
	struct conf_target target;
	struct conf_target *more; /* the targets behind the first */
	size_t n_more;
	struct conf_upstream upstream;
	struct conf_trust trust;
	uint32_t authority; /* from 1: into conf.authorities; 0: nothing is verified */
	uint32_t pool; /* from 1: its number among the routes whose targets are watched; 0: it has
			* one target, and nothing is asked of it */
	struct conf_limits limits;
	struct conf_guard guard;
	struct conf_heads heads;
	struct conf_compress compress;
	struct conf_cache cache;
	uint64_t print; /* of all in it that decides what an answer, once stored, is right for */
	struct conf_bodies bodies;
	struct conf_upgrade upgrade;
	struct conf_files files;
	uint32_t proxy_protocol; /* the version that the target is told the client in; 0: none */
	uint32_t proxy_protocol_ordinal;
};

struct conf_site {
	uint32_t ordinal;
	char **hosts; /* lower case; "*" alone or "*." in front are wildcards */
	size_t n_hosts;
	char *certificate_name; /* as written; NULL: "default" */
	uint32_t certificate_ordinal;
	int32_t certificate; /* index into conf.certificates; -1: none */
	struct conf_client client;
	struct conf_trust trust;
	struct conf_limits limits;
	struct conf_guard guard;
	struct conf_heads heads;
	struct conf_hsts hsts;
	struct conf_pages pages;
	struct conf_compress compress;
	struct conf_cache cache;
	struct conf_bodies bodies;
	struct conf_upgrade upgrade;
	bool short_form; /* `site HOST… -> TARGET`: its one route is "/" */
	struct conf_route *routes;
	size_t n_routes;
};

enum conf_image_type {
	CONF_IMAGE_NONE,     /* the container must exist already */
	CONF_IMAGE_BUSYBOX,  /* busybox */
	CONF_IMAGE_DIST,     /* DIST/RELEASE: template download with that distribution */
	CONF_IMAGE_TEMPLATE, /* template NAME ARGS… */
};

struct conf_mount {
	uint32_t ordinal;
	char *source; /* absolute, on the host */
	char *target; /* relative, in the container */
	bool writable;
};

struct conf_container {
	uint32_t ordinal;
	enum conf_image_type image;
	char *name;
	char *image_name; /* DIST: "debian/bookworm"; TEMPLATE: the template's name */
	char **image_args;
	size_t n_image_args;
	uint32_t image_ordinal;
	struct addr address;  /* family 0: none, or not yet chosen */
	struct addr address6; /* family 0: none, or not yet chosen */
	/* The daemon chooses (daemon/addresses.h) before it hands out the text: no process that
	 * works for a generation meets this. */
	bool address_auto, address6_auto;
	uint32_t address_ordinal;
	uint64_t memory; /* bytes, 0: no limit */
	uint64_t swap;   /* bytes on top of memory; 0 with memory set: none */
	uint32_t memory_ordinal;
	uint32_t cpus_ordinal;
	char *cpus; /* "0,1" or "0-3", NULL: all */
	bool autostart;
	uint32_t autostart_order;
	uint32_t autostart_ordinal;
	uint64_t autostart_delay_ms; /* waited after this one, before the next */
	struct conf_mount *mounts;
	size_t n_mounts;
	bool privileged;
	uint32_t privileged_ordinal; /* 0: not written, and so below */
	uint64_t stop_timeout_ms;
	uint32_t stop_timeout_ordinal;
	struct conf_policy policy;
};

enum conf_proto { CONF_TCP, CONF_UDP };

struct conf_forward {
	uint32_t ordinal;
	enum conf_proto proto;
	struct addr listen; /* family 0: every address of the host */
	char *interface;    /* where it enters; NULL: at the wan and from containers */
	uint16_t low, high; /* ports of the host */
	char *host;         /* the container's name, or the target's address as it is written */
	uint32_t container; /* index into conf.containers; not for an address */
	struct addr target; /* family 0: the container's */
	uint16_t target_low, target_high;
	bool masquerade;     /* the target sees the host's address */
	bool confirm;        /* it may take its port away from a program of the host */
	struct prefix *from; /* sources that may use it; none: all */
	size_t n_from;
};

enum conf_access_format { CONF_ACCESS_COMBINED, CONF_ACCESS_JSON };

struct conf {
	_Atomic uint32_t refs;
	char *wan; /* NULL: the default route's interface */
	uint32_t wan_ordinal;
	struct conf_bridge *bridge; /* NULL: none */
	struct conf_listen *listens;
	size_t n_listens;
	struct conf_certificate *certificates;
	size_t n_certificates;
	struct conf_tls tls;
	struct conf_site *sites;
	size_t n_sites;
	struct conf_container *containers;
	size_t n_containers;
	struct conf_forward *forwards;
	size_t n_forwards;
	struct conf_limits limits;
	struct conf_guard guard;
	struct conf_ban ban;
	struct conf_blocks blocks;
	struct conf_source_limits source_limits;
	struct conf_opens opens;
	struct conf_isolation isolation;
	struct conf_password_file *password_files;
	size_t n_password_files;
	uint32_t n_pools; /* the highest conf_route.pool */
	struct conf_heads heads;
	struct prefix *trusted; /* peers that may say who the client is */
	size_t n_trusted;
	struct conf_pages pages;
	const struct conf_page **all_pages; /* those of the top level and of every site */
	size_t n_all_pages;
	uint32_t trusted_ordinal; /* of the first line; 0: none */
	struct conf_compress compress;
	struct conf_cache cache;
	struct conf_cache_store cache_store;
	struct conf_bodies bodies;
	struct conf_upgrade upgrade;
	struct conf_trust trust;
	struct conf_authority *authorities; /* that routes with https:// targets refer to,
						and servers that are asked */
	size_t n_authorities;
	struct conf_route **asked; /* those of conf_auth.forward, in the order of the text */
	size_t n_asked;
	struct conf_overload overload;
	char *control_path;       /* never NULL: the default when not written */
	char *control_group;      /* NULL: root only */
	uint32_t control_ordinal; /* 0 where not written, and so below */
	char *state_path;
	uint32_t state_ordinal;
	char *lxc_path;
	uint32_t lxc_path_ordinal;
	uint32_t threads; /* 0: one a core */
	uint32_t threads_ordinal;
	char *access_log; /* NULL: none */
	enum conf_access_format access_format;
	uint32_t access_ordinal;
	enum log_level log_level;
	enum log_format log_format;
	uint32_t log_level_ordinal;
	uint32_t log_format_ordinal;
	uint32_t n_ordinals; /* directives in all; ordinals are 1 to this */
};

/* Where a directive stands in the user's files. */
struct conf_place {
	uint32_t file; /* index into conf_places.files */
	uint32_t line, col;
};

struct conf_places {
	char **files;
	size_t n_files;
	struct conf_place *places; /* [ordinal - 1] */
	size_t n_places;
};

struct conf_errors {
	struct err errors[CONF_ERRORS_MAX];
	size_t n;      /* how many are filled */
	bool too_many; /* there were more */
};

/* One included file, in the caller's memory until conf_parse returns. */
struct conf_included {
	char *name; /* malloc'd; conf_parse frees it */
	char *text; /* malloc'd; conf_parse frees it */
	size_t size;
};

struct conf_input {
	const char *name; /* the file's name, for errors */
	struct slice text;
	bool part; /* of a configuration: nothing has to be listened on */
	/* Reads what `include PATTERN` names, in name order. from: the file that includes. Fills
	 * a malloc'd array, which conf_parse frees. A pattern with wildcards may match none; a
	 * plain name must exist. 0, or -1 with e filled. NULL: include is an error. */
	int (*include)(void *ctx, const char *from, const char *pattern, struct conf_included **ret,
		size_t *ret_n, struct err *e);
	/* The port that the host's own list of services has for a name and "tcp" or "udp". 0, or
	 * -1 when it has none. NULL: only the few that conf_service_port knows. */
	int (*service)(void *ctx, const char *name, const char *proto, uint16_t *ret_port);
	void *ctx;
};

/* Parses and checks. 0 with *ret (one reference) and, when ret_places is not NULL, the places of
 * its ordinals; or -1 with errs->n >= 1, in the order of the text. */
int conf_parse(const struct conf_input *in, struct conf **ret, struct conf_places **ret_places,
	struct conf_errors *errs);
/* Appends the canonical text. When ret_source is not NULL, a malloc'd array says for each
 * ordinal of the canonical text (from index 0) which ordinal of c it comes from. 0 or -1. */
int conf_print(
	const struct conf *c, struct buf *out, uint32_t **ret_source, size_t *ret_n, struct err *e);
/* Equal but for ordinals. */
bool conf_equal(const struct conf *a, const struct conf *b);
/* The same for one container, and for one forward (its target by name). */
bool conf_container_equal(const struct conf_container *a, const struct conf_container *b);
bool conf_forward_equal(const struct conf_forward *a, const struct conf_forward *b);

/* Thread-safe reference counting. c may be NULL in unref. */
struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf **c);
void conf_places_free(struct conf_places **places);
/* Fills e's file, line and col from its ordinal (through source, when not NULL). */
void conf_places_apply(
	const struct conf_places *places, const uint32_t *source, size_t n_source, struct err *e);
/* "file:line:col: message\n  the line\n     ^" for each error, for people. text_of gives the
 * bytes of a file by name (empty: the line is left out). Appends to out; 0 or -1. */
int conf_errors_print(const struct conf_errors *errs,
	struct slice (*text_of)(void *ctx, const char *file), void *ctx, struct buf *out);

/* What the file uses: decides which processes run. */
bool conf_needs_router(const struct conf *c);     /* bridge, forward, ban, block, limit or open */
bool conf_needs_forwarding(const struct conf *c); /* bridge or forward */
bool conf_needs_lxc(const struct conf *c);        /* container */
/* The index of the container, or -1. */
int32_t conf_find_container(const struct conf *c, struct slice name);
/* The first of that name. */
int32_t conf_find_certificate(const struct conf *c, struct slice name);
/* "tcp", "connect", "tls", …: the words of the language for these values. */
const char *conf_proto_name(enum conf_proto proto);
const char *conf_timeout_name(enum conf_timeout timeout);
const char *conf_listen_mode_name(enum conf_listen_mode mode);
/* The index of the authorities of that file (NULL: the system's), or -1. */
int32_t conf_find_authority(const struct conf *c, const char *file);
/* Whether a target of some route is that unix socket, or a server that auth forward asks. */
bool conf_has_socket(const struct conf *c, struct slice path);
/* Whether a target is a server, which may stand beside others: no folder, redirect or status. */
bool conf_target_is_server(const struct conf_target *t);
/* Whether a target of the route is reached by TLS. */
bool conf_route_has_tls(const struct conf_route *route);
const char *conf_balance_name(enum conf_balance balance);
/* The targets of a route, by index: the first, and those behind it. */
const struct conf_target *conf_route_target(const struct conf_route *route, size_t index);
/* Of targets that are servers: whether they are one, whatever their paths are. */
bool conf_target_is_same_server(const struct conf_target *a, const struct conf_target *b);
size_t conf_route_targets(const struct conf_route *route);
/* "jenkins:8080/jenkins/", "redirect 301 /wiki/": the target as the file says it. 0 or -1. */
int conf_target_print(const struct conf_target *t, struct buf *out);
/* All targets of a route, with their weights. 0 or -1. */
int conf_route_print(const struct conf_route *route, struct buf *out);

#endif
