/* conf/conf.c and conf/show.c: references, places, names of values, errors for people. */
#include "tests/unit/conf/unit.h"

#include "conf/container_state.h"

#include <pthread.h>

static void *
ref_and_unref(void *arg)
{
	for (unsigned i = 0; i < 10000; i++) {
		struct conf *c = conf_ref(arg);

		if (c->n_listens != 1)
			abort();
		conf_unref(&c);
	}
	return NULL;
}

static void
references_are_counted_across_threads(void **state)
{
	struct conf *c = unit_parse("listen 80 plain\n");
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, c), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&c->refs), 1);
	conf_unref(&c);
	assert_null(c);
	conf_unref(&c);
}

static void
an_ordinal_leads_to_its_place(void **state)
{
	struct conf_places *places = NULL;
	struct conf_errors errs;
	struct conf *c =
		unit_try_parse(SLICE_LIT("# one\nlisten 80 plain\n  state /x\n"), &places, &errs);
	const uint32_t source[] = {2, 1};
	struct err e;

	(void)state;
	assert_non_null(c);
	err_ordinal(&e, 2, "why");
	conf_places_apply(places, NULL, 0, &e);
	assert_string_equal(e.file, "test.conf");
	assert_int_equal(e.line, 3);
	assert_int_equal(e.col, 3);
	assert_string_equal(e.msg, "why");
	err_ordinal(&e, 2, "why");
	conf_places_apply(places, source, 2, &e);
	assert_int_equal(e.line, 2);
	conf_unref(&c);
	conf_places_free(&places);
	assert_null(places);
	conf_places_free(&places);
}

static void
an_unknown_ordinal_leaves_the_error_alone(void **state)
{
	struct conf_places *places = NULL;
	struct conf_errors errs;
	struct conf *c = unit_try_parse(SLICE_LIT("listen 80 plain\n"), &places, &errs);
	const uint32_t source[] = {1};
	struct err e;

	(void)state;
	assert_non_null(c);
	err_ordinal(&e, 2, "why");
	conf_places_apply(places, source, 1, &e);
	conf_places_apply(places, NULL, 0, &e);
	assert_string_equal(e.file, "");
	err_set(&e, "why");
	e.ordinal = 0;
	conf_places_apply(places, source, 1, &e);
	assert_string_equal(e.file, "");
	conf_unref(&c);
	conf_places_free(&places);
}

static void
values_have_the_words_of_the_language(void **state)
{
	(void)state;
	assert_string_equal(conf_proto_name(CONF_TCP), "tcp");
	assert_string_equal(conf_proto_name(CONF_UDP), "udp");
	assert_string_equal(conf_timeout_name(CONF_TIMEOUT_CONNECT), "connect");
	assert_string_equal(conf_timeout_name(CONF_TIMEOUT_IDLE), "idle");
	assert_string_equal(conf_listen_mode_name(CONF_LISTEN_TLS), "tls");
	assert_string_equal(conf_listen_mode_name(CONF_LISTEN_PLAIN), "plain");
	assert_string_equal(conf_listen_mode_name(CONF_LISTEN_REDIRECT), "redirect");
	assert_string_equal(container_state_name(CONTAINER_FROZEN), "frozen");
	assert_string_equal(container_state_name(CONTAINER_STATE_COUNT), "?");
}

static struct slice
the_text(void *ctx, const char *file)
{
	return strcmp(file, "test.conf") == 0 ? slice_str(ctx) : slice_of("", 0);
}

static void
expect_shown(const struct err *e, const char *text, const char *shown)
{
	struct conf_errors errs = {.n = 1, .errors = {*e}};
	char copy[512];
	struct buf out;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	buf_init(&out, 4096);
	assert_int_equal(conf_errors_print(&errs, the_text, copy, &out), 0);
	assert_int_equal(buf_append_byte(&out, '\0'), 0);
	assert_string_equal(buf_slice(&out).p, shown);
	buf_clear(&out);
}

static void
errors_show_their_line_and_a_caret(void **state)
{
	struct err e;

	(void)state;
	err_at(&e, "test.conf", 2, 3, "wrong");
	expect_shown(&e, "one\ntwo\n", "test.conf:2:3: wrong\n  two\n    ^\n");
	expect_shown(&e, "one\r\ntwo\r\n", "test.conf:2:3: wrong\n  two\n    ^\n");
	expect_shown(&e, "one\n\tx", "test.conf:2:3: wrong\n  \tx\n  \t ^\n");
	expect_shown(&e, "one\n\xc3\xa4x", "test.conf:2:3: wrong\n  \xc3\xa4x\n   ^\n");
	expect_shown(&e, "one\na\033x", "test.conf:2:3: wrong\n  a?x\n    ^\n");
	err_at(&e, "test.conf", 9, 9, "beyond");
	expect_shown(&e, "one\n", "test.conf:9:9: beyond\n  \n  ^\n");
	err_at(&e, "other.conf", 1, 1, "elsewhere");
	expect_shown(&e, "one\n", "other.conf:1:1: elsewhere\n");
	err_set(&e, "nowhere");
	expect_shown(&e, "one\n", "nowhere\n");
}

static void
errors_that_do_not_fit_fail(void **state)
{
	struct conf_errors errs = {.n = 1, .too_many = true};
	char text[] = "one two three four\n";
	struct buf out;

	(void)state;
	err_at(&errs.errors[0], "test.conf", 1, 5, "wrong");
	for (size_t max = 1; max < 200; max++) {
		int ret;

		buf_init(&out, max);
		ret = conf_errors_print(&errs, the_text, text, &out);
		buf_clear(&out);
		if (ret == 0) {
			assert_true(max > 60);
			return;
		}
	}
	fail();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_counted_across_threads),
		cmocka_unit_test(an_ordinal_leads_to_its_place),
		cmocka_unit_test(an_unknown_ordinal_leaves_the_error_alone),
		cmocka_unit_test(values_have_the_words_of_the_language),
		cmocka_unit_test(errors_show_their_line_and_a_caret),
		cmocka_unit_test(errors_that_do_not_fit_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
