/* core/buf.c: growing, the maximum, consuming at the front. */
#include "tests/unit/core/unit.h"

#include "core/buf.h"

static void
an_unused_buffer_is_an_empty_slice(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(buf_room(&b), 10);
	assert_non_null(buf_slice(&b).p);
	assert_null(b.data);
	buf_clear(&b);
}

static void
an_append_beyond_the_maximum_changes_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	assert_int_equal(buf_append_str(&b, "abc"), 0);
	assert_int_equal(buf_append_str(&b, "def"), -1);
	assert_int_equal(buf_printf(&b, "%d", 123), -1);
	assert_null(buf_reserve(&b, 3));
	assert_true(slice_eq_str(buf_slice(&b), "abc"));
	assert_int_equal(buf_append_slice(&b, SLICE_LIT("de")), 0);
	assert_int_equal(buf_append_byte(&b, 'f'), -1);
	assert_true(slice_eq_str(buf_slice(&b), "abcde"));
	buf_clear(&b);
	assert_int_equal(b.max, 5);
}

static void
printf_may_fill_to_the_last_byte(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 6);
	assert_int_equal(buf_printf(&b, "%s-%d", "ab", 123), 0);
	assert_true(slice_eq_str(buf_slice(&b), "ab-123"));
	buf_clear(&b);
}

static void
consumed_bytes_make_room(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(buf_append_str(&b, "12345678"), 0);
	buf_consume(&b, 3);
	assert_int_equal(buf_room(&b), 3);
	assert_int_equal(buf_append_str(&b, "abc"), 0);
	assert_true(slice_eq_str(buf_slice(&b), "45678abc"));
	buf_consume(&b, 8);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(b.start, 0);
	buf_clear(&b);
}

static void
reserve_and_commit_append_what_was_written(void **state)
{
	struct buf b;
	char *to;

	(void)state;
	buf_init(&b, 1000);
	to = buf_reserve(&b, 500);
	assert_non_null(to);
	memcpy(to, "hello", 5);
	buf_commit(&b, 5);
	assert_true(slice_eq_str(buf_slice(&b), "hello"));
	buf_reset(&b);
	assert_int_equal(buf_len(&b), 0);
	assert_non_null(b.data);
	buf_clear(&b);
}

/* A queue's life: the contents stay right whatever the order of growth and sliding. */
static void
many_appends_and_consumes_keep_the_bytes(void **state)
{
	unsigned written = 0, read = 0, seed = 1;
	struct buf b;

	(void)state;
	buf_init(&b, 3000);
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		for (unsigned n = seed >> 16 & 31; n && buf_room(&b); n--)
			assert_int_equal(buf_append_byte(&b, (char)written++), 0);
		for (unsigned n = seed >> 24 & 31; n && buf_len(&b); n--) {
			assert_int_equal((unsigned char)buf_slice(&b).p[0], read++ & 0xff);
			buf_consume(&b, 1);
		}
	}
	assert_true(written > 100000);
	assert_true(b.cap <= 3000);
	buf_clear(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unused_buffer_is_an_empty_slice),
		cmocka_unit_test(an_append_beyond_the_maximum_changes_nothing),
		cmocka_unit_test(printf_may_fill_to_the_last_byte),
		cmocka_unit_test(consumed_bytes_make_room),
		cmocka_unit_test(reserve_and_commit_append_what_was_written),
		cmocka_unit_test(many_appends_and_consumes_keep_the_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
