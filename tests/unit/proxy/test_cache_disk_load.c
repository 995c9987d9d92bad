/* proxy/cache/cache_disk_file.c and cache_disk_load.c: what is found in files that were cut or
 * damaged.
 */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/cache/cache_disk_load.h"
#include "proxy/cache/cache_far.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWERS 4
#define FILE_MAX 65536

static const _Atomic bool go_on;

struct world {
	char path[64];
	int at;
	struct disk_folder folder;
	struct cache_store *store;
	struct disk_index *index;
	struct disk_loaded loaded;
};

static void
world_new(struct world *w)
{
	(void)snprintf(w->path, sizeof(w->path), "/tmp/disk-unit-XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->at = open(w->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->at >= 0);
	w->store = cache_store_new();
	cache_store_set_budget(w->store, 1024 * 1024);
	w->index = NULL;
	disk_folder_init(&w->folder);
}

static void
forget(struct world *w)
{
	if (w->index)
		(void)disk_index_kill(
			w->index, DISK_KILL_PREFIX, (struct slice){0}, UINT64_MAX, true);
	disk_index_free(&w->index);
	disk_folder_close(&w->folder);
}

/* As a process finds it that begins. */
static void
load(struct world *w)
{
	struct err e = {0};

	forget(w);
	w->index = disk_index_new(w->store);
	assert_int_equal(disk_folder_open(&w->folder, w->at, &e), 0);
	w->folder.segment_max = 1024 * 1024;
	assert_int_equal(disk_folder_list(&w->folder, &e), 0);
	assert_int_equal(disk_load(&w->folder, w->index, &go_on, &w->loaded), 0);
	disk_index_set_ready(w->index, true);
}

static void
remove_files(struct world *w)
{
	DIR *dir = opendir(w->path);
	const struct dirent *d;

	while ((d = readdir(dir)) != NULL) /* NOLINT(concurrency-mt-unsafe): its own */
		(void)unlinkat(dirfd(dir), d->d_name, 0);
	closedir(dir);
}

static void
world_free(struct world *w)
{
	forget(w);
	cache_store_free(&w->store);
	remove_files(w);
	(void)rmdir(w->path);
	close_fd(w->at);
}

static void
append(struct world *w, enum disk_kind kind, const char *url, const char *body)
{
	struct disk_record r = {.kind = kind,
		.url = slice_str(url),
		.head = SLICE_LIT("HTTP/1.1 200 OK\r\n"),
		.status = 200,
		.body_n = strlen(body)};
	struct disk_place place;
	int errnum;

	assert_int_equal(disk_folder_append(&w->folder, &r, slice_str(body), &place, &errnum), 0);
}

/* What is read for the URL: its body; "" when nothing is found; NULL when it is damaged. */
static const char *
get(struct world *w, const char *url)
{
	static char body[256];
	struct http_request request;
	struct cache_key key = {.url = slice_str(url)};
	struct disk_found found;
	struct disk_record r;
	struct buf meta;
	int rc;

	http_request_init(&request);
	key.hash = cache_store_hash(w->store, key.url);
	if (!disk_index_find(w->index, &key, &request, sizeof(body) - 1, &found))
		return "";
	buf_init(&meta, DISK_META_MAX);
	rc = disk_file_read(&found, &meta, body, &r);
	body[found.body_n] = '\0';
	if (rc == 0)
		assert_true(slice_eq_str(r.url, url));
	buf_clear(&meta);
	disk_segment_unref(&found.segment);
	return rc == 0 ? body : NULL;
}

static void
segment_path(struct world *w, unsigned number, char path[static 128])
{
	(void)snprintf(path, 128, "%s/%016x.seg", w->path, number * DISK_NUMBER_STEP);
}

static size_t
read_segment(struct world *w, unsigned number, char data[static FILE_MAX])
{
	char path[128];
	_fd_ int fd = -1;
	ssize_t n;

	segment_path(w, number, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, data, FILE_MAX);
	assert_true(n > 0 && n < FILE_MAX);
	return (size_t)n;
}

static void
write_segment(struct world *w, unsigned number, const char *data, size_t n)
{
	char path[128];
	_fd_ int fd = -1;

	segment_path(w, number, path);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, data, n), n);
}

static const char *
url_of(size_t i)
{
	static char url[64];

	(void)snprintf(url, sizeof(url), "http://a/%zu", i);
	return url;
}

