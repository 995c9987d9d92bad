/* Password files: whatever is accepted has users that are found, in order and once. */
#include "tests/fuzz/require.h"

#include "conf/htpasswd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct htpasswd h;
	struct err e = {0};

	if (htpasswd_parse(slice_of(data, size), "f", &h, &e) < 0) {
		REQUIRE(e.msg[0]);
		return 0;
	}
	for (size_t i = 0; i < h.n; i++) {
		REQUIRE(h.users[i].name[0] && h.users[i].hash[0] == '$');
		REQUIRE(htpasswd_find(&h, slice_str(h.users[i].name)) == h.users[i].hash);
		REQUIRE(i == 0 || strcmp(h.users[i - 1].name, h.users[i].name) < 0);
	}
	REQUIRE(!htpasswd_find(&h, SLICE_LIT("")));
	htpasswd_clear(&h);
	return 0;
}
