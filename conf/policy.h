/*
 * What containers may send on their bridge: with whose address (spoofing), to whom (isolate and
 * link), and where to (egress).
 */
#ifndef CONF_POLICY_H
#define CONF_POLICY_H

#include "conf/limit.h"
#include "conf/write.h"
#include "core/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_LINK_RANGES_MAX 64   /* ports and ranges of one link */
#define CONF_EGRESS_MAX 256       /* exceptions of one container */
#define CONF_LINK_PORTS_MAX 16384 /* of all links, ranges counted port by port */

/* What becomes of a frame whose source is not the container's own. */
enum conf_spoofing {
	CONF_SPOOFING_DEFAULT, /* dropped where the kernel can */
	CONF_SPOOFING_DROP,    /* dropped; a kernel that cannot is an error */
	CONF_SPOOFING_ALLOW,   /* not looked at */
};

/* One target of `egress allow`: a network, or a port of another container. */
struct conf_egress {
	uint32_t ordinal;
	struct prefix net; /* .addr.family 0: the container's */
	char *host;        /* its name */
	uint32_t container;
	uint16_t low, high; /* ports of TCP and UDP; 0: everything */
};

/* Of one container. */
struct conf_policy {
	uint32_t egress_ordinal; /* `egress deny`; 0: it may go anywhere */
	struct conf_egress *egress;
	size_t n_egress;
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
void conf_policy_clear(struct conf_policy *policy);
void conf_isolation_clear(struct conf_isolation *isolation);
/* As canonical text, for print.c. */
void print_policy(struct writer *w, const struct conf_policy *policy);
void print_isolation(struct writer *w, const struct conf_isolation *isolation);

#endif
