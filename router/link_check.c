/*
 * Whether the wanted bridge can be had, and what is missing. Pure, apart from looking for the
 * files of lxc-net.
 */
#include "router/link.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINK_PATH_MAX 256

const struct link_iface *
link_find(const struct link_snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->n_ifaces; i++)
		if (strcmp(s->ifaces[i].name, name) == 0)
			return &s->ifaces[i];
	return NULL;
}

const struct link_iface *
link_find_index(const struct link_snapshot *s, uint32_t index)
{
	for (size_t i = 0; i < s->n_ifaces; i++)
		if (s->ifaces[i].index == index)
			return &s->ifaces[i];
	return NULL;
}

bool
link_is_local(const struct link_snapshot *s, const struct addr *a)
{
	for (size_t i = 0; i < s->n_addresses; i++)
		if (addr_eq(&s->addresses[i].prefix.addr, a))
			return true;
	return false;
}

bool
link_has_ports(const struct link_snapshot *s, const struct link_iface *bridge)
{
	for (size_t i = 0; i < s->n_ifaces; i++)
		if (s->ifaces[i].master == bridge->index)
			return true;
	return false;
}

static bool
prefix_same(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_eq(&a->addr, &b->addr);
}

/* An address of a family on an interface that is the wanted one. */
static bool
has_address(const struct link_snapshot *s, uint32_t index, const struct prefix *wanted)
{
	for (size_t i = 0; i < s->n_addresses; i++)
		if (s->addresses[i].index == index && prefix_same(&s->addresses[i].prefix, wanted))
			return true;
	return false;
}

/* The first IPv4 address of an interface, or NULL. */
static const struct prefix *
first_v4(const struct link_snapshot *s, uint32_t index)
{
	for (size_t i = 0; i < s->n_addresses; i++)
		if (s->addresses[i].index == index && s->addresses[i].prefix.addr.family == AF_INET)
			return &s->addresses[i].prefix;
	return NULL;
}

/* Another interface that has the bridge's network or a part of it: packets to containers would
 * go there. A wider one (10.0.0.0/8 of a cloud's own network) does no harm: the narrower route
 * wins. */
static int
check_overlap(const struct link_snapshot *s, const struct conf_bridge *wanted,
	const struct conf_bridge *previous, const struct prefix *net, struct err *e)
{
	char have[ADDR_TEXT_MAX], want[ADDR_TEXT_MAX];

	for (size_t i = 0; net->addr.family && i < s->n_addresses; i++) {
		const struct link_address *a = &s->addresses[i];
		const struct link_iface *iface = link_find_index(s, a->index);

		if (!iface || strcmp(iface->name, wanted->name) == 0 ||
			a->prefix.addr.family != net->addr.family || a->prefix.len < net->len ||
			!prefix_overlaps(&a->prefix, net))
			continue;
		/* A bridge of the generation before goes when this one has come, if it can. */
		if (iface->ours && previous && strcmp(iface->name, previous->name) == 0) {
			if (!link_has_ports(s, iface))
				continue;
			return err_ordinal(e, wanted->ordinal,
				"bridge %s has that network and containers on it; stop them "
				"before %s takes it over",
				iface->name, wanted->name);
		}
		return err_ordinal(e, wanted->ordinal,
			"the bridge's network %s overlaps %s of interface %s; choose "
			"another one",
			prefix_print(net, want), prefix_print(&a->prefix, have), iface->name);
	}
	return 0;
}

static int
check_existing(const struct link_snapshot *s, const struct link_iface *iface,
	const struct conf_bridge *wanted, struct link_work *work, struct err *e)
{
	const struct prefix *v4 = first_v4(s, iface->index);
	char have[ADDR_TEXT_MAX], want[ADDR_TEXT_MAX];

	if (strcmp(iface->kind, "bridge") != 0)
		return err_ordinal(e, wanted->ordinal,
			"interface %s exists and is no bridge; choose another name, or "
			"remove it: ip link delete %s",
			iface->name, iface->name);
	work->add_v4 = wanted->v4.addr.family && !has_address(s, iface->index, &wanted->v4);
	work->add_v6 = wanted->v6.addr.family && !has_address(s, iface->index, &wanted->v6);
	work->bring_up = !iface->up;
	work->ours = iface->ours;
	if (work->add_v4 && v4 && !iface->ours)
		return err_ordinal(e, wanted->ordinal,
			"bridge %s exists with address %s, not %s; write that address, "
			"choose another name, or remove it: ip link delete %s",
			iface->name, prefix_print(v4, have), prefix_print(&wanted->v4, want),
			iface->name);
	return 0;
}

int
link_check(const struct link_snapshot *s, const struct conf_bridge *wanted,
	const struct conf_bridge *previous, bool lxc_net, struct link_work *ret, struct err *e)
{
	const struct link_iface *iface = link_find(s, wanted->name);
	struct link_work work = {0};

	/* lxc-net's bridge has the name that its configuration gives, lxcbr0 unless changed. */
	if (lxc_net && iface && !iface->ours && strcmp(wanted->name, "lxcbr0") == 0)
		return err_ordinal(e, wanted->ordinal,
			"lxc-net runs bridge %s and a dnsmasq of its own on it; stop it "
			"first: systemctl disable --now lxc-net",
			wanted->name);
	if (check_overlap(s, wanted, previous, &wanted->v4, e) < 0 ||
		check_overlap(s, wanted, previous, &wanted->v6, e) < 0)
		return -1;
	if (iface) {
		if (check_existing(s, iface, wanted, &work, e) < 0)
			return -1;
	} else {
		work.create = work.mark = work.bring_up = work.ours = true;
		work.add_v4 = wanted->v4.addr.family != 0;
		work.add_v6 = wanted->v6.addr.family != 0;
	}
	*ret = work;
	return 0;
}

static bool
is_link_local(const struct addr *a)
{
	return a->family == AF_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

size_t
link_stale_address(const struct link_snapshot *s, const struct conf_bridge *wanted, size_t start)
{
	const struct link_iface *iface = link_find(s, wanted->name);

	for (size_t i = start; iface && iface->ours && i < s->n_addresses; i++) {
		const struct prefix *p = &s->addresses[i].prefix;

		if (s->addresses[i].index == iface->index && !is_link_local(&p->addr) &&
			!prefix_same(p, &wanted->v4) && !prefix_same(p, &wanted->v6))
			return i;
	}
	return s->n_addresses;
}

bool
link_lxc_net(const char *run_folder)
{
	char path[LINK_PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/network_up", run_folder);
	if (access(path, F_OK) == 0)
		return true;
	(void)snprintf(path, sizeof(path), "%s/dnsmasq.pid", run_folder);
	return access(path, F_OK) == 0;
}
