/* A table of iptables-legacy as a kernel would hand it out: sizes and offsets may be anything. */
#include "tests/fuzz/require.h"

#include "router/doctor/doctor.h"

#include <stdlib.h>
#include <string.h>

#define HEAD 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct doctor_blob b = {.bridge = "lxcbr0", .valid_hooks = 0x1f};
	struct doctor_table t = {0};
	uint8_t *copy;

	if (size < HEAD)
		return 0;
	b.v6 = data[0] & 1;
	memcpy(b.underflow, data + 1, sizeof(b.underflow));
	memcpy(b.entry, data + 4, sizeof(b.entry));
	/* A copy of its own, so that a read beyond it is seen. */
	b.size = size - HEAD;
	copy = malloc(b.size ? b.size : 1);
	if (!copy)
		return 0;
	memcpy(copy, data + HEAD, b.size);
	b.bytes = copy;
	doctor_parse_legacy(&b, &t);
	for (size_t hook = 0; hook < DOCTOR_HOOK_COUNT; hook++)
		REQUIRE(t.drops[hook] == (t.chains[hook][0] != '\0'));
	free(copy);
	return 0;
}
