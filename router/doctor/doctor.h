/*
 * What stands in the way of the router: facts about this host, and what is to be found in them.
 * doctor.c judges (pure); doctor_chains.c, doctor_legacy.c and doctor_read.c read.
 */
#ifndef ROUTER_DOCTOR_H
#define ROUTER_DOCTOR_H

#include "conf/conf.h"
#include "router/findings.h"
#include "router/link.h"
#include "router/neighbours.h"

#define DOCTOR_TABLES_MAX 64
#define DOCTOR_NAME_MAX 64
#define DOCTOR_ROUTES_MAX 1024
#define DOCTOR_PORTS_MAX 256
#define DOCTOR_INTRUDERS_MAX 16
#define DOCTOR_STRICT_MAX 16

enum doctor_hook {
	DOCTOR_PREROUTING,
	DOCTOR_INPUT,
	DOCTOR_FORWARD,
	DOCTOR_OUTPUT,
	DOCTOR_POSTROUTING,
	DOCTOR_HOOK_COUNT
};

/* Who keeps a table, as far as its names tell. */
enum doctor_keeper { DOCTOR_ANYONE, DOCTOR_DOCKER, DOCTOR_UFW, DOCTOR_FIREWALLD };

/* A table of others that drops in some hook what no rule of it accepts: by its policy, or by a
 * rule for everything. */
struct doctor_table {
	bool legacy;                /* of iptables-legacy; otherwise nftables' */
	bool v6;                    /* concerns IPv6 alone: ip6 */
	bool v4;                    /* concerns IPv4 alone: ip */
	bool frames;                /* concerns frames on bridges: bridge */
	char name[DOCTOR_NAME_MAX]; /* "ip filter" */
	enum doctor_keeper keeper;
	bool drops[DOCTOR_HOOK_COUNT];
	char chains[DOCTOR_HOOK_COUNT][DOCTOR_NAME_MAX]; /* the hook's chain */
	/* rules for the bridge as a whole */
	bool accepts_in, accepts_out;
	bool accepts_some_in; /* some of what comes from the bridge */
	bool trusts;          /* firewalld: the bridge is in the zone trusted */
};

/* A route of the main table into the bridge's network that leads elsewhere. */
struct doctor_route {
	struct prefix to;
	char dev[CONF_IFNAME_MAX + 1];
};

/* Who answers for a container's address, and should not. */
struct doctor_intruder {
	char container[CONF_NAME_MAX + 1];
	char mac[NEIGHBOUR_MAC_TEXT];
	char port[CONF_IFNAME_MAX + 1]; /* of the bridge, behind which it is; "": not known */
	struct addr addr;
};

struct doctor_facts {
	const struct conf *conf;
	struct link_snapshot links;
	bool installed; /* table inet sluice is there: the daemon runs, or has run */
	bool lxc_net_up, lxc_net_enabled;
	bool lxc_tables_v4, lxc_tables_v6, lxc_tables_inet; /* nftables tables named lxc */
	int ip_forward, ip6_forward;                        /* -1: no such parameter */
	int bridge_nf, bridge_nf6; /* bridge-nf-call-iptables, -ip6tables; -1: not loaded */
	/* Interfaces where the file has forwards enter, and rp_filter is strict. */
	char strict[DOCTOR_STRICT_MAX][CONF_IFNAME_MAX + 1];
	size_t n_strict;
	struct doctor_table tables[DOCTOR_TABLES_MAX];
	size_t n_tables;
	struct doctor_route routes[DOCTOR_ROUTES_MAX];
	size_t n_routes;
	struct doctor_intruder intruders[DOCTOR_INTRUDERS_MAX];
	size_t n_intruders;
	char refused[ERR_MSG_MAX];          /* what the kernel says of our rules; "" for nothing */
	bool denied;                        /* this process may not change the network at all */
	char modules_lost[DOCTOR_NAME_MAX]; /* the running kernel's release, when it loads modules
					     * and their folder is gone; "" otherwise */
};

/* Pure: adds what is found in the facts. */
void doctor_judge(const struct doctor_facts *facts, struct findings *ret);
/* Pure: of the host's traffic through tables of others. */
void doctor_judge_tables(const struct doctor_facts *facts, struct findings *ret);

/* The parts of reading. Each adds to the facts; 0 or -1. */
int doctor_read_chains(struct netlink *n, struct doctor_facts *facts, struct err *e);
void doctor_read_legacy(const char *proc, struct doctor_facts *facts);
int doctor_read_intruders(struct netlink *n, struct doctor_facts *facts, struct err *e);
/* All facts; clear with doctor_clear. */
int doctor_read(const struct conf *conf, struct doctor_facts *ret, struct err *e);
void doctor_clear(struct doctor_facts *facts);

/* Whether a rule of this chain counts for what is forwarded, and for what comes to the host. Known
 * of the chains of hooks; of others their names tell, or both is assumed. */
struct doctor_place {
	bool forward, input;
};
struct doctor_place doctor_place_of(const struct doctor_table *t, const char *chain);

/* Pure, for tests and fuzzing: a table as the kernel's GET_ENTRIES has it. */
struct doctor_blob {
	const uint8_t *bytes;
	size_t size;
	bool v6;
	uint32_t entry[5], underflow[5]; /* by hook */
	uint32_t valid_hooks;
	const char *bridge;
};
void doctor_parse_legacy(const struct doctor_blob *b, struct doctor_table *ret);

#endif
