/*
 * Requests that are answered by a message from another process. Each wait has an id that only we
 * know, so a late or repeated answer finds nobody and is dropped. A client that goes away takes
 * its wait along.
 */
#include "daemon/control/control_waiting.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/memfd.h"
#include "core/own.h"
#include "core/report.h"
#include "daemon/control/control_json.h"
#include "daemon/control/control_metrics.h"
#include "daemon/control/control_targets.h"
#include "daemon/control/control_usage.h"

#include <string.h>

_Static_assert((int)ROLE_COUNT <= (int)WAIT_PART_USAGE, "the bits of roles do not overlap");

static void
wait_free(struct wait *w)
{
	struct evhttp_connection *conn = w->req ? evhttp_request_get_connection(w->req) : NULL;

	if (conn)
		evhttp_connection_set_closecb(conn, NULL, NULL);
	list_remove(&w->node);
	w->control->n_waits--;
	event_free(w->timer);
	json_decref(w->usage);
	json_decref(w->targets);
	free(w);
}

static void
on_client_gone(struct evhttp_connection *conn, void *ctx)
{
	struct wait *w = ctx;

	struct evhttp_request *req = w->req;

	(void)conn;
	w->req = NULL;
	wait_free(w);
	/* Given back to us, or freed with its connection. */
	if (!evhttp_request_get_connection(req))
		evhttp_request_free(req);
}

/* Ends the wait before the request, because answering may close the connection. */
void
control_wait_finish(struct wait *w, int status, json_t *body)
{
	struct evhttp_request *req = w->req;

	wait_free(w);
	control_http_answer(req, status, body);
}

static bool
is_gathering(const struct wait *w)
{
	return w->kind == WAIT_STATUS || w->kind == WAIT_USAGE || w->kind == WAIT_METRICS ||
	       w->kind == WAIT_CACHE_COUNTS;
}

static void
answer_metrics(struct wait *w)
{
	struct evhttp_request *req = w->req;
	struct buf text;

	json_object_set_new(
		w->usage, "targets", control_targets_list(w->targets, w->control->state.conf));
	buf_init(&text, METRICS_TEXT_MAX);
	if (control_metrics_print(w->usage, &text) < 0) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
	} else {
		wait_free(w);
		control_http_answer_text(req, METRICS_TYPE, buf_slice(&text));
	}
	buf_clear(&text);
}

static void
answer_status(struct wait *w)
{
	json_t *status = control_json_status(&w->control->state, w->usage);

	json_object_set_new(
		status, "policy", control_policy_json(&w->control->state, clock_wall_ms()));
	control_wait_finish(w, 200, status);
}

/* All have answered, or those that did not have had their time. */
static void
answer_gathered(struct wait *w)
{
	control_usage_finish(w->usage, &w->control->state, clock_wall_ms());
	if (w->kind == WAIT_METRICS)
		answer_metrics(w);
	else if (w->kind == WAIT_CACHE_COUNTS)
		control_wait_finish(w, 200, control_cache_counts(&w->control->state, w->usage));
	else if (w->kind == WAIT_USAGE)
		control_wait_finish(w, 200, json_incref(w->usage));
	else
		answer_status(w);
}

static void
answer_routes(struct wait *w)
{
	control_wait_finish(w, 200, control_json_routes(&w->control->state, w->usage));
}

static void
on_timeout(evutil_socket_t fd, short what, void *ctx)
{
	struct wait *w = ctx;

	(void)fd;
	(void)what;
	/* A process that is silent has no counters; the status is still one. */
	if (is_gathering(w))
		answer_gathered(w);
	else if (w->kind == WAIT_ROUTES)
		answer_routes(w);
	else
		control_wait_finish(
			w, 504, control_json_error("no answer in time; it may still happen"));
}

struct wait *
control_wait_new(
	struct control *c, struct evhttp_request *req, enum wait_kind kind, uint64_t timeout_ms)
{
	struct timeval tv = {.tv_sec = (time_t)(timeout_ms / 1000)};
	struct wait *w = c->n_waits < CONTROL_WAITS_MAX ? calloc(1, sizeof(*w)) : NULL;

