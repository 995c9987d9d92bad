/* conf/value.c: what is a name, a host, a path, a URL, and what is not. */
#include "tests/unit/conf/unit.h"

#include "conf/value.h"

#define GOOD(check, text) assert_null(check(slice_str(text)))
#define BAD(check, text) assert_non_null(check(slice_str(text)))

static void
names_become_folders(void **state)
{
	char long_name[CONF_NAME_MAX + 2];

	(void)state;
	memset(long_name, 'a', sizeof(long_name));
	assert_null(value_name(slice_of(long_name, CONF_NAME_MAX)));
	assert_non_null(value_name(slice_of(long_name, CONF_NAME_MAX + 1)));
	GOOD(value_name, "Wiki_2.old-x");
	BAD(value_name, "");
	BAD(value_name, ".");
	BAD(value_name, "..");
	BAD(value_name, "-x");
	BAD(value_name, "a/b");
	BAD(value_name, "a b");
	BAD(value_name, "\xc3\xa4");
}

static void
protocols(void **state)
{
	(void)state;
	GOOD(value_protocol, "tcp");
	GOOD(value_protocol, "SPDY/3.1");
	GOOD(value_protocol, "IRC/6.9");
	GOOD(value_protocol, "a2345678901234567890123456789012");
	BAD(value_protocol, "a23456789012345678901234567890123");
	BAD(value_protocol, "");
	BAD(value_protocol, "/");
	BAD(value_protocol, "a/");
	BAD(value_protocol, "/1");
	BAD(value_protocol, "a/1/2");
	BAD(value_protocol, "a b");
	BAD(value_protocol, "a,b");
	BAD(value_protocol, "a\r\nX: y");
}

static void
interfaces(void **state)
{
	(void)state;
	GOOD(value_interface, "eth0.100");
	GOOD(value_interface, "eth0@if3");
	GOOD(value_interface, "abcdefghijklmno");
	BAD(value_interface, "abcdefghijklmnop");
	BAD(value_interface, "all");
	BAD(value_interface, "default");
	BAD(value_interface, "lo");
	BAD(value_interface, ".");
	BAD(value_interface, "..");
	BAD(value_interface, "a/b");
	BAD(value_interface, "br%d");
}

static void
hosts_and_wildcards(void **state)
{
	(void)state;
	GOOD(value_site_host, "*");
	GOOD(value_site_host, "*.example.org");
	GOOD(value_site_host, "Example.ORG");
	GOOD(value_site_host, "192.0.2.1");
	GOOD(value_site_host, "localhost");
	GOOD(value_site_host, "[2001:DB8::1]");
	BAD(value_site_host, "::1");
	BAD(value_site_host, "[::1]:80");
	BAD(value_site_host, "[::1");
	BAD(value_site_host, "[]");
	BAD(value_site_host, "[1.2.3.4]");
	BAD(value_site_host, "*.");
	BAD(value_site_host, "**");
	BAD(value_site_host, "*.*.org");
	BAD(value_site_host, "w*.org");
	BAD(value_site_host, "a.org:80");
	BAD(value_site_host, "a.org.");
	BAD(value_site_host, ".org");
	BAD(value_site_host, "a_.org-");
	BAD(value_site_host, "a/b");
	BAD(value_site_host, "10.0.3");
	BAD(value_site_host, "*.1");
	BAD(value_host, "1.2.3.256");
	GOOD(value_host, "1a.2b");
	BAD(value_host, "*.example.org");
	BAD(value_host, "");
}

