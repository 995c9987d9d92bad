/* proxy/cache/cache_disk_format.c: what was written is read, and nothing else is. */
#include "tests/unit/core/unit.h"

#include "proxy/cache/cache_disk_format.h"
#include "proxy/cache/cache_disk_plan.h"

#include <stdlib.h>

static const struct siphash_key key = {.k0 = 7, .k1 = 8};

static const struct disk_record answer = {.kind = DISK_ANSWER,
	.serial = 41,
	.boot = 99,
	.came_wall_ms = 1700000000123,
	.came_mono_ms = 5000,
	.terms = {.born_s = 3, .lifetime_s = 60, .while_s = 10, .if_error_s = -1, .no_cache = true},
	.status = 200,
	.coded = true,
	.url = {.p = "http://a/x", .n = 10},
	.scope = {.p = "80 1 b", .n = 6},
	.vary = {.p = "accept", .n = 6},
	.key = {.p = "a/b", .n = 3},
	.tags = {.p = "one two", .n = 7},
	.head = {.p = "HTTP/1.1 200 OK\r\n", .n = 17},
	.body_n = 5};

static void
same(const struct disk_record *a, const struct disk_record *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_true(a->serial == b->serial && a->boot == b->boot && a->status == b->status);
	assert_true(a->came_wall_ms == b->came_wall_ms && a->came_mono_ms == b->came_mono_ms);
	assert_memory_equal(&a->terms, &b->terms, sizeof(a->terms));
	assert_true(a->coded == b->coded && a->body_n == b->body_n);
	assert_true(slice_eq(a->url, b->url) && slice_eq(a->scope, b->scope));
	assert_true(slice_eq(a->vary, b->vary) && slice_eq(a->key, b->key));
	assert_true(slice_eq(a->tags, b->tags) && slice_eq(a->head, b->head));
}

static void
write_answer(struct buf *b)
{
	buf_init(b, DISK_META_MAX);
	assert_int_equal(disk_record_write(&key, &answer, SLICE_LIT("hello"), b), 0);
}

static void
a_record_reads_as_it_was_written(void **state)
{
	struct disk_extent extent, same_extent;
	struct disk_record r;
	struct buf b;

	(void)state;
	write_answer(&b);
	assert_int_equal(disk_record_measure(buf_slice(&b), &extent), 0);
	assert_true(extent.meta == buf_len(&b) && extent.body == 5);
	disk_record_extent(&answer, &same_extent);
	assert_memory_equal(&extent, &same_extent, sizeof(extent));
	assert_int_equal(disk_record_read(&key, buf_slice(&b), &r), 0);
	same(&r, &answer);
	assert_true(disk_body_is_right(&key, buf_slice(&b), SLICE_LIT("hello")));
	assert_false(disk_body_is_right(&key, buf_slice(&b), SLICE_LIT("hellO")));
	assert_false(disk_body_is_right(&key, buf_slice(&b), SLICE_LIT("hell")));
	assert_int_equal(disk_record_find(buf_slice(&b)), 0);
	buf_clear(&b);
}

static void
no_bit_of_it_may_be_another(void **state)
{
	struct siphash_key other = {.k0 = 7, .k1 = 9};
	struct disk_record r;
	struct buf b;

	(void)state;
	write_answer(&b);
	for (size_t i = 0; i < 8 * buf_len(&b); i++) {
		b.data[i / 8] = (char)(b.data[i / 8] ^ (1 << i % 8));
		if (disk_record_read(&key, buf_slice(&b), &r) == 0)
			fail_msg("bit %zu counts for nothing", i);
		b.data[i / 8] = (char)(b.data[i / 8] ^ (1 << i % 8));
	}
	for (size_t n = 0; n < buf_len(&b); n++)
		assert_int_equal(disk_record_read(&key, slice_head(buf_slice(&b), n), &r), -1);
	assert_int_equal(disk_record_read(&other, buf_slice(&b), &r), -1);
	assert_int_equal(disk_record_read(&key, buf_slice(&b), &r), 0);
	buf_clear(&b);
}

