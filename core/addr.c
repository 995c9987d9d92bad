/* Addresses and prefixes: text, values and struct sockaddr. Pure. */
#include "core/addr.h"
#include "core/num.h"

#include <arpa/inet.h>
#include <stdio.h>

/* A mapped IPv6 address becomes IPv4. */
static int
parse_any(struct slice s, struct addr *ret, bool *ret_mapped)
{
	char text[ADDR_TEXT_MAX];
	struct in6_addr in6 = {0};
	struct addr a = {0};

	if (s.n == 0 || s.n >= sizeof(text) || slice_index(s, '\0') < s.n)
		return -1;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (inet_pton(AF_INET, text, a.bytes) == 1) {
		a.family = AF_INET;
	} else if (inet_pton(AF_INET6, text, &in6) != 1) {
		return -1;
	} else if (IN6_IS_ADDR_V4MAPPED(&in6)) {
		a.family = AF_INET;
		memcpy(a.bytes, &in6.s6_addr[12], 4);
	} else {
		a.family = AF_INET6;
		memcpy(a.bytes, &in6, sizeof(in6));
	}
	*ret_mapped = IN6_IS_ADDR_V4MAPPED(&in6);
	*ret = a;
	return 0;
}

int
addr_parse(struct slice s, struct addr *ret)
{
	struct addr a;
	bool mapped;

	if (parse_any(s, &a, &mapped) < 0 || mapped)
		return -1;
	*ret = a;
	return 0;
}

int
addr_parse_foreign(struct slice s, struct addr *ret)
{
	bool mapped;

	return parse_any(s, ret, &mapped);
}

int
prefix_parse(struct slice s, struct prefix *ret)
{
	size_t slash = slice_index(s, '/');
	struct prefix p = {0};
	uint64_t len;

	if (slash == s.n || addr_parse(slice_head(s, slash), &p.addr) < 0)
		return -1;
	if (num_parse(slice_skip(s, slash + 1), 0, addr_len(&p.addr) * 8, &len) < 0)
		return -1;
	p.len = (uint8_t)len;
	*ret = p;
	return 0;
}

int
addr_parse_port(struct slice s, struct addr *ret, uint16_t *ret_port)
{
	bool bracket = s.n > 0 && s.p[0] == '[';
	struct slice host = bracket ? slice_skip(s, 1) : s;
	struct slice rest;
	struct addr a;
	uint64_t port;
	size_t end = slice_index(host, bracket ? ']' : ':');

	rest = slice_skip(host, bracket ? end + 1 : end);
	if (rest.n == 0 || rest.p[0] != ':')
		return -1;
	if (addr_parse(slice_head(host, end), &a) < 0 || (a.family == AF_INET6) != bracket)
		return -1;
	if (num_parse(slice_skip(rest, 1), 1, UINT16_MAX, &port) < 0)
		return -1;
	*ret = a;
	*ret_port = (uint16_t)port;
	return 0;
}

const char *
addr_print(const struct addr *a, char out[static ADDR_TEXT_MAX])
{
	if (!a->family || !inet_ntop(a->family, a->bytes, out, ADDR_TEXT_MAX))
		(void)snprintf(out, ADDR_TEXT_MAX, "none");
	return out;
}

const char *
prefix_print(const struct prefix *p, char out[static ADDR_TEXT_MAX])
{
	size_t n;

	addr_print(&p->addr, out);
	n = strlen(out);
	/* An IPv6 address takes at most 45 characters only in the mapped form, which is never
	 * here; 39 and "/128" fit. */
	(void)snprintf(out + n, ADDR_TEXT_MAX - n, "/%u", p->len);
	return out;
}

const char *
addr_print_port(const struct addr *a, uint16_t port, char out[static ADDR_PORT_TEXT_MAX])
{
	char text[ADDR_TEXT_MAX];

	(void)snprintf(out, ADDR_PORT_TEXT_MAX, a->family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		addr_print(a, text), port);
	return out;
}

