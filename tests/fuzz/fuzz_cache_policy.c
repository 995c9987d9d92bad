/*
 * What is stored: the input is a request's head and, behind an empty line, an answer's. Whatever
 * they say, what must never be stored is not, and the terms stay in their range.
 */
#include "tests/fuzz/require.h"

#include "proxy/cache/cache_policy.h"
#include "proxy/cache/cache_vary.h"

#include <stdlib.h>

#define NOW 1784000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pair {
	struct http_request request;
	struct http_response response;
};

static void
require_sane(const struct cache_terms *t)
{
	bool was_usable = true;

	REQUIRE(t->born_s >= 0 && t->born_s <= CACHE_SECONDS_MAX);
	REQUIRE(t->lifetime_s >= 0 && t->lifetime_s <= CACHE_SECONDS_MAX);
	for (uint64_t s = 0; s < UINT64_C(1) << 40; s = s * 2 + 1) {
		int64_t age = cache_terms_age(t, s * 1000);
		bool usable = cache_terms_use(t, age) != CACHE_USE_STALE;

		/* It never becomes fresh again. */
		REQUIRE(was_usable || !usable);
		was_usable = usable;
		if (cache_terms_rescues(t, age, false))
			REQUIRE(cache_terms_rescues(t, age, true));
	}
}

static void
require_vary(const struct pair *p)
{
	struct buf names, key;

	buf_init(&names, 4096);
	buf_init(&key, 2 * CACHE_VARY_KEY_MAX);
	if (cache_vary_names(&p->response, &names) == 0) {
		REQUIRE(buf_len(&names) <= CACHE_VARY_NAMES_MAX);
		if (cache_vary_key(buf_slice(&names), &p->request, &key) == 0)
			REQUIRE(buf_len(&key) <= CACHE_VARY_KEY_MAX);
	}
	buf_clear(&names);
	buf_clear(&key);
}

static void
check(const struct pair *p)
{
	const struct conf_cache conf = {.mode = CONF_CACHE_ON, .default_ttl_ms = 5000};
	const struct cache_moment moment = {
		.asked_ms = NOW * INT64_C(1000), .came_ms = NOW * INT64_C(1000) + 1500};
	struct cache_request request;
	struct cache_facts facts;
	struct cache_terms terms;

	cache_request_read(&p->request, &request);
	cache_facts_read(&p->response, &facts);
	if (cache_policy_store(&request, &facts, &conf, &moment, &terms) == NULL) {
		REQUIRE(request.is_get && !request.bypass && !request.no_store);
		REQUIRE(!facts.sets_cookie && !facts.varies_on_all && !facts.control.is_private);
		REQUIRE(facts.status >= 200 && facts.status != 206 && facts.status != 304);
		require_sane(&terms);
	}
	require_vary(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pair *p = calloc(1, sizeof(*p));
	const char *text = (const char *)data;

	REQUIRE(p);
	http_request_init(&p->request);
	if (size > 0 && http_parse_request(&p->request, text, size) == HTTP_DONE) {
		size_t n = p->request.head_len;

		p->request.base = text;
		http_response_init(&p->response, p->request.method);
		if (n < size &&
			http_parse_response(&p->response, text + n, size - n) == HTTP_DONE) {
			p->response.base = text + n;
			check(p);
		}
	}
	free(p);
	return 0;
}
