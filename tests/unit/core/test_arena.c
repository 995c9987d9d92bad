/* core/arena.c: alignment, limits, reuse, and that an overflow inside it is found. */
#include "tests/unit/core/unit.h"

#include "core/arena.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void
memory_is_aligned_and_apart(void **state)
{
	struct arena *a = arena_new(256, 100000);
	char *last = NULL;

	(void)state;
	for (size_t n = 1; n < 200; n++) {
		char *p = arena_alloc(a, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, (int)n, n);
		if (last)
			assert_int_equal(last[0], (char)(n - 1));
		last = p;
	}
	arena_free(&a);
	assert_null(a);
	arena_free(&a);
}

static void
the_maximum_holds_until_the_next_reset(void **state)
{
	struct arena *a = arena_new(256, 1000);

	(void)state;
	assert_non_null(arena_alloc(a, 900));
	assert_null(arena_alloc(a, 101));
	assert_null(arena_alloc(a, SIZE_MAX));
	assert_null(arena_alloc(a, SIZE_MAX - 20));
	assert_non_null(arena_alloc(a, 100));
	assert_int_equal(arena_used(a), 1000);
	assert_null(arena_alloc(a, 1));
	arena_reset(a);
	assert_int_equal(arena_used(a), 0);
	assert_non_null(arena_alloc(a, 1000));
	arena_free(&a);
}

static void
reset_keeps_a_block_and_trim_keeps_none(void **state)
{
	struct arena *a = arena_new(1024, 100000);
	char *first = arena_alloc(a, 10), *again;

	(void)state;
	assert_non_null(first);
	assert_non_null(arena_alloc(a, 5000));
	arena_reset(a);
	again = arena_alloc(a, 10);
	assert_ptr_equal(first, again);
	arena_trim(a);
	assert_int_equal(arena_used(a), 0);
	assert_non_null(arena_alloc(a, 10));
	arena_free(&a);
}

static void
a_large_piece_does_not_end_the_block_being_filled(void **state)
{
	struct arena *a = arena_new(1024, 100000);
	char *before = arena_alloc(a, 16);
	char *large = arena_alloc(a, 4000);
	char *after = arena_alloc(a, 16);

	(void)state;
	assert_non_null(large);
	assert_in_range((uintptr_t)after, (uintptr_t)before, (uintptr_t)before + 64);
	arena_free(&a);
}

static void
text_ends_with_nul(void **state)
{
	struct arena *a = arena_new(256, 1000);

	(void)state;
	assert_string_equal(arena_dup(a, slice_head(SLICE_LIT("abcdef"), 2)), "ab");
	assert_string_equal(arena_dup(a, slice_str(NULL)), "");
	assert_string_equal(arena_printf(a, "%s:%d", "host", 80), "host:80");
	assert_int_equal(((char *)arena_zalloc(a, 64))[63], 0);
	assert_null(arena_printf(a, "%2000d", 1));
	assert_null(arena_zalloc(a, 2000));
	arena_free(&a);
}

#ifdef SLUICE_SANITIZED_ADDRESS
static int
status_of(void (*run)(struct arena *a))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)close(STDERR_FILENO);
		run(arena_new(256, 100000));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
write_past_the_end(struct arena *a)
{
	volatile char *p = arena_alloc(a, 16);

	p[16] = 1;
}

static void
write_after_reset(struct arena *a)
{
	volatile char *p = arena_alloc(a, 16);

	arena_reset(a);
	p[0] = 1;
}

static void
stay_inside(struct arena *a)
{
	volatile char *p = arena_alloc(a, 16);

	p[15] = 1;
}

static void
address_sanitizer_sees_an_overflow_in_the_arena(void **state)
{
	(void)state;
	assert_int_equal(status_of(stay_inside), 0);
	assert_int_not_equal(status_of(write_past_the_end), 0);
	assert_int_not_equal(status_of(write_after_reset), 0);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_aligned_and_apart),
		cmocka_unit_test(the_maximum_holds_until_the_next_reset),
		cmocka_unit_test(reset_keeps_a_block_and_trim_keeps_none),
		cmocka_unit_test(a_large_piece_does_not_end_the_block_being_filled),
		cmocka_unit_test(text_ends_with_nul),
#ifdef SLUICE_SANITIZED_ADDRESS
		cmocka_unit_test(address_sanitizer_sees_an_overflow_in_the_arena),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
