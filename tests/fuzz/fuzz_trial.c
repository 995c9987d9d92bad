/* What the parent kept of policies: what is understood of it is printed and understood again. */
#include "core/own.h"
#include "router/input.h"
#include "router/trial.h"

#include "tests/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trial t = {0}, again = {0};
	struct err e = {0};
	struct buf text;

	if (trial_parse(slice_of(data, size), &t, &e) < 0)
		return 0;
	buf_init(&text, 2 * TRIAL_TEXT_MAX);
	/* A file that is no policy alone may hold more than a policy prints. */
	if (trial_print(&t, &text, &e) == 0) {
		REQUIRE(trial_parse(buf_slice(&text), &again, &e) == 0);
		REQUIRE(!t.tried == !again.tried);
		REQUIRE(!t.tried || input_guards(t.tried) == input_guards(again.tried));
		REQUIRE(input_guards(t.confirmed) == input_guards(again.confirmed));
		/* Where memory suffices, both say the same of each other. */
		if (t.tried && size < 4096)
			REQUIRE(input_same(t.confirmed, t.tried) ==
				input_same(again.confirmed, again.tried));
	}
	buf_clear(&text);
	trial_clear(&t);
	trial_clear(&again);
	return 0;
}
