/* proxy/h2/h2_priority.c: what Priority fields say. */
#include "tests/unit/core/unit.h"

#include "proxy/h2/h2_priority.h"

static void
urgencies_are_read_and_the_rest_is_left_alone(void **state)
{
	static const struct {
		const char *value;
		uint8_t urgency;
		bool incremental;
	} cases[] = {{"", 3, false}, {"u=0", 0, false}, {"u=7", 7, false}, {"u=8", 3, false},
		{"u=-1", 3, false}, {"u", 3, false}, {"U=1", 3, false}, {"i", 3, true},
		{"u=5, i", 5, true}, {"i,u=2", 2, true}, {"i=?0 ,\tu=6;x=y", 6, false},
		{"i, i=?0", 3, false}, {"u=1, u=4, i=?1;a", 4, true}, {"u=10", 3, false},
		{"u =1", 3, false}, {",,u=1,", 1, false}, {"x=\"u=1\"", 3, false},
		{"i=1", 3, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct h2_priority p = h2_priority_parse(slice_str(cases[i].value));

		if (p.urgency != cases[i].urgency || p.incremental != cases[i].incremental)
			fail_msg("\"%s\"", cases[i].value);
	}
}

static void
updates_before_their_streams_are_kept(void **state)
{
	struct h2_priorities kept = {0};
	struct h2_priority p = {.urgency = 5};

	(void)state;
	assert_false(h2_priorities_find(&kept, 1, &p));
	assert_int_equal(p.urgency, 5);
	h2_priorities_keep(&kept, 1, (struct h2_priority){.urgency = 0});
	h2_priorities_keep(&kept, 3, (struct h2_priority){.urgency = 7, .incremental = true});
	h2_priorities_keep(&kept, 1, (struct h2_priority){.urgency = 2});
	assert_true(h2_priorities_find(&kept, 1, &p));
	assert_int_equal(p.urgency, 2);
	assert_true(h2_priorities_find(&kept, 3, &p) && p.incremental);
	for (int32_t id = 5; id < 600; id += 2)
		h2_priorities_keep(&kept, id, (struct h2_priority){.urgency = 6});
	assert_false(h2_priorities_find(&kept, 3, &p));
	assert_true(h2_priorities_find(&kept, 599, &p) && p.urgency == 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urgencies_are_read_and_the_rest_is_left_alone),
		cmocka_unit_test(updates_before_their_streams_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