static const char *
body_of(size_t i)
{
	static char body[64];

	(void)snprintf(body, sizeof(body), "this is the body of %zu, whole", i);
	return body;
}

static void
append_answers(struct world *w, uint64_t ends[static ANSWERS])
{
	load(w);
	for (size_t i = 0; i < ANSWERS; i++) {
		append(w, DISK_ANSWER, url_of(i), body_of(i));
		ends[i] = w->folder.active->bytes;
	}
}

static void
a_file_cut_anywhere_has_what_is_whole(void **state)
{
	static char data[FILE_MAX];
	uint64_t ends[ANSWERS];
	struct world w;
	size_t n;

	(void)state;
	world_new(&w);
	append_answers(&w, ends);
	n = read_segment(&w, 1, data);
	assert_int_equal(n, ends[ANSWERS - 1]);
	for (size_t cut = 0; cut <= n; cut++) {
		forget(&w);
		remove_files(&w);
		write_segment(&w, 1, data, cut);
		load(&w);
		assert_int_equal(w.loaded.damaged, 0);
		for (size_t i = 0; i < ANSWERS; i++)
			assert_string_equal(get(&w, url_of(i)), cut >= ends[i] ? body_of(i) : "");
	}
	/* It goes on behind what was whole. */
	append(&w, DISK_ANSWER, "http://a/new", "new");
	load(&w);
	assert_string_equal(get(&w, "http://a/new"), "new");
	assert_string_equal(get(&w, url_of(0)), body_of(0));
	world_free(&w);
}

/* Never a wrong byte, and with a growing file never an answer that was purged: the second one is.
 */
static void
flip_every_byte(struct world *w, const char *data, size_t n, unsigned mask)
{
	static char copy[FILE_MAX];
	size_t found = 0;

	for (size_t at = 0; at < n; at++) {
		memcpy(copy, data, n);
		copy[at] = (char)(copy[at] ^ (int)mask);
		forget(w);
		remove_files(w);
		write_segment(w, 1, copy, n);
		load(w);
		for (size_t i = 0; i < ANSWERS; i++) {
			const char *body = get(w, url_of(i));

			if (!body || !body[0])
				continue;
			assert_string_equal(body, body_of(i));
			assert_int_not_equal(i, 1);
			found++;
		}
	}
	/* A byte of one answer harms that one, and what a purge might have been for. */
	assert_true(found > n);
}

static void
no_wrong_byte_is_served(void **state)
{
	static char data[FILE_MAX];
	uint64_t ends[ANSWERS];
	struct world w;
	size_t n;

	(void)state;
	world_new(&w);
	append_answers(&w, ends);
	append(&w, DISK_KILL_URL, url_of(1), "");
	append(&w, DISK_ANSWER, "http://a/last", "last");
	n = read_segment(&w, 1, data);
	flip_every_byte(&w, data, n, 1);
	load(&w);
	forget(&w); /* sealed */
	n = read_segment(&w, 1, data);
	flip_every_byte(&w, data, n, 0x80);
	world_free(&w);
}

static void
a_footer_says_the_same_as_the_records(void **state)
{
	static char data[FILE_MAX];
	uint64_t ends[ANSWERS];
	struct world w;
	size_t n;

	(void)state;
	world_new(&w);
	append_answers(&w, ends);
	append(&w, DISK_KILL_PREFIX, "http://a/2", "");
	forget(&w);
	n = read_segment(&w, 1, data);
	assert_true(n > ends[ANSWERS - 1]);
	for (int sealed = 1; sealed >= 0; sealed--) {
		write_segment(&w, 1, data, sealed ? n : n - 1);
		load(&w);
		assert_int_equal(w.loaded.answers, ANSWERS);
		assert_string_equal(get(&w, url_of(2)), "");
		assert_string_equal(get(&w, url_of(3)), body_of(3));
		forget(&w);
	}
	world_free(&w);
}

