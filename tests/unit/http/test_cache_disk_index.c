/* proxy/cache/cache_disk_index.c: what is found, what a purge takes out, in whatever order things
 * come.
 */
#include "tests/unit/core/unit.h"

#include "proxy/cache/cache_disk_index.h"

#include <stdio.h>
#include <stdlib.h>

struct world {
	struct cache_store *store;
	struct disk_index *index;
	struct disk_segment *segment;
	struct cache_mark mark;
	uint64_t serial;
};

static struct world
world_new(void)
{
	struct world w = {.store = cache_store_new()};

	assert_non_null(w.store);
	cache_store_set_budget(w.store, 1024 * 1024);
	w.index = disk_index_new(w.store);
	w.segment = calloc(1, sizeof(*w.segment));
	assert_true(w.index && w.segment);
	atomic_init(&w.segment->refs, 1);
	w.segment->fd = -1;
	list_init(&w.segment->entries);
	disk_index_set_ready(w.index, true);
	return w;
}

static void
world_free(struct world *w)
{
	struct disk_counts c;

	disk_index_count(w->index, &c);
	assert_int_equal(w->segment->n, c.objects);
	disk_index_free(&w->index);
	assert_int_equal(atomic_load(&w->segment->refs), 1);
	disk_segment_unref(&w->segment);
	cache_store_free(&w->store);
}

static struct http_request *
request_of(const char *fields)
{
	static char head[256];
	static struct http_request r;

	(void)snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
	http_request_init(&r);
	assert_int_equal(http_parse_request(&r, head, strlen(head)), HTTP_DONE);
	r.base = head;
	return &r;
}

static struct cache_object *
object(struct world *w, const char *url, const char *kind, const char *tags)
{
	struct cache_object_parts parts = {.url = slice_str(url),
		.scope = SLICE_LIT("scope"),
		.vary = slice_str(kind ? "x-kind" : ""),
		.tags = slice_str(tags ? tags : ""),
		.head = SLICE_LIT("HTTP/1.1 200 OK\r\n"),
		.status = 200};
	struct cache_body *none = NULL;
	struct cache_object *o;
	char fields[64], text[64];
	struct buf key = {.data = text, .cap = sizeof(text), .max = sizeof(text)};

	if (kind) {
		(void)snprintf(fields, sizeof(fields), "X-Kind: %s\r\n", kind);
		assert_int_equal(cache_vary_key(parts.vary, request_of(fields), &key), 0);
		parts.key = buf_slice(&key);
	}
	o = cache_object_new(w->store, &parts, &none);
	assert_non_null(o);
	return o;
}

/* As the writing thread does it; NULL: refused. */
static struct disk_entry *
begin(struct world *w, const char *url, const char *kind, const char *tags)
{
	struct cache_object *o = object(w, url, kind, tags);
	bool replaced;
	struct disk_entry *e = disk_index_begin(w->index, o, &w->mark, 0, &replaced);

	cache_object_unref(&o);
	return e;
}

static bool
finish(struct world *w, struct disk_entry *e)
{
	const struct disk_place place = {
		.segment = w->segment, .serial = ++w->serial, .offset = w->serial, .meta_n = 1};
	bool placed = disk_index_place(w->index, e, &place);

	disk_index_release(w->index, &e);
	return placed;
}

static void
put(struct world *w, const char *url, const char *kind, const char *tags)
{
	assert_true(finish(w, begin(w, url, kind, tags)));
}

/* The serial of what is found; 0: nothing. */
static uint64_t
find(struct world *w, const char *url, const char *scope, const char *fields)
{
	struct cache_key key = {.url = slice_str(url), .scope = slice_str(scope)};
	struct disk_found found;

	key.hash = cache_store_hash(w->store, key.url);
	if (!disk_index_find(w->index, &key, request_of(fields), 1000, &found))
		return 0;
	disk_segment_unref(&found.segment);
	return found.serial;
}

static void
what_fits_the_request_is_found(void **state)
{
	struct world w = world_new();

	(void)state;
	put(&w, "http://a/", NULL, NULL);
	put(&w, "http://b/", "one", NULL);
	put(&w, "http://b/", "two", NULL);
	assert_int_equal(find(&w, "http://a/", "scope", ""), 1);
	assert_int_equal(find(&w, "http://a/", "other", ""), 0);
	assert_int_equal(find(&w, "http://c/", "scope", ""), 0);
	assert_int_equal(find(&w, "http://b/", "scope", "X-Kind: one\r\n"), 2);
	assert_int_equal(find(&w, "http://b/", "scope", "X-Kind: two\r\n"), 3);
	assert_int_equal(find(&w, "http://b/", "scope", ""), 0);
	put(&w, "http://a/", NULL, NULL);
	assert_int_equal(find(&w, "http://a/", "scope", ""), 4);
	disk_index_set_ready(w.index, false);
	assert_int_equal(find(&w, "http://a/", "scope", ""), 0);
	world_free(&w);
}

