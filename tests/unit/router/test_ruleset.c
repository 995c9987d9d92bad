/* Rulesets as values: elements, equality, differences, text. */
#include "router/ruleset.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
add_forward(struct ruleset *r, uint16_t port, const char *address, uint16_t target)
{
	struct ruleset_elem elem = {0};
	struct addr a;
	struct err e;

	assert_int_equal(addr_parse(slice_str(address), &a), 0);
	ruleset_put_port(elem.key, ruleset_put_proto(elem.key, 0, IPPROTO_TCP), port);
	ruleset_put_port(elem.data, ruleset_put_addr(elem.data, 0, &a), target);
	assert_int_equal(ruleset_add(r, RULESET_FWD4, &elem, &e), 0);
}

static void
parts_have_the_layout_of_registers(void **state)
{
	static const uint8_t wanted[] = {6, 0, 0, 0, 0x08, 0xae, 0, 0};
	uint8_t key[RULESET_KEY_MAX] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	size_t end = ruleset_put_port(key, ruleset_put_proto(key, 0, IPPROTO_TCP), 2222);

	(void)state;
	assert_int_equal(end, sizeof(wanted));
	assert_memory_equal(key, wanted, sizeof(wanted));
	assert_int_equal(ruleset_get_port(key, 4), 2222);
}

static void
sizes_of_keys_follow_from_their_parts(void **state)
{
	(void)state;
	for (size_t i = 0; i < RULESET_SET_COUNT; i++) {
		const struct ruleset_set_info *info = ruleset_set_info((enum ruleset_set)i);
		size_t key = 0, data = 0;

		for (size_t k = 0; k < RULESET_PARTS_MAX; k++)
			key += ruleset_part_size(info->key[k]);
		for (size_t k = 0; k < 2; k++)
			data += ruleset_part_size(info->data[k]);
		/* Registers are padded, a key of one part is not. */
		if (info->key[0] == RULESET_PART_ETHER && info->key[1] == RULESET_PART_NONE)
			key = RULESET_MAC_SIZE;
		assert_int_equal(info->key_size, key);
		assert_int_equal(info->data_size, data);
		assert_true(key <= RULESET_KEY_MAX && data <= RULESET_DATA_MAX);
	}
}

static void
order_of_adding_does_not_count(void **state)
{
	struct ruleset a = {0}, b = {0};

	(void)state;
	add_forward(&a, 1, "10.0.0.1", 1);
	add_forward(&a, 2, "10.0.0.2", 2);
	add_forward(&b, 2, "10.0.0.2", 2);
	add_forward(&b, 1, "10.0.0.1", 1);
	ruleset_sort(&a);
	ruleset_sort(&b);
	b.sets[RULESET_FWD4].v[0].ordinal = 9;
	assert_true(ruleset_equal(&a, &b));
	b.rules = 1;
	assert_false(ruleset_equal(&a, &b));
	ruleset_clear(&a);
	ruleset_clear(&b);
}

static void
a_changed_target_is_deleted_and_added(void **state)
{
	struct ruleset a = {0}, b = {0};
	struct ruleset_diff d;
	struct err e;

	(void)state;
	add_forward(&a, 1, "10.0.0.1", 1);
	add_forward(&a, 2, "10.0.0.2", 2);
	add_forward(&b, 2, "10.0.0.9", 2);
	add_forward(&b, 3, "10.0.0.3", 3);
	assert_int_equal(ruleset_diff(&a, &b, &d, &e), 0);
	assert_false(d.rules_differ);
	assert_int_equal(d.del.sets[RULESET_FWD4].n, 2);
	assert_int_equal(d.add.sets[RULESET_FWD4].n, 2);
	assert_int_equal(ruleset_get_port(d.del.sets[RULESET_FWD4].v[1].key, 4), 2);
	assert_int_equal(ruleset_get_port(d.add.sets[RULESET_FWD4].v[0].key, 4), 2);
	ruleset_diff_clear(&d);
	assert_int_equal(ruleset_diff(&a, &a, &d, &e), 0);
	assert_true(ruleset_diff_empty(&d));
	ruleset_diff_clear(&d);
	ruleset_clear(&a);
	ruleset_clear(&b);
}

