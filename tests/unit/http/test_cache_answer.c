/* proxy/cache/cache_answer.c and cache_head.c: what a client gets of what is stored. */
#include "tests/unit/core/unit.h"

#include "proxy/cache/cache_answer.h"
#include "proxy/cache/cache_head.h"
#include "proxy/cache/cache_parts.h"
#include "proxy/cache/cache_store.h"

#include <stdio.h>

#define MODIFIED "Tue, 14 Jul 2026 03:33:20 GMT"
#define BEFORE "Tue, 14 Jul 2026 03:33:19 GMT"
#define AFTER "Tue, 14 Jul 2026 03:33:21 GMT"

static struct cache_object *
make(struct cache_store *s, uint16_t status, const char *head, const char *body)
{
	struct cache_object_parts parts = {.url = SLICE_LIT("http://a/"),
		.head = slice_str(head),
		.status = status,
		.terms = {.lifetime_s = 60}};
	struct cache_body *b = cache_body_new(s, strlen(body));
	struct cache_object *o;

	assert_non_null(b);
	memcpy(b->data, body, strlen(body));
	b->n = strlen(body);
	o = cache_object_new(s, &parts, &b);
	assert_non_null(o);
	return o;
}

static struct http_request r;

static void
ask(const struct cache_object *o, const char *method, const char *fields, struct cache_answer *ret)
{
	static char head[1024];

	(void)snprintf(head, sizeof(head), "%s / HTTP/1.1\r\nHost: a\r\n%s\r\n", method, fields);
	http_request_init(&r);
	assert_int_equal(http_parse_request(&r, head, strlen(head)), HTTP_DONE);
	r.base = head;
	cache_answer_decide(&r, o, ret);
}

struct question {
	const char *fields;
	uint16_t status;
	uint64_t start, length;
};

static void
conditions_and_ranges(void **state)
{
	static const struct question all[] = {
		{"", 200, 0, 10},
		{"If-None-Match: \"a\"\r\n", 304, 0, 0},
		{"If-None-Match: W/\"a\"\r\n", 304, 0, 0},
		{"If-None-Match: \"b\", \"a\"\r\n", 304, 0, 0},
		{"If-None-Match: \"b\"\r\nIf-None-Match: \"a\"\r\n", 304, 0, 0},
		{"If-None-Match: *\r\n", 304, 0, 0},
		{"If-None-Match: \"b\"\r\n", 200, 0, 10},
		{"If-None-Match: \"b\"\r\nIf-Modified-Since: " AFTER "\r\n", 200, 0, 10},
		{"If-Modified-Since: " MODIFIED "\r\n", 304, 0, 0},
		{"If-Modified-Since: " AFTER "\r\n", 304, 0, 0},
		{"If-Modified-Since: " BEFORE "\r\n", 200, 0, 10},
		{"If-Modified-Since: yesterday\r\n", 200, 0, 10},
		{"Range: bytes=0-1\r\n", 206, 0, 2},
		{"Range: bytes=8-\r\n", 206, 8, 2},
		{"Range: bytes=-3\r\n", 206, 7, 3},
		{"Range: bytes=-30\r\n", 206, 0, 10},
		{"Range: bytes=5-100\r\n", 206, 5, 5},
		{"Range: bytes=10-\r\n", 416, 0, 0},
		{"Range: bytes=-0\r\n", 416, 0, 0},
		{"Range: bytes=3-2\r\n", 200, 0, 10},
		{"Range: bytes=0-1,2-4\r\n", 206, 0, 5},
		{"Range: bytes=20-,30-\r\n", 416, 0, 0},
		{"Range: bytes=20-,8-\r\n", 206, 8, 2},
		{"Range: lines=0-1\r\n", 200, 0, 10},
		{"Range: bytes=0-1\r\nIf-Range: \"a\"\r\n", 206, 0, 2},
		{"Range: bytes=0-1\r\nIf-Range: \"b\"\r\n", 200, 0, 10},
		{"Range: bytes=0-1\r\nIf-Range: W/\"a\"\r\n", 200, 0, 10},
		{"Range: bytes=0-1\r\nIf-Range: " MODIFIED "\r\n", 206, 0, 2},
		{"Range: bytes=0-1\r\nIf-Range: " AFTER "\r\n", 200, 0, 10},
		{"Range: bytes=0-1\r\nIf-None-Match: \"a\"\r\n", 304, 0, 0},
	};
	struct cache_store *s = cache_store_new();
	struct cache_object *o;

	(void)state;
	cache_store_set_budget(s, 100000);
	o = make(s, 200, "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nLast-Modified: " MODIFIED "\r\n",
		"0123456789");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct cache_answer a;

		ask(o, "GET", all[i].fields, &a);
		if (a.status != all[i].status || a.start != all[i].start ||
			a.length != all[i].length || a.body != (a.length > 0))
			fail_msg("%s: %u %llu %llu", all[i].fields, (unsigned)a.status,
				(unsigned long long)a.start, (unsigned long long)a.length);
	}
	cache_object_unref(&o);
	cache_store_free(&s);
}