	if (w)
		w->timer = evtimer_new(c->base, on_timeout, w);
	if (!w || !w->timer) {
		free(w);
		control_http_error(req, 503, "too many requests wait for an answer");
		return NULL;
	}
	w->control = c;
	w->id = ++c->last_id;
	w->kind = kind;
	w->req = req;
	list_append(&c->waits, &w->node);
	c->n_waits++;
	evtimer_add(w->timer, &tv);
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_client_gone, w);
	return w;
}

struct wait *
control_wait_find(struct control *c, uint64_t id, enum wait_kind kind)
{
	list_each(node, &c->waits)
	{
		struct wait *w = list_entry(node, struct wait, node);

		if (w->id == id && w->kind == kind)
			return w;
	}
	return NULL;
}

/* Sends m, which is cleared; a wait that can't be sent is answered at once. */
void
control_wait_send(struct wait *w, struct msg_out *m)
{
	int rc = chan_send(w->control->chan, m);

	msg_out_clear(m);
	if (rc < 0)
		control_wait_finish(w, 503, control_json_error("the daemon is too busy"));
}

void
control_wait_order(struct control *c, struct evhttp_request *req, enum msg_type order)
{
	enum wait_kind kind = order == MSG_CHECK ? WAIT_CHECK : WAIT_OUTCOME;
	struct wait *w = control_wait_new(c, req, kind, CONTROL_RELOAD_MS);
	struct msg_out m;

	if (!w)
		return;
	if (msg_out_init(&m, order, ROLE_PARENT) < 0) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
		return;
	}
	msg_put_u64(&m, w->id);
	control_wait_send(w, &m);
}

void
control_wait_reload(struct control *c, struct evhttp_request *req, struct slice asked)
{
	struct wait *w = control_wait_new(c, req, WAIT_OUTCOME, CONTROL_RELOAD_MS);
	struct msg_out m;

	if (!w)
		return;
	if (msg_out_init(&m, MSG_RELOAD, ROLE_PARENT) < 0) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
		return;
	}
	msg_put_u64(&m, w->id);
	msg_put_slice(&m, asked);
	control_wait_send(w, &m);
}

void
control_wait_confirm(struct control *c, struct evhttp_request *req)
{
	struct wait *w;
	struct msg_out m;

	if (!control_state_runs(&c->state, "router")) {
		control_http_answer(req, 422,
			control_json_outcome(
				false, c->state.generation, SLICE_LIT("nothing is on trial\n")));
		return;
	}
	w = control_wait_new(c, req, WAIT_OUTCOME, CONTROL_BAN_MS);
	if (!w)
		return;
	if (msg_out_init(&m, MSG_POLICY_CONFIRM, ROLE_ROUTER) < 0) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
		return;
	}
	msg_put_u64(&m, w->id);
	control_wait_send(w, &m);
}

void
control_wait_upgrade(
	struct control *c, struct evhttp_request *req, struct slice path, uint64_t drain_ms)
{
	struct wait *w = control_wait_new(c, req, WAIT_OUTCOME, CONTROL_RELOAD_MS);
	struct msg_out m;

	if (!w)
		return;
	if (msg_out_init(&m, MSG_UPGRADE, ROLE_PARENT) < 0) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
		return;
	}
	msg_put_u64(&m, w->id);
	msg_put_u64(&m, drain_ms);
	msg_put_slice(&m, path);
	control_wait_send(w, &m);
}

void
control_wait_job(
	struct control *c, struct evhttp_request *req, struct slice container, struct slice verb)
{
	struct wait *w;
	struct msg_out m;

	if (!c->state.conf || conf_find_container(c->state.conf, container) < 0) {
		control_http_error(req, 404, "there is no such container in the configuration");
		return;
	}
	if (!control_state_runs(&c->state, "lxc")) {
		control_http_error(req, 503, "the lxc process does not run at the moment");
		return;
	}
	w = control_wait_new(c, req, WAIT_JOB, CONTROL_JOB_MS);
	if (!w)
		return;
	if (msg_out_init(&m, MSG_JOB, ROLE_LXC) < 0) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
		return;
	}
	msg_put_u64(&m, w->id);
	msg_put_slice(&m, verb);
	msg_put_slice(&m, container);
	control_wait_send(w, &m);
}

