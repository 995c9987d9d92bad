/* proxy/cache/cache_store.c: what is found, what is charged, what is thrown out. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/cache/cache_store.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MIB ((size_t)1024 * 1024)

static const struct cache_terms hour = {.lifetime_s = 3600, .if_error_s = -1};

static struct http_request *
request_of(const char *fields)
{
	static char head[1024];
	static struct http_request r;

	(void)snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
	http_request_init(&r);
	assert_int_equal(http_parse_request(&r, head, strlen(head)), HTTP_DONE);
	r.base = head;
	return &r;
}

struct made {
	const char *url, *vary, *key, *tags;
	char fill;
	size_t n;
};

static struct cache_object *
make(struct cache_store *s, const struct made *m)
{
	struct cache_object_parts parts = {.url = slice_str(m->url),
		.scope = SLICE_LIT("scope"),
		.vary = slice_str(m->vary ? m->vary : ""),
		.key = slice_str(m->key ? m->key : ""),
		.tags = slice_str(m->tags ? m->tags : ""),
		.head = SLICE_LIT("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Type: text/css\r\n"),
		.status = 200,
		.terms = hour};
	struct cache_body *body = cache_body_new(s, m->n);
	struct cache_object *o;

	if (!body)
		return NULL;
	memset(body->data, m->fill ? m->fill : 'x', m->n);
	body->n = m->n;
	o = cache_object_new(s, &parts, &body);
	cache_body_unref(&body);
	return o;
}

static bool
put(struct cache_store *s, const struct made *m)
{
	struct cache_key key = {.url = slice_str(m->url), .scope = SLICE_LIT("scope")};
	struct cache_mark mark;
	struct cache_object *o;
	bool stored;

	key.hash = cache_store_hash(s, key.url);
	mark = cache_store_mark(s, &key);
	o = make(s, m);
	stored = o && cache_store_insert(s, o, &mark);

	cache_object_unref(&o);
	return stored;
}

static struct cache_object *
find_for(struct cache_store *s, const char *url, const char *fields, enum cache_miss *why)
{
	struct cache_key key = {.url = slice_str(url), .scope = SLICE_LIT("scope")};

	key.hash = cache_store_hash(s, key.url);
	return cache_store_find(s, &key, request_of(fields), why);
}

static bool
has(struct cache_store *s, const char *url)
{
	enum cache_miss why;
	struct cache_object *o = find_for(s, url, "", &why);
	bool found = o != NULL;

	cache_object_unref(&o);
	return found;
}

static struct cache_store *
store_of(size_t budget)
{
	struct cache_store *s = cache_store_new();

	assert_non_null(s);
	cache_store_set_budget(s, budget);
	return s;
}

static struct cache_counts
counts(struct cache_store *s)
{
	struct cache_counts c;

	cache_store_count(s, &c);
	return c;
}

static void
what_is_stored_is_found(void **state)
{
	struct cache_store *s = store_of(MIB);
	struct cache_object *o;
	enum cache_miss why;

	(void)state;
	assert_null(find_for(s, "http://a/", "", &why));
	assert_int_equal(why, CACHE_MISS_URL);
	assert_true(put(s, &(struct made){.url = "http://a/", .n = 10, .fill = '1'}));
	assert_true(put(s, &(struct made){.url = "http://a/", .n = 12, .fill = '2'}));
	o = find_for(s, "http://a/", "", &why);
	assert_non_null(o);
	assert_true(slice_eq(cache_object_body(o), SLICE_LIT("222222222222")));
	assert_true(slice_eq_str(o->etag, "\"a\"") && slice_eq_str(o->type, "text/css"));
	assert_int_equal(counts(s).objects, 1);
	/* It stays whole for who holds it, whatever happens to the store. */
	assert_int_equal(cache_store_invalidate(s, SLICE_LIT("http://a/")), 1);
	assert_int_equal(counts(s).objects, 0);
	assert_true(counts(s).bytes > 0);
	assert_true(slice_eq(cache_object_body(o), SLICE_LIT("222222222222")));
	cache_object_unref(&o);
	assert_int_equal(counts(s).bytes, 0);
	cache_store_free(&s);
}

