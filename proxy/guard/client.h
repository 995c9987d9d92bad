/*
 * Who the client is. The peer of the connection, unless that is in `trusted`: then X-Forwarded-For
 * is walked from the right over the addresses that are trusted too, and the first that is not is
 * the client (nginx: real_ip_recursive). Pure.
 */
#ifndef PROXY_CLIENT_H
#define PROXY_CLIENT_H

#include "conf/conf.h"
#include "proxy/http/http_head.h"

#define CLIENT_HOPS_MAX 64 /* elements of X-Forwarded-For that are looked at */

/* Whether the address is in `trusted`. */
bool client_is_trusted(const struct conf *c, const struct addr *a);
/* One element of X-Forwarded-For: an address, in brackets or not, with a port or not. 0 or -1. */
int client_parse(struct slice element, struct addr *ret);
/* The client of a request that came from a trusted peer. */
struct addr client_find(
	const struct conf *c, const struct addr *peer, const struct http_request *r);
#endif
