/*
 * Conflicts of addresses; see conflicts.h. Nothing here wakes for what containers send: who floods
 * the bridge with ARP costs the kernel's table, which is bounded, and no time of ours.
 */
#include "router/conflicts.h"

#include "core/log.h"
#include "core/map.h"
#include "core/own.h"
#include "router/neighbours.h"
#include "router/process.h"

#include <stdlib.h>
#include <string.h>

#define SOON_US                                                                                    \
	(10 * 1000) /* containers are told one by one: all of them are asked for at once           \
		     */
#define ANSWER_US (300 * 1000) /* until who has it has answered */
#define LOOK_SECONDS 60

struct owner {
	char name[CONF_NAME_MAX + 1];
	char mac[NEIGHBOUR_MAC_TEXT];
	char told[NEIGHBOUR_MAC_TEXT]; /* who has it, as it was said last; "": nobody else */
	bool ask;
};

static void on_timer(evutil_socket_t fd, short what, void *ctx);

int
conflicts_init(struct router *r)
{
	r->conflicts.owners = map_new();
	r->conflicts.timer = evtimer_new(r->base, on_timer, r);
	return r->conflicts.owners && r->conflicts.timer ? 0 : -1;
}

void
conflicts_clear(struct router *r)
{
	size_t cursor = 0;
	void *owner;

	while (r->conflicts.owners && (owner = map_next(r->conflicts.owners, &cursor, NULL)))
		free(owner);
	map_free(&r->conflicts.owners);
	if (r->conflicts.timer)
		event_free(r->conflicts.timer);
	r->conflicts.timer = NULL;
}

static void
arm(struct router *r, time_t seconds, suseconds_t microseconds)
{
	struct timeval tv = {.tv_sec = seconds, .tv_usec = microseconds};

	evtimer_add(r->conflicts.timer, &tv);
}

static struct slice
addr_key(const struct addr *a)
{
	return slice_of(a, sizeof(*a));
}

static void
copy_text(char *to, size_t size, struct slice from)
{
	size_t n = from.n < size ? from.n : size - 1;

	memcpy(to, from.p, n);
	to[n] = '\0';
}

static void
watch_address(struct router *r, struct slice name, const struct addr *a, struct slice mac)
{
	struct owner *owner;

	if (!a->family)
		return;
	owner = map_find(r->conflicts.owners, addr_key(a));
	if (!owner) {
		owner = calloc(1, sizeof(*owner));
		if (!owner || map_set(r->conflicts.owners, addr_key(a), owner, NULL) < 0) {
			free(owner);
			return;
		}
	}
	copy_text(owner->name, sizeof(owner->name), name);
	copy_text(owner->mac, sizeof(owner->mac), mac);
	owner->ask = true;
	arm(r, 0, SOON_US);
}

/* Those of that name, but for the addresses that it has now. */
static void
forget(struct router *r, struct slice name, const struct plan_address *now)
{
	size_t cursor = 0;
	struct owner *owner;
	struct slice key;

	while ((owner = map_next(r->conflicts.owners, &cursor, &key))) {
		if (!slice_eq_str(name, owner->name) ||
			(now && (slice_eq(key, addr_key(&now->v4)) ||
					slice_eq(key, addr_key(&now->v6)))))
			continue;
		free(map_remove(r->conflicts.owners, key));
	}
}

void
conflicts_watch(
	struct router *r, struct slice name, const struct plan_address *address, struct slice mac)
{
	/* Without a MAC address there is nothing to compare. */
	if (mac.n != NEIGHBOUR_MAC_TEXT - 1) {
		forget(r, name, NULL);
		return;
	}
	forget(r, name, address);
	watch_address(r, name, &address->v4, mac);
	watch_address(r, name, &address->v6, mac);
}

void
conflicts_leave(struct router *r, struct slice name)
{
	forget(r, name, NULL);
}

/* ---- asking and looking ---- */

static void
on_neighbour(const struct neighbour *neighbour, void *ctx)
{
	struct router *r = ctx;
	struct owner *owner = map_find(r->conflicts.owners, addr_key(&neighbour->addr));
	char mac[NEIGHBOUR_MAC_TEXT], address[ADDR_TEXT_MAX];

	if (!owner)
		return;
	neighbour_mac_print(neighbour->mac, mac);
	addr_print(&neighbour->addr, address);
	if (strcmp(mac, owner->mac) == 0) {
		if (owner->told[0])
			log_info("an address is its container's alone again",
				kv_s("container", owner->name), kv_s("address", address));
		owner->told[0] = '\0';
	} else if (strcmp(mac, owner->told) != 0) {
		memcpy(owner->told, mac, sizeof(mac));
		log_warn("another machine on the bridge has a container's address",
			kv_s("container", owner->name), kv_s("address", address), kv_s("mac", mac),
			kv_s("mac_of_container", owner->mac));
		router_event(r, "address conflict", "address", address);
	}
}

static bool
ask(struct router *r, uint32_t index)
{
	size_t cursor = 0;
	struct owner *owner;
	struct slice key;
	bool asked = false;

	while ((owner = map_next(r->conflicts.owners, &cursor, &key))) {
		struct netlink_error error;
		struct addr a;

		if (!owner->ask)
			continue;
		owner->ask = false;
		asked = true;
		memcpy(&a, key.p, sizeof(a));
		if (neighbour_ask(&r->route, index, &a, &error) < 0)
			log_debug("a neighbour cannot be asked for", kv_s("error", error.text));
	}
	return asked;
}

static void
on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct router *r = ctx;
	const struct conf_bridge *bridge = r->conf ? r->conf->bridge : NULL;
	const struct link_iface *iface;
	struct link_snapshot s = {0};
	struct err e = {0};
	bool asked = false;

	(void)fd;
	(void)what;
	if (map_count(r->conflicts.owners) == 0)
		return;
	if (bridge && link_read(&r->route, &s, &e) == 0) {
		iface = link_find(&s, bridge->name);
		asked = iface && ask(r, iface->index);
		if (iface && !asked &&
			neighbour_read(&r->route, iface->index, on_neighbour, r, &e) < 0)
			log_err("neighbours cannot be read", &e);
	}
	link_snapshot_clear(&s);
	if (asked)
		arm(r, 0, ANSWER_US);
	else
		arm(r, LOOK_SECONDS, 0);
}
