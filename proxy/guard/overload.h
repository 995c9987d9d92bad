/*
 * What one thread lets in: its share of the connections and of the memory for bytes in flight. Near
 * the limit of connections the longest idle go first, and with them who does not finish what it
 * began; beyond that of memory, requests are told to come again. Who is slower than min-rate ends.
 */
#ifndef PROXY_OVERLOAD_H
#define PROXY_OVERLOAD_H

#include "conf/conf.h"
#include "core/list.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a thread can run out of. X(id, the directive, or the resource) */
#define OVERLOAD_LIMIT_TABLE(X)                                                                    \
	X(CONNECTIONS, "connections")                                                              \
	X(MEMORY, "buffer-memory")                                                                 \
	X(DESCRIPTORS, "descriptors")

enum overload_limit {
#define OVERLOAD_LIMIT_ENUM(id, name) OVERLOAD_##id,
	OVERLOAD_LIMIT_TABLE(OVERLOAD_LIMIT_ENUM)
#undef OVERLOAD_LIMIT_ENUM
		OVERLOAD_LIMIT_COUNT
};

/* Where nobody is idle, who has begun something has this long for it: else those who come at once
 * would throw each other out, and none would be served. */
#define OVERLOAD_PATIENCE_MS 1000

#define OVERLOAD_NOTE_MS 60000 /* a limit that is reached all the time is noted this often */

/* How often a limit was reached; other threads look at it. */
struct overload_hits {
	_Atomic uint64_t n, last_ms; /* on the wall clock; 0: never */
};

struct overload {
	/* Of conn.idle_node, who has waited longest first: between requests; and with a handshake,
	 * a head or an end that the client has not finished. */
	struct list idle, unfinished;
	size_t connections_max, blocks_max;
	struct overload_hits hits[OVERLOAD_LIMIT_COUNT];
	uint64_t noted_ms[OVERLOAD_LIMIT_COUNT];
};

const char *overload_limit_name(enum overload_limit which);
/* It was reached. True: it is time to say so in the log. */
bool overload_hit(struct overload *o, enum overload_limit which, uint64_t wall_ms);

/* The limits of one of n_threads: what auto means follows from the number of descriptors and the
 * bytes of memory that there are. Pure. */
void overload_set(struct overload *o, const struct conf_overload *c, unsigned n_threads,
	uint64_t descriptors, uint64_t memory);
/* The same with what the process and the machine have. */
void overload_adopt(struct overload *o, const struct conf_overload *c, unsigned n_threads);

/* How long a client has been waited for, and what came of it. */
struct pace {
	uint64_t since_ms; /* or its pace was last found good; 0: it is not waited for */
	uint64_t bytes;    /* moved before that */
};

/* Whether the client has been too slow: call it whenever something is known, with all bytes so far.
 */
bool pace_too_slow(struct pace *p, const struct conf_overload *c, uint64_t bytes, uint64_t now_ms);
/* When it has to be called at the latest; UINT64_MAX: never. It must be waited for. */
uint64_t pace_due_ms(const struct pace *p, const struct conf_overload *c);
/* It is not waited for any more. */
void pace_stop(struct pace *p);

#endif
