/* A policy on trial: what begins it, what ends it, and what a process after this one knows. */
#include "router/trial.h"

#include "router/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WIDE "open ssh\nopen https\n"
#define NARROW "open ssh from 10.0.0.0/8\n"
#define NARROWER "open ssh from 10.0.0.0/9\n"

static struct conf *
policy(const char *text)
{
	struct conf_input in = {.name = "test", .text = slice_str(text), .part = true};
	struct conf_errors *errors = calloc(1, sizeof(*errors));
	struct conf *c = NULL, *ret = NULL;
	struct err e = {0};

	assert_non_null(errors);
	assert_int_equal(conf_parse(&in, &c, NULL, errors), 0);
	assert_int_equal(trial_policy(c, &ret, &e), 0);
	conf_unref(&c);
	free(errors);
	return ret;
}

/* Commits a policy; what became of it. */
static enum trial_verdict
commit(struct trial *t, const char *text, bool first, bool keeps)
{
	struct conf *c = policy(text);
	enum trial_verdict verdict = trial_judge(t, c, first);

	assert_int_equal(trial_take(t, verdict, c, 1000), keeps);
	return verdict;
}

static void
holds(const struct trial *t, enum trial_state state, const char *confirmed, const char *tried)
{
	struct conf *a = policy(confirmed), *b = tried ? policy(tried) : NULL;

	assert_int_equal(t->state, state);
	assert_true(input_same(t->confirmed, a));
	assert_int_equal(t->tried != NULL, b != NULL);
	assert_true(!b || input_same(t->tried, b));
	conf_unref(&a);
	conf_unref(&b);
}

/* What the next process begins with. */
static void
restart(struct trial *t)
{
	struct trial next = {0};
	struct err e = {0};
	struct buf text;

	buf_init(&text, TRIAL_TEXT_MAX);
	assert_int_equal(trial_print(t, &text, &e), 0);
	assert_int_equal(trial_parse(buf_slice(&text), &next, &e), 0);
	buf_clear(&text);
	trial_clear(t);
	*t = next;
}

static void
the_first_policy_is_tried_and_confirmed(void **state)
{
	struct trial t = {0};

	(void)state;
	assert_int_equal(commit(&t, "", true, false), TRIAL_ADOPT);
	assert_int_equal(trial_confirm(&t), -1);
	assert_int_equal(commit(&t, NARROW, false, true), TRIAL_TRY);
	holds(&t, TRIAL_RUNNING, "", NARROW);
	assert_int_equal(trial_confirm(&t), 0);
	holds(&t, TRIAL_SETTLED, NARROW, NULL);
	assert_int_equal(trial_confirm(&t), -1);
	restart(&t);
	assert_int_equal(commit(&t, NARROW, true, false), TRIAL_ADOPT);
	holds(&t, TRIAL_SETTLED, NARROW, NULL);
	trial_clear(&t);
}

static void
a_wider_one_needs_no_trial(void **state)
{
	struct trial t = {0};

	(void)state;
	commit(&t, NARROW, true, true);
	assert_int_equal(trial_confirm(&t), 0);
	assert_int_equal(commit(&t, WIDE, false, true), TRIAL_ADOPT);
	holds(&t, TRIAL_SETTLED, WIDE, NULL);
	assert_int_equal(commit(&t, "", false, true), TRIAL_ADOPT);
	holds(&t, TRIAL_SETTLED, "", NULL);
	trial_clear(&t);
}

static void
nobody_confirms(void **state)
{
	struct trial t = {0};

	(void)state;
	commit(&t, NARROW, true, true);
	trial_expire(&t);
	holds(&t, TRIAL_ROLLED_BACK, "", NARROW);
	assert_int_equal(trial_confirm(&t), -1);
	/* A process that begins does not try it again, whenever the one before it ended. */
	restart(&t);
	assert_int_equal(commit(&t, NARROW, true, false), TRIAL_BACK);
	holds(&t, TRIAL_ROLLED_BACK, "", NARROW);
	/* A reload does. */
	assert_int_equal(commit(&t, NARROW, false, true), TRIAL_TRY);
	/* A process that dies during it. */
	restart(&t);
	assert_int_equal(commit(&t, NARROW, true, false), TRIAL_BACK);
	/* Another one is another trial, even at a start. */
	restart(&t);
	assert_int_equal(commit(&t, NARROWER, true, true), TRIAL_TRY);
	trial_clear(&t);
}

static void
reloads_during_a_trial(void **state)
{
	struct trial t = {0};

	(void)state;
	commit(&t, WIDE, true, true);
	assert_int_equal(trial_confirm(&t), 0);
	assert_int_equal(commit(&t, NARROW, false, true), TRIAL_TRY);
	assert_int_equal(commit(&t, "wan eth0\n", false, true), TRIAL_ADOPT);
	commit(&t, WIDE, false, true);
	assert_int_equal(trial_confirm(&t), 0);
	assert_int_equal(commit(&t, NARROW, false, true), TRIAL_TRY);
	t.until_ms = 7;
	/* The same again changes nothing, */
	assert_int_equal(commit(&t, NARROW "confirm-within 5s\n", false, false), TRIAL_GO_ON);
	assert_int_equal(t.until_ms, 7);
	holds(&t, TRIAL_RUNNING, WIDE, NARROW);
	/* another one begins anew, */
	assert_int_equal(commit(&t, NARROWER, false, true), TRIAL_TRY);
	assert_int_equal(t.until_ms, 1000);
	holds(&t, TRIAL_RUNNING, WIDE, NARROWER);
	/* and what was before ends it. */
	assert_int_equal(commit(&t, WIDE, false, true), TRIAL_ADOPT);
	holds(&t, TRIAL_SETTLED, WIDE, NULL);
	assert_int_equal(trial_confirm(&t), -1);
	trial_clear(&t);
}

static void
what_is_kept_is_read_or_refused(void **state)
{
	static const char *const bad[] = {"open ssh\n", "confirmed\nopen shh\n",
		"confirmed\ntried\nopen\n", "confirmed", "tried\nconfirmed\n"};
	struct trial t = {0};
	struct err e = {0};

	(void)state;
	assert_int_equal(trial_parse(SLICE_LIT(""), &t, &e), 0);
	assert_null(t.confirmed);
	assert_int_equal(
		trial_parse(SLICE_LIT("confirmed\nwan w\nopen ssh\ntried\nopen udp 1\n"), &t, &e),
		0);
	holds(&t, TRIAL_SETTLED, "wan w\nopen ssh\n", "open udp 1\n");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(trial_parse(slice_str(bad[i]), &t, &e), -1);
	holds(&t, TRIAL_SETTLED, "wan w\nopen ssh\n", "open udp 1\n");
	trial_clear(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_policy_is_tried_and_confirmed),
		cmocka_unit_test(a_wider_one_needs_no_trial),
		cmocka_unit_test(nobody_confirms),
		cmocka_unit_test(reloads_during_a_trial),
		cmocka_unit_test(what_is_kept_is_read_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
