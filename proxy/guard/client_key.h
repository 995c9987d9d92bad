/*
 * A client as the tables count it: an IPv4 address, or the /64 of an IPv6 address, because a host
 * has all addresses of its /64; and the place of the file whose limit it is.
 */
#ifndef PROXY_CLIENT_KEY_H
#define PROXY_CLIENT_KEY_H

#include "core/addr.h"

#include <string.h>

struct client_key {
	uint64_t place;  /* conf_guard.place; 0 where there is one table for all */
	uint64_t number; /* the address, or its first half */
	uint64_t family;
};

static inline struct client_key
client_key(const struct addr *client, uint64_t place)
{
	struct client_key key = {.place = place, .family = client->family};

	memcpy(&key.number, client->bytes,
		client->family == AF_INET6 ? sizeof(key.number) : addr_len(client));
	return key;
}

static inline bool
client_key_eq(const struct client_key *a, const struct client_key *b)
{
	return a->number == b->number && a->place == b->place && a->family == b->family;
}

static inline struct slice
client_key_bytes(const struct client_key *key)
{
	return slice_of((const char *)key, sizeof(*key));
}

#endif
