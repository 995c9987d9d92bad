/*
 * The cache over the API: orders to the proxy, and what it says. URLs come percent-encoded, as
 * values of a query.
 */
#include "daemon/control/control.h"

#include "core/cache_order.h"
#include "core/own.h"
#include "core/report.h"

#include <event2/keyvalq_struct.h>
#include <string.h>
#include <sys/queue.h>

/* The one parameter of a query. */
struct asked {
	struct evkeyvalq all;
	const char *key, *value; /* NULL: there is none */
};

/* 0, or -1 when there is more than one, or it is malformed; clear with evhttp_clear_headers. */
static int
parse_query(struct evhttp_request *req, struct asked *ret)
{
	const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(req));
	const struct evkeyval *first;

	TAILQ_INIT(&ret->all);
	ret->key = ret->value = NULL;
	if (!query)
		return 0;
	if (evhttp_parse_query_str(query, &ret->all) < 0)
		return -1;
	first = TAILQ_FIRST(&ret->all);
	if (!first || TAILQ_NEXT(first, next))
		return -1;
	ret->key = first->key;
	ret->value = first->value;
	return 0;
}

static const char *const order_keys[] = {
#define ORDER_KEY(id, key, what) [CACHE_ORDER_##id] = (key),
	CACHE_ORDER_TABLE(ORDER_KEY)
#undef ORDER_KEY
};

/* The first of the orders from first to last that has this key; -1: none. */
static int
find_order(const char *key, int first, int last)
{
	for (int i = first; i <= last; i++)
		if (key && strcmp(key, order_keys[i]) == 0)
			return i;
	return -1;
}

static void
serve_list(struct control *c, struct evhttp_request *req)
{
	struct asked asked;
	int order = CACHE_ORDER_LIST;

	if (parse_query(req, &asked) < 0 ||
		(asked.key &&
			(order = find_order(asked.key, CACHE_ORDER_LIST, CACHE_ORDER_SHOW)) < 0))
		control_http_error(req, 400, "write prefix=URL or url=URL, percent-encoded");
	else
		control_wait_cache(c, req, (enum cache_order)order, slice_str(asked.value));
	evhttp_clear_headers(&asked.all);
}

static void
serve_purge(struct control *c, struct evhttp_request *req)
{
	struct asked asked;
	int order = -1;

	if (parse_query(req, &asked) == 0)
		order = find_order(asked.key, CACHE_ORDER_PURGE_URL, CACHE_ORDER_PURGE_TAG);
	if (order < 0 || !asked.value[0])
		control_http_error(
			req, 400, "write url=URL, prefix=URL or tag=TAG, percent-encoded");
	else
		control_wait_cache(c, req, (enum cache_order)order, slice_str(asked.value));
	evhttp_clear_headers(&asked.all);
}

void
control_cache_serve(struct control *c, struct evhttp_request *req, enum control_endpoint endpoint)
{
	if (endpoint == CONTROL_CACHE)
		control_wait_gather(c, req, WAIT_CACHE_COUNTS);
	else if (endpoint == CONTROL_CACHE_OBJECTS)
		serve_list(c, req);
	else if (endpoint == CONTROL_CACHE_PURGE)
		serve_purge(c, req);
	else
		control_wait_cache(c, req, CACHE_ORDER_CLEAR, (struct slice){0});
}

/* --- what comes of it ------------------------------------------------------------------------ */

/* The proxy is not believed: what is no text in UTF-8 becomes an empty one. */
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
object_json(const struct report_stored *s)
{
	json_int_t ttl =
		(json_int_t)(s->lifetime_s & INT32_MAX) - (json_int_t)(s->age_s & INT32_MAX);
	json_t *o = json_pack("{s:o, s:i, s:o, s:o, s:o, s:I, s:o, s:o, s:s}", "url", text(s->url),
		"status", (int)s->status, "type", text(s->type), "size", number(s->size), "age",
		number(s->age_s), "ttl", ttl, "vary", text(s->vary), "tags", text(s->tags), "tier",
		s->on_disk ? "disk" : "memory");

	if (s->head.n > 0)
		json_object_set_new(o, "head", text(s->head));
	return o;
}

json_t *
control_cache_objects(struct slice report)
{
	json_t *list = json_array();
	struct report_record r;

	while (list && report_next(&report, &r) > 0)
		if (r.kind == REPORT_STORED)
			json_array_append_new(list, object_json(&r.stored));
	return list;
}

/* Of its number a word. */
static const char *
disk_state(const json_t *counters)
{
	static const char *const words[] = {
#define DISK_STATE_WORD(id, word, what) word,
		CACHE_DISK_STATE_TABLE(DISK_STATE_WORD)
#undef DISK_STATE_WORD
	};
	json_int_t n = json_integer_value(json_object_get(counters, "cache_disk_state"));

	return words[n >= 0 && n < (json_int_t)ARRAY_SIZE(words) ? n : 0];
}

json_t *
control_cache_counts(const struct control_state *s, const json_t *usage)
{
	const json_t *counters = json_object_get(usage, "counters");
	json_int_t hits = json_integer_value(json_object_get(counters, "cache_hits"));
	json_int_t misses = json_integer_value(json_object_get(counters, "cache_misses"));
	json_t *o = json_pack("{s:I, s:I, s:s, s:f}", "limit",
		(json_int_t)(s->conf ? s->conf->cache_store.memory : 0), "disk_limit",
		(json_int_t)(s->conf ? s->conf->cache_store.disk : 0), "disk", disk_state(counters),
		"hit_ratio", hits + misses > 0 ? (double)hits / (double)(hits + misses) : 0.0);

	for (unsigned i = 0; i < STAT_COUNT; i++) {
		const char *name = stats_name((enum stat_id)i);
		json_t *value = json_object_get(counters, name);

		if (strncmp(name, "cache_", 6) == 0 && i != STAT_CACHE_DISK_STATE && value)
			json_object_set(o, name + 6, value);
	}
	return o;
}
