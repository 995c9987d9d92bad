/*
 * Which site and route answers a request, and which certificate a name gets. Built once from a
 * configuration, never changed, shared by all threads without a lock. Lookups allocate nothing
 * and stay logarithmic in the number of routes.
 */
#ifndef PROXY_ROUTE_H
#define PROXY_ROUTE_H

#include "conf/conf.h"
#include "core/err.h"
#include "core/slice.h"

struct route_index;

enum route_verdict {
	ROUTE_FOUND,
	ROUTE_REDIRECT_SLASH, /* to the same path with '/' behind it: 301, 308 unless GET or HEAD */
	ROUTE_NONE,           /* 404; site is set */
	ROUTE_NO_SITE,        /* 421 */
};

struct route_match {
	enum route_verdict verdict;
	const struct conf_site *site;   /* NULL: NO_SITE */
	const struct conf_route *route; /* FOUND, and the one that REDIRECT_SLASH leads to */
	size_t matched;                 /* FOUND: bytes of the path's match form that it covers */
};

/* Takes a reference to c. NULL with e filled (memory, a route's path that cannot be resolved). */
struct route_index *route_index_new(struct conf *c, struct err *e);
/* Drops the reference; leaves NULL behind; *r may be NULL. */
void route_index_free(struct route_index **r);
const struct conf *route_index_conf(const struct route_index *r);

/* host: as in the request (any case, a final dot allowed, no port); empty: only `site *`.
 * Exact name, then "*." longest first, then "*". NULL: none. */
const struct conf_site *route_find_site(const struct route_index *r, struct slice host);
/* path: the match form of http_path_resolve. */
struct route_match route_find(const struct route_index *r, struct slice host, struct slice path);
/* The index of the certificate for a TLS name (exact, then "*.", then the one named default,
 * unless unknown names are refused); empty: no name was sent. -1: none, send the alert
 * unrecognized_name. */
int32_t route_find_certificate(const struct route_index *r, struct slice sni);
/* Whether a request for site may be answered on a TLS connection that was opened with this
 * certificate; if not, 421 (RFC 9110 section 7.4). */
bool route_site_allowed(const struct conf_site *site, int32_t sni_certificate);
/* On a listener that redirects: whether this path is served all the same, because the site of
 * the host, or else `site *`, has a route longer than "/" to a folder for it, below
 * /.well-known/acme-challenge/. Then *ret is FOUND. */
bool route_find_plain(
	const struct route_index *r, struct slice host, struct slice path, struct route_match *ret);
/* The port of the first tls listener; 0: none. */
uint16_t route_tls_port(const struct route_index *r);

#endif
