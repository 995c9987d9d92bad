/*
 * `open`: which connections to the host itself come in from the outside. Without one all do; with
 * one, what no `open` names is dropped by the kernel.
 */
#ifndef CONF_OPEN_H
#define CONF_OPEN_H

#include "core/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_OPENS_MAX 512     /* ports and ranges, a protocol each */
#define CONF_OPEN_FROM_MAX 256 /* networks of one */
#define CONF_CONFIRM_MS 60000  /* a trial lasts as long where nothing is written */
#define CONF_CONFIRM_MIN_MS 1000
#define CONF_CONFIRM_MAX_MS 3600000

struct conf_open {
	uint32_t ordinal;
	uint8_t proto;       /* IPPROTO_... */
	uint16_t low, high;  /* ports; of a protocol that has none 0 and 65535 */
	struct prefix *from; /* none: from everywhere */
	size_t n_from;
};

struct conf_opens {
	struct conf_open *v;
	size_t n;
	uint64_t confirm_ms;      /* how long a trial lasts */
	uint32_t confirm_ordinal; /* 0: not written */
};

bool conf_opens_equal(const struct conf_opens *a, const struct conf_opens *b);
void conf_opens_clear(struct conf_opens *o);

/* Services that are known without /etc/services. The protocols that have the service, and its port;
 * 0 when it has none. */
uint16_t conf_service_port(const char *name, uint8_t proto);
/* "esp", "gre": the number of a protocol without ports; 0 when the name is not known. */
uint8_t conf_protocol_number(const char *name);
/* Whether the protocol has ports here: TCP and UDP. */
bool conf_open_has_ports(uint8_t proto);

#endif
