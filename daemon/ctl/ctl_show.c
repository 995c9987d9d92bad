/*
 * Tables and lines for people. Times are shown in the local time zone.
 */
#include "daemon/ctl/ctl_show.h"

#include "core/num.h"
#include "core/own.h"
#include "daemon/ctl/ctl_attention.h"
#include "daemon/ctl/ctl_table.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIME_MAX 32

static const char *
print_time(json_int_t ms, char out[static TIME_MAX])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (ms <= 0 || !localtime_r(&seconds, &tm) ||
		strftime(out, TIME_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		return "-";
	return out;
}

/* Objects with the time under this key as text: a copy, since the answer is not ours to change. */
static json_t *
with_times(const json_t *array, const char *key)
{
	json_t *copy = json_deep_copy(array);
	char text[TIME_MAX];

	for (size_t i = 0; i < json_array_size(copy); i++) {
		json_t *object = json_array_get(copy, i);
		json_int_t ms = json_integer_value(json_object_get(object, key));

		json_object_set_new(object, key, json_string(print_time(ms, text)));
	}
	return copy;
}

static int
show_processes(const json_t *status, struct buf *out)
{
	static const struct ctl_column columns[] = {{"PROCESS", "name"}, {"PID", "pid"},
		{"RESTARTS", "restarts"}, {"STARTED", "started"}, {"NOTE", "note"}};
	json_t *processes = with_times(json_object_get(status, "processes"), "started");
	int rc;

	for (size_t i = 0; i < json_array_size(processes); i++) {
		json_t *object = json_array_get(processes, i);

		if (json_integer_value(json_object_get(object, "pid")) == 0)
			json_object_set_new(object, "pid", json_null());
	}
	rc = ctl_table_print(columns, ARRAY_SIZE(columns), processes, out);
	json_decref(processes);
	return rc;
}

static int
show_certificates(const json_t *status, struct buf *out)
{
	static const struct ctl_column columns[] = {{"CERTIFICATE", "name"}, {"KEY", "key"},
		{"EXPIRES", "expires"}, {"OCSP", "ocsp"}, {"UNTIL", "ocsp_until"},
		{"NOTES", "notes"}};
	json_t *expiring = with_times(json_object_get(status, "certificates"), "expires");
	json_t *certificates = with_times(expiring, "ocsp_until");
	int rc = 0;

	if (json_array_size(certificates) > 0) {
		rc = buf_append_byte(out, '\n');
		if (rc == 0)
			rc = ctl_table_print(columns, ARRAY_SIZE(columns), certificates, out);
	}
	json_decref(certificates);
	json_decref(expiring);
	return rc;
}

static void
show_bytes(json_t *limit)
{
	static const char *const keys[] = {"now", "most"};
	const char *name = json_string_value(json_object_get(limit, "name"));
	char text[CTL_BYTES_MAX];

	for (size_t i = 0; name && strcmp(name, "buffer-memory") == 0 && i < 2; i++) {
		json_int_t bytes = json_integer_value(json_object_get(limit, keys[i]));

		json_object_set_new(limit, keys[i], json_string(ctl_bytes_print(bytes, text)));
	}
}

/* What the proxy may run out of, and whether it has. */
static int
show_limits(const json_t *status, struct buf *out)
{
	static const struct ctl_column columns[] = {{"LIMIT", "name"}, {"NOW", "now"},
		{"MOST", "most"}, {"REACHED", "reached"}, {"LAST", "last"}};
	json_t *limits = with_times(json_object_get(status, "limits"), "last");
	int rc = 0;

	for (size_t i = 0; i < json_array_size(limits); i++)
		show_bytes(json_array_get(limits, i));
	if (json_array_size(limits) > 0) {
		rc = ctl_table_print(columns, ARRAY_SIZE(columns), limits, out);
		if (rc == 0)
			rc = buf_append_byte(out, '\n');
	}
	json_decref(limits);
	return rc;
}

static int
show_counters(const json_t *counters, struct buf *out)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)counters, name, value)
	{
		if (buf_printf(out, "%-22s %lld\n", name, (long long)json_integer_value(value)) < 0)
			return -1;
	}
	return 0;
}

static int
show_shut_out(const json_t *policy, struct buf *out)
{
	const json_t *addresses = json_object_get(policy, "shut_out");

	for (size_t i = 0; i < json_array_size(addresses); i++)
		if (buf_printf(out, "%s is connected by SSH and could not connect anew\n",
			    json_string_value(json_array_get(addresses, i))) < 0)
			return -1;
	return 0;
}

