/* A sorted array, searched by halves. */
#include "router/bans.h"

#include <stdlib.h>
#include <string.h>

#define V6_SUBJECT_BYTES 8

void
bans_clear(struct bans *b)
{
	free(b->v);
	*b = (struct bans){0};
}

struct addr
bans_subject(const struct addr *a)
{
	struct addr subject = *a;

	if (a->family == AF_INET6)
		memset(subject.bytes + V6_SUBJECT_BYTES, 0,
			sizeof(subject.bytes) - V6_SUBJECT_BYTES);
	return subject;
}

/* Where the subject is or would be. */
static size_t
bans_place(const struct bans *b, const struct addr *subject)
{
	size_t low = 0, high = b->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (addr_cmp(&b->v[middle].addr, subject) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct ban *
bans_find(const struct bans *b, const struct addr *subject)
{
	size_t at = bans_place(b, subject);

	return at < b->n && addr_eq(&b->v[at].addr, subject) ? &b->v[at] : NULL;
}

static int
bans_grow(struct bans *b, struct err *e)
{
	size_t cap = b->cap ? b->cap * 2 : 16;
	struct ban *v;

	if (b->n == RULESET_BANS_MAX)
		return err_set(e, "%d addresses are banned already", RULESET_BANS_MAX);
	if (b->n < b->cap)
		return 0;
	v = reallocarray(b->v, cap, sizeof(*v));
	if (!v)
		return err_set(e, "out of memory");
	b->v = v;
	b->cap = cap;
	return 0;
}

enum bans_change
bans_add(struct bans *b, const struct ban *ban, struct err *e)
{
	size_t at = bans_place(b, &ban->addr);

	if (at < b->n && addr_eq(&b->v[at].addr, &ban->addr)) {
		if (ban->until_ms <= b->v[at].until_ms)
			return BANS_KNOWN;
		b->v[at].until_ms = ban->until_ms;
		memcpy(b->v[at].why, ban->why, sizeof(ban->why));
		return BANS_LONGER;
	}
	if (bans_grow(b, e) < 0)
		return BANS_REFUSED;
	memmove(&b->v[at + 1], &b->v[at], (b->n - at) * sizeof(*b->v));
	b->v[at] = *ban;
	b->n++;
	return BANS_NEW;
}

bool
bans_remove(struct bans *b, const struct addr *subject)
{
	size_t at = bans_place(b, subject);

	if (at == b->n || !addr_eq(&b->v[at].addr, subject))
		return false;
	b->n--;
	memmove(&b->v[at], &b->v[at + 1], (b->n - at) * sizeof(*b->v));
	return true;
}

size_t
bans_sweep(struct bans *b, uint64_t now_ms)
{
	size_t n = 0, before = b->n;

	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].until_ms > now_ms)
			b->v[n++] = b->v[i];
	b->n = n;
	return before - n;
}

/* ---- whom no ban may meet ---- */

/* Nobody's, or ours on every host: the unspecified, loopback, link-local and multicast ones. */
static bool
is_special(const struct addr *a)
{
	static const struct addr none6 = {.family = AF_INET6};

	if (a->family == AF_INET)
		return a->bytes[0] == 0 || a->bytes[0] == 127 || a->bytes[0] >= 224;
	/* ::1 and :: have the same /64. */
	return addr_eq(a, &none6) || a->bytes[0] == 0xff ||
	       (a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80);
}

/* Whether the subject and the network have an address in common. */
static bool
meets(const struct addr *subject, const struct prefix *net)
{
	const struct prefix whole = {
		.addr = *subject, .len = subject->family == AF_INET6 ? 64 : 32};

	return net->addr.family == subject->family && prefix_overlaps(&whole, net);
}

static bool
in_addresses(const struct addr *subject, const struct addr *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct addr one = bans_subject(&v[i]);

		if (addr_eq(&one, subject))
			return true;
	}
	return false;
}

static bool
in_bridge(const struct addr *subject, const struct conf_bridge *b)
{
	return b && (meets(subject, &b->v4) || meets(subject, &b->v6));
}

int
bans_check(const struct addr *subject, const struct bans_guarded *g, struct err *e)
{
	const struct conf *c = g->conf;
	char text[ADDR_TEXT_MAX];

	addr_print(subject, text);
	if (is_special(subject))
		return err_set(e, "%s is no client's address", text);
	if (in_addresses(subject, g->own, g->n_own))
		return err_set(e, "%s is an address of this host", text);
	if (in_bridge(subject, c->bridge))
		return err_set(e, "%s is in the containers' network", text);
	for (size_t i = 0; i < c->ban.n_never; i++)
		if (meets(subject, &c->ban.never[i].net))
			return err_set(e, "%s is one of those in \"ban never\"", text);
	for (size_t i = 0; i < c->n_trusted; i++)
		if (meets(subject, &c->trusted[i]))
			return err_set(e, "%s is one of those in \"trusted\"", text);
	if (in_addresses(subject, g->peers, g->n_peers))
		return err_set(e, "%s is connected to this host by SSH", text);
	return 0;
}