static void
a_long_body_has_a_sum_for_each_chunk(void **state)
{
	size_t n = 2 * DISK_CHUNK + 3;
	char *body = calloc(1, n);
	struct disk_record r = answer;
	struct buf b;

	(void)state;
	assert_non_null(body);
	buf_init(&b, DISK_META_MAX);
	r.body_n = n;
	assert_int_equal(disk_record_write(&key, &r, slice_of(body, n), &b), 0);
	assert_true(disk_body_is_right(&key, buf_slice(&b), slice_of(body, n)));
	for (size_t at = 0; at < n; at += DISK_CHUNK) {
		body[at]++;
		assert_false(disk_body_is_right(&key, buf_slice(&b), slice_of(body, n)));
		body[at]--;
	}
	buf_clear(&b);
	free(body);
}

static void
what_is_too_long_is_not_written(void **state)
{
	char *long_text = calloc(1, DISK_TEXT_MAX + 1);
	struct disk_record r = answer;
	struct buf b;

	(void)state;
	assert_non_null(long_text);
	buf_init(&b, 2 * DISK_META_MAX);
	r.url = slice_of(long_text, DISK_TEXT_MAX + 1);
	assert_int_equal(disk_record_write(&key, &r, SLICE_LIT("hello"), &b), -1);
	r.url = answer.url;
	r.head = slice_of(long_text, DISK_ANSWER_HEAD_MAX + 1);
	assert_int_equal(disk_record_write(&key, &r, SLICE_LIT("hello"), &b), -1);
	r.head = answer.head;
	r.body_n = 6;
	assert_int_equal(disk_record_write(&key, &r, SLICE_LIT("hello"), &b), -1);
	free(long_text);
	buf_clear(&b);
}

static void
a_footer_lists_what_was_written(void **state)
{
	struct disk_record r, kill = {.kind = DISK_KILL_TAG, .serial = 42, .url = SLICE_LIT("t")};
	struct disk_record entry = answer;
	struct slice entries;
	uint64_t offset;
	struct buf b;
	size_t n;

	(void)state;
	buf_init(&b, DISK_FOOTER_MAX);
	assert_int_equal(disk_entry_write(&answer, 64, &b), 0);
	assert_int_equal(disk_entry_write(&kill, 640, &b), 0);
	assert_int_equal(disk_footer_end(&key, &b), 0);
	assert_int_equal(
		disk_footer_measure(slice_skip(buf_slice(&b), buf_len(&b) - DISK_TAIL), &n), 0);
	assert_int_equal(n, buf_len(&b));
	for (size_t i = 0; i < buf_len(&b); i++) {
		b.data[i]++;
		assert_int_equal(disk_footer_read(&key, buf_slice(&b), &entries), -1);
		b.data[i]--;
	}
	assert_int_equal(disk_footer_read(&key, buf_slice(&b), &entries), 0);
	assert_int_equal(disk_entry_next(&entries, &offset, &r), 1);
	assert_int_equal(offset, 64);
	entry.head.p = r.head.p; /* of it there is only the length */
	assert_int_equal(r.head.n, answer.head.n);
	r.head.n = entry.head.n = 0;
	same(&r, &entry);
	assert_int_equal(disk_entry_next(&entries, &offset, &r), 1);
	assert_true(r.kind == DISK_KILL_TAG && r.serial == 42 && slice_eq_str(r.url, "t"));
	assert_int_equal(disk_entry_next(&entries, &offset, &r), 0);
	buf_clear(&b);
}

static void
a_segment_begins_with_its_number_and_key(void **state)
{
	const struct disk_segment_head head = {.number = 5, .key = {.k0 = 1, .k1 = 2}};
	unsigned char bytes[DISK_SEGMENT_HEAD];
	struct disk_segment_head read;

	(void)state;
	disk_segment_head_write(&head, bytes);
	assert_int_equal(disk_segment_head_read(slice_of(bytes, sizeof(bytes)), &read), 0);
	assert_memory_equal(&head, &read, sizeof(head));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i]++;
		assert_int_equal(disk_segment_head_read(slice_of(bytes, sizeof(bytes)), &read), -1);
		bytes[i]--;
	}
	assert_int_equal(disk_segment_head_read(slice_of(bytes, sizeof(bytes) - 1), &read), -1);
}

