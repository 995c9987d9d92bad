/* proxy/exchange/spool.c: the order of bytes, its two limits, and that nothing of it has a name. */
#include "tests/unit/core/unit.h"

#include "core/own.h"
#include "proxy/exchange/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TEXT_MAX ((size_t)1024 * 1024)

static char text[TEXT_MAX], folder_path[] = "/tmp/spool-XXXXXX";
static int folder = -1;
static struct block_pool pool;

static int
open_folder(void **state)
{
	(void)state;
	for (size_t i = 0; i < TEXT_MAX; i++)
		text[i] = (char)(i * 131 + i / 251);
	if (!mkdtemp(folder_path))
		return -1;
	folder = open(folder_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return folder < 0 ? -1 : 0;
}

/* rmdir fails when anything was left in it. */
static int
close_folder(void **state)
{
	(void)state;
	folder = close_fd(folder);
	block_pool_clear(&pool);
	return rmdir(folder_path);
}

static void
begin(struct spool *s, uint64_t memory, uint64_t file, bool keep)
{
	spool_init(s, &pool, folder, &(struct spool_limits){.memory = memory, .file = file});
	s->keep = keep;
}

/* Reads n bytes and requires that they are the text's from `from` on. */
static void
expect_bytes(struct spool *s, size_t from, size_t n)
{
	while (n > 0) {
		struct slice got;

		assert_int_equal(spool_peek(s, &got), SPOOL_OK);
		assert_true(got.n > 0);
		if (got.n > n)
			got.n = n;
		assert_memory_equal(got.p, text + from, got.n);
		spool_consume(s, got.n);
		from += got.n;
		n -= got.n;
	}
}

static void
an_empty_one_holds_nothing(void **state)
{
	struct spool s;
	struct slice got;

	(void)state;
	begin(&s, 100, 100, false);
	assert_int_equal(spool_peek(&s, &got), SPOOL_OK);
	assert_int_equal(got.n, 0);
	assert_int_equal(spool_room(&s), 200);
	assert_int_equal(spool_unread(&s), 0);
	assert_int_equal(pool.n_free, 0);
	spool_clear(&s);
}

static void
memory_comes_first_and_the_file_takes_the_rest(void **state)
{
	struct spool s;

	(void)state;
	begin(&s, 1000, 5000, false);
	assert_int_equal(spool_append(&s, slice_of(text, 1000)), SPOOL_OK);
	assert_false(spool_has_file(&s));
	assert_int_equal(spool_append(&s, slice_of(text + 1000, 5000)), SPOOL_OK);
	assert_true(spool_has_file(&s));
	assert_int_equal(spool_room(&s), 0);
	assert_int_equal(spool_append(&s, slice_of(text, 1)), SPOOL_FULL);
	assert_int_equal(spool_unread(&s), 6000);
	expect_bytes(&s, 0, 6000);
	assert_int_equal(spool_room(&s), 6000);
	spool_clear(&s);
}

static void
bytes_behind_those_of_the_file_go_to_the_file(void **state)
{
	struct spool s;

	(void)state;
	begin(&s, 1000, 1000, false);
	assert_int_equal(spool_append(&s, slice_of(text, 1500)), SPOOL_OK);
	expect_bytes(&s, 0, 1200); /* memory is empty now, the file is not */
	assert_int_equal(spool_room(&s), 700);
	assert_int_equal(spool_append(&s, slice_of(text + 1500, 700)), SPOOL_OK);
	assert_int_equal(s.in_memory, 0);
	expect_bytes(&s, 1200, 1000);
	assert_int_equal(spool_append(&s, slice_of(text, 10)), SPOOL_OK);
	assert_int_equal(s.in_memory, 10);
	spool_clear(&s);
}

static void
the_file_is_a_ring(void **state)
{
	struct spool s;
	size_t in = 0, out = 0;

	(void)state;
	begin(&s, 0, 3000, false);
	while (in + 700 < TEXT_MAX) {
		while (spool_room(&s) >= 700) {
			assert_int_equal(spool_append(&s, slice_of(text + in, 700)), SPOOL_OK);
			in += 700;
		}
		expect_bytes(&s, out, 1100);
		out += 1100;
	}
	assert_int_equal(lseek(s.file, 0, SEEK_END), 3000);
	spool_clear(&s);
}

static void
what_is_kept_can_be_read_again(void **state)
{
	struct spool s;

	(void)state;
	begin(&s, 100000, 100000, true);
	assert_int_equal(spool_append(&s, slice_of(text, 150000)), SPOOL_OK);
	expect_bytes(&s, 0, 120000);
	spool_rewind(&s);
	assert_int_equal(spool_unread(&s), 150000);
	expect_bytes(&s, 0, 150000);
	assert_int_equal(spool_room(&s), 50000);
	spool_rewind(&s);
	expect_bytes(&s, 0, 90000);
	spool_stop_keeping(&s);
	assert_int_equal(spool_unread(&s), 60000);
	expect_bytes(&s, 90000, 60000);
	assert_int_equal(spool_room(&s), 200000);
	spool_clear(&s);
}

static void
without_a_folder_there_is_no_file(void **state)
{
	struct spool s;

	(void)state;
	spool_init(&s, &pool, -1, &(struct spool_limits){.memory = 10, .file = 10});
	assert_int_equal(spool_append(&s, slice_of(text, 11)), SPOOL_FILE);
	assert_int_equal(s.error, ENOENT);
	assert_int_equal(spool_unread(&s), 0);
	assert_int_equal(spool_room(&s), 10); /* the memory is still there */
	assert_int_equal(spool_append(&s, slice_of(text, 10)), SPOOL_OK);
	spool_clear(&s);
}

/* A limit on the size of files stands for a full disk. */
static void
a_full_disk_is_an_error_and_loses_nothing(void **state)
{
	struct rlimit old, low = {.rlim_cur = 2000};
	struct spool s;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low.rlim_max = old.rlim_max;
	(void)signal(SIGXFSZ, SIG_IGN);
	begin(&s, 0, 10000, false);
	assert_int_equal(spool_append(&s, slice_of(text, 1500)), SPOOL_OK);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	assert_int_equal(spool_append(&s, slice_of(text + 1500, 1000)), SPOOL_FILE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(s.error, EFBIG);
	assert_int_equal(spool_room(&s), 0);
	assert_int_equal(spool_unread(&s), 1500);
	expect_bytes(&s, 0, 1500);
	spool_clear(&s);
}

/* ---- against a model ---- */

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* The model: which bytes of the text went in and came out. */
struct model {
	size_t in, out;
};

static void
step(struct spool *s, struct model *m, uint32_t *seed)
{
	size_t n = next_random(seed) % 60000;

	switch (next_random(seed) % 8) {
	case 0:
		if (s->keep) {
			spool_rewind(s);
			m->out = 0;
		}
		break;
	case 1:
		if (next_random(seed) % 16 == 0)
			spool_stop_keeping(s);
		break;
	case 2:
	case 3:
	case 4:
		if (n > TEXT_MAX - m->in)
			n = TEXT_MAX - m->in;
		if (n > spool_room(s)) {
			assert_int_equal(spool_append(s, slice_of(text + m->in, n)), SPOOL_FULL);
			n = (size_t)spool_room(s);
		}
		assert_int_equal(spool_append(s, slice_of(text + m->in, n)), SPOOL_OK);
		m->in += n;
		break;
	default:
		if (n > m->in - m->out)
			n = m->in - m->out;
		expect_bytes(s, m->out, n);
		m->out += n;
		break;
	}
	assert_int_equal(spool_unread(s), m->in - m->out);
	assert_true(s->in_memory <= s->memory_max);
}

static void
any_order_of_steps_gives_the_bytes_in_order(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 200; seed++) {
		uint32_t random = seed * 2654435761U;
		struct model m = {0};
		struct spool s;

		begin(&s, next_random(&random) % 3 * 50000, 1 + next_random(&random) % 150000,
			seed % 3 == 0);
		for (int i = 0; i < 200; i++)
			step(&s, &m, &random);
		expect_bytes(&s, m.out, m.in - m.out);
		spool_clear(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_holds_nothing),
		cmocka_unit_test(memory_comes_first_and_the_file_takes_the_rest),
		cmocka_unit_test(bytes_behind_those_of_the_file_go_to_the_file),
		cmocka_unit_test(the_file_is_a_ring),
		cmocka_unit_test(what_is_kept_can_be_read_again),
		cmocka_unit_test(without_a_folder_there_is_no_file),
		cmocka_unit_test(a_full_disk_is_an_error_and_loses_nothing),
		cmocka_unit_test(any_order_of_steps_gives_the_bytes_in_order),
	};

	return cmocka_run_group_tests(tests, open_folder, close_folder);
}