int
ctl_show_policy(const json_t *answer, struct buf *out)
{
	const json_t *policy = json_object_get(answer, "policy");
	const char *state = json_string_value(json_object_get(policy, "state"));
	json_int_t left = json_integer_value(json_object_get(policy, "left"));

	if (state && strcmp(state, "trial") == 0 && show_shut_out(policy, out) < 0)
		return -1;
	if (state && strcmp(state, "trial") == 0)
		return buf_printf(out,
			"what the host is open to is on trial: %lld s left; say `sluice confirm`\n",
			(long long)(left + 999) / 1000);
	if (state && strcmp(state, "rolled-back") == 0)
		return buf_append_str(out,
			"the file differs from what runs: what it opens was not confirmed, so what "
			"was confirmed before holds; `sluice reload` tries the file again\n");
	return 0;
}

int
ctl_show_status(const json_t *status, const json_t *containers, struct buf *out)
{
	static const struct ctl_column threads[] = {{"THREAD", "thread"}, {"CONNECTIONS", "open"},
		{"ACCEPTED", "accepted"}, {"REQUESTS", "requests"}};
	const json_t *counts = json_object_get(status, "containers");
	const char *version = json_string_value(json_object_get(status, "version"));
	int rc = buf_printf(out, "sluiced %s, generation %lld, %lld of %lld containers run\n\n",
		version ? version : "?",
		(long long)json_integer_value(json_object_get(status, "generation")),
		(long long)json_integer_value(json_object_get(counts, "running")),
		(long long)json_integer_value(json_object_get(counts, "managed")));

	if (rc == 0 && (ctl_show_policy(status, out) < 0 ||
			       ctl_show_attention(status, containers, out) < 0))
		rc = -1;
	if (rc < 0 || show_processes(status, out) < 0 || show_certificates(status, out) < 0 ||
		buf_append_byte(out, '\n') < 0 ||
		ctl_table_print(threads, ARRAY_SIZE(threads), json_object_get(status, "threads"),
			out) < 0 ||
		buf_append_byte(out, '\n') < 0 || show_limits(status, out) < 0)
		return -1;
	return show_counters(json_object_get(status, "counters"), out);
}

int
ctl_show_containers(const json_t *containers, struct buf *out)
{
	static const struct ctl_column columns[] = {{"NAME", "name"}, {"STATE", "state"},
		{"ADDRESS", "address"}, {"IPV6", "address6"}, {"PID", "pid"},
		{"RESTARTS", "restarts"}, {"MANAGED", "managed"}, {"JOB", "job"},
		{"NOTES", "notes"}};

	return ctl_table_print(columns, ARRAY_SIZE(columns), containers, out);
}

/* The watched targets of all routes as one array, each with its route. */
static json_t *
all_targets(const json_t *routes)
{
	json_t *all = json_array();

	for (size_t i = 0; i < json_array_size(routes); i++) {
		const json_t *route = json_array_get(routes, i);
		const json_t *targets = json_object_get(route, "targets");

		for (size_t k = 0; k < json_array_size(targets); k++) {
			json_t *copy = json_copy(json_array_get(targets, k));

			json_object_set(copy, "hosts", json_object_get(route, "hosts"));
			json_object_set(copy, "path", json_object_get(route, "path"));
			json_array_append_new(all, copy);
		}
	}
	return all;
}

static int
show_targets(const json_t *routes, struct buf *out)
{
	static const struct ctl_column columns[] = {{"SITE", "hosts"}, {"PATH", "path"},
		{"TARGET", "target"}, {"STATE", "state"}, {"ACTIVE", "active"},
		{"REQUESTS", "requests"}, {"FAILURES", "failures"}, {"CHECKED", "checked"},
		{"WHY", "why"}};
	json_t *all = all_targets(routes), *timed = with_times(all, "checked");
	int rc = 0;

	if (json_array_size(timed) > 0) {
		rc = buf_append_byte(out, '\n');
		if (rc == 0)
			rc = ctl_table_print(columns, ARRAY_SIZE(columns), timed, out);
	}
	json_decref(timed);
	json_decref(all);
	return rc;
}

int
ctl_show_routes(const json_t *routes, struct buf *out)
{
	static const struct ctl_column columns[] = {{"SITE", "hosts"}, {"PATH", "path"},
		{"EXACT", "exact"}, {"TARGET", "target"}, {"STATE", "state"},
		{"ADDRESS", "address"}};

	if (ctl_table_print(columns, ARRAY_SIZE(columns), routes, out) < 0)
		return -1;
	return show_targets(routes, out);
}