void
control_wait_cache(
	struct control *c, struct evhttp_request *req, enum cache_order order, struct slice what)
{
	bool lists = order == CACHE_ORDER_LIST || order == CACHE_ORDER_SHOW;
	struct wait *w =
		control_wait_new(c, req, WAIT_CACHE, lists ? CONTROL_STATUS_MS : CONTROL_PURGE_MS);
	struct msg_out m;

	if (!w)
		return;
	w->lists = lists;
	if (msg_out_init(&m, MSG_CACHE_ASK, ROLE_PROXY) < 0) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
		return;
	}
	msg_put_u64(&m, w->id);
	msg_put_u8(&m, (uint8_t)order);
	msg_put_slice(&m, what);
	control_wait_send(w, &m);
}

void
control_wait_on_cache(struct control *c, struct msg_in *m)
{
	struct wait *w = control_wait_find(c, msg_get_u64(m), WAIT_CACHE);
	uint64_t n = msg_get_u64(m);
	struct memfd_map map = {0};
	struct err e = {0};

	if (msg_finish(m) < 0 || !w)
		return;
	if (!w->lists) {
		control_wait_finish(w, 200, json_pack("{s:I}", "purged", (json_int_t)n));
	} else if (memfd_map(m->fd, REPORT_MAX, &map, &e) < 0) {
		control_wait_finish(w, 500, control_json_error(e.msg));
	} else {
		control_wait_finish(w, 200, control_cache_objects(map.bytes));
		memfd_unmap(&map);
	}
}

void
control_wait_ask(struct wait *w, enum msg_type question, enum role role, enum wait_part part)
{
	struct control *c = w->control;
	struct msg_out m;

	if (!control_state_runs(&c->state, role_name(role)) || msg_out_init(&m, question, role) < 0)
		return;
	msg_put_u64(&m, w->id);
	if (chan_send(c->chan, &m) == 0)
		w->awaited |= UINT64_C(1) << role << part;
	msg_out_clear(&m);
}

void
control_wait_gather(struct control *c, struct evhttp_request *req, enum wait_kind kind)
{
	static const enum role counting[] = {ROLE_PARENT, ROLE_PROXY, ROLE_ROUTER, ROLE_LXC};
	static const enum role using[] = {ROLE_PROXY, ROLE_PARENT, ROLE_LXC};
	struct wait *w = control_wait_new(c, req, kind, CONTROL_STATUS_MS);

	if (!w)
		return;
	w->usage = control_usage_new();
	w->targets = json_object();
	if (!w->usage || !w->targets) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(counting); i++)
		control_wait_ask(w, MSG_STATS_GET, counting[i], WAIT_PART_STATS);
	for (size_t i = 0; i < ARRAY_SIZE(using); i++)
		control_wait_ask(w, MSG_USAGE_GET, using[i], WAIT_PART_USAGE);
	if (kind == WAIT_METRICS) {
		control_wait_ask(w, MSG_TARGETS_GET, ROLE_PROXY, WAIT_PART_TARGETS);
		control_wait_ask_forwards(w);
	}
	if (w->awaited == 0)
		answer_gathered(w);
}

void
control_wait_routes(struct control *c, struct evhttp_request *req)
{
	struct wait *w = control_wait_new(c, req, WAIT_ROUTES, CONTROL_STATUS_MS);

	if (!w)
		return;
	w->usage = json_object();
	if (!w->usage) {
		control_wait_finish(w, 500, control_json_error("out of memory"));
		return;
	}
	control_wait_ask(w, MSG_TARGETS_GET, ROLE_PROXY, WAIT_PART_STATS);
	if (w->awaited == 0)
		answer_routes(w);
}

void
control_wait_on_outcome(struct control *c, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	bool ok = msg_get_u8(m) != 0;
	uint64_t generation = msg_get_u64(m);
	struct slice lines = msg_get_slice(m), places = msg_get_slice(m);
	struct wait *order = control_wait_find(c, id, WAIT_OUTCOME),
		    *check = control_wait_find(c, id, WAIT_CHECK);
	json_t *outcome;

	if (msg_finish(m) < 0)
		return;
	if (generation == 0)
		generation = c->state.generation;
	if (order) {
		outcome = control_json_outcome(ok, generation, lines);
		if (ok)
			control_json_add_certificates(outcome, &c->state, places);
		if (c->state.policy != TRIAL_SETTLED)
			json_object_set_new(
				outcome, "policy", control_policy_json(&c->state, clock_wall_ms()));
		control_wait_finish(order, ok ? 200 : 422, outcome);
	}
	if (check)
		control_wait_finish(check, 200, control_json_outcome(ok, generation, lines));
}

