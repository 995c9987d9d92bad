/* What is hashed of a request. */
#include "proxy/upstream/request_key.h"

#include "proxy/upstream/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct http_request request;
static struct addr client;

static uint64_t
key(const char *head, enum conf_balance balance, const char *name)
{
	const struct request_key_input in = {.request = &request,
		.balance = balance,
		.name = slice_str(name),
		.client = &client};

	http_request_init(&request);
	assert_int_equal(http_parse_request(&request, head, strlen(head)), HTTP_DONE);
	return request_key(&in);
}

static void
set_client(const char *text)
{
	assert_int_equal(addr_parse(slice_str(text), &client), 0);
}

static void
a_cookie_is_found_by_its_whole_name(void **state)
{
	struct slice field = SLICE_LIT("xsid=1; sid=two; SID=3;sidx=4; =5; empty=");

	(void)state;
	assert_true(slice_eq_str(request_key_cookie(field, SLICE_LIT("sid")), "two"));
	assert_true(slice_eq_str(request_key_cookie(field, SLICE_LIT("SID")), "3"));
	assert_int_equal(request_key_cookie(field, SLICE_LIT("empty")).n, 0);
	assert_non_null(request_key_cookie(field, SLICE_LIT("empty")).p);
	assert_null(request_key_cookie(field, SLICE_LIT("si")).p);
	assert_null(request_key_cookie(SLICE_LIT(""), SLICE_LIT("sid")).p);
}

static void
the_same_cookie_is_the_same_key(void **state)
{
	(void)state;
	set_client("192.0.2.1");
	assert_int_equal(key("GET /a HTTP/1.1\r\nHost: x\r\nCookie: a=1; sid=7\r\n\r\n",
				 CONF_BALANCE_HASH_COOKIE, "sid"),
		key("GET /b HTTP/1.1\r\nHost: y\r\ncookie: b=1\r\nCookie: sid=7; q=1\r\n\r\n",
			CONF_BALANCE_HASH_COOKIE, "sid"));
}

static void
without_the_cookie_or_header_it_is_the_client(void **state)
{
	static const char plain[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	uint64_t of_client;

	(void)state;
	set_client("192.0.2.1");
	of_client = key(plain, CONF_BALANCE_HASH_CLIENT, "");
	assert_int_equal(key(plain, CONF_BALANCE_HASH_COOKIE, "sid"), of_client);
	assert_int_equal(key(plain, CONF_BALANCE_HASH_HEADER, "x-user"), of_client);
	set_client("192.0.2.2");
	assert_int_not_equal(key(plain, CONF_BALANCE_HASH_CLIENT, ""), of_client);
}

static void
a_header_counts_whatever_its_case(void **state)
{
	(void)state;
	set_client("192.0.2.1");
	assert_int_equal(key("GET / HTTP/1.1\r\nHost: x\r\nX-User: ann\r\n\r\n",
				 CONF_BALANCE_HASH_HEADER, "x-USER"),
		balance_hash(SLICE_LIT("ann")));
}

static void
an_ipv6_client_is_its_64(void **state)
{
	static const char plain[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	uint64_t first;

	(void)state;
	set_client("2001:db8:1:2::1");
	first = key(plain, CONF_BALANCE_HASH_CLIENT, "");
	set_client("2001:db8:1:2:ffff::9");
	assert_int_equal(key(plain, CONF_BALANCE_HASH_CLIENT, ""), first);
	set_client("2001:db8:1:3::1");
	assert_int_not_equal(key(plain, CONF_BALANCE_HASH_CLIENT, ""), first);
}

static void
the_uri_is_path_and_query(void **state)
{
	uint64_t a = key("GET /a?1 HTTP/1.1\r\nHost: x\r\n\r\n", CONF_BALANCE_HASH_URI, "");

	(void)state;
	assert_int_equal(key("GET /a?1 HTTP/1.1\r\nHost: y\r\n\r\n", CONF_BALANCE_HASH_URI, ""), a);
	assert_int_not_equal(
		key("GET /a?2 HTTP/1.1\r\nHost: x\r\n\r\n", CONF_BALANCE_HASH_URI, ""), a);
	assert_int_not_equal(
		key("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", CONF_BALANCE_HASH_URI, ""), a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_is_found_by_its_whole_name),
		cmocka_unit_test(the_same_cookie_is_the_same_key),
		cmocka_unit_test(without_the_cookie_or_header_it_is_the_client),
		cmocka_unit_test(a_header_counts_whatever_its_case),
		cmocka_unit_test(an_ipv6_client_is_its_64),
		cmocka_unit_test(the_uri_is_path_and_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