static void
variants_of_one_url(void **state)
{
	struct cache_store *s = store_of(MIB);
	struct cache_object *o;
	enum cache_miss why;

	(void)state;
	assert_true(put(s, &(struct made){"http://a/", "foo", "1\n", NULL, '1', 1}));
	assert_true(put(s, &(struct made){"http://a/", "foo", "2\n", NULL, '2', 1}));
	o = find_for(s, "http://a/", "Foo: 1\r\n", &why);
	assert_true(o && o->body->data[0] == '1');
	cache_object_unref(&o);
	o = find_for(s, "http://a/", "Foo: 2\r\n", &why);
	assert_true(o && o->body->data[0] == '2');
	cache_object_unref(&o);
	assert_null(find_for(s, "http://a/", "Foo: 3\r\n", &why));
	assert_int_equal(why, CACHE_MISS_VARY);
	/* A newer one without Vary fits all (RFC 9111 section 4.1: the most recent). */
	assert_true(put(s, &(struct made){"http://a/", "", "", NULL, '3', 1}));
	o = find_for(s, "http://a/", "Foo: 1\r\n", &why);
	assert_true(o && o->body->data[0] == '3');
	cache_object_unref(&o);
	assert_int_equal(cache_store_invalidate(s, SLICE_LIT("http://a/")), 3);
	cache_store_free(&s);
}

static void
one_url_cannot_have_any_number_of_variants(void **state)
{
	struct cache_store *s = store_of(MIB);
	char key[32];

	(void)state;
	for (int i = 0; i < 3 * CACHE_VARIANTS_MAX; i++) {
		(void)snprintf(key, sizeof(key), "%d\n", i);
		assert_true(put(s, &(struct made){"http://a/", "foo", key, NULL, 'x', 1}));
	}
	assert_int_equal(counts(s).objects, CACHE_VARIANTS_MAX);
	cache_store_free(&s);
}

static bool
has_tag(const struct cache_object *o, const void *ctx)
{
	return slice_eq_str(o->tags, ctx);
}

static void
an_answer_from_before_a_purge_is_not_stored(void **state)
{
	struct cache_store *s = store_of(MIB);
	struct cache_key key = {.url = SLICE_LIT("http://a/"), .scope = SLICE_LIT("scope")};
	struct cache_object *o = make(s, &(struct made){.url = "http://a/", .n = 1});
	struct cache_mark before;

	(void)state;
	key.hash = cache_store_hash(s, key.url);
	before = cache_store_mark(s, &key);
	assert_true(put(s, &(struct made){.url = "http://b/", .n = 1, .tags = "t"}));
	assert_true(put(s, &(struct made){.url = "http://c/", .n = 1, .tags = "u"}));
	assert_int_equal(cache_store_purge(s, has_tag, "t"), 1);
	assert_true(!has(s, "http://b/") && has(s, "http://c/"));
	assert_false(cache_store_insert(s, o, &before));
	before = cache_store_mark(s, &key);
	assert_int_equal(cache_store_invalidate(s, SLICE_LIT("http://a/")), 0);
	assert_false(cache_store_insert(s, o, &before));
	before = cache_store_mark(s, &key);
	assert_true(cache_store_insert(s, o, &before));
	cache_object_unref(&o);
	cache_store_free(&s);
}

static void
everything_is_charged(void **state)
{
	struct cache_store *s = store_of(MIB);
	struct cache_body *body;
	char url[64];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(url, sizeof(url), "http://a/%d", i);
		assert_true(put(s, &(struct made){.url = url, .n = 1000}));
		assert_true(counts(s).bytes <= MIB);
	}
	assert_true(counts(s).objects < 1000 && counts(s).objects > 500);
	assert_int_equal(counts(s).evicted, 5000 - counts(s).objects);
	/* What is being filled makes room, too, and is refused when there is none. */
	body = cache_body_new(s, MIB / 2);
	assert_non_null(body);
	assert_true(counts(s).bytes <= MIB && counts(s).objects < 600);
	assert_null(cache_body_new(s, MIB / 2 + 1));
	assert_int_equal(cache_body_resize(&body, MIB), -1);
	assert_int_equal(cache_body_resize(&body, 10), 0);
	cache_body_unref(&body);
	cache_store_set_budget(s, 0);
	assert_int_equal(counts(s).objects, 0);
	assert_int_equal(counts(s).bytes, 0);
	assert_false(put(s, &(struct made){.url = "http://a/", .n = 1}));
	cache_store_free(&s);
}

