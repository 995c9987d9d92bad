/*
 * What the proxy reports of itself, too large for a message and therefore in a sealed memfd: one
 * record after the other, written and read field by field, each read with its bounds checked.
 * Numbers are little endian; a text is its length (u16) and its bytes.
 *
 *	'c'  reason, meaning, number          connections closed for this reason
 *	't'  number, accepted, open, requests one thread
 *	'l'  name, now, most, reached, last   a limit of the process, over its threads
 *	'o'  url, vary, tags, type, head, status, size, age, lifetime   one stored answer; disk
 *	'r'  site, path, exact, ROUTE_VALUES  one route that had requests
 */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

#include "core/buf.h"
#include "core/route_stats.h"
#include "core/slice.h"

#include <stdbool.h>

#define REPORT_MAX (16 * 1024 * 1024)
#define REPORT_TEXT_MAX 4096 /* longer ones are cut */

enum report_kind {
	REPORT_CLOSE = 'c',
	REPORT_THREAD = 't',
	REPORT_LIMIT = 'l',
	REPORT_STORED = 'o',
	REPORT_ROUTE = 'r',
};

struct report_close {
	struct slice reason, meaning; /* "idle_timeout", "no request for the idle time" */
	uint64_t number;
};

struct report_thread {
	uint32_t index;
	uint64_t accepted, open, requests;
};

struct report_limit {
	struct slice name; /* "connections" */
	uint64_t now, most;
	uint64_t reached; /* times */
	uint64_t last_ms; /* on the wall clock; 0: never */
};

struct report_stored {
	struct slice url, vary, tags, type;
	struct slice head; /* empty where it was not asked for */
	uint16_t status;
	uint64_t size, age_s, lifetime_s;
	bool on_disk; /* alone: not in memory */
};

struct report_route {
	struct slice site, path; /* both empty: requests that no route was found for */
	bool exact;
	struct route_sums sums;
};

struct report_record {
	enum report_kind kind;
	union {
		struct report_close close;
		struct report_thread thread;
		struct report_limit limit;
		struct report_stored stored;
		struct report_route route;
	};
};

/* Append one record. 0, or -1 when out is full: then nothing was appended. */
int report_put_close(struct buf *out, const struct report_close *c);
int report_put_thread(struct buf *out, const struct report_thread *t);
int report_put_limit(struct buf *out, const struct report_limit *l);
int report_put_stored(struct buf *out, const struct report_stored *s);
int report_put_route(struct buf *out, const struct report_route *r);
/* Takes the next record off the front of *rest; its texts point into it. 1; 0 at the end; -1 when
 * it is malformed. */
int report_next(struct slice *rest, struct report_record *ret);

#endif
