/* What the main thread reports of its workers and routes: the contents of USAGE_PROXY. */
#ifndef PROXY_USAGE_H
#define PROXY_USAGE_H

#include "core/buf.h"
#include "proxy/generation.h"

struct worker;

/* Appends the report (core/report.h). g may be NULL: no routes yet. 0, or -1 when out is full;
 * what is in it then is whole records all the same. */
int usage_report(
	struct worker *const *workers, size_t n, const struct generation *g, struct buf *out);

#endif
