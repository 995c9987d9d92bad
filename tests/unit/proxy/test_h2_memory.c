/* Pieces of memory by size. */
#include "proxy/h2/h2_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void
what_is_given_back_is_taken_again(void **state)
{
	struct h2_memory m = {0};
	nghttp2_mem ops = h2_memory_ops(&m);
	void *p = ops.malloc(65, &m);

	(void)state;
	assert_non_null(p);
	ops.free(p, &m);
	if (H2_MEMORY_KEEP_BYTES > 0) {
		assert_int_equal(m.kept, 2 * H2_MEMORY_STEP);
		assert_ptr_equal(ops.malloc(128, &m), p);
		ops.free(p, &m);
	}
	ops.free(NULL, &m);
	h2_memory_clear(&m);
	assert_int_equal(m.kept, 0);
}

static void
no_more_is_kept_than_the_maximum(void **state)
{
	enum { N = H2_MEMORY_KEEP_BYTES / 1024 + 2 };
	static void *p[N];
	struct h2_memory m = {0};

	(void)state;
	for (size_t i = 0; i < N; i++)
		p[i] = h2_memory_get(&m, 1024);
	for (size_t i = 0; i < N; i++)
		h2_memory_put(&m, p[i]);
	assert_int_equal(m.kept, H2_MEMORY_KEEP_BYTES);
	h2_memory_clear(&m);
}

static void
a_piece_that_grows_keeps_its_bytes(void **state)
{
	static const size_t sizes[] = {1, 64, 65, 1024, 1025, 5000, 9000, 100};
	struct h2_memory m = {0};
	nghttp2_mem ops = h2_memory_ops(&m);
	char *p = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		p = ops.realloc(p, sizes[i], &m);
		assert_non_null(p);
		if (i > 0)
			assert_int_equal(p[0], 'x');
		memset(p, 'x', sizes[i]);
	}
	ops.free(p, &m);
	h2_memory_clear(&m);
}

static void
new_memory_is_zero_and_no_size_overflows(void **state)
{
	struct h2_memory m = {0};
	nghttp2_mem ops = h2_memory_ops(&m);
	unsigned char *p = ops.malloc(200, &m);

	(void)state;
	assert_non_null(p);
	memset(p, 0xff, 200);
	ops.free(p, &m);
	p = ops.calloc(2, 100, &m);
	assert_non_null(p);
	for (size_t i = 0; i < 200; i++)
		assert_int_equal(p[i], 0);
	ops.free(p, &m);
	assert_null(ops.calloc(SIZE_MAX / 2, 3, &m));
	assert_null(ops.malloc(SIZE_MAX - 4, &m));
	h2_memory_clear(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_given_back_is_taken_again),
		cmocka_unit_test(no_more_is_kept_than_the_maximum),
		cmocka_unit_test(a_piece_that_grows_keeps_its_bytes),
		cmocka_unit_test(new_memory_is_zero_and_no_size_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
