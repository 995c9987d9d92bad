/* Requests that the router answers. */
#include "daemon/control/control_waiting.h"

#include "core/memfd.h"
#include "core/nft_view.h"
#include "core/own.h"
#include "core/stats.h"
#include "daemon/control/control_json.h"
#include "daemon/control/control_usage.h"

#include <string.h>

#define METRICS_FORWARDS_MAX 1000
#define METRICS_FLOWS_MAX 100000

/* A wait for the router; NULL: answered. */
static struct wait *
wait_router(struct control *c, struct evhttp_request *req, enum wait_kind kind)
{
	if (!control_state_runs(&c->state, "router")) {
		control_http_error(req, 503,
			"the router process does not run; it does when the file has a bridge, a "
			"forward or a ban, as in: ban never 198.51.100.0/24");
		return NULL;
	}
	return control_wait_new(c, req, kind, kind == WAIT_NFT ? CONTROL_NFT_MS : CONTROL_BAN_MS);
}

void
control_wait_ban(struct control *c, struct evhttp_request *req, const struct control_ban *ban)
{
	struct wait *w = wait_router(c, req, WAIT_BAN);
	struct msg_out m;

	if (!w)
		return;
	if (msg_out_init(&m, ban->for_ms ? MSG_BAN : MSG_UNBAN, ROLE_ROUTER) < 0) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
		return;
	}
	msg_put_u64(&m, w->id);
	msg_put_slice(&m, ban->address);
	if (ban->for_ms) {
		msg_put_u64(&m, ban->for_ms);
		msg_put_str(&m, "an operator said so");
	}
	control_wait_send(w, &m);
}

void
control_wait_bans(struct control *c, struct evhttp_request *req)
{
	struct wait *w = wait_router(c, req, WAIT_BANS);
	struct msg_out m;

	if (!w)
		return;
	w->usage = json_array();
	if (!w->usage || msg_out_init(&m, MSG_BANS_GET, ROLE_ROUTER) < 0) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
		return;
	}
	msg_put_u64(&m, w->id);
	control_wait_send(w, &m);
}

void
control_wait_on_bans(struct control *c, struct msg_in *m)
{
	struct wait *w = control_wait_find(c, msg_get_u64(m), WAIT_BANS);
	bool more = msg_get_u8(m) != 0;

	while (w && msg_more(m)) {
		struct slice address = msg_get_slice(m), why;
		uint64_t since = msg_get_u64(m), until = msg_get_u64(m);

		why = msg_get_slice(m);
		json_array_append_new(w->usage,
			json_pack("{s:s%, s:s, s:I, s:I, s:s%}", "address", address.p, address.n,
				"covers", slice_index(address, ':') < address.n ? "/64" : "/32",
				"since", (json_int_t)since, "until", (json_int_t)until, "why",
				why.p, why.n));
	}
	if (w && !more)
		control_wait_finish(w, 200, json_incref(w->usage));
}

void
control_wait_forwards(struct control *c, struct evhttp_request *req)
{
	const struct conf *conf = c->state.conf;
	struct wait *w;
	struct msg_out m;

	if (!conf || !conf->n_forwards || !control_state_runs(&c->state, "router")) {
		control_http_answer(req, 200, control_json_forwards(&c->state));
		return;
	}
	w = wait_router(c, req, WAIT_FORWARDS);
	if (!w)
		return;
	w->usage = control_json_forwards(&c->state);
	if (!w->usage || msg_out_init(&m, MSG_FORWARDS_GET, ROLE_ROUTER) < 0) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
		return;
	}
	msg_put_u64(&m, w->id);
	control_wait_send(w, &m);
}

/* More samples than a scrape should have. */
void
control_wait_ask_forwards(struct wait *w)
{
	const struct control_state *s = &w->control->state;

	if (!s->conf || s->conf->n_forwards == 0 || s->conf->n_forwards > METRICS_FORWARDS_MAX)
		return;
	json_object_set_new(w->usage, "forwards", control_json_forwards(s));
	control_wait_ask(w, MSG_FORWARDS_GET, ROLE_ROUTER, WAIT_PART_FORWARDS);
}

void
control_wait_on_forwards(struct control *c, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	struct wait *w = control_wait_find(c, id, WAIT_FORWARDS),
		    *metrics = control_wait_find(c, id, WAIT_METRICS);
	json_t *list = w ? w->usage : metrics ? json_object_get(metrics->usage, "forwards") : NULL;
	bool more = msg_get_u8(m) != 0;

	while (list && msg_more(m) && !m->bad) {
		uint32_t ordinal = msg_get_u32(m);
		uint64_t counts[3];

		for (size_t i = 0; i < 3; i++)
			counts[i] = msg_get_u64(m);
		control_json_count_forward(&c->state, list, ordinal, counts);
	}
	if (w && !more)
		control_wait_finish(w, 200, json_incref(w->usage));
	if (metrics && !more)
		control_wait_came(metrics, m->from, WAIT_PART_FORWARDS);
}

