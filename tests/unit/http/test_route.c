/*
 * proxy/route.c: which site and route, which certificate. Configurations are written as values, so
 * that nothing but the index is tested.
 */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/route.h"

#include <stdio.h>
#include <stdlib.h>

#define PREFIX(route_path)                                                                         \
	{                                                                                          \
		.path = route_path, .target = {.type = CONF_TARGET_STATUS }                        \
	}
#define EXACT(route_path)                                                                          \
	{                                                                                          \
		.exact = true, .path = route_path, .target = {.type = CONF_TARGET_STATUS }         \
	}
#define DIR(route_path)                                                                            \
	{                                                                                          \
		.path = route_path, .target = {.type = CONF_TARGET_DIR }                           \
	}

static struct conf_route main_routes[] = {
	PREFIX((char[]){"/"}),
	PREFIX((char[]){"/jenkins/"}),
	PREFIX((char[]){"/jenkins/job/"}),
	PREFIX((char[]){"/jenkins/job/deep/er"}),
	EXACT((char[]){"/jenkins/job/exact"}),
	PREFIX((char[]){"/wiki"}),
	PREFIX((char[]){"/a"}),
	PREFIX((char[]){"/a-b/"}),
	PREFIX((char[]){"/a.b"}),
	PREFIX((char[]){"/a/b"}),
	PREFIX((char[]){"/netdata/"}),
	EXACT((char[]){"/old"}),
	EXACT((char[]){"/netdata"}),
	PREFIX((char[]){"/sp%20ace/"}),
	PREFIX((char[]){"/x%2fy/"}),
	PREFIX((char[]){"/both"}),
	PREFIX((char[]){"/both/"}),
	DIR((char[]){"/.well-known/acme-challenge/"}),
};

static struct conf_route few_routes[] = {
	PREFIX((char[]){"/only/"}),
	EXACT((char[]){"/one"}),
	PREFIX((char[]){"/only/deeper/x/"}),
};

static struct conf_route star_routes[] = {
	PREFIX((char[]){"/"}),
	DIR((char[]){"/.well-known/"}),
};

static char *main_hosts[] = {(char[]){"example.org"}, (char[]){"www.example.org"}};
static char *few_hosts[] = {(char[]){"few.example"}, (char[]){"[2001:db8::7]"}};
static char *wild_hosts[] = {(char[]){"*.example.org"}};
static char *deep_hosts[] = {(char[]){"*.deep.example.org"}};
static char *star_hosts[] = {(char[]){"*"}};

static struct conf_certificate certificates[] = {
	{.name = (char[]){"one"}},
	{.name = (char[]){"default"}},
	{.name = (char[]){"two"}},
};

enum { SITE_MAIN, SITE_FEW, SITE_WILD, SITE_DEEP, SITE_STAR, SITE_COUNT };

static struct conf_site sites[SITE_COUNT] = {
	[SITE_MAIN] = {.hosts = main_hosts,
		.n_hosts = 2,
		.certificate = 1,
		.routes = main_routes,
		.n_routes = ARRAY_SIZE(main_routes)},
	[SITE_FEW] = {.hosts = few_hosts,
		.n_hosts = 2,
		.certificate = 0,
		.routes = few_routes,
		.n_routes = ARRAY_SIZE(few_routes)},
	[SITE_WILD] = {.hosts = wild_hosts,
		.n_hosts = 1,
		.certificate = 2,
		.routes = star_routes,
		.n_routes = 1},
	[SITE_DEEP] = {.hosts = deep_hosts,
		.n_hosts = 1,
		.certificate = 0,
		.routes = star_routes,
		.n_routes = 1},
	[SITE_STAR] = {.hosts = star_hosts,
		.n_hosts = 1,
		.certificate = 1,
		.routes = star_routes,
		.n_routes = 2},
};

static struct conf_listen listens[] = {
	{.port = 80, .mode = CONF_LISTEN_REDIRECT},
	{.port = 8443, .mode = CONF_LISTEN_TLS},
	{.port = 443, .mode = CONF_LISTEN_TLS},
};

/* A configuration with n_sites of the sites; it is never freed, because we hold a reference. */
static struct conf *
make_conf(size_t n_sites)
{
	static struct conf confs[SITE_COUNT + 1];

	confs[n_sites] = (struct conf){
		.refs = 1,
		.sites = sites,
		.n_sites = n_sites,
		.certificates = certificates,
		.n_certificates = ARRAY_SIZE(certificates),
		.listens = listens,
		.n_listens = ARRAY_SIZE(listens),
	};
	return &confs[n_sites];
}

static struct route_index *
make_index(size_t n_sites)
{
	struct err e;
	struct route_index *r = route_index_new(make_conf(n_sites), &e);

	assert_non_null(r);
	return r;
}

