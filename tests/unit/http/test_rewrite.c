/* proxy/http/rewrite.c: what a backend says about its own place, in the client's words. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/http/rewrite.h"

#include <stdlib.h>

#define OUT_MAX 8192

struct rewrite_case {
	const char *route, *target;
	const char *sent;
	const char *expected; /* NULL: it stays */
};

typedef int rewrite_fn(const struct rewrite *w, struct slice value, struct buf *out);

static void
expect(rewrite_fn *rewrite, const struct rewrite_case *c, bool exact)
{
	struct rewrite w = {.route = slice_str(c->route),
		.target = slice_str(c->target),
		.exact = exact,
		.host = SLICE_LIT("Example.org:8443"),
		.name = SLICE_LIT("jenkins"),
		.address = SLICE_LIT("10.0.3.101:8080"),
		.port = 8080};
	struct buf out;
	int ret;

	buf_init(&out, OUT_MAX);
	assert_int_equal(buf_append_str(&out, "before"), 0);
	ret = rewrite(&w, slice_str(c->sent), &out);
	assert_int_equal(ret, c->expected != NULL);
	buf_consume(&out, 6);
	if (!slice_eq_str(buf_slice(&out), c->expected ? c->expected : ""))
		fail_msg("%s -> %s, %s: %.*s", c->route, c->target, c->sent,
			SLICE_ARG(buf_slice(&out)));
	buf_clear(&out);
}

static const struct rewrite_case paths[] = {
	{"/jenkins/", "/inner/", "/inner/", "/jenkins/"},
	{"/jenkins/", "/inner/", "/inner/a/b?c=/inner/#/inner/", "/jenkins/a/b?c=/inner/#/inner/"},
	{"/jenkins/", "/inner/", "/inner", "/jenkins"},
	{"/jenkins/", "/inner/", "/inner?a", "/jenkins?a"},
	{"/jenkins/", "/inner/", "/innerx", NULL},
	{"/jenkins/", "/inner/", "/", NULL},
	{"/jenkins/", "/inner/", "/other/inner/", NULL},
	{"/jenkins/", "/inner/", "inner/a", NULL},
	{"/jenkins/", "/inner/", "?inner", NULL},
	{"/jenkins/", "/inner/", "#a", NULL},
	{"/jenkins/", "/inner/", "", NULL},
	{"/jenkins/", "/inner/", "//inner/a", NULL},
	{"/jenkins/", "/inner/", "/\\inner/a", NULL},
	{"/jenkins", "/inner", "/inner/a", "/jenkins/a"},
	{"/jenkins", "/inner", "/inner", "/jenkins"},
	{"/jenkins/", "/inner", "/inner/a", "/jenkins/a"},
	{"/jenkins/", "/", "/", "/jenkins/"},
	{"/jenkins/", "/", "/a", "/jenkins/a"},
	{"/jenkins/", "/", "/?a", "/jenkins/?a"},
	{"/", "/inner/", "/inner/", "/"},
	{"/", "/inner/", "/inner", "/"},
	{"/", "/inner/", "/inner/a", "/a"},
	{"/", "/", "/a", "/a"},
	/* What would lead to another host stays where it is. */
	{"/", "/inner/", "/inner//evil.example", NULL},
	{"/", "/inner/", "/inner/\\evil.example", NULL},
	{"/jenkins/", "/", "/a//evil.example", "/jenkins/a//evil.example"},
	/* A backend that knows its prefix. */
	{"/jenkins/", "/", "/jenkins/a", NULL},
	{"/jenkins/", "/", "/jenkins", NULL},
	{"/jenkins/", "/", "/jenkinsx", "/jenkins/jenkinsx"},
	{"/a/", "/a/b/", "/a/b/c", "/a/c"},
	{"/a/b/", "/a/", "/a/c", "/a/b/c"},
	{"/a/b/", "/a/", "/a/b/c", NULL},
	/* Equal on both sides, as Jenkins wants it. */
	{"/jenkins/", "/jenkins/", "/jenkins/a", "/jenkins/a"},
};

static void
paths_move_on_segment_borders(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		expect(rewrite_path, &paths[i], false);
		expect(rewrite_reference, &paths[i], false);
	}
}

static void
an_exact_route_maps_its_one_path(void **state)
{
	(void)state;
	expect(rewrite_path, &(struct rewrite_case){"/old", "/new", "/new", "/old"}, true);
	expect(rewrite_path, &(struct rewrite_case){"/old", "/new", "/new?a#b", "/old?a#b"}, true);
	expect(rewrite_path, &(struct rewrite_case){"/old", "/new", "/new/", NULL}, true);
	expect(rewrite_path, &(struct rewrite_case){"/old", "/new/", "/new", NULL}, true);
	expect(rewrite_reference,
		&(struct rewrite_case){"/old", "/new", "http://jenkins:8080/old", NULL}, true);
}

