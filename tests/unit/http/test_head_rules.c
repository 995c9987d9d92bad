/* proxy/http/head_rules.c: what header rules make of a head, and what they can never make of it. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/http/head_rules.h"

#include <stdio.h>
#include <stdlib.h>

#define OUT_MAX 65536

#define REQUEST                                                                                    \
	"GET /a%20b?q=1 HTTP/1.1\r\nHost: Example.ORG:8080\r\nX-A: 1\r\nX-a: 2\r\n"                \
	"X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 198.51.100.2\r\nX_A: odd\r\n\r\n"

/* The head that is edited. */
#define HEAD "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nB: 2\r\nx-a: 3\r\n"

struct rules_case {
	const char *top, *site, *route; /* of the configuration */
	const char *expected;           /* behind the request line; the empty line is added */
};

#define HOST "Host: a\r\n"
#define AS_IT_WAS HOST "X-A: 1\r\nB: 2\r\nx-a: 3\r\n"

static const struct rules_case cases[] = {
	{"", "", "", AS_IT_WAS},
	{"header response X-A no\n", "", "", AS_IT_WAS},
	{"header request C x\n", "", "", AS_IT_WAS "C: x\r\n"},
	{"header request x-A x\n", "", "", HOST "B: 2\r\nx-A: x\r\n"},
	{"header request add X-A x\n", "", "", AS_IT_WAS "X-A: x\r\n"},
	{"header request remove x-a\n", "", "", HOST "B: 2\r\n"},
	{"header request remove b\nheader request remove X-A\n", "", "", HOST},
	/* Inner rules run after outer ones. */
	{"header request C 1\n", "header request c 2\n", "", AS_IT_WAS "c: 2\r\n"},
	{"header request C 1\n", "header request add c 2\n", "header request add c 3\n",
		AS_IT_WAS "C: 1\r\nc: 2\r\nc: 3\r\n"},
	{"header request C 1\n", "header request remove c\n", "header request add D 4\n",
		AS_IT_WAS "D: 4\r\n"},
	{"", "header request remove X-A\n", "header request add X-A 4\n",
		HOST "B: 2\r\nX-A: 4\r\n"},
	/* Variables. */
	{"header request C $host\n", "", "", AS_IT_WAS "C: example.org\r\n"},
	{"header request C \"${host}s $http_host $$5\"\n", "", "",
		AS_IT_WAS "C: example.orgs Example.ORG:8080 $5\r\n"},
	{"header request C $remote_addr|$remote_port|$server_port|$scheme\n", "", "",
		AS_IT_WAS "C: 192.0.2.7|4711|443|https\r\n"},
	{"header request C $request_method|$request_uri|$args\n", "", "",
		AS_IT_WAS "C: GET|/a%20b?q=1|q=1\r\n"},
	{"header request C $proxy_add_x_forwarded_for\n", "", "",
		AS_IT_WAS "C: 198.51.100.1, 198.51.100.2, 203.0.113.9\r\n"},
	{"header request C $request_id|$server_name\n", "", "", AS_IT_WAS "C: abc|a.example\r\n"},
	{"header request C $http_x_a\n", "", "", AS_IT_WAS "C: 1, 2\r\n"},
	/* What a path decodes to is no way to another field. */
	{"header request C $uri\n", "", "", AS_IT_WAS "C: /a%0D%0AEvil: x%09y\r\n"},
	/* Empty: as if it were removed. */
	{"header request X-A $http_nothing\n", "", "", HOST "B: 2\r\n"},
	{"header request add X-A \"  \"\n", "", "", AS_IT_WAS},
	{"header request C \"  $host  \"\n", "", "", AS_IT_WAS "C: example.org\r\n"},
	/* One Host, always, and first. */
	{"header request Host b:1\n", "", "", "Host: b:1\r\nX-A: 1\r\nB: 2\r\nx-a: 3\r\n"},
	{"header request host $http_nothing\n", "", "", AS_IT_WAS},
	{"header request host \"two words\"\n", "", "", AS_IT_WAS},
	{"header request host user@b\n", "", "", AS_IT_WAS},
	{"header request Host b\n", "header request host c\n", "",
		"host: c\r\nX-A: 1\r\nB: 2\r\nx-a: 3\r\n"},
	{"header request Host b\n", "header request host $http_nothing\n", "",
		"Host: b\r\nX-A: 1\r\nB: 2\r\nx-a: 3\r\n"},
};