struct site_case {
	const char *host;
	int site; /* -1: none */
};

static void
sites_are_found_by_name(void **state)
{
	static const struct site_case cases[] = {
		{"example.org", SITE_MAIN},
		{"WWW.Example.ORG", SITE_MAIN},
		{"example.org.", SITE_MAIN},
		{"few.example", SITE_FEW},
		{"x.example.org", SITE_WILD},
		{"x.y.example.org", SITE_WILD},
		{"deep.example.org", SITE_WILD},
		{"x.deep.example.org", SITE_DEEP},
		{"a.b.c.deep.example.org.", SITE_DEEP},
		{"www.www.example.org", SITE_WILD},
		{"xexample.org", -1},
		{".example.org", -1},
		{"*.example.org", -1},
		{"example.org..", -1},
		{"org", -1},
		{"", -1},
		{".", -1},
		{"[::1]", -1},
		{"[2001:db8::7]", SITE_FEW},
		{"[2001:DB8:0:0::7]", SITE_FEW},
		{"2001:db8::7", -1},
	};
	struct route_index *with_star = make_index(SITE_COUNT);
	struct route_index *without = make_index(SITE_STAR);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int site = cases[i].site;
		struct slice host = slice_str(cases[i].host);
		const struct conf_site *expected = site < 0 ? NULL : &sites[site];

		if (route_find_site(without, host) != expected)
			fail_msg("\"%s\" without *", cases[i].host);
		if (!expected)
			expected = &sites[SITE_STAR];
		if (route_find_site(with_star, host) != expected)
			fail_msg("\"%s\" with *", cases[i].host);
	}
	route_index_free(&with_star);
	route_index_free(&without);
}

static void
hosts_that_are_too_long_have_no_site(void **state)
{
	struct route_index *r = make_index(SITE_STAR);
	char host[400];

	(void)state;
	memset(host, 'a', sizeof(host));
	assert_null(route_find_site(r, slice_of(host, 255)));
	assert_null(route_find_site(r, slice_of(host, 256)));
	assert_null(route_find_site(r, slice_of(host, 400)));
	route_index_free(&r);
}

struct route_case {
	const char *host, *path;
	enum route_verdict verdict;
	const char *route; /* its path as configured */
	size_t matched;
};

static const struct route_case routes[] = {
	{"example.org", "/", ROUTE_FOUND, "/", 1},
	{"example.org", "/x", ROUTE_FOUND, "/", 1},
	{"example.org", "/jenkins/", ROUTE_FOUND, "/jenkins/", 9},
	{"example.org", "/jenkins/x", ROUTE_FOUND, "/jenkins/", 9},
	{"example.org", "/jenkins", ROUTE_REDIRECT_SLASH, "/jenkins/", 0},
	{"example.org", "/jenkinsx", ROUTE_FOUND, "/", 1},
	{"example.org", "/jenk", ROUTE_FOUND, "/", 1},
	{"example.org", "/Jenkins/", ROUTE_FOUND, "/", 1},
	{"example.org", "/jenkins/job", ROUTE_REDIRECT_SLASH, "/jenkins/job/", 0},
	{"example.org", "/jenkins/job/a", ROUTE_FOUND, "/jenkins/job/", 13},
	{"example.org", "/jenkins/job/exact", ROUTE_FOUND, "/jenkins/job/exact", 18},
	{"example.org", "/jenkins/job/exact/", ROUTE_FOUND, "/jenkins/job/", 13},
	{"example.org", "/jenkins/job/deep/er", ROUTE_FOUND, "/jenkins/job/deep/er", 20},
	{"example.org", "/jenkins/job/deep/er/x", ROUTE_FOUND, "/jenkins/job/deep/er", 20},
	{"example.org", "/jenkins/job/deep/erx", ROUTE_FOUND, "/jenkins/job/", 13},
	{"example.org", "/jenkins/jobx", ROUTE_FOUND, "/jenkins/", 9},
	{"example.org", "/wiki", ROUTE_FOUND, "/wiki", 5},
	{"example.org", "/wiki/", ROUTE_FOUND, "/wiki", 5},
	{"example.org", "/wiki/x", ROUTE_FOUND, "/wiki", 5},
	{"example.org", "/wikix", ROUTE_FOUND, "/", 1},
	{"example.org", "/a", ROUTE_FOUND, "/a", 2},
	{"example.org", "/a/c", ROUTE_FOUND, "/a", 2},
	{"example.org", "/a-b", ROUTE_REDIRECT_SLASH, "/a-b/", 0},
	{"example.org", "/a-b/", ROUTE_FOUND, "/a-b/", 5},
	{"example.org", "/a-c", ROUTE_FOUND, "/", 1},
	{"example.org", "/a.b/x", ROUTE_FOUND, "/a.b", 4},
	{"example.org", "/a/b/x", ROUTE_FOUND, "/a/b", 4},
	{"example.org", "/a/bx", ROUTE_FOUND, "/a", 2},
	{"example.org", "/old", ROUTE_FOUND, "/old", 4},
	{"example.org", "/old/", ROUTE_FOUND, "/", 1},
	{"example.org", "/netdata", ROUTE_FOUND, "/netdata", 8},
	{"example.org", "/netdata/x", ROUTE_FOUND, "/netdata/", 9},
	{"example.org", "/sp ace/x", ROUTE_FOUND, "/sp%20ace/", 8},
	{"example.org", "/x%2Fy/z", ROUTE_FOUND, "/x%2fy/", 7},
	{"example.org", "/x/y/z", ROUTE_FOUND, "/", 1},
	{"example.org", "/both", ROUTE_FOUND, "/both", 5},
	{"example.org", "/both/", ROUTE_FOUND, "/both/", 6},
	{"example.org", "/both/x", ROUTE_FOUND, "/both/", 6},
	{"few.example", "/", ROUTE_NONE, NULL, 0},
	{"few.example", "/x", ROUTE_NONE, NULL, 0},
	{"few.example", "/zzz", ROUTE_NONE, NULL, 0},
	{"few.example", "/only", ROUTE_REDIRECT_SLASH, "/only/", 0},
	{"few.example", "/only/x", ROUTE_FOUND, "/only/", 6},
	{"few.example", "/only/deeper/x", ROUTE_REDIRECT_SLASH, "/only/deeper/x/", 0},
	{"few.example", "/only/deeper/x/y", ROUTE_FOUND, "/only/deeper/x/", 15},
	{"few.example", "/one", ROUTE_FOUND, "/one", 4},
	{"few.example", "/one/x", ROUTE_NONE, NULL, 0},
	{"nobody.example", "/", ROUTE_NO_SITE, NULL, 0},
	{"", "/", ROUTE_NO_SITE, NULL, 0},
};

