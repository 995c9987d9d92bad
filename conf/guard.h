/*
 * What guards a place of the file (the top level, a site, a route): who may come in, how
 * often, and with which password. Each guard
 * that a block writes replaces the outer block's; what is effective is found through the *_from
 * pointers, which parse_check fills in and which point into the same configuration.
 */
#ifndef CONF_GUARD_H
#define CONF_GUARD_H

#include "core/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_ACCESS_RULES_MAX 1024 /* of one block */
#define CONF_PASSWORD_FILES_MAX 256
#define CONF_BAN_NEVER_MAX 256
#define CONF_BAN_COUNT_MAX 1000
#define CONF_BAN_FOR_MS (UINT64_C(3600) * 1000) /* of a ban that says no time */
#define CONF_AUTH_REALM "Restricted"
#define CONF_AUTH_REALM_MAX 128
#define CONF_AUTH_COPY_MAX 32

/* The first rule that matches decides. What none matches is treated unlike the last one. */
struct conf_access_rule {
	uint32_t ordinal;
	bool allow;
	struct prefix net; /* .addr.family 0: all */
};

/* `rate-limit COUNT/PERIOD [burst N]` */
struct conf_rate {
	uint32_t ordinal; /* 0: not written here */
	uint32_t count;   /* 0: off */
	uint64_t period_ms;
	uint32_t burst; /* effective */
	bool burst_written;
};

/* `connection-limit N` */
struct conf_connection_limit {
	uint32_t ordinal; /* 0: not written here */
	uint32_t n;       /* 0: off */
};

enum conf_auth_kind { CONF_AUTH_OFF, CONF_AUTH_BASIC, CONF_AUTH_FORWARD };

struct conf_route;

/* `auth basic FILE [realm TEXT] [pass]`, `auth forward TARGET [copy HEADER...]`, `auth off` */
struct conf_auth {
	uint32_t ordinal; /* 0: not written here */
	enum conf_auth_kind kind;
	size_t file;                /* BASIC: index into conf.password_files */
	const char *path;           /* the path of that, which owns it */
	char *realm;                /* BASIC; NULL: CONF_AUTH_REALM */
	bool pass;                  /* BASIC: the backend sees Authorization too */
	struct conf_route *forward; /* FORWARD: the server that is asked, as a route of its own */
	char **copy;                /* FORWARD: fields of its answer for the backend */
	size_t n_copy;
};

/* A file of passwords that some `auth basic` names; each once. */
struct conf_password_file {
	uint32_t ordinal; /* of the first directive that names it */
	char *path;
};

struct conf_guard {
	/* As written here. */
	struct conf_access_rule *access; /* NULL: none */
	size_t n_access;
	struct conf_rate rate;
	struct conf_connection_limit connections;
	struct conf_auth auth;
	/* Names this block, the same in every generation whose file has the block: clients are
	 * counted by it. */
	uint64_t place;
	/* The guard of the innermost block that writes it; NULL: none does, or it says off. */
	const struct conf_guard *access_from;
	const struct conf_guard *rate_from;
	const struct conf_guard *connections_from;
	const struct conf_guard *auth_from;
};

/* `ban never CIDR…` */
struct conf_ban_never {
	uint32_t ordinal;
	struct prefix net;
};

/* `ban after COUNT violations in WINDOW for TIME`, and whom no ban may meet. */
struct conf_ban {
	uint32_t ordinal; /* of `ban after`; 0: nobody is banned by himself */
	uint32_t count;
	uint64_t window_ms, for_ms;
	struct conf_ban_never *never;
	size_t n_never;
};

struct conf;

/* Fills in the places of all guards and what is effective in each. */
void conf_guard_resolve(struct conf *c);
bool conf_guard_equal(const struct conf_guard *a, const struct conf_guard *b);
/* Fills in what is effective in one; outer is NULL for the top level. */
void conf_guard_inherit(struct conf_guard *guard, const struct conf_guard *outer);
/* Whether the block writes anything of it. */
bool conf_guard_written(const struct conf_guard *guard);
bool conf_ban_equal(const struct conf_ban *a, const struct conf_ban *b);
/* Whether `ban never` names this address. */
bool conf_ban_excused(const struct conf_ban *ban, const struct addr *a);
void conf_guard_clear(struct conf_guard *guard);

#endif
