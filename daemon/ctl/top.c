/* Rates, quantiles and tables of `sluice top`. */
#include "daemon/ctl/top.h"

#include "core/own.h"
#include "core/route_stats.h"
#include "daemon/ctl/ctl_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL_MAX 48
#define ERASE_LINE "\033[K\n"

static const struct {
	const char *member, *title;
} sorts[] = {
#define TOP_SORT_ROW(id, member, title) {member, title},
	TOP_SORT_TABLE(TOP_SORT_ROW)
#undef TOP_SORT_ROW
};

/* --- numbers --------------------------------------------------------------------------------- */

static uint64_t
get(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n > 0 ? (uint64_t)n : 0;
}

/* before may be NULL: then it was 0. */
static uint64_t
grown(const json_t *before, const json_t *now, const char *key)
{
	uint64_t a = get(before, key), b = get(now, key);

	return b >= a ? b - a : b;
}

static void
deltas_of(const json_t *before, const json_t *now, size_t n, uint64_t *add)
{
	for (size_t i = 0; i < n; i++) {
		json_int_t a = json_integer_value(json_array_get(before, i));
		json_int_t b = json_integer_value(json_array_get(now, i));

		add[i] += (uint64_t)(b >= a ? b - a : b);
	}
}

double
top_quantile(const uint64_t *deltas, const uint64_t *bounds, size_t n, double quantile)
{
	uint64_t sum = 0;
	double wanted, below = 0;

	for (size_t i = 0; i < n; i++)
		sum += deltas[i];
	if (sum == 0)
		return 0;
	wanted = quantile * (double)sum;
	for (size_t i = 0; i + 1 < n; i++) {
		double low = i > 0 ? (double)bounds[i - 1] : 0, here = (double)deltas[i];

		if (here > 0 && below + here >= wanted)
			return low + ((double)bounds[i] - low) * (wanted - below) / here;
		below += here;
	}
	/* In the last bucket nothing is known but that it was at least this. */
	return (double)bounds[n - 2];
}

/* --- the digest ------------------------------------------------------------------------------ */

struct sums {
	uint64_t classes[ROUTE_CLASSES], buckets[ROUTE_BUCKETS], sent, received;
};

static bool
same_member(const json_t *a, const json_t *b, const char *key)
{
	return json_equal(json_object_get(a, key), json_object_get(b, key));
}

/* The object of the array that means the same thing. Where it stood before is tried first. */
static const json_t *
find_same(const json_t *array, size_t hint, const json_t *o, const char *const keys[3])
{
	size_t n = json_array_size(array);

	for (size_t i = 0; i < n; i++) {
		const json_t *other = json_array_get(array, (i + hint) % n);
		bool same = true;

		for (size_t k = 0; k < 3 && keys[k]; k++)
			same = same && same_member(other, o, keys[k]);
		if (same)
			return other;
	}
	return NULL;
}

static void
add_rates(json_t *o, const struct sums *s, double seconds)
{
	uint64_t bounds[ROUTE_BUCKETS], requests = 0;

	for (size_t i = 0; i < ROUTE_CLASSES; i++)
		requests += s->classes[i];
	for (size_t i = 0; i < ROUTE_BUCKETS; i++)
		bounds[i] = route_bucket_bound(i);
	json_object_set_new(o, "requests_per_s", json_real((double)requests / seconds));
	json_object_set_new(o, "errors_per_s", json_real((double)s->classes[5] / seconds));
	json_object_set_new(o, "sent_per_s", json_real((double)s->sent / seconds));
	json_object_set_new(o, "received_per_s", json_real((double)s->received / seconds));
	json_object_set_new(o, "p50_ms",
		json_real(top_quantile(s->buckets, bounds, ROUTE_BUCKETS, 0.5) / 1000));
	json_object_set_new(o, "p99_ms",
		json_real(top_quantile(s->buckets, bounds, ROUTE_BUCKETS, 0.99) / 1000));
}

static void
add_up(struct sums *s, const json_t *before, const json_t *now)
{
	deltas_of(json_object_get(before, "classes"), json_object_get(now, "classes"),
		ROUTE_CLASSES, s->classes);
	deltas_of(json_object_get(before, "buckets"), json_object_get(now, "buckets"),
		ROUTE_BUCKETS, s->buckets);
	s->sent += grown(before, now, "sent");
	s->received += grown(before, now, "received");
}

struct sorting {
	json_t *object;
	double by;
};

static int
compare(const void *a, const void *b)
{
	const struct sorting *x = a, *y = b;

	return (y->by > x->by) - (y->by < x->by);
}