#define J "/jenkins/", "/inner/"

static const struct rewrite_case references[] = {
	/* Our own host, however it is written. */
	{J, "https://example.org:8443/inner/a?b", "https://example.org:8443/jenkins/a?b"},
	{J, "http://EXAMPLE.ORG:8443/inner/", "http://EXAMPLE.ORG:8443/jenkins/"},
	{J, "//example.org:8443/inner/a", "//example.org:8443/jenkins/a"},
	{J, "https://example.org:8443/other", NULL},
	{J, "https://example.org:8443", NULL},
	{"/jenkins/", "/", "https://example.org:8443", "https://example.org:8443/jenkins/"},
	{J, "https://example.org/inner/", NULL},
	{J, "https://www.example.org:8443/inner/", NULL},
	{J, "https://example.org:8443@evil.example/inner/", NULL},
	{J, "https://user@example.org:8443/inner/", NULL},
	{J, "ftp://example.org:8443/inner/", NULL},
	{J, "https:/inner/", NULL},
	{J, "javascript:/inner/", NULL},
	/* The backend's. */
	{J, "http://10.0.3.101:8080/inner/a", "/jenkins/a"},
	{J, "http://jenkins:8080/inner/a#b", "/jenkins/a#b"},
	{J, "HTTP://Jenkins:8080/inner/a", "/jenkins/a"},
	{J, "//10.0.3.101:8080/inner/a", "/jenkins/a"},
	{J, "http://10.0.3.101/inner/a", NULL},
	{J, "http://10.0.3.101:8080/other", NULL},
	{J, "http://10.0.3.101:8080", NULL},
	{J, "http://10.0.3.101:8080/jenkins/x", "/jenkins/x"},
	{"/", "/", "http://10.0.3.101:8080/a", "/a"},
	{"/", "/", "http://10.0.3.101:8080", "/"},
	{"/", "/", "http://10.0.3.101:8080?a", NULL},
	{"/", "/", "http://10.0.3.101:8080//evil.example", NULL},
	{"/", "/", "http://10.0.3.101:8080/\\evil.example", NULL},
	{"/", "/", "http://10.0.3.101:8080\\@evil.example/", NULL},
};

static void
urls_are_rewritten_for_two_hosts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(references); i++)
		expect(rewrite_reference, &references[i], false);
}

static void
told(struct rewrite *w, const char *sent, rewrite_fn *rewrite, const char *value,
	const char *expected)
{
	struct buf out;

	w->sent = slice_str(sent);
	buf_init(&out, OUT_MAX);
	assert_int_equal(rewrite(w, slice_str(value), &out), expected != NULL);
	if (!slice_eq_str(buf_slice(&out), expected ? expected : ""))
		fail_msg("%s: %.*s", value, SLICE_ARG(buf_slice(&out)));
	buf_clear(&out);
}

static void
the_host_that_a_rule_has_told_is_the_backends(void **state)
{
	struct rewrite w = {.route = SLICE_LIT("/jenkins/"),
		.target = SLICE_LIT("/inner/"),
		.host = SLICE_LIT("example.org:8443"),
		.name = SLICE_LIT("jenkins"),
		.address = SLICE_LIT("10.0.3.101:8080"),
		.port = 8080};

	(void)state;
	told(&w, "app.internal", rewrite_reference, "http://app.internal/inner/a", "/jenkins/a");
	told(&w, "app.internal", rewrite_reference, "//APP.internal:443/inner/", NULL);
	told(&w, "app.internal:81", rewrite_reference, "http://app.internal/inner/a", NULL);
	told(&w, "", rewrite_reference, "http://app.internal/inner/a", NULL);
	told(&w, "", rewrite_reference, "http:///inner/a", NULL);
	told(&w, "app.internal", rewrite_cookie, "a=b; Domain=.app.internal", "a=b");
	told(&w, "app.internal", rewrite_cookie, "a=b; Domain=internal", NULL);
	/* Host $host: the client's own name without its port. */
	told(&w, "example.org", rewrite_reference, "https://example.org/inner/a", "/jenkins/a");
	told(&w, "example.org", rewrite_cookie, "a=b; Domain=example.org", NULL);
}

