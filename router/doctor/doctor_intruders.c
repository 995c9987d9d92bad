/*
 * Who answers for the containers' addresses on the bridge. Containers that are there have a MAC
 * address in their LXC configuration; what answers with another one is somebody else.
 */
#include "router/doctor/doctor.h"

#include "core/file.h"
#include "core/map.h"
#include "core/own.h"

#include <ctype.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONFIG_MAX ((size_t)1024 * 1024)
#define ANSWER_NS (150 * 1000 * 1000)
#define HWADDR "lxc.net.0.hwaddr"

/* What is expected of an address. */
struct expected {
	const char *container;
	char mac[NEIGHBOUR_MAC_TEXT];
};

struct look {
	struct doctor_facts *facts;
	struct map *expected; /* bytes of struct addr -> struct expected of the array below */
	struct expected *v;
	uint32_t bridge;
};

/* The last one counts, as for liblxc. False: none, or a placeholder. */
static bool
find_mac(struct slice config, char ret[static NEIGHBOUR_MAC_TEXT])
{
	bool found = false;

	while (config.n > 0) {
		struct slice line = slice_head(config, slice_index(config, '\n'));
		size_t equals = slice_index(line, '=');
		struct slice value;

		config = slice_skip(config, line.n + 1);
		if (equals == line.n || !slice_eq_str(slice_trim(slice_head(line, equals)), HWADDR))
			continue;
		value = slice_trim(slice_skip(line, equals + 1));
		found = value.n == NEIGHBOUR_MAC_TEXT - 1 && slice_index(value, 'x') == value.n;
		for (size_t i = 0; found && i < value.n; i++)
			ret[i] = (char)tolower((unsigned char)value.p[i]);
		ret[NEIGHBOUR_MAC_TEXT - 1] = '\0';
	}
	return found;
}

static bool
read_mac(const struct conf *c, const char *name, char ret[static NEIGHBOUR_MAC_TEXT])
{
	_cleanup_(buf_clear) struct buf text = {0};
	_free_ char *path = NULL;

	buf_init(&text, CONFIG_MAX);
	return asprintf(&path, "%s/%s/config", c->lxc_path, name) >= 0 &&
	       file_read(path, &text, NULL) == 0 && find_mac(buf_slice(&text), ret);
}

static int
expect(struct look *l, struct netlink *n, const struct addr *a, struct expected *expected)
{
	struct netlink_error error;

	if (!a->family)
		return 0;
	/* One that cannot be asked for is not found; the rest is. */
	(void)neighbour_ask(n, l->bridge, a, &error);
	return map_set(l->expected, slice_of(a, sizeof(*a)), expected, NULL);
}

static int
ask_all(struct look *l, struct netlink *n)
{
	const struct conf *c = l->facts->conf;
	const struct timespec patience = {.tv_nsec = ANSWER_NS};

	for (size_t i = 0; i < c->n_containers; i++) {
		const struct conf_container *of = &c->containers[i];

		l->v[i].container = of->name;
		if ((of->address.family || of->address6.family) &&
			read_mac(c, of->name, l->v[i].mac) &&
			(expect(l, n, &of->address, &l->v[i]) < 0 ||
				expect(l, n, &of->address6, &l->v[i]) < 0))
			return -1;
	}
	if (map_count(l->expected) > 0)
		(void)nanosleep(&patience, NULL);
	return 0;
}

static void
on_neighbour(const struct neighbour *neighbour, void *ctx)
{
	struct look *l = ctx;
	struct doctor_facts *f = l->facts;
	const struct expected *expected =
		map_find(l->expected, slice_of(&neighbour->addr, sizeof(neighbour->addr)));
	struct doctor_intruder found = {.addr = neighbour->addr};

	if (!expected || f->n_intruders == DOCTOR_INTRUDERS_MAX)
		return;
	neighbour_mac_print(neighbour->mac, found.mac);
	if (strcmp(found.mac, expected->mac) == 0)
		return;
	(void)snprintf(found.container, sizeof(found.container), "%s", expected->container);
	f->intruders[f->n_intruders++] = found;
}

/* An entry of the bridge's table of MAC addresses: behind which port one was seen. */
static int
on_port(const struct nlmsghdr *h, void *ctx)
{
	struct look *l = ctx;
	struct doctor_facts *f = l->facts;
	const struct nlattr *attrs[NDA_LLADDR + 1];
	const struct link_iface *port;
	uint8_t mac[NEIGHBOUR_MAC_SIZE];
	char text[NEIGHBOUR_MAC_TEXT];
	struct ndmsg info;

	if (h->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(h) < sizeof(info))
		return 0;
	memcpy(&info, mnl_nlmsg_get_payload(h), sizeof(info));
	netlink_attrs(h, sizeof(info), attrs, NDA_LLADDR);
	port = link_find_index(&f->links, (uint32_t)info.ndm_ifindex);
	if (!port || port->master != l->bridge ||
		!netlink_bytes(attrs[NDA_LLADDR], mac, sizeof(mac)))
		return 0;
	neighbour_mac_print(mac, text);
	for (size_t i = 0; i < f->n_intruders; i++)
		if (strcmp(f->intruders[i].mac, text) == 0)
			memcpy(f->intruders[i].port, port->name, sizeof(f->intruders[i].port));
	return 0;
}

static int
read_ports(struct look *l, struct netlink *n, struct err *e)
{
	char buffer[NETLINK_REQUEST_MAX];
	struct netlink_dump dump = {.on_each = on_port, .ctx = l};
	struct netlink_error error;
	struct nlmsghdr *h = netlink_begin(n, buffer, RTM_GETNEIGH, 0);
	struct ndmsg *info = mnl_nlmsg_put_extra_header(h, sizeof(*info));

	info->ndm_family = AF_BRIDGE;
	if (netlink_dump(n, h, &dump, &error) < 0)
		return netlink_err(e, &error, "reading the bridge's ports");
	return 0;
}

int
doctor_read_intruders(struct netlink *n, struct doctor_facts *f, struct err *e)
{
	const struct link_iface *bridge =
		f->conf->bridge ? link_find(&f->links, f->conf->bridge->name) : NULL;
	_free_ struct expected *v = calloc(f->conf->n_containers + 1, sizeof(*v));
	struct look l = {.facts = f, .v = v, .bridge = bridge ? bridge->index : 0};
	int rc;

	if (!bridge || !bridge->up)
		return 0;
	l.expected = map_new();
	if (!v || !l.expected || ask_all(&l, n) < 0)
		rc = err_set(e, "out of memory");
	else
		rc = neighbour_read(n, l.bridge, on_neighbour, &l, e);
	if (rc == 0 && f->n_intruders > 0)
		rc = read_ports(&l, n, e);
	map_free(&l.expected);
	return rc;
}
