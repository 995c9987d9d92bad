/* daemon/reload.c: the machine of OFFER, WAIT and COMMIT, with its actions written down. */
#include "tests/unit/daemon/unit.h"

#include "daemon/reload.h"

#define ALL (ROLE_BIT(PROXY) | ROLE_BIT(ROUTER) | ROLE_BIT(LXC) | ROLE_BIT(CONTROL))
#define GENERATION 7

/* What the machine did, one word an action. */
struct scene {
	struct reload reload;
	char did[1024];
	int done; /* how often it ended */
	bool failed;
	char why[ERR_MSG_MAX];
};

static void
note(struct scene *s, const char *what, enum role role)
{
	size_t n = strlen(s->did);

	(void)snprintf(
		s->did + n, sizeof(s->did) - n, "%s%s-%s", n ? " " : "", what, role_name(role));
}

static void
on_offer(enum role role, void *ctx)
{
	note(ctx, "offer", role);
}

static void
on_commit(enum role role, void *ctx)
{
	note(ctx, "commit", role);
}

static void
on_abort(enum role role, void *ctx)
{
	note(ctx, "abort", role);
}

static void
on_give_up(enum role role, void *ctx)
{
	note(ctx, "give-up", role);
}

static void
on_arm(void *ctx)
{
	(void)ctx;
}

static void
on_done(const struct err *failure, void *ctx)
{
	struct scene *s = ctx;

	s->done++;
	s->failed = failure != NULL;
	(void)snprintf(s->why, sizeof(s->why), "%s", failure ? failure->msg : "");
}

static const struct reload_ops ops = {.offer = on_offer,
	.commit = on_commit,
	.abort = on_abort,
	.give_up = on_give_up,
	.arm = on_arm,
	.done = on_done};

static void
begin(struct scene *s, uint32_t members, uint32_t up)
{
	*s = (struct scene){.done = 0};
	reload_init(&s->reload, &ops, s);
	reload_begin(&s->reload, GENERATION, members, up);
}

static void
all_ready(struct scene *s)
{
	for (enum role role = ROLE_PROXY; role <= ROLE_CONTROL; role++)
		reload_on_ready(&s->reload, role, GENERATION);
}

static void
expect(struct scene *s, const char *did)
{
	assert_string_equal(s->did, did);
	s->did[0] = '\0';
}

static void
commits_in_order_when_all_are_ready(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, ALL, ALL);
	expect(&s, "offer-router offer-lxc offer-proxy offer-control");
	all_ready(&s);
	expect(&s, "commit-router");
	reload_on_committed(&s.reload, ROLE_ROUTER, GENERATION);
	expect(&s, "commit-lxc");
	reload_on_committed(&s.reload, ROLE_LXC, GENERATION);
	expect(&s, "commit-proxy");
	reload_on_committed(&s.reload, ROLE_PROXY, GENERATION);
	expect(&s, "commit-control");
	reload_on_committed(&s.reload, ROLE_CONTROL, GENERATION);
	assert_int_equal(s.done, 1);
	assert_false(s.failed);
	assert_int_equal(s.reload.phase, RELOAD_IDLE);
}

static void
offers_to_a_new_child_when_it_says_hello(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, ROLE_BIT(PROXY) | ROLE_BIT(CONTROL), ROLE_BIT(CONTROL));
	expect(&s, "offer-control");
	reload_on_ready(&s.reload, ROLE_CONTROL, GENERATION);
	expect(&s, "");
	reload_on_hello(&s.reload, ROLE_PROXY);
	expect(&s, "offer-proxy");
	reload_on_hello(&s.reload, ROLE_PROXY);
	expect(&s, "");
	reload_on_ready(&s.reload, ROLE_PROXY, GENERATION);
	expect(&s, "commit-proxy");
}

static void
ready_before_the_offer_counts_for_nothing(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, ROLE_BIT(PROXY), 0);
	reload_on_ready(&s.reload, ROLE_PROXY, GENERATION);
	expect(&s, "");
	assert_int_equal(s.reload.phase, RELOAD_WAIT);
}

static void
another_generation_counts_for_nothing(void **state)
{
	struct scene s;
	struct err why = {.msg = "old"};

	(void)state;
	begin(&s, ROLE_BIT(PROXY), ALL);
	expect(&s, "offer-proxy");
	reload_on_ready(&s.reload, ROLE_PROXY, GENERATION - 1);
	reload_on_refused(&s.reload, ROLE_PROXY, GENERATION - 1, &why);
	expect(&s, "");
	reload_on_ready(&s.reload, ROLE_PROXY, GENERATION);
	expect(&s, "commit-proxy");
	reload_on_committed(&s.reload, ROLE_PROXY, GENERATION + 1);
	assert_int_equal(s.done, 0);
}

