/*
 * One family after the other, each with its HELP and TYPE in front: the format wants all lines of a
 * family together. What a process did not report has no sample, which is not the same as 0.
 */
#include "daemon/control/control_metrics.h"

#include "conf/container_state.h"
#include "core/own.h"
#include "core/stats.h"

#include <string.h>

#define US 1e6 /* microseconds in a second */
#define MS 1e3

/* A family made of one member of each object of an array, with one label of theirs. */
struct family {
	const char *name, *type, *help;
	const char *array;      /* in usage */
	const char *label, *by; /* the label's name, and the member that is its value */
	const char *value;      /* the member that is the sample */
	double divisor;
};

static const struct family families[] = {
	{"sluice_process_resident_memory_bytes", "gauge", "Resident memory of the process.",
		"processes", "process", "name", "rss", 1},
	{"sluice_process_proportional_memory_bytes", "gauge",
		"Memory of the process, shared pages divided by those who share them.", "processes",
		"process", "name", "pss", 1},
	{"sluice_process_cpu_seconds_total", "counter", "Processor time, user and system.",
		"processes", "process", "name", "cpu_ms", MS},
	{"sluice_process_open_fds", "gauge", "Open descriptors.", "processes", "process", "name",
		"fds", 1},
	{"sluice_process_max_fds", "gauge", "Descriptors that the process may open.", "processes",
		"process", "name", "fds_max", 1},
	{"sluice_process_start_time_seconds", "gauge", "Start, in seconds since 1970.", "processes",
		"process", "name", "started", MS},
	{"sluice_process_restarts_total", "counter", "Times the process was started again.",
		"processes", "process", "name", "restarts", 1},
	{"sluice_thread_connections", "gauge", "Client connections open now on this thread.",
		"threads", "thread", "thread", "open", 1},
	{"sluice_thread_connections_accepted_total", "counter",
		"Client connections accepted on this thread.", "threads", "thread", "thread",
		"accepted", 1},
	{"sluice_thread_requests_total", "counter", "Requests answered on this thread.", "threads",
		"thread", "thread", "requests", 1},
	{"sluice_connections_closed_total", "counter", "Client connections closed, by reason.",
		"closes", "reason", "reason", "number", 1},
	{"sluice_limit_used", "gauge", "How much of the proxy's limit is in use.", "limits",
		"limit", "name", "now", 1},
	{"sluice_limit_max", "gauge", "The proxy's limit.", "limits", "limit", "name", "most", 1},
	{"sluice_limit_reached_total", "counter", "Times the proxy's limit was reached.", "limits",
		"limit", "name", "reached", 1},
	{"sluice_container_cpu_seconds_total", "counter", "Processor time of the container.",
		"containers", "container", "name", "cpu_us", US},
	{"sluice_container_memory_bytes", "gauge", "Memory of the container, as its cgroup counts.",
		"containers", "container", "name", "memory", 1},
	{"sluice_container_restarts_total", "counter",
		"Times the container was started again after an unexpected end.", "containers",
		"container", "name", "restarts", 1},
};

