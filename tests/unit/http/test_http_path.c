/* proxy/http/http_path.c: one resolution, two forms, and what is forwarded. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/http/http_path.h"

#include <stdlib.h>

struct path_case {
	const char *path;
	enum http_reason reason;
	const char *raw, *match;
};

#define BAD(path, reason)                                                                          \
	{                                                                                          \
		path, HTTP_REASON_##reason, "", ""                                                 \
	}
#define GOOD(path, raw, match)                                                                     \
	{                                                                                          \
		path, HTTP_REASON_NONE, raw, match                                                 \
	}
#define SAME(path) GOOD(path, path, path)

static const struct path_case cases[] = {
	SAME("/"),
	SAME("/a"),
	SAME("/a/b.c/d..e/f."),
	SAME("/a/...b/"),
	SAME("/a/..."),
	SAME("/.well-known/x"),
	SAME("/..a"),
	SAME("/a\\..\\b"),
	GOOD("/.", "/", "/"),
	GOOD("/./", "/", "/"),
	GOOD("/a/.", "/a/", "/a/"),
	GOOD("/a/./b", "/a/b", "/a/b"),
	GOOD("/a/..", "/", "/"),
	GOOD("/a/../", "/", "/"),
	GOOD("/a/../b", "/b", "/b"),
	GOOD("/a/b/../../c/", "/c/", "/c/"),
	GOOD("/a/b/c/..", "/a/b/", "/a/b/"),
	GOOD("/a/%2e%2e/b", "/b", "/b"),
	GOOD("/a/%2E./b", "/b", "/b"),
	GOOD("/a/.%2e/b", "/b", "/b"),
	GOOD("/a/%2e/b", "/a/b", "/a/b"),
	GOOD("/a/%2e%2e%2e/b", "/a/%2e%2e%2e/b", "/a/.../b"),
	GOOD("/a/%252e%252e/b", "/a/%252e%252e/b", "/a/%252e%252e/b"),
	GOOD("/a%2fb", "/a%2fb", "/a%2Fb"),
	GOOD("/a%2F..%2Fb", "/a%2F..%2Fb", "/a%2F..%2Fb"),
	GOOD("/a/..%2f", "/a/..%2f", "/a/..%2F"),
	GOOD("/a%5cb", "/a%5cb", "/a%5Cb"),
	GOOD("/%6Aenkins/", "/%6Aenkins/", "/jenkins/"),
	GOOD("/%25", "/%25", "/%25"),
	GOOD("/%2541", "/%2541", "/%2541"),
	GOOD("/%3f%23%3B", "/%3f%23%3B", "/?#;"),
	GOOD("/%C3%A9", "/%C3%A9", "/\xc3\xa9"),
	GOOD("/a%20b", "/a%20b", "/a b"),
	GOOD("//", "//", "/"),
	GOOD("//a", "//a", "/a"),
	GOOD("/a//b///c", "/a//b///c", "/a/b/c"),
	GOOD("/a//", "/a//", "/a/"),
	GOOD("/a//../b", "/a/b", "/a/b"),
	GOOD("//..", "/", "/"),
	GOOD("/a/.//b", "/a//b", "/a/b"),
	GOOD("/job/x%2Fy/../z%2Fw//v", "/job/z%2Fw//v", "/job/z%2Fw/v"),
	BAD("/..", PATH_CLIMBS),
	BAD("/../", PATH_CLIMBS),
	BAD("/../a", PATH_CLIMBS),
	BAD("/a/../..", PATH_CLIMBS),
	BAD("/a/../../b", PATH_CLIMBS),
	BAD("/%2e%2e", PATH_CLIMBS),
	BAD("/.%2E/etc/passwd", PATH_CLIMBS),
	BAD("/a/%2e./%2e./%2e.", PATH_CLIMBS),
	BAD("/./..", PATH_CLIMBS),
	BAD("/%", PATH_ESCAPE),
	BAD("/%4", PATH_ESCAPE),
	BAD("/a%", PATH_ESCAPE),
	BAD("/%zz", PATH_ESCAPE),
	BAD("/%4g", PATH_ESCAPE),
	BAD("/%%41", PATH_ESCAPE),
	BAD("/%u0041", PATH_ESCAPE),
	BAD("/%00", PATH_NUL),
	BAD("/a%00.png", PATH_NUL),
	BAD("/a/../%00", PATH_NUL),
};

static void
paths_are_resolved(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct path_case *c = &cases[i];
		struct arena *a = arena_new(256, 65536);
		struct http_path p = {0};
		enum http_reason reason;

		assert_non_null(a);
		reason = http_path_resolve(slice_str(c->path), a, &p);
		if (reason != c->reason)
			fail_msg("\"%s\": \"%s\"", c->path, http_reason_text(reason));
		if (!reason && (!slice_eq_str(p.raw, c->raw) || !slice_eq_str(p.match, c->match)))
			fail_msg("\"%s\": raw \"%.*s\", match \"%.*s\"", c->path, SLICE_ARG(p.raw),
				SLICE_ARG(p.match));
		arena_free(&a);
	}
}

struct forward_case {
	const char *path;
	size_t matched;
	const char *replacement;
	const char *expected;
};

static const struct forward_case forwards[] = {
	{"/jenkins/x", 9, NULL, "/jenkins/x"},
	{"/jenkins/../x", 1, NULL, "/x"},
	{"/jenkins/x", 9, "/jenkins/", "/jenkins/x"},
	{"/jenkins/x", 9, "/", "/x"},
	{"/jenkins/", 9, "/", "/"},
	{"/jenkins/", 9, "/app", "/app"},
	{"/jenkins/x", 9, "/app", "/app/x"},
	{"/jenkins/x", 9, "/app/", "/app/x"},
	{"/jenkins//x", 9, "/app/", "/app//x"},
	{"/jenkins//x", 9, "/app", "/app//x"},
	{"/jenkins/job/a%2Fb/?", 9, "/", "/job/a%2Fb/?"},
	{"/%6aenkins/a%2fb", 9, "/app/", "/app/a%2fb"},
	{"//jenkins///x", 9, "/app/", "/app///x"},
	{"/a/../jenkins/x", 9, "/app/", "/app/x"},
	{"/wiki/x", 5, "/", "/x"},
	{"/wiki", 5, "/", "/"},
	{"/wiki/x", 5, "/w", "/w/x"},
	{"/wiki/x", 5, "/w/", "/w/x"},
	{"/wiki//x", 5, "/", "//x"},
	{"/x", 1, "/base/", "/base/x"},
	{"/x", 1, "/base", "/base/x"},
	{"/", 1, "/base/", "/base/"},
	{"/old", 4, "/new", "/new"},
	{"/a%2fb/c", 7, "/z/", "/z/c"},
	{"/a%25b/c", 7, "/z", "/z/c"},
};

static void
prefixes_are_replaced_and_the_rest_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forwards); i++) {
		const struct forward_case *c = &forwards[i];
		struct arena *a = arena_new(256, 65536);
		struct http_path p;
		struct buf out;

		buf_init(&out, 4096);
		assert_int_equal(http_path_resolve(slice_str(c->path), a, &p), HTTP_REASON_NONE);
		assert_int_equal(
			http_path_forward(&p, c->matched, slice_str(c->replacement), &out), 0);
		if (!slice_eq_str(buf_slice(&out), c->expected))
			fail_msg("\"%s\" -> \"%.*s\"", c->path, SLICE_ARG(buf_slice(&out)));
		buf_clear(&out);
		arena_free(&a);
	}
}

struct location_case {
	const char *path, *query, *expected;
};

static void
folder_locations_stay_on_this_host(void **state)
{
	static const struct location_case locations[] = {
		{"/jenkins", NULL, "/jenkins/"},
		{"/jenkins/", NULL, "/jenkins/"},
		{"/", NULL, "/"},
		{"//", NULL, "/"},
		{"/jenkins", "a=b", "/jenkins/?a=b"},
		{"/jenkins", "", "/jenkins/?"},
		{"//jenkins", NULL, "/jenkins/"},
		{"///evil.example//x", NULL, "/evil.example//x/"},
		{"/\\evil.example", NULL, "/%5Cevil.example/"},
		{"/a/../b%2Fc", NULL, "/b%2Fc/"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(locations); i++) {
		struct arena *a = arena_new(256, 65536);
		struct http_path p;
		struct buf out;

		buf_init(&out, 4096);
		assert_int_equal(
			http_path_resolve(slice_str(locations[i].path), a, &p), HTTP_REASON_NONE);
		assert_int_equal(http_path_folder_location(&p, locations[i].query != NULL,
					 slice_str(locations[i].query), &out),
			0);
		if (!slice_eq_str(buf_slice(&out), locations[i].expected))
			fail_msg("\"%.*s\"", SLICE_ARG(buf_slice(&out)));
		buf_clear(&out);
		arena_free(&a);
	}
}

struct file_case {
	const char *path;
	size_t from;
	const char *expected; /* NULL: no file can have that name */
};