static struct conf *
parse(const struct rules_case *c)
{
	struct conf_errors errs;
	struct conf *conf = NULL;
	struct conf_input in = {.name = "test"};
	char text[2048];

	(void)snprintf(text, sizeof(text),
		"listen 80 plain\n%ssite a.example {\n%sroute / -> status 204 {\n%s}\n}\n", c->top,
		c->site, c->route);
	in.text = slice_str(text);
	if (conf_parse(&in, &conf, NULL, &errs) < 0)
		fail_msg("%s: %s", text, errs.errors[0].msg);
	return conf;
}

static int
apply(const struct conf *conf, enum conf_header_side side, size_t from, struct buf *out)
{
	struct http_request r;
	struct head_facts facts = {.request = &r,
		.client = SLICE_LIT("192.0.2.7"),
		.peer = SLICE_LIT("203.0.113.9"),
		.client_port = 4711,
		.server_port = 443,
		.tls = true,
		.path = SLICE_LIT("/a\r\nEvil: x\ty"),
		.request_id = SLICE_LIT("abc"),
		.server_name = SLICE_LIT("a.example")};
	struct head_rules rules = {.side = side,
		.places = {&conf->heads, &conf->sites[0].heads, &conf->sites[0].routes[0].heads}};
	struct buf scratch;
	int ret;

	http_request_init(&r);
	assert_int_equal(http_parse_request(&r, REQUEST, strlen(REQUEST)), HTTP_DONE);
	buf_init(&scratch, OUT_MAX);
	ret = head_rules_apply(&rules, &facts, from, &scratch, out);
	buf_clear(&scratch);
	return ret;
}

static void
rules_edit_a_head(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct conf *conf = parse(&cases[i]);
		char expected[1024];
		struct buf out;

		buf_init(&out, OUT_MAX);
		assert_int_equal(buf_append_str(&out, "before" HEAD "\r\nthe body: x\r\n"), 0);
		assert_int_equal(apply(conf, CONF_HEADER_REQUEST, 6, &out), 0);
		(void)snprintf(expected, sizeof(expected),
			"beforeGET / HTTP/1.1\r\n%s\r\nthe body: x\r\n", cases[i].expected);
		if (!slice_eq_str(buf_slice(&out), expected))
			fail_msg("%zu: %.*s", i, SLICE_ARG(buf_slice(&out)));
		buf_clear(&out);
		conf_unref(&conf);
	}
}

static void
answers_have_their_own_rules(void **state)
{
	struct conf *conf = parse(&(struct rules_case){
		"header request remove X-A\nheader response Host $host\n", "", "", NULL});
	struct buf out;

	(void)state;
	buf_init(&out, OUT_MAX);
	assert_int_equal(buf_append_str(&out, "HTTP/1.1 200 OK\r\nHost: x\r\nX-A: 1\r\n\r\n"), 0);
	assert_int_equal(apply(conf, CONF_HEADER_RESPONSE, 0, &out), 0);
	assert_true(slice_eq_str(
		buf_slice(&out), "HTTP/1.1 200 OK\r\nX-A: 1\r\nHost: example.org\r\n\r\n"));
	buf_clear(&out);
	conf_unref(&conf);
}

static void
what_does_not_fit_leaves_the_head_as_it_was(void **state)
{
	struct conf *conf = parse(&(struct rules_case){
		"header request C $request_uri$request_uri$request_uri\n", "", "", NULL});
	struct buf out;

	(void)state;
	buf_init(&out, sizeof(HEAD "\r\n") + 8);
	assert_int_equal(buf_append_str(&out, HEAD "\r\n"), 0);
	assert_int_equal(apply(conf, CONF_HEADER_REQUEST, 0, &out), -1);
	assert_true(slice_eq_str(buf_slice(&out), HEAD "\r\n"));
	buf_clear(&out);
	conf_unref(&conf);
}

