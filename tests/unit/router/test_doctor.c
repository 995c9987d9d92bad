/* What the doctor says of facts that no test machine has. */
#include "router/doctor/doctor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct conf bridged;
static struct conf_bridge bridge = {.name = "lxcbr0"};

static int
make(void **state)
{
	struct doctor_facts *f = calloc(1, sizeof(*f));

	bridged.bridge = &bridge;
	assert_int_equal(prefix_parse(SLICE_LIT("10.0.3.1/24"), &bridge.v4), 0);
	assert_non_null(f);
	f->conf = &bridged;
	*state = f;
	return 0;
}

static int
clear(void **state)
{
	free(*state);
	return 0;
}

static const struct finding *
only(struct findings *found, const char *id)
{
	assert_int_equal(found->n, 1);
	assert_string_equal(found->v[0].id, id);
	return &found->v[0];
}

static void
a_kernel_without_our_modules_is_told_to_load_them(void **state)
{
	struct doctor_facts *f = *state;
	struct findings found = {0};

	(void)snprintf(f->refused, sizeof(f->refused), "%s", "Operation not supported");
	doctor_judge(f, &found);
	assert_non_null(strstr(only(&found, "kernel")->mend, "modprobe -a nf_tables"));
}

static void
modules_that_are_gone_or_rights_that_are_missing_are_said(void **state)
{
	struct doctor_facts *f = *state;
	struct findings found = {0}, denied = {0};

	(void)snprintf(f->refused, sizeof(f->refused), "%s", "Operation not supported");
	(void)snprintf(f->modules_lost, sizeof(f->modules_lost), "%s", "6.1.0-18-amd64");
	doctor_judge(f, &found);
	assert_string_equal(only(&found, "kernel")->mend, "systemctl reboot");
	assert_non_null(strstr(found.v[0].what, "/lib/modules/6.1.0-18-amd64"));
	f->denied = true;
	doctor_judge(f, &denied);
	assert_non_null(strstr(only(&denied, "kernel")->what, "CAP_NET_ADMIN"));
	assert_null(strstr(denied.v[0].what, "/lib/modules"));
}

static void
parameters_say_nothing_before_the_router_has_set_them(void **state)
{
	struct doctor_facts *f = *state;
	struct findings found = {0};

	f->ip_forward = 0;
	doctor_judge(f, &found);
	assert_int_equal(found.n, 0);
	f->installed = true;
	doctor_judge(f, &found);
	only(&found, "ip-forward");
}

static void
a_rule_counts_where_its_chain_stands(void **state)
{
	struct doctor_table t = {.chains = {[DOCTOR_INPUT] = "IN", [DOCTOR_FORWARD] = "FORWARD"}};

	(void)state;
	assert_true(doctor_place_of(&t, "IN").input && !doctor_place_of(&t, "IN").forward);
	assert_true(
		!doctor_place_of(&t, "FORWARD").input && doctor_place_of(&t, "FORWARD").forward);
	assert_false(doctor_place_of(&t, "DOCKER-USER").input);
	assert_false(doctor_place_of(&t, "ufw-user-input").forward);
	assert_true(doctor_place_of(&t, "mine").input && doctor_place_of(&t, "mine").forward);
}

static void
tables_of_ipv6_matter_where_the_bridge_has_ipv6(void **state)
{
	struct doctor_facts *f = *state;
	struct findings found = {0};

	f->tables[0] = (struct doctor_table){
		.v6 = true, .name = "ip6 filter", .drops = {[DOCTOR_FORWARD] = true}};
	f->n_tables = 1;
	doctor_judge_tables(f, &found);
	assert_int_equal(found.n, 0);
	assert_int_equal(prefix_parse(SLICE_LIT("fd00::1/64"), &bridge.v6), 0);
	doctor_judge_tables(f, &found);
	only(&found, "forward-drop");
	bridge.v6 = (struct prefix){0};
}

static void
more_findings_than_there_is_place_for_are_counted(void **state)
{
	struct findings *found = calloc(1, sizeof(*found));

	(void)state;
	assert_non_null(found);
	for (size_t i = 0; i < FINDINGS_MAX + 3; i++)
		finding_what(findings_add(found, "x", true), "%zu", i);
	assert_int_equal(found->n, FINDINGS_MAX);
	assert_int_equal(found->left_out, 3);
	free(found);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_kernel_without_our_modules_is_told_to_load_them, make, clear),
		cmocka_unit_test_setup_teardown(
			modules_that_are_gone_or_rights_that_are_missing_are_said, make, clear),
		cmocka_unit_test_setup_teardown(
			parameters_say_nothing_before_the_router_has_set_them, make, clear),
		cmocka_unit_test(a_rule_counts_where_its_chain_stands),
		cmocka_unit_test_setup_teardown(
			tables_of_ipv6_matter_where_the_bridge_has_ipv6, make, clear),
		cmocka_unit_test(more_findings_than_there_is_place_for_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
