/* proxy/cache/cache_policy.c: the rules of RFC 9111, at times that the test chooses. */
#include "tests/unit/core/unit.h"

#include "proxy/cache/cache_policy.h"

#include <stdio.h>

#define NOW_MS INT64_C(1784000000000) /* Tue, 14 Jul 2026 03:33:20 GMT */
#define DATE "Date: Tue, 14 Jul 2026 03:33:20 GMT\r\n"
#define HOUR_AGO "Tue, 14 Jul 2026 02:33:20 GMT"
#define IN_AN_HOUR "Tue, 14 Jul 2026 04:33:20 GMT"

static const struct conf_cache on = {.mode = CONF_CACHE_ON};
static const struct conf_cache minutes = {.mode = CONF_CACHE_ON, .default_ttl_ms = 300000};
static const struct conf_cache statics = {.mode = CONF_CACHE_STATIC};
static const struct cache_moment moment = {.asked_ms = NOW_MS, .came_ms = NOW_MS};

struct answer {
	const struct conf_cache *conf; /* NULL: on */
	const char *request;           /* its fields */
	const char *target;            /* NULL: "/" */
	const char *method;            /* NULL: GET */
	int status;                    /* 0: 200 */
	const char *fields;
	int64_t lifetime; /* -1: not stored */
};

static const char *
decide(const struct answer *a, struct cache_terms *ret)
{
	static char request[2048], response[2048];
	static struct http_request q;
	static struct http_response r;
	struct cache_request asked;
	struct cache_facts facts;

	(void)snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n",
		a->method ? a->method : "GET", a->target ? a->target : "/",
		a->request ? a->request : "");
	(void)snprintf(response, sizeof(response), "HTTP/1.1 %d x\r\n%s\r\n",
		a->status ? a->status : 200, a->fields);
	http_request_init(&q);
	assert_int_equal(http_parse_request(&q, request, strlen(request)), HTTP_DONE);
	q.base = request;
	http_response_init(&r, q.method);
	assert_int_equal(http_parse_response(&r, response, strlen(response)), HTTP_DONE);
	r.base = response;
	cache_request_read(&q, &asked);
	cache_facts_read(&r, &facts);
	return cache_policy_store(&asked, &facts, a->conf ? a->conf : &on, &moment, ret);
}

static void
require_all(const struct answer *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct cache_terms t = {.lifetime_s = -1};
		const char *why = decide(&all[i], &t);

		if (t.lifetime_s != all[i].lifetime || (why != NULL) != (all[i].lifetime < 0))
			fail_msg("%zu %s: %lld (%s)", i, all[i].fields, (long long)t.lifetime_s,
				why ? why : "stored");
	}
}

/* RFC 9111 section 4.2.1. */
static void
what_says_how_long(void **state)
{
	static const struct answer all[] = {
		{.fields = "", .lifetime = -1},
		{.fields = "ETag: \"a\"\r\n", .lifetime = -1},
		{.fields = "Cache-Control: max-age=60\r\n", .lifetime = 60},
		{.fields = "Cache-Control: max-age=60, s-maxage=7\r\n", .lifetime = 7},
		{.fields = "Cache-Control: s-maxage=60\r\nCache-Control: max-age=1\r\n",
			.lifetime = 60},
		{.fields = "Cache-Control: max-age=0, s-maxage=60\r\nExpires: 0\r\n",
			.lifetime = 60},
		{.fields = "Cache-Control: max-age=60\r\nExpires: 0\r\n", .lifetime = 60},
		{.fields = "Cache-Control: max-age=0\r\nExpires: " IN_AN_HOUR "\r\n",
			.lifetime = -1},
		{.fields = "Cache-Control: max-age=0\r\nETag: \"a\"\r\n", .lifetime = 0},
		{.fields = DATE "Expires: " IN_AN_HOUR "\r\n", .lifetime = 3600},
		{.fields = "Expires: " IN_AN_HOUR "\r\n", .lifetime = 3600},
		{.fields = "Date: foo\r\nExpires: " IN_AN_HOUR "\r\n", .lifetime = 3600},
		{.fields = DATE "Expires: TUE, 14 jul 2026 04:33:20 gMt\r\n", .lifetime = 3600},
		{.fields = DATE "Expires: Tue, 14 Jul 2026 04:33:20 UTC\r\n", .lifetime = -1},
		{.fields = DATE "Expires: " HOUR_AGO "\r\n", .lifetime = -1},
		{.fields = DATE "Expires: 0\r\nETag: \"a\"\r\n", .lifetime = 0},
		{.fields = "CDN-Cache-Control: max-age=5\r\nCache-Control: max-age=60\r\n",
			.lifetime = 5},
		{.fields = "CDN-Cache-Control: max-age=5\r\nCache-Control: no-store\r\n",
			.lifetime = 5},
		{.fields = "CDN-Cache-Control: no-store\r\nCache-Control: max-age=60\r\n",
			.lifetime = -1},
		{.fields = "CDN-Cache-Control: max-age =5\r\nCache-Control: max-age=60\r\n",
			.lifetime = 60},
		{.fields = "CDN-Cache-Control: foo\r\nExpires: " IN_AN_HOUR "\r\n", .lifetime = -1},
		{.fields = "Connection: cache-control\r\nCache-Control: "
			   "no-store\r\nExpires: " IN_AN_HOUR "\r\n",
			.lifetime = -1},
	};

	(void)state;
	require_all(all, sizeof(all) / sizeof(all[0]));
}

