/*
 * Interfaces and kernel parameters as the configuration wants them. What must be undone one day
 * is told to the parent first, and done when the parent has it on disk.
 */
#include "router/process.h"

#include "core/log.h"
#include "router/reach.h"

#include <stdio.h>
#include <string.h>

#define RECORD_NAME_MAX (SYSCTL_NAME_MAX + ADDR_TEXT_MAX)

/* The value of a record about a link: it was not there. */
#define RECORD_ABSENT "absent"

static const char awaited_mark; /* the value of every entry of settlement.awaited */

/* The outside of c, given what there is. */
static struct plan_wans
find_wans(const struct router *r, const struct conf *c, const struct link_snapshot *s)
{
	struct plan_wans wans = {0};

	if (c->wan) {
		(void)snprintf(wans.names[0], sizeof(wans.names[0]), "%s", c->wan);
		wans.n = 1;
		return wans;
	}
	if (s->defaults.n > 0)
		return s->defaults;
	/* A default route that is gone for a while does not open other interfaces. */
	if (!r->conf || !r->conf->wan)
		return r->wans;
	return wans;
}

/* At a start, an interface that a target is behind may come up later. */
static int
check_targets(struct router *r, const struct conf *c, struct err *e)
{
	struct err why = {0};

	if (reach_check(&r->route, c, &why) == 0)
		return 0;
	if (!r->conf) {
		log_err("a target cannot be reached yet", &why);
		return 0;
	}
	*e = why;
	return -1;
}

/* An interface or an address may come later (a tunnel's, a floating one), so it is said, no more.
 */
static void
warn_absent(const struct conf *c, const struct link_snapshot *s)
{
	char text[ADDR_TEXT_MAX];

	if (c->wan && !link_find(s, c->wan))
		log_warn("the outside interface does not exist", kv_s("interface", c->wan));
	for (size_t i = 0; i < c->n_forwards; i++) {
		const struct conf_forward *f = &c->forwards[i];

		if (f->interface && !link_find(s, f->interface))
			log_warn("the interface of a forward does not exist",
				kv_s("interface", f->interface), kv_u("port", f->low));
		if (f->listen.family && !link_is_local(s, &f->listen))
			log_warn("the address of a forward is none of this host's",
				kv_s("address", addr_print(&f->listen, text)),
				kv_u("port", f->low));
	}
}

int
settle_check(struct router *r, const struct conf *c, struct err *e)
{
	struct link_snapshot s;
	struct link_work work;
	int ret = 0;

	if (check_targets(r, c, e) < 0 || link_read(&r->route, &s, e) < 0)
		return -1;
	if (c->bridge)
		ret = link_check(&s, c->bridge, r->conf ? r->conf->bridge : NULL,
			link_lxc_net(ROUTER_LXC_RUN), &work, e);
	if (ret == 0)
		warn_absent(c, &s);
	link_snapshot_clear(&s);
	return ret;
}

static void
settlement_clear(struct settlement *s)
{
	conf_unref(&s->conf);
	sysctl_list_clear(&s->sysctls);
	map_free(&s->awaited);
	*s = (struct settlement){0};
}

void
settle_cancel(struct router *r)
{
	settlement_clear(&r->settlement);
}

/* Ends the settlement: the commit goes on or fails; upkeep only says why not. */
static void
settled(struct router *r, const struct err *e)
{
	uint64_t generation = r->settlement.generation;

	settlement_clear(&r->settlement);
	if (generation) {
		generation_settled(r, generation, e);
	} else if (e) {
		log_err("interfaces and parameters are not as wanted", e);
	} else {
		r->wans = r->next_wans;
		install_again(r);
	}
}

/* Sends RECORD for one name and remembers to wait for its RECORDED. */
static int
ask_record(struct router *r, const char *kind, const char *name, const char *value, struct err *e)
{
	struct settlement *s = &r->settlement;
	struct msg_out m;
	/* The map wants a pointer that is not NULL; this one says only that it is there. */
	void *mark = (void *)(uintptr_t)&awaited_mark;

	if (map_set(s->awaited, slice_str(name), mark, NULL) < 0 ||
		msg_out_init(&m, MSG_RECORD, ROLE_PARENT) < 0)
		return err_set(e, "out of memory");
	msg_put_str(&m, kind);
	msg_put_str(&m, name);
	msg_put_str(&m, value);
	if (chan_send(r->chan, &m) < 0)
		return err_set(e, "the parent takes no records");
	return 0;
}

