/* Authorization: whatever is accepted has a name, no control characters, and its own memory. */
#include "tests/fuzz/require.h"

#include "proxy/guard/auth_basic.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct auth_basic a;

	if (auth_basic_parse(slice_of(data, size), &a) != AUTH_BASIC_NAMED)
		return 0;
	REQUIRE(a.name.n > 0 && a.name.n + 1 + a.password.n <= sizeof(a.bytes));
	REQUIRE(a.password.n <= AUTH_PASSWORD_MAX);
	REQUIRE(a.name.p == a.bytes && a.password.p == a.bytes + a.name.n + 1);
	REQUIRE(slice_index(a.name, ':') == a.name.n);
	for (size_t i = 0; i < a.name.n + 1 + a.password.n; i++)
		REQUIRE((unsigned char)a.bytes[i] >= ' ');
	return 0;
}
