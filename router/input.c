/*
 * Ports are cut wherever a range begins or ends; in each piece the sources are sorted and merged,
 * and neighbouring pieces with the same sources become one again.
 */
#include "router/input.h"

#include "core/own.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define DHCP_CLIENT_PORT 68
#define DHCPV6_CLIENT_PORT 546

struct building {
	struct input_boxes items; /* as they are written */
	struct input_boxes out;
	struct err *e;
	bool failed;
};

static int
add_box(struct input_boxes *b, const struct input_box *box, struct err *e)
{
	if (b->n == INPUT_BOXES_MAX)
		return err_ordinal(e, box->ordinal,
			"the lines of open overlap in more than %d ways; write fewer ports or "
			"addresses",
			INPUT_BOXES_MAX);
	if (b->n == b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 32;
		struct input_box *v = reallocarray(b->v, cap, sizeof(*v));

		if (!v)
			return err_set(e, "out of memory");
		b->v = v;
		b->cap = cap;
	}
	b->v[b->n++] = *box;
	return 0;
}

void
input_boxes_clear(struct input_boxes *b)
{
	free(b->v);
	*b = (struct input_boxes){0};
}

/* ---- what is written ---- */

static void
add_item(struct building *b, const struct input_box *like, const struct prefix *from)
{
	struct prefix network = prefix_network(from);
	struct input_box box = *like;

	box.first = network.addr;
	box.last = prefix_last(from);
	if (!b->failed && add_box(&b->items, &box, b->e) < 0)
		b->failed = true;
}

static void
add_from_all(struct building *b, const struct input_box *like, uint8_t family)
{
	struct prefix all = {.addr = {.family = family}};

	add_item(b, like, &all);
}

static void
add_open(struct building *b, const struct conf_open *open)
{
	struct input_box like = {.proto = open->proto,
		.low = open->low,
		.high = open->high,
		.ordinal = open->ordinal};

	if (open->n_from == 0) {
		add_from_all(b, &like, AF_INET);
		add_from_all(b, &like, AF_INET6);
	}
	for (size_t i = 0; i < open->n_from; i++)
		add_item(b, &like, &open->from[i]);
}

/* Who listens on the loopback address is not called from outside. */
static bool
is_loopback(const struct addr *a)
{
	static const struct addr loop6 = {.family = AF_INET6, .bytes = {[15] = 1}};

	return a->family == AF_INET ? a->bytes[0] == 127 : addr_eq(a, &loop6);
}

static void
add_listen(struct building *b, const struct conf_listen *listen)
{
	struct input_box like = {.proto = IPPROTO_TCP,
		.low = listen->port,
		.high = listen->port,
		.ordinal = listen->ordinal};

	if (listen->addr.family && is_loopback(&listen->addr))
		return;
	if (listen->addr.family != AF_INET6)
		add_from_all(b, &like, AF_INET);
	if (listen->addr.family != AF_INET)
		add_from_all(b, &like, AF_INET6);
}

/* ICMP tells of packets that are too large and of ports that are shut, and answers to ping; ICMPv6
 * finds neighbours and routers, too (RFC 4890, 4.4). DHCP servers answer what conntrack does not
 * recognise as an answer, because the question went to everybody; DHCPv6's are on the link. */
static void
add_always(struct building *b)
{
	static const struct input_box icmp = {.proto = IPPROTO_ICMP, .high = UINT16_MAX};
	static const struct input_box icmp6 = {.proto = IPPROTO_ICMPV6, .high = UINT16_MAX};
	static const struct input_box dhcp = {
		.proto = IPPROTO_UDP, .low = DHCP_CLIENT_PORT, .high = DHCP_CLIENT_PORT};
	static const struct input_box dhcp6 = {
		.proto = IPPROTO_UDP, .low = DHCPV6_CLIENT_PORT, .high = DHCPV6_CLIENT_PORT};
	static const struct prefix on_link = {
		.addr = {.family = AF_INET6, .bytes = {0xfe, 0x80}}, .len = 10};

	add_from_all(b, &icmp, AF_INET);
	add_from_all(b, &icmp6, AF_INET6);
	add_from_all(b, &dhcp, AF_INET);
	add_item(b, &dhcp6, &on_link);
}

