/*
 * Cache-Control and targeted fields. Seconds stay in their range; a field split at a comma outside
 * of quotes means the same as the whole.
 */
#include "tests/fuzz/require.h"

#include "proxy/cache/cache_control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require_sane(const struct cache_control *c)
{
#define REQUIRE_SECONDS(member, name) REQUIRE(c->member >= -1 && c->member <= CACHE_SECONDS_MAX);
	CACHE_CONTROL_SECONDS(REQUIRE_SECONDS)
#undef REQUIRE_SECONDS
	REQUIRE(c->n_lists <= CACHE_LISTS_MAX);
	for (size_t i = 0; i < c->n_lists; i++)
		REQUIRE(c->lists[i].n > 0);
	(void)cache_control_lists(c, SLICE_LIT("set-cookie"));
}

static void
require_same(const struct cache_control *a, const struct cache_control *b)
{
#define REQUIRE_SAME(member, name) REQUIRE(a->member == b->member);
	CACHE_CONTROL_SECONDS(REQUIRE_SAME)
	CACHE_CONTROL_FLAGS(REQUIRE_SAME)
#undef REQUIRE_SAME
	REQUIRE(a->n_lists == b->n_lists);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = slice_of(data, size);
	struct cache_control whole, targeted;

	cache_control_init(&whole);
	cache_control_add(&whole, s);
	require_sane(&whole);
	cache_control_init(&targeted);
	if (cache_control_add_targeted(&targeted, s) == 0)
		require_sane(&targeted);
	if (slice_index(s, '"') < s.n)
		return 0;
	for (size_t at = slice_index(s, ','); at < s.n;
		at += 1 + slice_index(slice_skip(s, at + 1), ',')) {
		struct cache_control parts;

		cache_control_init(&parts);
		cache_control_add(&parts, slice_head(s, at));
		cache_control_add(&parts, slice_skip(s, at + 1));
		require_same(&whole, &parts);
	}
	return 0;
}