static void
routes_are_found_on_segment_borders(void **state)
{
	struct route_index *r = make_index(SITE_STAR);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		const struct route_case *c = &routes[i];
		struct route_match m = route_find(r, slice_str(c->host), slice_str(c->path));

		if (m.verdict != c->verdict || m.matched != c->matched ||
			(m.site == NULL) != (c->verdict == ROUTE_NO_SITE))
			fail_msg("%s%s: verdict %d, matched %zu", c->host, c->path, (int)m.verdict,
				m.matched);
		if (c->route ? strcmp(m.route->path, c->route) != 0 : m.route != NULL)
			fail_msg("%s%s: route %s", c->host, c->path, m.route ? m.route->path : "-");
	}
	route_index_free(&r);
}

static void
certificates_are_found_by_name(void **state)
{
	struct route_index *r = make_index(SITE_COUNT);

	(void)state;
	assert_int_equal(route_find_certificate(r, SLICE_LIT("few.example")), 0);
	assert_int_equal(route_find_certificate(r, SLICE_LIT("Few.Example")), 0);
	assert_int_equal(route_find_certificate(r, SLICE_LIT("x.example.org")), 2);
	assert_int_equal(route_find_certificate(r, SLICE_LIT("x.deep.example.org")), 0);
	assert_int_equal(route_find_certificate(r, SLICE_LIT("example.org")), 1);
	assert_int_equal(route_find_certificate(r, SLICE_LIT("nobody.example")), 1);
	assert_int_equal(route_find_certificate(r, SLICE_LIT("")), 1);
	route_index_free(&r);
}

static void
without_a_default_unknown_names_get_no_certificate(void **state)
{
	struct conf *c = make_conf(SITE_STAR);
	struct route_index *r;
	struct err e;

	(void)state;
	c->n_certificates = 1;
	r = route_index_new(c, &e);
	assert_non_null(r);
	assert_int_equal(route_find_certificate(r, SLICE_LIT("few.example")), 0);
	assert_int_equal(route_find_certificate(r, SLICE_LIT("nobody.example")), -1);
	assert_int_equal(route_find_certificate(r, SLICE_LIT("")), -1);
	route_index_free(&r);
}

static void
unknown_names_can_be_refused(void **state)
{
	struct conf *c = make_conf(SITE_COUNT);
	struct route_index *r;
	struct err e;

	(void)state;
	c->tls.refuse_unknown = true;
	r = route_index_new(c, &e);
	assert_non_null(r);
	assert_int_equal(route_find_certificate(r, SLICE_LIT("few.example")), 0);
	assert_int_equal(route_find_certificate(r, SLICE_LIT("nobody.example")), -1);
	assert_int_equal(route_find_certificate(r, SLICE_LIT("")), -1);
	route_index_free(&r);
	c->tls.refuse_unknown = false;
}

