/* proxy/guard/client.c: whom a trusted peer names, and whom it cannot. proxy/http/request_id.c:
 * ids. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/guard/client.h"
#include "proxy/http/request_id.h"

#include <stdio.h>
#include <stdlib.h>

#define CONF "listen 80 plain\ntrusted 10.0.0.0/8 2001:db8::/32 192.0.2.1\n"

struct walk_case {
	const char *fields; /* of the request */
	const char *client;
};

static const struct walk_case cases[] = {
	{"", "10.0.0.1"},
	{"X-Forwarded-For:\r\n", "10.0.0.1"},
	{"X-Forwarded-For: 198.51.100.1\r\n", "198.51.100.1"},
	{"X-Forwarded-For: 203.0.113.66, 198.51.100.1\r\n", "198.51.100.1"},
	{"X-Forwarded-For: 198.51.100.1, 192.0.2.1 ,,10.2.3.4\r\n", "198.51.100.1"},
	{"X-Forwarded-For: 198.51.100.1, 198.51.100.2, 2001:db8::7\r\n", "198.51.100.2"},
	{"X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 10.9.9.9\r\n", "198.51.100.1"},
	/* All of them trusted: the first one. */
	{"X-Forwarded-For: 10.1.1.1, 10.2.2.2\r\n", "10.1.1.1"},
	/* What is no address ends the walk. */
	{"X-Forwarded-For: 198.51.100.1, unknown\r\n", "10.0.0.1"},
	{"X-Forwarded-For: 198.51.100.1, unknown, 10.3.3.3\r\n", "10.3.3.3"},
	{"X-Forwarded-For: \"198.51.100.1\"\r\n", "10.0.0.1"},
	{"X-Forwarded-For: 198.51.100.01\r\n", "10.0.0.1"},
	/* The forms in which it is written. */
	{"X-Forwarded-For: 198.51.100.1:8080\r\n", "198.51.100.1"},
	{"X-Forwarded-For: [2001:db9::1]:8080\r\n", "2001:db9::1"},
	{"X-Forwarded-For: [2001:db9::1]\r\n", "2001:db9::1"},
	{"X-Forwarded-For: 2001:db9::1\r\n", "2001:db9::1"},
	{"X-Forwarded-For: ::ffff:198.51.100.1\r\n", "198.51.100.1"},
	{"X-Forwarded-For: ::FFFF:c633:6401\r\n", "198.51.100.1"},
	{"X-Forwarded-For: 0:0:0:0:0:ffff:198.51.100.1\r\n", "198.51.100.1"},
	{"X-Forwarded-For: [::ffff:198.51.100.1]\r\n", "198.51.100.1"},
	{"X-Forwarded-For: [::ffff:198.51.100.1]:4711\r\n", "198.51.100.1"},
	{"X-Forwarded-For: [2001:db9::1]x\r\n", "10.0.0.1"},
	{"X-Forwarded-For: [2001:db9::1]:x\r\n", "10.0.0.1"},
	{"X-Forwarded-For: [2001:db9::1\r\n", "10.0.0.1"},
	{"X-Forwarded-For: ::ffff:1:2:3\r\n", "::ffff:1:2:3"},
	{"X-Forwarded-For: ::ffff:2001:db9::1\r\n", "10.0.0.1"},
	/* Other fields do not count. */
	{"X-Real-IP: 198.51.100.1\r\nForwarded: for=198.51.100.1\r\n", "10.0.0.1"},
};

static struct conf *
parse(void)
{
	struct conf_input in = {.name = "test", .text = SLICE_LIT(CONF)};
	struct conf_errors errs;
	struct conf *conf = NULL;

	assert_int_equal(conf_parse(&in, &conf, NULL, &errs), 0);
	return conf;
}

static struct addr
find(const struct conf *conf, const char *fields)
{
	struct addr peer;
	struct http_request r;
	char head[4096];

	assert_int_equal(addr_parse(SLICE_LIT("10.0.0.1"), &peer), 0);
	(void)snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
	http_request_init(&r);
	assert_int_equal(http_parse_request(&r, head, strlen(head)), HTTP_DONE);
	return client_find(conf, &peer, &r);
}

static void
the_client_is_the_last_that_is_not_trusted(void **state)
{
	struct conf *conf = parse();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct addr client = find(conf, cases[i].fields);
		char text[ADDR_TEXT_MAX];

		if (strcmp(addr_print(&client, text), cases[i].client) != 0)
			fail_msg("%s: %s", cases[i].fields, text);
	}
	conf_unref(&conf);
}

static void
a_long_list_is_not_walked_to_its_end(void **state)
{
	struct conf *conf = parse();
	char fields[4096] = "X-Forwarded-For: 198.51.100.1";
	size_t n = strlen(fields);
	struct addr client;
	char text[ADDR_TEXT_MAX];

	(void)state;
	for (int i = 0; i < CLIENT_HOPS_MAX; i++)
		n += (size_t)snprintf(fields + n, sizeof(fields) - n, ",10.0.0.%d", i);
	(void)snprintf(fields + n, sizeof(fields) - n, "\r\n");
	client = find(conf, fields);
	assert_string_equal(addr_print(&client, text), "10.0.0.0");
	conf_unref(&conf);
}

static void
ids_are_fresh_and_hexadecimal(void **state)
{
	struct request_ids ids = {0};
	char last[REQUEST_ID_LEN] = {0}, id[REQUEST_ID_LEN];

	(void)state;
	for (size_t i = 0; i < 3 * REQUEST_IDS_POOL / 16; i++) {
		request_id_next(&ids, id);
		assert_memory_not_equal(id, last, sizeof(id));
		for (size_t k = 0; k < sizeof(id); k++)
			assert_true(strchr("0123456789abcdef", id[k]) && id[k]);
		memcpy(last, id, sizeof(id));
	}
}

static void
ids_that_came_are_checked(void **state)
{
	char text[REQUEST_ID_SENT_MAX + 1];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_true(request_id_is_valid(SLICE_LIT("1-5759e988-bd862e3fe1be46a994272793")));
	assert_true(request_id_is_valid(SLICE_LIT("Root=1-67a:b+/~_.@")));
	assert_false(request_id_is_valid(SLICE_LIT("")));
	assert_false(request_id_is_valid(SLICE_LIT("a b")));
	assert_false(request_id_is_valid(SLICE_LIT("a\"b")));
	assert_false(request_id_is_valid(slice_of("a\0b", 3)));
	assert_true(request_id_is_valid(slice_of(text, REQUEST_ID_SENT_MAX)));
	assert_false(request_id_is_valid(slice_of(text, sizeof(text))));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_client_is_the_last_that_is_not_trusted),
		cmocka_unit_test(a_long_list_is_not_walked_to_its_end),
		cmocka_unit_test(ids_are_fresh_and_hexadecimal),
		cmocka_unit_test(ids_that_came_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
