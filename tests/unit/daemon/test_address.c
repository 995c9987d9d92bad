/* daemon/address_book.c and address_plan.c: who gets which address, and keeps it. */
#include "tests/unit/daemon/unit.h"

#include "core/own.h"
#include "daemon/address_plan.h"

#include <stdlib.h>

#define NOW UINT64_C(1000000)
#define BRIDGE "listen 80 plain\nbridge b 10.0.3.1/24 fd00:3::1/64\n"
#define SMALL "listen 80 plain\nbridge b 10.0.3.1/29\n"

struct house {
	struct address_book book;
	struct address_taken taken;
	struct conf *conf;
	size_t n_picks;
};

static void
house_clear(struct house *h)
{
	conf_unref(&h->conf);
	address_book_clear(&h->book);
	address_taken_clear(&h->taken);
}

/* Plans for this text on top of what the house has. */
static int
plan_at(struct house *h, const char *text, uint64_t now_s, struct err *e)
{
	struct conf_input in = {.name = "f", .text = slice_str(text)};
	struct conf_errors errs = {0};
	struct address_picks picks;
	int rc;

	if (!h->book.names) {
		assert_int_equal(address_book_init(&h->book), 0);
		assert_int_equal(address_taken_init(&h->taken), 0);
	}
	conf_unref(&h->conf);
	if (conf_parse(&in, &h->conf, NULL, &errs) < 0)
		fail_msg("%s", errs.errors[0].msg);
	rc = address_plan(h->conf, &h->book, &h->taken, now_s, &picks, e);
	h->n_picks = picks.n;
	free(picks.v);
	if (rc == 0)
		address_plan_apply(h->conf, &h->book);
	return rc;
}

static void
plan(struct house *h, const char *text)
{
	struct err e = {0};

	if (plan_at(h, text, NOW, &e) < 0)
		fail_msg("%s", e.msg);
}

static struct addr
given(const struct house *h, const char *name, uint8_t family)
{
	int32_t i = conf_find_container(h->conf, slice_str(name));

	assert_true(i >= 0);
	return family == AF_INET ? h->conf->containers[i].address : h->conf->containers[i].address6;
}

static void
expect(const struct house *h, const char *name, const char *v4)
{
	struct addr a = given(h, name, AF_INET);
	char text[ADDR_TEXT_MAX];

	assert_string_equal(addr_print(&a, text), v4);
}

static void
a_container_keeps_what_it_was_given(void **state)
{
	_cleanup_(house_clear) struct house h = {0};
	struct addr a, b;

	(void)state;
	plan(&h, BRIDGE "container a { address auto }\ncontainer b { address auto }\n");
	a = given(&h, "a", AF_INET);
	b = given(&h, "b", AF_INET);
	assert_int_equal(a.family, AF_INET);
	assert_false(addr_eq(&a, &b));
	assert_int_equal(given(&h, "a", AF_INET6).family, AF_INET6);
	assert_int_equal(h.n_picks, 4);
	assert_false(address_plan_needed(h.conf));
	/* The file is another one, the names are the same. */
	plan(&h, BRIDGE "container c { address auto }\ncontainer b { address auto }\n"
			"container a { address auto }\n");
	assert_int_equal(h.n_picks, 2);
	assert_true(addr_eq(&a, &(struct addr[]){given(&h, "a", AF_INET)}[0]));
	assert_true(addr_eq(&b, &(struct addr[]){given(&h, "b", AF_INET)}[0]));
}

static void
the_ipv6_address_reads_like_the_other(void **state)
{
	_cleanup_(house_clear) struct house h = {0};
	char text[ADDR_TEXT_MAX];
	struct addr v6;

	(void)state;
	plan(&h, BRIDGE "container a { address 10.0.3.117 auto }\n");
	v6 = given(&h, "a", AF_INET6);
	assert_string_equal(addr_print(&v6, text), "fd00:3::117");
	plan(&h, "listen 80 plain\nbridge b 10.0.3.1/24\ncontainer a { address auto }\n");
	assert_int_equal(given(&h, "a", AF_INET6).family, 0);
}

