/*
 * What containers may send on their bridge: with whose address (spoofing), and to whom (isolate and
 * link).
 */
#ifndef CONF_POLICY_H
#define CONF_POLICY_H

#include "conf/limit.h"
#include "conf/write.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_LINK_RANGES_MAX 64   /* ports and ranges of one link */
#define CONF_LINK_PORTS_MAX 16384 /* of all links, ranges counted port by port */

/* What becomes of a frame whose source is not the container's own. */
enum conf_spoofing {
	CONF_SPOOFING_DEFAULT, /* dropped where the kernel can */
	CONF_SPOOFING_DROP,    /* dropped; a kernel that cannot is an error */
	CONF_SPOOFING_ALLOW,   /* not looked at */
};

/* Of one container. */
struct conf_policy {
	enum conf_spoofing spoofing;
	uint32_t spoofing_ordinal; /* 0: not written */
};

/* `link A -> B:PORT`: what isolated containers may say to each other all the same. */
struct conf_link {
	uint32_t ordinal;
	char *from, *to;                       /* containers' names */
	uint32_t from_container, to_container; /* indices into conf.containers */
	bool tcp, udp;
	struct conf_port_range *ports; /* of to */
	size_t n_ports;
};

struct conf_isolation {
	uint32_t isolate_ordinal; /* 0: containers speak freely */
	struct conf_link *links;
	size_t n_links;
};

bool conf_policy_equal(const struct conf_policy *a, const struct conf_policy *b);
bool conf_isolation_equal(const struct conf_isolation *a, const struct conf_isolation *b);
void conf_isolation_clear(struct conf_isolation *isolation);
/* As canonical text, for print.c. */
void print_policy(struct writer *w, const struct conf_policy *policy);
void print_isolation(struct writer *w, const struct conf_isolation *isolation);

#endif
