/* proxy/file/file_cache.c and file_watch.c: what is taken in, and what is noticed, on a real
 * folder. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/file/file_cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECOND 1000

struct fixture {
	struct event_base *base;
	struct file_cache cache;
	struct generation_root root;
	char folder[64];
};

static void
path_of(const struct fixture *f, const char *name, char out[static 256])
{
	(void)snprintf(out, 256, "%s/%s", f->folder, name);
}

static void
put(const struct fixture *f, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	path_of(f, name, path);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
put_aside(const struct fixture *f, const char *name, const char *text)
{
	char from[256], to[256];

	put(f, "aside", text);
	path_of(f, "aside", from);
	path_of(f, name, to);
	assert_int_equal(rename(from, to), 0);
}

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char sub[256];

	assert_non_null(f);
	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/sluice-files-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	path_of(f, "sub", sub);
	assert_int_equal(mkdir(sub, 0755), 0);
	f->root = (struct generation_root){.ordinal = 7,
		.fd = open(f->folder, O_PATH | O_DIRECTORY | O_CLOEXEC),
		.path = f->folder};
	f->base = event_base_new();
	assert_int_equal(file_cache_init(&f->cache, f->base, 1 << 20), 0);
	if (f->cache.watch.fd < 0)
		skip();
	put(f, "sub/a", "first");
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	file_cache_clear(&f->cache);
	event_base_free(f->base);
	close_fd(f->root.fd);
	(void)snprintf(command, sizeof(command), "rm -rf %s", f->folder);
	assert_int_equal(system(command), 0); /* NOLINT: a path that mkdtemp made */
	free(f);
	return 0;
}

static struct file_place
place_of(struct fixture *f, const char *name)
{
	return (struct file_place){
		.generation = 1, .root = &f->root, .name = name, .coding = CODING_NONE};
}

/* What a request does: NULL when the file is not in the cache afterwards. */
static struct file_entry *
ask(struct fixture *f, const char *name, uint64_t now)
{
	struct file_place place = place_of(f, name);
	struct file_entry *e;
	struct stat st;
	int fd;

	file_cache_note_bytes(&f->cache);
	e = file_cache_find(&f->cache, &place, now);
	if (e)
		return e;
	fd = file_open_beneath(f->root.fd, name, 0, 0);
	if (fd < 0)
		return NULL;
	assert_int_equal(fstat(fd, &st), 0);
	e = file_cache_add(&f->cache, &place, fd, &st, now);
	if (!e)
		close_fd(fd);
	return e;
}

static bool
is_cached(struct fixture *f, const char *name, uint64_t now)
{
	struct file_place place = place_of(f, name);
	struct file_entry *e;
	bool found;

	file_cache_note_bytes(&f->cache);
	e = file_cache_find(&f->cache, &place, now);
	found = e != NULL;
	file_entry_unref(&e);
	return found;
}

/* Asks until it is in the cache, and compares its content. */
static void
expect(struct fixture *f, const char *name, const char *content)
{
	struct file_entry *e = ask(f, name, 0);

	if (!e)
		e = ask(f, name, 0);
	assert_non_null(e);
	assert_int_equal(e->facts.size, strlen(content));
	assert_memory_equal(e->content, content, strlen(content));
	file_entry_unref(&e);
	assert_true(is_cached(f, name, 0));
}

static void
a_file_is_taken_in_when_it_is_asked_for_again(void **state)
{
	struct fixture *f = *state;

	assert_null(ask(f, "sub/a", 0));
	assert_false(is_cached(f, "sub/a", 0));
	expect(f, "sub/a", "first");
}

static void
a_replaced_file_is_noticed_at_once(void **state)
{
	struct fixture *f = *state;
	char text[16];

	for (int i = 0; i < 200; i++) {
		(void)snprintf(text, sizeof(text), "%d", i);
		put_aside(f, "sub/a", text);
		assert_false(is_cached(f, "sub/a", 0));
		expect(f, "sub/a", text);
	}
}

static void
changes_are_asked_for_once_until_bytes_come(void **state)
{
	struct fixture *f = *state;
	struct file_place place = place_of(f, "sub/a");
	struct file_entry *e;

	expect(f, "sub/a", "first");
	put_aside(f, "sub/a", "second");
	e = file_cache_find(&f->cache, &place, 0);
	assert_non_null(e);
	file_entry_unref(&e);
	file_cache_note_bytes(&f->cache);
	assert_null(file_cache_find(&f->cache, &place, 0));
}

static void
every_other_change_is_noticed_at_once(void **state)
{
	struct fixture *f = *state;
	struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	char path[256], other[256];

	path_of(f, "sub/a", path);
	path_of(f, "sub/b", other);
	expect(f, "sub/a", "first");
	put(f, "sub/a", "second");
	assert_false(is_cached(f, "sub/a", 0));
	expect(f, "sub/a", "second");
	assert_int_equal(truncate(path, 3), 0);
	assert_false(is_cached(f, "sub/a", 0));
	expect(f, "sub/a", "sec");
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_false(is_cached(f, "sub/a", 0));
	expect(f, "sub/a", "sec");
	assert_int_equal(chmod(path, 0600), 0);
	assert_false(is_cached(f, "sub/a", 0));
	expect(f, "sub/a", "sec");
	assert_int_equal(rename(path, other), 0);
	assert_false(is_cached(f, "sub/a", 0));
	expect(f, "sub/b", "sec");
	assert_int_equal(unlink(other), 0);
	assert_false(is_cached(f, "sub/b", 0));
}

