/* The rules of RFC 9111 for a shared cache. */
#include "proxy/cache/cache_policy.h"

#include "core/num.h"
#include "core/own.h"
#include "proxy/http/coding.h"
#include "proxy/http/http_date.h"

#define DATE_MAX 40 /* "Wednesday, 06-Nov-94 08:49:37 GMT" */

/* --- the request ----------------------------------------------------------------------------- */

static void
read_request_field(const struct http_field *field, struct slice value, struct cache_request *ret,
	struct cache_control *control)
{
	if (field->id == HTTP_NAME_CACHE_CONTROL)
		cache_control_add(control, value);
	else if (field->id == HTTP_NAME_AUTHORIZATION)
		ret->authorized = true;
	else if (field->id == HTTP_NAME_RANGE)
		ret->ranged = true;
	else if (field->id == HTTP_NAME_IF_NONE_MATCH || field->id == HTTP_NAME_IF_MODIFIED_SINCE)
		ret->conditional = true;
	else if (field->id == HTTP_NAME_IF_MATCH || field->id == HTTP_NAME_IF_UNMODIFIED_SINCE)
		ret->bypass = true; /* for the origin to evaluate (RFC 9110 section 13.1.1) */
}

/* The directives of requests are advice (RFC 9111 section 5.2.1): who may ask for freshness at will
 * may ask the backend at will. Two of them are kept: no-store, and only-if-cached. A GET with a
 * body means what nobody else can know. */
void
cache_request_read(const struct http_request *r, struct cache_request *ret)
{
	struct cache_control control;

	cache_control_init(&control);
	*ret = (struct cache_request){.is_get = r->method == HTTP_METHOD_GET,
		.is_head = r->method == HTTP_METHOD_HEAD,
		.has_query = r->has_query};
	ret->bypass = r->upgrade || r->body == HTTP_BODY_CHUNKED ||
		      (r->body == HTTP_BODY_LENGTH && r->content_length > 0);
	for (size_t i = 0; i < r->n_fields; i++) {
		const struct http_field *field = &r->fields[i];

		read_request_field(field, http_request_slice(r, field->value), ret, &control);
	}
	ret->no_store = control.no_store;
	ret->only_if_cached = control.only_if_cached;
}

/* --- the answer ------------------------------------------------------------------------------ */

/* "THU, 18 aug 2050 02:01:18 gMT" as it should be written. */
static void
fold_date(struct slice s, char *out)
{
	bool first = true;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';

		if (first && lower)
			c = (char)(c - 'a' + 'A');
		else if (!first && upper)
			c = (char)(c - 'A' + 'a');
		out[i] = c;
		first = !upper && !lower;
	}
	if (s.n > 3 && memcmp(out + s.n - 4, " Gmt", 4) == 0)
		memcpy(out + s.n - 4, " GMT", 4);
}

/* RFC 9111 section 4.2: a cache takes dates whatever the case of their letters. */
static int
parse_date(struct slice s, int64_t *ret)
{
	char folded[DATE_MAX];

	if (http_date_parse(s, ret) == 0)
		return 0;
	if (s.n > sizeof(folded))
		return -1;
	fold_date(s, folded);
	return http_date_parse(slice_of(folded, s.n), ret);
}

/* The first element counts; what is no number does not (RFC 9111 section 5.1). */
static int64_t
parse_age(struct slice value)
{
	struct slice first = slice_trim(slice_head(value, slice_index(value, ',')));
	uint64_t n;

	for (size_t i = 0; i < first.n; i++)
		if (first.p[i] < '0' || first.p[i] > '9')
			return 0;
	if (first.n == 0)
		return 0;
	return num_parse(first, 0, (uint64_t)CACHE_SECONDS_MAX, &n) == 0 ? (int64_t)n
									 : CACHE_SECONDS_MAX;
}

/* Names with '_' or '.' reach the backend where the place lets them through, which is found out
 * only when a request goes there: too late for one that looks for what is stored. */
static bool
lists_all(struct slice value)
{
	struct slice one;

	while (http_list_next(&value, &one))
		if (slice_eq_str(one, "*") || slice_index(one, '_') < one.n ||
			slice_index(one, '.') < one.n)
			return true;
	return false;
}

/* What is being read besides the facts themselves. */
struct reading {
	struct cache_control plain, targeted;
	bool has_targeted, bad_targeted, has_age, has_cookie;
};

static void
read_other(struct slice name, struct slice value, struct reading *reading, struct cache_facts *ret)
{
	if (slice_ieq(name, SLICE_LIT("age")) && !reading->has_age) {
		reading->has_age = true;
		ret->age = parse_age(value);
	} else if (slice_ieq(name, SLICE_LIT("expires")) && !ret->has_expires) {
		ret->has_expires = true;
		if (parse_date(value, &ret->expires) < 0)
			ret->expires = INT64_MIN;
	} else if (slice_ieq(name, SLICE_LIT("last-modified")) && !ret->has_modified) {
		ret->has_modified = parse_date(value, &ret->modified) == 0;
		ret->modified_text = value;
	} else if (slice_ieq(name, SLICE_LIT(CACHE_TARGETED_FIELD)) && value.n > 0) {
		reading->has_targeted = true;
		if (cache_control_add_targeted(&reading->targeted, value) < 0)
			reading->bad_targeted = true;
	}
}

