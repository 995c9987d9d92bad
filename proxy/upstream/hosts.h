/*
 * The text of /etc/hosts, and how long an answer of the resolver is believed. Pure.
 */
#ifndef PROXY_HOSTS_H
#define PROXY_HOSTS_H

#include "core/addr.h"
#include "core/slice.h"

#include <stddef.h>
#include <stdint.h>

/* The addresses of a name (any case) in the text, in its order, up to max. How many. */
size_t hosts_find(struct slice text, struct slice name, struct addr *ret, size_t max);

#define HOSTS_TTL_MIN_MS 1000
#define HOSTS_TTL_MAX_MS 300000
/* A time to live in seconds, as resolvers give it, within these bounds. */
uint64_t hosts_keep_ms(int64_t ttl);

#endif
