/* Blocks and the buffers made of them. */
#include "proxy/conn/block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void
a_block_that_is_put_is_got_again(void **state)
{
	struct block_pool pool = {0};
	char *first = block_get(&pool);

	(void)state;
	block_put(&pool, first);
	assert_ptr_equal(block_get(&pool), first);
	block_put(&pool, first);
	block_pool_clear(&pool);
}

static void
a_pool_keeps_no_more_than_its_maximum(void **state)
{
	struct block_pool pool = {0};
	char *blocks[BLOCK_KEEP_MAX + 5];

	(void)state;
	for (size_t i = 0; i < BLOCK_KEEP_MAX + 5; i++)
		blocks[i] = block_get(&pool);
	for (size_t i = 0; i < BLOCK_KEEP_MAX + 5; i++)
		block_put(&pool, blocks[i]);
	assert_int_equal(pool.n_free, BLOCK_KEEP_MAX);
	block_pool_clear(&pool);
	assert_int_equal(pool.n_free, 0);
}

/* What was needed in the meantime stays, what was not goes, down to what there is at rest. */
static void
what_nobody_needs_is_freed(void **state)
{
	struct block_pool pool = {0};
	char *blocks[BLOCK_KEEP_MAX];

	(void)state;
	for (size_t i = 0; i < BLOCK_KEEP_MAX; i++)
		blocks[i] = block_get(&pool);
	for (size_t i = 0; i < BLOCK_KEEP_MAX; i++)
		block_put(&pool, blocks[i]);
	assert_int_equal(block_pool_trim(&pool), BLOCK_KEEP_MAX > BLOCK_REST_MAX);
	assert_int_equal(pool.n_free, BLOCK_KEEP_MAX);
	for (size_t i = 0; i < BLOCK_KEEP_MAX / 2; i++)
		blocks[i] = block_get(&pool);
	for (size_t i = 0; i < BLOCK_KEEP_MAX / 2; i++)
		block_put(&pool, blocks[i]);
	(void)block_pool_trim(&pool);
	assert_true(pool.n_free >= BLOCK_KEEP_MAX / 2 && pool.n_free >= BLOCK_REST_MAX);
	assert_true(pool.n_free == BLOCK_KEEP_MAX / 2 || pool.n_free == BLOCK_REST_MAX);
	assert_false(block_pool_trim(&pool));
	assert_int_equal(pool.n_free, BLOCK_REST_MAX);
	block_pool_clear(&pool);
}

static void
bytes_come_out_as_they_went_in(void **state)
{
	struct block_pool pool = {0};
	struct iobuf b = {0};

	(void)state;
	assert_int_equal(iobuf_room(&b), 0);
	assert_int_equal(iobuf_append(&b, SLICE_LIT("x")), -1);
	assert_int_equal(iobuf_hold(&b, &pool), 0);
	assert_int_equal(iobuf_append(&b, SLICE_LIT("hello ")), 0);
	assert_int_equal(iobuf_append(&b, SLICE_LIT("world")), 0);
	iobuf_consume(&b, 6);
	assert_true(slice_eq_str(iobuf_slice(&b), "world"));
	iobuf_compact(&b);
	assert_int_equal(b.start, 0);
	assert_true(slice_eq_str(iobuf_slice(&b), "world"));
	iobuf_consume(&b, 5);
	assert_int_equal(iobuf_room(&b), BLOCK_SIZE);
	iobuf_release(&b, &pool);
	assert_null(b.data);
	block_pool_clear(&pool);
}

static void
an_append_moves_the_rest_up_when_that_makes_room(void **state)
{
	static char fill[BLOCK_SIZE];
	struct block_pool pool = {0};
	struct iobuf b = {0};

	(void)state;
	assert_int_equal(iobuf_hold(&b, &pool), 0);
	assert_int_equal(iobuf_append(&b, slice_of(fill, BLOCK_SIZE)), 0);
	assert_int_equal(iobuf_append(&b, SLICE_LIT("x")), -1);
	iobuf_consume(&b, 2);
	assert_int_equal(iobuf_append(&b, SLICE_LIT("xyz")), -1);
	assert_int_equal(iobuf_len(&b), BLOCK_SIZE - 2);
	assert_int_equal(iobuf_append(&b, SLICE_LIT("xy")), 0);
	assert_int_equal(iobuf_len(&b), BLOCK_SIZE);
	iobuf_release(&b, &pool);
	block_pool_clear(&pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_that_is_put_is_got_again),
		cmocka_unit_test(a_pool_keeps_no_more_than_its_maximum),
		cmocka_unit_test(what_nobody_needs_is_freed),
		cmocka_unit_test(bytes_come_out_as_they_went_in),
		cmocka_unit_test(an_append_moves_the_rest_up_when_that_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