/* Sixty-four rules whose values are each larger than their share. */
static void
the_values_of_a_head_are_bounded(void **state)
{
	static char value[HEAD_RULES_TEXT_MAX / CONF_HEADER_RULES_MAX + 2];
	struct template_part part = {.n = sizeof(value) - 1};
	struct conf_header_rule rules[CONF_HEADER_RULES_MAX];
	struct conf_heads heads = {.rules = rules};
	struct conf_site site = {0};
	struct conf_route route = {0};
	struct conf conf = {.sites = &site};
	char name[] = "X";
	struct buf out;

	(void)state;
	site.routes = &route;
	memset(value, 'v', sizeof(value) - 1);
	for (size_t i = 0; i < CONF_HEADER_RULES_MAX; i++)
		rules[i] = (struct conf_header_rule){.verb = CONF_HEADER_ADD,
			.name = name,
			.value = value,
			.parts = &part,
			.n_parts = 1};
	heads.n_rules = CONF_HEADER_RULES_MAX - 1;
	heads.n_side[CONF_HEADER_REQUEST] = heads.n_rules;
	conf.heads = heads;
	buf_init(&out, OUT_MAX);
	assert_int_equal(buf_append_str(&out, HEAD "\r\n"), 0);
	assert_int_equal(apply(&conf, CONF_HEADER_REQUEST, 0, &out), 0);
	conf.heads.n_rules++;
	assert_int_equal(apply(&conf, CONF_HEADER_REQUEST, 0, &out), -1);
	buf_clear(&out);
}

static void
what_rules_make_of_a_field(void **state)
{
	static const struct {
		const char *top, *route;
		enum head_rules_effect expected;
	} of[] = {
		{"", "", HEAD_RULES_LEAVE},
		{"header response remove Cookie\n", "", HEAD_RULES_LEAVE},
		{"header request remove Cooky\n", "", HEAD_RULES_LEAVE},
		{"header request remove cookie\n", "", HEAD_RULES_FIX},
		{"header request Cookie \"$host $scheme $uri $args x\"\n", "", HEAD_RULES_FIX},
		{"header request add Cookie a=1\n", "", HEAD_RULES_LEAVE},
		{"header request Cookie $remote_addr\n", "", HEAD_RULES_MAKE},
		{"header request Cookie \"x $http_x_user\"\n", "", HEAD_RULES_MAKE},
		{"header request add Cookie $request_id\n", "", HEAD_RULES_MAKE},
		/* The inner rule has the last word. */
		{"header request Cookie $remote_addr\n", "header request remove Cookie\n",
			HEAD_RULES_FIX},
		{"header request remove Cookie\n", "header request add Cookie $remote_addr\n",
			HEAD_RULES_MAKE},
		{"header request Cookie $remote_addr\n", "header request add Cookie x\n",
			HEAD_RULES_MAKE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		struct conf *conf = parse(&(struct rules_case){of[i].top, "", of[i].route, NULL});
		struct head_rules rules = {.side = CONF_HEADER_REQUEST,
			.places = {NULL, &conf->heads, &conf->sites[0].heads,
				&conf->sites[0].routes[0].heads}};

		if (head_rules_effect(&rules, SLICE_LIT("Cookie")) != of[i].expected)
			fail_msg("%zu", i);
		conf_unref(&conf);
	}
}

/* What the cache keeps under the route's print is not found when a rule has changed. */
static void
the_print_of_a_route(void **state)
{
	static const struct rules_case different[] = {
		{"", "", "", NULL},
		{"compress on\n", "", "", NULL},
		{"header request A b\n", "", "", NULL},
		{"", "header request A b\n", "", NULL},
		{"", "", "header request Ab c\n", NULL},
		{"", "", "header request A bc\n", NULL},
		{"", "", "header request add A bc\n", NULL},
		{"", "", "header request remove A\n", NULL},
		{"", "", "rewrite off\n", NULL},
	};
	uint64_t prints[ARRAY_SIZE(different)];
	struct conf *conf;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(different); i++) {
		conf = parse(&different[i]);
		prints[i] = conf->sites[0].routes[0].print;
		for (size_t k = 0; k < i; k++)
			assert_true(prints[k] != prints[i]);
		conf_unref(&conf);
	}
	conf = parse(&(struct rules_case){"header response A b\n", "", "", NULL});
	assert_true(conf->sites[0].routes[0].print == prints[0]);
	conf_unref(&conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_edit_a_head),
		cmocka_unit_test(answers_have_their_own_rules),
		cmocka_unit_test(what_does_not_fit_leaves_the_head_as_it_was),
		cmocka_unit_test(the_values_of_a_head_are_bounded),
		cmocka_unit_test(what_rules_make_of_a_field),
		cmocka_unit_test(the_print_of_a_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
