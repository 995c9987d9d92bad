/*
 * lxc-net's configuration, a piece of shell with assignments, and the config of an LXC container:
 * KEY = VALUE, in the words of LXC 3 and of those before.
 */
#include "daemon/import/import.h"

#include "core/num.h"
#include "core/own.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define UNLIMITED "max"
#define VALUE_SIZE 512
#define ORDER_MAX 1000000
#define DELAY_MAX 3600
#define MEMORY_MIN (UINT64_C(1) << 20) /* the directive's own */

/* "KEY = VALUE" or "KEY=VALUE", quotes of the whole value removed. */
static bool
assignment(struct slice line, struct slice *ret_key, struct slice *ret_value)
{
	size_t at = slice_index(line, '=');
	struct slice value = slice_trim(slice_skip(line, at + 1));

	if (at == line.n)
		return false;
	if (value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') &&
		value.p[value.n - 1] == value.p[0])
		value = slice_head(slice_skip(value, 1), value.n - 2);
	*ret_key = slice_trim(slice_head(line, at));
	*ret_value = value;
	return true;
}

/* --- lxc-net --------------------------------------------------------------------------------- */

struct lxc_net {
	struct slice address, mask, address6, mask6, domain;
	struct slice used;
};

/* An address, and a length or a mask of the same family. */
static void
join(struct slice address, struct slice length, struct prefix *ret)
{
	struct prefix p = {0};
	struct addr mask;
	uint64_t n;

	if (addr_parse(address, &p.addr) < 0)
		return;
	if (num_parse(length, 1, addr_len(&p.addr) * 8, &n) == 0) {
		p.len = (uint8_t)n;
	} else if (addr_parse(length, &mask) == 0 && mask.family == p.addr.family) {
		while (p.len < addr_len(&mask) * 8 && mask.bytes[p.len / 8] & 0x80U >> p.len % 8)
			p.len++;
	}
	if (p.len)
		*ret = p;
}

static void
net_line(struct import *i, struct lxc_net *n, struct slice line)
{
	struct {
		const char *key;
		struct slice *to;
	} keys[] = {{"LXC_ADDR", &n->address}, {"LXC_NETMASK", &n->mask},
		{"LXC_IPV6_ADDR", &n->address6}, {"LXC_IPV6_MASK", &n->mask6},
		{"LXC_DOMAIN", &n->domain}, {"USE_LXC_BRIDGE", &n->used}};
	static const char *const ours[] = {"LXC_NETWORK", "LXC_DHCP_RANGE", "LXC_DHCP_MAX",
		"LXC_IPV6_NETWORK", "LXC_IPV6_NAT", "LXC_BRIDGE_MAC", "LXC_USE_NFT",
		"LXC_DHCP_PING"};
	struct slice key, value;

	if (!assignment(line, &key, &value)) {
		import_note_unknown(i, "this is no assignment", line);
		return;
	}
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		if (slice_eq_str(key, keys[k].key)) {
			*keys[k].to = value;
			return;
		}
	}
	for (size_t k = 0; k < ARRAY_SIZE(ours); k++) {
		if (slice_eq_str(key, ours[k])) {
			import_note_done(
				i, "the network and its addresses follow from the bridge", line);
			return;
		}
	}
	if (slice_eq_str(key, "LXC_DHCP_CONFILE") && value.n < sizeof(i->dhcp_file)) {
		memcpy(i->dhcp_file, value.p, value.n);
		i->dhcp_file[value.n] = '\0';
		import_note_done(i, "the addresses that it fixes are read", line);
		return;
	}
	if (!slice_eq_str(key, "LXC_BRIDGE") || import_ifname(value, i->bridge) < 0)
		import_note_unknown(i, "sluice has nothing like it", line);
}

void
import_lxc_net(struct import *i, struct slice text)
{
	struct lxc_net n = {.address = SLICE_LIT("10.0.3.1"), .mask = SLICE_LIT("255.255.255.0")};

	while (text.n) {
		struct slice line = import_line(&text);

		if (line.n && line.p[0] != '#')
			net_line(i, &n, line);
	}
	if (slice_eq_str(n.used, "false")) {
		import_note_unknown(
			i, "lxc-net is switched off", SLICE_LIT("USE_LXC_BRIDGE=\"false\""));
		return;
	}
	join(n.address, n.mask, &i->net4);
	if (n.address6.n)
		join(n.address6, n.mask6.n ? n.mask6 : SLICE_LIT("64"), &i->net6);
	if (n.domain.n && !slice_eq_str(n.domain, "lxc"))
		import_note_unknown(i, "containers' names end in .lxc, not in", n.domain);
}