static void
what_waits_to_be_written_is_purged_too(void **state)
{
	struct world w = world_new();
	struct disk_entry *a, *b;

	(void)state;
	a = begin(&w, "http://a/", NULL, NULL);
	b = begin(&w, "http://b/", NULL, "t");
	assert_int_equal(find(&w, "http://a/", "scope", ""), 0);
	assert_int_equal(disk_index_invalidate(w.index, SLICE_LIT("http://a/")), 1);
	assert_true(disk_index_is_dropped(w.index, a));
	assert_false(disk_index_is_dropped(w.index, b));
	assert_int_equal(
		disk_index_kill(w.index, DISK_KILL_TAG, SLICE_LIT("t"), UINT64_MAX, false), 0);
	assert_int_equal(
		disk_index_kill(w.index, DISK_KILL_TAG, SLICE_LIT("t"), UINT64_MAX, true), 1);
	assert_false(finish(&w, a));
	assert_false(finish(&w, b));
	world_free(&w);
}

static void
what_was_asked_for_before_a_purge_is_refused(void **state)
{
	struct world w = world_new();

	(void)state;
	cache_store_forbid_url(w.store, SLICE_LIT("http://a/"));
	assert_null(begin(&w, "http://a/", NULL, NULL));
	put(&w, "http://b/", NULL, NULL);
	cache_store_forbid_all(w.store);
	assert_null(begin(&w, "http://b/", NULL, NULL));
	world_free(&w);
}

static void
load(struct world *w, const char *url, uint64_t serial)
{
	struct disk_record r = {.url = slice_str(url), .scope = SLICE_LIT("scope")};
	const struct disk_place place = {
		.segment = w->segment, .serial = serial, .offset = serial, .meta_n = 1};

	assert_int_equal(disk_index_load(w->index, &r, &place), 0);
}

static void
the_newest_counts_in_whatever_order_it_is_read(void **state)
{
	struct world w = world_new();
	struct disk_entry *pending;

	(void)state;
	load(&w, "http://a/", 5);
	load(&w, "http://a/", 3);
	assert_int_equal(find(&w, "http://a/", "scope", ""), 5);
	load(&w, "http://a/", 8);
	assert_int_equal(find(&w, "http://a/", "scope", ""), 8);
	pending = begin(&w, "http://b/", NULL, NULL);
	load(&w, "http://b/", 9);
	assert_int_equal(find(&w, "http://b/", "scope", ""), 0);
	w.serial = 10;
	assert_true(finish(&w, pending));
	assert_int_equal(find(&w, "http://b/", "scope", ""), 11);
	assert_int_equal(
		disk_index_kill(w.index, DISK_KILL_PREFIX, (struct slice){0}, 11, false), 1);
	assert_int_equal(find(&w, "http://a/", "scope", ""), 0);
	assert_int_equal(find(&w, "http://b/", "scope", ""), 11);
	world_free(&w);
}

static void
many_stay_in_order_while_the_table_grows(void **state)
{
	struct world w = world_new();
	struct disk_found where;
	struct disk_counts c;
	struct disk_entry *e;
	char url[64];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(url, sizeof(url), "http://a/%d", i);
		put(&w, url, NULL, i % 2 ? "odd" : "even");
	}
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(url, sizeof(url), "http://a/%d", i);
		assert_int_equal(find(&w, url, "scope", ""), i + 1);
	}
	assert_int_equal(
		disk_index_kill(w.index, DISK_KILL_TAG, SLICE_LIT("odd"), UINT64_MAX, true), 2500);
	e = disk_index_first_of(w.index, w.segment, &where);
	assert_true(e && where.serial == 1);
	disk_index_drop(w.index, e);
	disk_index_release(w.index, &e);
	disk_index_forget(
		w.index, &(struct disk_found){.segment = w.segment,
				 .offset = 3,
				 .hash = cache_store_hash(w.store, SLICE_LIT("http://a/2"))});
	disk_index_count(w.index, &c);
	assert_int_equal(c.objects, 2498);
	assert_int_equal(find(&w, "http://a/2", "scope", ""), 0);
	assert_int_equal(find(&w, "http://a/4", "scope", ""), 5);
	world_free(&w);
}

static void
variants_of_one_url_are_bounded(void **state)
{
	struct world w = world_new();
	struct disk_counts c;
	char kind[16];

	(void)state;
	for (int i = 0; i < 2 * DISK_VARIANTS_MAX; i++) {
		(void)snprintf(kind, sizeof(kind), "k%d", i);
		put(&w, "http://a/", kind, NULL);
	}
	disk_index_count(w.index, &c);
	assert_int_equal(c.objects, DISK_VARIANTS_MAX);
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_the_request_is_found),
		cmocka_unit_test(what_waits_to_be_written_is_purged_too),
		cmocka_unit_test(what_was_asked_for_before_a_purge_is_refused),
		cmocka_unit_test(the_newest_counts_in_whatever_order_it_is_read),
		cmocka_unit_test(many_stay_in_order_while_the_table_grows),
		cmocka_unit_test(variants_of_one_url_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