static void
on_done(struct control *c, struct msg_in *m, enum wait_kind kind)
{
	uint64_t id = msg_get_u64(m);
	bool ok = msg_get_u8(m) != 0;
	_free_ char *why = slice_dup(msg_get_slice(m));
	struct wait *w = control_wait_find(c, id, kind);

	if (msg_finish(m) < 0 || !w || !why)
		return;
	if (ok)
		control_wait_finish(w, 200, json_pack("{s:b}", "ok", 1));
	else
		control_wait_finish(w, 422, control_json_error(why));
}

void
control_wait_on_job_done(struct control *c, struct msg_in *m)
{
	on_done(c, m, WAIT_JOB);
}

void
control_wait_on_ban_done(struct control *c, struct msg_in *m)
{
	on_done(c, m, WAIT_BAN);
}

/* The wait that gathers under this id, or NULL. */
static struct wait *
find_gathering(struct control *c, uint64_t id)
{
	list_each(node, &c->waits)
	{
		struct wait *w = list_entry(node, struct wait, node);

		if (w->id == id && is_gathering(w))
			return w;
	}
	return NULL;
}

void
control_wait_came(struct wait *w, enum role from, enum wait_part part)
{
	w->awaited &= ~(UINT64_C(1) << from << part);
	if (w->awaited == 0)
		answer_gathered(w);
}

void
control_wait_on_stats(struct control *c, struct msg_in *m)
{
	struct wait *w = find_gathering(c, msg_get_u64(m));

	if (!w)
		return;
	control_usage_counters(w->usage, m);
	if (w->kind == WAIT_METRICS && m->from == ROLE_ROUTER)
		control_wait_ask_flows(w);
	control_wait_came(w, m->from, WAIT_PART_STATS);
}

void
control_wait_on_targets(struct control *c, struct msg_in *m)
{
	uint64_t id = msg_get_u64(m);
	struct wait *routes = control_wait_find(c, id, WAIT_ROUTES),
		    *metrics = control_wait_find(c, id, WAIT_METRICS);
	bool current = msg_get_u64(m) == c->state.generation;
	bool last = msg_get_u8(m) != 0;

	/* Targets of another generation belong to other routes. */
	if (routes && current)
		control_targets_add(routes->usage, m);
	if (metrics && current)
		control_targets_add(metrics->targets, m);
	if (routes && last)
		answer_routes(routes);
	if (metrics && last)
		control_wait_came(metrics, m->from, WAIT_PART_TARGETS);
}

static void
take_report(struct wait *w, int fd)
{
	struct memfd_map map = {0};
	struct err e = {0};

	if (memfd_map(fd, REPORT_MAX, &map, &e) < 0) {
		log_err("report of the proxy dropped", &e);
		return;
	}
	control_usage_proxy(w->usage, map.bytes);
	memfd_unmap(&map);
}

void
control_wait_on_usage(struct control *c, struct msg_in *m)
{
	struct wait *w = find_gathering(c, msg_get_u64(m));

	if (!w)
		return;
	if (m->type == MSG_USAGE_PROCESSES)
		control_usage_processes(w->usage, m);
	else if (m->type == MSG_USAGE_CONTAINERS)
		control_usage_containers(w->usage, m);
	else
		take_report(w, m->fd);
	control_wait_came(w, m->from, WAIT_PART_USAGE);
}

void
control_wait_fail_jobs(struct control *c)
{
	list_each(node, &c->waits)
	{
		struct wait *w = list_entry(node, struct wait, node);

		if (w->kind == WAIT_JOB)
			control_wait_finish(w, 503,
				control_json_error("the lxc process ended before the job did"));
	}
}

void
control_wait_clear(struct control *c)
{
	list_each(node, &c->waits)
	{
		wait_free(list_entry(node, struct wait, node));
	}
}