/* RFC 9111 section 3. */
static void
what_must_not_be_stored(void **state)
{
	static const struct answer all[] = {
		{.fields = "Cache-Control: max-age=60, no-store\r\n", .lifetime = -1},
		{.fields = "Cache-Control: max-age=60, private\r\n", .lifetime = -1},
		{.fields = "Cache-Control: max-age=60, private=\"x-a\"\r\n", .lifetime = 60},
		{.fields = "Cache-Control: max-age=60\r\nSet-Cookie: a=b\r\n", .lifetime = -1},
		{.fields = "Cache-Control: max-age=60, no-cache=\"Set-Cookie\"\r\nSet-Cookie: "
			   "a=b\r\n",
			.lifetime = 60},
		{.fields = "Cache-Control: max-age=60\r\nVary: a, *\r\n", .lifetime = -1},
		{.fields = "Cache-Control: max-age=60\r\nVary: a\r\n", .lifetime = 60},
		{.fields = "Cache-Control: no-cache\r\n", .lifetime = -1},
		{.fields = "Cache-Control: no-cache, max-age=60\r\nETag: \"a\"\r\n",
			.lifetime = 60},
		{.fields = "Cache-Control: max-age=60\r\nContent-Range: bytes 0-1/2\r\n",
			.lifetime = 60},
		{.status = 206, .fields = "Cache-Control: max-age=60\r\n", .lifetime = -1},
		{.status = 304, .fields = "Cache-Control: max-age=60\r\n", .lifetime = -1},
		{.status = 404, .fields = "Cache-Control: max-age=60\r\n", .lifetime = 60},
		{.status = 416, .fields = "Cache-Control: max-age=60\r\n", .lifetime = -1},
		{.status = 299, .fields = "Cache-Control: max-age=60\r\n", .lifetime = -1},
		{.status = 429, .fields = "Cache-Control: max-age=60\r\n", .lifetime = -1},
		{.status = 451, .fields = "Cache-Control: max-age=60\r\n", .lifetime = 60},
		{.status = 599, .fields = "Cache-Control: max-age=60\r\n", .lifetime = -1},
		{.status = 599,
			.fields = "Cache-Control: max-age=60, must-understand\r\n",
			.lifetime = -1},
		{.fields = "Cache-Control: max-age=0, stale-if-error=60\r\n", .lifetime = 0},
		{.fields = "Cache-Control: max-age=0, stale-while-revalidate=60\r\n",
			.lifetime = 0},
		{.fields = "Cache-Control: max-age=0, stale-if-error=60, must-revalidate\r\n",
			.lifetime = -1},
		{.status = 200,
			.fields = "Cache-Control: max-age=60, no-store, must-understand\r\n",
			.lifetime = 60},
		{.method = "HEAD", .fields = "Cache-Control: max-age=60\r\n", .lifetime = -1},
		{.method = "POST", .fields = "Cache-Control: max-age=60\r\n", .lifetime = -1},
		{.request = "Cache-Control: no-store\r\n",
			.fields = "Cache-Control: max-age=60\r\n",
			.lifetime = -1},
		{.request = "Content-Length: 3\r\n",
			.fields = "Cache-Control: max-age=60\r\n",
			.lifetime = -1},
		{.request = "Content-Length: 0\r\n",
			.fields = "Cache-Control: max-age=60\r\n",
			.lifetime = 60},
		{.request = "If-Match: \"a\"\r\n",
			.fields = "Cache-Control: max-age=60\r\n",
			.lifetime = -1},
		{.request = "Cookie: a=b\r\n",
			.fields = "Cache-Control: max-age=60\r\n",
			.lifetime = 60},
	};

	(void)state;
	require_all(all, sizeof(all) / sizeof(all[0]));
}