static void
other_rules_are_told_and_elements_still_named(void **state)
{
	struct ruleset a = {.rules = 1}, b = {.rules = 2};
	struct ruleset_diff d;
	struct err e;

	(void)state;
	add_forward(&b, 1, "10.0.0.1", 1);
	assert_int_equal(ruleset_diff(&a, &b, &d, &e), 0);
	assert_true(d.rules_differ);
	assert_true(d.rules == 2);
	assert_int_equal(d.add.sets[RULESET_FWD4].n, 1);
	assert_false(ruleset_diff_empty(&d));
	ruleset_diff_clear(&d);
	ruleset_clear(&b);
}

static void
what_goes_late_is_no_interval_and_comes_not_back(void **state)
{
	struct ruleset a = {0}, b = {0}, first, late;
	struct ruleset_elem net = {.key = {10}, .end = {10, 255, 255, 255}};
	struct ruleset_diff d;
	struct err e;

	(void)state;
	add_forward(&a, 1, "10.0.0.1", 1);
	add_forward(&a, 2, "10.0.0.1", 1);
	add_forward(&a, 3, "10.0.0.1", 1);
	add_forward(&b, 2, "10.0.0.9", 1);
	assert_int_equal(ruleset_add(&a, RULESET_NETS4, &net, &e), 0);
	assert_int_equal(ruleset_diff(&a, &b, &d, &e), 0);
	assert_int_equal(ruleset_diff_late(&d, &first, &late, &e), 0);
	assert_int_equal(first.sets[RULESET_FWD4].n, 1);
	assert_int_equal(ruleset_get_port(first.sets[RULESET_FWD4].v[0].key, 4), 2);
	assert_int_equal(first.sets[RULESET_NETS4].n, 1);
	assert_int_equal(late.sets[RULESET_FWD4].n, 2);
	assert_int_equal(ruleset_count(&late), 2);
	ruleset_clear(&first);
	ruleset_clear(&late);
	ruleset_diff_clear(&d);
	ruleset_clear(&a);
	ruleset_clear(&b);
}

static void
a_text_too_long_is_an_error(void **state)
{
	struct ruleset r = {0};
	struct buf out;
	struct err e;

	(void)state;
	buf_init(&out, 100);
	assert_int_equal(ruleset_print(&r, &out, &e), -1);
	buf_clear(&out);
}

static void
print(enum ruleset_set set, const struct ruleset_elem *elem, const char *wanted)
{
	struct buf out;

	buf_init(&out, 1000);
	assert_int_equal(ruleset_elem_print(set, elem, &out), 0);
	assert_int_equal(buf_append_byte(&out, '\0'), 0);
	assert_string_equal(out.data, wanted);
	buf_clear(&out);
}

static void
ranges_print_as_prefixes_where_they_are_some(void **state)
{
	struct ruleset_elem elem = {.key = {10, 0, 0, 0}, .end = {10, 0, 0, 255}};

	(void)state;
	print(RULESET_NETS4, &elem, "10.0.0.0/24");
	elem.end[3] = 6;
	print(RULESET_NETS4, &elem, "10.0.0.0-10.0.0.6");
	elem.end[3] = 0;
	print(RULESET_NETS4, &elem, "10.0.0.0");
	memset(elem.key, 0, sizeof(elem.key));
	memset(elem.end, 0xff, sizeof(elem.end));
	print(RULESET_NETS4, &elem, "0.0.0.0/0");
	print(RULESET_NETS6, &elem, "::/0");
}

static void
protocols_without_a_word_print_as_numbers(void **state)
{
	struct ruleset_elem elem = {.key = {132}, .end = {132}};

	(void)state;
	print(RULESET_SERVICES, &elem, "132 . 0");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_have_the_layout_of_registers),
		cmocka_unit_test(sizes_of_keys_follow_from_their_parts),
		cmocka_unit_test(order_of_adding_does_not_count),
		cmocka_unit_test(a_changed_target_is_deleted_and_added),
		cmocka_unit_test(other_rules_are_told_and_elements_still_named),
		cmocka_unit_test(what_goes_late_is_no_interval_and_comes_not_back),
		cmocka_unit_test(a_text_too_long_is_an_error),
		cmocka_unit_test(ranges_print_as_prefixes_where_they_are_some),
		cmocka_unit_test(protocols_without_a_word_print_as_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
