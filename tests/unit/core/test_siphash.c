/* core/siphash.c against values of another implementation. */
#include "tests/unit/core/unit.h"

#include "core/siphash.h"

static void
known_values(void **state)
{
	/* Key 00 01 … 0f, input 00 01 … of that length. */
	static const struct siphash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
	static const struct {
		size_t n;
		uint64_t hash;
	} vectors[] = {{0, 0xabac0158050fc4dc}, {1, 0xc9f49bf37d57ca93}, {7, 0xd3927d989bb11140},
		{8, 0x369095118d299a8e}, {15, 0xd320d86d2a519956}};
	char input[16];

	(void)state;
	for (size_t i = 0; i < sizeof(input); i++)
		input[i] = (char)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_true(siphash(&key, slice_of(input, vectors[i].n)) == vectors[i].hash);
}

static void
keys_differ(void **state)
{
	struct siphash_key a, b;

	(void)state;
	assert_int_equal(siphash_key_new(&a), 0);
	assert_int_equal(siphash_key_new(&b), 0);
	assert_true(siphash(&a, SLICE_LIT("x")) != siphash(&b, SLICE_LIT("x")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(keys_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
