/* Ranges of ids: who has which, and the first that nobody has. */
#include "lxc/idmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint32_t
choose(const struct id_ranges *taken)
{
	struct err e;
	uint32_t start = 0;

	assert_int_equal(idmap_choose(taken, &start, &e), 0);
	return start;
}

static void
the_first_range_is_free_on_an_empty_host(void **state)
{
	struct id_ranges none = {0};

	(void)state;
	assert_int_equal(choose(&none), IDMAP_FIRST);
}

static void
ranges_of_others_are_passed_over_however_they_lie(void **state)
{
	struct id_ranges taken = {0};

	(void)state;
	/* One that ends just in front, one that covers one id, one across a border. */
	assert_int_equal(idmap_add(&taken, 100000, IDMAP_FIRST - 100000), 0);
	assert_int_equal(choose(&taken), IDMAP_FIRST);
	assert_int_equal(idmap_add(&taken, IDMAP_FIRST + 65535, 1), 0);
	assert_int_equal(choose(&taken), IDMAP_FIRST + IDMAP_SIZE);
	assert_int_equal(idmap_add(&taken, IDMAP_FIRST + 3 * IDMAP_SIZE / 2, IDMAP_SIZE), 0);
	assert_int_equal(choose(&taken), IDMAP_FIRST + 3 * IDMAP_SIZE);
	idmap_clear(&taken);
}

static void
a_full_host_is_an_error(void **state)
{
	struct id_ranges taken = {0};
	struct err e;
	uint32_t start;

	(void)state;
	assert_int_equal(idmap_add(&taken, 0, UINT32_MAX), 0);
	assert_int_equal(idmap_choose(&taken, &start, &e), -1);
	idmap_clear(&taken);
}

static void
subid_files_are_read_and_nonsense_passed_over(void **state)
{
	struct id_ranges r = {0};

	(void)state;
	assert_int_equal(idmap_add_subids(&r, SLICE_LIT("anna:100000:65536\n\n# no\nbert:x:1\n"
							"carl:1:\n1000:200000:10\ndora:5:0")),
		0);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.items[1].start, 200000);
	assert_int_equal(r.items[1].count, 10);
	idmap_clear(&r);
}

static void
configurations_of_containers_are_read(void **state)
{
	struct id_ranges r = {0};

	(void)state;
	assert_int_equal(
		idmap_add_config(&r, SLICE_LIT("lxc.idmap = u 0 100000 65536\n"
					       "#lxc.idmap = u 0 5 5\n"
					       "lxc.idmap=g 0  300000\t1000\nlxc.idmap =\n")),
		0);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.items[0].start, 100000);
	assert_int_equal(r.items[1].start, 300000);
	assert_true(idmap_overlaps(&r, 300999, 1));
	assert_false(idmap_overlaps(&r, 301000, 1));
	idmap_clear(&r);
}

static void
root_needs_one_line_that_covers_all(void **state)
{
	const struct slice text = SLICE_LIT("root:1000:100\n0:2000:100\nanna:3000:100\n");

	(void)state;
	assert_true(idmap_root_has(text, 1000, 100));
	assert_true(idmap_root_has(text, 2010, 10));
	assert_false(idmap_root_has(text, 1050, 100));
	assert_false(idmap_root_has(text, 3000, 10));
}

static void
a_range_is_written_as_liblxc_reads_it(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	assert_int_equal(idmap_print('u', 1048576, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out), "u 0 1048576 65536"));
	buf_clear(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_range_is_free_on_an_empty_host),
		cmocka_unit_test(ranges_of_others_are_passed_over_however_they_lie),
		cmocka_unit_test(a_full_host_is_an_error),
		cmocka_unit_test(subid_files_are_read_and_nonsense_passed_over),
		cmocka_unit_test(configurations_of_containers_are_read),
		cmocka_unit_test(root_needs_one_line_that_covers_all),
		cmocka_unit_test(a_range_is_written_as_liblxc_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
