/* The flows of containers, told to control. */
#include "router/process.h"

#include "core/own.h"
#include "router/flows.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define FLOWS_A_MESSAGE 250
#define COUNTS_A_MESSAGE 500
#define PLACE_MAX (ADDR_TEXT_MAX + 8)

/* "10.0.3.2:80", "[fd00::2]:80" */
static void
put_place(struct msg_out *m, const struct addr *a, uint16_t port)
{
	char address[ADDR_TEXT_MAX], text[PLACE_MAX];

	(void)snprintf(text, sizeof(text), a->family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		addr_print(a, address), port);
	msg_put_str(m, text);
}

/* What a container's flows are told from. */
struct told {
	const struct flow *v;
	size_t n;
	uint64_t all;
	const char *why; /* "" unless they could not be read */
};

/* From the first on, as many as go into a message. */
static void
send_flows(struct router *r, uint64_t id, const struct told *told, size_t first)
{
	size_t last = first + FLOWS_A_MESSAGE < told->n ? first + FLOWS_A_MESSAGE : told->n;
	struct msg_out m;

	if (msg_out_init(&m, MSG_CONNTRACK, ROLE_CONTROL) < 0)
		return;
	msg_put_u64(&m, id);
	msg_put_u8(&m, last < told->n);
	msg_put_u64(&m, told->all);
	msg_put_str(&m, told->why);
	for (size_t i = first; i < last; i++) {
		const struct flow *f = &told->v[i];

		msg_put_u8(&m, f->f.proto);
		msg_put_u8(&m, f->in);
		msg_put_str(&m, flow_state(f));
		put_place(&m, &f->f.source, f->f.source_port);
		put_place(&m, &f->f.dest, f->f.dest_port);
		put_place(&m, &f->f.target, f->f.target_port);
		msg_put_u32(&m, f->seconds);
		msg_put_u64(&m, f->packets);
		msg_put_u64(&m, f->bytes);
	}
	(void)chan_send(r->chan, &m);
}

/* Where forwards to it go, or what lxc tells of one that the file does not name. */
static struct flows_of
addresses_of(struct router *r, struct slice name)
{
	const struct plan_address *known = map_find(r->containers, name);
	int32_t index = r->conf ? conf_find_container(r->conf, name) : -1;
	_free_ struct plan_address *all = index >= 0 ? containers_known(r, r->conf) : NULL;
	struct plan_input in = {.conf = r->conf, .addresses = all};
	struct flows_of of = {0};

	if (index >= 0) {
		of.v4 = plan_target(&in, (uint32_t)index, AF_INET);
		of.v6 = plan_target(&in, (uint32_t)index, AF_INET6);
	} else if (known) {
		of.v4 = known->v4;
		of.v6 = known->v6;
	}
	return of;
}

static void
show_one(struct router *r, uint64_t id, struct slice name)
{
	_free_ struct flow *flows = calloc(FLOWS_MAX, sizeof(*flows));
	struct flows_of of = addresses_of(r, name);
	struct err e = {0};
	struct told told = {.v = flows, .why = e.msg};
	size_t first = 0;

	if (!flows)
		err_set(&e, "out of memory");
	else if (flows_read(&r->nft.commands, &of, flows, &told.n, &told.all, &e) < 0)
		told.n = 0;
	do {
		send_flows(r, id, &told, first);
		first += FLOWS_A_MESSAGE;
	} while (first < told.n);
}

/* All containers that are known, by the file or by lxc. */
struct everybody {
	struct slice *names;
	struct flows_of *v;
	size_t n;
};

static int
collect(struct router *r, struct everybody *all, struct err *e)
{
	size_t max = map_count(r->containers) + (r->conf ? r->conf->n_containers : 0);
	size_t cursor = 0;
	struct slice name;

	all->names = calloc(max + 1, sizeof(*all->names));
	all->v = calloc(max + 1, sizeof(*all->v));
	if (!all->names || !all->v)
		return err_set(e, "out of memory");
	for (size_t i = 0; r->conf && i < r->conf->n_containers; i++)
		all->names[all->n++] = slice_str(r->conf->containers[i].name);
	while (map_next(r->containers, &cursor, &name))
		if (!r->conf || conf_find_container(r->conf, name) < 0)
			all->names[all->n++] = name;
	for (size_t i = 0; i < all->n; i++)
		all->v[i] = addresses_of(r, all->names[i]);
	return flows_count(&r->nft.commands, all->v, all->n, e);
}

static void
send_counts(
	struct router *r, uint64_t id, const struct everybody *all, size_t first, const char *why)
{
	uint32_t now = 0, most = 0;
	size_t last = first + COUNTS_A_MESSAGE < all->n ? first + COUNTS_A_MESSAGE : all->n;
	struct msg_out m;

	(void)flows_total(&r->nft.commands, &now, &most);
	if (msg_out_init(&m, MSG_CONNTRACK_COUNTS, ROLE_CONTROL) < 0)
		return;
	msg_put_u64(&m, id);
	msg_put_u8(&m, last < all->n);
	msg_put_u64(&m, now);
	msg_put_u64(&m, most);
	msg_put_str(&m, why);
	for (size_t i = first; i < last; i++) {
		msg_put_slice(&m, all->names[i]);
		msg_put_u64(&m, all->v[i].in);
		msg_put_u64(&m, all->v[i].out);
	}
	(void)chan_send(r->chan, &m);
}

static void
show_all(struct router *r, uint64_t id)
{
	struct everybody all = {0};
	struct err e = {0};
	size_t first = 0;

	if (collect(r, &all, &e) < 0)
		all.n = 0;
	do {
		send_counts(r, id, &all, first, e.msg);
		first += COUNTS_A_MESSAGE;
	} while (first < all.n);
	free(all.names);
	free(all.v);
}

void
show_conntrack(struct router *r, uint64_t id, struct slice name)
{
	if (name.n)
		show_one(r, id, name);
	else
		show_all(r, id);
}
