/* `limit`: how much of one source the kernel lets through, for the host and for forwarded ports. */
#ifndef CONF_LIMIT_H
#define CONF_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_SOURCE_LIMITS_MAX 6 /* of rates and connections */
#define CONF_SYN_LIMITS_MAX 2
#define CONF_LIMIT_PORTS_MAX 64 /* ports and ranges of one limit */
#define CONF_LIMIT_COUNT_MAX 1000000
#define CONF_LIMIT_BURST_MIN 5 /* of a rate that says none: as many as in a second, or this */

enum conf_source_limit_kind {
	CONF_LIMIT_RATE,        /* new connections in a time */
	CONF_LIMIT_CONNECTIONS, /* open at a time */
	CONF_LIMIT_SYN,         /* SYNs in a time, before anything is remembered of them */
};

struct conf_port_range {
	uint16_t low, high;
};

struct conf_source_limit {
	uint32_t ordinal;
	enum conf_source_limit_kind kind;
	uint32_t count;
	uint64_t period_ms; /* of a rate: a second, a minute or an hour */
	uint32_t burst;     /* of a rate; effective */
	bool burst_written;
	struct conf_port_range *ports; /* none: all */
	size_t n_ports;
};

struct conf_source_limits {
	struct conf_source_limit *v;
	size_t n;
};

bool conf_source_limits_equal(
	const struct conf_source_limits *a, const struct conf_source_limits *b);
void conf_source_limits_clear(struct conf_source_limits *l);

#endif
