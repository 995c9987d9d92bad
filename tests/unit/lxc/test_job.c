/* Words between the lxc process and its helpers. */
#include "lxc/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void
a_view_comes_back_as_it_was(void **state)
{
	struct job_view v = {.state = CONTAINER_FROZEN,
		.pid = 4711,
		.mac = "00:16:3e:01:02:03",
		.veth = "vethABC",
		.link = "lxcbr0",
		.address = "10.0.3.101/24"};
	struct job_view back;
	struct buf text;
	struct err e;

	(void)state;
	buf_init(&text, JOB_TEXT_MAX);
	assert_int_equal(job_view_print(&v, &text), 0);
	assert_int_equal(job_view_parse(buf_slice(&text), &back, &e), 0);
	assert_int_equal(back.state, CONTAINER_FROZEN);
	assert_int_equal(back.pid, 4711);
	assert_string_equal(back.mac, v.mac);
	assert_string_equal(back.veth, v.veth);
	assert_string_equal(back.link, v.link);
	assert_string_equal(back.address, v.address);
	assert_string_equal(back.address6, "");
	buf_clear(&text);
}

static void
nonsense_is_no_view(void **state)
{
	static const char *const texts[] = {"pid x\n", "state purple\n", "color red\n",
		"veth aVeryLongInterfaceName\n", "pid -1\n"};
	struct job_view v;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(job_view_parse(slice_str(texts[i]), &v, &e), -1);
}

static void
lines_are_read_as_they_were_written(void **state)
{
	struct slice rest, key, value;
	struct buf text;

	(void)state;
	buf_init(&text, JOB_TEXT_MAX);
	assert_int_equal(job_put(&text, "arg", SLICE_LIT("two words ")), 0);
	assert_int_equal(job_put(&text, "arg", SLICE_LIT("")), 0);
	assert_int_equal(job_put(&text, "arg", SLICE_LIT("a\nb")), -1);
	rest = buf_slice(&text);
	assert_true(job_next(&rest, &key, &value));
	assert_true(slice_eq_str(key, "arg") && slice_eq_str(value, "two words "));
	assert_true(job_next(&rest, &key, &value));
	assert_int_equal(value.n, 0);
	assert_false(job_next(&rest, &key, &value));
	buf_clear(&text);
}

static void
verbs_have_names_and_deadlines(void **state)
{
	enum job_verb verb;

	(void)state;
	for (unsigned i = 0; i < JOB_VERB_COUNT; i++) {
		assert_int_equal(
			job_verb_find(slice_str(job_verb_name((enum job_verb)i)), &verb), 0);
		assert_int_equal(verb, i);
		assert_true(i == JOB_EXEC || job_verb_deadline((enum job_verb)i) > 0);
	}
	assert_int_equal(job_verb_find(SLICE_LIT("nosuch"), &verb), -1);
	assert_int_equal(job_verb_deadline(JOB_CREATE), 15 * 60 * 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_view_comes_back_as_it_was),
		cmocka_unit_test(nonsense_is_no_view),
		cmocka_unit_test(lines_are_read_as_they_were_written),
		cmocka_unit_test(verbs_have_names_and_deadlines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
