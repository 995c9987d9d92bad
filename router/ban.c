/*
 * Bans as they are ordered and told: by the proxy, whose word is checked here, and by an operator
 * through control. Who may not be banned is known to this process: it sees the host's addresses.
 */
#include "router/process.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/own.h"
#include "router/peers.h"

#include <string.h>

#define BANS_A_MESSAGE 400
#define BAN_MIN_MS 1000
#define BAN_MAX_MS (UINT64_C(30) * 24 * 3600 * 1000)

static void
answer_done(struct router *r, uint64_t id, const struct err *why)
{
	struct msg_out m;

	/* The proxy, which gives no number, wants no answer. */
	if (id == 0 || msg_out_init(&m, MSG_BAN_DONE, ROLE_CONTROL) < 0)
		return;
	msg_put_u64(&m, id);
	msg_put_u8(&m, why ? 0 : 1);
	msg_put_str(&m, why ? why->msg : "");
	(void)chan_send(r->chan, &m);
}

static void
count_bans(struct router *r)
{
	(void)bans_sweep(&r->bans, clock_mono_ms());
	stats_set(&r->stats, STAT_BANS_ACTIVE, r->bans.n);
}

/* Whether this may be banned, with what the kernel knows of the host now. */
static int
check_subject(struct router *r, const struct addr *subject, struct err *e)
{
	struct bans_guarded g = {.conf = r->conf};
	_free_ struct addr *own = NULL;
	_free_ struct peers *peers = calloc(1, sizeof(*peers));
	struct link_snapshot links;

	if (!peers || link_read(&r->route, &links, e) < 0)
		return peers ? -1 : err_set(e, "out of memory");
	own = calloc(links.n_addresses + 1, sizeof(*own));
	for (size_t i = 0; own && i < links.n_addresses; i++)
		own[g.n_own++] = links.addresses[i].prefix.addr;
	link_snapshot_clear(&links);
	if (!own)
		return err_set(e, "out of memory");
	/* A kernel without socket diagnosis cannot tell who is connected. */
	if (peers_read(&r->diagnosis, &r->ssh, peers, e) < 0 && !r->diagnosis_failed) {
		log_err("connections by SSH are not known", e);
		r->diagnosis_failed = true;
	}
	g.own = own;
	g.peers = peers->v;
	g.n_peers = peers->n;
	return bans_check(subject, &g, e);
}

static int
put_ban(struct router *r, const struct ban *ban, struct err *e)
{
	uint64_t timeout_ms = ban->until_ms - ban->since_ms;
	enum bans_change change = bans_add(&r->bans, ban, e);

	switch (change) {
	case BANS_REFUSED:
		return -1;
	case BANS_KNOWN:
		return 0;
	case BANS_NEW:
	case BANS_LONGER:
		break;
	}
	if (nft_ban(&r->nft, &ban->addr, timeout_ms, change == BANS_LONGER, e) == 0)
		return 0;
	(void)bans_remove(&r->bans, &ban->addr);
	return -1;
}

static void
told_of(struct router *r, const struct ban *ban)
{
	char text[ADDR_TEXT_MAX];

	addr_print(&ban->addr, text);
	log_info("banned", kv_s("address", text), kv_s("why", ban->why),
		kv_u("seconds", (ban->until_ms - ban->since_ms) / 1000));
	router_event(r, "banned", "address", text);
}

