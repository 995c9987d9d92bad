/*
 * Headers of the PROXY protocol: the same verdict whole and byte by byte, never more taken than is
 * there, and what was read is read again from what is written of it.
 */
#include "tests/fuzz/require.h"

#include "core/slice.h"
#include "proxy/conn/proxy_header.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require_written_again(const struct proxy_header *h)
{
	for (unsigned version = 1; version <= 2; version++) {
		char out[PROXY_HEADER_OUT_MAX];
		struct proxy_header again;
		size_t length, n = proxy_header_write(version, h, out);

		REQUIRE(n < sizeof(out));
		REQUIRE(proxy_header_parse(out, n, &again, &length) == PROXY_HEADER_DONE);
		REQUIRE(length == n && memcmp(h, &again, sizeof(again)) == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data;
	struct proxy_header h, piece;
	size_t length = 0, piece_length = 0;
	enum proxy_header_result whole = proxy_header_parse(bytes, size, &h, &length);
	enum proxy_header_result step = PROXY_HEADER_MORE;

	for (size_t n = 0; n <= size && n <= PROXY_HEADER_MAX && step == PROXY_HEADER_MORE; n++)
		step = proxy_header_parse(bytes, n, &piece, &piece_length);
	REQUIRE(step == whole);
	if (whole != PROXY_HEADER_DONE)
		return 0;
	REQUIRE(length <= size && length <= PROXY_HEADER_MAX && length == piece_length);
	REQUIRE(memcmp(&h, &piece, sizeof(h)) == 0);
	if (h.source.family)
		require_written_again(&h);
	return 0;
}