static int
ask_link_records(struct router *r, struct err *e)
{
	const struct settlement *s = &r->settlement;
	const struct conf_bridge *b = s->conf->bridge;
	char name[RECORD_NAME_MAX], address[ADDR_TEXT_MAX];

	if (!b)
		return 0;
	/* Also when it was made by a process before this one, whose record may be gone. */
	if (s->work.ours)
		return ask_record(r, "link", b->name, RECORD_ABSENT, e);
	if (s->work.add_v4) {
		(void)snprintf(name, sizeof(name), "%s/%s", b->name, prefix_print(&b->v4, address));
		if (ask_record(r, "link", name, RECORD_ABSENT, e) < 0)
			return -1;
	}
	if (s->work.add_v6) {
		(void)snprintf(name, sizeof(name), "%s/%s", b->name, prefix_print(&b->v6, address));
		return ask_record(r, "link", name, RECORD_ABSENT, e);
	}
	return 0;
}

static int
ask_records(struct router *r, struct err *e)
{
	const struct settlement *s = &r->settlement;

	for (size_t i = 0; i < s->sysctls.n; i++) {
		const struct sysctl_change *change = &s->sysctls.v[i];

		if (change->record && ask_record(r, "sysctl", change->name, change->old, e) < 0)
			return -1;
	}
	return ask_link_records(r, e);
}

/* What there is to do for s->conf. */
static int
collect(struct router *r, struct err *e)
{
	struct settlement *s = &r->settlement;
	struct sysctl_input in = {.root = SYSCTL_ROOT,
		.v6 = plan_needs_v6(s->conf),
		.localnet = s->conf->n_forwards > 0,
		.upkeep = s->generation == 0};
	struct link_snapshot links;
	int ret = 0;

	if (link_read(&r->route, &links, e) < 0)
		return -1;
	r->next_wans = find_wans(r, s->conf, &links);
	if (s->conf->bridge)
		ret = link_check(&links, s->conf->bridge, r->conf ? r->conf->bridge : NULL,
			link_lxc_net(ROUTER_LXC_RUN), &s->work, e);
	link_snapshot_clear(&links);
	if (ret < 0 || !conf_needs_forwarding(s->conf))
		return ret;
	in.wans = r->next_wans;
	in.bridge = s->conf->bridge ? s->conf->bridge->name : NULL;
	in.bridge_ours = s->work.ours;
	return sysctl_collect(&in, &s->sysctls, e);
}

/* Whose address the gateway's is. Returns whether it is another than before. */
static bool
take_bridge_mac(struct router *r, const struct link_snapshot *s, const char *bridge)
{
	const struct link_iface *b = link_find(s, bridge);

	if (!b || memcmp(b->mac, r->bridge_mac, sizeof(r->bridge_mac)) == 0)
		return false;
	memcpy(r->bridge_mac, b->mac, sizeof(r->bridge_mac));
	return true;
}

/* All is recorded: do it. */
static int
act(struct router *r, struct err *e)
{
	struct settlement *s = &r->settlement;
	const struct conf_bridge *b = s->conf->bridge;
	struct link_snapshot links;
	int ret;

	if (b && link_make(&r->route, b, &s->work, e) < 0)
		return -1;
	if (b && s->work.create)
		router_event(r, "bridge created", "bridge", b->name);
	if (sysctl_write(SYSCTL_ROOT, &s->sysctls, e) < 0)
		return -1;
	if (!b)
		return 0;
	if (link_read(&r->route, &links, e) < 0)
		return -1;
	ret = link_hairpin(&r->route, &links, b->name, e);
	(void)take_bridge_mac(r, &links, b->name);
	link_snapshot_clear(&links);
	return ret < 0 ? -1 : 0;
}

static void
go_on(struct router *r)
{
	struct err e = {0};

	if (act(r, &e) < 0)
		settled(r, &e);
	else
		settled(r, NULL);
}