static void
refresh_holds_a_reference(void **state)
{
	static const struct rewrite_case cases[] = {
		{J, "5; url=/inner/a", "5; url=/jenkins/a"},
		{J, "0;URL=http://jenkins:8080/inner/", "0;URL=/jenkins/"},
		{J, "5", NULL},
		{J, "5;", NULL},
		{J, "5; url=", NULL},
		{J, "5; url=/other", NULL},
		{J, "5; url='/inner/'", NULL},
		{J, "", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect(rewrite_refresh, &cases[i], false);
}

static void
cookies_move_with_their_path(void **state)
{
	static const struct rewrite_case cases[] = {
		{J, "a=b; Path=/inner/; HttpOnly", "a=b; Path=/jenkins/; HttpOnly"},
		{J, "a=b;path = /inner ;Secure", "a=b; Path=/jenkins;Secure"},
		{J, "a=b; Path=/inner/x", "a=b; Path=/jenkins/x"},
		{J, "a=b; Path=/", NULL},
		{J, "a=b; Path=/innerx", NULL},
		{J, "a=b; Path=", NULL},
		{J, "a=b; Path", NULL},
		{J, "a=Path=/inner/", NULL},
		{J, "Path=/inner/", NULL},
		{J, "a=b; Expires=Thu, 01 Jan 2030 00:00:00 GMT", NULL},
		{J, "a=b", NULL},
		{J, "a=b;", NULL},
		{J, "", NULL},
		{"/jenkins/", "/", "a=b; Path=/", "a=b; Path=/jenkins/"},
		{"/", "/inner/", "a=b; Path=/inner", "a=b; Path=/"},
		/* The Domain of a backend means nothing to a client. */
		{J, "a=b; Domain=jenkins; Path=/inner/", "a=b; Path=/jenkins/"},
		{J, "a=b; domain=.Jenkins", "a=b"},
		{J, "a=b; Domain=example.org", NULL},
		{J, "a=b; Domain=xjenkins", NULL},
		/* Browsers demand the path "/" of these. */
		{"/jenkins/", "/", "__Host-a=b; Path=/; Secure", NULL},
		{"/jenkins/", "/", "__Secure-a=b; Path=/; Secure",
			"__Secure-a=b; Path=/jenkins/; Secure"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect(rewrite_cookie, &cases[i], false);
}

static void
a_head_is_rewritten_where_it_names_a_place(void **state)
{
	static const char sent[] = "HTTP/1.1 302 Location: /inner/\r\nLocation: /inner/a\r\n"
				   "content-location: /inner/\r\nX-Location: /inner/\r\n"
				   "Set-Cookie: a=b; Path=/inner/\r\nSet-Cookie: c=d; Path=/x\r\n"
				   "Refresh: 1; url=/inner/\r\nLocation: \r\n\r\n";
	static const char expected[] =
		"HTTP/1.1 302 Location: /inner/\r\nLocation: /jenkins/a\r\n"
		"content-location: /jenkins/\r\nX-Location: /inner/\r\n"
		"Set-Cookie: a=b; Path=/jenkins/\r\nSet-Cookie: c=d; Path=/x\r\n"
		"Refresh: 1; url=/jenkins/\r\nLocation: \r\n\r\n";
	struct rewrite w = {.route = SLICE_LIT("/jenkins/"), .target = SLICE_LIT("/inner/")};
	struct buf out, scratch;

	(void)state;
	buf_init(&out, OUT_MAX);
	buf_init(&scratch, OUT_MAX);
	assert_int_equal(buf_append_str(&out, sent), 0);
	assert_int_equal(rewrite_head(&w, 0, &scratch, &out), 0);
	if (!slice_eq_str(buf_slice(&out), expected))
		fail_msg("%.*s", SLICE_ARG(buf_slice(&out)));
	buf_clear(&out);
	buf_init(&out, sizeof(sent));
	assert_int_equal(buf_append_str(&out, sent), 0);
	assert_int_equal(rewrite_head(&w, 0, &scratch, &out), -1);
	buf_clear(&out);
	buf_clear(&scratch);
}

static void
the_prefix_is_what_is_taken_away(void **state)
{
	(void)state;
	assert_true(slice_eq_str(
		rewrite_prefix(SLICE_LIT("/jenkins/"), SLICE_LIT("/inner/")), "/jenkins"));
	assert_true(slice_eq_str(rewrite_prefix(SLICE_LIT("/a"), SLICE_LIT("/")), "/a"));
	assert_true(slice_eq_str(rewrite_prefix(SLICE_LIT("/a/"), SLICE_LIT("/a")), ""));
	assert_true(slice_eq_str(rewrite_prefix(SLICE_LIT("/"), SLICE_LIT("/b")), ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_move_on_segment_borders),
		cmocka_unit_test(an_exact_route_maps_its_one_path),
		cmocka_unit_test(urls_are_rewritten_for_two_hosts),
		cmocka_unit_test(the_host_that_a_rule_has_told_is_the_backends),
		cmocka_unit_test(refresh_holds_a_reference),
		cmocka_unit_test(cookies_move_with_their_path),
		cmocka_unit_test(a_head_is_rewritten_where_it_names_a_place),
		cmocka_unit_test(the_prefix_is_what_is_taken_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