/* A network of six hosts: .1 is the bridge's, .2 to .5 are taken in four ways, .6 is left. */
static void
what_others_have_is_not_free(void **state)
{
	static const char text[] = SMALL "container a { address 10.0.3.2 }\n"
					 "container b { address auto }\n";
	_cleanup_(house_clear) struct house h = {0};
	struct addr answers;
	struct err e = {0};

	(void)state;
	assert_int_equal(addr_parse(SLICE_LIT("10.0.3.5"), &answers), 0);
	plan(&h, SMALL "container a { address 10.0.3.2 }\n");
	assert_int_equal(address_taken_config(&h.taken, SLICE_LIT("old"),
				 SLICE_LIT("# x\nlxc.net.0.type = veth\n"
					   "lxc.net.0.ipv4.address = 10.0.3.3/29\n")),
		0);
	assert_int_equal(address_taken_config(&h.taken, SLICE_LIT("older"),
				 SLICE_LIT("lxc.network.ipv4=10.0.3.4/29 10.0.3.7\n")),
		0);
	assert_int_equal(address_taken_answer(&h.taken, &answers, "02:00:00:00:00:01"), 0);
	plan(&h, text);
	expect(&h, "b", "10.0.3.6");
	assert_int_equal(plan_at(&h,
				 SMALL "container a { address 10.0.3.2 }\n"
				       "container b { address auto }\n"
				       "container c { address auto }\n",
				 NOW, &e),
		-1);
	assert_non_null(strstr(e.msg, "no address of the bridge's network 10.0.3.0/29 is free for "
				      "the container \"c\""));
	assert_int_equal(e.ordinal, h.conf->containers[2].address_ordinal);
	/* It answers where it was just picked: another one, and then none. */
	assert_int_equal(addr_parse(SLICE_LIT("10.0.3.6"), &answers), 0);
	assert_int_equal(address_taken_answer(&h.taken, &answers, "02:00:00:00:00:02"), 0);
	assert_int_equal(plan_at(&h, text, NOW, &e), -1);
}

static void
the_file_s_own_address_comes_first(void **state)
{
	_cleanup_(house_clear) struct house h = {0};
	char text[ADDR_TEXT_MAX], file[512];
	struct addr a, b;

	(void)state;
	plan(&h, BRIDGE "container a { address auto }\n");
	a = given(&h, "a", AF_INET);
	(void)snprintf(file, sizeof(file),
		BRIDGE "container a { address auto }\ncontainer b { address %s }\n",
		addr_print(&a, text));
	plan(&h, file);
	b = given(&h, "a", AF_INET);
	assert_false(addr_eq(&a, &b));
	expect(&h, "b", text);
	/* A bridge that moved away takes nobody's address along. */
	plan(&h, "listen 80 plain\nbridge b 10.9.0.1/16\ncontainer a { address auto }\n");
	assert_int_equal(given(&h, "a", AF_INET).bytes[1], 9);
}

static void
an_adopted_container_keeps_its_own(void **state)
{
	_cleanup_(house_clear) struct house h = {0};
	struct addr copy;

	(void)state;
	plan(&h, BRIDGE);
	assert_int_equal(address_taken_config(&h.taken, SLICE_LIT("a"),
				 SLICE_LIT("lxc.net.0.ipv4.address = 10.0.3.77/24\n")),
		0);
	assert_int_equal(address_taken_config(&h.taken, SLICE_LIT("web"),
				 SLICE_LIT("lxc.net.0.ipv4.address = 10.0.3.78/24\n")),
		0);
	assert_int_equal(address_taken_config(&h.taken, SLICE_LIT("web-copy"),
				 SLICE_LIT("lxc.net.0.ipv4.address = 10.0.3.78/24\n")),
		0);
	plan(&h, BRIDGE "container a { address auto }\ncontainer web-copy { address auto }\n");
	expect(&h, "a", "10.0.3.77");
	copy = given(&h, "web-copy", AF_INET);
	assert_int_not_equal(copy.bytes[3], 78);
}