/* The largest first; those that are equal as the file has them. */
static json_t *
sorted(json_t *array, const char *member)
{
	size_t n = json_array_size(array);
	_free_ struct sorting *items = calloc(n + 1, sizeof(*items));
	json_t *ret = json_array();

	for (size_t i = 0; items && i < n; i++) {
		items[i].object = json_array_get(array, i);
		items[i].by = json_real_value(json_object_get(items[i].object, member)) -
			      (double)i * 1e-12;
	}
	if (items)
		qsort(items, n, sizeof(*items), compare);
	for (size_t i = 0; items && i < n; i++)
		json_array_append(ret, items[i].object);
	json_decref(array);
	return ret;
}

static json_t *
digest_routes(const json_t *before, const json_t *now, double seconds, struct sums *total)
{
	static const char *const keys[3] = {"site", "path", "exact"};
	json_t *array = json_array();

	for (size_t i = 0; i < json_array_size(now); i++) {
		const json_t *route = json_array_get(now, i);
		const json_t *old = find_same(before, i, route, keys);
		const char *site = json_string_value(json_object_get(route, "site"));
		const char *path = json_string_value(json_object_get(route, "path"));
		struct sums own = {0};
		json_t *o = json_pack("{s:s, s:s, s:b}", "site", site ? site : "", "path",
			path ? path : "", "exact", json_is_true(json_object_get(route, "exact")));

		add_up(&own, old, route);
		add_up(total, old, route);
		add_rates(o, &own, seconds);
		json_array_append_new(array, o);
	}
	return array;
}

/* Processes or containers: cpu is the counter of processor time, unit its parts of a second. */
static json_t *
digest_named(const json_t *before, const json_t *now, const char *cpu, double unit, double seconds)
{
	static const char *const keys[3] = {"name", "pid", NULL};
	json_t *array = json_array();

	for (size_t i = 0; i < json_array_size(now); i++) {
		const json_t *one = json_array_get(now, i);
		const json_t *old = find_same(before, i, one, keys);
		json_t *o = json_copy((json_t *)(uintptr_t)one);

		if (json_object_get(one, cpu))
			json_object_set_new(o, "cpu_percent",
				json_real(old ? (double)grown(old, one, cpu) / unit / seconds * 100
					      : 0));
		json_array_append_new(array, o);
	}
	return array;
}

json_t *
top_digest(const json_t *before, const json_t *now, enum top_sort sort)
{
	double seconds = (double)grown(before, now, "time") / 1000;
	const json_t *counters = json_object_get(now, "counters");
	struct sums total = {0};
	json_t *routes, *o = json_object();

	if (!o)
		return NULL;
	if (seconds <= 0)
		seconds = 1;
	routes = digest_routes(
		json_object_get(before, "routes"), json_object_get(now, "routes"), seconds, &total);
	json_object_set_new(o, "version", json_copy(json_object_get(now, "version")));
	json_object_set_new(o, "generation", json_copy(json_object_get(now, "generation")));
	json_object_set_new(o, "seconds", json_real(seconds));
	json_object_set_new(
		o, "connections", json_integer((json_int_t)get(counters, "connections_open")));
	json_object_set_new(
		o, "waiting", json_integer((json_int_t)get(counters, "requests_waiting")));
	add_rates(o, &total, seconds);
	json_object_set_new(o, "routes", sorted(routes, sorts[sort].member));
	json_object_set_new(o, "processes",
		digest_named(json_object_get(before, "processes"),
			json_object_get(now, "processes"), "cpu_ms", 1e3, seconds));
	json_object_set_new(o, "containers",
		digest_named(json_object_get(before, "containers"),
			json_object_get(now, "containers"), "cpu_us", 1e6, seconds));
	return o;
}

/* --- the text -------------------------------------------------------------------------------- */

static json_t *
print_real(const json_t *value)
{
	char text[CELL_MAX];
	double v = json_real_value(value);

	if (!value)
		return json_null();
	(void)snprintf(text, sizeof(text), v < 10 ? "%.2f" : "%.0f", v);
	return json_string(text);
}

/* "1.4M": three digits and a unit are enough to look at. */
static json_t *
print_bytes(const json_t *value)
{
	static const char units[] = " KMGTPE";
	double v =
		json_is_integer(value) ? (double)json_integer_value(value) : json_real_value(value);
	char text[CELL_MAX];
	size_t unit = 0;

	if (!value)
		return json_null();
	for (; v >= 1024 && unit + 2 < sizeof(units); unit++)
		v /= 1024;
	(void)snprintf(
		text, sizeof(text), unit > 0 && v < 10 ? "%.1f%c" : "%.0f%c", v, units[unit]);
	if (unit == 0)
		text[strlen(text) - 1] = '\0';
	return json_string(text);
}

struct cell {
	const char *key;
	json_t *(*print)(const json_t *value);
};

/* Copies of the objects with these members as text. */
static json_t *
printed(const json_t *array, const struct cell *cells, size_t n)
{
	json_t *copy = json_array();

	for (size_t i = 0; i < json_array_size(array); i++) {
		json_t *o = json_copy(json_array_get(array, i));

		for (size_t k = 0; k < n; k++)
			json_object_set_new(
				o, cells[k].key, cells[k].print(json_object_get(o, cells[k].key)));
		json_array_append_new(copy, o);
	}
	return copy;
}