static void
head_and_other_statuses(void **state)
{
	struct cache_store *s = cache_store_new();
	struct cache_object *o;
	struct cache_answer a;

	(void)state;
	cache_store_set_budget(s, 100000);
	o = make(s, 200, "HTTP/1.1 200 OK\r\nETag: \"a\"\r\n", "0123456789");
	ask(o, "HEAD", "Range: bytes=0-1\r\n", &a);
	assert_true(a.status == 200 && a.length == 10 && !a.body);
	ask(o, "HEAD", "If-None-Match: \"a\"\r\n", &a);
	assert_int_equal(a.status, 304);
	cache_object_unref(&o);
	o = make(s, 404, "HTTP/1.1 404 Not Found\r\nETag: \"a\"\r\n", "0123456789");
	ask(o, "GET", "If-None-Match: \"a\"\r\nRange: bytes=0-1\r\n", &a);
	assert_true(a.status == 404 && a.length == 10 && a.body);
	cache_object_unref(&o);
	cache_store_free(&s);
}

static void
expect_head(const struct cache_object *o, const char *fields, const char *expected)
{
	const struct cache_manner manner = {.age = 7, .keep_alive = true, .minor = 1};
	struct cache_answer a;
	struct buf out;

	buf_init(&out, 4096);
	ask(o, "GET", fields, &a);
	assert_int_equal(cache_answer_head(&a, o, &manner, &out), 0);
	if (!slice_eq_str(buf_slice(&out), expected))
		fail_msg("%s: %.*s", fields, SLICE_ARG(buf_slice(&out)));
	buf_clear(&out);
}

static void
heads_that_go_out(void **state)
{
	struct cache_store *s = cache_store_new();
	struct cache_object *o;

	(void)state;
	cache_store_set_budget(s, 100000);
	o = make(s, 200, "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Type: text/css\r\n",
		"0123456789");
	expect_head(o, "",
		"HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Type: text/css\r\nContent-Length: "
		"10\r\nAge: 7\r\n\r\n");
	expect_head(o, "Range: bytes=2-3\r\n",
		"HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nContent-Type: text/css\r\n"
		"Content-Range: bytes 2-3/10\r\nContent-Length: 2\r\nAge: 7\r\n\r\n");
	expect_head(o, "Range: bytes=20-\r\n",
		"HTTP/1.1 416 Range Not Satisfiable\r\nETag: \"a\"\r\n"
		"Content-Range: bytes */10\r\nContent-Length: 0\r\nAge: 7\r\n\r\n");
	expect_head(o, "If-None-Match: \"a\"\r\n",
		"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nAge: 7\r\n\r\n");
	cache_object_unref(&o);
	cache_store_free(&s);
}

/* RFC 9110 section 14.6. */
static void
several_parts(void **state)
{
	static const char head[] = "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\n"
				   "Content-Type: multipart/byteranges; boundary=xyz\r\n"
				   "Content-Length: 149\r\nAge: 7\r\n\r\n";
	static const char content[] = "--xyz\r\nContent-Type: text/css\r\n"
				      "Content-Range: bytes 0-1/1000\r\n\r\naa\r\n"
				      "--xyz\r\nContent-Type: text/css\r\n"
				      "Content-Range: bytes 998-999/1000\r\n\r\naa\r\n"
				      "--xyz--\r\n";
	const struct cache_manner manner = {.age = 7, .keep_alive = true, .minor = 1};
	struct cache_store *s = cache_store_new();
	struct cache_object *o;
	struct cache_answer a;
	struct cache_body *body;
	struct buf out;
	char long_body[1001];

	(void)state;
	memset(long_body, 'a', 1000);
	long_body[1000] = '\0';
	cache_store_set_budget(s, 100000);
	o = make(s, 200, "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Type: text/css\r\n", long_body);
	ask(o, "GET", "Range: bytes=0-1,-2\r\n", &a);
	assert_true(a.several && a.status == 200 && a.length == 1000);
	body = cache_parts_make(&r, o, SLICE_LIT("xyz"), &a);
	assert_non_null(body);
	assert_true(slice_eq_str(slice_of(body->data, body->n), content));
	buf_init(&out, 4096);
	assert_int_equal(cache_answer_head(&a, o, &manner, &out), 0);
	if (!slice_eq_str(buf_slice(&out), head))
		fail_msg("%.*s", SLICE_ARG(buf_slice(&out)));
	buf_clear(&out);
	cache_body_unref(&body);
	cache_object_unref(&o);
	cache_store_free(&s);
}