static const char *const class_names[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

int
metrics_put_head(struct buf *out, const char *name, const char *type, const char *help)
{
	return buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line feed are escaped. */
static int
put_text(struct buf *out, const char *s)
{
	for (; *s; s++) {
		int rc = *s == '\\' || *s == '"' ? buf_printf(out, "\\%c", *s)
			 : *s == '\n'            ? buf_append_str(out, "\\n")
						 : buf_append_byte(out, *s);

		if (rc < 0)
			return -1;
	}
	return 0;
}

int
metrics_put_value(struct buf *out, const json_t *value)
{
	const char *s = json_string_value(value);

	if (json_is_integer(value))
		return buf_printf(out, "%lld", (long long)json_integer_value(value));
	return put_text(out, s ? s : "");
}

/* Whole numbers exactly; 17 digits are enough for any other. */
static int
put_value(struct buf *out, json_int_t value, double divisor)
{
	if (divisor > 1)
		return buf_printf(out, " %.17g\n", (double)value / divisor);
	return buf_printf(out, " %lld\n", (long long)value);
}

static int
put_member(const struct family *f, const json_t *object, struct buf *out)
{
	const json_t *value = json_object_get(object, f->value);

	if (!value)
		return 0;
	if (buf_printf(out, "%s{%s=\"", f->name, f->label) < 0 ||
		metrics_put_value(out, json_object_get(object, f->by)) < 0 ||
		buf_append_str(out, "\"}") < 0)
		return -1;
	return put_value(out, json_integer_value(value), f->divisor);
}

static int
put_family(const struct family *f, const json_t *usage, struct buf *out)
{
	const json_t *array = json_object_get(usage, f->array);

	if (json_array_size(array) == 0)
		return 0;
	if (metrics_put_head(out, f->name, f->type, f->help) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(array); i++)
		if (put_member(f, json_array_get(array, i), out) < 0)
			return -1;
	return 0;
}

static int
put_counters(const json_t *usage, struct buf *out)
{
	const json_t *counters = json_object_get(usage, "counters");

	for (unsigned which = 0; which < STAT_COUNT; which++) {
		const char *name = stats_name((enum stat_id)which);
		bool gauge = stats_is_gauge((enum stat_id)which);
		const char *behind = gauge ? "" : "_total";
		const json_t *value = json_object_get(counters, name);

		if (!value)
			continue;
		if (buf_printf(out,
			    "# HELP sluice_%s%s %s\n# TYPE sluice_%s%s %s\n"
			    "sluice_%s%s{process=\"%s\"} %lld\n",
			    name, behind, stats_meaning((enum stat_id)which), name, behind,
			    gauge ? "gauge" : "counter", name, behind,
			    role_name(stats_role((enum stat_id)which)),
			    (long long)json_integer_value(value)) < 0)
			return -1;
	}
	return 0;
}

static int
put_facts(const json_t *usage, struct buf *out)
{
	const char *version = json_string_value(json_object_get(usage, "version"));

	if (metrics_put_head(out, "sluice_build_info", "gauge", "The version that runs.") < 0 ||
		buf_append_str(out, "sluice_build_info{version=\"") < 0 ||
		put_text(out, version ? version : "") < 0 || buf_append_str(out, "\"} 1\n") < 0 ||
		metrics_put_head(out, "sluice_generation", "gauge",
			"Number of the configuration that runs.") < 0)
		return -1;
	return buf_printf(out, "sluice_generation %lld\n",
		(long long)json_integer_value(json_object_get(usage, "generation")));
}

/* One sample a state, 1 for the one that it is in. */
static int
put_states(const json_t *usage, struct buf *out)
{
	const json_t *containers = json_object_get(usage, "containers");

	if (json_array_size(containers) == 0)
		return 0;
	if (metrics_put_head(
		    out, "sluice_container_state", "gauge", "1 for the container's state.") < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(containers); i++) {
		const json_t *o = json_array_get(containers, i);
		const char *now = json_string_value(json_object_get(o, "state"));

		for (unsigned s = CONTAINER_STOPPED; now && s < CONTAINER_STATE_COUNT; s++) {
			const char *name = container_state_name((enum container_state)s);

			if (buf_append_str(out, "sluice_container_state{container=\"") < 0 ||
				metrics_put_value(out, json_object_get(o, "name")) < 0 ||
				buf_printf(out, "\",state=\"%s\"} %d\n", name,
					strcmp(name, now) == 0) < 0)
				return -1;
		}
	}
	return 0;
}

/* {site="a.example",route="= /x" — what follows is the caller's. */
static int
put_route_labels(struct buf *out, const char *name, const json_t *route)
{
	bool exact = json_is_true(json_object_get(route, "exact"));

	if (buf_printf(out, "%s{site=\"", name) < 0 ||
		metrics_put_value(out, json_object_get(route, "site")) < 0 ||
		buf_printf(out, "\",route=\"%s", exact ? "= " : "") < 0 ||
		metrics_put_value(out, json_object_get(route, "path")) < 0)
		return -1;
	return buf_append_byte(out, '"');
}

static int
put_route_classes(const json_t *route, struct buf *out)
{
	const json_t *classes = json_object_get(route, "classes");

	for (size_t i = 0; i < ARRAY_SIZE(class_names); i++)
		if (put_route_labels(out, "sluice_route_requests_total", route) < 0 ||
			buf_printf(out, ",class=\"%s\"} %lld\n", class_names[i],
				(long long)json_integer_value(json_array_get(classes, i))) < 0)
			return -1;
	return 0;
}

static int
put_route_sent(const json_t *route, struct buf *out)
{
	if (put_route_labels(out, "sluice_route_sent_bytes_total", route) < 0)
		return -1;
	return buf_printf(
		out, "} %lld\n", (long long)json_integer_value(json_object_get(route, "sent")));
}

static int
put_route_received(const json_t *route, struct buf *out)
{
	if (put_route_labels(out, "sluice_route_received_bytes_total", route) < 0)
		return -1;
	return buf_printf(
		out, "} %lld\n", (long long)json_integer_value(json_object_get(route, "received")));
}

static int
put_bucket(struct buf *out, const json_t *route, const json_t *bound, json_int_t sum)
{
	if (put_route_labels(out, "sluice_route_duration_seconds_bucket", route) < 0)
		return -1;
	if (bound)
		return buf_printf(out, ",le=\"%g\"} %lld\n", (double)json_integer_value(bound) / US,
			(long long)sum);
	return buf_printf(out, ",le=\"+Inf\"} %lld\n", (long long)sum);
}

/* Buckets are cumulative, and the last one is the count. */
static int
put_histogram(const json_t *route, const json_t *bounds, struct buf *out)
{
	const json_t *buckets = json_object_get(route, "buckets");
	json_int_t sum = 0;

	for (size_t i = 0; i < json_array_size(buckets); i++) {
		sum += json_integer_value(json_array_get(buckets, i));
		if (put_bucket(out, route, json_array_get(bounds, i), sum) < 0)
			return -1;
	}
	if (put_route_labels(out, "sluice_route_duration_seconds_sum", route) < 0 ||
		buf_printf(out, "} %.17g\n",
			(double)json_integer_value(json_object_get(route, "duration_us")) / US) <
			0 ||
		put_route_labels(out, "sluice_route_duration_seconds_count", route) < 0)
		return -1;
	return buf_printf(out, "} %lld\n", (long long)sum);
}

static int
put_each(const json_t *routes, int (*put)(const json_t *route, struct buf *out), struct buf *out)
{
	for (size_t i = 0; i < json_array_size(routes); i++)
		if (put(json_array_get(routes, i), out) < 0)
			return -1;
	return 0;
}

static int
put_routes(const json_t *usage, struct buf *out)
{
	const json_t *routes = json_object_get(usage, "routes");

	if (json_array_size(routes) == 0)
		return 0;
	if (metrics_put_head(out, "sluice_route_requests_total", "counter",
		    "Requests of the route by the class of their status; none: the client went "
		    "before.") < 0 ||
		put_each(routes, put_route_classes, out) < 0 ||
		metrics_put_head(out, "sluice_route_sent_bytes_total", "counter",
			"Body bytes sent to clients.") < 0 ||
		put_each(routes, put_route_sent, out) < 0 ||
		metrics_put_head(out, "sluice_route_received_bytes_total", "counter",
			"Body bytes received from clients.") < 0 ||
		put_each(routes, put_route_received, out) < 0 ||
		metrics_put_head(out, "sluice_route_duration_seconds", "histogram",
			"From a request's first byte to the last one of its answer.") < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(routes); i++)
		if (put_histogram(json_array_get(routes, i), json_object_get(usage, "bounds_us"),
			    out) < 0)
			return -1;
	return 0;
}

static int
put_target(const json_t *target, const char *name, json_int_t value, struct buf *out)
{
	if (put_route_labels(out, name, target) < 0 || buf_append_str(out, ",target=\"") < 0 ||
		metrics_put_value(out, json_object_get(target, "target")) < 0)
		return -1;
	return buf_printf(out, "\"} %lld\n", (long long)value);
}

/* A family with one sample for each target: a number of its object, or whether its state is one. */
static const struct {
	const char *name, *type, *help, *member, *state;
} target_families[] = {
	{"sluice_target_up", "gauge", "1 while the target of a route gets its share of requests.",
		"state", "up"},
	{"sluice_target_requests_active", "gauge", "Requests under way to the target.", "active",
		NULL},
	{"sluice_target_requests_total", "counter", "Requests that the target was chosen for.",
		"requests", NULL},
	{"sluice_target_failures_total", "counter", "Requests that failed at the target.",
		"failures", NULL},
};

static json_int_t
target_value(const json_t *target, const char *member, const char *state)
{
	const json_t *value = json_object_get(target, member);
	const char *now = json_string_value(value);

	return state ? now && strcmp(now, state) == 0 : json_integer_value(value);
}

/* Those that are watched: of routes with several, or with checks. */
static int
put_targets(const json_t *usage, struct buf *out)
{
	const json_t *targets = json_object_get(usage, "targets"), *target;
	size_t k;

	for (size_t i = 0; json_array_size(targets) && i < ARRAY_SIZE(target_families); i++) {
		const char *name = target_families[i].name;

		if (metrics_put_head(out, name, target_families[i].type, target_families[i].help) <
			0)
			return -1;
		json_array_foreach(targets, k, target)
		{
			if (put_target(target, name,
				    target_value(target, target_families[i].member,
					    target_families[i].state),
				    out) < 0)
				return -1;
		}
	}
	return 0;
}

int
control_metrics_print(const json_t *usage, struct buf *out)
{
	if (put_facts(usage, out) < 0 || put_counters(usage, out) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (put_family(&families[i], usage, out) < 0)
			return -1;
	if (put_states(usage, out) < 0 || put_routes(usage, out) < 0 || put_targets(usage, out) < 0)
		return -1;
	return control_metrics_router(usage, out);
}
