/*
 * A hostile proxy's report: what is read must lie inside it, and writing a record again must give
 * the bytes that it was read from, but for the one byte that is a yes or no.
 */
#include "core/report.h"
#include "tests/fuzz/require.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
write_again(struct buf *b, const struct report_record *r)
{
	switch (r->kind) {
	case REPORT_CLOSE:
		return report_put_close(b, &r->close);
	case REPORT_THREAD:
		return report_put_thread(b, &r->thread);
	case REPORT_LIMIT:
		return report_put_limit(b, &r->limit);
	case REPORT_STORED:
		return report_put_stored(b, &r->stored);
	case REPORT_ROUTE:
		return report_put_route(b, &r->route);
	}
	return -1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_of(data, size), before = rest;
	struct report_record r;
	struct buf b;

	buf_init(&b, REPORT_MAX);
	while (report_next(&rest, &r) > 0) {
		size_t n = before.n - rest.n;

		buf_reset(&b);
		REQUIRE(n > 0 && write_again(&b, &r) == 0);
		REQUIRE(buf_len(&b) == n);
		if (r.kind != REPORT_ROUTE)
			REQUIRE(memcmp(buf_slice(&b).p, before.p, n) == 0);
		before = rest;
	}
	buf_clear(&b);
	return 0;
}