/* The router walks through all flows for it, and does nothing else meanwhile. */
void
control_wait_ask_flows(struct wait *w)
{
	const struct conf *conf = w->control->state.conf;
	const json_t *entries = json_object_get(
		json_object_get(w->usage, "counters"), stats_name(STAT_CONNTRACK_ENTRIES));
	struct msg_out m;

	if (!conf || conf->n_containers == 0 || !entries ||
		json_integer_value(entries) > METRICS_FLOWS_MAX ||
		msg_out_init(&m, MSG_CONNTRACK_GET, ROLE_ROUTER) < 0)
		return;
	json_object_set_new(w->usage, "flows", json_array());
	msg_put_u64(&m, w->id);
	msg_put_slice(&m, (struct slice){0});
	if (chan_send(w->control->chan, &m) == 0)
		w->awaited |= UINT64_C(1) << ROLE_ROUTER << WAIT_PART_FLOWS;
	msg_out_clear(&m);
}

void
control_wait_conntrack(struct control *c, struct evhttp_request *req, struct slice name)
{
	struct wait *w;
	struct msg_out m;

	if (name.n && !control_state_find(&c->state, name)) {
		control_http_error(req, 404, "there is no such container");
		return;
	}
	w = wait_router(c, req, WAIT_CONNTRACK);
	if (!w)
		return;
	w->usage = json_array();
	if (!w->usage || msg_out_init(&m, MSG_CONNTRACK_GET, ROLE_ROUTER) < 0) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
		return;
	}
	msg_put_u64(&m, w->id);
	msg_put_slice(&m, name);
	control_wait_send(w, &m);
}

void
control_wait_on_conntrack(struct control *c, struct msg_in *m)
{
	struct wait *w = control_wait_find(c, msg_get_u64(m), WAIT_CONNTRACK);
	bool more = msg_get_u8(m) != 0;
	uint64_t all = msg_get_u64(m);
	_free_ char *why = slice_dup(msg_get_slice(m));

	if (w)
		control_usage_flows(w->usage, m);
	if (!w || more || !why)
		return;
	if (why[0])
		control_wait_finish(w, 500, control_json_error(why));
	else
		control_wait_finish(w, 200,
			json_pack("{s:I, s:O}", "in_all", (json_int_t)all, "flows", w->usage));
}

void
control_wait_on_conntrack_counts(struct control *c, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	struct wait *w = control_wait_find(c, id, WAIT_CONNTRACK),
		    *metrics = control_wait_find(c, id, WAIT_METRICS);
	json_t *list = w ? w->usage : metrics ? json_object_get(metrics->usage, "flows") : NULL;
	bool more = msg_get_u8(m) != 0;
	uint64_t now = msg_get_u64(m), most = msg_get_u64(m);
	_free_ char *why = slice_dup(msg_get_slice(m));

	if (list)
		control_usage_flow_counts(list, m);
	if (metrics && !more)
		control_wait_came(metrics, m->from, WAIT_PART_FLOWS);
	if (!w || more || !why)
		return;
	if (why[0])
		control_wait_finish(w, 500, control_json_error(why));
	else
		control_wait_finish(w, 200,
			json_pack("{s:I, s:I, s:O}", "entries", (json_int_t)now, "max",
				(json_int_t)most, "containers", w->usage));
}

/* "view=diff"; nothing means both. -1 for anything else. */
static int
parse_view(struct slice query)
{
	static const char *const names[] = {
#define VIEW_NAME(id, name) [NFT_VIEW_##id] = (name),
		NFT_VIEW_TABLE(VIEW_NAME)
#undef VIEW_NAME
	};
	struct slice key = SLICE_LIT("view=");

	if (query.n == 0)
		return NFT_VIEW_BOTH;
	for (int i = 0; i < NFT_VIEW_COUNT; i++)
		if (slice_starts(query, key) && slice_eq_str(slice_skip(query, key.n), names[i]))
			return i;
	return -1;
}

void
control_wait_nft(struct control *c, struct evhttp_request *req, struct slice query)
{
	int view = parse_view(query);
	struct wait *w;
	struct msg_out m;

	if (view < 0) {
		control_http_error(req, 400, "view is one of both, planned, kernel, diff");
		return;
	}
	w = wait_router(c, req, WAIT_NFT);
	if (!w)
		return;
	if (msg_out_init(&m, MSG_NFT_GET, ROLE_ROUTER) < 0) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
		return;
	}
	msg_put_u64(&m, w->id);
	msg_put_u8(&m, (uint8_t)view);
	control_wait_send(w, &m);
}

void
control_wait_on_nft(struct control *c, struct msg_in *m)
{
	struct wait *w = control_wait_find(c, msg_get_u64(m), WAIT_NFT);
	bool same = msg_get_u8(m) != 0;
	_free_ char *why = slice_dup(msg_get_slice(m));
	struct memfd_map map = {0};
	struct err e = {0};

	if (msg_finish(m) < 0 || !w || !why)
		return;
	if (why[0]) {
		control_wait_finish(w, 422, control_json_error(why));
	} else if (memfd_map(m->fd, CONTROL_NFT_MAX, &map, &e) < 0) {
		control_wait_finish(w, 500, control_json_error(e.msg));
	} else {
		control_wait_finish(w, 200,
			json_pack("{s:b, s:s%}", "same", same, "text",
				map.bytes.n ? map.bytes.p : "", map.bytes.n));
		memfd_unmap(&map);
	}
}
