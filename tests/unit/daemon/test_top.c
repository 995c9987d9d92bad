/* daemon/ctl/top.c: rates, quantiles, and what a terminal shows of them. */
#include "tests/unit/daemon/unit.h"

#include "core/own.h"
#include "daemon/ctl/top.h"

#define BEFORE                                                                                     \
	"{\"time\":1000,\"counters\":{\"connections_open\":4},"                                    \
	"\"processes\":[{\"name\":\"proxy\",\"pid\":7,\"cpu_ms\":100,\"rss\":1,\"pss\":1048576}]," \
	"\"containers\":[],\"routes\":[{\"site\":\"a\",\"path\":\"/\",\"exact\":false,"            \
	"\"classes\":[0,0,10,0,0,1],\"buckets\":[10,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1],"               \
	"\"sent\":100,\"received\":0}]}"
#define NOW                                                                                        \
	"{\"time\":3000,\"counters\":{\"connections_open\":6},"                                    \
	"\"processes\":[{\"name\":\"proxy\",\"pid\":7,\"cpu_ms\":600,\"rss\":1,\"pss\":1048576}]," \
	"\"containers\":[{\"name\":\"web\",\"state\":\"stopped\"}],"                               \
	"\"routes\":[{\"site\":\"b\",\"path\":\"/x\",\"exact\":true,"                              \
	"\"classes\":[0,0,100,0,0,0],\"buckets\":[0,100,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"             \
	"\"sent\":3000,\"received\":0},{\"site\":\"a\",\"path\":\"/\",\"exact\":false,"            \
	"\"classes\":[0,0,20,0,0,3],\"buckets\":[20,0,0,0,0,0,0,0,0,0,0,0,0,0,0,3],"               \
	"\"sent\":300,\"received\":0}]}"

static json_t *
digest(enum top_sort sort)
{
	json_t *before = json_loads(BEFORE, 0, NULL), *now = json_loads(NOW, 0, NULL);
	json_t *o = top_digest(before, now, sort);

	assert_non_null(before);
	assert_non_null(now);
	json_decref(before);
	json_decref(now);
	return o;
}

static double
real(const json_t *o, const char *key)
{
	return json_real_value(json_object_get(o, key));
}

static void
counters_become_rates(void **state)
{
	json_t *o = digest(TOP_SORT_REQUESTS);
	const json_t *first = json_array_get(json_object_get(o, "routes"), 0);
	const json_t *second = json_array_get(json_object_get(o, "routes"), 1);

	(void)state;
	assert_float_equal(real(o, "requests_per_s"), 56, 1e-9); /* 100 + 10 + 2 in 2 s */
	assert_float_equal(real(o, "errors_per_s"), 1, 1e-9);
	assert_float_equal(real(first, "requests_per_s"), 50, 1e-9);
	assert_float_equal(real(first, "p50_ms"), 0.75, 1e-9);
	assert_float_equal(real(second, "sent_per_s"), 100, 1e-9);
	assert_float_equal(real(second, "p99_ms"), 30000, 1e-9);
	assert_float_equal(
		real(json_array_get(json_object_get(o, "processes"), 0), "cpu_percent"), 25, 1e-9);
	json_decref(o);
}

static void
the_order_is_asked_for(void **state)
{
	json_t *o = digest(TOP_SORT_ERRORS);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(o, "routes"), 0), "site")),
		"a");
	json_decref(o);
}

static void
quantiles_lie_in_their_bucket(void **state)
{
	const uint64_t bounds[] = {10, 20, 40};
	const uint64_t none[4] = {0}, first[4] = {4, 0, 0, 0}, spread[4] = {1, 1, 2, 0};
	const uint64_t last[4] = {0, 0, 0, 5};

	(void)state;
	assert_float_equal(top_quantile(none, bounds, 4, 0.5), 0, 1e-9);
	assert_float_equal(top_quantile(first, bounds, 4, 0.5), 5, 1e-9);
	assert_float_equal(top_quantile(spread, bounds, 4, 0.5), 20, 1e-9);
	assert_float_equal(top_quantile(spread, bounds, 4, 1), 40, 1e-9);
	assert_float_equal(top_quantile(last, bounds, 4, 0.5), 40, 1e-9);
}

static void
the_table_names_everything(void **state)
{
	json_t *o = digest(TOP_SORT_REQUESTS);
	struct buf out;
	static const char *const wanted[] = {"56.0 requests/s", "6 connections", "1.0M", "web",
		"stopped", "50 ", "/x", "by requests"};

	(void)state;
	buf_init(&out, 65536);
	assert_int_equal(top_print(o, TOP_SORT_REQUESTS, &out), 0);
	assert_int_equal(buf_append_byte(&out, '\0'), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!strstr(out.data, wanted[i]))
			fail_msg("no \"%s\" in:\n%s", wanted[i], out.data);
	/* A terminal has 80 columns: what all of it is about must not be cut off. */
	assert_true(strcspn(out.data, "\n") < 80);
	buf_clear(&out);
	json_decref(o);
}

static void
expect_cut(struct top_window *w, const char *expected)
{
	struct buf out;

	buf_init(&out, 4096);
	assert_int_equal(top_cut(SLICE_LIT("head\n1\n2\n3\n4\n"), w, &out), 0);
	assert_true(slice_eq_str(buf_slice(&out), expected));
	buf_clear(&out);
}

static void
a_window_scrolls_below_its_first_line(void **state)
{
	struct top_window w = {.lines = 4, .columns = 3};

	(void)state;
	expect_cut(&w, "hea\033[K\n1\033[K\n2\033[K\n");
	w.first = 1;
	expect_cut(&w, "hea\033[K\n2\033[K\n3\033[K\n");
	w.first = 77;
	expect_cut(&w, "hea\033[K\n3\033[K\n4\033[K\n");
	assert_int_equal(w.first, 2);
	w = (struct top_window){.lines = 50, .columns = 80, .first = 3};
	expect_cut(&w, "head\033[K\n1\033[K\n2\033[K\n3\033[K\n4\033[K\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_become_rates),
		cmocka_unit_test(the_order_is_asked_for),
		cmocka_unit_test(quantiles_lie_in_their_bucket),
		cmocka_unit_test(the_table_names_everything),
		cmocka_unit_test(a_window_scrolls_below_its_first_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
