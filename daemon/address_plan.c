/* Choosing addresses; see address_plan.h. */
#include "daemon/address_plan.h"

#include "core/map.h"
#include "core/own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEARCH_BITS_MAX 24 /* host bits that are searched: a bound of work, not of the network */

/* What the search works with. */
struct plan {
	const struct conf *conf;
	struct address_book *book;
	const struct address_taken *taken;
	uint64_t now_s;
	struct map *used; /* bytes of struct addr -> mark: the file's and the book's */
	struct address_picks picks;
};

static const char mark;

static struct slice
addr_key(const struct addr *a)
{
	_Static_assert(sizeof(struct addr) == 17, "the key of an address has no padding");
	return slice_of(a, sizeof(*a));
}

/* ---- what is taken ---- */

int
address_taken_init(struct address_taken *t)
{
	t->map = map_new();
	return t->map ? 0 : -1;
}

void
address_taken_clear(struct address_taken *t)
{
	size_t cursor = 0;
	void *holder;

	while (t->map && (holder = map_next(t->map, &cursor, NULL)))
		free(holder);
	map_free(&t->map);
}

const struct address_holder *
address_taken_find(const struct address_taken *t, const struct addr *a)
{
	return map_find(t->map, addr_key(a));
}

static int
add_holder(struct address_taken *t, const struct addr *a, const struct address_holder *holder)
{
	struct address_holder *known = map_find(t->map, addr_key(a));

	if (known) {
		bool several = known->name[0] && strcmp(known->name, holder->name) != 0;

		*known = *holder;
		known->several = several;
		return 0;
	}
	known = malloc(sizeof(*known));
	if (!known || map_set(t->map, addr_key(a), known, NULL) < 0) {
		free(known);
		return -1;
	}
	*known = *holder;
	return 0;
}

/* lxc.net.0.ipv4.address, and lxc.network.ipv4 of the time before LXC 3. */
static bool
is_address_key(struct slice key)
{
	static const char *const ends[] = {".ipv4.address", ".ipv6.address", ".ipv4", ".ipv6"};

	if (!slice_starts(key, SLICE_LIT("lxc.net")))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (slice_ends(key, slice_str(ends[i])))
			return true;
	return false;
}

int
address_taken_config(struct address_taken *t, struct slice name, struct slice config)
{
	struct address_holder holder = {0};

	/* One that the file could not name is told apart from others all the same. */
	memcpy(holder.name, name.p, name.n < CONF_NAME_MAX ? name.n : CONF_NAME_MAX);
	while (config.n > 0) {
		struct slice line = slice_head(config, slice_index(config, '\n'));
		struct slice value = slice_trim(slice_skip(line, slice_index(line, '=') + 1));
		struct addr a;

		config = slice_skip(config, line.n + 1);
		if (!is_address_key(slice_trim(slice_head(line, slice_index(line, '=')))) ||
			addr_parse(slice_head(value, slice_index(value, '/')), &a) < 0)
			continue;
		if (add_holder(t, &a, &holder) < 0)
			return -1;
	}
	return 0;
}

int
address_taken_answer(struct address_taken *t, const struct addr *a, const char *mac)
{
	struct address_holder holder = {0};

	(void)snprintf(holder.where, sizeof(holder.where), "%s", mac);
	return add_holder(t, a, &holder);
}

/* ---- what can be given ---- */

static const struct prefix *
network_of(const struct conf *c, uint8_t family)
{
	return family == AF_INET ? &c->bridge->v4 : &c->bridge->v6;
}

/* A host's address of the bridge's network. */
static bool
is_host(const struct prefix *bridge, const struct addr *a)
{
	struct prefix network = prefix_network(bridge);
	struct addr last = prefix_last(bridge);

	return a->family == bridge->addr.family && prefix_contains(bridge, a) &&
	       !addr_eq(a, &bridge->addr) && !addr_eq(a, &network.addr) &&
	       (a->family == AF_INET6 || !addr_eq(a, &last));
}

static bool
is_used(const struct plan *p, const struct addr *a)
{
	return map_find(p->used, addr_key(a)) != NULL;
}

static int
use(struct plan *p, const struct addr *a)
{
	/* The map wants a pointer that is not NULL; this one says only that it is there. */
	void *there = (void *)(uintptr_t)&mark;

	return map_set(p->used, addr_key(a), there, NULL);
}

static bool
wants(const struct conf *c, const struct conf_container *of, uint8_t family)
{
	bool automatic = family == AF_INET ? of->address_auto : of->address6_auto;

	return automatic && c->bridge && network_of(c, family)->addr.family;
}

