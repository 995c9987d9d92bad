/*
 * What `sluice top` shows: two answers of /v1/usage become rates, and those a table. Pure.
 */
#ifndef DAEMON_TOP_H
#define DAEMON_TOP_H

#include "core/buf.h"

#include <jansson.h>
#include <stdint.h>

/* What the routes are sorted by; the key `s` goes on to the next. X(id, member, title) */
#define TOP_SORT_TABLE(X)                                                                          \
	X(REQUESTS, "requests_per_s", "requests")                                                  \
	X(P99, "p99_ms", "latency")                                                                \
	X(SENT, "sent_per_s", "bytes")                                                             \
	X(ERRORS, "errors_per_s", "errors")

enum top_sort {
#define TOP_SORT_ENUM(id, member, title) TOP_SORT_##id,
	TOP_SORT_TABLE(TOP_SORT_ENUM)
#undef TOP_SORT_ENUM
		TOP_SORT_COUNT
};

/* What a terminal shows of it. */
struct top_window {
	size_t lines, columns;
	size_t first; /* line of the list that stands first; set back when it is beyond the end */
};

/* The differences between two answers as rates: "requests_per_s", "connections", "p50_ms",
 * "p99_ms" and so on, "routes", "processes", "containers". A counter that went back belongs to a
 * process that began anew: it counts from 0. NULL when memory is short. */
json_t *top_digest(const json_t *before, const json_t *now, enum top_sort sort);
/* The quantile of a histogram by linear interpolation in its bucket, in microseconds. deltas: n
 * numbers, bounds: n - 1. 0 when there is nothing in it. */
double top_quantile(const uint64_t *deltas, const uint64_t *bounds, size_t n, double quantile);
/* All of it as text. 0 or -1. */
int top_print(const json_t *digest, enum top_sort sort, struct buf *out);
/* Cuts a text to a window: the first line always, then from w->first on; each line ends with
 * "erase to the end of the line". 0 or -1. */
int top_cut(struct slice text, struct top_window *w, struct buf *out);

#endif
