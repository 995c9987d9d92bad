/*
 * What one thread lets in: its share of the connections and of the memory for bytes in flight. Near
 * the limit of connections the longest idle go first; beyond that of memory, requests are told to
 * come again. Who is slower than min-rate ends.
 */
#ifndef PROXY_OVERLOAD_H
#define PROXY_OVERLOAD_H

#include "conf/conf.h"
#include "core/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct overload {
	struct list idle; /* of conn.idle_node: between requests, the longest idle first */
	size_t connections_max, blocks_max;
};

/* The limits of one of n_threads: what auto means follows from the number of descriptors and the
 * bytes of memory that there are. Pure. */
void overload_set(struct overload *o, const struct conf_overload *c, unsigned n_threads,
	uint64_t descriptors, uint64_t memory);
/* The same with what the process and the machine have. */
void overload_adopt(struct overload *o, const struct conf_overload *c, unsigned n_threads);

/* How long a client has been waited for, and what came of it. */
struct pace {
	uint64_t since_ms; /* 0: it is not waited for */
	uint64_t bytes;    /* moved before that */
};

/* Whether the client has been too slow: call it whenever something is known, with all bytes so far.
 */
bool pace_too_slow(struct pace *p, const struct conf_overload *c, uint64_t bytes, uint64_t now_ms);
/* It is not waited for any more. */
void pace_stop(struct pace *p);

#endif