void
ban_add(struct router *r, const struct ban_order *o)
{
	struct ban ban = {.since_ms = clock_mono_ms()};
	struct addr a;
	struct err e = {0};

	ban.until_ms = ban.since_ms + o->for_ms;
	if (o->why.n)
		memcpy(ban.why, o->why.p,
			o->why.n < sizeof(ban.why) ? o->why.n : sizeof(ban.why) - 1);
	if (!r->conf || !r->installed)
		err_set(&e, "the router has no rules yet");
	else if (addr_parse(o->address, &a) < 0)
		err_set(&e, "\"%.*s\" is not an address", SLICE_ARG(slice_head(o->address, 64)));
	else if (o->for_ms < BAN_MIN_MS || o->for_ms > BAN_MAX_MS)
		err_set(&e, "a ban is for 1s to 30d");
	else {
		ban.addr = bans_subject(&a);
		(void)bans_sweep(&r->bans, ban.since_ms);
		if (check_subject(r, &ban.addr, &e) == 0 && put_ban(r, &ban, &e) == 0) {
			stats_add(&r->stats, STAT_BANS, 1);
			told_of(r, &ban);
			count_bans(r);
			answer_done(r, o->id, NULL);
			return;
		}
	}
	if (o->id == 0)
		log_warn("not banned", kv_slice("address", slice_head(o->address, 64)),
			kv_s("why", e.msg));
	answer_done(r, o->id, &e);
}

static int
remove_one(struct router *r, struct slice address, struct err *e)
{
	struct addr a, subject;
	char text[ADDR_TEXT_MAX];

	if (addr_parse(address, &a) < 0)
		return err_set(e, "\"%.*s\" is not an address", SLICE_ARG(slice_head(address, 64)));
	subject = bans_subject(&a);
	(void)bans_sweep(&r->bans, clock_mono_ms());
	if (!bans_find(&r->bans, &subject))
		return err_set(e, "%s is not banned", addr_print(&subject, text));
	if (nft_unban(&r->nft, &subject, e) < 0)
		return -1;
	(void)bans_remove(&r->bans, &subject);
	addr_print(&subject, text);
	log_info("ban lifted", kv_s("address", text));
	router_event(r, "ban lifted", "address", text);
	return 0;
}

static int
remove_all(struct router *r, struct err *e)
{
	if (r->installed && nft_unban_all(&r->nft, e) < 0)
		return -1;
	log_info("all bans lifted", kv_u("bans", r->bans.n));
	router_event(r, "all bans lifted", NULL, NULL);
	bans_clear(&r->bans);
	return 0;
}

void
ban_remove(struct router *r, uint64_t id, struct slice address)
{
	struct err e = {0};
	int ret = address.n ? remove_one(r, address, &e) : remove_all(r, &e);

	count_bans(r);
	answer_done(r, id, ret < 0 ? &e : NULL);
}

/* Some of them, and whether there are more. */
static void
send_some(struct router *r, uint64_t id, size_t first, size_t n)
{
	uint64_t mono = clock_mono_ms(), wall = clock_wall_ms();
	struct msg_out m;

	if (msg_out_init(&m, MSG_BANS, ROLE_CONTROL) < 0)
		return;
	msg_put_u64(&m, id);
	msg_put_u8(&m, first + n < r->bans.n);
	for (size_t i = first; i < first + n; i++) {
		const struct ban *ban = &r->bans.v[i];
		char text[ADDR_TEXT_MAX];

		msg_put_str(&m, addr_print(&ban->addr, text));
		msg_put_u64(&m, wall - (mono - ban->since_ms));
		msg_put_u64(&m, wall + (ban->until_ms - mono));
		msg_put_str(&m, ban->why);
	}
	(void)chan_send(r->chan, &m);
}

void
ban_list(struct router *r, uint64_t id)
{
	size_t first = 0;

	count_bans(r);
	do {
		size_t left = r->bans.n - first;
		size_t n = left < BANS_A_MESSAGE ? left : BANS_A_MESSAGE;

		send_some(r, id, first, n);
		first += n;
	} while (first < r->bans.n);
}

void
ban_adopt(struct router *r)
{
	struct err e = {0};

	if (r->bans.n == 0 && nft_read_bans(&r->nft, &r->bans, clock_mono_ms(), &e) < 0)
		bans_clear(&r->bans); /* no table yet, mostly */
	if (r->bans.n)
		log_info("bans found in the kernel", kv_u("bans", r->bans.n));
	count_bans(r);
}
