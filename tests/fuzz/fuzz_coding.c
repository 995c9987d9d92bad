/*
 * Accept-Encoding and content types. What is chosen was accepted with a weight that no other,
 * nor identity, exceeds; a field split at a comma means the same as the whole.
 */
#include "tests/fuzz/require.h"

#include "proxy/http/coding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint16_t
weight(const struct coding_accept *a, size_t i)
{
	return a->named[i] ? a->q[i] : a->any ? a->q_any : 0;
}

static void
require_best(const struct coding_accept *a, enum coding chosen)
{
	for (size_t i = 0; i < CODING_NONE; i++) {
		REQUIRE(weight(a, i) <= 1000);
		if (chosen != CODING_NONE)
			REQUIRE(weight(a, i) <= weight(a, chosen));
		else
			REQUIRE(weight(a, i) == 0 || weight(a, i) < a->q_identity);
	}
	if (chosen != CODING_NONE)
		REQUIRE(weight(a, chosen) > 0 && weight(a, chosen) >= a->q_identity &&
			coding_name(chosen));
}

/* Two fields are one, with a comma between; but not within a quoted text. */
static void
require_same_in_parts(struct slice s, enum coding chosen)
{
	for (size_t at = slice_index(s, ','); at < s.n;) {
		struct coding_accept parts = {0};

		coding_accept_add(&parts, slice_head(s, at));
		coding_accept_add(&parts, slice_skip(s, at + 1));
		REQUIRE(coding_choose(&parts) == chosen);
		at += 1 + slice_index(slice_skip(s, at + 1), ',');
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = slice_of(data, size);
	struct coding_accept whole = {0};
	enum coding chosen;

	coding_accept_add(&whole, s);
	chosen = coding_choose(&whole);
	require_best(&whole, chosen);
	if (slice_index(s, '"') == s.n)
		require_same_in_parts(s, chosen);
	(void)coding_type_is_worth(s);
	return 0;
}