/* RFC 9111 section 3.5. */
static void
answers_to_somebody(void **state)
{
	static const char who[] = "Authorization: Basic YTpi\r\n";
	static const struct answer all[] = {
		{.request = who, .fields = "Cache-Control: max-age=60\r\n", .lifetime = -1},
		{.request = who, .fields = "Cache-Control: max-age=60, public\r\n", .lifetime = 60},
		{.request = who,
			.fields = "Cache-Control: max-age=60, must-revalidate\r\n",
			.lifetime = 60},
		{.request = who, .fields = "Cache-Control: s-maxage=60\r\n", .lifetime = 60},
	};

	(void)state;
	require_all(all, sizeof(all) / sizeof(all[0]));
}

/* RFC 9111 section 4.2.2. */
static void
answers_that_say_nothing(void **state)
{
	static const char old[] = DATE "Last-Modified: Tue, 14 Jul 2026 02:33:20 GMT\r\n";
	static const struct answer all[] = {
		{.fields = old, .lifetime = 360},
		{.fields = old, .target = "/?a", .lifetime = -1},
		{.fields = old, .status = 404, .lifetime = 360},
		{.fields = old, .status = 403, .lifetime = -1},
		{.fields = DATE "Last-Modified: Tue, 14 Jul 2015 02:33:20 GMT\r\n",
			.lifetime = 86400},
		{.fields = DATE "Last-Modified: Tue, 14 Jul 2027 02:33:20 GMT\r\n", .lifetime = -1},
		{.fields = DATE
			"Last-Modified: Tue, 14 Jul 2026 02:33:20 GMT\r\nCache-Control: public\r\n",
			.status = 403,
			.lifetime = 360},
		{.conf = &minutes, .fields = "", .lifetime = 300},
		{.conf = &minutes, .fields = "", .target = "/?a", .lifetime = 300},
		{.conf = &minutes, .fields = old, .lifetime = 300},
		{.conf = &minutes, .fields = "", .status = 500, .lifetime = -1},
		{.conf = &minutes, .fields = "", .status = 404, .lifetime = -1},
		{.conf = &minutes, .fields = "Cache-Control: max-age=5\r\n", .lifetime = 5},
		{.conf = &minutes, .fields = "Cache-Control: private\r\n", .lifetime = -1},
		{.conf = &minutes, .fields = "Set-Cookie: a=b\r\n", .lifetime = -1},
		{.conf = &statics, .fields = "Content-Type: text/html\r\n", .lifetime = -1},
		{.conf = &statics,
			.fields = "Content-Type: text/html\r\nCache-Control: max-age=9\r\n",
			.lifetime = 9},
		{.conf = &statics,
			.fields = "Content-Type: text/css;charset=utf-8\r\n",
			.lifetime = 3600},
		{.conf = &statics,
			.fields = "Content-Type: image/png\r\n",
			.target = "/a.png?v=1",
			.lifetime = 3600},
		{.conf = &statics,
			.fields = "Content-Type: image/png\r\nCache-Control: no-store\r\n",
			.lifetime = -1},
		{.conf = &statics,
			.fields = "Content-Type: image/png\r\nSet-Cookie: a=b\r\n",
			.lifetime = -1},
		{.conf = &statics,
			.fields = "Content-Type: image/png\r\n",
			.status = 404,
			.lifetime = -1},
		{.conf = &statics,
			.fields = "Content-Type: image/png\r\n",
			.request = "Authorization: x\r\n",
			.lifetime = -1},
	};

	(void)state;
	require_all(all, sizeof(all) / sizeof(all[0]));
}

static struct cache_terms
terms_of(const char *fields, const struct cache_moment *when)
{
	static char response[2048];
	static struct http_response r;
	struct cache_request asked = {.is_get = true};
	struct cache_facts facts;
	struct cache_terms t = {0};

	(void)snprintf(response, sizeof(response), "HTTP/1.1 200 OK\r\n%s\r\n", fields);
	http_response_init(&r, HTTP_METHOD_GET);
	assert_int_equal(http_parse_response(&r, response, strlen(response)), HTTP_DONE);
	r.base = response;
	cache_facts_read(&r, &facts);
	assert_null(cache_policy_store(&asked, &facts, &on, when, &t));
	return t;
}