/* --- eviction against LRU -------------------------------------------------------------------- */

#define TRACE_KEYS 20000
#define TRACE_SLOTS 1000
#define TRACE_LENGTH 200000
#define OBJECT_BYTES 2000

#define LRU_KEYS (TRACE_KEYS + TRACE_LENGTH)

/* Least recently used: a ring of the keys that are in, the newest behind key LRU_KEYS. */
struct lru {
	uint32_t next[LRU_KEYS + 1], before[LRU_KEYS + 1];
	bool in[LRU_KEYS];
	size_t n;
};

static void
lru_link(struct lru *l, uint32_t key, uint32_t before, uint32_t next)
{
	l->next[before] = l->before[next] = key;
	l->before[key] = before;
	l->next[key] = next;
}

static void
lru_unlink(struct lru *l, uint32_t key)
{
	l->next[l->before[key]] = l->next[key];
	l->before[l->next[key]] = l->before[key];
}

static bool
lru_ask(struct lru *l, uint32_t key)
{
	bool hit = l->in[key];
	uint32_t oldest = l->before[LRU_KEYS];

	if (hit) {
		lru_unlink(l, key);
	} else if (l->n == TRACE_SLOTS) {
		l->in[oldest] = false;
		lru_unlink(l, oldest);
	} else {
		l->n++;
	}
	l->in[key] = true;
	lru_link(l, key, LRU_KEYS, l->next[LRU_KEYS]);
	return hit;
}

static uint32_t
xorshift(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Requests after Zipf's law; with scans, a fifth of them in runs for things that are asked for
 * once.
 */
static void
make_trace(double exponent, bool scans, uint32_t *trace)
{
	static double sums[TRACE_KEYS];
	uint32_t seed = 7, scanned = TRACE_KEYS;
	double sum = 0;

	for (int i = 0; i < TRACE_KEYS; i++) {
		sum += 1 / pow(i + 1, exponent);
		sums[i] = sum;
	}
	for (size_t i = 0; i < TRACE_LENGTH; i++) {
		double at = (double)xorshift(&seed) / UINT32_MAX * sum;
		size_t low = 0, high = TRACE_KEYS - 1;

		if (scans && i % 20000 >= 16000) {
			trace[i] = scanned++;
			continue;
		}
		while (low < high) {
			size_t middle = (low + high) / 2;

			if (sums[middle] < at)
				low = middle + 1;
			else
				high = middle;
		}
		trace[i] = (uint32_t)low;
	}
}

static size_t
hits_of_store(const uint32_t *trace)
{
	size_t each = OBJECT_BYTES + sizeof(struct cache_object) + sizeof(struct cache_body) + 200;
	struct cache_store *s = store_of(TRACE_SLOTS * each);
	size_t hits = 0;
	char url[64];

	for (size_t i = 0; i < TRACE_LENGTH; i++) {
		(void)snprintf(url, sizeof(url), "http://a/%u", trace[i]);
		if (has(s, url))
			hits++;
		else
			assert_true(put(s, &(struct made){.url = url, .n = OBJECT_BYTES}));
	}
	cache_store_free(&s);
	return hits;
}

static size_t
hits_of_lru(const uint32_t *trace)
{
	static struct lru lru;
	size_t hits = 0;

	memset(&lru, 0, sizeof(lru));
	lru.next[LRU_KEYS] = lru.before[LRU_KEYS] = LRU_KEYS;
	for (size_t i = 0; i < TRACE_LENGTH; i++)
		hits += lru_ask(&lru, trace[i]);
	return hits;
}

/* bench/cache reads what this prints. */
static void
eviction_resists_scans(void **state)
{
	static const struct {
		double exponent;
		bool scans;
		double better; /* than LRU, at least: hits of ours for one of its */
	} of[] = {{0.7, false, 1.1}, {0.7, true, 1.2}, {0.9, false, 1.05}, {0.9, true, 1.15},
		{1.1, false, 1}, {1.1, true, 1.05}};
	static uint32_t trace[TRACE_LENGTH];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		size_t hits, lru_hits;

		make_trace(of[i].exponent, of[i].scans, trace);
		hits = hits_of_store(trace);
		lru_hits = hits_of_lru(trace);
		print_message("zipf %.1f scans %d requests %d hits %zu lru %zu\n", of[i].exponent,
			of[i].scans, TRACE_LENGTH, hits, lru_hits);
		assert_true((double)hits >= (double)lru_hits * of[i].better);
	}
}