static void
sites_with_another_certificate_are_misdirected(void **state)
{
	(void)state;
	assert_true(route_site_allowed(&sites[SITE_MAIN], 1));
	assert_false(route_site_allowed(&sites[SITE_FEW], 1));
	assert_true(route_site_allowed(&sites[SITE_FEW], 0));
}

static void
challenges_are_served_where_all_else_is_redirected(void **state)
{
	struct route_index *r = make_index(SITE_COUNT);
	struct slice challenge = SLICE_LIT("/.well-known/acme-challenge/token");
	struct route_match m;

	(void)state;
	assert_int_equal(route_tls_port(r), 8443);
	assert_true(route_find_plain(r, SLICE_LIT("example.org"), challenge, &m));
	assert_ptr_equal(m.site, &sites[SITE_MAIN]);
	assert_int_equal(m.matched, 28);
	/* A site without such a route: `site *` may have one. */
	assert_true(route_find_plain(r, SLICE_LIT("few.example"), challenge, &m));
	assert_ptr_equal(m.site, &sites[SITE_STAR]);
	assert_true(route_find_plain(r, SLICE_LIT("nobody.example"), challenge, &m));
	assert_false(route_find_plain(r, SLICE_LIT("example.org"), SLICE_LIT("/x"), &m));
	assert_false(route_find_plain(
		r, SLICE_LIT("nobody.example"), SLICE_LIT("/.well-known/other"), &m));
	route_index_free(&r);
	r = make_index(SITE_STAR);
	assert_false(route_find_plain(r, SLICE_LIT("few.example"), challenge, &m));
	assert_false(route_find_plain(r, SLICE_LIT("x.example.org"), challenge, &m));
	assert_false(route_find_plain(r, SLICE_LIT("nobody.example"), challenge, &m));
	route_index_free(&r);
}

static void
paths_that_cannot_be_resolved_are_refused(void **state)
{
	static struct conf_route bad[] = {{.ordinal = 17}};
	static struct conf_site site = {
		.hosts = star_hosts, .n_hosts = 1, .routes = bad, .n_routes = 1};
	struct conf *c = make_conf(1);
	struct err e = {0};

	(void)state;
	c->sites = &site;
	bad[0].path = (char[]){"/a/../../b"};
	assert_null(route_index_new(c, &e));
	assert_int_equal(e.ordinal, 17);
	assert_non_null(strstr(e.msg, "climbs above the root"));
	bad[0].path = (char[]){"a"};
	assert_null(route_index_new(c, &e));
	assert_int_equal(c->refs, 1);
}

#define MANY 10000

/* Every path is found among ten thousand, the longest matching one of each nest. */
static void
ten_thousand_routes_are_told_apart(void **state)
{
	static struct conf_route many[MANY];
	static char paths[MANY][40];
	static struct conf_site site = {
		.hosts = star_hosts, .n_hosts = 1, .routes = many, .n_routes = MANY};
	struct conf *c = make_conf(1);
	struct route_index *r;
	struct err e;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(paths[i], sizeof(paths[i]), i % 2 ? "/app%d/deep/" : "/app%d/", i / 2);
		many[i] = (struct conf_route){.path = paths[i]};
	}
	c->sites = &site;
	r = route_index_new(c, &e);
	assert_non_null(r);
	assert_ptr_equal(route_index_conf(r), c);
	for (int i = 0; i < MANY; i++) {
		char path[64];
		struct route_match m;

		snprintf(path, sizeof(path), "%sx/y", paths[i]);
		m = route_find(r, SLICE_LIT("a"), slice_str(path));
		assert_int_equal(m.verdict, ROUTE_FOUND);
		assert_ptr_equal(m.route, &many[i]);
		m = route_find(r, SLICE_LIT("a"), slice_of(path, strlen(paths[i]) - 1));
		assert_int_equal(m.verdict, ROUTE_REDIRECT_SLASH);
		assert_ptr_equal(m.route, &many[i]);
	}
	route_index_free(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sites_are_found_by_name),
		cmocka_unit_test(hosts_that_are_too_long_have_no_site),
		cmocka_unit_test(routes_are_found_on_segment_borders),
		cmocka_unit_test(certificates_are_found_by_name),
		cmocka_unit_test(without_a_default_unknown_names_get_no_certificate),
		cmocka_unit_test(unknown_names_can_be_refused),
		cmocka_unit_test(sites_with_another_certificate_are_misdirected),
		cmocka_unit_test(challenges_are_served_where_all_else_is_redirected),
		cmocka_unit_test(paths_that_cannot_be_resolved_are_refused),
		cmocka_unit_test(ten_thousand_routes_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
