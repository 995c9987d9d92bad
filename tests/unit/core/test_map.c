/* core/map.c: adding, replacing, removing, visiting. */
#include "tests/unit/core/unit.h"

#include "core/map.h"

#include <stdio.h>

static int values[5000];

static struct slice
key_of(int i, char out[static 32])
{
	return slice_of(out, (size_t)snprintf(out, 32, "container-%d", i));
}

static struct map *
filled(int n)
{
	struct map *m = map_new();
	char text[32];

	for (int i = 0; i < n; i++)
		assert_int_equal(map_set(m, key_of(i, text), &values[i], NULL), 0);
	return m;
}

static void
every_key_is_found_and_no_other(void **state)
{
	struct map *m = filled(5000);
	char text[32];

	(void)state;
	assert_int_equal(map_count(m), 5000);
	for (int i = 0; i < 5000; i++)
		assert_ptr_equal(map_find(m, key_of(i, text)), &values[i]);
	assert_null(map_find(m, SLICE_LIT("container-")));
	assert_null(map_find(m, SLICE_LIT("container-5000")));
	map_free(&m);
	assert_null(m);
	map_free(&m);
}

static void
an_empty_map_finds_nothing(void **state)
{
	struct map *m = map_new();
	size_t cursor = 0;

	(void)state;
	assert_null(map_find(m, SLICE_LIT("x")));
	assert_null(map_remove(m, SLICE_LIT("x")));
	assert_null(map_next(m, &cursor, NULL));
	map_free(&m);
}

static void
keys_are_bytes(void **state)
{
	struct map *m = map_new();

	(void)state;
	assert_int_equal(map_set(m, SLICE_LIT("a\0b"), &values[0], NULL), 0);
	assert_int_equal(map_set(m, SLICE_LIT("a\0c"), &values[1], NULL), 0);
	assert_int_equal(map_set(m, SLICE_LIT(""), &values[2], NULL), 0);
	assert_ptr_equal(map_find(m, SLICE_LIT("a\0b")), &values[0]);
	assert_ptr_equal(map_find(m, SLICE_LIT("a\0c")), &values[1]);
	assert_ptr_equal(map_find(m, slice_str(NULL)), &values[2]);
	assert_null(map_find(m, SLICE_LIT("a")));
	map_free(&m);
}

static void
replacing_hands_the_old_value_back(void **state)
{
	struct map *m = filled(1);
	void *old = NULL;

	(void)state;
	assert_int_equal(map_set(m, SLICE_LIT("container-0"), &values[9], &old), 0);
	assert_ptr_equal(old, &values[0]);
	assert_ptr_equal(map_find(m, SLICE_LIT("container-0")), &values[9]);
	assert_int_equal(map_count(m), 1);
	assert_int_equal(map_set(m, SLICE_LIT("new"), &values[1], &old), 0);
	assert_null(old);
	map_free(&m);
}

static void
a_removed_key_is_gone_and_can_come_back(void **state)
{
	struct map *m = filled(1000);
	char text[32];

	(void)state;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 1000; i += 2)
			assert_ptr_equal(map_remove(m, key_of(i, text)), &values[i]);
		assert_int_equal(map_count(m), 500);
		for (int i = 0; i < 1000; i++)
			assert_ptr_equal(map_find(m, key_of(i, text)), i % 2 ? &values[i] : NULL);
		for (int i = 0; i < 1000; i += 2)
			assert_int_equal(map_set(m, key_of(i, text), &values[i], NULL), 0);
	}
	assert_int_equal(map_count(m), 1000);
	map_free(&m);
}

static void
every_entry_is_visited_once_even_if_removed_meanwhile(void **state)
{
	struct map *m = filled(300);
	bool seen[300] = {false};
	size_t cursor = 0, visited = 0;
	struct slice key;
	int *value;

	(void)state;
	while ((value = map_next(m, &cursor, &key))) {
		assert_false(seen[value - values]);
		seen[value - values] = true;
		visited++;
		assert_ptr_equal(map_remove(m, key), value);
	}
	assert_int_equal(visited, 300);
	assert_int_equal(map_count(m), 0);
	map_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_found_and_no_other),
		cmocka_unit_test(an_empty_map_finds_nothing),
		cmocka_unit_test(keys_are_bytes),
		cmocka_unit_test(replacing_hands_the_old_value_back),
		cmocka_unit_test(a_removed_key_is_gone_and_can_come_back),
		cmocka_unit_test(every_entry_is_visited_once_even_if_removed_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