static int
print_part(const json_t *array, const struct cell *cells, size_t n_cells,
	const struct ctl_column *columns, size_t n, struct buf *out)
{
	json_t *copy;
	int rc;

	if (json_array_size(array) == 0)
		return 0;
	copy = printed(array, cells, n_cells);
	rc = buf_append_byte(out, '\n');
	if (rc == 0)
		rc = ctl_table_print(columns, n, copy, out);
	json_decref(copy);
	return rc;
}

static int
print_routes(const json_t *array, struct buf *out)
{
	static const struct cell cells[] = {{"requests_per_s", print_real},
		{"errors_per_s", print_real}, {"p50_ms", print_real}, {"p99_ms", print_real},
		{"sent_per_s", print_bytes}, {"received_per_s", print_bytes}};
	static const struct ctl_column columns[] = {{"REQ/S", "requests_per_s"},
		{"5XX/S", "errors_per_s"}, {"P50 MS", "p50_ms"}, {"P99 MS", "p99_ms"},
		{"OUT/S", "sent_per_s"}, {"IN/S", "received_per_s"}, {"SITE", "site"},
		{"ROUTE", "path"}};

	return print_part(array, cells, ARRAY_SIZE(cells), columns, ARRAY_SIZE(columns), out);
}

static int
print_processes(const json_t *array, struct buf *out)
{
	static const struct cell cells[] = {
		{"cpu_percent", print_real}, {"pss", print_bytes}, {"rss", print_bytes}};
	static const struct ctl_column columns[] = {{"CPU %", "cpu_percent"}, {"PSS", "pss"},
		{"RSS", "rss"}, {"FDS", "fds"}, {"PID", "pid"}, {"PROCESS", "name"}};

	return print_part(array, cells, ARRAY_SIZE(cells), columns, ARRAY_SIZE(columns), out);
}

static int
print_containers(const json_t *array, struct buf *out)
{
	static const struct cell cells[] = {{"cpu_percent", print_real}, {"memory", print_bytes}};
	static const struct ctl_column columns[] = {{"CPU %", "cpu_percent"}, {"MEMORY", "memory"},
		{"STATE", "state"}, {"CONTAINER", "name"}};

	return print_part(array, cells, ARRAY_SIZE(cells), columns, ARRAY_SIZE(columns), out);
}

int
top_print(const json_t *digest, enum top_sort sort, struct buf *out)
{
	const char *version = json_string_value(json_object_get(digest, "version"));

	if (buf_printf(out,
		    "sluiced %s by %s: %.1f requests/s, %lld connections, %lld waiting\n"
		    "%.1f 5xx/s, p50 %.2f ms, p99 %.2f ms\n",
		    version ? version : "?", sorts[sort].title,
		    json_real_value(json_object_get(digest, "requests_per_s")),
		    (long long)json_integer_value(json_object_get(digest, "connections")),
		    (long long)json_integer_value(json_object_get(digest, "waiting")),
		    json_real_value(json_object_get(digest, "errors_per_s")),
		    json_real_value(json_object_get(digest, "p50_ms")),
		    json_real_value(json_object_get(digest, "p99_ms"))) < 0 ||
		print_routes(json_object_get(digest, "routes"), out) < 0 ||
		print_processes(json_object_get(digest, "processes"), out) < 0)
		return -1;
	return print_containers(json_object_get(digest, "containers"), out);
}

static struct slice
take_line(struct slice *text)
{
	struct slice line = slice_head(*text, slice_index(*text, '\n'));

	*text = slice_skip(*text, line.n + 1);
	return line;
}

/* At most this many characters; a character that is cut in two is left out. */
static int
put_line(struct slice line, size_t columns, struct buf *out)
{
	size_t n = 0, seen = 0;

	for (; n < line.n; n++) {
		seen += ((unsigned char)line.p[n] & 0xc0) != 0x80;
		if (seen > columns)
			break;
	}
	if (buf_append_slice(out, slice_head(line, n)) < 0)
		return -1;
	return buf_append_str(out, ERASE_LINE);
}

int
top_cut(struct slice text, struct top_window *w, struct buf *out)
{
	struct slice rest = text;
	size_t total = 0, body = w->lines > 2 ? w->lines - 2 : 1;

	while (rest.n > 0) {
		(void)take_line(&rest);
		total++;
	}
	if (w->first + body >= total)
		w->first = total > body + 1 ? total - 1 - body : 0;
	if (put_line(take_line(&text), w->columns, out) < 0)
		return -1;
	for (size_t i = 0; text.n > 0 && i < w->first + body; i++) {
		struct slice line = take_line(&text);

		if (i >= w->first && put_line(line, w->columns, out) < 0)
			return -1;
	}
	return 0;
}