static void
a_kill_is_for_those_that_it_names(void **state)
{
	struct slice url = SLICE_LIT("http://a/x"), tags = SLICE_LIT("one two");

	(void)state;
	assert_true(disk_kill_matches(DISK_KILL_URL, url, url, tags));
	assert_false(disk_kill_matches(DISK_KILL_URL, SLICE_LIT("http://a/"), url, tags));
	assert_true(disk_kill_matches(DISK_KILL_PREFIX, SLICE_LIT("http://a/"), url, tags));
	assert_true(disk_kill_matches(DISK_KILL_PREFIX, SLICE_LIT(""), url, tags));
	assert_false(disk_kill_matches(DISK_KILL_PREFIX, SLICE_LIT("http://b"), url, tags));
	assert_true(disk_kill_matches(DISK_KILL_TAG, SLICE_LIT("two"), url, tags));
	assert_false(disk_kill_matches(DISK_KILL_TAG, SLICE_LIT("tw"), url, tags));
	assert_false(disk_kill_matches(DISK_ANSWER, url, url, tags));
}

struct aged {
	const char *what;
	uint64_t boot;
	int64_t wall_ms, latest_ms;
	uint64_t mono_ms;
	int64_t born_s; /* expected */
};

/* It came at wall 100,000 ms, monotonic 50,000 ms, in boot 1, being 3 seconds old; fresh for 60. */
static void
nothing_becomes_younger(void **state)
{
	static const struct aged cases[] = {
		{"the same boot", 1, 110000, 0, 60000, 13},
		{"rounded up", 1, 110001, 0, 60000, 14},
		{"the wall clock was set back", 1, 20000, 100000, 60000, 13},
		{"the machine slept", 1, 200000, 0, 60000, 103},
		{"another boot", 2, 130000, 100000, 1000, 33},
		{"another boot, before it came", 2, 99000, 99000, 1000, 60},
		{"another boot, before the last thing written", 2, 105000, 106000, 1000, 60},
		{"for ever", 2, INT64_C(10000000000000), 0, 1000, CACHE_SECONDS_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct aged *c = &cases[i];
		struct disk_record r = {.boot = 1,
			.came_wall_ms = 100000,
			.came_mono_ms = 50000,
			.terms = {.born_s = 3, .lifetime_s = 60, .while_s = 1000}};

		disk_record_grow_old(&r, c->boot, c->wall_ms, c->mono_ms, c->latest_ms);
		if (r.terms.born_s != c->born_s)
			fail_msg("%s: %lld", c->what, (long long)r.terms.born_s);
		if (c->born_s == 60)
			assert_int_equal(
				cache_terms_use(&r.terms, r.terms.born_s), CACHE_USE_STALE);
	}
}

static void
budget_and_floor_are_kept(void **state)
{
	struct disk_room r = {.budget = 1000, .used = 300, .free = 5000, .floor = 100, .spare = 10};

	(void)state;
	assert_int_equal(disk_plan_allowance(&r), 990);
	r.free = 400;
	assert_int_equal(disk_plan_allowance(&r), 590);
	r.free = 0;
	assert_int_equal(disk_plan_allowance(&r), 190);
	r.floor = 300;
	assert_int_equal(disk_plan_allowance(&r), 0);
	r.floor = 3000;
	assert_int_equal(disk_plan_allowance(&r), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_reads_as_it_was_written),
		cmocka_unit_test(no_bit_of_it_may_be_another),
		cmocka_unit_test(a_long_body_has_a_sum_for_each_chunk),
		cmocka_unit_test(what_is_too_long_is_not_written),
		cmocka_unit_test(a_footer_lists_what_was_written),
		cmocka_unit_test(a_segment_begins_with_its_number_and_key),
		cmocka_unit_test(a_kill_is_for_those_that_it_names),
		cmocka_unit_test(nothing_becomes_younger),
		cmocka_unit_test(budget_and_floor_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