/* --- against a reference --------------------------------------------------------------------- */

#define MODEL_URLS 40
#define MODEL_STEPS 60000

static bool
is_all(struct slice s, char c)
{
	size_t n = 0;

	while (n < s.n && s.p[n] == c)
		n++;
	return n == s.n;
}

/* What the store may answer: the last body that was put, or nothing. */
static void
a_random_life_against_a_reference(void **state)
{
	struct cache_store *s = store_of(64 * 1024);
	int model[MODEL_URLS];
	uint32_t seed = 99;

	(void)state;
	memset(model, 0, sizeof(model));
	for (int step = 1; step <= MODEL_STEPS; step++) {
		uint32_t dice = xorshift(&seed) % 100, at = xorshift(&seed) % MODEL_URLS;
		char url[32];
		enum cache_miss why;
		struct cache_object *o;

		(void)snprintf(url, sizeof(url), "http://a/%u", at);
		if (dice < 35) {
			size_t n = 1 + xorshift(&seed) % 8000;

			assert_true(put(
				s, &(struct made){
					   .url = url, .n = n, .fill = (char)('a' + step % 26)}));
			model[at] = step;
		} else if (dice < 90) {
			o = find_for(s, url, "", &why);
			if (o) {
				struct slice body = cache_object_body(o);

				assert_int_not_equal(model[at], 0);
				assert_true(is_all(body, (char)('a' + model[at] % 26)));
			}
			cache_object_unref(&o);
		} else if (dice < 98) {
			(void)cache_store_invalidate(s, slice_str(url));
			assert_false(has(s, url));
			model[at] = 0;
		} else {
			cache_store_set_budget(s, 32 * 1024 + xorshift(&seed) % (64 * 1024));
		}
		assert_true(counts(s).bytes <= counts(s).budget);
	}
	cache_store_free(&s);
}

/* --- many threads ---------------------------------------------------------------------------- */

static void *
live(void *arg)
{
	struct cache_store *s = arg;
	uint32_t seed = (uint32_t)(uintptr_t)&seed | 1;

	for (int i = 0; i < 20000; i++) {
		struct cache_key key = {.scope = SLICE_LIT("scope")};
		uint32_t at = xorshift(&seed) % 50;
		struct http_request r = {.n_fields = 0};
		struct cache_object *o;
		enum cache_miss why;
		char url[32];

		(void)snprintf(url, sizeof(url), "http://a/%u", at);
		key.url = slice_str(url);
		key.hash = cache_store_hash(s, key.url);
		o = cache_store_find(s, &key, &r, &why);
		if (!o && i % 16 != 0) {
			struct cache_mark mark = cache_store_mark(s, &key);

			o = make(s, &(struct made){
					    .url = url, .n = 1500, .fill = (char)('a' + at % 26)});
			if (o)
				(void)cache_store_insert(s, o, &mark);
		} else if (i % 64 == 0) {
			(void)cache_store_invalidate(s, key.url);
		} else if (i % 500 == 0) {
			(void)cache_store_purge(s, has_tag, "none");
		}
		if (o && (o->body->data[0] != (char)('a' + at % 26) ||
				 o->body->data[o->body->n - 1] != (char)('a' + at % 26)))
			abort();
		cache_object_unref(&o);
	}
	return NULL;
}

static void
threads_share_it(void **state)
{
	struct cache_store *s = store_of(48 * 1024);
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, live, s), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_true(counts(s).bytes <= 48 * 1024);
	cache_store_free(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_stored_is_found),
		cmocka_unit_test(variants_of_one_url),
		cmocka_unit_test(one_url_cannot_have_any_number_of_variants),
		cmocka_unit_test(an_answer_from_before_a_purge_is_not_stored),
		cmocka_unit_test(everything_is_charged),
		cmocka_unit_test(eviction_resists_scans),
		cmocka_unit_test(a_random_life_against_a_reference),
		cmocka_unit_test(threads_share_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