/* ---- cut and merged ---- */

static int
cmp_number(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int
cmp_place(const struct input_box *a, const struct input_box *b)
{
	int c = cmp_number(a->proto, b->proto);

	return c ? c : cmp_number(a->first.family, b->first.family);
}

static int
cmp_item(const void *x, const void *y)
{
	return cmp_place(x, y);
}

static int
cmp_source(const void *x, const void *y)
{
	const struct input_box *a = x, *b = y;

	return addr_cmp(&a->first, &b->first);
}

static int
cmp_cut(const void *x, const void *y)
{
	const uint32_t *a = x, *b = y;

	return cmp_number(*a, *b);
}

/* The address behind this one; false when there is none. */
static bool
next_address(const struct addr *a, struct addr *ret)
{
	size_t i = addr_len(a);

	*ret = *a;
	while (i-- > 0)
		if (++ret->bytes[i] != 0)
			return true;
	return false;
}

/* Appends the box to those from `first` on, whose sources come before its own; joins it to the
 * last of them where they touch. */
static int
append_merged(struct building *b, size_t first, const struct input_box *box)
{
	struct input_box *last = b->out.n > first ? &b->out.v[b->out.n - 1] : NULL;
	struct addr behind;

	if (last && (!next_address(&last->last, &behind) || addr_cmp(&box->first, &behind) <= 0)) {
		if (addr_cmp(&box->last, &last->last) > 0)
			last->last = box->last;
		return 0;
	}
	return add_box(&b->out, box, b->e);
}

static bool
same_sources(const struct input_box *a, const struct input_box *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!addr_eq(&a[i].first, &b[i].first) || !addr_eq(&a[i].last, &b[i].last))
			return false;
	return true;
}

/* Makes one of the piece from `at` on and the one in front of it, from `before` on, where they
 * touch and say the same. Returns where the last piece begins. */
static size_t
join_pieces(struct building *b, size_t before, size_t at)
{
	size_t n = b->out.n - at;
	struct input_box *old = &b->out.v[before], *new = &b->out.v[at];

	if (n == 0 || before == at)
		return n ? at : before;
	if (at - before != n || old->high + 1U != new->low || cmp_place(old, new) != 0 ||
		!same_sources(old, new, n))
		return at;
	for (size_t i = 0; i < n; i++)
		old[i].high = new[i].high;
	b->out.n = at;
	return before;
}

/* The sources of one piece of the ports, from those items of a protocol and family that have it. */
static int
build_piece(
	struct building *b, const struct input_box *items, size_t n, uint32_t low, uint32_t high)
{
	size_t at = b->out.n;

	for (size_t i = 0; i < n; i++) {
		struct input_box box = items[i];

		if (box.low > low || box.high < high)
			continue;
		box.low = (uint16_t)low;
		box.high = (uint16_t)high;
		if (append_merged(b, at, &box) < 0)
			return -1;
	}
	return 0;
}

/* All of one protocol and family; items are sorted by source. */
static int
build_group(struct building *b, const struct input_box *items, size_t n)
{
	_free_ uint32_t *cuts = calloc(2 * n, sizeof(*cuts));
	size_t last = b->out.n;

	if (!cuts)
		return err_set(b->e, "out of memory");
	for (size_t i = 0; i < n; i++) {
		cuts[2 * i] = items[i].low;
		cuts[2 * i + 1] = items[i].high + 1U;
	}
	qsort(cuts, 2 * n, sizeof(*cuts), cmp_cut);
	for (size_t i = 0; i + 1 < 2 * n; i++) {
		size_t at = b->out.n;

		if (cuts[i] == cuts[i + 1])
			continue;
		if (build_piece(b, items, n, cuts[i], cuts[i + 1] - 1) < 0)
			return -1;
		last = join_pieces(b, last, at);
	}
	return 0;
}