static void
a_refusal_aborts_everywhere(void **state)
{
	struct scene s;
	struct err why = {.msg = "key does not match"};

	(void)state;
	begin(&s, ALL, ALL & ~ROLE_BIT(LXC));
	s.did[0] = '\0';
	reload_on_refused(&s.reload, ROLE_PROXY, GENERATION, &why);
	/* lxc has not said HELLO: it was offered nothing. */
	expect(&s, "abort-router abort-proxy abort-control");
	assert_true(s.failed);
	assert_string_equal(s.why, "key does not match");
}

static void
the_router_may_still_refuse_the_commit(void **state)
{
	struct scene s;
	struct err why = {.msg = "kernel refused"};

	(void)state;
	begin(&s, ALL, ALL);
	all_ready(&s);
	s.did[0] = '\0';
	reload_on_refused(&s.reload, ROLE_ROUTER, GENERATION, &why);
	expect(&s, "abort-router abort-lxc abort-proxy abort-control");
	assert_string_equal(s.why, "kernel refused");
}

static void
a_death_while_waiting_aborts_the_others(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, ALL, ALL);
	s.did[0] = '\0';
	reload_on_gone(&s.reload, ROLE_CONTROL, "was killed by signal 9");
	expect(&s, "abort-router abort-lxc abort-proxy");
	assert_string_equal(s.why, "the control process was killed by signal 9");
}

static void
a_death_after_the_first_commit_does_not_stop_the_others(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, ALL, ALL);
	all_ready(&s);
	reload_on_committed(&s.reload, ROLE_ROUTER, GENERATION);
	s.did[0] = '\0';
	reload_on_gone(&s.reload, ROLE_LXC, "was killed");
	expect(&s, "commit-proxy");
	/* One that has committed already and dies is no concern of this reload. */
	reload_on_gone(&s.reload, ROLE_ROUTER, "was killed");
	/* One whose turn has not come is left out. */
	reload_on_gone(&s.reload, ROLE_CONTROL, "was killed");
	reload_on_committed(&s.reload, ROLE_PROXY, GENERATION);
	assert_int_equal(s.done, 1);
	assert_false(s.failed);
}

static void
silence_in_wait_aborts_and_names_the_silent(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, ROLE_BIT(PROXY) | ROLE_BIT(CONTROL), ALL);
	reload_on_ready(&s.reload, ROLE_CONTROL, GENERATION);
	s.did[0] = '\0';
	reload_on_deadline(&s.reload);
	expect(&s, "abort-proxy abort-control");
	assert_string_equal(s.why, "the proxy process did not answer within 5 seconds");
}

static void
a_child_that_never_starts_is_named(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, ROLE_BIT(PROXY), 0);
	reload_on_deadline(&s.reload);
	assert_string_equal(s.why, "the proxy process did not start within 5 seconds");
}

static void
silence_of_the_first_commit_aborts(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, ALL, ALL);
	all_ready(&s);
	s.did[0] = '\0';
	reload_on_deadline(&s.reload);
	expect(&s, "give-up-router abort-router abort-lxc abort-proxy abort-control");
	assert_true(s.failed);
}

static void
silence_of_a_later_commit_gives_up_that_child_alone(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, ALL, ALL);
	all_ready(&s);
	reload_on_committed(&s.reload, ROLE_ROUTER, GENERATION);
	s.did[0] = '\0';
	reload_on_deadline(&s.reload);
	expect(&s, "give-up-lxc commit-proxy");
	reload_on_committed(&s.reload, ROLE_PROXY, GENERATION);
	reload_on_committed(&s.reload, ROLE_CONTROL, GENERATION);
	assert_int_equal(s.done, 1);
	assert_false(s.failed);
}

static void
a_stranger_changes_nothing(void **state)
{
	struct scene s;
	struct err why = {.msg = "no"};

	(void)state;
	begin(&s, ROLE_BIT(PROXY), ALL);
	s.did[0] = '\0';
	reload_on_hello(&s.reload, ROLE_ROUTER);
	reload_on_ready(&s.reload, ROLE_ROUTER, GENERATION);
	reload_on_refused(&s.reload, ROLE_ROUTER, GENERATION, &why);
	reload_on_gone(&s.reload, ROLE_ROUTER, "was killed");
	expect(&s, "");
	assert_int_equal(s.done, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commits_in_order_when_all_are_ready),
		cmocka_unit_test(offers_to_a_new_child_when_it_says_hello),
		cmocka_unit_test(ready_before_the_offer_counts_for_nothing),
		cmocka_unit_test(another_generation_counts_for_nothing),
		cmocka_unit_test(a_refusal_aborts_everywhere),
		cmocka_unit_test(the_router_may_still_refuse_the_commit),
		cmocka_unit_test(a_death_while_waiting_aborts_the_others),
		cmocka_unit_test(a_death_after_the_first_commit_does_not_stop_the_others),
		cmocka_unit_test(silence_in_wait_aborts_and_names_the_silent),
		cmocka_unit_test(a_child_that_never_starts_is_named),
		cmocka_unit_test(silence_of_the_first_commit_aborts),
		cmocka_unit_test(silence_of_a_later_commit_gives_up_that_child_alone),
		cmocka_unit_test(a_stranger_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