/* --- a container's config -------------------------------------------------------------------- */

struct lxc_config {
	struct import *import;
	struct import_container *container;
	uint64_t memory, both; /* of version 1: memory, and with swap */
	uint64_t swap;
	bool have_memory, have_both, have_swap;
	bool start;
	uint64_t order, delay; /* 0: not said */
};

__attribute__((format(printf, 2, 3))) static void
directive(struct lxc_config *c, const char *format, ...)
{
	struct buf *out = &c->container->directives;
	va_list ap;

	va_start(ap, format);
	if (buf_append_str(out, "    ") < 0 || buf_vprintf(out, format, ap) < 0 ||
		buf_append_byte(out, '\n') < 0)
		c->import->failed = true;
	va_end(ap);
}

static bool
is_plain(struct slice value)
{
	for (size_t k = 0; k < value.n; k++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:",
			    value.p[k]))
			return false;
	return value.n > 0 && value.n < VALUE_SIZE / 2;
}

/* "10.0.3.101/24" */
static bool
take_address(struct lxc_config *c, struct slice value)
{
	struct addr a;

	/* A second word is the broadcast address. */
	value = slice_head(value, slice_index(value, ' '));
	if (addr_parse(slice_head(value, slice_index(value, '/')), &a) < 0)
		return false;
	if (a.family == AF_INET)
		c->container->v4 = a;
	else
		c->container->v6 = a;
	return true;
}

static bool
take_size(struct slice value, uint64_t *ret, bool *ret_have)
{
	char upper[32];

	if (value.n == 0 || value.n >= sizeof(upper))
		return false;
	for (size_t k = 0; k < value.n; k++)
		upper[k] = (char)toupper((unsigned char)value.p[k]);
	if (num_parse_size(slice_of(upper, value.n), 0, UINT64_MAX / 2, ret) < 0)
		return false;
	*ret_have = true;
	return true;
}

static bool
take_memory(struct lxc_config *c, struct slice value)
{
	return take_size(value, &c->memory, &c->have_memory);
}

static bool
take_both(struct lxc_config *c, struct slice value)
{
	return take_size(value, &c->both, &c->have_both);
}

static bool
take_swap(struct lxc_config *c, struct slice value)
{
	return slice_eq_str(value, UNLIMITED) || take_size(value, &c->swap, &c->have_swap);
}

static bool
take_cpus(struct lxc_config *c, struct slice value)
{
	if (!is_plain(value))
		return false;
	directive(c, "cpus %.*s", SLICE_ARG(value));
	return true;
}

static bool
take_start(struct lxc_config *c, struct slice value)
{
	c->start = slice_eq_str(value, "1");
	return c->start || slice_eq_str(value, "0");
}

static bool
take_order(struct lxc_config *c, struct slice value)
{
	return num_parse(value, 0, ORDER_MAX, &c->order) == 0;
}

static bool
take_delay(struct lxc_config *c, struct slice value)
{
	return num_parse(value, 0, DELAY_MAX, &c->delay) == 0;
}

static struct slice
word_of(struct slice *rest)
{
	struct slice word;

	*rest = slice_trim(*rest);
	word = slice_head(*rest, slice_index(*rest, ' '));
	*rest = slice_skip(*rest, word.n);
	return word;
}

/* "/var/lib/lxc lxc-host none ro,bind 0.0": a bind mount of a folder. */
static bool
take_mount(struct lxc_config *c, struct slice value)
{
	struct slice from = word_of(&value), to = word_of(&value), type = word_of(&value);
	struct slice options = word_of(&value);
	bool bind = memmem(options.p, options.n, "bind", 4) != NULL, ro = false;

	while (options.n) {
		struct slice one = slice_head(options, slice_index(options, ','));

		options = slice_skip(options, one.n + 1);
		ro = ro || slice_eq_str(one, "ro");
	}
	if (!bind || !slice_eq_str(type, "none") || !is_plain(from) || !is_plain(to) ||
		from.p[0] != '/' || to.p[0] == '/')
		return false;
	directive(c, "mount %.*s %.*s %s", SLICE_ARG(from), SLICE_ARG(to), ro ? "ro" : "rw");
	return true;
}

static bool
take_link(struct lxc_config *c, struct slice value)
{
	struct import *i = c->import;

	c->container->linked = i->bridge[0] ? slice_eq_str(value, i->bridge)
					    : import_ifname(value, i->bridge) == 0;
	return c->container->linked;
}

