/* Fields of messages and of the proxy's report become members of one JSON object. */
#include "daemon/control/control_usage.h"

#include "core/own.h"
#include "core/report.h"
#include "core/stats.h"

#include <netinet/in.h>
#include <string.h>

static json_t *
text(struct slice s)
{
	json_t *j = json_stringn(s.p ? s.p : "", s.n);

	return j ? j : json_string("");
}

static json_t *
number(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static json_t *
numbers(const uint64_t *values, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, number(values[i]));
	return array;
}

json_t *
control_usage_new(void)
{
	json_t *bounds = json_array();

	for (size_t i = 0; i + 1 < ROUTE_BUCKETS; i++)
		json_array_append_new(bounds, number(route_bucket_bound(i)));
	return json_pack("{s:{}, s:[], s:[], s:[], s:[], s:[], s:[], s:o}", "counters", "processes",
		"containers", "threads", "closes", "limits", "routes", "bounds_us", bounds);
}

void
control_usage_counters(json_t *usage, struct msg_in *m)
{
	json_t *counters = json_object_get(usage, "counters");

	while (msg_more(m) && !m->bad) {
		uint16_t which = msg_get_u16(m);
		uint64_t value = msg_get_u64(m);

		if (!m->bad && which < STAT_COUNT && stats_role((enum stat_id)which) == m->from)
			json_object_set_new(
				counters, stats_name((enum stat_id)which), number(value));
	}
}

void
control_usage_processes(json_t *usage, struct msg_in *m)
{
	json_t *array = json_object_get(usage, "processes");

	while (msg_more(m) && !m->bad) {
		json_t *o = json_pack("{s:o}", "name", text(msg_get_slice(m)));

		json_object_set_new(o, "pid", number(msg_get_u32(m)));
		json_object_set_new(o, "rss", number(msg_get_u64(m)));
		json_object_set_new(o, "pss", number(msg_get_u64(m)));
		json_object_set_new(o, "cpu_ms", number(msg_get_u64(m)));
		json_object_set_new(o, "fds", number(msg_get_u64(m)));
		json_object_set_new(o, "fds_max", number(msg_get_u64(m)));
		json_object_set_new(o, "started", number(msg_get_u64(m)));
		json_array_append_new(array, o);
	}
}

void
control_usage_containers(json_t *usage, struct msg_in *m)
{
	json_t *array = json_object_get(usage, "containers");

	while (msg_more(m) && !m->bad) {
		json_t *o = json_pack("{s:o}", "name", text(msg_get_slice(m)));

		json_object_set_new(o, "cpu_us", number(msg_get_u64(m)));
		json_object_set_new(o, "memory", number(msg_get_u64(m)));
		json_array_append_new(array, o);
	}
}

void
control_usage_flows(json_t *list, struct msg_in *m)
{
	while (msg_more(m) && !m->bad) {
		json_t *o = json_object();

		json_object_set_new(
			o, "protocol", json_string(msg_get_u8(m) == IPPROTO_UDP ? "udp" : "tcp"));
		json_object_set_new(o, "direction", json_string(msg_get_u8(m) ? "in" : "out"));
		json_object_set_new(o, "state", text(msg_get_slice(m)));
		json_object_set_new(o, "source", text(msg_get_slice(m)));
		json_object_set_new(o, "called", text(msg_get_slice(m)));
		json_object_set_new(o, "answers", text(msg_get_slice(m)));
		json_object_set_new(o, "seconds", number(msg_get_u32(m)));
		json_object_set_new(o, "packets", number(msg_get_u64(m)));
		json_object_set_new(o, "bytes", number(msg_get_u64(m)));
		json_array_append_new(list, o);
	}
}

void
control_usage_flow_counts(json_t *list, struct msg_in *m)
{
	while (msg_more(m) && !m->bad) {
		json_t *o = json_pack("{s:o}", "container", text(msg_get_slice(m)));

		json_object_set_new(o, "in", number(msg_get_u64(m)));
		json_object_set_new(o, "out", number(msg_get_u64(m)));
		json_array_append_new(list, o);
	}
}