size_t
addr_fold_literal(struct slice s, char out[static ADDR_PORT_TEXT_MAX])
{
	char text[ADDR_TEXT_MAX];
	struct addr addr;

	if (s.n < 2 || s.p[0] != '[' || s.p[s.n - 1] != ']' ||
		addr_parse(slice_of(s.p + 1, s.n - 2), &addr) < 0 || addr.family != AF_INET6)
		return 0;
	return (size_t)snprintf(out, ADDR_PORT_TEXT_MAX, "[%s]", addr_print(&addr, text));
}

bool
addr_eq(const struct addr *a, const struct addr *b)
{
	return addr_cmp(a, b) == 0;
}

int
addr_cmp(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, addr_len(a));
}

size_t
addr_len(const struct addr *a)
{
	return a->family == AF_INET ? 4 : a->family == AF_INET6 ? 16 : 0;
}

/* The bits of byte i that belong to the network. */
static uint8_t
mask_byte(const struct prefix *p, size_t i)
{
	size_t bits = p->len > i * 8 ? p->len - i * 8 : 0;
	unsigned shifted = 0xff00U >> (bits < 8 ? bits : 8);

	return (uint8_t)(shifted & 0xff);
}

struct prefix
prefix_network(const struct prefix *p)
{
	struct prefix network = *p;

	for (size_t i = 0; i < addr_len(&p->addr); i++)
		network.addr.bytes[i] = (uint8_t)(network.addr.bytes[i] & mask_byte(p, i));
	return network;
}

struct addr
prefix_last(const struct prefix *p)
{
	struct addr last = p->addr;

	for (size_t i = 0; i < addr_len(&last); i++)
		last.bytes[i] = (uint8_t)(last.bytes[i] | ~mask_byte(p, i));
	return last;
}

bool
prefix_contains(const struct prefix *p, const struct addr *a)
{
	if (a->family != p->addr.family || !a->family)
		return false;
	for (size_t i = 0; i < addr_len(a); i++) {
		if ((a->bytes[i] ^ p->addr.bytes[i]) & mask_byte(p, i))
			return false;
	}
	return true;
}

bool
prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return a->len <= b->len ? prefix_contains(a, &b->addr) : prefix_contains(b, &a->addr);
}

socklen_t
addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ss)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memset(ss, 0, sizeof(*ss));
	if (a->family == AF_INET) {
		memcpy(&in.sin_addr, a->bytes, sizeof(in.sin_addr));
		memcpy(ss, &in, sizeof(in));
		return sizeof(in);
	}
	memcpy(&in6.sin6_addr, a->bytes, sizeof(in6.sin6_addr));
	memcpy(ss, &in6, sizeof(in6));
	return sizeof(in6);
}

static void
from_in6(const struct in6_addr *in6, struct addr *ret)
{
	bool mapped = IN6_IS_ADDR_V4MAPPED(in6);

	*ret = (struct addr){.family = mapped ? AF_INET : AF_INET6};
	if (mapped)
		memcpy(ret->bytes, in6->s6_addr + 12, 4);
	else
		memcpy(ret->bytes, in6->s6_addr, 16);
}

int
addr_from_sockaddr(const struct sockaddr_storage *ss, struct addr *ret, uint16_t *ret_port)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	if (ss->ss_family == AF_INET) {
		memcpy(&in, ss, sizeof(in));
		*ret = (struct addr){.family = AF_INET};
		memcpy(ret->bytes, &in.sin_addr, sizeof(in.sin_addr));
		*ret_port = ntohs(in.sin_port);
		return 0;
	}
	if (ss->ss_family == AF_INET6) {
		memcpy(&in6, ss, sizeof(in6));
		from_in6(&in6.sin6_addr, ret);
		*ret_port = ntohs(in6.sin6_port);
		return 0;
	}
	return -1;
}
