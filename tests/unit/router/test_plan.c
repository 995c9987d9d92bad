/* The plan: what golden tests do not reach. */
#include "router/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A configuration of one container and one forward, built by hand. */
struct fixture {
	struct conf conf;
	struct conf_bridge bridge;
	struct conf_container container;
	struct conf_forward forward;
	struct prefix from[4];
};

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(slice_str(text), &a), 0);
	return a;
}

static struct prefix
network(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(slice_str(text), &p), 0);
	return p;
}

static void
fill(struct fixture *f)
{
	*f = (struct fixture){
		.bridge = {.ordinal = 2, .name = "br0", .v4 = network("10.0.3.1/24")},
		.container = {.ordinal = 3, .address = address("10.0.3.2")},
		.forward = {.ordinal = 4,
			.low = 80,
			.high = 80,
			.target_low = 8080,
			.target_high = 8080},
	};
	f->forward.from = f->from;
	f->conf.bridge = &f->bridge;
	f->conf.containers = &f->container;
	f->conf.n_containers = 1;
	f->conf.forwards = &f->forward;
	f->conf.n_forwards = 1;
}

static struct ruleset
plan(const struct fixture *f)
{
	struct plan_input in = {.conf = &f->conf};
	struct ruleset r;
	struct err e;

	assert_int_equal(plan_build(&in, &r, &e), 0);
	return r;
}

static void
elements_carry_their_directive(void **state)
{
	struct fixture f;
	struct ruleset r;

	(void)state;
	fill(&f);
	r = plan(&f);
	assert_int_equal(r.sets[RULESET_FWD4].n, 1);
	assert_int_equal(r.sets[RULESET_FWD4].v[0].ordinal, 4);
	assert_int_equal(r.sets[RULESET_BRIDGES].v[0].ordinal, 2);
	assert_int_equal(r.sets[RULESET_FWD6].n, 0);
	ruleset_clear(&r);
}

static void
sources_inside_others_are_left_out(void **state)
{
	struct fixture f;
	struct ruleset r;

	(void)state;
	fill(&f);
	f.from[0] = network("10.1.0.0/16");
	f.from[1] = network("10.0.0.0/8");
	f.from[2] = network("10.0.0.0/8");
	f.from[3] = network("192.0.2.0/24");
	f.forward.n_from = 4;
	r = plan(&f);
	assert_int_equal(r.sets[RULESET_RESTRICTED].n, 1);
	assert_int_equal(r.sets[RULESET_FROM4].n, 2);
	ruleset_clear(&r);
}

static void
every_port_there_is(void **state)
{
	struct fixture f;
	struct ruleset r;

	(void)state;
	fill(&f);
	f.forward.low = f.forward.target_low = 1;
	f.forward.high = f.forward.target_high = 65535;
	r = plan(&f);
	assert_int_equal(r.sets[RULESET_FWD4].n, 65535);
	ruleset_clear(&r);
}

static void
without_a_bridge_any_sane_address_is_believed(void **state)
{
	struct plan_address known = {.v4 = {.family = AF_INET, .bytes = {192, 0, 2, 7}}};
	struct fixture f;
	struct plan_input in = {.conf = &f.conf, .addresses = &known};
	struct addr a;

	(void)state;
	fill(&f);
	f.conf.bridge = NULL;
	a = plan_target(&in, 0, AF_INET);
	assert_int_equal(a.bytes[3], 7);
	known.v4.bytes[0] = 127;
	a = plan_target(&in, 0, AF_INET);
	assert_true(addr_eq(&a, &f.container.address));
	known.v4.bytes[0] = 224;
	a = plan_target(&in, 0, AF_INET);
	assert_true(addr_eq(&a, &f.container.address));
	known.v6 = address("fe80::1");
	a = plan_target(&in, 0, AF_INET6);
	assert_int_equal(a.family, 0);
}

static void
ipv6_is_needed_for_a_prefix_or_an_address(void **state)
{
	struct fixture f;

	(void)state;
	fill(&f);
	assert_false(plan_needs_v6(&f.conf));
	f.bridge.v6 = network("fd00::1/64");
	assert_true(plan_needs_v6(&f.conf));
	f.conf.bridge = NULL;
	assert_false(plan_needs_v6(&f.conf));
	f.container.address6 = address("fd00::2");
	assert_true(plan_needs_v6(&f.conf));
}

static void
outsides_are_compared_by_name(void **state)
{
	struct plan_wans a = {.names = {"eth0"}, .n = 1}, b = a;

	(void)state;
	assert_true(plan_wans_equal(&a, &b));
	b.names[0][3] = '1';
	assert_false(plan_wans_equal(&a, &b));
	b.n = 0;
	assert_false(plan_wans_equal(&a, &b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_carry_their_directive),
		cmocka_unit_test(sources_inside_others_are_left_out),
		cmocka_unit_test(every_port_there_is),
		cmocka_unit_test(without_a_bridge_any_sane_address_is_believed),
		cmocka_unit_test(ipv6_is_needed_for_a_prefix_or_an_address),
		cmocka_unit_test(outsides_are_compared_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