static const struct key {
	const char *name;
	bool (*take)(struct lxc_config *c, struct slice value);
} keys[] = {
	{"lxc.net.0.ipv4.address", take_address},
	{"lxc.network.ipv4", take_address},
	{"lxc.net.0.ipv6.address", take_address},
	{"lxc.network.ipv6", take_address},
	{"lxc.net.0.link", take_link},
	{"lxc.network.link", take_link},
	{"lxc.cgroup.memory.limit_in_bytes", take_memory},
	{"lxc.cgroup2.memory.max", take_memory},
	{"lxc.cgroup.memory.memsw.limit_in_bytes", take_both},
	{"lxc.cgroup2.memory.swap.max", take_swap},
	{"lxc.cgroup.cpuset.cpus", take_cpus},
	{"lxc.cgroup2.cpuset.cpus", take_cpus},
	{"lxc.start.auto", take_start},
	{"lxc.start.order", take_order},
	{"lxc.start.delay", take_delay},
	{"lxc.mount.entry", take_mount},
};

/* A container that exists is adopted with the config that it has. */
#define STAYS "stays in the container's own config, which sluice adopts"

static void
config_line(struct lxc_config *c, struct slice line)
{
	struct slice key, value;
	char why[VALUE_SIZE];

	if (!assignment(line, &key, &value)) {
		import_note_unknown(c->import, "this is no assignment", line);
		return;
	}
	/* It stays where it is, and says whose a lease is. */
	if (slice_eq_str(key, "lxc.net.0.hwaddr") || slice_eq_str(key, "lxc.network.hwaddr"))
		import_mac(value, c->container->mac);
	for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
		if (!slice_eq_str(key, keys[k].name))
			continue;
		if (!keys[k].take(c, value)) {
			(void)snprintf(why, sizeof(why), "%s: its value is not understood",
				c->container->name);
			import_note_unknown(c->import, why, line);
		}
		return;
	}
	(void)snprintf(why, sizeof(why), "%s: " STAYS, c->container->name);
	import_note_done(c->import, why, line);
}

/* In the largest unit that it is a multiple of; rounded up to K. */
static uint64_t
in_unit(uint64_t bytes, char *ret_unit)
{
	static const char units[] = "GMK";

	for (size_t k = 0; k < sizeof(units) - 1; k++) {
		uint64_t unit = UINT64_C(1) << (10 * (3 - k));

		*ret_unit = units[k];
		if (bytes % unit == 0)
			return bytes / unit;
	}
	return bytes / 1024 + 1;
}

static void
finish_memory(struct lxc_config *c)
{
	unsigned long long memory, swap;
	char unit, swap_unit;

	if (c->have_both && c->have_memory && c->both >= c->memory) {
		c->swap = c->both - c->memory;
		c->have_swap = true;
	}
	if (!c->have_memory || c->memory < MEMORY_MIN)
		return;
	memory = in_unit(c->memory, &unit);
	swap = in_unit(c->swap, &swap_unit);
	if (c->have_swap && c->swap)
		directive(c, "memory %llu%c swap %llu%c", memory, unit, swap, swap_unit);
	else
		directive(c, "memory %llu%c", memory, unit);
}

static void
finish_start(struct lxc_config *c)
{
	if (!c->start)
		return;
	if (c->order && c->delay)
		directive(c, "autostart order %llu delay %llus", (unsigned long long)c->order,
			(unsigned long long)c->delay);
	else if (c->order)
		directive(c, "autostart order %llu", (unsigned long long)c->order);
	else if (c->delay)
		directive(c, "autostart delay %llus", (unsigned long long)c->delay);
	else
		directive(c, "autostart");
}

void
import_lxc_container(struct import *i, struct slice name, struct slice text)
{
	struct lxc_config c = {.import = i, .container = import_add_container(i, name)};

	if (!c.container) {
		import_note_unknown(i, "there is no place for a container of this name", name);
		return;
	}
	while (text.n) {
		struct slice line = import_line(&text);

		if (line.n && line.p[0] != '#')
			config_line(&c, line);
	}
	finish_memory(&c);
	finish_start(&c);
	c.container->named = true;
}

void
import_lxc_name(struct import *i, struct slice name, struct slice text)
{
	struct lxc_config c = {.import = i};

	while (text.n) {
		struct slice line = import_line(&text), key, value;

		if (line.n == 0 || line.p[0] == '#' || !assignment(line, &key, &value) ||
			(!slice_eq_str(key, "lxc.net.0.ipv4.address") &&
				!slice_eq_str(key, "lxc.network.ipv4") &&
				!slice_eq_str(key, "lxc.net.0.ipv6.address")))
			continue;
		c.container = import_add_container(i, name);
		if (c.container)
			(void)take_address(&c, value);
	}
}