static int
build_all(struct building *b)
{
	struct input_box *items = b->items.v;
	size_t n = b->items.n, end;

	if (n)
		qsort(items, n, sizeof(*items), cmp_item);
	for (size_t i = 0; i < n; i = end) {
		for (end = i + 1; end < n && cmp_place(&items[i], &items[end]) == 0;)
			end++;
		qsort(items + i, end - i, sizeof(*items), cmp_source);
		if (build_group(b, items + i, end - i) < 0)
			return -1;
	}
	return 0;
}

/* c: whose listeners count, and then what always comes in, too; NULL: neither. */
static int
build(const struct conf *policy, const struct conf *c, struct input_boxes *ret, struct err *e)
{
	struct building b = {.e = e};

	for (size_t i = 0; policy && i < policy->opens.n; i++)
		add_open(&b, &policy->opens.v[i]);
	for (size_t i = 0; c && i < c->n_listens; i++)
		add_listen(&b, &c->listens[i]);
	if (c)
		add_always(&b);
	if (!b.failed && build_all(&b) < 0)
		b.failed = true;
	input_boxes_clear(&b.items);
	if (b.failed) {
		input_boxes_clear(&b.out);
		return -1;
	}
	*ret = b.out;
	return 0;
}

int
input_boxes_build(
	const struct conf *policy, const struct conf *c, struct input_boxes *ret, struct err *e)
{
	return build(policy, c, ret, e);
}

/* ---- two policies ---- */

bool
input_guards(const struct conf *policy)
{
	return policy && policy->opens.n > 0;
}

static bool
same_outside(const struct conf *a, const struct conf *b)
{
	return strcmp(a->wan ? a->wan : "", b->wan ? b->wan : "") == 0;
}

/* The first box of b that may hold this port of the box's protocol and family. */
static size_t
find_port(const struct input_boxes *b, const struct input_box *box, uint32_t port)
{
	size_t low = 0, high = b->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = cmp_place(&b->v[middle], box);

		if (c < 0 || (c == 0 && b->v[middle].high < port))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Whether all of the box is in b. Sources of one piece of ports do not touch, so those of the box
 * are in one of them or not all there. */
static bool
is_covered(const struct input_box *box, const struct input_boxes *b)
{
	uint32_t port = box->low;

	for (size_t i = find_port(b, box, port); i < b->n; i++) {
		const struct input_box *x = &b->v[i];

		if (cmp_place(x, box) != 0 || x->low > port)
			return false;
		if (addr_cmp(&x->first, &box->first) > 0 || addr_cmp(&box->last, &x->last) > 0)
			continue;
		port = x->high + 1U;
		if (port > box->high)
			return true;
		/* The rest of this piece is passed over. */
		i = find_port(b, box, port) - 1;
	}
	return false;
}

bool
input_admits(const struct conf *policy, const struct conf *c, uint16_t tcp_port,
	const struct addr *source)
{
	const struct input_box box = {.proto = IPPROTO_TCP,
		.low = tcp_port,
		.high = tcp_port,
		.first = *source,
		.last = *source};
	struct input_boxes boxes = {0};
	bool admits;

	if (!input_guards(policy))
		return true;
	if (build(policy, c, &boxes, NULL) < 0)
		return false;
	admits = is_covered(&box, &boxes);
	input_boxes_clear(&boxes);
	return admits;
}

bool
input_narrows(const struct conf *from, const struct conf *to)
{
	struct input_boxes before = {0}, after = {0};
	bool narrows = false;

	if (!input_guards(to))
		return false;
	if (!input_guards(from) || !same_outside(from, to))
		return true;
	if (build(from, NULL, &before, NULL) < 0 || build(to, NULL, &after, NULL) < 0)
		narrows = true;
	for (size_t i = 0; i < before.n && !narrows; i++)
		narrows = !is_covered(&before.v[i], &after);
	input_boxes_clear(&before);
	input_boxes_clear(&after);
	return narrows;
}

bool
input_same(const struct conf *a, const struct conf *b)
{
	if (!input_guards(a) || !input_guards(b))
		return input_guards(a) == input_guards(b);
	return same_outside(a, b) && !input_narrows(a, b) && !input_narrows(b, a);
}
