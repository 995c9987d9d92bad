/* daemon/process_usage.c, control_usage.c, control_metrics.c: what is used, read and printed. */
#include "tests/unit/daemon/unit.h"

#include "core/own.h"
#include "core/report.h"
#include "daemon/control/control_metrics.h"
#include "daemon/control/control_usage.h"
#include "daemon/process_usage.h"

static void
times_stand_behind_the_last_parenthesis_of_the_name(void **state)
{
	uint64_t ticks = 0;

	(void)state;
	assert_int_equal(
		process_usage_parse_stat(
			SLICE_LIT("12 (a) b (c) S 1 2 3 0 -1 4194560 5 6 7 8 30 12 0 0 20 0 1"),
			&ticks),
		0);
	assert_int_equal(ticks, 42);
	assert_int_equal(process_usage_parse_stat(SLICE_LIT("12 (a) S 1 2"), &ticks), -1);
	assert_int_equal(process_usage_parse_stat(SLICE_LIT(""), &ticks), -1);
}

static void
memory_and_limits_are_found_by_their_line(void **state)
{
	struct slice rollup = SLICE_LIT("Rss:     100 kB\nPss:      40 kB\nPss_Anon: 3 kB\n");

	(void)state;
	assert_int_equal(process_usage_parse_kib(rollup, "Rss"), 100 * 1024);
	assert_int_equal(process_usage_parse_kib(rollup, "Pss"), 40 * 1024);
	assert_int_equal(process_usage_parse_kib(rollup, "Swap"), 0);
	assert_int_equal(process_usage_parse_limit(SLICE_LIT(
				 "Limit  Soft\nMax open files            1024  4096 files\n")),
		1024);
	assert_int_equal(process_usage_parse_limit(SLICE_LIT("")), 0);
}

static void
our_own_process_uses_something(void **state)
{
	struct process_usage u;

	(void)state;
	process_usage_read(getpid(), &u);
	assert_true(u.rss > 0 && u.pss > 0 && u.pss <= u.rss);
	assert_true(u.fds >= 3 && u.fds <= u.fds_max);
}

static json_t *
usage_with_a_route(struct control_state *s)
{
	struct report_route r = {.site = SLICE_LIT("a\"b"), .path = SLICE_LIT("/x"), .exact = true};
	const struct report_close c = {
		.reason = SLICE_LIT("done"), .meaning = SLICE_LIT("it was"), .number = 7};
	json_t *usage = control_usage_new();
	struct buf b;

	r.sums.classes[2] = 3;
	r.sums.buckets[0] = 1;
	r.sums.buckets[15] = 2;
	r.sums.duration_us = 1500000;
	buf_init(&b, REPORT_MAX);
	assert_int_equal(report_put_close(&b, &c), 0);
	assert_int_equal(report_put_route(&b, &r), 0);
	control_usage_proxy(usage, buf_slice(&b));
	buf_clear(&b);
	control_usage_finish(usage, s, 0);
	return usage;
}

static void
expect_line(const struct buf *text, const char *line)
{
	struct slice s = buf_slice(text);

	if (!memmem(s.p, s.n, line, strlen(line)))
		fail_msg("no %s in:\n%.*s", line, SLICE_ARG(s));
}

static void
metrics_are_cumulative_and_escaped(void **state)
{
	struct control_state s = {0};
	struct buf text;
	json_t *usage;

	(void)state;
	assert_int_equal(control_state_init(&s), 0);
	usage = usage_with_a_route(&s);
	buf_init(&text, METRICS_TEXT_MAX);
	assert_int_equal(control_metrics_print(usage, &text), 0);
	expect_line(&text,
		"sluice_route_requests_total{site=\"a\\\"b\",route=\"= /x\",class=\"2xx\"} 3\n");
	expect_line(&text, "_bucket{site=\"a\\\"b\",route=\"= /x\",le=\"0.0005\"} 1\n");
	expect_line(&text, "_bucket{site=\"a\\\"b\",route=\"= /x\",le=\"30\"} 1\n");
	expect_line(&text, "_bucket{site=\"a\\\"b\",route=\"= /x\",le=\"+Inf\"} 3\n");
	expect_line(&text, "_sum{site=\"a\\\"b\",route=\"= /x\"} 1.5\n");
	expect_line(&text, "sluice_connections_closed_total{reason=\"done\"} 7\n");
	expect_line(&text, "# TYPE sluice_route_duration_seconds histogram\n");
	json_decref(usage);
	buf_clear(&text);
	control_state_clear(&s);
}

static void
targets_are_up_or_not(void **state)
{
	struct control_state s = {0};
	struct buf text;
	json_t *usage;

	(void)state;
	assert_int_equal(control_state_init(&s), 0);
	usage = usage_with_a_route(&s);
	json_object_set_new(usage, "targets",
		json_pack("[{s:s, s:s, s:b, s:s, s:s, s:i, s:i, s:i}, {s:s, s:s, s:b, s:s, s:s}]",
			"site", "a", "path", "/x", "exact", 0, "target", "http://b:1", "state",
			"up", "active", 2, "requests", 9, "failures", 1, "site", "a", "path", "/x",
			"exact", 0, "target", "http://c:1", "state", "trying"));
	buf_init(&text, METRICS_TEXT_MAX);
	assert_int_equal(control_metrics_print(usage, &text), 0);
	expect_line(&text, "sluice_target_up{site=\"a\",route=\"/x\",target=\"http://b:1\"} 1\n"
			   "sluice_target_up{site=\"a\",route=\"/x\",target=\"http://c:1\"} 0\n");
	expect_line(&text, "sluice_target_requests_active{site=\"a\",route=\"/x\","
			   "target=\"http://b:1\"} 2\n");
	expect_line(&text, "target=\"http://b:1\"} 9\n");
	expect_line(&text, "# TYPE sluice_target_failures_total counter\n");
	json_decref(usage);
	buf_clear(&text);
	control_state_clear(&s);
}

static void
a_report_that_breaks_off_gives_what_was_before(void **state)
{
	json_t *usage = control_usage_new();
	const struct report_thread t = {.index = 1};
	struct buf b;

	(void)state;
	buf_init(&b, REPORT_MAX);
	assert_int_equal(report_put_thread(&b, &t), 0);
	assert_int_equal(buf_append_str(&b, "tx"), 0);
	control_usage_proxy(usage, buf_slice(&b));
	assert_int_equal(json_array_size(json_object_get(usage, "threads")), 1);
	buf_clear(&b);
	json_decref(usage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_stand_behind_the_last_parenthesis_of_the_name),
		cmocka_unit_test(memory_and_limits_are_found_by_their_line),
		cmocka_unit_test(our_own_process_uses_something),
		cmocka_unit_test(metrics_are_cumulative_and_escaped),
		cmocka_unit_test(targets_are_up_or_not),
		cmocka_unit_test(a_report_that_breaks_off_gives_what_was_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