int
ctl_show_forwards(const json_t *forwards, struct buf *out)
{
	static const struct ctl_column columns[] = {{"PROTOCOL", "protocol"}, {"PORT", "port"},
		{"CONTAINER", "container"}, {"TARGET", "target_port"}, {"ADDRESS", "address"},
		{"STATE", "state"}, {"FROM", "from"}, {"CONNECTIONS", "connections"},
		{"PACKETS", "packets"}, {"BYTES", "bytes"}};

	return ctl_table_print(columns, ARRAY_SIZE(columns), forwards, out);
}

int
ctl_show_flows(const json_t *answer, struct buf *out)
{
	static const struct ctl_column columns[] = {{"PROTOCOL", "protocol"},
		{"DIRECTION", "direction"}, {"STATE", "state"}, {"SOURCE", "source"},
		{"CALLED", "called"}, {"ANSWERS", "answers"}, {"SECONDS", "seconds"},
		{"PACKETS", "packets"}, {"BYTES", "bytes"}};
	const json_t *flows = json_object_get(answer, "flows");
	json_int_t all = json_integer_value(json_object_get(answer, "in_all"));

	if (ctl_table_print(columns, ARRAY_SIZE(columns), flows, out) < 0)
		return -1;
	if ((json_int_t)json_array_size(flows) == all)
		return 0;
	return buf_printf(
		out, "\n%zu of %" JSON_INTEGER_FORMAT " flows\n", json_array_size(flows), all);
}

int
ctl_show_flow_counts(const json_t *answer, struct buf *out)
{
	static const struct ctl_column columns[] = {
		{"CONTAINER", "container"}, {"IN", "in"}, {"OUT", "out"}};

	if (ctl_table_print(
		    columns, ARRAY_SIZE(columns), json_object_get(answer, "containers"), out) < 0)
		return -1;
	return buf_printf(out,
		"\n%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT
		" flows of the kernel's are taken\n",
		json_integer_value(json_object_get(answer, "entries")),
		json_integer_value(json_object_get(answer, "max")));
}

int
ctl_show_bans(const json_t *bans, struct buf *out)
{
	static const struct ctl_column columns[] = {{"ADDRESS", "address"}, {"COVERS", "covers"},
		{"SINCE", "since"}, {"UNTIL", "until"}, {"WHY", "why"}};
	json_t *since = with_times(bans, "since"), *both = with_times(since, "until");
	int rc = ctl_table_print(columns, ARRAY_SIZE(columns), both, out);

	json_decref(both);
	json_decref(since);
	return rc;
}

int
ctl_show_event(const json_t *event, struct buf *out)
{
	const char *what = json_string_value(json_object_get(event, "event"));
	json_int_t ms = json_integer_value(json_object_get(event, "time"));
	char text[TIME_MAX];
	const char *key;
	json_t *value;

	if (buf_printf(out, "%s %s", print_time(ms, text), what ? what : "?") < 0)
		return -1;
	json_object_foreach((json_t *)(uintptr_t)event, key, value)
	{
		if (strcmp(key, "time") == 0 || strcmp(key, "event") == 0)
			continue;
		if (buf_printf(out, " %s=", key) < 0 || ctl_value_print(value, out) < 0)
			return -1;
	}
	return buf_append_byte(out, '\n');
}

/* Takes ":NUMBER" off the end of s. 0 or -1. */
static int
take_number(struct slice *s, uint32_t *ret)
{
	size_t colon = s->n;
	uint64_t n;

	while (colon > 0 && s->p[colon - 1] != ':')
		colon--;
	if (colon == 0 || num_parse(slice_skip(*s, colon), 1, UINT32_MAX, &n) < 0)
		return -1;
	*ret = (uint32_t)n;
	*s = slice_head(*s, colon - 1);
	return 0;
}

void
ctl_parse_error_line(struct slice line, struct err *ret)
{
	const char *mark = line.n ? memmem(line.p, line.n, ": ", 2) : NULL;
	struct slice place = slice_head(line, mark ? (size_t)(mark - line.p) : 0);
	struct slice message = mark ? slice_skip(line, place.n + 2) : line;
	uint32_t line_number, column;

	*ret = (struct err){0};
	if (take_number(&place, &column) < 0 || take_number(&place, &line_number) < 0 ||
		place.n == 0 || place.n >= ERR_FILE_MAX || memchr(place.p, '\0', place.n)) {
		err_set(ret, "%.*s", SLICE_ARG(line));
		return;
	}
	err_set(ret, "%.*s", SLICE_ARG(message));
	memcpy(ret->file, place.p, place.n);
	ret->line = line_number;
	ret->col = column;
}