/* RFC 9111 section 4.2.3. */
static void
age_adds_up(void **state)
{
	static const struct {
		const char *fields;
		int64_t born;
	} cases[] = {
		{"Cache-Control: max-age=999999\r\n", 2},
		{"Cache-Control: max-age=999999\r\nAge: 30\r\n", 32},
		{"Cache-Control: max-age=999999\r\nAge: 30, 50\r\n", 32},
		{"Cache-Control: max-age=999999\r\nAge: 30\r\nAge: 50\r\n", 32},
		{"Cache-Control: max-age=999999\r\nAge: -30\r\n", 2},
		{"Cache-Control: max-age=999999\r\nAge: 30.0\r\n", 2},
		{"Cache-Control: max-age=999999\r\nAge: abc\r\n", 2},
		{"Cache-Control: max-age=999999\r\nDate: Tue, 14 Jul 2026 03:32:20 GMT\r\n", 60},
		{"Cache-Control: max-age=999999\r\nDate: Tue, 14 Jul 2026 03:32:20 GMT\r\nAge: "
		 "70\r\n",
			72},
		{"Cache-Control: max-age=999999\r\nDate: Tue, 14 Jul 2026 04:33:20 GMT\r\n", 2},
	};
	static const struct cache_moment slow = {.asked_ms = NOW_MS - 2999, .came_ms = NOW_MS};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cache_terms t = terms_of(cases[i].fields, &slow);

		if (t.born_s != cases[i].born)
			fail_msg("%s: %lld", cases[i].fields, (long long)t.born_s);
		assert_int_equal(cache_terms_age(&t, 9999), cases[i].born + 9);
		assert_int_equal(cache_terms_age(&t, UINT64_MAX / 2), CACHE_SECONDS_MAX);
	}
}

static void
a_clock_that_was_set_back(void **state)
{
	static const struct cache_moment back = {.asked_ms = NOW_MS, .came_ms = NOW_MS - 5000000};
	struct cache_terms t = terms_of("Cache-Control: max-age=60\r\n" DATE, &back);

	(void)state;
	assert_int_equal(t.born_s, 0);
	assert_int_equal(cache_terms_use(&t, cache_terms_age(&t, 59999)), CACHE_USE_FRESH);
	assert_int_equal(cache_terms_use(&t, cache_terms_age(&t, 60000)), CACHE_USE_STALE);
}

/* RFC 5861, and RFC 9111 section 4.2.4. */
static void
stale_answers(void **state)
{
	static const struct {
		const char *control;
		enum cache_use at_70; /* of max-age=60 */
		bool away, error;
	} cases[] = {
		{"", CACHE_USE_STALE, true, false},
		{", stale-while-revalidate=11", CACHE_USE_REFRESH, true, false},
		{", stale-while-revalidate=10", CACHE_USE_STALE, true, false},
		{", stale-if-error=11", CACHE_USE_STALE, true, true},
		{", stale-if-error=10", CACHE_USE_STALE, false, false},
		{", stale-while-revalidate=60, must-revalidate", CACHE_USE_STALE, false, false},
		{", stale-if-error=60, proxy-revalidate", CACHE_USE_STALE, false, false},
		{", s-maxage=60", CACHE_USE_STALE, false, false},
		{", s-maxage=60, stale-while-revalidate=60", CACHE_USE_REFRESH, false, false},
		{", s-maxage=60, stale-if-error=60", CACHE_USE_STALE, true, true},
		{", no-cache, stale-while-revalidate=60", CACHE_USE_STALE, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char fields[256];
		struct cache_terms t;

		(void)snprintf(fields, sizeof(fields),
			"Cache-Control: max-age=60%s\r\nETag: \"a\"\r\n", cases[i].control);
		t = terms_of(fields, &moment);
		if (cache_terms_use(&t, 70) != cases[i].at_70 ||
			cache_terms_rescues(&t, 70, true) != cases[i].away ||
			cache_terms_rescues(&t, 70, false) != cases[i].error)
			fail_msg("%s", cases[i].control);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_says_how_long),
		cmocka_unit_test(what_must_not_be_stored),
		cmocka_unit_test(answers_to_somebody),
		cmocka_unit_test(answers_that_say_nothing),
		cmocka_unit_test(age_adds_up),
		cmocka_unit_test(a_clock_that_was_set_back),
		cmocka_unit_test(stale_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
