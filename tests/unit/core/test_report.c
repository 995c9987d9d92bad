/* core/report.c and core/route_stats.c: what the proxy counts of its routes, and tells of them. */
#include "tests/unit/core/unit.h"

#include "core/report.h"

#include <string.h>

static void
a_request_stands_in_one_class_and_one_bucket(void **state)
{
	static struct route_stats s;
	struct route_sums sums = {0};

	(void)state;
	route_stats_add(&s, 204, 500, 10, 1);
	route_stats_add(&s, 200, 501, 20, 2);
	route_stats_add(&s, 0, UINT64_C(40000000), 0, 0);
	route_stats_add(&s, 999, 1, 0, 0);
	route_stats_sum(&s, &sums);
	assert_int_equal(sums.classes[2], 2);
	assert_int_equal(sums.classes[0], 2);
	assert_int_equal(sums.buckets[0], 2);
	assert_int_equal(sums.buckets[1], 1);
	assert_int_equal(sums.buckets[ROUTE_BUCKETS - 1], 1);
	assert_int_equal(sums.duration_us, 40001002);
	assert_int_equal(sums.sent, 30);
	assert_int_equal(sums.received, 3);
}

static void
bounds_grow(void **state)
{
	(void)state;
	for (size_t i = 1; i < ROUTE_BUCKETS; i++)
		assert_true(route_bucket_bound(i) > route_bucket_bound(i - 1));
	assert_true(route_bucket_bound(ROUTE_BUCKETS - 1) == UINT64_MAX);
}

static void
fill(struct buf *b)
{
	const struct report_close c = {
		.reason = SLICE_LIT("done"), .meaning = SLICE_LIT("it was"), .number = 7};
	const struct report_thread t = {.index = 3, .accepted = 10, .open = 2, .requests = 99};
	const struct report_limit l = {.name = SLICE_LIT("connections"),
		.now = 5,
		.most = UINT64_MAX,
		.reached = 2,
		.last_ms = 1750000000000};
	const struct report_stored o = {.url = SLICE_LIT("http://a/"),
		.tags = SLICE_LIT("t"),
		.head = SLICE_LIT("HTTP/1.1 200 OK\r\n"),
		.status = 200,
		.size = 10,
		.age_s = 3,
		.lifetime_s = 60};
	struct report_route r = {
		.site = SLICE_LIT("a.example"), .path = SLICE_LIT("/x"), .exact = true};

	r.sums.classes[5] = 4;
	r.sums.buckets[15] = UINT64_MAX;
	r.sums.received = 6;
	buf_init(b, REPORT_MAX);
	assert_int_equal(report_put_close(b, &c), 0);
	assert_int_equal(report_put_thread(b, &t), 0);
	assert_int_equal(report_put_limit(b, &l), 0);
	assert_int_equal(report_put_stored(b, &o), 0);
	assert_int_equal(report_put_route(b, &r), 0);
}

static void
records_read_as_they_were_written(void **state)
{
	struct buf b;
	struct slice rest;
	struct report_record r;

	(void)state;
	fill(&b);
	rest = buf_slice(&b);
	assert_int_equal(report_next(&rest, &r), 1);
	assert_int_equal(r.kind, REPORT_CLOSE);
	assert_true(slice_eq_str(r.close.meaning, "it was") && r.close.number == 7);
	assert_int_equal(report_next(&rest, &r), 1);
	assert_int_equal(r.kind, REPORT_THREAD);
	assert_true(r.thread.index == 3 && r.thread.open == 2 && r.thread.requests == 99);
	assert_int_equal(report_next(&rest, &r), 1);
	assert_int_equal(r.kind, REPORT_LIMIT);
	assert_true(slice_eq_str(r.limit.name, "connections") && r.limit.now == 5);
	assert_true(r.limit.most == UINT64_MAX && r.limit.reached == 2);
	assert_true(r.limit.last_ms == 1750000000000);
	assert_int_equal(report_next(&rest, &r), 1);
	assert_int_equal(r.kind, REPORT_STORED);
	assert_true(slice_eq_str(r.stored.url, "http://a/") && slice_eq_str(r.stored.tags, "t"));
	assert_true(r.stored.status == 200 && r.stored.size == 10 && r.stored.age_s == 3);
	assert_true(r.stored.lifetime_s == 60 && r.stored.vary.n == 0);
	assert_int_equal(report_next(&rest, &r), 1);
	assert_int_equal(r.kind, REPORT_ROUTE);
	assert_true(r.route.exact && slice_eq_str(r.route.path, "/x"));
	assert_int_equal(r.route.sums.classes[5], 4);
	assert_true(r.route.sums.buckets[15] == UINT64_MAX && r.route.sums.received == 6);
	assert_int_equal(report_next(&rest, &r), 0);
	buf_clear(&b);
}

static void
a_report_cut_anywhere_is_malformed_or_ends_between_records(void **state)
{
	struct report_record r;
	unsigned whole = 0;
	struct buf b;

	(void)state;
	fill(&b);
	for (size_t n = 0; n < buf_len(&b); n++) {
		struct slice rest = slice_head(buf_slice(&b), n);
		int rc;

		while ((rc = report_next(&rest, &r)) > 0)
			;
		whole += rc == 0;
	}
	assert_int_equal(whole, 5); /* nothing, one record, two, three, four */
	buf_clear(&b);
}

static void
what_does_not_fit_is_left_out_whole(void **state)
{
	const struct report_thread t = {.index = 1};
	struct buf b;

	(void)state;
	buf_init(&b, 30); /* a thread's record takes 29 */
	assert_int_equal(report_put_thread(&b, &t), 0);
	assert_int_equal(report_put_thread(&b, &t), -1);
	assert_int_equal(buf_len(&b), 29);
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_stands_in_one_class_and_one_bucket),
		cmocka_unit_test(bounds_grow),
		cmocka_unit_test(records_read_as_they_were_written),
		cmocka_unit_test(a_report_cut_anywhere_is_malformed_or_ends_between_records),
		cmocka_unit_test(what_does_not_fit_is_left_out_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