static void
read_field(enum http_name id, struct slice name, struct slice value, struct reading *reading,
	struct cache_facts *ret)
{
	if (id == HTTP_NAME_CACHE_CONTROL)
		cache_control_add(&reading->plain, value);
	else if (id == HTTP_NAME_DATE && !ret->has_date)
		ret->has_date = parse_date(value, &ret->date) == 0;
	else if (id == HTTP_NAME_ETAG && !ret->etag.p)
		ret->etag = value;
	else if (id == HTTP_NAME_CONTENT_TYPE && !ret->type.p)
		ret->type = value;
	else if (id == HTTP_NAME_SET_COOKIE)
		reading->has_cookie = true;
	else if (id == HTTP_NAME_VARY)
		ret->varies_on_all = ret->varies_on_all || lists_all(value);
	else if (id == HTTP_NAME_OTHER)
		read_other(name, value, reading, ret);
}

void
cache_facts_read(const struct http_response *r, struct cache_facts *ret)
{
	struct reading reading = {0};

	*ret = (struct cache_facts){.status = r->status};
	cache_control_init(&reading.plain);
	cache_control_init(&reading.targeted);
	for (size_t i = 0; i < r->n_fields; i++) {
		const struct http_field *field = &r->fields[i];

		/* What Connection lists is not the answer's own (RFC 9111 section 3.1). */
		if (!(field->flags & HTTP_FIELD_LISTED))
			read_field((enum http_name)field->id, http_response_slice(r, field->name),
				http_response_slice(r, field->value), &reading, ret);
	}
	ret->targeted = reading.has_targeted && !reading.bad_targeted;
	ret->control = ret->targeted ? reading.targeted : reading.plain;
	ret->sets_cookie =
		reading.has_cookie && !cache_control_lists(&ret->control, SLICE_LIT("set-cookie"));
}

/* --- storing --------------------------------------------------------------------------------- */

/* What is known to mean one thing for all (RFC 9110 section 15, RFC 7725). Not so what is wrong
 * with a request's head or body, of which the key knows nothing: whoever sends one that the backend
 * refuses would have everybody refused. Nor a part, "not
 * modified" or "no such range", which answer this one request, nor what nobody has defined; and
 * 428, 429, 431 and 511 must not be stored (RFC 6585). */
static bool
is_understood(uint16_t status)
{
	return (status >= 200 && status <= 204) || (status >= 300 && status <= 303) ||
	       status == 307 || status == 308 || (status >= 401 && status <= 405) ||
	       status == 409 || status == 410 || status == 414 || status == 451 ||
	       (status >= 500 && status <= 505);
}

bool
cache_status_refuses(uint16_t status)
{
	static const uint16_t all[] = {
		400, 406, 408, 411, 412, 413, 415, 416, 417, 421, 422, 425, 426, 428, 429, 431};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i] == status)
			return true;
	return false;
}

static bool
is_heuristic(uint16_t status)
{
	static const uint16_t all[] = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i] == status)
			return true;
	return false;
}

bool
cache_type_is_static(struct slice type)
{
	static const char *const all[] = {"text/css", "text/javascript", "application/javascript",
		"application/x-javascript", "application/ecmascript", "application/wasm",
		"application/font-woff", "application/vnd.ms-fontobject"};

	type = slice_trim(slice_head(type, slice_index(type, ';')));
	if (slice_istarts(type, SLICE_LIT("image/")) || slice_istarts(type, SLICE_LIT("font/")))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (slice_ieq(type, slice_str(all[i])))
			return true;
	return false;
}

/* RFC 9111 section 4.2.2. */
static int64_t
heuristic_lifetime(const struct cache_request *request, const struct cache_facts *f, int64_t date)
{
	int64_t share;

	if (!f->has_modified || request->has_query)
		return 0;
	if (!is_heuristic(f->status) && !f->control.is_public)
		return 0;
	share = (date - f->modified) / CACHE_HEURISTIC_SHARE;
	if (share < 0)
		return 0;
	return share < CACHE_HEURISTIC_MAX ? share : CACHE_HEURISTIC_MAX;
}

/* For an answer that says nothing of how long it is fresh. */
static int64_t
implicit_lifetime(const struct cache_request *request, const struct cache_facts *f,
	const struct conf_cache *conf, int64_t date)
{
	int64_t heuristic = heuristic_lifetime(request, f, date);
	int64_t ttl = (int64_t)(conf->default_ttl_ms / 1000);
	bool takes_default = is_heuristic(f->status) && f->status < 400;

	if (conf->mode == CONF_CACHE_STATIC) {
		if (!cache_type_is_static(f->type) || !takes_default)
			return 0;
		if (ttl)
			return ttl;
		ttl = CONF_CACHE_STATIC_MS / 1000;
		return heuristic > ttl ? heuristic : ttl;
	}
	return ttl && takes_default ? ttl : heuristic;
}

