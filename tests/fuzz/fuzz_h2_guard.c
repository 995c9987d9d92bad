/*
 * The guard of HTTP/2 frames: the bytes behind a preface, whole, byte by byte and in parts of
 * seven, must get the same verdict; and what stands before the frame at fault must be without one.
 */
#include "tests/fuzz/require.h"

#include "proxy/h2/h2_guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t
feed(const uint8_t *data, size_t size, size_t step, size_t *ret_good)
{
	static const char preface[24] = "PRI * HTTP/2.0";
	struct h2_guard g;
	uint32_t error;

	h2_guard_init(&g);
	REQUIRE(h2_guard_feed(&g, preface, sizeof(preface), ret_good) == 0);
	for (size_t at = 0; at < size; at += step) {
		size_t n = step < size - at ? step : size - at;

		error = h2_guard_feed(&g, (const char *)data + at, n, ret_good);
		REQUIRE(*ret_good <= n && g.have < H2_GUARD_HEAD_MAX);
		REQUIRE(error == 0 || error == 1 || error == 5);
		if (error)
			return error;
	}
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t whole_good, good;
	uint32_t whole = feed(data, size, size ? size : 1, &whole_good);

	REQUIRE(feed(data, size, 1, &good) == whole);
	REQUIRE(feed(data, size, 7, &good) == whole);
	REQUIRE(!whole || feed(data, whole_good, size, &good) == 0);
	return 0;
}