/* What has a coding, what is too much, and what there is no memory for, goes out whole. */
static void
parts_that_are_not_made(void **state)
{
	struct cache_store *s = cache_store_new();
	struct cache_object *o;
	struct cache_answer a;
	static char body[CACHE_PARTS_MAX + 1000];

	(void)state;
	memset(body, 'a', sizeof(body) - 1);
	cache_store_set_budget(s, 4 * sizeof(body));
	o = make(s, 200, "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n", body);
	ask(o, "GET", "Range: bytes=0-1,-2\r\n", &a);
	assert_true(!a.several && a.status == 200);
	cache_object_unref(&o);
	o = make(s, 200, "HTTP/1.1 200 OK\r\n", body);
	ask(o, "GET", "Range: bytes=1000-,0-1\r\n", &a);
	assert_true(a.several);
	assert_null(cache_parts_make(&r, o, SLICE_LIT("xyz"), &a));
	ask(o, "GET", "Range: bytes=1000-1001,0-1\r\n", &a);
	cache_store_set_budget(s, sizeof(body));
	assert_null(cache_parts_make(&r, o, SLICE_LIT("xyz"), &a));
	assert_true(a.status == 200 && a.length == sizeof(body) - 1);
	cache_object_unref(&o);
	cache_store_free(&s);
}

static void
what_is_kept_of_a_head(void **state)
{
	struct cache_control control;
	struct buf out;

	(void)state;
	cache_control_init(&control);
	cache_control_add(&control, SLICE_LIT("no-cache=\"Set-Cookie, x-a\""));
	buf_init(&out, 4096);
	assert_int_equal(
		cache_head_keep(SLICE_LIT("HTTP/1.1 200 OK\r\nA: 1\r\nAge: 3\r\nSet-Cookie: a\r\n"
					  "X-A: 1\r\nContent-Length: 3\r\nConnection: close\r\n"
					  "B: 2\r\n\r\n"),
			&control, &out),
		0);
	assert_true(slice_eq_str(buf_slice(&out), "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n"));
	buf_clear(&out);
}

/* RFC 9111 section 3.2. */
static void
a_validation_renews_the_fields(void **state)
{
	static const char stored[] = "HTTP/1.1 200 OK\r\nA: 1\r\nB: 1\r\nB: 2\r\nETag: W/\"a\"\r\n"
				     "Content-Type: text/css\r\nContent-Encoding: br\r\n";
	static const char fresh[] =
		"HTTP/1.1 304 Not Modified\r\nb: 3\r\nContent-Type: text/html\r\n"
		"ETag: \"a\"\r\nContent-Length: 99\r\nC: 4\r\nAge: 1\r\n\r\n";
	struct cache_control control;
	struct buf out;

	(void)state;
	cache_control_init(&control);
	buf_init(&out, 4096);
	assert_int_equal(
		cache_head_merge(slice_str(stored), slice_str(fresh), &control, false, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out),
		"HTTP/1.1 200 OK\r\nA: 1\r\nContent-Type: text/css\r\nContent-Encoding: br\r\n"
		"b: 3\r\nETag: \"a\"\r\nC: 4\r\n"));
	buf_reset(&out);
	assert_int_equal(
		cache_head_merge(slice_str(stored), slice_str(fresh), &control, true, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out),
		"HTTP/1.1 200 OK\r\nA: 1\r\nETag: W/\"a\"\r\nContent-Type: text/css\r\n"
		"Content-Encoding: br\r\nb: 3\r\nC: 4\r\n"));
	buf_clear(&out);
}

static void
tags_of_both_kinds(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	cache_head_tags(
		SLICE_LIT("HTTP/1.1 200 OK\r\nCache-Tag: a,b , c\r\nSurrogate-Key: d  e\r\n"), 64,
		&out);
	assert_true(slice_eq_str(buf_slice(&out), "a b c d e"));
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_and_ranges),
		cmocka_unit_test(head_and_other_statuses),
		cmocka_unit_test(heads_that_go_out),
		cmocka_unit_test(several_parts),
		cmocka_unit_test(parts_that_are_not_made),
		cmocka_unit_test(what_is_kept_of_a_head),
		cmocka_unit_test(a_validation_renews_the_fields),
		cmocka_unit_test(tags_of_both_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