static struct addr *
kept(struct address_entry *entry, uint8_t family)
{
	return family == AF_INET ? &entry->v4 : &entry->v6;
}

/* ---- what stays ---- */

/* The file's own addresses come first. */
static int
use_fixed(struct plan *p)
{
	for (size_t i = 0; i < p->conf->n_containers; i++) {
		const struct conf_container *of = &p->conf->containers[i];

		if ((of->address.family && use(p, &of->address) < 0) ||
			(of->address6.family && use(p, &of->address6) < 0))
			return -1;
	}
	return 0;
}

/* What the container has had stays its own, unless it can't be. */
static int
keep_one(struct plan *p, const struct conf_container *of, struct address_entry *entry,
	uint8_t family)
{
	struct addr *a = kept(entry, family);
	const struct address_holder *holder = address_taken_find(p->taken, a);

	if (!wants(p->conf, of, family) || !is_host(network_of(p->conf, family), a) ||
		is_used(p, a) || (holder && !holder->name[0])) {
		*a = (struct addr){0};
		return 0;
	}
	return use(p, a);
}

static int
keep(struct plan *p)
{
	for (size_t i = 0; i < p->conf->n_containers; i++) {
		const struct conf_container *of = &p->conf->containers[i];
		struct address_entry *entry;

		if (!of->address_auto && !of->address6_auto)
			continue;
		entry = address_book_get(p->book, of->name);
		if (!entry || keep_one(p, of, entry, AF_INET) < 0 ||
			keep_one(p, of, entry, AF_INET6) < 0)
			return -1;
		entry->left_s = 0;
	}
	return 0;
}

/* ---- what has left ---- */

static bool
is_automatic(const struct conf *c, const char *name, bool *ret_known)
{
	int32_t index = conf_find_container(c, slice_str(name));

	*ret_known = index >= 0;
	return index >= 0 &&
	       (c->containers[index].address_auto || c->containers[index].address6_auto);
}

/* A name that has left the file keeps its addresses for a day: it may have been a slip. One that
 * the file gives an address of its own needs none of these. */
static int
leave(struct plan *p)
{
	for (size_t i = p->book->n; i-- > 0;) {
		struct address_entry *entry = p->book->v[i];
		bool known;

		if (is_automatic(p->conf, entry->name, &known))
			continue;
		if (entry->left_s == 0 || entry->left_s > p->now_s)
			entry->left_s = p->now_s;
		if (known || p->now_s - entry->left_s >= ADDRESS_LEFT_S)
			address_book_remove(p->book, entry);
		else if ((entry->v4.family && use(p, &entry->v4) < 0) ||
			 (entry->v6.family && use(p, &entry->v6) < 0))
			return -1;
	}
	return 0;
}

/* ---- what is new ---- */

/* FNV-1a: the same on every machine and for ever. */
static uint32_t
hash_name(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash ^ hash >> 16;
}

/* The network's address with this number of a host. */
static struct addr
host_address(const struct prefix *bridge, uint32_t host)
{
	struct addr a = prefix_network(bridge).addr;
	size_t n = addr_len(&a);

	for (size_t i = 0; i < sizeof(host); i++)
		a.bytes[n - 1 - i] |= (uint8_t)(host >> (8 * i));
	return a;
}

/* 10.0.3.117 -> 0x117: the IPv6 address then reads like the other one. */
static uint32_t
host_like(const struct addr *v4)
{
	uint32_t last = v4->bytes[3];

	return last / 100 << 8 | last / 10 % 10 << 4 | last % 10;
}

static bool
is_free(const struct plan *p, const struct prefix *bridge, const struct addr *a)
{
	return is_host(bridge, a) && !is_used(p, a) && !address_taken_find(p->taken, a);
}

static int
search(const struct plan *p, const struct prefix *bridge, uint32_t first, struct addr *ret)
{
	unsigned bits = (unsigned)addr_len(&bridge->addr) * 8 - bridge->len;
	uint32_t span = UINT32_C(1) << (bits < SEARCH_BITS_MAX ? bits : SEARCH_BITS_MAX);

	for (uint32_t i = 0; i < span; i++) {
		struct addr a = host_address(bridge, (first + i) % span);

		if (is_free(p, bridge, &a)) {
			*ret = a;
			return 0;
		}
	}
	return -1;
}

