/* Which targets' tallies a change of forwards takes away. */
#include "router/nft/nft_tally.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(slice_str(text), &a), 0);
	return a;
}

static void
add(struct ruleset *r, const char *listen, uint16_t port, const char *target, uint16_t target_port)
{
	struct ruleset_elem elem = {0};
	struct addr to = address(target);
	size_t at = 0;

	if (listen) {
		struct addr a = address(listen);

		at = ruleset_put_addr(elem.key, 0, &a);
	}
	ruleset_put_port(elem.key, ruleset_put_proto(elem.key, at, IPPROTO_TCP), port);
	ruleset_put_port(elem.data, ruleset_put_addr(elem.data, 0, &to), target_port);
	assert_int_equal(ruleset_add(r,
				 to.family == AF_INET6 ? RULESET_FWD6
				 : listen              ? RULESET_FWDAT4
						       : RULESET_FWD4,
				 &elem, NULL),
		0);
}

/* Clears both, and returns what is gone. */
static struct ruleset
gone_between(struct ruleset *from, struct ruleset *to)
{
	struct ruleset_diff d;
	struct ruleset gone;

	ruleset_sort(from);
	ruleset_sort(to);
	assert_int_equal(ruleset_diff(from, to, &d, NULL), 0);
	assert_int_equal(nft_tally_gone(&d, to, &gone), 0);
	ruleset_diff_clear(&d);
	ruleset_clear(from);
	ruleset_clear(to);
	return gone;
}

static void
expect(struct ruleset *gone, enum ruleset_set set, const char *text)
{
	struct buf out;

	buf_init(&out, 4096);
	for (size_t i = 0; i < gone->sets[set].n; i++) {
		if (i)
			assert_int_equal(buf_append_str(&out, ", "), 0);
		assert_int_equal(ruleset_elem_print(set, &gone->sets[set].v[i], &out), 0);
	}
	assert_true(slice_eq_str(buf_slice(&out), text));
	buf_clear(&out);
}

static void
test_a_container_moved(void **state)
{
	struct ruleset from = {0}, to = {0}, gone;

	(void)state;
	add(&from, NULL, 2222, "10.0.3.2", 22);
	add(&from, NULL, 80, "10.0.3.9", 80);
	add(&from, NULL, 2222, "fd00::2", 22);
	add(&to, NULL, 2222, "10.0.3.3", 22);
	add(&to, NULL, 80, "10.0.3.9", 80);
	add(&to, NULL, 2222, "fd00::3", 22);
	gone = gone_between(&from, &to);
	expect(&gone, RULESET_TARGETS4, "tcp . 22 . 10.0.3.2");
	expect(&gone, RULESET_TARGETS6, "tcp . 22 . fd00::2");
	ruleset_clear(&gone);
}

/* Two forwards of ports to one target share its tally, bound ones as well. */
static void
test_another_forward_has_the_target(void **state)
{
	struct ruleset from = {0}, to = {0}, gone;

	(void)state;
	add(&from, NULL, 80, "10.0.3.2", 8080);
	add(&from, NULL, 81, "10.0.3.2", 8080);
	add(&from, "192.0.2.1", 80, "10.0.3.3", 80);
	add(&from, NULL, 82, "10.0.3.4", 80);
	add(&to, NULL, 81, "10.0.3.2", 8080);
	add(&to, NULL, 83, "10.0.3.3", 80);
	gone = gone_between(&from, &to);
	expect(&gone, RULESET_TARGETS4, "tcp . 80 . 10.0.3.4");
	ruleset_clear(&gone);
}

static void
test_two_forwards_of_a_target_go(void **state)
{
	struct ruleset from = {0}, to = {0}, gone;

	(void)state;
	add(&from, NULL, 80, "10.0.3.2", 8080);
	add(&from, "192.0.2.1", 80, "10.0.3.2", 8080);
	gone = gone_between(&from, &to);
	expect(&gone, RULESET_TARGETS4, "tcp . 8080 . 10.0.3.2");
	ruleset_clear(&gone);
}

static void
test_new_forwards_take_nothing_away(void **state)
{
	struct ruleset from = {0}, to = {0}, gone;

	(void)state;
	add(&to, NULL, 80, "10.0.3.2", 8080);
	gone = gone_between(&from, &to);
	assert_int_equal(ruleset_count(&gone), 0);
	ruleset_clear(&gone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_container_moved),
		cmocka_unit_test(test_another_forward_has_the_target),
		cmocka_unit_test(test_two_forwards_of_a_target_go),
		cmocka_unit_test(test_new_forwards_take_nothing_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