static void
a_write_through_another_name_is_noticed(void **state)
{
	struct fixture *f = *state;
	char path[256], other[256];

	path_of(f, "sub/a", path);
	path_of(f, "other", other);
	assert_int_equal(link(path, other), 0);
	expect(f, "sub/a", "first");
	expect(f, "other", "first");
	put(f, "other", "second");
	assert_false(is_cached(f, "sub/a", 0));
	assert_false(is_cached(f, "other", 0));
	expect(f, "sub/a", "second");
}

static void
a_folder_that_moves_takes_its_files_along(void **state)
{
	struct fixture *f = *state;
	char sub[256], moved[256];

	path_of(f, "sub", sub);
	path_of(f, "moved", moved);
	expect(f, "sub/a", "first");
	assert_int_equal(rename(sub, moved), 0);
	assert_false(is_cached(f, "sub/a", 0));
	expect(f, "moved/a", "first");
	assert_int_equal(chmod(moved, 0700), 0);
	assert_false(is_cached(f, "moved/a", 0));
}

static void
links_are_not_taken_in(void **state)
{
	struct fixture *f = *state;
	char path[256];

	path_of(f, "link", path);
	assert_int_equal(symlink("sub", path), 0);
	for (int i = 0; i < 3; i++)
		assert_null(ask(f, "link/a", 0));
}

/* A second later a file is looked up by its name again, for what no watch tells. Here the watch is
 * made deaf by removing it behind the cache's back. */
static void
trust_ends_after_a_second(void **state)
{
	struct fixture *f = *state;
	size_t cursor = 0;
	struct slice key;

	expect(f, "sub/a", "first");
	while (map_next(f->cache.by_watch, &cursor, &key)) {
		int watch;

		memcpy(&watch, key.p, sizeof(watch));
		file_watch_remove(&f->cache.watch, watch);
	}
	f->cache.watch.on_change = NULL; /* the removals are told of: drained without effect */
	while (read(f->cache.watch.fd, f->cache.watch.events, FILE_WATCH_READ_MAX) > 0)
		;
	put(f, "sub/a", "another");
	assert_true(is_cached(f, "sub/a", SECOND));
	assert_false(is_cached(f, "sub/a", SECOND + 1));
}

static void
it_stays_within_its_bounds(void **state)
{
	struct fixture *f = *state;
	size_t size = 100 * 1024;
	char *text = malloc(size + 1);
	char name[32];

	assert_non_null(text);
	memset(text, 'x', size);
	text[size] = '\0';
	for (int i = 0; i < 30; i++) {
		(void)snprintf(name, sizeof(name), "sub/f%d", i);
		put(f, name, text);
		expect(f, name, text);
		assert_true(f->cache.bytes <= f->cache.bytes_max);
	}
	assert_false(is_cached(f, "sub/f0", 0));
	assert_true(is_cached(f, "sub/f29", 0));
	free(text);
	for (int i = 0; i < FILE_CACHE_ENTRIES_MAX + 10; i++) {
		(void)snprintf(name, sizeof(name), "sub/s%d", i);
		put(f, name, "small");
		expect(f, name, "small");
		assert_true(map_count(f->cache.by_name) <= FILE_CACHE_ENTRIES_MAX);
	}
}

static void
a_large_file_keeps_its_descriptor_and_who_sends_it_keeps_it(void **state)
{
	struct fixture *f = *state;
	struct file_entry *e;
	char path[256], byte;

	put(f, "big", "x");
	path_of(f, "big", path);
	assert_int_equal(truncate(path, FILE_CACHE_CONTENT_MAX + 1), 0);
	assert_null(ask(f, "big", 0));
	e = ask(f, "big", 0);
	assert_non_null(e);
	assert_true(e->fd >= 0 && !e->content);
	assert_int_equal(unlink(path), 0);
	assert_false(is_cached(f, "big", 0));
	assert_int_equal(pread(e->fd, &byte, 1, 0), 1);
	file_entry_unref(&e);
	assert_int_equal(f->cache.n_open, 0);
}

static void
another_generation_begins_empty(void **state)
{
	struct fixture *f = *state;
	struct file_place place = place_of(f, "sub/a");

	expect(f, "sub/a", "first");
	/* As another coding of FILE it is another thing to say. */
	place.coding = CODING_GZIP;
	assert_null(file_cache_find(&f->cache, &place, 0));
	place.generation = 2;
	assert_null(file_cache_find(&f->cache, &place, 0));
	assert_int_equal(map_count(f->cache.by_name), 0);
	assert_int_equal(map_count(f->cache.by_watch), 0);
	assert_int_equal(f->cache.n_folders, 0);
}

/* 20,000 changes of a folder's permissions overflow no queue here, but what an overflow means is
 * told the same way. */
static void
lost_events_empty_it(void **state)
{
	struct fixture *f = *state;

	expect(f, "sub/a", "first");
	f->cache.watch.on_change(&f->cache.watch, FILE_WATCH_ALL);
	assert_false(is_cached(f, "sub/a", 0));
	expect(f, "sub/a", "first");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_is_taken_in_when_it_is_asked_for_again),
		TEST(a_replaced_file_is_noticed_at_once),
		TEST(changes_are_asked_for_once_until_bytes_come),
		TEST(every_other_change_is_noticed_at_once),
		TEST(a_write_through_another_name_is_noticed),
		TEST(a_folder_that_moves_takes_its_files_along),
		TEST(links_are_not_taken_in),
		TEST(trust_ends_after_a_second),
		TEST(it_stays_within_its_bounds),
		TEST(a_large_file_keeps_its_descriptor_and_who_sends_it_keeps_it),
		TEST(another_generation_begins_empty),
		TEST(lost_events_empty_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