/* That of its own LXC configuration, when no other has it. */
static bool
find_own(const struct plan *p, const struct prefix *bridge, const char *name, struct addr *ret)
{
	size_t cursor = 0;
	const struct address_holder *holder;
	struct slice key;

	while ((holder = map_next(p->taken->map, &cursor, &key))) {
		struct addr a;

		if (holder->several || strcmp(holder->name, name) != 0)
			continue;
		memcpy(&a, key.p, sizeof(a));
		if (is_host(bridge, &a) && !is_used(p, &a)) {
			*ret = a;
			return true;
		}
	}
	return false;
}

/* Takes the address back from the name that has been out of the file for longest. */
static bool
take_back(struct plan *p, const struct prefix *bridge)
{
	struct address_entry *oldest = NULL;

	for (size_t i = 0; i < p->book->n; i++) {
		struct address_entry *entry = p->book->v[i];
		const struct addr *a = kept(entry, bridge->addr.family);

		if (entry->left_s && is_host(bridge, a) && !address_taken_find(p->taken, a) &&
			(!oldest || entry->left_s < oldest->left_s))
			oldest = entry;
	}
	if (!oldest)
		return false;
	(void)map_remove(p->used, addr_key(&oldest->v4));
	(void)map_remove(p->used, addr_key(&oldest->v6));
	address_book_remove(p->book, oldest);
	return true;
}

static int
full(const struct conf_container *of, const struct prefix *bridge, struct err *e)
{
	struct prefix network = prefix_network(bridge);
	char text[ADDR_TEXT_MAX];

	return err_ordinal(e, of->address_ordinal,
		"no address of the bridge's network %s is free for the container \"%s\"; give the "
		"bridge a wider one",
		prefix_print(&network, text), of->name);
}

static int
give_one(struct plan *p, uint32_t index, struct address_entry *entry, uint8_t family, struct err *e)
{
	const struct conf_container *of = &p->conf->containers[index];
	struct addr *a = kept(entry, family);
	const struct prefix *bridge;
	const struct addr *v4 = of->address.family ? &of->address : &entry->v4;
	uint32_t first = hash_name(of->name);

	if (a->family || !wants(p->conf, of, family))
		return 0;
	bridge = network_of(p->conf, family);
	if (family == AF_INET6 && v4->family)
		first = host_like(v4);
	if (!find_own(p, bridge, of->name, a)) {
		if (search(p, bridge, first, a) < 0 &&
			(!take_back(p, bridge) || search(p, bridge, first, a) < 0))
			return full(of, bridge, e);
		p->picks.v[p->picks.n++] = (struct address_pick){.container = index, .addr = *a};
	}
	return use(p, a) < 0 ? err_set(e, "out of memory") : 0;
}

static int
give(struct plan *p, struct err *e)
{
	for (uint32_t i = 0; i < p->conf->n_containers; i++) {
		struct address_entry *entry =
			address_book_find(p->book, slice_str(p->conf->containers[i].name));

		if (entry && entry->left_s == 0 &&
			(give_one(p, i, entry, AF_INET, e) < 0 ||
				give_one(p, i, entry, AF_INET6, e) < 0))
			return -1;
	}
	return 0;
}

int
address_plan(const struct conf *c, struct address_book *b, const struct address_taken *t,
	uint64_t now_s, struct address_picks *ret, struct err *e)
{
	struct plan p = {.conf = c, .book = b, .taken = t, .now_s = now_s, .used = map_new()};
	int rc;

	*ret = (struct address_picks){0};
	p.picks.v = calloc(2 * c->n_containers + 1, sizeof(*p.picks.v));
	if (!p.used || !p.picks.v || use_fixed(&p) < 0 || keep(&p) < 0 || leave(&p) < 0)
		rc = err_set(e, "out of memory");
	else
		rc = give(&p, e);
	map_free(&p.used);
	*ret = p.picks;
	return rc;
}

bool
address_plan_needed(const struct conf *c)
{
	for (size_t i = 0; i < c->n_containers; i++)
		if (c->containers[i].address_auto || c->containers[i].address6_auto)
			return true;
	return false;
}

void
address_plan_apply(struct conf *c, const struct address_book *b)
{
	for (size_t i = 0; i < c->n_containers; i++) {
		struct conf_container *of = &c->containers[i];
		const struct address_entry *entry = address_book_find(b, slice_str(of->name));

		if (entry && of->address_auto)
			of->address = entry->v4;
		if (entry && of->address6_auto)
			of->address6 = entry->v6;
		of->address_auto = of->address6_auto = false;
	}
}