/* What stood there may have been a purge. */
static void
a_damaged_file_voids_what_is_older(void **state)
{
	static char data[FILE_MAX];
	struct world w;
	size_t n;

	(void)state;
	world_new(&w);
	load(&w);
	append(&w, DISK_ANSWER, "http://a/1", "one");
	disk_folder_seal(&w.folder);
	append(&w, DISK_KILL_URL, "http://a/1", "");
	disk_folder_seal(&w.folder);
	append(&w, DISK_ANSWER, "http://a/3", "three");
	n = read_segment(&w, 2, data);
	data[DISK_SEGMENT_HEAD + 90] ^= 1;
	data[n - 1] ^= 1;
	write_segment(&w, 2, data, n);
	load(&w);
	assert_int_equal(w.loaded.damaged, 1);
	assert_string_equal(get(&w, "http://a/1"), "");
	assert_string_equal(get(&w, "http://a/3"), "three");
	world_free(&w);
}

/* A body of two pieces and a bit, which differ. */
#define LARGE_N (2 * DISK_CHUNK + 100)

static char
large_byte(size_t i)
{
	return (char)('a' + i / 1000 % 26 + i / DISK_CHUNK);
}

static struct disk_segment *
begin_large(struct world *w, struct buf *sums)
{
	char *body = calloc(1, LARGE_N);
	struct slice rest = slice_of(body, LARGE_N);
	struct disk_segment *s = NULL;

	for (size_t i = 0; i < LARGE_N; i++)
		body[i] = large_byte(i);
	buf_init(sums, 1024);
	assert_int_equal(
		disk_folder_begin_large(&w->folder, disk_record_room(100, LARGE_N), &s), 0);
	for (; rest.n > 0; rest = slice_skip(rest, DISK_CHUNK)) {
		assert_int_equal(disk_chunk_sum(&s->key, slice_head(rest, DISK_CHUNK), sums), 0);
		assert_int_equal(
			disk_folder_add_large(&w->folder, s, slice_head(rest, DISK_CHUNK)), 0);
	}
	free(body);
	return s;
}

static void
end_large(struct world *w, struct disk_segment *s, struct buf *sums, const char *url)
{
	struct disk_record r = {.kind = DISK_ANSWER,
		.url = slice_str(url),
		.head = SLICE_LIT("HTTP/1.1 200 OK\r\n"),
		.status = 200,
		.body_n = LARGE_N};
	struct disk_place place;
	int errnum;

	assert_int_equal(
		disk_folder_end_large(&w->folder, s, &r, buf_slice(sums), &place, &errnum), 0);
	disk_segment_unref(&s);
	buf_clear(sums);
}

/* How many of its pieces can be had; 0: nothing is found. */
static size_t
count_pieces(struct world *w, const char *url)
{
	static char piece[CACHE_FAR_PIECE];
	struct http_request request;
	struct cache_key key = {.url = slice_str(url)};
	struct disk_found found;
	struct cache_far *far;
	struct disk_record r;
	struct buf meta;
	size_t good = 0, n;

	http_request_init(&request);
	key.hash = cache_store_hash(w->store, key.url);
	if (!disk_index_find(w->index, &key, &request, UINT64_MAX, &found))
		return 0;
	buf_init(&meta, DISK_META_MAX);
	assert_int_equal(disk_file_read_head(&found, &meta, &r), 0);
	far = cache_far_new(w->store, &found, disk_record_sums(buf_slice(&meta), r.body_n));
	for (uint64_t i = 0; i < 3; i++) {
		if (cache_far_read(far, i, piece, &n) != 0)
			continue;
		good++;
		assert_int_equal(n, i < 2 ? CACHE_FAR_PIECE : 100);
		for (size_t k = 0; k < n; k++)
			if (piece[k] != large_byte(i * CACHE_FAR_PIECE + k))
				fail_msg("a wrong byte");
	}
	cache_far_unref(&far);
	buf_clear(&meta);
	disk_segment_unref(&found.segment);
	return good;
}

static void
a_large_one_is_there_when_it_is_complete(void **state)
{
	struct disk_segment *s, *other;
	struct buf sums, other_sums;
	struct world w;

	(void)state;
	world_new(&w);
	load(&w);
	s = begin_large(&w, &sums);
	other = begin_large(&w, &other_sums);
	end_large(&w, s, &sums, "http://a/large");
	append(&w, DISK_ANSWER, "http://a/small", "small");
	/* The process ends now: one of them is not complete. */
	load(&w);
	assert_int_equal(w.loaded.damaged, 0);
	assert_int_equal(w.loaded.answers, 2);
	assert_int_equal(count_pieces(&w, "http://a/large"), 3);
	assert_string_equal(get(&w, "http://a/small"), "small");
	disk_segment_unref(&other);
	buf_clear(&other_sums);
	/* The next one gets another number. */
	s = begin_large(&w, &sums);
	end_large(&w, s, &sums, "http://a/more");
	load(&w);
	assert_int_equal(count_pieces(&w, "http://a/more"), 3);
	assert_int_equal(count_pieces(&w, "http://a/large"), 3);
	world_free(&w);
}