static void
long_hosts(void **state)
{
	char host[CONF_HOST_MAX + 2];

	(void)state;
	memset(host, 'a', sizeof(host));
	BAD(value_host, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.org");
	for (size_t i = 0; i < sizeof(host); i += 2)
		host[i] = 'b';
	for (size_t i = 1; i < sizeof(host); i += 2)
		host[i] = '.';
	assert_null(value_host(slice_of(host, CONF_HOST_MAX)));
	assert_non_null(value_host(slice_of(host, CONF_HOST_MAX + 2)));
}

static void
route_paths_have_one_spelling(void **state)
{
	(void)state;
	GOOD(value_route_path, "/");
	GOOD(value_route_path, "/a/b.c/~x/");
	GOOD(value_route_path, "/%2F%5C%20%C3%A4%25");
	GOOD(value_route_path, "/...");
	GOOD(value_route_path, "/a;b=c,d@e:f!g$&'()*+");
	BAD(value_route_path, "/%41");
	BAD(value_route_path, "/%3B");
	BAD(value_route_path, "/%c3");
	BAD(value_route_path, "/%Cf");
	BAD(value_route_path, "//");
	BAD(value_route_path, "/a//b");
	BAD(value_route_path, "");
	BAD(value_route_path, "a");
}

static void
paths_without_dot_segments(void **state)
{
	static const char *const wrong[] = {"", "a", "/.", "/..", "/a/..", "/../a", "/%2e",
		"/%2E./", "/%2e%2e", "/%4", "/%", "/%zz", "/%00", "/a?b", "/a#b", "/a b",
		"/\xc3\xa4", "/a\\b", "/\x7f", "/\"", "/a/./"};

	(void)state;
	GOOD(value_target_path, "/a//b/%41%3b%c3%20;x");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		BAD(value_target_path, wrong[i]);
		BAD(value_route_path, wrong[i]);
	}
}

static void
redirects_are_absolute(void **state)
{
	(void)state;
	GOOD(value_redirect, "/wiki/?a=b#c");
	GOOD(value_redirect, "https://example.org/$1%20");
	GOOD(value_redirect, "http://[::1]:80/");
	BAD(value_redirect, "");
	BAD(value_redirect, "wiki");
	BAD(value_redirect, "//evil.example");
	BAD(value_redirect, "ftp://x");
	BAD(value_redirect, "https://");
	BAD(value_redirect, "https:///x");
	BAD(value_redirect, "https://$host/");
	BAD(value_redirect, "/a b");
	BAD(value_redirect, "/a\r\nSet-Cookie:x");
	BAD(value_redirect, "/%");
	BAD(value_redirect, "/%4");
	BAD(value_redirect, "/\xc3\xa4");
}

static void
paths(void **state)
{
	(void)state;
	GOOD(value_file, "/");
	GOOD(value_file, "/a/../b");
	BAD(value_file, "a");
	BAD(value_file, "");
	GOOD(value_inner_path, "home/x/");
	GOOD(value_inner_path, "a/..b");
	BAD(value_inner_path, "");
	BAD(value_inner_path, "/a");
	BAD(value_inner_path, "a/../b");
	BAD(value_inner_path, "..");
	BAD(value_inner_path, "a/.");
	BAD(value_inner_path, "a//b");
}

static void
lists_of_cpus(void **state)
{
	(void)state;
	GOOD(value_cpus, "0");
	GOOD(value_cpus, "0-3,6,8-9");
	BAD(value_cpus, "");
	BAD(value_cpus, ",");
	BAD(value_cpus, "0,");
	BAD(value_cpus, "3-3");
	BAD(value_cpus, "3-1");
	BAD(value_cpus, "-1");
	BAD(value_cpus, "1-");
	BAD(value_cpus, "1024");
	BAD(value_cpus, "a");
}

static void
groups(void **state)
{
	(void)state;
	GOOD(value_group, "adm");
	BAD(value_group, "");
	BAD(value_group, "-x");
	BAD(value_group, "a:b");
	BAD(value_group, "abcdefghijklmnopqrstuvwxyzabcdefg");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_become_folders),
		cmocka_unit_test(protocols),
		cmocka_unit_test(interfaces),
		cmocka_unit_test(hosts_and_wildcards),
		cmocka_unit_test(long_hosts),
		cmocka_unit_test(route_paths_have_one_spelling),
		cmocka_unit_test(paths_without_dot_segments),
		cmocka_unit_test(redirects_are_absolute),
		cmocka_unit_test(paths),
		cmocka_unit_test(lists_of_cpus),
		cmocka_unit_test(groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