static void
add_close(json_t *usage, const struct report_close *c)
{
	json_array_append_new(json_object_get(usage, "closes"),
		json_pack("{s:o, s:o, s:o}", "reason", text(c->reason), "meaning", text(c->meaning),
			"number", number(c->number)));
}

static void
add_thread(json_t *usage, const struct report_thread *t)
{
	json_array_append_new(json_object_get(usage, "threads"),
		json_pack("{s:o, s:o, s:o, s:o}", "thread", number(t->index), "accepted",
			number(t->accepted), "open", number(t->open), "requests",
			number(t->requests)));
}

static void
add_limit(json_t *usage, const struct report_limit *l)
{
	json_array_append_new(json_object_get(usage, "limits"),
		json_pack("{s:o, s:o, s:o, s:o, s:o}", "name", text(l->name), "now", number(l->now),
			"most", number(l->most), "reached", number(l->reached), "last",
			number(l->last_ms)));
}

static void
add_route(json_t *usage, const struct report_route *r)
{
	const struct route_sums *s = &r->sums;

	json_array_append_new(json_object_get(usage, "routes"),
		json_pack("{s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "site", text(r->site), "path",
			text(r->path), "exact", r->exact, "classes",
			numbers(s->classes, ROUTE_CLASSES), "buckets",
			numbers(s->buckets, ROUTE_BUCKETS), "duration_us", number(s->duration_us),
			"sent", number(s->sent), "received", number(s->received)));
}

void
control_usage_proxy(json_t *usage, struct slice report)
{
	struct report_record r;

	while (report_next(&report, &r) > 0) {
		switch (r.kind) {
		case REPORT_CLOSE:
			add_close(usage, &r.close);
			break;
		case REPORT_THREAD:
			add_thread(usage, &r.thread);
			break;
		case REPORT_LIMIT:
			add_limit(usage, &r.limit);
			break;
		case REPORT_STORED: /* in answers of the cache alone */
			break;
		case REPORT_ROUTE:
			add_route(usage, &r.route);
			break;
		}
	}
}

static json_t *
find_named(json_t *array, const char *name)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		json_t *o = json_array_get(array, i);
		const char *other = json_string_value(json_object_get(o, "name"));

		if (other && strcmp(other, name) == 0)
			return o;
	}
	return NULL;
}

/* Every process and container that control knows, those that do not run too. */
static json_t *
get_named(json_t *array, const char *name)
{
	json_t *o = find_named(array, name);

	if (!o) {
		o = json_pack("{s:s}", "name", name);
		json_array_append_new(array, o);
	}
	return o;
}

/* How many descriptors the proxy has open is known by who may look into its folder in /proc. */
static void
finish_descriptors(json_t *usage)
{
	const json_t *proxy = find_named(json_object_get(usage, "processes"), "proxy");
	json_t *limit = find_named(json_object_get(usage, "limits"), "descriptors");
	json_t *open = json_object_get(proxy, "fds");

	if (limit && open)
		json_object_set(limit, "now", open);
}

static void
finish_container(json_t *usage, const struct control_container *c)
{
	enum container_state state = c->state == CONTAINER_ABSENT ? CONTAINER_STOPPED : c->state;
	json_t *o = get_named(json_object_get(usage, "containers"), c->name);

	json_object_set_new(o, "state", json_string(container_state_name(state)));
	json_object_set_new(o, "restarts", number(c->restarts));
}

void
control_usage_finish(json_t *usage, const struct control_state *s, uint64_t now_ms)
{
	const struct control_process *p;
	const struct control_container *c;
	size_t cursor = 0;

	json_object_set_new(usage, "version", json_string(SLUICE_VERSION));
	json_object_set_new(usage, "generation", number(s->generation));
	json_object_set_new(usage, "time", number(now_ms));
	while ((p = map_next(s->processes, &cursor, NULL)))
		json_object_set_new(get_named(json_object_get(usage, "processes"), p->name),
			"restarts", number(p->restarts));
	cursor = 0;
	while ((c = map_next(s->containers, &cursor, NULL)))
		finish_container(usage, c);
	finish_descriptors(usage);
}
