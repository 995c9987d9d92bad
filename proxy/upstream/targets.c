/* Reports of targets as messages. */
#include "proxy/upstream/targets.h"

#include "core/log.h"
#include "core/clock.h"

#define TARGETS_BYTES_MAX (48 * 1024) /* of one message; then another begins */

struct targets_out {
	struct chan *chan;
	const struct generation *g;
	uint64_t id;
	struct msg_out m;
	bool open;
	bool failed; /* out of memory: what control lacks it shows as unknown */
	size_t n;    /* targets in the message, at most as many as fit */
};

#define TARGETS_PER_MESSAGE (TARGETS_BYTES_MAX / 128)

static void
targets_begin(struct targets_out *out, bool last)
{
	if (msg_out_init(&out->m, MSG_TARGETS, ROLE_CONTROL) < 0) {
		out->failed = true;
		return;
	}
	msg_put_u64(&out->m, out->id);
	msg_put_u64(&out->m, out->g ? out->g->number : 0);
	msg_put_u8(&out->m, last);
	out->open = true;
	out->n = 0;
}

static void
targets_end(struct targets_out *out)
{
	if (!out->open)
		return;
	(void)chan_send(out->chan, &out->m);
	msg_out_clear(&out->m);
	out->open = false;
}

/* A moment of the monotonic clock on the wall clock; 0 stays 0. */
static uint64_t
wall_of(uint64_t mono)
{
	uint64_t now = clock_mono_coarse_ms();

	return mono ? clock_wall_ms() - (now > mono ? now - mono : 0) : 0;
}

static void
targets_put(struct targets_out *out, const struct conf_route *route, size_t index)
{
	struct backend *b = backend_pool_get(generation_pool(out->g, route), index);
	struct backend_report r = backend_report(b, clock_mono_coarse_ms());
	struct msg_out *m = &out->m;

	msg_put_u32(m, route->ordinal);
	msg_put_u16(m, (uint16_t)index);
	msg_put_u8(m, (uint8_t)r.state);
	msg_put_u32(m, r.active);
	msg_put_u64(m, r.requests);
	msg_put_u64(m, r.failures);
	msg_put_u64(m, wall_of(r.failed_ms));
	msg_put_u64(m, wall_of(r.checked_ms));
	msg_put_str(m, r.bad ? r.bad : "");
	out->n++;
}

static void
targets_route(struct targets_out *out, const struct conf_route *route)
{
	if (route->pool == 0)
		return;
	for (size_t i = 0; i < conf_route_targets(route) && !out->failed; i++) {
		if (out->open && out->n == TARGETS_PER_MESSAGE)
			targets_end(out);
		if (!out->open)
			targets_begin(out, false);
		if (out->open)
			targets_put(out, route, i);
	}
}

void
targets_send(struct chan *chan, const struct generation *g, uint64_t id)
{
	struct targets_out out = {.chan = chan, .g = g, .id = id};

	for (size_t i = 0; g && i < g->conf->n_sites; i++)
		for (size_t k = 0; k < g->conf->sites[i].n_routes; k++)
			targets_route(&out, &g->conf->sites[i].routes[k]);
	targets_end(&out);
	targets_begin(&out, true);
	targets_end(&out);
}

void
targets_event(struct target_events *events, struct chan *chan, const struct note *note)
{
	bool down = note->type == NOTE_TARGET_DOWN;
	uint64_t now = clock_mono_coarse_ms();
	struct msg_out m;

	if (now >= events->since_ms + 1000)
		*events = (struct target_events){.since_ms = now};
	if (events->n++ >= TARGET_EVENTS_PER_S || msg_out_init(&m, MSG_EVENT, ROLE_CONTROL) < 0)
		return;
	msg_put_str(&m, down ? "target down" : "target up");
	msg_put_str(&m, "route");
	msg_put_str(&m, note->route);
	msg_put_str(&m, "target");
	msg_put_str(&m, note->target);
	if (down) {
		msg_put_str(&m, "why");
		msg_put_str(&m, note->why);
	}
	(void)chan_send(chan, &m);
}

/* Nobody should have to find out from the file that anybody is believed. */
void
targets_warn_unverified(const struct conf *c)
{
	for (size_t i = 0; i < c->n_sites; i++) {
		const struct conf_site *site = &c->sites[i];

		for (size_t k = 0; k < site->n_routes; k++) {
			const struct conf_route *route = &site->routes[k];

			if (conf_route_has_tls(route) && !route->trust.verify)
				log_warn("certificates of targets are not verified",
					kv_s("site", site->n_hosts ? site->hosts[0] : ""),
					kv_s("route", route->path));
		}
	}
	for (size_t i = 0; i < c->n_asked; i++)
		if (conf_route_has_tls(c->asked[i]) && !c->asked[i]->trust.verify)
			log_warn("the certificate of an authentication server is not verified",
				kv_s("server", c->asked[i]->target.host));
}
