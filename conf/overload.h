/* The limits of the proxy as a whole: connections, memory of bytes in flight, slow clients. */
#ifndef CONF_OVERLOAD_H
#define CONF_OVERLOAD_H

#include <stdbool.h>
#include <stdint.h>

#define CONF_MIN_RATE_DEFAULT 200         /* bytes in a second */
#define CONF_MIN_RATE_AFTER_DEFAULT 30000 /* ms */

/* A number of 0 with its ordinal set: `auto`, or `off` for the rate. */
struct conf_overload {
	uint64_t connections;   /* of clients, all threads together; 0: auto */
	uint64_t buffer_memory; /* bytes; 0: auto */
	uint64_t min_rate;      /* effective, bytes in a second; 0: off */
	uint64_t min_rate_after_ms;
	uint32_t connections_ordinal, buffer_memory_ordinal, min_rate_ordinal;
};

#endif