/* Begun before it, begun and ended before it, begun before it and ended behind it. */
static void
a_purge_is_about_what_was_complete_before_it(void **state)
{
	struct disk_segment *one, *two;
	struct buf sums_one, sums_two;
	struct world w;

	(void)state;
	world_new(&w);
	load(&w);
	one = begin_large(&w, &sums_one);
	two = begin_large(&w, &sums_two);
	end_large(&w, one, &sums_one, "http://a/one");
	append(&w, DISK_KILL_PREFIX, "http://a/", "");
	append(&w, DISK_ANSWER, "http://a/small", "small");
	disk_folder_seal(&w.folder);
	append(&w, DISK_ANSWER, "http://a/next", "next");
	end_large(&w, two, &sums_two, "http://a/two");
	load(&w);
	assert_int_equal(count_pieces(&w, "http://a/one"), 0);
	assert_int_equal(count_pieces(&w, "http://a/two"), 3);
	assert_string_equal(get(&w, "http://a/small"), "small");
	append(&w, DISK_KILL_URL, "http://a/two", "");
	load(&w);
	assert_int_equal(count_pieces(&w, "http://a/two"), 0);
	assert_string_equal(get(&w, "http://a/next"), "next");
	world_free(&w);
}

static void
a_damaged_piece_is_not_served(void **state)
{
	struct disk_segment *s;
	struct buf sums;
	struct world w;
	char path[128], byte;
	int fd;

	(void)state;
	world_new(&w);
	load(&w);
	append(&w, DISK_ANSWER, "http://a/small", "small");
	s = begin_large(&w, &sums);
	(void)snprintf(path, sizeof(path), "%s/%016lx.seg", w.path, (unsigned long)s->number);
	end_large(&w, s, &sums, "http://a/large");
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, &byte, 1, DISK_SEGMENT_HEAD + DISK_CHUNK + 1000), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, DISK_SEGMENT_HEAD + DISK_CHUNK + 1000), 1);
	load(&w);
	assert_int_equal(count_pieces(&w, "http://a/large"), 2);
	/* Without its end it is nothing, and nothing else is harmed. */
	assert_int_equal(ftruncate(fd, DISK_SEGMENT_HEAD + 3 * DISK_CHUNK / 2), 0);
	close_fd(fd);
	load(&w);
	assert_int_equal(w.loaded.damaged, 0);
	assert_int_equal(count_pieces(&w, "http://a/large"), 0);
	assert_string_equal(get(&w, "http://a/small"), "small");
	assert_int_equal(access(path, F_OK), -1);
	world_free(&w);
}

static void
records_go_on_in_the_next_file(void **state)
{
	struct world w;
	struct err e = {0};
	int other;

	(void)state;
	world_new(&w);
	load(&w);
	w.folder.segment_max = 400;
	for (size_t i = 0; i < 9; i++)
		append(&w, DISK_ANSWER, url_of(i), body_of(i));
	assert_true(w.folder.n_segments > 3);
	load(&w);
	for (size_t i = 0; i < 9; i++)
		assert_string_equal(get(&w, url_of(i)), body_of(i));
	/* One process has it at a time. */
	other = open(w.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	{
		struct disk_folder second;

		disk_folder_init(&second);
		assert_int_equal(disk_folder_open(&second, other, &e), 1);
		forget(&w);
		assert_int_equal(disk_folder_open(&second, other, &e), 0);
		disk_folder_close(&second);
	}
	close_fd(other);
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_cut_anywhere_has_what_is_whole),
		cmocka_unit_test(no_wrong_byte_is_served),
		cmocka_unit_test(a_footer_says_the_same_as_the_records),
		cmocka_unit_test(a_damaged_file_voids_what_is_older),
		cmocka_unit_test(a_large_one_is_there_when_it_is_complete),
		cmocka_unit_test(a_purge_is_about_what_was_complete_before_it),
		cmocka_unit_test(a_damaged_piece_is_not_served),
		cmocka_unit_test(records_go_on_in_the_next_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