static void
a_name_that_has_left_keeps_its_address_for_a_day(void **state)
{
	_cleanup_(house_clear) struct house h = {0};
	struct err e = {0};
	struct addr a, again;

	(void)state;
	plan(&h, BRIDGE "container a { address auto }\n");
	a = given(&h, "a", AF_INET);
	assert_int_equal(plan_at(&h, BRIDGE "container b { address auto }\n", NOW, &e), 0);
	assert_non_null(address_book_find(&h.book, SLICE_LIT("a")));
	assert_int_equal(plan_at(&h, BRIDGE "container a { address auto }\n", NOW + 9, &e), 0);
	again = given(&h, "a", AF_INET);
	assert_true(addr_eq(&a, &again));
	assert_int_equal(plan_at(&h, BRIDGE, NOW + 10, &e), 0);
	assert_int_equal(plan_at(&h, BRIDGE, NOW + 9 + ADDRESS_LEFT_S, &e), 0);
	assert_non_null(address_book_find(&h.book, SLICE_LIT("a")));
	assert_int_equal(plan_at(&h, BRIDGE, NOW + 10 + ADDRESS_LEFT_S, &e), 0);
	assert_null(address_book_find(&h.book, SLICE_LIT("a")));
	/* With an address of the file it needs none that is kept. */
	assert_int_equal(plan_at(&h, BRIDGE "container b { address 10.0.3.9 }\n", NOW, &e), 0);
	assert_int_equal(h.book.n, 0);
}

static void
a_full_network_takes_back_what_left_first(void **state)
{
	static const char *const files[] = {SMALL "container a { address auto }\n",
		SMALL "container b { address auto }\n", SMALL "container c { address auto }\n",
		SMALL "container d { address auto }\n", SMALL "container e { address auto }\n"};
	_cleanup_(house_clear) struct house h = {0};
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(plan_at(&h, files[i], NOW + i, &e), 0);
	assert_int_equal(plan_at(&h, SMALL "container f { address auto }\n", NOW + 9, &e), 0);
	assert_null(address_book_find(&h.book, SLICE_LIT("a")));
	assert_non_null(address_book_find(&h.book, SLICE_LIT("b")));
	assert_int_equal(given(&h, "f", AF_INET).family, AF_INET);
}

static void
the_book_survives_its_text(void **state)
{
	static const char text[] = "a 10.0.3.7 fd00:3::7 0\nb - fd00:3::8 1700000000\n";
	static const char bad[] =
		"\nx\nx 10.0.3.9\nx 10.0.3.9 - -1\nx y - 0\nx fd00::1 - 0\n../x - - 0\n"
		"a 10.0.3.8 - 0\nx 10.0.3.9 - 0 0\n";
	struct address_book b;
	struct buf out;
	size_t n_bad;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(address_book_init(&b), 0);
	assert_int_equal(address_book_parse(slice_str(text), &b, &n_bad), 0);
	assert_int_equal(n_bad, 0);
	assert_int_equal(address_book_parse(slice_str(bad), &b, &n_bad), 0);
	assert_int_equal(n_bad, 9);
	assert_int_equal(address_book_print(&b, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out), text));
	address_book_remove(&b, address_book_find(&b, SLICE_LIT("a")));
	assert_int_equal(b.n, 1);
	assert_string_equal(address_book_find(&b, SLICE_LIT("b"))->name, "b");
	address_book_clear(&b);
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_container_keeps_what_it_was_given),
		cmocka_unit_test(the_ipv6_address_reads_like_the_other),
		cmocka_unit_test(what_others_have_is_not_free),
		cmocka_unit_test(the_file_s_own_address_comes_first),
		cmocka_unit_test(an_adopted_container_keeps_its_own),
		cmocka_unit_test(a_name_that_has_left_keeps_its_address_for_a_day),
		cmocka_unit_test(a_full_network_takes_back_what_left_first),
		cmocka_unit_test(the_book_survives_its_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
