/* Requests of exec: what parses prints back to the same bytes. */
#include "core/exec_wire.h"

#include "tests/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice packet = slice_of(data, size), why;
	struct exec_request r;
	uint16_t rows, columns;
	struct buf out;
	uint8_t status;
	struct err e;

	(void)exec_size_parse(packet, &rows, &columns);
	(void)exec_status_parse(packet, &status, &why);
	if (size > EXEC_PACKET_MAX || exec_request_parse(packet, &r, &e) < 0)
		return 0;
	buf_init(&out, EXEC_PACKET_MAX);
	REQUIRE(exec_request_print(&r, &out, &e) == 0);
	REQUIRE(slice_eq(buf_slice(&out), packet));
	buf_clear(&out);
	exec_request_clear(&r);
	return 0;
}