void
settle_begin(struct router *r, struct conf *c, uint64_t generation)
{
	struct settlement *s = &r->settlement;
	struct err e = {0};

	settlement_clear(s);
	s->active = true;
	s->generation = generation;
	s->conf = conf_ref(c);
	s->awaited = map_new();
	if (!s->awaited)
		err_set(&e, "out of memory");
	else if (collect(r, &e) == 0 && ask_records(r, &e) == 0) {
		if (map_count(s->awaited) == 0)
			go_on(r);
		return;
	}
	settled(r, &e);
}

void
settle_recorded(struct router *r, struct slice name)
{
	struct settlement *s = &r->settlement;

	if (!s->active || !map_remove(s->awaited, name))
		return;
	if (map_count(s->awaited) == 0)
		go_on(r);
}

/* Whether what c wants of interfaces is not there (any more). */
static bool
needs_settling(struct router *r, const struct link_snapshot *links)
{
	const struct conf *c = r->conf;
	struct sysctl_list sysctls = {0};
	struct sysctl_input in = {.root = SYSCTL_ROOT,
		.wans = r->wans,
		.bridge = c->bridge ? c->bridge->name : NULL,
		.bridge_ours = true,
		.v6 = plan_needs_v6(c),
		.localnet = c->n_forwards > 0,
		.upkeep = true};
	bool needed = c->bridge && !link_find(links, c->bridge->name);

	if (!needed && sysctl_collect(&in, &sysctls, NULL) == 0)
		needed = sysctls.n > 0;
	if (sysctls.off && !r->switched_off)
		log_warn("somebody switched forwarding off, and it stays so until a reload; "
			 "sluice doctor says more");
	r->switched_off = sysctls.off;
	sysctl_list_clear(&sysctls);
	return needed;
}

void
settle_upkeep(struct router *r)
{
	struct link_snapshot links;
	struct plan_wans wans;
	struct err e = {0};

	if (!r->conf || !conf_needs_forwarding(r->conf))
		return;
	if (link_read(&r->route, &links, &e) < 0) {
		log_err("interfaces cannot be read", &e);
		router_retry(r);
		return;
	}
	if (r->conf->bridge && link_hairpin(&r->route, &links, r->conf->bridge->name, &e) < 0)
		log_err("hairpin mode", &e);
	if (r->conf->bridge && take_bridge_mac(r, &links, r->conf->bridge->name))
		install_again(r);
	if (!r->settlement.active) {
		wans = find_wans(r, r->conf, &links);
		if (!plan_wans_equal(&wans, &r->wans)) {
			log_info("outside changed", kv_s("interface", wans.n ? wans.names[0] : ""));
			r->wans = wans;
			install_again(r);
		}
		if (needs_settling(r, &links))
			settle_begin(r, r->conf, 0);
	}
	link_snapshot_clear(&links);
}

/* The bridge of the generation before, when it was ours and nothing hangs on it. */
static void
leave_bridge(struct router *r, const struct link_snapshot *s, const char *name)
{
	const struct link_iface *b = link_find(s, name);
	struct err e = {0};

	if (!b || !b->ours)
		return;
	if (link_has_ports(s, b)) {
		log_warn("a bridge that the file no longer names still has ports, it stays",
			kv_s("bridge", name));
		return;
	}
	if (link_delete(&r->route, b->index, &e) < 0)
		log_err("a bridge that the file no longer names stays", &e);
	else
		log_info("bridge deleted", kv_s("bridge", name));
}

void
settle_leave(struct router *r, const struct conf *before)
{
	const struct conf_bridge *now = r->conf->bridge;
	struct link_snapshot s;
	struct err e = {0};

	if (link_read(&r->route, &s, &e) < 0) {
		log_err("interfaces cannot be read", &e);
		return;
	}
	if (now) {
		for (size_t i = link_stale_address(&s, now, 0); i < s.n_addresses;
			i = link_stale_address(&s, now, i + 1))
			if (link_delete_address(&r->route, &s.addresses[i], &e) < 0)
				log_err("an old address of the bridge stays", &e);
	}
	if (before && before->bridge && (!now || strcmp(now->name, before->bridge->name) != 0))
		leave_bridge(r, &s, before->bridge->name);
	link_snapshot_clear(&s);
}