static void
file_names_are_decoded(void **state)
{
	static const struct file_case files[] = {
		{"/files/a%20b.txt", 7, "a b.txt"},
		{"/files/", 7, ""},
		{"/files", 6, ""},
		{"/files/x", 6, "x"},
		{"/files//x//y", 7, "x/y"},
		{"/files/100%25", 7, "100%"},
		{"/files/%2541", 7, "%41"},
		{"/files/a%5Cb", 7, "a\\b"},
		{"/files/a%2Fb", 7, NULL},
		{"/files/..%2f..%2fetc", 7, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct arena *a = arena_new(256, 65536);
		struct http_path p;
		struct buf out;
		int ret;

		buf_init(&out, 4096);
		assert_int_equal(
			http_path_resolve(slice_str(files[i].path), a, &p), HTTP_REASON_NONE);
		ret = http_path_file(&p, files[i].from, &out);
		assert_int_equal(ret, files[i].expected ? 0 : -1);
		if (ret == 0 && !slice_eq_str(buf_slice(&out), files[i].expected))
			fail_msg("\"%.*s\"", SLICE_ARG(buf_slice(&out)));
		buf_clear(&out);
		arena_free(&a);
	}
}

static void
full_buffers_are_an_error(void **state)
{
	struct http_path p = {.raw = SLICE_LIT("/abc"), .match = SLICE_LIT("/abc")};
	struct buf out;

	(void)state;
	for (size_t max = 1; max < 6; max++) {
		buf_init(&out, max);
		assert_int_equal(http_path_forward(&p, 1, SLICE_LIT("/b"), &out), -1);
		buf_reset(&out);
		assert_int_equal(http_path_folder_location(&p, true, SLICE_LIT("q"), &out), -1);
		buf_reset(&out);
		assert_int_equal(http_path_file(&p, 0, &out), max < 3 ? -1 : 0);
		buf_clear(&out);
	}
}

static void
small_arenas_are_an_error(void **state)
{
	struct arena *a = arena_new(256, 256);
	struct http_path p;

	(void)state;
	assert_non_null(arena_alloc(a, 128));
	while (arena_alloc(a, 1))
		continue;
	assert_int_equal(
		http_path_resolve(SLICE_LIT("/a/../b"), a, &p), HTTP_REASON_HEAD_TOO_LARGE);
	assert_int_equal(http_path_resolve(SLICE_LIT("/%41"), a, &p), HTTP_REASON_HEAD_TOO_LARGE);
	assert_int_equal(http_path_resolve(SLICE_LIT("/a"), a, &p), HTTP_REASON_NONE);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_resolved),
		cmocka_unit_test(prefixes_are_replaced_and_the_rest_stays),
		cmocka_unit_test(folder_locations_stay_on_this_host),
		cmocka_unit_test(file_names_are_decoded),
		cmocka_unit_test(full_buffers_are_an_error),
		cmocka_unit_test(small_arenas_are_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
