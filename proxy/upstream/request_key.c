/* Client, URI, header, cookie. */
#include "proxy/upstream/request_key.h"

#include "proxy/upstream/balance.h"

#include <strings.h>

#define CLIENT_V6_BYTES 8 /* a /64 is one household */

static uint64_t
key_of_client(const struct addr *a)
{
	size_t n = a->family == AF_INET6 ? CLIENT_V6_BYTES : addr_len(a);

	return balance_hash(slice_of((const char *)a->bytes, n));
}

static bool
same_name(struct slice a, struct slice b)
{
	return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* The first field of that name; p NULL: none. */
static struct slice
find_field(const struct http_request *r, struct slice name)
{
	for (size_t i = 0; i < r->n_fields; i++)
		if (same_name(http_request_slice(r, r->fields[i].name), name))
			return http_request_slice(r, r->fields[i].value);
	return (struct slice){0};
}

struct slice
request_key_cookie(struct slice field, struct slice name)
{
	while (field.n > 0) {
		struct slice pair = slice_head(field, slice_index(field, ';'));
		size_t equal;

		field = slice_skip(field, pair.n + 1);
		while (pair.n > 0 && pair.p[0] == ' ')
			pair = slice_skip(pair, 1);
		equal = slice_index(pair, '=');
		if (equal < pair.n && slice_eq(slice_head(pair, equal), name))
			return slice_skip(pair, equal + 1);
	}
	return (struct slice){0};
}

static struct slice
find_cookie(const struct http_request *r, struct slice name)
{
	for (size_t i = 0; i < r->n_fields; i++) {
		struct slice value;

		if (!same_name(http_request_slice(r, r->fields[i].name), SLICE_LIT("cookie")))
			continue;
		value = request_key_cookie(http_request_slice(r, r->fields[i].value), name);
		if (value.p)
			return value;
	}
	return (struct slice){0};
}

static uint64_t
key_of_uri(const struct http_request *r)
{
	uint64_t path = balance_hash(http_request_slice(r, r->path));

	if (!r->has_query)
		return path;
	return path * 31 + balance_hash(http_request_slice(r, r->query));
}

uint64_t
request_key(const struct request_key_input *in)
{
	struct slice value = {0};

	switch (in->balance) {
	case CONF_BALANCE_HASH_URI:
		return key_of_uri(in->request);
	case CONF_BALANCE_HASH_HEADER:
		value = find_field(in->request, in->name);
		break;
	case CONF_BALANCE_HASH_COOKIE:
		value = find_cookie(in->request, in->name);
		break;
	case CONF_BALANCE_HASH_CLIENT:
	case CONF_BALANCE_ROUND_ROBIN:
	case CONF_BALANCE_LEAST_CONNECTIONS:
		break;
	}
	return value.p ? balance_hash(value) : key_of_client(in->client);
}