static bool
is_explicit(const struct cache_facts *f)
{
	return f->control.s_maxage >= 0 || f->control.max_age >= 0 ||
	       (f->has_expires && !f->targeted);
}

/* RFC 9111 section 4.2.1. */
static int64_t
lifetime(const struct cache_request *request, const struct cache_facts *f,
	const struct conf_cache *conf, const struct cache_moment *moment)
{
	int64_t date = f->has_date ? f->date : moment->came_ms / 1000;
	int64_t left;

	if (f->control.s_maxage >= 0)
		return f->control.s_maxage;
	if (f->control.max_age >= 0)
		return f->control.max_age;
	if (!is_explicit(f))
		return implicit_lifetime(request, f, conf, date);
	if (f->expires <= date)
		return 0;
	left = f->expires - date;
	return left < CACHE_SECONDS_MAX ? left : CACHE_SECONDS_MAX;
}

/* RFC 9111 section 4.2.3: corrected_initial_age. */
static int64_t
initial_age(const struct cache_facts *f, const struct cache_moment *moment)
{
	int64_t came = moment->came_ms / 1000, delay_ms = moment->came_ms - moment->asked_ms;
	int64_t apparent = f->has_date && came > f->date ? came - f->date : 0;
	int64_t corrected = f->age + (delay_ms > 0 ? delay_ms / 1000 : 0);
	int64_t age = apparent > corrected ? apparent : corrected;

	return age < CACHE_SECONDS_MAX ? age : CACHE_SECONDS_MAX;
}

/* What forbids storing whatever the freshness. */
static const char *
refusal(const struct cache_request *request, const struct cache_facts *f)
{
	const struct cache_control *c = &f->control;

	if (!request->is_get || request->bypass || request->no_store)
		return "request";
	if (!is_understood(f->status))
		return "status";
	if (c->no_store && !c->must_understand)
		return "no-store";
	if (c->is_private)
		return "private";
	if (f->sets_cookie)
		return "set-cookie";
	if (f->varies_on_all)
		return "vary";
	if (coding_type_is_stream(f->type))
		return "type";
	/* RFC 9111 section 3.5. */
	if (request->authorized && !c->is_public && !c->must_revalidate && c->s_maxage < 0)
		return "authorization";
	return NULL;
}

/* RFC 9111 section 4.2.4: s-maxage forbids stale answers as proxy-revalidate does (section
 * 5.2.2.10), unless the same origin allows them by name. */
static int64_t
error_window(const struct cache_control *c, bool hard)
{
	if (hard)
		return 0;
	return c->stale_if_error < 0 && c->s_maxage >= 0 ? 0 : c->stale_if_error;
}

const char *
cache_policy_store(const struct cache_request *request, const struct cache_facts *facts,
	const struct conf_cache *conf, const struct cache_moment *moment, struct cache_terms *ret)
{
	const struct cache_control *c = &facts->control;
	const char *why = refusal(request, facts);
	bool hard = c->must_revalidate || c->proxy_revalidate || c->no_cache;
	struct cache_terms t;
	int64_t stale_s;
	bool validates;

	if (why)
		return why;
	t = (struct cache_terms){.born_s = initial_age(facts, moment),
		.lifetime_s = lifetime(request, facts, conf, moment),
		.while_s = hard || c->stale_while_revalidate < 0 ? 0 : c->stale_while_revalidate,
		.if_error_s = error_window(c, hard),
		.no_cache = c->no_cache};
	stale_s = t.while_s > t.if_error_s ? t.while_s : t.if_error_s;
	validates = facts->etag.n > 0 || facts->has_modified;
	if (!is_explicit(facts) && !c->no_cache && t.lifetime_s == 0)
		return "nothing says that it may be";
	if ((c->no_cache || t.born_s >= t.lifetime_s) && !validates &&
		t.born_s >= t.lifetime_s + stale_s)
		return "stale";
	if (c->no_cache && !validates)
		return "no-cache";
	*ret = t;
	return NULL;
}

/* --- use ------------------------------------------------------------------------------------- */

int64_t
cache_terms_age(const struct cache_terms *t, uint64_t since_ms)
{
	uint64_t age = (uint64_t)t->born_s + since_ms / 1000;

	return age < (uint64_t)CACHE_SECONDS_MAX ? (int64_t)age : CACHE_SECONDS_MAX;
}

enum cache_use
cache_terms_use(const struct cache_terms *t, int64_t age)
{
	if (t->no_cache)
		return CACHE_USE_STALE;
	if (age < t->lifetime_s)
		return CACHE_USE_FRESH;
	return age < t->lifetime_s + t->while_s ? CACHE_USE_REFRESH : CACHE_USE_STALE;
}

bool
cache_terms_rescues(const struct cache_terms *t, int64_t age, bool away)
{
	int64_t stale_for = age - t->lifetime_s;

	if (t->if_error_s >= 0)
		return stale_for < t->if_error_s;
	return away && stale_for < CACHE_DISCONNECTED_MAX;
}
