/*
 * One generation of the configuration as the threads use it: the parsed text, the index of its
 * routes, the certificates of each thread, the served folders. Immutable once built and counted by
 * reference: a request keeps the one that it began with.
 */
#ifndef PROXY_GENERATION_H
#define PROXY_GENERATION_H

#include "conf/conf.h"
#include "conf/htpasswd.h"
#include "proxy/upstream/backends.h"
#include "proxy/route.h"
#include "proxy/route_book.h"
#include "proxy/tls/tls_backend.h"

#include <stdatomic.h>
#include <stdint.h>

struct generation_root {
	uint32_t ordinal; /* of the route */
	int fd;           /* O_PATH descriptor of its folder */
	char *path;       /* where the folder is found */
};

/* What a site demands of its clients, on one thread. */
struct generation_demand {
	uint32_t ordinal; /* of the directive */
	struct tls_demand demand;
};

struct generation_page {
	int fd; /* sealed; -1: not there yet */
	uint64_t size;
};

struct generation {
	_Atomic uint32_t refs;
	uint64_t number;
	struct conf *conf;
	struct route_index *routes;
	struct route_book *book; /* the numbers of its routes */
	unsigned n_threads;
	struct tls_certificate *certificates; /* [thread * conf->n_certificates + index] */
	struct generation_demand *demands;    /* [thread * n_demands + i], by ordinal */
	size_t n_demands;
	struct generation_root *roots; /* by ordinal */
	size_t n_roots;
	struct generation_page *pages; /* [index into conf->all_pages] */
	struct backend_pool **pools;   /* [conf_route.pool - 1] */
	struct htpasswd *passwords;    /* [conf->n_password_files] */
	/* For https:// targets: [thread * (conf->n_authorities + 1) + conf_route.authority]; NULL
	 * where no route needs it. */
	SSL_CTX **clients;
};

/* One reference. Takes over conf (one reference of it). before: the one that runs, whose numbers
 * are carried over, or NULL. NULL with e filled. */
struct generation *generation_new(uint64_t number, struct conf *conf, unsigned n_threads,
	const struct generation *before, struct err *e);
struct generation *generation_ref(struct generation *g);
/* Leaves NULL behind; *g may be NULL. */
void generation_unref(struct generation **g);
/* While it is being built: loads one certificate into one thread's context. 0 or -1. */
int generation_load(struct generation *g, unsigned thread, struct tls_thread *tls, size_t index,
	const struct slice pem[2], struct err *e);
/* While it is being built: makes the second certificate of a name known to the first. 0, or -1 when
 * both have a key of the same type. */
int generation_join(struct generation *g, size_t first, size_t second, struct err *e);
/* While it is being built: makes room for the demands of its sites. 0 or -1 with e filled. */
int generation_add_demands(struct generation *g, struct err *e);
/* While it is being built: loads what the directive of this ordinal demands. 0 or -1. */
int generation_load_demand(struct generation *g, unsigned thread, struct tls_thread *tls,
	size_t index, struct slice pem, struct err *e);
/* The index of the demand of the directive with this ordinal, or -1. */
int32_t generation_find_demand(const struct generation *g, uint32_t ordinal);
/* What the site (NULL: none) demands of its clients, or NULL: nothing. */
const struct tls_demand *generation_demand(
	const struct generation *g, unsigned thread, const struct conf_site *site);
/* While it is being built: opens the folder of the route. 0 or -1 with e filled. */
int generation_add_root(struct generation *g, uint32_t ordinal, const char *path, struct err *e);
/* The route's folder, or NULL. */
const struct generation_root *generation_root(const struct generation *g, uint32_t ordinal);
/* While it is being built: takes a page over. 0 or -1 with e filled; then fd stays the caller's. */
int generation_add_page(struct generation *g, uint32_t index, int fd, struct err *e);
/* While it is being built: the users of a password file. 0 or -1
 * with e filled. */
int generation_add_passwords(struct generation *g, size_t index, struct slice text, struct err *e);
/* The users of conf->password_files[index]. */
static inline const struct htpasswd *
generation_passwords(const struct generation *g, size_t index)
{
	return &g->passwords[index];
}
/* While it is being built: the pools of its routes. 0 or -1 with e filled. */
int generation_add_pools(struct generation *g, struct backends *backends, struct err *e);
/* While it is being built: the context of one thread that trusts these authorities (p NULL: all
 * the world), as conf_route.authority counts them. 0 or -1 with e filled. */
int generation_add_client(struct generation *g, unsigned thread, struct tls_thread *tls,
	uint32_t authority, struct slice pem, struct err *e);
/* That context for the targets of a route. */
static inline SSL_CTX *
generation_client(const struct generation *g, unsigned thread, const struct conf_route *route)
{
	return g->clients[thread * (g->conf->n_authorities + 1) + route->authority];
}

/* The pool of the route, or NULL: it has one target, of which nothing is asked. */
static inline struct backend_pool *
generation_pool(const struct generation *g, const struct conf_route *route)
{
	return route->pool ? g->pools[route->pool - 1] : NULL;
}

/* The certificate for a TLS name on this thread, or NULL: none serves it. */
const struct tls_certificate *generation_certificate(
	const struct generation *g, unsigned thread, struct slice name);
/* What a listener at this address does, or NULL: the configuration has none there. */
const struct conf_listen *generation_listen(
	const struct generation *g, const struct addr *addr, uint16_t port);

#endif
