/* proxy/guard/auth_memory.c: a minute, and a bound. */
#include "tests/unit/core/unit.h"

#include "proxy/guard/auth_memory.h"

#include <string.h>

static const uint8_t *
digest_of(unsigned n)
{
	static uint8_t digest[AUTH_DIGEST_SIZE];

	memset(digest, 0, sizeof(digest));
	memcpy(digest + 1, &n, sizeof(n)); /* all in one set */
	return digest;
}

static void
remembered_for_a_minute(void **state)
{
	struct auth_memory *m = auth_memory_new();

	(void)state;
	assert_false(auth_memory_knows(m, digest_of(1), 1000));
	auth_memory_add(m, digest_of(1), 1000);
	assert_true(auth_memory_knows(m, digest_of(1), 1000 + AUTH_REMEMBER_MS - 1));
	assert_false(auth_memory_knows(m, digest_of(1), 1000 + AUTH_REMEMBER_MS));
	assert_false(auth_memory_knows(m, digest_of(2), 1000));
	auth_memory_free(&m);
	assert_null(m);
}

static void
the_oldest_of_a_full_set_goes(void **state)
{
	struct auth_memory *m = auth_memory_new();

	(void)state;
	for (unsigned i = 0; i < AUTH_MEMORY_WAYS; i++)
		auth_memory_add(m, digest_of(i), 1000 + i);
	auth_memory_add(m, digest_of(0), 2000); /* again: younger now */
	auth_memory_add(m, digest_of(100), 3000);
	assert_true(auth_memory_knows(m, digest_of(0), 3000));
	assert_false(auth_memory_knows(m, digest_of(1), 3000));
	assert_true(auth_memory_knows(m, digest_of(2), 3000));
	assert_true(auth_memory_knows(m, digest_of(100), 3000));
	auth_memory_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembered_for_a_minute),
		cmocka_unit_test(the_oldest_of_a_full_set_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
